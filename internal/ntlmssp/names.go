package ntlmssp

import "strings"

// SplitUser takes a user's name apart as people write it: DOMAIN\user or
// DOMAIN/user. \user has an empty domain, and so has a name without a separator:
// a user principal name, user@domain, goes whole into the user field. Initiators
// do this with the name of a gss.Password that says no domain.
func SplitUser(name string) (user, domain string) {
	for _, separator := range [...]string{`\`, "/"} {
		if domain, user, found := strings.Cut(name, separator); found {
			return user, domain
		}
	}
	return name, ""
}

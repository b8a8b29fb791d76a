package krb5conf

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/kerberos/krb"
)

// LocalName returns the name of a principal on this system: by auth_to_local_names of the
// default realm, then by the first rule of auth_to_local that matches. It returns false if
// none does: the principal then has no local name. Without rules DEFAULT applies.
//
//	RULE:[2:$1;$2](^.*;admin$)s/;admin$//   components, a pattern that must match, replacements
//	DEFAULT                                 principals of one component in the default realm
func (c *Config) LocalName(p krb.Principal) (string, bool) {
	realm := c.DefaultRealm()
	if p.Realm == realm && p.Name.Len() == 1 {
		if name := c.get("realms", realm, "auth_to_local_names", p.Name.Component(0)); name != "" {
			return name, true
		}
	}
	rules := c.all("realms", realm, "auth_to_local")
	if len(rules) == 0 {
		rules = []string{"DEFAULT"}
	}
	for _, rule := range rules {
		switch {
		case rule == "DEFAULT":
			if p.Realm == realm && p.Name.Len() == 1 {
				return p.Name.Component(0), true
			}
		case strings.HasPrefix(rule, "RULE:"):
			if name, ok := apply(rule[len("RULE:"):], p); ok {
				return name, true
			}
		}
	}
	return "", false
}

// Bounds on what a rule may do.
const (
	maxReplacements = 16   // s/// in a row
	maxLocalName    = 1024 // bytes of a name, on its way too
)

// apply applies one rule: [n:format](pattern)s/from/to/g…
func apply(rule string, p krb.Principal) (string, bool) {
	if !strings.HasPrefix(rule, "[") {
		return "", false
	}
	head, rest, ok := strings.Cut(rule[1:], "]")
	number, format, okN := strings.Cut(head, ":")
	n, err := strconv.Atoi(number)
	if !ok || !okN || err != nil || n != p.Name.Len() {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '$' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch d := int(format[i] - '0'); {
		case d == 0:
			b.WriteString(p.Realm)
		case d >= 1 && d <= n:
			b.WriteString(p.Name.Component(d - 1))
		default:
			return "", false
		}
	}
	name := b.String()
	if strings.HasPrefix(rest, "(") {
		end := strings.LastIndex(rest, ")")
		if at := strings.Index(rest, ")s/"); at >= 0 {
			end = at
		}
		if end < 0 {
			return "", false
		}
		// The pattern has to fit the whole name.
		re, err := regexp.Compile("^(?:" + rest[1:end] + ")$")
		if err != nil || !re.MatchString(name) {
			return "", false
		}
		rest = rest[end+1:]
	}
	for i := 0; rest != ""; i++ {
		parts := strings.SplitN(rest, "/", 4)
		if len(parts) != 4 || parts[0] != "s" || i == maxReplacements {
			return "", false
		}
		re, err := regexp.Compile(parts[1])
		if err != nil {
			return "", false
		}
		if len(name) > maxLocalName || (len(name)+1)*(len(parts[2])+1) > 64*maxLocalName {
			return "", false
		}
		to := strings.ReplaceAll(parts[2], "$", "$$")
		if rest = parts[3]; strings.HasPrefix(rest, "g") {
			name, rest = re.ReplaceAllString(name, to), rest[1:]
		} else if at := re.FindStringIndex(name); at != nil {
			name = name[:at[0]] + parts[2] + name[at[1]:]
		}
	}
	return name, name != "" && len(name) <= maxLocalName
}

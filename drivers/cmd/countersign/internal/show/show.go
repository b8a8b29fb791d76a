// Package show formats fields of HTTP authentication for display, without the passwords of
// Basic and without control characters.
package show

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/countersign-auth/countersign/header"
)

// hidden replaces a secret.
const hidden = "***"

// Credentials returns the value of Authorization or Proxy-Authorization. Of Basic, unknown
// schemes and malformed values it shows only the scheme, since the rest may be secret.
func Credentials(c header.Credentials) string {
	_, token := c.Token()
	switch {
	case c.Is("Digest") && c.Form() == header.Params,
		token && (c.Is("Negotiate") || c.Is("Nego2") || c.Is("NTLM")):
		return Printable(c.Text())
	}
	return Printable(fmt.Sprint(c))
}

// Challenges returns the values of a challenge field, one by one.
func Challenges(cs header.Challenges) []string {
	var out []string
	for c := range cs.All() {
		out = append(out, Challenge(c))
	}
	return out
}

// Challenge returns the value of one challenge. It hides tokens of unknown schemes, which may
// hold secrets.
func Challenge(c header.Challenge) string {
	switch {
	case c.Form() == header.Malformed:
		return Printable(strings.TrimSpace(c.Scheme() + " (malformed)"))
	case c.Form() == header.Token68 && !(c.Is("Negotiate") || c.Is("Nego2") || c.Is("NTLM")):
		return Printable(c.Scheme() + " " + hidden)
	}
	return Printable(c.Text())
}

// Field is a field line of a message.
type Field struct{ Name, Value string }

// Request returns the authentication fields of a request.
func Request(h header.Request) []Field {
	var out []Field
	if h.ProxyAuthorization.Present() {
		out = append(out, Field{header.ProxyAuthorization, Credentials(h.ProxyAuthorization)})
	}
	if h.Authorization.Present() {
		out = append(out, Field{header.Authorization, Credentials(h.Authorization)})
	}
	return out
}

// Response returns the authentication fields of a response.
func Response(h header.Response) []Field {
	var out []Field
	for _, v := range Challenges(h.ProxyAuthenticate) {
		out = append(out, Field{header.ProxyAuthenticate, v})
	}
	for _, v := range Challenges(h.WWWAuthenticate) {
		out = append(out, Field{header.WWWAuthenticate, v})
	}
	for _, i := range []struct {
		name string
		info header.Info
	}{{header.ProxyAuthenticationInfo, h.ProxyAuthenticationInfo}, {header.AuthenticationInfo, h.AuthenticationInfo}} {
		if i.info.Present() {
			out = append(out, Field{i.name, Printable(i.info.Text())})
		}
	}
	if text := h.PersistentAuth.Text(); text != "" {
		out = append(out, Field{header.PersistentAuthField, text})
	}
	if h.SessionBased {
		out = append(out, Field{header.ProxySupportField, header.SessionBased})
	}
	return out
}

// Status returns a status code with its name.
func Status(code int) string {
	s := http.StatusText(code)
	if code < 100 || code > 999 {
		return "no status"
	}
	digits := string([]byte{'0' + byte(code/100), '0' + byte(code/10%10), '0' + byte(code%10)})
	return strings.TrimSpace(digits + " " + s)
}

// Printable returns s with U+FFFD in place of characters that are not printable.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

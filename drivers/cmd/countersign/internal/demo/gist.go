package demo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/explain"
	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/show"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// note is a field of a message as it is shown, with its explanation.
type note struct{ name, value, gist string }

// params is implemented by values that carry parameters.
type params interface {
	Param(name string) (string, bool)
}

// requestGist returns an explanation of credentials.
func requestGist(c header.Credentials) string {
	token, ok := c.Token()
	switch {
	case c.Is(scheme.Basic) && ok:
		user, _, _ := strings.Cut(token, ":")
		return fmt.Sprintf("user %q, and the password in clear text", user)
	case ok:
		return explain.Token(token)
	case c.Is(scheme.Digest):
		return sentence(c, credentialsSay)
	}
	return ""
}

// challengeGist returns an explanation of a challenge.
func challengeGist(c header.Challenge) string {
	token, ok := c.Token()
	switch {
	case ok:
		return explain.Token(token)
	case c.Form() == header.Bare:
		return "offered; the client sends the first token"
	case c.Is(scheme.Digest):
		return sentence(c, challengeSays)
	case c.Is(scheme.Basic):
		return "asks for name and password in clear text"
	}
	return ""
}

// clause explains one parameter; say returns "" for values without an explanation.
type clause struct {
	param string
	say   func(value string) string
}

func sentence(p params, clauses []clause) string {
	var out []string
	for _, c := range clauses {
		if v, ok := p.Param(c.param); ok {
			if s := c.say(v); s != "" {
				out = append(out, s)
			}
		}
	}
	return strings.Join(out, ", ")
}

// always returns a function that gives every value the same explanation.
func always(s string) func(string) string { return func(string) string { return s } }

// only returns a function that explains one value.
func only(value, s string) func(string) string {
	return func(v string) string {
		if ascii.EqualFold(v, value) {
			return s
		}
		return ""
	}
}

var challengeSays = []clause{
	{"algorithm", func(v string) string { return "asks for a response by " + show.Printable(v) }},
	{"qop", func(v string) string {
		if strings.Contains(v, "auth-int") {
			return "which may cover the body"
		}
		return ""
	}},
	{"stale", only("true", "only the nonce has expired: the same password can be used again")},
}

var credentialsSay = []clause{
	{"userhash", only("true", "the user name is hashed")},
	{"username", func(v string) string { return "user " + strconv.Quote(v) }},
	{"algorithm", func(v string) string { return "responds by " + show.Printable(v) }},
	{"response", func(v string) string { return fmt.Sprintf("a proof of %d bits", 4*len(v)) }},
	{"nc", func(v string) string {
		n, err := strconv.ParseUint(v, 16, 32)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("use %d of this nonce", n)
	}},
	{"qop", only("auth-int", "the proof covers the body")},
}

var infoSays = []clause{
	{"rspauth", always("the server proves that it knows the password")},
	{"nextnonce", always("a nonce for the next request")},
}

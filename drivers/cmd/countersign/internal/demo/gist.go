package demo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/explain"
	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/show"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// note is a field of a message as it is shown, and what it says.
type note struct{ name, value, gist string }

// params is what the values that carry parameters have in common.
type params interface {
	Param(name string) (string, bool)
}

// requestGist says what credentials say.
func requestGist(c header.Credentials) string {
	token, ok := c.Token()
	switch {
	case c.Is(scheme.Basic) && ok:
		user, _, _ := strings.Cut(token, ":")
		return fmt.Sprintf("user %q, and the password as it is", user)
	case ok:
		return explain.Token(token)
	case c.Is(scheme.Digest):
		return sentence(c, credentialsSay)
	}
	return ""
}

// challengeGist says what a challenge says.
func challengeGist(c header.Challenge) string {
	token, ok := c.Token()
	switch {
	case ok:
		return explain.Token(token)
	case c.Form() == header.Bare:
		return "offered; the client opens"
	case c.Is(scheme.Digest):
		return sentence(c, challengeSays)
	case c.Is(scheme.Basic):
		return "asks for name and password as they are"
	}
	return ""
}

// clause says what one parameter says, "" for nothing.
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

// always says the same of every value.
func always(s string) func(string) string { return func(string) string { return s } }

// only says something of one value.
func only(value, s string) func(string) string {
	return func(v string) string {
		if header.EqualFold(v, value) {
			return s
		}
		return ""
	}
}

var challengeSays = []clause{
	{"algorithm", func(v string) string { return "wants an answer by " + show.Printable(v) }},
	{"qop", func(v string) string {
		if strings.Contains(v, "auth-int") {
			return "with the body in it"
		}
		return ""
	}},
	{"stale", only("true", "only the nonce was too old: the same password will do")},
}

var credentialsSay = []clause{
	{"userhash", only("true", "the name goes as its hash")},
	{"username", func(v string) string { return "user " + strconv.Quote(v) }},
	{"algorithm", func(v string) string { return "answers by " + show.Printable(v) }},
	{"response", func(v string) string { return fmt.Sprintf("a proof of %d bits", 4*len(v)) }},
	{"nc", func(v string) string {
		n, err := strconv.ParseUint(v, 16, 32)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("use %d of this nonce", n)
	}},
	{"qop", only("auth-int", "the body is in the proof too")},
}

var infoSays = []clause{
	{"rspauth", always("the server proves that it knows the password too")},
	{"nextnonce", always("a nonce for the next request")},
}

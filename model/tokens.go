package model

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/scheme"
)

// message is a toy's token as it can be read on the wire.
type message struct {
	kind   byte  // 'h', 'i', 'c', 'f' or 'x'; 0 for what is no toy's token
	leg    uint8 // of 'i' and 'c'
	user   string
	proof  bool
	secret string // the proof itself
	ours   bool   // the proof, if any, is one that is meant for this side
	more   bool   // of 'f': gss/spnego, in which it is, goes on after it
}

// read reads a token that was met on a side.
func read(token string, side gss.Side) (m message) {
	whole := token
	token = toyToken(token)
	parts := strings.Split(token, ":")
	if !strings.HasPrefix(token, "toy") || len(parts) < 2 || parts[1] == "" {
		return m
	}
	m.kind = parts[1][0]
	if len(parts[1]) > 1 {
		m.leg = parts[1][1] - '0'
	}
	if m.kind == 'f' {
		resp, fault := negtoken.ParseResp(whole)
		m.more = fault.IsZero() && (resp.State == negtoken.AcceptIncomplete || resp.State == negtoken.RequestMIC)
	}
	m.ours = true
	for _, p := range parts[2:] {
		p = strings.ReplaceAll(p, "%5c", `\`) // which comes before a name in a domain
		if v, ok := strings.CutPrefix(p, "u="); ok {
			m.user = v
		}
		if v, ok := strings.CutPrefix(p, "p="); ok {
			m.proof, m.secret = true, v
			m.ours = v == hidden || strings.HasSuffix(v, "-"+side.String())
		}
	}
	return m
}

// toyToken returns the toy's token in a token of gss/spnego. For a message of NTLM or Kerberos it
// returns what a toy would say in its place, so that properties read one language.
func toyToken(token string) string {
	leaf := leafToken(token)
	if text := kerberosToken(leaf); text != "" {
		return text
	}
	if _, fault := ntlmssp.ParseNegotiate(leaf); fault.IsZero() {
		return "toy/NTLM:i1"
	}
	if _, fault := ntlmssp.ParseChallenge(leaf); fault.IsZero() {
		return "toy/NTLM:c1"
	}
	if m, fault := ntlmssp.ParseAuthenticate(leaf); fault.IsZero() {
		user, _ := m.Flags.Text(m.User)
		return "toy/NTLM:i2:u=" + user + ":p=" + hidden
	}
	return leaf
}

// hidden stands for a proof that does not show which side it is meant for.
const hidden = "hidden"

// leafToken returns the mechanism's own token in one of gss/spnego. An acceptor's opening stands
// for a toy's hint, and a bare refusal for a toy's.
func leafToken(token string) string {
	if m, fault := negtoken.ParseInit(token); fault.IsZero() {
		if m.Hints.Present {
			return "toy:h"
		}
		return m.MechToken.Bytes()
	}
	m, fault := negtoken.ParseResp(token)
	switch {
	case !fault.IsZero():
		return token
	case m.State == negtoken.Reject && !m.ResponseToken.Present():
		return "toy:x"
	}
	return m.ResponseToken.Bytes()
}

// secretOf returns what a user proves itself with to a side. Each side has another secret, so that
// a proof that goes the wrong way can be seen.
func secretOf(user string, side gss.Side) gss.Secret {
	return gss.NewSecret(user + "-" + side.String())
}

// wrongSecret returns what a user gives that does not know its own secret.
func wrongSecret(side gss.Side) gss.Secret { return gss.NewSecret("wrong-" + side.String()) }

func traitsOf(name string) scheme.Traits {
	t, _ := scheme.TraitsOf(name)
	return t
}

// heardBy returns the tokens that the toy in a context heard.
func heardBy(c gss.Context) []string { return gsstoy.Heard(spnego.Leaf(c)) }

func prefixOf(token string) string {
	for i := range len(token) {
		if token[i] == ':' {
			return token[:i]
		}
	}
	return token
}

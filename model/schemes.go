package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// The schemes that occur here, as a set.
type schemes uint8

var schemeNames = [...]string{scheme.Nego2, scheme.Negotiate, scheme.NTLM, scheme.Digest, scheme.Basic}

func setOf(name string) schemes {
	for i, n := range schemeNames {
		if ascii.EqualFold(n, name) {
			return 1 << i
		}
	}
	return 0
}

func (s schemes) has(o schemes) bool { return o != 0 && s&o == o }

// nameOf returns the name of the one scheme in s, "" if there is not exactly one.
func nameOf(s schemes) string {
	for i, n := range schemeNames {
		if s == 1<<i {
			return n
		}
	}
	return ""
}

// bound are the schemes with handshakes, which belong to one connection.
var bound = setOf("Nego2") | setOf("Negotiate") | setOf("NTLM")

var (
	nego2     = setOf(scheme.Nego2)
	negotiate = setOf(scheme.Negotiate)
	ntlm      = setOf(scheme.NTLM)
	digest    = setOf(scheme.Digest)
)

var sides = [...]gss.Side{gss.Origin, gss.Proxy}

func challengeStatus(side gss.Side) int {
	if side == gss.Proxy {
		return 407
	}
	return 401
}

// field returns the challenges for a side.
func field(r header.Response, side gss.Side) header.Challenges {
	if side == gss.Proxy {
		return r.ProxyAuthenticate
	}
	return r.WWWAuthenticate
}

// infoOf returns what a response says of a side's authentication.
func infoOf(r header.Response, side gss.Side) header.Info {
	if side == gss.Proxy {
		return r.ProxyAuthenticationInfo
	}
	return r.AuthenticationInfo
}

// credentials returns what a Send carries for a side.
func credentials(s machine.Send, side gss.Side) header.Credentials {
	if side == gss.Proxy {
		return s.ProxyAuthorization
	}
	return s.Authorization
}

func texts(cs header.Challenges) (lines []string) {
	for c := range cs.All() {
		lines = append(lines, c.Text())
	}
	return lines
}

// sameLines reports whether two lists are the same challenges, whether they were made one
// by one or read from a field.
func sameLines(a, b header.Challenges) bool { return slices.Equal(texts(a), texts(b)) }

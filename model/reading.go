package model

import (
	"fmt"
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Reading is what can be read off a message of a scheme as it travels. The zero Reading is
// that of a message that the scheme does not have.
type Reading struct {
	// Leg is the message's number among those of its sender, from 1, which 0 stands for where
	// another field is set. A server's message answers the client's of the same number.
	Leg int
	// Last tells that its sender has nothing to add to it: that it is the client's proof, or
	// what the server ends with.
	Last bool
	// User is the name that it claims, as an Order has it; "" if it has none.
	User string
	// Proves reports whether the proof in it is right for a request and the user's secret. It
	// is nil where there is no proof, or none that can be computed from these alone.
	Proves func(x scheme.Exchange, secret gss.Secret) bool
}

// present reports whether the message is one of the scheme's.
func (r Reading) present() bool { return r.Leg > 0 || r.Last || r.User != "" || r.Proves != nil }

// text returns the reading as a story has it.
func (r Reading) text() string {
	s := ""
	if r.Leg > 0 {
		s += fmt.Sprintf(" %d", r.Leg)
	}
	return s + opt(r.User != "", " "+r.User) + opt(r.Proves != nil, " proof") + opt(r.Last, " last")
}

// ownScheme is a scheme of a [Spec] in a toy's place: its halves, where a party has them.
type ownScheme struct {
	client scheme.Client
	server scheme.Server
	traits scheme.Traits
	// silent: neither half asks for what it proves or verifies with.
	silent bool
	// once: what proves a request is taken once.
	once bool
	// legs is how many messages the client sends when nothing goes wrong.
	legs int
	// ready is the client's first message that a body may go out with.
	ready int
	// final: the server ends with a message then.
	final bool
}

// read reports whether a scheme's messages are read by [Spec.Read]. Those of Basic are known.
func (o *ownScheme) read() bool { return o != nil && o.traits.Name != scheme.Basic }

// maxOwn is how many schemes with other names than those of package scheme there is room for.
const maxOwn = 8 - len(schemeNames)

// setOf returns the set of the named scheme alone.
func (c *setup) setOf(name string) schemes {
	for i, n := range c.names {
		if ascii.EqualFold(n, name) {
			return 1 << (len(schemeNames) + i)
		}
	}
	return setOf(name)
}

// nameOf returns the name of the one scheme in s, "" if there is not exactly one.
func (c *setup) nameOf(s schemes) string {
	for i, n := range c.names {
		if s == 1<<(len(schemeNames)+i) {
			return n
		}
	}
	return nameOf(s)
}

// allNames returns the names of all schemes that occur here, by their place in a set.
func (c *setup) allNames() []string { return append(schemeNames[:], c.names...) }

// legs reports whether a scheme is one with handshakes, which belong to one connection.
func (c *setup) legs(s schemes) bool { return bound.has(s) || c.ownLegs.has(s) }

// legged reports whether credentials are of a scheme with handshakes.
func (c *setup) legged(creds header.Credentials) bool {
	return creds.Present() && c.legs(c.setOf(creds.Scheme()))
}

// binds reports whether credentials may be of a scheme that binds a connection: those
// that do not parse may be of any.
func (c *setup) binds(creds header.Credentials) bool {
	return creds.Present() && (c.legged(creds) || creds.Form() == header.Malformed)
}

// offersOf returns the set of the schemes that are offered and well formed.
func (c *setup) offersOf(offers header.Challenges) (s schemes) {
	for ch := range offers.All() {
		if ch.Form() != header.Malformed {
			s |= c.setOf(ch.Scheme())
		}
	}
	return s
}

// rawToken returns the message in a scheme's challenge.
func (c *setup) rawToken(offers header.Challenges, s schemes) (string, bool) {
	for ch := range offers.All() {
		if c.setOf(ch.Scheme()) == s {
			if t, ok := c.messageIn(ch); ok {
				return t, true
			}
		}
	}
	return "", false
}

// messageIn returns the message that a challenge or credentials carry: the token, or all of the
// value where the scheme has parameters in its place.
func (c *setup) messageIn(v interface {
	Token() (string, bool)
	Form() header.Form
	Scheme() string
	Text() string
}) (string, bool) {
	if v.Form() == header.Params && slices.Contains(c.names, v.Scheme()) {
		return v.Text(), true
	}
	return v.Token()
}

// traitsOf returns the traits of the one scheme in s.
func (c *setup) traitsOf(s schemes) scheme.Traits {
	for _, t := range slices.Concat(c.canOrigin, c.canProxy, c.origin, c.proxy) {
		if t.own != nil && c.setOf(t.name) == s {
			return t.own.traits
		}
	}
	return traitsOf(nameOf(s))
}

// readCredentials reads what credentials of any scheme say on a side, for a request.
func (c *setup) readCredentials(creds header.Credentials, side gss.Side, q machine.Request) message {
	if c.reader == nil {
		return readCredentials(creds, side, q.Method)
	}
	text, _ := c.messageIn(creds)
	if creds.Form() == header.Params {
		text = creds.Text()
	}
	return c.say(c.reader(text), 'i', side, q)
}

// readAnswer reads what a server or a proxy says in a challenge.
func (c *setup) readAnswer(text string, side gss.Side, q machine.Request) message {
	if c.reader == nil {
		return read(text, side)
	}
	r := c.reader(text)
	if r.Last {
		return c.say(r, 'f', side, q)
	}
	return c.say(r, 'c', side, q)
}

// say returns a reading as a toy's message would say it.
func (c *setup) say(r Reading, kind byte, side gss.Side, q machine.Request) (m message) {
	if !r.present() {
		return m
	}
	m = message{kind: kind, leg: uint8(max(r.Leg, 1)), user: r.User, proof: r.Last || r.Proves != nil, ours: true}
	switch {
	case r.Proves != nil:
		m.ours = false
		for _, secret := range [...]gss.Secret{secretOf(r.User, side), wrongSecret(side)} {
			if r.Proves(exchangeOf(q, side), secret) {
				m.ours, m.secret = true, secret.Reveal()
			}
		}
	case m.proof:
		m.secret = hidden
	}
	return m
}

// reads reports whether the credentials of an acceptor's scheme are read by [Spec.Read].
func (c *setup) reads(side gss.Side, s schemes) bool {
	toy, _ := c.acceptorToy(side, c.nameOf(s))
	return toy.own.read()
}

// lastMessage returns what a server says last: in a challenge where the scheme has handshakes,
// and in Authentication-Info where it has none.
func (c *setup) lastMessage(offers header.Challenges, info header.Info, s schemes) string {
	if !c.legs(s) {
		return info.Text()
	}
	text, _ := c.rawToken(offers, s)
	return text
}

// exchangeOf returns a request as the halves of a scheme are told of it.
func exchangeOf(q machine.Request, side gss.Side) scheme.Exchange {
	return scheme.Exchange{
		Side: side, Method: q.Method, URI: target(q, side), Authority: q.Host,
		Target: gss.Target{Service: "HTTP", Scheme: q.Scheme, Host: q.Host, Port: q.Port, Binding: q.Binding},
	}
}

// proves reports whether a server's last message is there, and whether it is the right proof for
// a user and a request.
func (c *setup) proves(text string, user string, side gss.Side, q machine.Request) (came, right bool) {
	r := c.reader(text)
	right = r.Last && (r.User == "" || r.User == user) && (r.Proves == nil || r.Proves(exchangeOf(q, side), secretOf(user, side)))
	return r.present(), right
}

// claimIn returns the user that credentials name for a side, and reports whether they prove it,
// alone or as the last leg of a handshake.
func (c *setup) claimIn(creds header.Credentials, side gss.Side, q machine.Request) (user string, proven bool) {
	if c.reader == nil || creds.Is(scheme.Basic) {
		return claimIn(creds, side)
	}
	m := c.readCredentials(creds, side, q)
	return m.user, m.proof && (m.secret == hidden || m.user != stranger && m.secret == secretOf(m.user, side).Reveal())
}

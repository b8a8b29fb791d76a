package model

import (
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// A client of a world for which there are no orders is hostile. It has no
// machine.Client: at any time it sends any of the requests of its vocabulary, or
// closes its connection and takes another one. What it was told before does not
// limit it. Since the tokens of toys are constants, it has every challenge of
// every connection from the start, and can answer those of one on another.
//
// It keeps nothing, so the number of its requests has no bound: whatever it does,
// an acceptor reaches one of finitely many states, and all of them are explored.
// "Connection: close" is not in the vocabulary. It is no affair of an acceptor's
// machine, and what a client does after it is to close.

// What is observed of a hostile client. It has no history.
type (
	said struct{ request }  // it sent a request
	told struct{ response } // it got a response
	left struct{}           // it closed its connection, or saw it closed
)

// evSay is an event of hostile clients, beside those in events.go: a word of the vocabulary.
const evSay = 15 << 24

// What a hostile client waits for, as its order under way.
const (
	forAnswer = iota + 1
	forTunnel
)

// hostileStep returns what event e does to hostile client number id.
func (w *World) hostileStep(id, e uint32) clientOut {
	p := w.clientNodes.At(id)
	var out clientOut
	switch arg := e & (1<<24 - 1); e &^ (1<<24 - 1) {
	case evSay:
		q := w.say(&w.setup.vocabulary[arg], p.number)
		p.hasConn, p.order = true, forAnswer
		if q.r.Method == "CONNECT" {
			p.order = forTunnel
		}
		out.saw = []any{said{q}}
		out.sent = w.packets.ID(packet{kind: asks, req: q})
	case evTake:
		k := w.packets.At(arg)
		out.saw = []any{told{k.resp}}
		switch {
		case k.kind == interims:
		case k.resp.close:
			p, out.fresh = clientNode{number: p.number}, true
		default:
			p.inside = p.order == forTunnel && k.resp.status/100 == 2 // what runs in there is another connection's
			p.order = 0
		}
	case evClosed:
		out.saw = []any{left{}}
		p, out.fresh = clientNode{number: p.number}, true
	}
	out.node = w.clientNodes.ID(p)
	return out
}

// say returns the request of a word.
func (w *World) say(d *word, who uint8) request {
	q := request{client: who, identity: d.as, pinned: true, shared: d.front, r: w.request(order{method: d.method, connect: d.method == "CONNECT"}, d.stream, false)}
	q.r.EarlyData = d.early
	q.header.Via, q.header.Authorization, q.header.ProxyAuthorization = d.via, d.origin, d.proxy
	return q
}

// vocabularyOf returns all that a client with the secrets of the known users may say to a side that
// offers some toys.
func vocabularyOf(side gss.Side, toys []toy, known ...string) (all []header.Credentials) {
	add := func(c ...header.Credentials) { all = append(all, c...) }
	for _, t := range toys {
		add(proofsOf(side, t, known...)...)
		if t.name == scheme.Digest { // of the wrong form
			add(header.TokenCredentials(t.name, "token"))
		} else {
			add(header.ParseCredentials(t.name + " " + `username="alice"`))
		}
		if bound.has(setOf(t.name)) {
			add(tokenOf(t, "f", known[0], secretOf(known[0], side).Reveal())) // as an acceptor ends
		}
		// Two fields, each of which would do alone, parse as what is malformed.
		add(header.ParseCredentials(t.name), header.ParseCredentials(t.name+" a b"))
	}
	add(foreign...)
	add(unreadable...)
	return all
}

// proofsOf returns the legs of the known users, one of them also with a wrong proof, and of a
// stranger.
func proofsOf(side gss.Side, t toy, known ...string) (all []header.Credentials) {
	for _, user := range append(slices.Clone(known), stranger) {
		all = append(all, legsOf(side, t, user)...)
	}
	return append(all, proofOf(t, known[0], "wrong"))
}

// legsOf returns a user's tokens of a toy in order, or its credentials where each request is proven
// alone.
func legsOf(side gss.Side, t toy, user string) (all []header.Credentials) {
	for leg := 1; leg < int(t.mech.Legs); leg++ {
		all = append(all, tokenOf(t, "i"+strconv.Itoa(leg), user, ""))
	}
	return append(all, proofOf(t, user, secretOf(user, side).Reveal()))
}

// proofOf returns the last of them, with a secret.
func proofOf(t toy, user, secret string) header.Credentials {
	switch t.name {
	case scheme.Basic:
		return header.TokenCredentials(t.name, user+":"+secret)
	case scheme.Digest:
		p := header.AppendQuoted(nil, "username", user)
		p = header.AppendQuoted(p, "response", secret)
		p = header.AppendQuoted(p, "nonce", nonceAt(env.Now))
		return header.ParseCredentials(t.name + " " + string(header.AppendToken(p, "nc", "1")))
	}
	return tokenOf(t, "i"+strconv.Itoa(int(t.mech.Legs)), user, secret)
}

// tokenOf returns credentials with a toy's token.
func tokenOf(t toy, kind, user, secret string) header.Credentials {
	tag := "toy"
	if t.mech.OID == gss.NTLM {
		tag = "toy/NTLM"
	}
	text := tag + ":" + kind + ":u=" + user
	if secret != "" {
		text += ":p=" + secret
	}
	return header.TokenCredentials(t.name, text)
}

// claimIn returns the user that credentials name for a side, and reports whether they prove it,
// alone or as the last leg of a handshake.
func claimIn(c header.Credentials, side gss.Side) (user string, proven bool) {
	token, _ := c.Token()
	secret := ""
	switch setOf(c.Scheme()) {
	case digest:
		user, _ = c.Param("username")
		secret, _ = c.Param("response")
	case setOf(scheme.Basic):
		user, secret, _ = strings.Cut(token, ":")
	default:
		m := read(token, side)
		user, secret = m.user, m.secret
		if secret == hidden {
			return user, true
		}
	}
	return user, user != stranger && secret == secretOf(user, side).Reveal()
}

// Credentials of no scheme that any side has, and those that do not parse.
var (
	foreign    = []header.Credentials{header.TokenCredentials("Unheard", "token")}
	unreadable = []header.Credentials{header.ParseCredentials("?")}
)

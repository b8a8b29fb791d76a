package model

import (
	"slices"
	"strings"

	rfc7616 "github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	wire "github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// realm is what the drivers and the network of a world with package kerberos hold: the
// tickets of its users, made once by the KDC below, and what was overheard of them.
type realm struct {
	passwords bool // users have passwords, and clients get their tickets themselves
	// tickets are the answers to the question for a user's credentials, by side: the good
	// ones, and with a ticket that is not under the service's key.
	tickets map[string][2][2]gss.Answer
	// By side: requests that a network may put in place of alice's, and replies that it may
	// put in place of a service's.
	requests [2][badRequests]string
	replies  [2][badReplies]string
}

const kerberosRealm = "R"

// The services by side, and one that is neither.
var services = [...]string{gss.Origin: "o", gss.Proxy: "proxy", otherService: "other"}

const otherService = 2

// Requests that no service may take, and replies that no client may.
const (
	oldRequest        = iota // made longer ago than clocks differ
	expiredRequest           // with a ticket that holds no more
	mismatchedRequest        // bob's ticket, and an authenticator that says alice
	otherRequest             // with a ticket for another service
	badRequests
)

const (
	earlierReply = iota // to an earlier request of the same user
	otherReply          // of another service
	errorReply          // the request is a replay
	badReplies
)

// kdc is the KDC of all worlds, with one iteration to make a key of a password, since
// nothing depends on how long that takes.
var kdc, _ = kdctest.New(kdctest.Config{Iterations: 1, Realms: []kdctest.Realm{{Name: kerberosRealm, Principals: []kdctest.Principal{
	{Name: users[0], Password: secretOf(users[0], gss.Origin).Reveal()}, {Name: users[1], Password: secretOf(users[1], gss.Origin).Reveal()},
	{Name: "HTTP/" + services[gss.Origin], Password: "the origin's"}, {Name: "HTTP/" + services[gss.Proxy], Password: "the proxy's"},
	{Name: "HTTP/" + services[otherService], Password: "the other's"},
}}}})

// kdcReply returns what the KDC answers.
func kdcReply(e gss.Env, q gss.NeedExchange) gss.Answer {
	if kdc == nil {
		return gss.Unreachable{}
	}
	return gss.Reply{Data: kdc.Answer(e, q.Realm, q.Request)}
}

// serviceKeys are the keys of services, and strangeKey is one that opens no ticket.
var (
	serviceKeys = [...]*keytab.Keytab{keysOf("HTTP/" + services[0]), keysOf("HTTP/" + services[1]), keysOf("HTTP/" + services[2])}
	strangeKey  = keysOf(users[0])
)

func keysOf(name string) *keytab.Keytab {
	if kdc == nil {
		return nil
	}
	return kdc.Keytab(name + "@" + kerberosRealm)
}

var (
	kerberosClient  = made(kerberos.New(kerberos.Config{Realm: kerberosRealm, MinIterations: 1}))
	kerberosService = made(kerberos.New(kerberos.Config{})) // which asks for its keys
)

// kerberosOf puts package kerberos in the place of a toy.
func kerberosOf(t toy, passwords bool) toy {
	t.mech.Asks, t.mech.Final, t.mech.Mutual = true, true, true
	t.shipped = &shipped{mechs: [2]gss.Mechanism{kerberosClient, kerberosService}, kdc: newRealm(passwords)}
	return t
}

// newRealm has the KDC make the tickets, and the shipped contexts the messages.
func newRealm(passwords bool) *realm {
	k := &realm{passwords: passwords, tickets: map[string][2][2]gss.Answer{}}
	at := func(seconds int64) gss.Env {
		e := env
		e.Now += seconds * 1e9
		return e
	}
	const minute, hour = 60, 3600
	for _, user := range users {
		var both [2][2]gss.Answer
		for _, side := range sides {
			other := ticketOf(user, otherService, at(-hour))
			other.Server = servicePrincipal(int(side))
			both[side] = [2]gss.Answer{cacheOf(ticketOf(user, int(side), at(-hour))), cacheOf(other)}
		}
		k.tickets[user] = both
	}
	for _, side := range sides {
		good, other := k.tickets[users[0]][side][0], k.tickets[users[0]][side][1]
		expired := ticketOf(users[0], int(side), at(-48*hour))
		expired.EndTime = krb.TimeOf(at(hour).Now)
		mismatched := ticketOf(users[1], int(side), at(-hour))
		mismatched.Client = expired.Client
		early := requestWith(good, side, at(-minute))
		k.requests[side] = [badRequests]string{
			oldRequest: requestWith(good, side, at(-10*minute)), expiredRequest: requestWith(cacheOf(expired), side, env),
			mismatchedRequest: requestWith(cacheOf(mismatched), side, env), otherRequest: requestWith(other, side, env),
		}
		k.replies[side] = [badReplies]string{
			earlierReply: replyTo(early, int(side), true, at(-minute)), otherReply: replyTo(k.requests[side][otherRequest], otherService, true, env),
			errorReply: replyTo(early, int(side), false, at(-minute)),
		}
	}
	return k
}

func servicePrincipal(i int) krb.Principal {
	return krb.Principal{Name: krb.NameOf(krb.NameServiceHost, "HTTP", services[i]), Realm: kerberosRealm}
}

func cacheOf(c ccache.Credential) gss.Answer {
	return kerberos.Tickets{Cache: ccache.New(c.Client, c)}
}

// runKerberos runs a context until it wants something of its peer.
func runKerberos(c gss.Context, e gss.Env, in gss.Input, answer func(gss.Question) gss.Answer) gss.Output {
	for {
		next, out, err := c.Step(e, in)
		if err != nil || out.State != gss.Waiting {
			return out
		}
		c, in = next, gss.Input{Answer: answer(out.Ask)}
	}
}

func kerberosTarget(host string) gss.Target {
	return gss.Target{Service: "HTTP", Scheme: "http", Host: host, Port: 80, Binding: gss.NoBinding()}
}

// ticketOf returns a user's ticket for a service, as a client gets it. Each has a session key of
// its own.
func ticketOf(user string, service int, e gss.Env) (got ccache.Credential) {
	e.Seed[0], e.Seed[1] = user[0], byte(service)
	runKerberos(kerberosClient.Initiate(kerberosTarget(services[service])), e, gss.Input{}, func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case gss.NeedCredential:
			return gss.Password{User: user, Password: secretOf(user, gss.Origin)}
		case gss.NeedExchange:
			return kdcReply(e, q)
		case kerberos.NeedTicket:
			return gss.Unknown{}
		case kerberos.KeepTicket:
			got = q.Credential
			return kerberos.Kept{}
		}
		return gss.Declined{}
	})
	return got
}

// requestWith returns the AP-REQ that a client makes of tickets.
func requestWith(tickets gss.Answer, side gss.Side, e gss.Env) string {
	out := runKerberos(kerberosClient.Initiate(kerberosTarget(services[side])), e, gss.Input{}, func(q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedCredential); ok {
			return tickets
		}
		return gss.Declined{}
	})
	return out.Token.Bytes()
}

// replyTo returns what a service answers to an AP-REQ, whether or not it saw it before.
func replyTo(request string, service int, first bool, e gss.Env) string {
	out := runKerberos(kerberosService.Accept(kerberosTarget(services[service])), e, gss.Input{Token: gss.TokenOf(request)}, func(q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedReplayCheck); ok {
			return gss.ReplayVerdict{First: first}
		}
		return kerberos.ServiceKeys{Keytab: serviceKeys[service]}
	})
	return out.Token.Bytes()
}

// realm returns the Kerberos realm of a world, nil where there is none.
func (c *setup) realm(side gss.Side) *realm {
	for _, t := range c.can(side) {
		if t.shipped != nil && t.shipped.kdc != nil {
			return t.shipped.kdc
		}
	}
	return nil
}

// kerberosCredentials returns the answers to the question for a user's credentials.
func (c *setup) kerberosCredentials(q gss.NeedCredential) []gss.Answer {
	user, k := q.Target.Identity, c.realm(q.Side)
	good, bad := k.tickets[user][q.Side][0], k.tickets[user][q.Side][1]
	if k.passwords {
		good, bad = gss.Password{User: user, Password: secretOf(user, gss.Origin)}, gss.Password{User: user, Password: wrongSecret(q.Side)}
	}
	return []gss.Answer{good, gss.Declined{}, gss.Unreachable{}, bad}
}

// memoryAnswers returns the answers to the question whether something is new. That the memory began
// only now, and cannot know, is an answer for the shipped packages: toys do not ask since when.
func (c *setup) memoryAnswers(q gss.NeedReplayCheck) []gss.Answer {
	all := []gss.Answer{gss.ReplayVerdict{First: true}, gss.ReplayVerdict{}, gss.Unreachable{}}
	for _, side := range sides {
		if c.digestPeers(side) != nil || c.realm(side) != nil {
			return append(all, gss.ReplayVerdict{First: true, Since: q.Now})
		}
	}
	return all
}

// mechanismAnswers returns the answers to questions that only shipped mechanisms ask, the good one
// first. Their number does not depend on the side.
func mechanismAnswers(q gss.Question, side gss.Side) []gss.Answer {
	switch q := q.(type) {
	case gss.NeedExchange:
		return []gss.Answer{kdcReply(env, q), gss.Unreachable{}}
	case kerberos.NeedServiceKey:
		return []gss.Answer{kerberos.ServiceKeys{Keytab: serviceKeys[side]}, gss.Unknown{}, gss.Unreachable{}, kerberos.ServiceKeys{Keytab: strangeKey}}
	case rfc7616.NeedBodyHash:
		return bodyAnswers(q)
	}
	return []gss.Answer{gss.Declined{}}
}

// apReq is an AP-REQ that was opened.
type apReq struct {
	service int // that has the key which opened it
	ticket  wire.EncTicketPart
	auth    wire.Authenticator
}

// openAPReq opens an AP-REQ with whatever service's key fits.
func openAPReq(leaf string) (r apReq, ok bool) {
	mech, id, body, framed := wire.Unframe(leaf)
	if !framed || mech != gss.Kerberos || id != wire.TokenAPReq {
		return r, false
	}
	ap, fault := wire.ParseAPReq(body)
	if !fault.IsZero() {
		return r, false
	}
	for i, keys := range serviceKeys {
		for _, key := range keys.Candidates(krb.Principal{}, ap.Ticket.Enc.Type, ap.Ticket.Enc.Kvno) {
			text, fits := ap.Ticket.Enc.OpenPrepared(key, enctype.UsageTicket)
			if !fits {
				continue
			}
			var fault2 gss.Fault
			r.service = i
			r.ticket, fault = wire.ParseEncTicketPart(text)
			text, fits = ap.Authenticator.Open(r.ticket.Key, enctype.UsageAPReqAuth)
			r.auth, fault2 = wire.ParseAuthenticator(text)
			return r, fits && fault.IsZero() && fault2.IsZero()
		}
	}
	return r, false
}

// right reports whether a service of a side may take it now.
func (r *apReq) right(side gss.Side) bool {
	const skew = krb.Time(300)
	now := krb.TimeOf(env.Now)
	return r.service == int(side) && r.auth.Client.Equal(r.ticket.Client) && now-skew <= r.auth.Time && r.auth.Time <= now+skew &&
		r.ticket.Starts() <= now+skew && now-skew <= r.ticket.EndTime
}

// proven tells whether a token is a reply, of whatever kind, and whether it is the one
// of the service that the request's ticket is for, to this very request.
func (r *apReq) proven(leaf string) (came, right bool) {
	_, id, body, framed := wire.Unframe(leaf)
	if !framed || id != wire.TokenAPRep {
		return leaf != "", false
	}
	rep, fault := wire.ParseAPRep(body)
	text, ok := rep.Enc.Open(r.ticket.Key, enctype.UsageAPRep)
	part, fault2 := wire.ParseEncAPRepPart(text)
	return true, ok && fault.IsZero() && fault2.IsZero() && part.Time == r.auth.Time && part.Micro == r.auth.Micro
}

// kerberosToken returns what a toy would say in place of a message of Kerberos, "" in place of
// another message.
func kerberosToken(leaf string) string {
	mech, id, _, framed := wire.Unframe(leaf)
	if !framed || mech != gss.Kerberos {
		return ""
	}
	switch id {
	case wire.TokenAPReq:
		r, ok := openAPReq(leaf)
		if !ok {
			return "toy:i1:p=" + hidden
		}
		user := r.ticket.Client.Name.String()
		if r.service == otherService {
			return "toy:i1:u=" + user + ":p=" + hidden
		}
		return "toy:i1:u=" + user + ":p=" + secretOf(user, gss.Side(r.service)).Reveal()
	case wire.TokenAPRep:
		return "toy:f"
	case wire.TokenError:
		return "toy:x"
	}
	return ""
}

// kerberosTricks are what a network does to Kerberos's messages, under whatever scheme and
// in gss/spnego or bare. It has what it overheard, and no key.
var kerberosTricks = []trick{
	{"replays the reply to an earlier request", answers, kerberosAnswer(func(k *realm, side gss.Side, _ string) string { return k.replies[side][earlierReply] })},
	{"hands another service's reply on", answers, kerberosAnswer(func(k *realm, side gss.Side, _ string) string { return k.replies[side][otherReply] })},
	{"says that the request is a replay", answers, kerberosAnswer(func(k *realm, side gss.Side, _ string) string { return k.replies[side][errorReply] })},
	{"changes the reply", answers, kerberosAnswer(func(_ *realm, _ gss.Side, leaf string) string { return flipped(leaf) })},
	{"takes the reply out of SPNEGO", answers, spnegoAnswer(func(m *negtoken.Resp) { m.ResponseToken = gss.Token{} })},
	{"has SPNEGO go on", answers, spnegoAnswer(func(m *negtoken.Resp) { m.State = negtoken.AcceptIncomplete })},
	{"asks SPNEGO for a MIC", answers, spnegoAnswer(func(m *negtoken.Resp) { m.State = negtoken.RequestMIC })},
	{"sends the request back", answers, kerberosAnswer(func(k *realm, side gss.Side, _ string) string { return k.requests[side][oldRequest] })},
	{"replays an old request", asks, kerberosAsk(func(k *realm, side gss.Side, _ string) string { return k.requests[side][oldRequest] })},
	{"sends a ticket that holds no more", asks, kerberosAsk(func(k *realm, side gss.Side, _ string) string { return k.requests[side][expiredRequest] })},
	{"puts another's ticket to a name", asks, kerberosAsk(func(k *realm, side gss.Side, _ string) string { return k.requests[side][mismatchedRequest] })},
	{"sends a ticket for another service", asks, kerberosAsk(func(k *realm, side gss.Side, _ string) string { return k.requests[side][otherRequest] })},
	{"changes the request", asks, kerberosAsk(func(_ *realm, _ gss.Side, leaf string) string { return flipped(leaf) })},
}

// flipped returns a token with another last byte.
func flipped(token string) string {
	if token == "" {
		return ""
	}
	return token[:len(token)-1] + string(token[len(token)-1]^1)
}

// enclosed puts a leaf's token in the place of the one in a token, which may be in
// gss/spnego: it then says what goes with it.
func enclosed(token, leaf string) string {
	if m, fault := negtoken.ParseInit(token); fault.IsZero() {
		m.MechToken = gss.TokenOf(leaf)
		return m.Encode()
	}
	if m, fault := negtoken.ParseResp(token); fault.IsZero() {
		m.State, m.ResponseToken = negtoken.AcceptCompleted, gss.TokenOf(leaf)
		if kerberosToken(leaf) == "toy:x" {
			m.State = negtoken.Reject
		}
		return m.Encode()
	}
	return leaf
}

func kerberosAnswer(do func(k *realm, side gss.Side, leaf string) string) func(*World, packet) packet {
	return func(w *World, p packet) packet {
		for side, f := range [...]*header.Challenges{gss.Origin: &p.resp.header.WWWAuthenticate, gss.Proxy: &p.resp.header.ProxyAuthenticate} {
			k := w.setup.realm(gss.Side(side))
			if k == nil || f.Empty() {
				continue
			}
			var cs []header.Challenge
			for c := range f.All() {
				if token, ok := c.Token(); bound.has(setOf(c.Scheme())) && (ok || p.resp.status == challengeStatus(gss.Side(side))) {
					if leaf := do(k, gss.Side(side), leafToken(token)); leaf != "" {
						c = header.TokenChallenge(c.Scheme(), enclosed(token, leaf))
					}
				}
				cs = append(cs, c)
			}
			*f = header.ListOf(cs...)
		}
		return p
	}
}

// spnegoAnswer works on the acceptor's messages of gss/spnego.
func spnegoAnswer(do func(*negtoken.Resp)) func(*World, packet) packet {
	return func(_ *World, p packet) packet {
		for _, f := range [...]*header.Challenges{&p.resp.header.WWWAuthenticate, &p.resp.header.ProxyAuthenticate} {
			cs := slices.Collect(f.All())
			for i, c := range cs {
				token, _ := c.Token()
				if m, fault := negtoken.ParseResp(token); fault.IsZero() && m.ResponseToken.Present() {
					do(&m)
					cs[i] = header.TokenChallenge(c.Scheme(), m.Encode())
				}
			}
			if len(cs) > 0 {
				*f = header.ListOf(cs...)
			}
		}
		return p
	}
}

func kerberosAsk(do func(k *realm, side gss.Side, leaf string) string) func(*World, packet) packet {
	return func(w *World, p packet) packet {
		for side, f := range [...]*header.Credentials{gss.Origin: &p.req.header.Authorization, gss.Proxy: &p.req.header.ProxyAuthorization} {
			k := w.setup.realm(gss.Side(side))
			token, ok := f.Token()
			if k == nil || !ok || !strings.HasPrefix(toyToken(token), "toy:i") {
				continue
			}
			*f = header.TokenCredentials(f.Scheme(), enclosed(token, do(k, gss.Side(side), leafToken(token))))
		}
		return p
	}
}

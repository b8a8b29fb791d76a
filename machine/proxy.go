package machine

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// Proxy is a proxy's part in HTTP authentication for one client connection: an
// immutable comparable value. Make the first with [NewProxy]; the zero Proxy
// accepts no event.
//
// It has two tasks. It authenticates its own clients (407), as a [Server] does.
// And it keeps apart what clients authenticate through it: once a client uses
// connection-bound authentication with an origin, one upstream connection belongs to
// that client alone, and either connection is closed with the other (RFC 4559 section
// 6). The authentication fields of client and origin pass unchanged. The same decisions
// serve a reverse proxy.
type Proxy struct { // R4559-6-5
	conf  *proxyConf
	phase phase
	front Server // authenticates clients; zero for an open proxy

	pinned bool   // an upstream connection is this client's alone
	pin    origin // where it leads
	owner  user   // the client's identity at this proxy when it was pinned
	vacant bool   // it closed with its first challenge, and the next request opens another
	now    forwarded
}

// forwarded is the request that is on its way.
type forwarded struct {
	request Request
	bound   bool // it carries connection-bound credentials
	canPin  bool // its client connection is one client's own
	authed  bool // the front accepted it
	client  user // under this identity
	on      Pin  // the upstream connection that it went out on
	relay   Relay
}

// user is a client's identity by a proxy's own authentication; zero at an open proxy.
// Names that differ in case alone may be two users'.
type user struct {
	peer, domain string
	anonymous    bool
}

func userOf(info gss.Info) user {
	return user{info.Peer, info.Domain, info.Anonymous}
}

// Format implements fmt.Formatter: a proxy shows its phase and its pin.
func (p Proxy) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "proxy(%v pinned=%t front=%v)", p.phase, p.pinned, p.front)
}

// Step computes the next proxy. See [Machine].
func (p Proxy) Step(env gss.Env, e Event) (Proxy, Actions, error) {
	next := p
	acts, err := next.step(env, e)
	if err != nil {
		return p, Actions{}, err // L3: the old one, untouched
	}
	return next, acts, nil
}

func (p *Proxy) step(env gss.Env, e Event) (Actions, error) {
	if p.conf == nil {
		return Actions{}, gss.Misuse("proxy: made without NewProxy")
	}
	switch e := e.(type) {
	case Received:
		if p.phase == idle {
			return p.received(env, &e)
		}
	case Answered:
		if p.phase == asking {
			return p.authenticate(env, e)
		}
	case Response:
		if p.phase != sent {
			break
		}
		if informational(e.Status) { // HTA-11
			return Actions{}, nil
		}
		return p.response(env, &e)
	case Closed:
		return p.closed(env, e.End), nil
	}
	return Actions{}, noEvent("proxy", p.phase)
}

// received judges a request: the client's identity, then where it may go.
func (p *Proxy) received(env gss.Env, e *Received) (Actions, error) {
	if p.tooEarly(e) { // R8470-5.2-1
		return Do(Reply{Status: statusTooEarly, Side: gss.Proxy, Fault: tooEarly}), nil
	}
	creds := e.Header.Authorization
	p.now = forwarded{
		request: e.Request,
		// Credentials that do not parse may be of any scheme to an origin that reads
		// them more kindly, as a list of several for example.
		bound: creds.Present() && (creds.Form() == header.Malformed || p.boundBy(creds.Is)), // RELAY-4
		// R9110-3.3-1: what came through another intermediary may be anyone's.
		canPin: !e.Request.Multiplexed && (!e.SharedFront && !e.Header.Via || p.conf.Auth.PinnedFront),
	}
	if p.front.conf == nil {
		return p.forward(Accept{}), nil
	}
	return p.authenticate(env, *e)
}

// tooEarly reports whether a request is not to be looked at before it comes again
// after a handshake. Of the early data on its own connections a proxy forwards none,
// since it cannot know what an origin makes of it (RFC 8470 section 5.1). What an
// Early-Data field marks was early on a hop before: it is forwarded with the field,
// unless it carries, or its connections stand for, an identity.
func (p *Proxy) tooEarly(e *Received) bool {
	return e.Request.EarlyData || e.Header.EarlyData && (carries(e) || p.pinned || p.front.kept.scheme != 0)
}

// boundBy reports whether one of the connection-bound schemes satisfies is.
func (p *Proxy) boundBy(is func(name string) bool) bool {
	for _, name := range p.conf.PinnedSchemes {
		if is(name) {
			return true
		}
	}
	return false
}

// authenticate lets the front have the event.
func (p *Proxy) authenticate(env gss.Env, e Event) (Actions, error) {
	front, acts, err := p.front.Step(env, e)
	if err != nil {
		return Actions{}, err
	}
	p.front = front
	switch a := acts.At(0).(type) {
	case Ask:
		p.phase = asking
	case Reply: // R9110-11.7.1-1, NTHT-2.2.3-1; nothing of the request is left, HTA-20
		p.phase, p.now = idle, forwarded{}
	case Accept:
		p.now.authed = true
		return p.forward(a), nil
	case Finish:
		return p.relay(a), nil
	}
	return acts, nil
}

// forward decides which upstream connection the request may use.
func (p *Proxy) forward(client Accept) Actions {
	q := &p.now.request
	to := origin{q.Scheme, q.Host, q.Port}
	f := Forward{Scheme: client.Scheme, Info: client.Info}
	p.now.client = userOf(client.Info)
	// A pin is for one user's requests to one origin: what was authenticated through it
	// is no other user's, though the connection be the same (RELAY-5).
	leave := p.pinned && (p.pin != to || p.owner != p.now.client)
	switch {
	case q.Method == "CONNECT": // HTA-15: what runs inside is not ours
		f.Pin = Tunnel
	case p.pinned && !leave && p.now.canPin && !p.vacant:
		f.Pin = Same
	case p.now.bound && !p.now.canPin: // C25: refuse, never share
		p.reset()
		return Do(Reply{Status: 403, Side: gss.Proxy, Fault: gss.Fault{Code: gss.NotPermitted,
			Detail: "connection-bound credentials came over a shared connection, for which no upstream connection can be pinned"}})
	case p.now.bound, p.pinned && !leave && p.now.canPin:
		f.Pin = Fresh
	}
	p.now.on, p.phase = f.Pin, sent
	leave = leave && !p.vacant
	switch {
	case f.Pin == Fresh:
		p.pinned, p.pin, p.owner, p.vacant = true, to, p.now.client, false
	case p.pin != to || leave:
		p.unpin()
	}
	if leave {
		return Do(Retire{Upstream}, f)
	}
	return Do(f)
}

// unpin forgets the upstream connection that was this client's alone, and the user that it
// belonged to.
func (p *Proxy) unpin() {
	p.pinned, p.pin, p.owner, p.vacant = false, origin{}, user{}, false
}

// reset makes the proxy and its front ready for the next request.
func (p *Proxy) reset() {
	p.phase, p.now = idle, forwarded{}
	if p.front.phase != idle {
		p.front.finish(Finish{})
	}
}

// response judges what came back from upstream.
func (p *Proxy) response(env gss.Env, r *Response) (Actions, error) {
	own := p.now.on == Fresh || p.now.on == Same
	if r.Status == 407 && !p.conf.Chain { // R9110-11.7.1-1
		return p.badGateway(gss.Unexpected, "the upstream requires proxy authentication of this proxy", own && r.Close), nil
	}
	offers := r.Header.WWWAuthenticate
	bound := r.Status == 401 && p.boundBy(func(name string) bool {
		for range offers.Of(name) {
			return true
		}
		return false
	})
	out := Relay{}
	if own && r.Close { // closing either side retires the other
		out.Close = true
		p.unpin()
	}
	if bound && p.now.on == Shared && p.now.canPin {
		// Also where it closes with this response: a server may do so with its first
		// challenge, and what comes next still gets a connection of its own.
		q := &p.now.request
		p.pinned, p.pin, p.owner, p.vacant = true, origin{q.Scheme, q.Host, q.Port}, p.now.client, r.Close
		own, out.Keep = true, !r.Close
	}
	out.SessionBased = own && !p.conf.Reverse // R4559-6-6, HTA-17
	out.Strip = bound && !own && p.conf.Strip
	p.now.relay = out
	if !p.now.authed {
		return p.relay(Finish{}), nil
	}
	status := r.Status
	if status == 407 { // a chained proxy's, not ours
		status = 502
	}
	return p.authenticate(env, Responding{status})
}

// relay passes the response on, with the front's last word.
func (p *Proxy) relay(f Finish) Actions {
	out := p.now.relay
	out.Challenges, out.Info = f.Challenges, f.Info
	out.Close = out.Close || f.Close
	p.reset()
	if out.Close {
		p.phase = dead
		return Do(out, Retire{Downstream})
	}
	return Do(out)
}

// closed deals with the loss of either end.
func (p *Proxy) closed(env gss.Env, end End) Actions {
	if end == Downstream {
		had := p.pinned && !p.vacant
		*p = Proxy{conf: p.conf, front: Server{conf: p.front.conf, phase: dead}, phase: dead}
		if had {
			return Do(Retire{Upstream})
		}
		return Actions{}
	}
	own := p.pinned && !p.vacant
	if p.phase == sent {
		own = p.now.on == Fresh || p.now.on == Same
	}
	switch {
	case p.phase == asking && p.front.now.answering: // the response is here already
		if own {
			p.now.relay.Close, p.now.relay.Keep, p.now.relay.SessionBased = true, false, false
		}
		p.unpin()
	case p.phase == sent, p.phase == asking && own:
		return p.badGateway(gss.QuestionFailed, "the upstream connection could not be made, or closed before the response", own)
	case own:
		p.unpin()
		p.phase = dead
		return Do(Retire{Downstream})
	}
	return Actions{}
}

// badGateway ends a request without a response that could be passed on; lost
// tells that the pinned upstream connection is gone, and the client's goes with it.
func (p *Proxy) badGateway(code gss.Code, why string, lost bool) Actions {
	p.reset()
	r := Reply{Status: 502, Side: gss.Proxy, Close: lost, Fault: gss.Fault{Code: code, Detail: why}}
	if !lost {
		return Do(r)
	}
	p.unpin()
	p.phase = dead
	return Do(r, Retire{Downstream})
}

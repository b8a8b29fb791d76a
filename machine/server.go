package machine

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// Server is the server's half of HTTP authentication on one connection, or on
// one stream of a multiplexed one: an immutable comparable value. Make the
// first with [NewServer]; the zero Server takes nothing.
//
// A driver tells it Received, and gets Reply (send that, the handler does not
// run) or Accept (run the handler, then tell Responding and apply Finish). One
// request at a time: a driver queues what is pipelined.
type Server struct {
	conf  *serverConf
	phase phase

	kept kept      // the identity of the connection
	half handshake // the handshake in progress, or the one that ended in this request
	now  current
}

// kept is an identity that outlives its request.
type kept struct {
	scheme uint8 // index+1, 0: none
	info   gss.Info
	ctx    gss.Context
}

// handshake is one acceptor on its way.
type handshake struct {
	scheme uint8 // index+1, 0: none
	legs   uint8
	ctx    scheme.Acceptor
	former kept // the identity of the connection before it
}

// current is the request that is being dealt with.
type current struct {
	request   Request
	id        uint16 // of the last Ask
	shared    bool   // its connection may carry other clients' requests
	fresh     bool   // it proved an identity itself
	answering bool   // its response is about to leave
	about     about  // what its last Ask was about
	realm     string // where that was a user
	probing   bool   // and whether it was about ProbeUser
	final     header.Challenges
	status    int
}

// about tells questions about one user from others.
type about uint8

const (
	aboutAll about = iota
	aboutVerifier
	aboutVerdict
)

// ProbeUser is the name of a user that does not exist. Where a store does not
// respond to a question about a user, a server asks it about this one, with
// itself as the password: only if that has no answer either is the store down for
// all clients, and the status 503. So no status tells which users there are, also
// where a store fails for those alone that it knows (HTA-14).
const ProbeUser = "countersign-probe"

// Format implements fmt.Formatter: a server shows its phase and the identity of its
// connection, and none of the secrets inside.
func (s Server) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "server(%v", s.phase)
	if s.kept.scheme != 0 {
		fmt.Fprintf(f, " kept=%q", s.kept.info.Peer)
	}
	if s.half.scheme != 0 {
		fmt.Fprintf(f, " scheme=%d legs=%d", s.half.scheme, s.half.legs)
	}
	fmt.Fprint(f, ")")
}

// Step computes the next server. See [Machine].
func (s Server) Step(env gss.Env, e Event) (Server, Actions, error) {
	next := s
	acts, err := next.step(env, e)
	if err != nil {
		return s, Actions{}, err // L3: the old one, untouched
	}
	return next, acts, nil
}

func (s *Server) step(env gss.Env, e Event) (Actions, error) {
	if s.conf == nil {
		return Actions{}, gss.Misuse("server: made without NewServer")
	}
	switch e := e.(type) {
	case Received:
		if s.phase == idle {
			return s.received(env, &e)
		}
	case Answered:
		if s.phase == asking && e.ID == s.now.id && e.Answer != nil {
			if s.now.probing {
				return s.probed(env, e.Answer), nil
			}
			in := scheme.AcceptorInput{Event: scheme.Answered, Answer: e.Answer, Status: s.now.status}
			if s.now.answering {
				return s.conclude(env, in)
			}
			return s.feed(env, in)
		}
	case Responding:
		if s.phase == handling && !informational(e.Status) {
			return s.responding(env, e.Status)
		}
	case Closed:
		*s = Server{conf: s.conf, phase: dead}
		return Actions{}, nil
	}
	return Actions{}, noEvent("server", s.phase)
}

// received judges a request by its credentials, or by the identity that its
// connection carries.
func (s *Server) received(env gss.Env, e *Received) (Actions, error) {
	if s.tooEarly(e) { // R8470-5.2-1
		return Do(Reply{Status: statusTooEarly, Side: s.conf.side, Fault: tooEarly}), nil
	}
	s.now = current{request: e.Request, shared: e.SharedFront || e.Header.Via}
	// An identity is looked at with each request, not when it is stored: a front may pass the
	// connection on to another client between two requests, and a ticket may end.
	if s.kept.scheme != 0 && (!s.mayKeep() || expired(env, s.kept.info)) { // HTA-18, CONN-7
		s.kept = kept{}
	}
	creds := e.Header.Authorization
	if s.conf.side == gss.Proxy {
		creds = e.Header.ProxyAuthorization
	}
	switch i := s.index(creds); {
	// A handshake in progress goes before the kept identity and before Optional: what is
	// missing is its next leg, and no other request can take its place.
	case !creds.Present() && s.half.scheme != 0: // NTHT-3.1.5.1-2
		return s.refuse(env, gss.Fault{Code: gss.Unexpected, Detail: "a request without credentials came in the middle of a handshake"}), nil
	// A session is the request's own, and goes before what belongs to its connection: where the
	// two differ a front has mixed clients, and the connection's identity is given up.
	case !creds.Present() && s.recalls(env, e.Session) == gss.Fault{}: // SESS-1
		s.kept, s.phase = kept{}, handling
		return Do(Accept{Scheme: e.Session.Scheme, Info: e.Session.Info, Session: true}), nil
	case !creds.Present() && s.kept.scheme != 0:
		s.phase = handling
		return Do(Accept{Scheme: s.traits(s.kept.scheme).Name, Info: s.kept.info, Anonymous: s.kept.info.Anonymous, Context: s.kept.ctx}), nil
	case !creds.Present() && s.conf.Optional:
		s.phase = handling
		return Do(Accept{Anonymous: true}), nil
	case !creds.Present(): // N2HT-2.2.1-1, R4559-4.1-1, NTHT-2.2.1-1, MSDIG-16; no state is left behind, HTA-20
		return s.refuse(env, s.recalls(env, e.Session)), nil
	case i < 0: // NTHT-3.1.5.1-1
		s.kept = kept{}
		return s.refuse(env, untakable(creds)), nil
	default:
		if s.half.scheme != uint8(i)+1 || s.now.request.Multiplexed { // a first message: HTA-21; a stream goes on with none, HTA-4
			// The identity ends with the first leg, not with the last: until the new one is
			// proven the connection has none. What it was is kept for comparison only.
			former := s.kept
			if s.half.scheme != 0 {
				former = s.half.former
			}
			s.half = handshake{scheme: uint8(i) + 1, ctx: s.conf.Schemes[i].Accept(s.exchange()), former: former}
			s.kept = kept{}
		}
		return s.feed(env, scheme.AcceptorInput{Event: scheme.Presented, Credentials: creds})
	}
}

// statusTooEarly asks a client to send its request again after the handshake (RFC
// 8470 section 5.2).
const statusTooEarly = 425

var tooEarly = gss.Fault{Code: gss.NotPermitted, Detail: "the request came in early data, and may be a replay: it is to be sent again after the TLS handshake"}

// tooEarly reports whether a request is not to be looked at before it comes again
// after a handshake: nothing is kept of it, and nothing of the connection changes.
func (s *Server) tooEarly(e *Received) bool {
	return early(e) && (carries(e) || s.kept.scheme != 0 || e.Session.Scheme != "")
}

// early reports whether a request was sent before a TLS handshake was over, on this
// hop or on one before it.
func early(e *Received) bool { return e.Request.EarlyData || e.Header.EarlyData }

// carries reports whether a request has something that a replay could do harm with:
// credentials, or a method that is not safe (RFC 9110 section 9.2.1).
func carries(e *Received) bool {
	switch e.Request.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return e.Header.Authorization.Present() || e.Header.ProxyAuthorization.Present()
	}
	return true
}

// untakable tells why credentials have no index.
func untakable(creds header.Credentials) gss.Fault {
	if creds.Form() == header.Malformed {
		return gss.Fault{Code: gss.Malformed, Detail: "the credentials do not parse as a scheme and a token, or a scheme and parameters"}
	}
	return gss.Fault{Code: gss.Unsupported, Detail: "the credentials name a scheme that is not offered, or that cannot run on this connection"}
}

// index returns the scheme of the credentials, -1 if it is not offered.
func (s *Server) index(creds header.Credentials) int {
	if !creds.Present() || creds.Form() == header.Malformed {
		return -1
	}
	for i, sch := range s.conf.Schemes {
		if t := sch.Traits(); creds.Is(t.Name) && s.mayRun(t) {
			return i
		}
	}
	return -1
}

// mayRun reports whether a scheme may run on this request's connection (HTA-4).
// It is offered in any case: the offer is what makes a client come back over
// HTTP/1.1.
func (s *Server) mayRun(t scheme.Traits) bool {
	return !s.now.request.Multiplexed || t.Affinity != scheme.PerConnection
}

func (s *Server) traits(i uint8) scheme.Traits { return s.conf.Schemes[i-1].Traits() }

// exchange returns what a scheme is told of this request.
func (s *Server) exchange() scheme.Exchange {
	q := &s.now.request
	return scheme.Exchange{
		Side: s.conf.side, Method: q.Method, URI: q.target(s.conf.side), Authority: q.authority(),
		Target: gss.Target{Service: "HTTP", Scheme: q.Scheme, Host: q.Host, Port: q.Port, Binding: q.Binding},
	}
}

// mayKeep reports whether this request's connection may carry an identity at
// all (C24, R9110-3.3-1).
func (s *Server) mayKeep() bool {
	return !s.now.request.Multiplexed && (!s.now.shared || s.conf.PinnedFront) && s.conf.Keep != KeepNever
}

func expired(env gss.Env, info gss.Info) bool { return info.Expires != 0 && env.Now >= info.Expires }

// feed steps the acceptor and deals with what comes out.
func (s *Server) feed(env gss.Env, in scheme.AcceptorInput) (Actions, error) {
	ctx, out, err := s.half.ctx.Step(env, in)
	if err != nil {
		return Actions{}, err
	}
	s.half.ctx = ctx
	switch out.State {
	case gss.Waiting:
		return s.ask(out.Ask), nil
	case gss.Continue, gss.Ready: // R4559-5-4
		return s.next(env, out.Challenges), nil
	case gss.Complete:
		return s.accept(env, out.Challenges), nil
	}
	// A store that is silent for one user may be silent because of that user's name. Only one
	// that is silent for a name that cannot exist is down, and a reason for a 503 to all clients.
	if after := outage(in.Answer, out.Fault); after != 0 {
		if _, down := in.Answer.(gss.Unreachable); down && s.now.about != aboutAll {
			return s.probe(), nil
		}
		return s.unavailable(after, out.Fault), nil
	}
	return s.refuse(env, out.Fault, out.Challenges), nil
}

// probe asks whether a store that did not respond is down for all clients.
func (s *Server) probe() Actions {
	s.now.probing = true
	name := s.traits(s.half.scheme).Name
	if s.now.about == aboutVerdict {
		return s.ask(gss.NeedVerdict{Scheme: name, Realm: s.now.realm, User: ProbeUser, Proof: gss.NewSecret(ProbeUser)})
	}
	return s.ask(gss.NeedVerifier{Scheme: name, Realm: s.now.realm, User: ProbeUser})
}

// probed refuses, whatever the answer is: as what it says of the store.
func (s *Server) probed(env gss.Env, a gss.Answer) Actions {
	if _, down := a.(gss.Unreachable); down {
		return s.unavailable(outage(a, gss.Fault{}), gss.Fault{Code: gss.Unavailable,
			Detail: "the user store did not respond, for any user; no client can log in until it does"})
	}
	return s.refuse(env, gss.Fault{Code: gss.QuestionFailed, Detail: "the user store did not respond for this user, though it does for others"})
}

// outage returns the seconds after which to try again what was refused because
// no client can be judged now, 0 where the refusal concerns this client alone
// (REPLAY-3, REPLAY-4). It takes the answer's word for it, not the scheme's: what
// does not respond is down. Where nothing answers a question the scheme knows
// whether any client can do without.
func outage(a gss.Answer, f gss.Fault) uint16 {
	switch a := a.(type) {
	case gss.Unreachable:
		if a.RetryAfter != 0 {
			return a.RetryAfter
		}
		return gss.DefaultRetryAfter
	case gss.Declined:
		if f.Code == gss.Unavailable {
			return gss.DefaultRetryAfter
		}
	}
	if f.Code == gss.NoEntropy { // HTA-3: of this side, which no client can bring about
		return gss.DefaultRetryAfter
	}
	return 0
}

// unavailable ends a request that cannot be judged now: no challenge, no
// handshake, and no identity that would outlive it.
func (s *Server) unavailable(after uint16, f gss.Fault) Actions {
	if f.Code != gss.NoEntropy {
		f.Code = gss.Unavailable
	}
	s.kept, s.half, s.now, s.phase = kept{}, handshake{}, current{}, idle
	return Do(Reply{Status: 503, Side: s.conf.side, RetryAfter: after, Fault: f})
}

func (s *Server) ask(q gss.Question) Actions {
	if need, ok := q.(gss.NeedVerifier); ok && need.Scheme == "" { // a mechanism does not know it
		need.Scheme = s.traits(s.half.scheme).Name
		q = need
	}
	s.now.about, s.now.realm = aboutAll, ""
	switch q := q.(type) {
	case gss.NeedVerifier:
		s.now.about, s.now.realm = aboutVerifier, q.Realm
	case gss.NeedVerdict:
		s.now.about, s.now.realm = aboutVerdict, q.Realm
	}
	s.phase = asking
	s.now.id++
	return Do(Ask{s.now.id, q})
}

// next asks for the handshake's next leg.
func (s *Server) next(env gss.Env, challenges header.Challenges) Actions {
	if s.half.legs++; s.half.legs >= s.conf.MaxLegs { // HTA-6
		return s.refuse(env, gss.Fault{Code: gss.LimitExceeded, Detail: "the handshake takes more than MaxLegs legs"})
	}
	if s.now.request.Multiplexed { // HTA-4: the next leg would meet another stream's server
		return s.refuse(env, gss.Fault{Code: gss.Unsupported, Detail: "a handshake of several legs cannot run on a multiplexed connection"})
	}
	s.now, s.phase = current{}, idle
	return Do(Reply{Status: s.challengeStatus(), Side: s.conf.side, Challenges: challenges})
}

// accept ends a handshake that succeeded.
func (s *Server) accept(env gss.Env, final header.Challenges) Actions {
	info := s.half.ctx.Info()
	switch {
	case info.Peer == "" && !info.Anonymous: // HTA-14
		return s.refuse(env, gss.Fault{Code: gss.BadCredentials, Detail: "the scheme completed without naming the client"})
	case info.Anonymous && !s.conf.Optional:
		return s.refuse(env, gss.Fault{Code: gss.NotPermitted, Detail: "the client authenticated anonymously, which only ServerConfig.Optional allows"})
	case expired(env, info): // CONN-7
		return s.refuse(env, gss.Fault{Code: gss.Expired, Detail: "the context had ended before it was complete"})
	// Two identities on one connection are a sign of a front that mixes clients, or of an
	// attack on one (RFC 4559 section 6). The connection is closed, so that neither stays.
	case s.half.former.scheme != 0 && !same(s.half.former.info, info):
		acts := s.refuse(env, gss.Fault{Code: gss.NotPermitted, Detail: "another identity authenticated on a connection that has an identity"})
		return closing(acts)
	}
	// The final token is sent with the handler's response, not now: that is the response which
	// the client judges by it.
	s.now.fresh, s.now.final = true, final
	if s.keeps(info) {
		s.kept = kept{s.half.scheme, info, s.half.ctx.Context()}
	}
	s.phase = handling
	return Do(Accept{Scheme: s.traits(s.half.scheme).Name, Info: info, Anonymous: info.Anonymous, Context: s.half.ctx.Context()})
}

// keeps reports whether the identity outlives this request (N2HT-3.3.5-3).
func (s *Server) keeps(info gss.Info) bool {
	return s.mayKeep() && s.traits(s.half.scheme).Affinity != scheme.PerRequest &&
		(info.ConnectionBased || s.conf.Keep == KeepAlways)
}

// same reports whether two contexts are one user's: names have no case
// (NLMP-3.2.5.1.2-4).
func same(a, b gss.Info) bool {
	return a.Anonymous == b.Anonymous && strings.EqualFold(a.Peer, b.Peer) && strings.EqualFold(a.Domain, b.Domain)
}

// closing returns the reply with Close set.
func closing(acts Actions) Actions {
	if r, ok := acts.At(0).(Reply); ok {
		r.Close = true
		return Do(r)
	}
	return acts
}

// challengeStatus returns the status that asks for credentials (MSDIG-8).
func (s *Server) challengeStatus() int {
	if s.conf.side == gss.Proxy {
		return 407
	}
	return 401
}

// refuse drops the handshake and challenges anew. own, if any, stands in place
// of the failed scheme's first offer. Why, the peer is not told.
func (s *Server) refuse(env gss.Env, f gss.Fault, own ...header.Challenges) Actions {
	r := Reply{Status: s.challengeStatus(), Side: s.conf.side, Fault: f}
	if f.Code == gss.WrongTarget && s.half.scheme != 0 && s.traits(s.half.scheme).Affinity == scheme.PerRequest { // R7616-3.4.6-1
		r.Status = 400
	} else {
		var lacks gss.Fault
		if r.Challenges, lacks = s.challenges(env, own...); outage(nil, lacks) != 0 {
			return s.unavailable(outage(nil, lacks), lacks)
		}
		if r.Challenges.Len() == 0 { // N2HT-2.2.1-2, R4559-4.1-2
			r.Status = 500
		}
	}
	s.half, s.now, s.phase = handshake{}, current{}, idle
	return Do(r)
}

// challenges returns the first challenges of all schemes, strongest first (C32).
// A scheme that lacks entropy for its own is a fault: without it the weaker ones
// would be all that is offered.
func (s *Server) challenges(env gss.Env, own ...header.Challenges) (all header.Challenges, lacks gss.Fault) {
	for i, sch := range s.conf.Schemes {
		if len(own) > 0 && own[0].Len() > 0 && s.half.scheme == uint8(i)+1 {
			all = all.Append(own[0])
			continue
		}
		offer, f := sch.Offer(env, s.exchange())
		switch {
		case f.IsZero():
			all = all.Append(offer)
		case f.Code == gss.NoEntropy:
			lacks = f
		}
	}
	return all, lacks
}

// responding readies the fields of the handler's response.
func (s *Server) responding(env gss.Env, status int) (Actions, error) {
	s.now.answering, s.now.status = true, status
	if status == s.challengeStatus() { // the handler wants (other) credentials
		s.kept = kept{}
		all, _ := s.challenges(env)
		return s.finish(Finish{Challenges: all}), nil
	}
	if !s.now.fresh {
		return s.finish(Finish{}), nil
	}
	return s.conclude(env, scheme.AcceptorInput{Event: scheme.Responding, Status: status})
}

// conclude lets the acceptor add its last word. Persistent-Auth goes
// out here and nowhere else (N2HT-2.2.2-5).
func (s *Server) conclude(env gss.Env, in scheme.AcceptorInput) (Actions, error) {
	ctx, out, err := s.half.ctx.Step(env, in)
	if err != nil {
		return Actions{}, err
	}
	s.half.ctx = ctx
	if out.State == gss.Waiting {
		return s.ask(out.Ask), nil
	}
	f := Finish{Challenges: s.now.final, Info: out.Info}                                    // R4559-5-8
	if s.conf.side == gss.Origin && s.traits(s.half.scheme).Affinity != scheme.PerRequest { // N2HT-3.3.5-2
		f.PersistentAuth = header.PersistFalse // N2HT-3.3.5-4
		if s.kept.scheme != 0 {
			f.PersistentAuth = header.PersistTrue // N2HT-3.3.5-3
		}
	}
	return s.finish(f), nil
}

func (s *Server) finish(f Finish) Actions {
	s.half, s.now, s.phase = handshake{}, current{}, idle
	return Do(f)
}

// Package side provides one of the two authentications of a client: with the origin, or with
// the proxy. It is an immutable comparable value with a pure Step, as the machines of
// package machine are, and does not know which of the two it is: it sees no status code's
// meaning, no field name and no other side. What both sides together decide (the body, the
// connection, what is told to the driver) is the client's, which hands in the circumstances
// as an [About] and carries out the [Verdict].
//
// Everything that changes a [Stage] is in [Step], and [Step] is ruled by the table in
// table.go: an event that the table does not have for a stage changes nothing, and a
// stage that the table does not have for an event ends the exchange.
package side

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/scheme"
)

// Side is one authentication. Its parts are grouped by how long they last. The zero Side is
// that of a new connection.
type Side struct {
	connection
	History
	challenge
	run
}

// connection lasts as long as the connection does.
type connection struct {
	// persistent is MS-N2HT's persistent-auth-value (N2HT-3.2.1-1, N2HT-3.2.1-2), 0
	// at first (N2HT-3.2.3-1).
	persistent bool
	// bound tells that the peer has, or may have, an identity for this connection, and
	// that it is identity's (HTA-9).
	bound    bool
	identity string
	mech     gss.OID
}

// History lasts as long as the exchange does, over all connections that it uses, so that
// its bounds hold over all of them. It holds no context, token or offer.
type History struct {
	Rounds uint8 // challenges received
	Tries  uint8 // credentials refused
	// Reprompt tells that credentials are asked for again, the last ones were refused.
	Reprompt              bool
	Tried, Declined, Seen choice.Set
	Fault                 gss.Fault // why the last scheme failed
	Reasons               string    // why each one failed that was given up
}

// challenge is what the peer asked for in this exchange on this connection.
type challenge struct {
	challenged bool              // on this connection
	offers     header.Challenges // the newest ones, or the remembered one
	count      uint32            // with which the remembered one is answered
	// tokenConsumed tells that the context got the token in offers, which therefore offers
	// nothing to another one.
	tokenConsumed bool
	abandoned     bool          // within a step: see Verdict.Abandoned
	memory        scheme.Memory // of the scheme that passed last
}

// run is one run of a scheme. Only start begins one, as a whole, so that nothing of the last
// run gets into the next; only drop and End end one.
type run struct {
	stage   Stage
	index   uint8              // of the scheme, in Config.Schemes
	scheme  scheme.Client      // nil in stage Unused
	todo    scheme.Event       // what Prepare gives to ctx: Start, Challenged, or nothing
	ctx     scheme.Initiator   // made by the first Prepare
	state   gss.State          // of ctx
	asked   bool               // ctx asked for credentials
	legs    uint8              // credentials sent by ctx
	opening string             // the token that ctx began with, where the scheme has one
	creds   header.Credentials // for the next request
}

// Config is what all sides for the same kind of peer share. It is read-only.
type Config struct {
	Schemes []scheme.Client // in the order of the policy
	Policy  *scheme.Policy
	// MaxLegs bounds History.Rounds, MaxAttempts the credentials that are asked for.
	MaxLegs, MaxAttempts uint8
	// Lenient takes a peer that lets the request pass for proven where only its own proof
	// is missing. A proof that does not verify fails in any case.
	Lenient bool
}

// About describes the circumstances of a step.
type About struct {
	*Config
	// Conditions are those of a choice. The side adds what is in its History.
	choice.Conditions
	Identity string // the local name that the exchange acts under
	// Closes tells that the connection ends with the response, so that no handshake can go
	// on, and no offer be taken up that counts on this connection only.
	Closes bool
	// Retried tells that the verdict RetryBare was carried out before.
	Retried bool
	// Persist is what the peer says of its connection with this response.
	Persist header.PersistentAuth
}

// Do is what a client does for a side after a step.
type Do uint8

const (
	GoOn         Do = iota
	Ask             // have Question answered, and continue with Answered
	Fail            // end the exchange with Fault
	Reopen          // continue on another connection
	ReopenHTTP11    // continue on another connection, which is not multiplexed
	// RetryBare is Reopen to get an offer that counts, since this one is on a connection
	// that ends. It helps at most once.
	RetryBare
)

// Verdict is the outcome of a step. The zero Verdict is to go on.
type Verdict struct {
	Do       Do
	Question gss.Question
	Fault    gss.Fault
	// Abandoned tells that a handshake was given up that the peer may be in the middle of,
	// so that the connection is of no more use after the exchange.
	Abandoned bool
}

func fail(code gss.Code, detail string) Verdict {
	return Verdict{Do: Fail, Fault: gss.Fault{Code: code, Detail: detail}}
}

// undeclared is the fault of a step that the table does not have.
var undeclared = gss.Fault{Code: gss.Bug, Detail: "a client's side left its transition table"}

// Step computes the next side. A Go error is a [gss.Misuse] that the scheme reports; the
// side returned with it is the old one.
func (s Side) Step(env gss.Env, a About, e Event) (Side, Verdict, error) {
	// The client tells a side of each event, and does not have to know whether a scheme runs:
	// that a response passes is nothing to a side that sent no credentials, and so on.
	to := table[s.stage][e.Kind]
	if to == 0 { // it has no part in this
		return s, Verdict{}, nil
	}
	next := s
	v, err := next.step(env, &a, &e)
	v.Abandoned, next.abandoned = next.abandoned, false
	switch {
	case err != nil:
		return s, Verdict{}, err
	case !to.has(next.stage): // a defect of this package, by which nothing is proven and nothing kept
		return Side{History: next.History}, Verdict{Do: Fail, Fault: undeclared, Abandoned: true}, nil
	}
	return next, v, nil
}

func (s *Side) step(env gss.Env, a *About, e *Event) (v Verdict, err error) {
	switch e.Kind {
	case Open:
		s.open(a, e)
	case Prepare:
		return s.prepare(env, a, e.Exchange)
	case Answered:
		return s.feed(env, a, scheme.InitiatorInput{Event: scheme.Answered, Answer: e.Answer})
	case Sent:
		s.sent(a)
	case Challenged:
		v = s.receive(a, e.Offers)
	case TakeUp:
		v = s.takeUp(env, a)
	case Passed:
		// Judging is where a question about the response stays, so that its answer is not
		// taken for one about credentials. Without a question feed leaves it again.
		s.stage = Judging
		return s.feed(env, a, scheme.InitiatorInput{Event: scheme.Concluded, Offer: e.Offers, Info: e.Info, Status: e.Status})
	case Renew:
		s.renew(a)
	case Repeat:
		count := max(s.count, 1) + 1
		s.start(a, int(s.index), scheme.Start)
		s.count = count
	case End:
		*s = Side{connection: s.connection}
	}
	return v, nil
}

// Disconnect forgets what the connection kept, which is about to close.
func (s *Side) Disconnect() { s.connection = connection{} }

// --- what a client asks a side

// Stage returns how far the run of a scheme has come.
func (s *Side) Stage() Stage { return s.stage }

// Credentials returns those for the next request, absent if it has none.
func (s *Side) Credentials() header.Credentials { return s.creds }

// Unprepared reports whether Prepare has something to do before the next request.
func (s *Side) Unprepared() bool { return s.todo != 0 }

// Challenged reports whether the peer challenged in this exchange on this connection.
func (s *Side) Challenged() bool { return s.challenged }

// InProgress reports whether a scheme runs, and its result is not known yet.
func (s *Side) InProgress() bool {
	return s.stage == Starting || s.stage == Halfway || s.stage == Judging
}

// Pending reports whether the scheme in progress needs one more challenge.
func (s *Side) Pending() bool { return s.InProgress() && s.state == gss.Continue }

// Complete reports whether this side is, or needs nothing but the peer's word to be,
// authenticated, so that user data may go along even under a strict policy. A scheme that
// proves each request by itself is complete with the request.
func (s *Side) Complete() bool {
	switch {
	case s.stage == Unused:
		return s.persistent
	case s.InProgress():
		return s.state == gss.Complete || !s.Legged()
	}
	return s.persistent || !s.Legged()
}

// Legged reports whether a scheme is selected that may take several legs.
func (s *Side) Legged() bool { return s.stage != Unused && legged(s.scheme.Traits()) }

// legged reports whether a handshake may take several legs, which then share one
// connection.
func legged(t scheme.Traits) bool { return t.Affinity != scheme.PerRequest }

// Halfway reports whether the peer is in the middle of a handshake.
func (s *Side) Halfway() bool { return (s.stage == Halfway || s.stage == Judging) && s.Legged() }

// Broken reports whether the peer was left in the middle of a handshake, so that the
// connection is of no more use.
func (s *Side) Broken() bool { // CONN-8
	return s.Halfway() || s.stage == Concluded && s.Legged()
}

// Unproven reports whether the response passed without the proof that the peer could have
// given.
func (s *Side) Unproven() bool { return s.stage == Concluded && s.scheme.Traits().Mutual }

// Proof reports whether the request in flight carried what proves the password, as the
// last leg of several does, and whether that belongs to a handshake.
func (s *Side) Proof() (proof, handshake bool) {
	if s.stage != Halfway || !s.creds.Present() {
		return false, false
	}
	return s.state != gss.Continue, s.legs > 1 || s.ctx.Info().ConnectionBased
}

// Pinned reports whether the next request must go over this connection: the peer keeps an
// identity for it, or a handshake goes on, or the offer counts on it only.
func (s *Side) Pinned() bool { // HTA-5, C4
	return s.Kept() || s.InProgress() && s.Legged() && (s.legs > 0 || s.scheme.Traits().OfferedOnly)
}

// Tied reports whether more than challenges ties the exchange to its connection. What only
// answers challenges proves one request each, and can do so over any other.
func (s *Side) Tied() bool {
	return s.Kept() || s.stage != Unused && (!s.challenged || !s.InProgress() || s.Legged())
}

// Kept reports whether the peer has, or may have, an identity for this connection.
func (s *Side) Kept() bool { return s.bound || s.persistent }

// Persistent reports whether the peer needs no credentials on this connection.
func (s *Side) Persistent() bool { return s.persistent }

// Bound returns the identity that the peer has, or may have, for this connection, and
// whether there is one.
func (s *Side) Bound() (identity string, bound bool) { return s.identity, s.bound }

// Result returns whether the peer takes the client for authenticated, and what is
// established.
func (s *Side) Result() (authenticated bool, info gss.Info, ctx gss.Context) {
	switch {
	case s.stage == Proven && s.state == gss.Complete:
		return true, s.ctx.Info(), s.ctx.Context()
	case s.stage == Proven: // a proxy that did not prove itself: nothing of the context holds
		return true, gss.Info{Mech: s.ctx.Info().Mech}, nil
	case s.stage == Unused && s.persistent:
		return true, gss.Info{Mech: s.mech, ConnectionBased: true}, nil
	}
	return false, gss.Info{}, nil
}

// Learned returns the name of the scheme that worked and what it remembers, "" if there is
// nothing to begin the next exchange with.
func (s *Side) Learned() (name string, m scheme.Memory) {
	if s.stage != Proven || s.scheme.Traits().OfferedOnly {
		return "", scheme.Memory{}
	}
	return s.scheme.Traits().Name, s.memory
}

// Names returns the names of the schemes that were tried, of all in the configuration.
func (s *Side) Names(schemes []scheme.Client) (names string) {
	for i, client := range schemes {
		if !s.Tried.Has(i) && !(s.stage != Unused && i == int(s.index)) {
			continue
		}
		if names != "" {
			names += ", "
		}
		names += client.Traits().Name
	}
	return names
}

// Initiator returns the scheme's half of the run, nil where none has begun.
func (s *Side) Initiator() scheme.Initiator { return s.ctx }

// Format implements fmt.Formatter: a side shows what its connection keeps and how far it
// has come, and no secret.
func (s Side) Format(f fmt.State, _ rune) {
	number := 0
	if s.stage != Unused {
		number = int(s.index) + 1
	}
	fmt.Fprintf(f, "{persistent=%t bound=%t scheme=%d state=%v legs=%d}", s.persistent, s.bound, number, s.state, s.legs)
}

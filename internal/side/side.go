// Package side provides one of the two authentications of a client: with the origin, or with the proxy. It is an immutable
// comparable value with a pure Step, as the machines of package machine are, and does not know which of the two it is: it sees no
// status code's meaning, no field name and no other side. What both sides together decide (the body, the connection, what is told
// to the driver) is the client's, which hands in the circumstances as an [About] and carries out the [Verdict].
//
// Everything that changes a [Stage] is in [Side.Step], which is ruled by the table in table.go: an event that the table does not
// have for a stage changes nothing, and a stage that it does not have for an event ends the exchange.
package side

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/scheme"
)

// Side is one authentication. Its parts are grouped by how long they last. The zero Side is that of a new connection. A client
// that goes on over another one takes the Connection away and the History along; all else only Step changes.
type Side struct {
	Connection
	History
	challenge
	run
}

// Connection lasts as long as the connection does.
type Connection struct {
	Persistent bool   // the peer needs no credentials: MS-N2HT's persistent-auth-value, false at first
	Bound      bool   // the peer has, or may have, an identity for this connection
	Identity   string // the local name that it is bound to
	mech       gss.OID
}

// History lasts as long as the exchange does, over all connections that it uses, so that its bounds hold over all of them. It
// holds no context, token or offer.
type History struct {
	Rounds                uint8  // challenges received
	Tries                 uint8  // credentials refused that a challenge asked for
	Refused               Realms // for which they were
	Retried               bool   // another connection was asked for to get an offer that counts; it helps at most once
	Tried, Declined, Seen choice.Set
	Forgotten             choice.Set // schemes whose memory was refused, or did not suffice to begin with
	Fault                 gss.Fault  // why the last scheme failed
	Reasons               string     // why each one failed that was given up
}

// challenge is what the peer asked for in this exchange on this connection.
type challenge struct {
	Challenged    bool              // on this connection
	offers        header.Challenges // the newest ones, or the remembered one
	count         uint32            // with which the remembered one is answered
	tokenConsumed bool              // the context got the token in offers, which offers nothing to another one
	Abandoned     bool              // a handshake was given up that the peer may be in the middle of; the client notes it for both sides
	memory        scheme.Memory     // of the scheme that passed last
}

// run is one run of a scheme. Only start begins one, as a whole, so that nothing of the last run gets into the next; only drop
// and End end one.
type run struct {
	Stage       Stage
	Todo        scheme.Event       // what Prepare gives to the initiator: Start, Challenged, or nothing
	Initiator   scheme.Initiator   // made by the first Prepare
	Credentials header.Credentials // for the next request, absent if it has none
	index       uint8              // of the scheme, in Config.Schemes
	scheme      scheme.Client      // nil in stage Unused
	state       gss.State          // of the initiator
	asked       bool               // the initiator asked for credentials
	realm       string             // for which it asked
	from        basis              // what it began with, if no challenge of this exchange was answered since
	remembered  header.Challenges  // what it then answered, if the scheme remembers a challenge
	legs        uint8              // credentials sent
	opening     string             // the token that the run began with, where the scheme has one
}

// basis is where a run has from what it began with.
type basis uint8

const (
	challenged basis = iota // a challenge of this exchange
	leased                  // an earlier exchange
	renewed                 // an earlier request of this one
)

// Config is what all sides for the same kind of peer share. It is read-only.
type Config struct {
	Schemes              []scheme.Client // in the order of the policy
	Policy               *scheme.Policy
	MaxLegs, MaxAttempts uint8 // bounds of History.Rounds, and of the credentials that are asked for
	// Lenient takes a peer that lets the request pass for proven where only its own proof is missing. A proof that does not
	// verify fails in any case.
	Lenient bool
}

// About describes the circumstances of a step.
type About struct {
	*Config
	choice.Conditions        // of a choice; the side adds what is in its History
	Identity          string // the local name that the exchange acts under
	// Closes tells that the connection ends with the response, so that no handshake can go on, and no offer be taken up that
	// counts on this connection only.
	Closes  bool
	Persist header.PersistentAuth // what the peer says of its connection with this response
}

// Do is what a client does for a side after a step.
type Do uint8

const (
	GoOn         Do = iota
	Ask             // have Question answered, and continue with Answered
	Fail            // end the exchange with Fault
	Reopen          // continue on another connection
	ReopenHTTP11    // continue on another connection, which is not multiplexed
)

// Verdict is the outcome of a step. The zero Verdict is to go on.
type Verdict struct {
	Do       Do
	Question gss.Question
	Fault    gss.Fault
}

func fail(f gss.Fault) Verdict { return Verdict{Do: Fail, Fault: f} }

// undeclared is the fault of a step that the table does not have.
var undeclared = gss.Fault{Code: gss.Bug, Detail: "a client's side left its transition table"}

// Step computes the next side. A Go error is a [gss.Misuse] that the scheme reports; the side returned with it is the old one.
func (s Side) Step(env gss.Env, a About, e Event) (Side, Verdict, error) {
	// The client tells a side of each event, and does not have to know whether a scheme runs: that a response passes is nothing
	// to a side that sent no credentials, and so on.
	if len(table[s.Stage][e.Kind]) == 0 { // it has no part in this
		return s, Verdict{}, nil
	}
	next := s
	v, err := next.step(env, &a, &e)
	switch {
	case err != nil:
		return s, Verdict{}, err
	case !Leads(s.Stage, e.Kind, next.Stage): // a defect of this package, by which nothing is proven and nothing kept
		return Side{History: next.History, challenge: challenge{Abandoned: true}}, fail(undeclared), nil
	}
	return next, v, nil
}

func (s *Side) step(env gss.Env, a *About, e *Event) (Verdict, error) {
	switch e.Kind {
	case Open: // nothing is sent where the connection carries its authentication (N2HT-3.2.5-9, N2HT-3.2.5-10)
		if !s.Persistent && e.Scheme != "" {
			s.recall(a, leased, e.Scheme, offerOf(e.Memory), e.Memory.Count)
		}
	case Prepare:
		return s.prepare(env, a, e.Exchange)
	case Answered:
		return s.feed(env, a, scheme.InitiatorInput{Event: scheme.Answered, Answer: e.Answer})
	case Sent:
		s.Stage = Halfway
		s.legs = max(s.legs, s.legs+1) // it does not start from 0 again
		if s.Legged() && s.state != gss.Continue && !a.Multiplexed {
			s.Bound, s.Identity = true, a.Identity // whatever it answers, the peer may hold it from here on (HTA-9)
		}
	case Challenged:
		return s.receive(a, e.Offers), nil
	case TakeUp:
		return s.takeUp(env, a), nil
	case Passed:
		// Judging is where a question about the response stays, so that its answer is not taken for one about credentials.
		// Without a question feed leaves it again.
		s.Stage = Judging
		return s.feed(env, a, scheme.InitiatorInput{Event: scheme.Concluded, Offer: e.Offers, Info: e.Info, Status: e.Status})
	case Renew: // where the connection does not carry its authentication, the request needs a proof of its own
		if s.Persistent {
			break
		}
		s.Abandoned = s.Broken() // CONN-8: what was begun here was not ended
		if s.state == gss.Continue || !s.renew(a) {
			s.drop()
		}
	case Repeat:
		from := s.from
		if from == challenged { // what is sent once more may have been counted, and its nonce with it
			from = renewed
		}
		s.start(a, int(s.index), scheme.Start)
		s.from, s.remembered = from, s.offers
		s.count = max(s.count, 1) + 1
	case End:
		*s = Side{Connection: s.Connection}
	}
	return Verdict{}, nil
}

// InProgress reports whether a scheme runs, and its result is not known yet.
func (s *Side) InProgress() bool { return s.Stage >= Starting && s.Stage <= Judging }

// Pending reports whether the scheme in progress needs one more challenge.
func (s *Side) Pending() bool { return s.InProgress() && s.state == gss.Continue }

// Legged reports whether a scheme is selected that may take several legs.
func (s *Side) Legged() bool { return s.Stage != Unused && legged(s.scheme.Traits()) }

// legged reports whether a handshake may take several legs, which then share one connection.
func legged(t scheme.Traits) bool { return t.Affinity != scheme.PerRequest }

// Complete reports whether this side is, or needs nothing but the peer's word to be, authenticated, so that user data may go
// along even under a strict policy. A scheme that proves each request by itself is complete with the request.
func (s *Side) Complete() bool {
	return s.Persistent || s.Stage != Unused && (!s.Legged() || s.InProgress() && s.state == gss.Complete)
}

// Broken reports whether the peer was left in the middle of a handshake, so that the connection is of no more use.
func (s *Side) Broken() bool { // CONN-8
	return s.Abandoned || s.Legged() && s.Stage >= Halfway && s.Stage != Proven
}

// Unproven reports whether the response passed without the proof that the peer could have given.
func (s *Side) Unproven() bool { return s.Stage == Concluded && s.scheme.Traits().Mutual }

// Proof reports whether the request in flight carried what proves the password, as the last leg of several does, and whether that
// belongs to a handshake.
func (s *Side) Proof() (proof, handshake bool) {
	if s.Stage != Halfway || !s.Credentials.Present() {
		return false, false
	}
	return s.state != gss.Continue, s.legs > 1 || s.Initiator.Info().ConnectionBased
}

// Kept reports whether the peer has, or may have, an identity for this connection.
func (s *Side) Kept() bool { return s.Bound || s.Persistent }

// Pinned reports whether the next request must go over this connection: the peer keeps an identity for it, or a handshake goes
// on, or the offer counts on it only.
func (s *Side) Pinned() bool { // HTA-5, C4
	return s.Kept() || s.InProgress() && s.Legged() && (s.legs > 0 || s.scheme.Traits().OfferedOnly)
}

// Tied reports whether more than challenges ties the exchange to its connection. What only answers challenges proves one request
// each, and can do so over any other.
func (s *Side) Tied() bool {
	return s.Kept() || s.Stage != Unused && (!s.Challenged || !s.InProgress() || s.Legged())
}

// Result returns whether the peer takes the client for authenticated, and what is established.
func (s *Side) Result() (authenticated bool, info gss.Info, ctx gss.Context) {
	switch {
	case s.Stage == Proven && s.state == gss.Complete:
		return true, s.Initiator.Info(), s.Initiator.Context()
	case s.Stage == Proven: // a proxy that did not prove itself: nothing of the context holds
		return true, gss.Info{Mech: s.Initiator.Info().Mech}, nil
	case s.Stage == Unused && s.Persistent:
		return true, gss.Info{Mech: s.mech, ConnectionBased: true}, nil
	case s.Unproven(): // PROOF-4: nothing of the context holds here, either
		return false, gss.Info{Mech: s.Initiator.Info().Mech, Unproven: true}, nil
	}
	return false, gss.Info{}, nil
}

// Learned returns the name of the scheme that worked and what it remembers, "" if there is nothing to begin the next exchange
// with. Forget tells that what was known before is no longer good to begin with either.
func (s *Side) Learned() (name string, m scheme.Memory, forget bool) {
	if s.Stage != Proven || s.scheme.Traits().OfferedOnly {
		return "", scheme.Memory{}, s.Forgotten != 0
	}
	t := s.scheme.Traits()
	if !opens(t, offerOf(s.memory)) { // R9110-11.5-3
		return "", scheme.Memory{}, true
	}
	return t.Name, s.memory, false
}

// Names returns the names of the schemes that were tried, of all in the configuration.
func (s *Side) Names(schemes []scheme.Client) string {
	var names []string
	for i, client := range schemes {
		if s.Tried.Has(i) || s.Stage != Unused && i == int(s.index) {
			names = append(names, client.Traits().Name)
		}
	}
	return strings.Join(names, ", ")
}

// Format implements fmt.Formatter: a side shows what its connection keeps and how far it has come, and no secret.
func (s Side) Format(f fmt.State, _ rune) {
	number := 0
	if s.Stage != Unused {
		number = int(s.index) + 1
	}
	fmt.Fprintf(f, "{persistent=%t bound=%t scheme=%d state=%v legs=%d}", s.Persistent, s.Bound, number, s.state, s.legs)
}

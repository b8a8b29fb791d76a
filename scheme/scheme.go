package scheme

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// Exchange describes one authentication: the request, the side and the peer. It stays
// the same through all legs.
type Exchange struct {
	Side   gss.Side
	Target gss.Target
	// Method and URI are those of the request line as the peer that authenticates sees
	// it: origin-form for an origin, what the proxy receives for a proxy. They serve any
	// protocol with a method and a URI (RTSP, SIP).
	Method string
	URI    string
	// Authority is host[:port] of the request, for comparing an absolute URI.
	Authority string
}

// Client is a scheme as configured for the client side. It is immutable and comparable;
// configuration may be behind a pointer through which nothing is written.
type Client interface {
	Traits() Traits
	Initiate(Exchange) Initiator
}

// Initiator is the client's half of one exchange: an immutable comparable value. A Go
// error is a [gss.Misuse].
type Initiator interface {
	Step(gss.Env, InitiatorInput) (Initiator, InitiatorOutput, error)
	// Info describes what is established so far.
	Info() gss.Info
	// Context returns the GSS context inside, nil if there is none.
	Context() gss.Context
}

// Event is the kind of an [InitiatorInput] or of an [AcceptorInput]. Answered is for both.
type Event uint8

const (
	// Start begins pre-emptively, without a challenge. Offer is the remembered one, if
	// there is any (see [Memory]).
	Start Event = iota + 1
	// Challenged tells an [Initiator] that a 401 or 407 came, with Offer.
	Challenged
	// Answered delivers the answer to the question just asked.
	Answered
	// Concluded tells an [Initiator] that the final response came. Offer holds the
	// challenge with the final token, Info the value of Authentication-Info.
	Concluded
	// Presented tells an [Acceptor] that a request came with Credentials of its scheme.
	Presented
	// Responding tells an [Acceptor] that the handler's response is about to be sent with
	// Status. It comes only after Complete.
	Responding
)

// InitiatorInput is one event for an [Initiator].
type InitiatorInput struct {
	Event Event
	// Offer holds all challenges of the field; the scheme takes its own by name.
	Offer header.Challenges
	// Count is how often a remembered Offer has been answered, this time included
	// (Digest's nc); 0 counts as 1.
	Count  uint32
	Answer gss.Answer
	Info   header.Info
	Status int
}

// InitiatorOutput is what a Step returns beside the next Initiator.
//
//	Continue, Ready, Complete  after Start, Challenged, Answered: Credentials are to be sent
//	Complete                   after Concluded: the peer proved itself as far as it must
//	Continue, Ready            after Concluded: it did not; the machine's policy judges
//	Waiting                    Ask has a question
//	Failed                     Fault says why; the scheme is done for this exchange
type InitiatorOutput struct {
	State       gss.State
	Credentials header.Credentials
	Ask         gss.Question
	Fault       gss.Fault
	Memory      Memory // after Concluded: for the next exchange
}

// Memory is what a scheme remembers of its protection space, to begin the next exchange
// with. Offer is passed back with Start; Count and Scope say how far it may be used. The
// zero Memory is none, with which a scheme that opens with auth-params ([OpeningParams])
// waits for a challenge.
//
// Where a server refuses what was sent from memory, and asks for anything but the Offer
// itself, that is the first challenge of its exchange: the scheme begins anew, and what was
// remembered is not sent again.
type Memory struct {
	Offer header.Challenge
	// Count is how often Offer was answered so far.
	Count uint32
	// Scope limits where it may be used, as space-separated path prefixes; ""
	// is the whole origin (Digest domain, RFC 7617 section 2.2).
	Scope string
}

// Server is a scheme as configured for a server, or for a proxy that authenticates its
// clients. It is immutable and comparable.
type Server interface {
	Traits() Traits
	// Offer returns the first challenges of the scheme. They need no state. A fault (no
	// entropy) leaves the scheme out of the response.
	Offer(gss.Env, Exchange) (header.Challenges, gss.Fault)
	Accept(Exchange) Acceptor
}

// Acceptor is the server's half of one exchange: an immutable comparable value.
type Acceptor interface {
	Step(gss.Env, AcceptorInput) (Acceptor, AcceptorOutput, error)
	Info() gss.Info
	Context() gss.Context
}

// AcceptorInput is one event for an [Acceptor].
type AcceptorInput struct {
	Event       Event
	Credentials header.Credentials
	Answer      gss.Answer
	Status      int
}

// AcceptorOutput is what a Step returns beside the next Acceptor.
//
//	Continue  Challenges hold the next leg's challenge
//	Complete  after Presented, Replied: accepted; Info has the identity, Challenges the final token, if any
//	Complete  after Responding: Info holds Authentication-Info, if any
//	Waiting   Ask has a question
//	Failed    Fault says why; Challenges, if any, replace the scheme's first offer (stale=true, a last token)
type AcceptorOutput struct {
	State      gss.State
	Challenges header.Challenges
	Info       header.Info
	Ask        gss.Question
	Fault      gss.Fault
}

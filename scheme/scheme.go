package scheme

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// Exchange is what one authentication is about and stays the same through its
// legs: the request, the side, and who is spoken to.
type Exchange struct {
	Side   gss.Side
	Target gss.Target
	// Method and URI are of the request line as the one who authenticates sees
	// it: origin-form towards an origin, what the proxy receives towards a proxy
	// (C29). Usable for any protocol with a method and a URI (RTSP, SIP).
	Method string
	URI    string
	// Authority is host[:port] of the request, for comparing an absolute URI.
	Authority string
}

// Client is a scheme as configured for the client side. Immutable and
// comparable; configuration may stand behind a pointer that nobody writes
// through.
type Client interface {
	Traits() Traits
	Initiate(Exchange) Initiator
}

// Initiator is the client's half of one exchange: an immutable comparable
// value (law L2). A Go error is a [gss.Misuse].
type Initiator interface {
	Step(gss.Env, InitiatorInput) (Initiator, InitiatorOutput, error)
	// Info describes what was established so far.
	Info() gss.Info
	// Context is the GSS context inside, nil where there is none.
	Context() gss.Context
}

// InitiatorEvent says what an [InitiatorInput] is.
type InitiatorEvent uint8

const (
	// Start opens without a challenge: pre-emptive, from memory where Offer is
	// that memory (see [Memory]), else from nothing.
	Start InitiatorEvent = iota + 1
	// Challenged: the challenge status came, with Offer.
	Challenged
	// Answered: the answer to the question just asked.
	Answered
	// Concluded: the final response came. Offer holds the final token's
	// challenge, Info what Authentication-Info says.
	Concluded
)

// InitiatorInput is one event for an [Initiator].
type InitiatorInput struct {
	Event InitiatorEvent
	// Offer are all challenges of the field; the scheme takes its own by name.
	Offer header.Challenges
	// Count is how often a remembered Offer has been answered with this one
	// included (Digest's nc); 0 counts as 1.
	Count  uint32
	Answer gss.Answer
	Info   header.Info
	Status int
}

// InitiatorOutput is what a Step gives beside the next Initiator.
//
//	Continue, Ready, Complete  after Start, Challenged, Answered: Credentials are to be sent
//	Complete                   after Concluded: the peer proved what it had to
//	Continue, Ready            after Concluded: it did not; the machine's policy judges
//	Waiting                    Ask has a question
//	Failed                     Fault says why; the scheme is done for this exchange
type InitiatorOutput struct {
	State       gss.State
	Credentials header.Credentials
	Ask         gss.Question
	Fault       gss.Fault
	Memory      Memory // after Concluded: what is worth remembering
}

// Memory is what a scheme wants remembered for its protection space, to open
// the next exchange with. Offer is handed back with Start; the rest says how
// far it reaches. The zero Memory is nothing.
type Memory struct {
	Offer header.Challenge
	// Count is how often Offer was answered so far.
	Count uint32
	// Scope limits where it may be used, as space-separated path prefixes; ""
	// is the whole origin (Digest domain, RFC 7617 section 2.2).
	Scope string
}

// Server is a scheme as configured for a server, or for a proxy that
// authenticates its clients. Immutable and comparable.
type Server interface {
	Traits() Traits
	// Offer are the first challenges of the scheme. They need no state (HTA-20).
	// A fault (no entropy) leaves the scheme out of the response.
	Offer(gss.Env, Exchange) (header.Challenges, gss.Fault)
	Accept(Exchange) Acceptor
}

// Acceptor is the server's half of one exchange: an immutable comparable value.
type Acceptor interface {
	Step(gss.Env, AcceptorInput) (Acceptor, AcceptorOutput, error)
	Info() gss.Info
	Context() gss.Context
}

// AcceptorEvent says what an [AcceptorInput] is.
type AcceptorEvent uint8

const (
	// Presented: a request with Credentials of this scheme.
	Presented AcceptorEvent = iota + 1
	// Replied: the answer to the question just asked.
	Replied
	// Responding: the handler's response is about to leave with Status. Only
	// after Complete.
	Responding
)

// AcceptorInput is one event for an [Acceptor].
type AcceptorInput struct {
	Event       AcceptorEvent
	Credentials header.Credentials
	Answer      gss.Answer
	Status      int
}

// AcceptorOutput is what a Step gives beside the next Acceptor.
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

package side

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// Stage is how far the run of a scheme has come.
type Stage uint8

const (
	Unused    Stage = iota // no scheme is selected
	Starting               // one is selected, and has sent no credentials yet
	Halfway                // credentials were sent, and their result is not known yet
	Judging                // the scheme asked something before it judges the response
	Concluded              // the response passed this side; the peer's proof is missing
	Proven                 // the response passed this side, and the context is complete
)

// String returns the name of the stage.
func (s Stage) String() string {
	return [...]string{"unused", "starting", "halfway", "judging", "concluded", "proven"}[s]
}

// Kind is the kind of an [Event].
type Kind uint8

const (
	Open       Kind = iota // an exchange begins, on a connection that may carry its authentication
	Prepare                // a request is about to be sent: make the credentials for it
	Answered               // the answer to the question of this side came
	Sent                   // the request is being sent, with the credentials of this side
	Challenged             // a response came with a challenge of this side
	TakeUp                 // and it may be answered: nothing else keeps the client from it
	Passed                 // a response came that this side's peer let pass
	Renew                  // one more request of the same exchange follows what passed
	Repeat                 // the same request follows, since the connection was lost
	End                    // the exchange ends
)

// String returns the name of the kind.
func (k Kind) String() string {
	return [...]string{"open", "prepare", "answered", "sent", "challenged", "take up", "passed", "renew", "repeat", "end"}[k]
}

// Event is what a client tells a side.
type Event struct {
	Kind     Kind
	Scheme   string            // Open: one that the peer accepts without a new offer, "" for none
	Memory   scheme.Memory     // Open: what that scheme remembers
	Exchange scheme.Exchange   // Prepare: what a scheme is told that begins
	Answer   gss.Answer        // Answered
	Offers   header.Challenges // Challenged, Passed
	Info     header.Info       // Passed
	Status   int               // Passed: for the scheme
}

// table holds the stages that an event may lead to. It is what [Side.Step] goes by: a side has no part in an event without an
// entry for its stage.
var table = [...][End + 1][]Stage{
	Unused:   {Open: {Unused, Starting}, Challenged: {Unused}, TakeUp: {Unused, Starting}, End: {Unused}},
	Starting: {Prepare: {Unused, Starting}, Answered: {Unused, Starting}, Sent: {Halfway}, End: {Unused}},
	Halfway: {
		Prepare: {Unused, Starting, Halfway}, Answered: {Unused, Starting, Halfway}, Sent: {Halfway},
		Challenged: {Halfway}, TakeUp: {Unused, Starting, Halfway}, Passed: {Judging, Concluded, Proven},
		Repeat: {Starting}, End: {Unused},
	},
	// No other event comes between a question about a response and its answer, but the end.
	Judging:   {Answered: {Judging, Concluded, Proven}, End: {Unused}},
	Concluded: {Challenged: {Concluded}, TakeUp: {Unused, Starting}, Renew: {Unused, Starting}, End: {Unused}},
	Proven:    {Challenged: {Proven}, TakeUp: {Unused, Starting}, Renew: {Unused, Starting, Proven}, End: {Unused}},
}

// Leads reports whether the table declares that an event may lead from one stage to another.
func Leads(from Stage, k Kind, to Stage) bool { return slices.Contains(table[from][k], to) }

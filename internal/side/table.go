package side

import (
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

var stageNames = [...]string{"unused", "starting", "halfway", "judging", "concluded", "proven"}

// String returns the name of the stage.
func (s Stage) String() string { return stageNames[s] }

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

var kindNames = [...]string{"open", "prepare", "answered", "sent", "challenged", "take up", "passed", "renew", "repeat", "end"}

// String returns the name of the kind.
func (k Kind) String() string { return kindNames[k] }

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

// stages is a set of stages.
type stages uint8

func (s stages) has(stage Stage) bool { return s>>stage&1 == 1 }

// to returns the set of the given stages.
func to(list ...Stage) (set stages) {
	for _, stage := range list {
		set |= 1 << stage
	}
	return set
}

// table holds the stages that an event may lead to. It is what [Side.Step] goes by: a
// side has no part in an event without an entry for its stage.
var table = [...][End + 1]stages{
	Unused: {
		Open:       to(Unused, Starting),
		Challenged: to(Unused),
		TakeUp:     to(Unused, Starting),
		End:        to(Unused),
	},
	Starting: {
		Prepare:  to(Unused, Starting),
		Answered: to(Unused, Starting),
		Sent:     to(Halfway),
		End:      to(Unused),
	},
	Halfway: {
		Prepare:    to(Unused, Starting, Halfway),
		Answered:   to(Unused, Starting, Halfway),
		Sent:       to(Halfway),
		Challenged: to(Halfway),
		TakeUp:     to(Unused, Starting, Halfway),
		Passed:     to(Judging, Concluded, Proven),
		Repeat:     to(Starting),
		End:        to(Unused),
	},
	// No other event comes between a question about a response and its answer, but the end.
	Judging: {
		Answered: to(Judging, Concluded, Proven),
		End:      to(Unused),
	},
	Concluded: {
		Challenged: to(Concluded),
		TakeUp:     to(Unused, Starting),
		Renew:      to(Unused, Starting),
		End:        to(Unused),
	},
	Proven: {
		Challenged: to(Proven),
		TakeUp:     to(Unused, Starting),
		Renew:      to(Unused, Starting, Proven),
		End:        to(Unused),
	},
}

// Row is one transition that the table declares.
type Row struct {
	From  Stage
	Event Kind
	To    Stage
}

// String returns the row on a line.
func (r Row) String() string {
	return r.From.String() + ", " + r.Event.String() + " -> " + r.To.String()
}

// Rows returns the whole table.
func Rows() (rows []Row) {
	for from, events := range table {
		for kind, set := range events {
			for stage := Unused; stage <= Proven; stage++ {
				if set.has(stage) {
					rows = append(rows, Row{Stage(from), Kind(kind), stage})
				}
			}
		}
	}
	return rows
}

package model

// Kind tells what a check claims.
type Kind uint8

const (
	// Always: State holds in every state; or Step of every transition.
	Always Kind = iota
	// Eventually: wherever State says pending, a state that does not is reached on
	// every fair run. A state without successors and a cycle are runs too.
	Eventually
	// Sometimes: a state or a transition of which it says Holds is reached.
	Sometimes
)

var kindNames = [...]string{Always: "always", Eventually: "eventually", Sometimes: "sometimes"}

// String returns the kind's name in lower case.
func (k Kind) String() string { return kindNames[k] }

// Verdict is what a check says of one state or one transition.
type Verdict uint8

const (
	// Idle: the check has nothing to say here, its antecedent does not hold.
	Idle Verdict = iota
	// Holds: the antecedent holds, and so does what is claimed.
	Holds
	// Falls: the antecedent holds, and what is claimed does not. For Eventually:
	// what must happen has not happened yet.
	Falls
	// pending is Falls as Eventually has it.
	pending = Falls
)

// Must returns Holds or Falls.
func Must(ok bool) Verdict {
	if ok {
		return Holds
	}
	return Falls
}

// check is one claim about a world. One of State and Step is set; Eventually
// takes State. Both must be pure, and Step sees the transition's label alone:
// so it is called once for each label, however often that is met. A label says
// everything that a check over transitions may look at.
type check struct {
	Name  string
	Kind  Kind
	State func(state []uint32) Verdict
	Step  func(label uint32) Verdict
}

// Status is a check's result over a whole world.
type Status uint8

const (
	// Vacuous: it never had anything to say, so it proves nothing. A Sometimes
	// that nothing reached is Vacuous as well.
	Vacuous Status = iota
	// Held everywhere.
	Held
	// Fell at least once; there is a counterexample.
	Fell
	// Unfinished: nothing fell, but MaxStates ended the exploration early.
	Unfinished
	// NotApplicable: it speaks of what the world does not have, and was not judged.
	NotApplicable
)

var statusNames = [...]string{Vacuous: "vacuous", Held: "holds", Fell: "FALLS", Unfinished: "unfinished", NotApplicable: "not applicable"}

// String returns the status as a table shows it.
func (s Status) String() string { return statusNames[s] }

// Outcome is what became of one property.
type Outcome struct {
	// Name is the property's.
	Name   string
	Status Status
	// Count is how often it had something to say: in how many states, or on how many
	// transitions.
	Count uint64
	// Steps and Story are of the shortest counterexample, or of the shortest witness for a
	// Sometimes that held; zero where there is neither.
	Steps int
	Story Story

	check *check
	path  path
}

// path is a run from a start of the world. Cycle, if not empty, follows Labels
// and leads back to where it begins; Stuck tells that nothing can happen after
// Labels.
type path struct {
	Start  []uint32
	Labels []uint32
	Cycle  []uint32
	Stuck  bool
}

package gss

// Demand is how much a side insists on something that peers may leave out: a
// channel binding (C30).
type Demand uint8

const (
	// IfAvailable checks what is there.
	IfAvailable Demand = iota
	// Ignore neither sends nor looks.
	Ignore
	// Require refuses who leaves it out.
	Require
	demands
)

// Valid reports whether d is one of the constants.
func (d Demand) Valid() bool { return d < demands }

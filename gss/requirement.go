package gss

// Requirement is how strictly a side requires something that peers may omit, such as a
// channel binding.
type Requirement uint8

const (
	// IfAvailable checks what is present.
	IfAvailable Requirement = iota
	// Ignore neither sends nor checks.
	Ignore
	// Require refuses a peer that omits it.
	Require
	requirements
)

// Valid reports whether r is one of the constants.
func (r Requirement) Valid() bool { return r < requirements }

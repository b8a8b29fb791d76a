package pac

// Trust returns p as if its signatures had been verified. It exists for fuzzers only.
func Trust(p PAC) Verified { return Verified{pac: p} }

// With returns the SID of a member of the domain s, for tests.
func With(s SID, rid uint32) SID { return s.with(rid) }

// The bounds, for tests.
const (
	MaxSize    = maxSize
	MaxBuffers = maxBuffers
	MaxSIDs    = maxSIDs
)

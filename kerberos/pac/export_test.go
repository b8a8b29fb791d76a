package pac

// Trust returns p as if its signatures had been verified. It exists for fuzzers only.
func Trust(p PAC) Verified { return Verified{pac: p} }

package model

// Set is a set of properties, by their place in [Properties].
type Set [2]uint64

// Has reports whether property i is in s.
func (s *Set) Has(i int) bool { return s[i>>6]>>(i&63)&1 == 1 }

func (s *Set) add(i int) { s[i>>6] |= 1 << (i & 63) }

// maxProperties is what a Set has room for.
const maxProperties = 128

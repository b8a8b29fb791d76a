package model

// propertySet is a set of properties, by their place in [Properties].
type propertySet [2]uint64

// Has reports whether property i is in s.
func (s *propertySet) Has(i int) bool { return s[i>>6]>>(i&63)&1 == 1 }

func (s *propertySet) add(i int) { s[i>>6] |= 1 << (i & 63) }

// maxProperties is what a propertySet has room for.
const maxProperties = 128

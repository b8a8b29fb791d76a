package model

import "slices"

// store is the set of the states found so far, numbered in order of discovery:
// the tuples one behind the other in chunks that never move, and an
// open-addressed table of their numbers. A state costs its width and about
// sixteen bytes.
type store struct {
	width  int
	n      uint32
	chunks [][]uint32
	table  []uint32 // number+1, 0 is free; a power of two long, at most two thirds full
}

// Chunks hold 1<<chunkBits states.
const chunkBits = 14

func newStore(width int) *store {
	return &store{width: width, table: make([]uint32, 1<<12)}
}

// at returns state i, which must not be written to.
func (s *store) at(i uint32) []uint32 {
	c := s.chunks[i>>chunkBits]
	o := int(i&(1<<chunkBits-1)) * s.width
	return c[o : o+s.width : o+s.width]
}

// find returns the number of a state, and reports whether it is known.
func (s *store) find(state []uint32) (uint32, bool) {
	i, ok := s.slot(state)
	return s.table[i] - 1, ok
}

// slot returns the place in the table of a state's number, or the empty place where it would go.
func (s *store) slot(state []uint32) (int, bool) {
	mask := len(s.table) - 1
	for i := int(hash(state)) & mask; ; i = (i + 1) & mask {
		if s.table[i] == 0 {
			return i, false
		}
		if slices.Equal(s.at(s.table[i]-1), state) {
			return i, true
		}
	}
}

// add returns the number of a state, and reports whether it is new.
func (s *store) add(state []uint32) (uint32, bool) {
	i, ok := s.slot(state)
	if ok {
		return s.table[i] - 1, false
	}
	if int(s.n)&(1<<chunkBits-1) == 0 {
		s.chunks = append(s.chunks, make([]uint32, s.width<<chunkBits))
	}
	n := s.n
	s.n++
	copy(s.at(n), state)
	s.table[i] = n + 1
	if 3*int(s.n) > 2*len(s.table) {
		s.grow()
	}
	return n, true
}

func (s *store) grow() {
	s.table = make([]uint32, 2*len(s.table))
	mask := len(s.table) - 1
	for n := range s.n {
		i := int(hash(s.at(n))) & mask
		for s.table[i] != 0 {
			i = (i + 1) & mask
		}
		s.table[i] = n + 1
	}
}

// bytes returns the size of the set in bytes.
func (s *store) bytes() int { return 4*len(s.table) + 4*s.width<<chunkBits*len(s.chunks) }

// hash mixes a tuple. Its quality decides about speed only.
func hash(state []uint32) uint64 {
	const k = 0x9e3779b97f4a7c15
	h := uint64(len(state))
	for _, w := range state {
		h = (h ^ uint64(w)) * k
		h ^= h >> 29
	}
	return h ^ h>>32
}

package model

// table gives each distinct value a small number, in order of appearance. The
// zero table is empty and ready.
type table[T comparable] struct {
	ids    map[T]uint32
	values []T
}

// ID returns the number of v, a new one if v is new.
func (t *table[T]) ID(v T) uint32 {
	if id, ok := t.ids[v]; ok {
		return id
	}
	if t.ids == nil {
		t.ids = map[T]uint32{}
	}
	id := uint32(len(t.values))
	t.ids[v] = id
	t.values = append(t.values, v)
	return id
}

// At returns the value with a number that ID gave.
func (t *table[T]) At(id uint32) T { return t.values[id] }

// Len returns how many values there are.
func (t *table[T]) Len() int { return len(t.values) }

// memo remembers what a pure function of two numbers gave.
type memo[T any] struct {
	slots map[uint64]uint32
	done  []T
}

// get returns what was remembered for (a, b), and its number.
func (m *memo[T]) get(a, b uint32) (uint32, *T, bool) {
	if i, ok := m.slots[uint64(a)<<32|uint64(b)]; ok {
		return i, &m.done[i], true
	}
	return 0, nil, false
}

// put remembers v for (a, b).
func (m *memo[T]) put(a, b uint32, v T) (uint32, *T) {
	if m.slots == nil {
		m.slots = map[uint64]uint32{}
	}
	i := uint32(len(m.done))
	m.slots[uint64(a)<<32|uint64(b)] = i
	m.done = append(m.done, v)
	return i, &m.done[i]
}

package answer

import "math/bits"

// vec is an array that grows without being moved. Its indices begin at 1; 0 is none.
type vec[T any] struct {
	blocks []*[block]T
	n      int
}

const block = 64

// at returns the place with index i.
func (v *vec[T]) at(i uint32) *T { return &v.blocks[(i-1)/block][(i-1)%block] }

// grow adds a zero place, and returns its index.
func (v *vec[T]) grow() uint32 {
	if v.n == len(v.blocks)*block {
		v.blocks = append(v.blocks, new([block]T))
	}
	v.n++
	return uint32(v.n)
}

// table is a hash table of values that are chained by the hash of their name, which is
// all that it knows of the name. It has one chain for each place and grows by linear
// hashing: with each new place one chain is split in two, the next one in turn. Hashes
// are keyed, so no client makes a chain long.
type table[T any, P interface {
	*T
	chain() *chained
}] struct {
	slots   vec[T]
	chains  vec[uint32] // first of each
	unused  uint32      // places that are free, a list by next
	used    int
	touched int // places that were looked at
}

// chained is what a value needs to be in a table.
type chained struct {
	tag        uint64 // its hash; 0 for a free place
	next, prev uint32
}

func (c *chained) chain() *chained { return c }

// maxChain bounds the length of a chain: a value that would make one longer is not
// accepted. Chains have two values on average just before their number doubles. Since
// the key of the hash is drawn, one value in two billion then finds its chain full.
const maxChain = 16

// at returns the value with index i.
func (t *table[T, P]) at(i uint32) P {
	t.touched++
	return t.slots.at(i)
}

func (t *table[T, P]) link(i uint32) *chained { return t.at(i).chain() }

// chainOf returns the number of the chain of a hash, if there are n.
func chainOf(tag uint64, n int) uint32 {
	level := uint64(1) << (bits.Len(uint(n)) - 1)
	if at := tag & (2*level - 1); at < uint64(n) {
		return uint32(at) + 1
	}
	return uint32(tag&(level-1)) + 1
}

// find returns the index of the value with a hash, 0 if there is none, and how many
// others are in its chain.
func (t *table[T, P]) find(tag uint64) (i uint32, others int) {
	tag = named(tag)
	if t.chains.n > 0 {
		i = *t.chains.at(chainOf(tag, t.chains.n))
	}
	for ; i != 0; others++ {
		c := t.link(i)
		if c.tag == tag {
			return i, others
		}
		i = c.next
	}
	return 0, others
}

// named keeps hashes apart from the mark of a free place.
func named(tag uint64) uint64 { return max(tag, 1) }

// add adds a value, which is zero but for its hash.
func (t *table[T, P]) add(tag uint64) uint32 {
	i := t.unused
	if i != 0 {
		t.unused = P(t.slots.at(i)).chain().next
	} else {
		i = t.slots.grow()
		t.split()
	}
	t.used++
	p := t.at(i)
	*p = *new(T)
	p.chain().tag = named(tag)
	t.push(i, p.chain())
	return i
}

// push puts a value at the front of its chain.
func (t *table[T, P]) push(i uint32, c *chained) {
	first := t.chains.at(chainOf(c.tag, t.chains.n))
	if c.prev, c.next = 0, *first; c.next != 0 {
		t.link(c.next).prev = i
	}
	*first = i
}

// split adds a chain, and moves to it what belongs there from the one that had its
// values so far.
func (t *table[T, P]) split() {
	added := t.chains.grow()
	n := int(added)
	if n == 1 {
		return
	}
	from := t.chains.at(chainOf(uint64(added-1), n-1))
	i := *from
	ends := [2]*uint32{from, t.chains.at(added)} // where the next value of either goes
	var last [2]uint32
	for i != 0 {
		c := t.link(i)
		to := 0
		if chainOf(c.tag, n) == added {
			to = 1
		}
		next := c.next
		*ends[to] = i
		c.prev, last[to] = last[to], i
		ends[to], i = &c.next, next
	}
	*ends[0], *ends[1] = 0, 0
}

// unchain takes a value out of its chain: it is not found any more.
func (t *table[T, P]) unchain(i uint32) {
	c := t.link(i)
	if c.prev != 0 {
		t.link(c.prev).next = c.next
	} else {
		*t.chains.at(chainOf(c.tag, t.chains.n)) = c.next
	}
	if c.next != 0 {
		t.link(c.next).prev = c.prev
	}
}

// free makes the place of a value that is in no chain free.
func (t *table[T, P]) free(i uint32) {
	c := t.link(i)
	c.tag, c.next = 0, t.unused
	t.unused = i
	t.used--
}

// remove takes a value out.
func (t *table[T, P]) remove(i uint32) {
	t.unchain(i)
	t.free(i)
}

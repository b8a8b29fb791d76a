package answer

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
)

// Memory remembers what was seen, so that nothing is taken twice: the answer to
// gss.NeedFirstSeen within one process. Test and insert are one atomic act. It
// forgets an entry when its time has passed, and refuses (gss.Unreachable) when
// it is full of entries that may still be replayed: it never makes room by
// forgetting one of those. The zero Memory has room for nothing.
//
// Several processes that share a key need a store that they share.
type Memory struct {
	// Max is how many entries there is room for. One takes about 150 bytes.
	Max int
	// Strict says since when this memory exists, so that what is older can be
	// refused; it may have been seen by a process that ended (C34). Without it a
	// restart forgets, and nobody is turned away after one.
	Strict bool

	mu      sync.Mutex
	since   int64
	entries map[[sha256.Size]byte]*seen
	expiry  expiry
	now     func() int64 // for tests; nil is the clock
}

// seen is one remembered key.
type seen struct {
	key    [sha256.Size]byte // of scope and key: whoever chose them, it takes 32 bytes
	window gss.Window
	until  int64
	at     int // index in expiry
}

// Answer implements [Source].
func (m *Memory) Answer(_ context.Context, q gss.Question) gss.Answer {
	need, ok := q.(gss.NeedFirstSeen)
	if !ok {
		return gss.Declined{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	if m.entries == nil {
		m.entries = make(map[[sha256.Size]byte]*seen)
		m.since = now
	}
	for len(m.expiry) > 0 && m.expiry[0].until < now {
		delete(m.entries, heap.Pop(&m.expiry).(*seen).key)
	}
	if need.Until < now { // what is not remembered is never new
		return m.answer(false)
	}
	key := keyOf(need.Scope, need.Key)
	e := m.entries[key]
	if e == nil {
		if len(m.entries) >= m.Max {
			return gss.Unreachable{}
		}
		e = &seen{key: key, until: need.Until}
		m.entries[key] = e
		heap.Push(&m.expiry, e)
	} else if need.Until > e.until {
		e.until = need.Until
		heap.Fix(&m.expiry, e.at)
	}
	n := need.Sequence
	if n == 0 { // the key alone counts
		n = 1
	}
	var first bool
	e.window, first = e.window.Admit(n)
	return m.answer(first)
}

func (m *Memory) answer(first bool) gss.Answer {
	a := gss.FirstSeen{First: first}
	if m.Strict {
		a.Since = m.since
	}
	return a
}

func (m *Memory) clock() int64 {
	if m.now != nil {
		return m.now()
	}
	return entropy.Env().Now
}

// keyOf tells the pair (scope, key) apart from every other.
func keyOf(scope, key string) [sha256.Size]byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(scope)))
	b = append(b, scope...)
	return sha256.Sum256(append(b, key...))
}

// expiry is a heap of entries, the one that ends first on top.
type expiry []*seen

func (h expiry) Len() int           { return len(h) }
func (h expiry) Less(i, j int) bool { return h[i].until < h[j].until }
func (h expiry) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *expiry) Push(x any) {
	e := x.(*seen)
	e.at = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *expiry) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}

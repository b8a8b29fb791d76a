package session

import (
	"container/heap"
	"container/list"
	"context"
	"crypto/sha256"
	"sync"
)

// Store remembers the sessions that may be used, so that a logout ends them on all servers that
// share it. Its methods are called by several goroutines at once, with the request's context, and with
// times in nanoseconds since the Unix epoch. An error says that it cannot be asked now, and is in
// drive.Result.Err.
type Store interface {
	// Begin adds a session of an owner, which ends at until. Each user has another owner, a text of
	// any characters and length, which is the same for each login of that user by one mechanism.
	Begin(ctx context.Context, id ID, owner string, now, until int64) error
	// Live reports whether the session was added, and has not ended.
	Live(ctx context.Context, id ID, now int64) (bool, error)
	// End ends a session. One that is not there is no error.
	End(ctx context.Context, id ID) error
}

// The defaults of a [Memory].
const (
	defaultMax      = 65536
	defaultPerOwner = 64
)

// Memory is a Store within one process. The zero Memory has room for 65,536 sessions, 64 of each
// owner. Where there is no room for one more, the oldest session of that owner is forgotten, or of
// one of those that have the most: an owner with few sessions loses none to one with many.
// It allocates as it fills.
type Memory struct {
	opaque[Memory] // no output shows what is in it

	// Max is how many sessions there is room for. 0 means 65,536.
	Max int
	// PerOwner is how many sessions one owner may have. 0 means 64.
	PerOwner int

	mu       sync.Mutex
	sessions map[ID]*entry
	ends     ends // of all sessions
	owners   map[[sha256.Size]byte]*owner
	ranks    []map[*owner]bool // the owners with as many sessions as the index
}

// owner has sessions, the oldest first.
type owner struct {
	name    [sha256.Size]byte // its hash: a name may be long
	entries list.List
}

// oldest returns the session that the owner has had for longest.
func (o *owner) oldest() *entry {
	x, _ := o.entries.Front().Value.(*entry)
	return x
}

// entry is a session of an owner.
type entry struct {
	id    ID
	until int64
	of    *owner
	among *list.Element // of its owner's
	index int           // in the heap of ends
}

// ends is a heap of sessions, the first to end on top.
type ends []*entry

func (h ends) Len() int           { return len(h) }
func (h ends) Less(i, j int) bool { return h[i].until < h[j].until }
func (h ends) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *ends) Push(x any) {
	e, _ := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *ends) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}

// Begin implements [Store].
func (m *Memory) Begin(_ context.Context, id ID, user string, now, until int64) error {
	name := sha256.Sum256([]byte(user))
	m.mu.Lock()
	defer m.mu.Unlock()
	most, limit := m.Max, m.PerOwner
	if most <= 0 {
		most = defaultMax
	}
	if limit <= 0 {
		limit = defaultPerOwner
	}
	limit = min(limit, most)
	if m.sessions == nil {
		m.sessions, m.owners = map[ID]*entry{}, map[[sha256.Size]byte]*owner{}
		m.ranks = make([]map[*owner]bool, limit+1)
		for i := range m.ranks {
			m.ranks[i] = map[*owner]bool{}
		}
	}
	m.remove(m.sessions[id])
	for len(m.ends) > 0 && m.ends[0].until <= now { // what has ended takes no room from the others
		m.remove(m.ends[0])
	}
	if o := m.owners[name]; o != nil && o.entries.Len() >= len(m.ranks)-1 { // SESS-11
		m.remove(o.oldest())
	}
	if len(m.sessions) >= most {
		m.evict()
	}
	o := m.owners[name]
	if o == nil {
		o = &owner{name: name}
		m.owners[name] = o
	}
	x := &entry{id: id, until: until, of: o}
	m.sessions[id] = x
	heap.Push(&m.ends, x)
	m.rank(o, func() { x.among = o.entries.PushBack(x) })
	return nil
}

// evict forgets the oldest session of one of the owners that have the most.
func (m *Memory) evict() {
	for i := len(m.ranks) - 1; i > 0; i-- { // SESS-11
		for o := range m.ranks[i] {
			m.remove(o.oldest())
			return
		}
	}
}

// remove forgets a session; nil is none.
func (m *Memory) remove(x *entry) {
	if x == nil {
		return
	}
	delete(m.sessions, x.id)
	heap.Remove(&m.ends, x.index)
	m.rank(x.of, func() { x.of.entries.Remove(x.among) })
	if x.of.entries.Len() == 0 {
		delete(m.owners, x.of.name)
	}
}

// rank changes the sessions of an owner and keeps its rank.
func (m *Memory) rank(o *owner, change func()) {
	delete(m.ranks[o.entries.Len()], o)
	change()
	if n := o.entries.Len(); n > 0 {
		m.ranks[n][o] = true
	}
}

// Live implements [Store].
func (m *Memory) Live(_ context.Context, id ID, now int64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.sessions[id]
	return x != nil && now < x.until, nil
}

// End implements [Store].
func (m *Memory) End(_ context.Context, id ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.sessions[id])
	return nil
}

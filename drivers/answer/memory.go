package answer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
)

// Memory remembers what was presented, so that nothing is accepted twice: the
// answer to gss.NeedFirstSeen within one process, for Digest and for Kerberos.
// Test and insert are one atomic act. The zero Memory has room for [DefaultMax]
// entries, and takes memory as it fills. Set its fields before its first question.
//
// Every entry has an owner, the client that the scheme authenticated, and the
// memory is shared out among those that there are. What it does where it has no
// room left is the question's to say:
//
//   - An owner whose entries may be forgotten (Digest) is always remembered. Without
//     room the owner that holds the most is forgotten, whole, and is answered a Since
//     from then on: its older nonces are stale, and those of no other owner.
//   - An owner whose entries must not be forgotten (Kerberos) may hold as many as are
//     then still free, not counting what may be forgotten, and is refused beyond that
//     (gss.FirstSeen.Full). So one owner alone can use half of the memory, n of them
//     n/(n+1), and none can use it up.
//
// Entries expire by the time of the question (gss.Env.Now), so a clock that jumps
// makes nothing new again. No question touches more than 64 entries,
// however full the memory is and whatever has expired. Which part of the memory an
// entry falls into is decided by a key that is drawn for each Memory, so that no
// client can aim at one.
//
// An entry takes 48 bytes, and each owner that has any 70 more.
//
// Several processes that share a key need a store that they share.
type Memory struct {
	hidden.In[Memory] // no output shows what is in it

	// Max is how many entries there is room for, 0 for DefaultMax; see [Room].
	Max int
	// Since tells when this memory began, in nanoseconds since the Unix epoch: what
	// was made then or before is refused, since a process that ended may have seen it
	// (C34). 0 says that nothing was lost.
	Since int64
	// Log, if not nil, is told when the memory has become 80 % full, and again only
	// after it was less than 60 % full. It is called by the goroutine that asks.
	Log func(Fill)

	once   sync.Once
	key    [sha256.Size]byte
	max    int64
	shards []shard
	held   atomic.Int64
	loud   atomic.Bool
}

// Fill tells how full a [Memory] is, in entries. What has expired counts until it is
// swept away, a few entries with each question.
type Fill struct{ Held, Max int }

// DefaultMax is the room of the zero [Memory]: enough for 1,000 logins a second with
// Kerberos at its default skew of 5 minutes, or with Digest at a nonce lifetime of up
// to 20 minutes, even if all of them are one client's.
const DefaultMax = 1000 * 600 * 2 / 16 * 17

// Room returns the [Memory].Max for a number of logins a second: twice as many as
// happen while an entry lives, so that a single owner can make all of them, and a
// sixteenth more, since the parts of a memory do not fill up evenly. An entry lives
// as long as a Digest nonce (digest.ServerConfig.NonceLifetime), or twice as long as
// the clocks of Kerberos may be apart (kerberos.Config.MaxSkew), three times for
// clients whose clocks are ahead.
func Room(perSecond int, life time.Duration) int {
	n := int64(perSecond) * int64((life+time.Second-1)/time.Second) * 2
	return int(min(n+n/16+1, MaxRoom))
}

// MaxRoom bounds Memory.Max, which is cut down to it.
const MaxRoom = 1 << 30

// maxTouched bounds how many entries and owners a question looks at.
const maxTouched = 64

// shardRoom is how many entries are worth a shard of their own, maxShards how many
// shards there are at most.
const (
	shardRoom = 1 << 13
	maxShards = 64
)

// begin makes the shards, with the first question.
func (m *Memory) begin() {
	rand.Read(m.key[:]) // never fails: crypto/rand ends the program instead
	room := m.Max
	if room <= 0 {
		room = DefaultMax
	}
	room = min(room, MaxRoom)
	n := 1 << (bits.Len(uint(min(room/shardRoom, maxShards))|1) - 1)
	m.max = int64(room)
	m.shards = make([]shard, n)
	for i := range m.shards {
		m.shards[i].room = room/n + min(1, max(0, room%n-i)) // together room
	}
}

// Answer implements [Source].
func (m *Memory) Answer(_ context.Context, q gss.Question) gss.Answer {
	need, ok := q.(gss.NeedFirstSeen)
	if !ok {
		return gss.Declined{}
	}
	m.once.Do(m.begin)
	var a ask
	m.read(&a, &need)
	s := &m.shards[a.shard&uint64(len(m.shards)-1)]

	s.mu.Lock()
	before := s.live
	s.ask(&a)
	change := s.live - before
	s.mu.Unlock()

	if change != 0 {
		m.watch(m.held.Add(int64(change)))
	}
	since := max(m.Since, a.since)
	if since == 0 { // answers that need no memory of their own
		return plainAnswers[a.said]
	}
	return gss.FirstSeen{First: a.said == saidFirst, Full: a.said == saidFull, Since: since}
}

var plainAnswers = [...]gss.Answer{saidSeen: gss.FirstSeen{}, saidFirst: gss.FirstSeen{First: true}, saidFull: gss.FirstSeen{Full: true}}

// watch has the log told, once, when 80 % are held.
func (m *Memory) watch(held int64) {
	switch {
	case held*5 < m.max*3:
		m.loud.Store(false)
	case held*5 >= m.max*4 && m.loud.CompareAndSwap(false, true) && m.Log != nil:
		m.Log(Fill{Held: int(held), Max: int(m.max)})
	}
}

// read makes an ask of a question. Names are hashed under the memory's key, outside
// of any lock: what a client chose takes a few bytes, and lies where it cannot know.
func (m *Memory) read(a *ask, need *gss.NeedFirstSeen) {
	var room [512]byte
	b := append(room[:0], m.key[:]...)
	b = append(b, 0)
	if need.Forgettable { // its owners are others than those of Kerberos
		b[len(b)-1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(need.Scope)))
	b = append(b, need.Scope...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(need.Owner)))
	b = append(b, need.Owner...)
	sum := sha256.Sum256(b)
	a.owner = binary.BigEndian.Uint64(sum[:])
	sum = sha256.Sum256(append(b, need.Key...))
	a.tag, a.shard = binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])
	a.forgettable = need.Forgettable
	a.made = need.Made
	a.now, a.until = floor(need.Now), ceil(need.Until)
	a.late = need.Until < need.Now
	if a.count = need.Sequence; a.count == 0 { // the key alone counts
		a.count = 1
	}
}

// floor and ceil are a time in seconds since the epoch, rounded down and up, and 1 at
// least.
func floor(ns int64) uint32 { return uint32(min(max(ns/int64(time.Second), 1), 1<<32-2)) }
func ceil(ns int64) uint32  { return uint32(min(max(ns/int64(time.Second)+1, 1), 1<<32-1)) }

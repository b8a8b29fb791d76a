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

	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/gss"
)

// ReplayCache is a replay memory within one process, for Digest and for Kerberos: it answers
// gss.NeedReplayCheck. Test and insert are atomic. The zero ReplayCache has room for
// 1,350,000 entries, and allocates as it fills. Set its fields before its first question.
//
// Every entry has an owner, the client that the scheme authenticated, and the owners share
// the memory. The question decides what happens without room:
//
//   - If the entries may be forgotten (Digest), every one is remembered. Without room
//     the owner with the most entries is forgotten entirely, and is answered a Since
//     from then on: its older nonces are stale, and those of no other owner.
//   - If the entries must not be forgotten (Kerberos), an owner may hold as many as are
//     then still free, not counting those that may be forgotten, and is refused beyond
//     that (gss.ReplayVerdict.Full). One owner alone can use half of the memory, n of them
//     n/(n+1), and none can use it up.
//
// Entries expire by the time of the question (gss.Env.Now), so that a clock that jumps
// makes nothing new again. No question touches more than 64 entries, however full the
// memory is and whatever has expired. A key that is drawn for each Memory decides which
// part of it an entry is in, so that no client can aim at one.
//
// An entry takes 48 bytes, and each owner with entries 70 more.
//
// Several processes with the same key need a shared store.
type ReplayCache struct {
	opaque[ReplayCache] // no output shows what is in it

	// Max is how many entries there is room for, at most 1<<30; see [Room]. 0 means
	// 1,350,000: enough for 1,000 logins a second with Kerberos at its default skew of 5
	// minutes, or with Digest at a nonce lifetime of up to 20 minutes, even if all of
	// them are one client's.
	Max int
	// Since tells when this memory began, in nanoseconds since the Unix epoch: what
	// was made then or before is refused, since a process that ended may have seen it
	// (C34). 0 says that nothing was lost.
	Since int64
	// Log, if not nil, is called when the memory has become 80 % full, and again only
	// after it was less than 60 % full. It gets the number of entries, among them those
	// that have expired and not been swept away, and how many there is room for. It is
	// called by the goroutine that asks.
	Log func(held, max int)

	once   sync.Once
	key    [sha256.Size]byte
	max    int64
	shards []shard
	held   atomic.Int64
	loud   atomic.Bool
}

// Room returns the [ReplayCache].Max for a number of logins a second: twice as many as
// happen while an entry lives, so that a single owner can make all of them, and an
// eighth more, since the parts of a memory do not fill up evenly. An entry lives
// as long as a Digest nonce (digest.ServerConfig.NonceLifetime), or twice as long as
// the clocks of Kerberos may differ (kerberos.Config.MaxSkew), three times for clients
// with clocks that are ahead.
func Room(perSecond int, life time.Duration) int {
	n := int64(perSecond) * int64((life+time.Second-1)/time.Second) * 2
	return int(min(max(n+(n+7)/8, 1), bounds.Replays))
}

// maxTouched bounds how many entries and owners a question looks at.
const maxTouched = 64

// shardRoom is how many entries are worth a shard of their own, maxShards how many
// shards there are at most.
const (
	shardRoom = 1 << 13
	maxShards = 64
)

// begin makes the shards, with the first question.
func (m *ReplayCache) begin() {
	rand.Read(m.key[:]) // never fails: crypto/rand ends the program instead
	room := m.Max
	if room <= 0 {
		room = Room(1000, 10*time.Minute)
	}
	room = min(room, bounds.Replays)
	n := 1 << (bits.Len(uint(min(room/shardRoom, maxShards))|1) - 1)
	m.max = int64(room)
	m.shards = make([]shard, n)
	for i := range m.shards {
		m.shards[i].room = room/n + min(1, max(0, room%n-i)) // together room
	}
}

// Answer implements [Source].
func (m *ReplayCache) Answer(_ context.Context, q gss.Question) gss.Answer {
	need, ok := q.(gss.NeedReplayCheck)
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
	return gss.ReplayVerdict{First: a.said == saidFirst, Full: a.said == saidFull, Since: since}
}

var plainAnswers = [...]gss.Answer{saidSeen: gss.ReplayVerdict{}, saidFirst: gss.ReplayVerdict{First: true}, saidFull: gss.ReplayVerdict{Full: true}}

// watch has the log told, once, when 80 % are held.
func (m *ReplayCache) watch(held int64) {
	switch {
	case held*5 < m.max*3:
		m.loud.Store(false)
	case held*5 >= m.max*4 && m.loud.CompareAndSwap(false, true) && m.Log != nil:
		m.Log(int(held), int(m.max))
	}
}

// read makes an ask of a question. Names are hashed under the memory's key, outside
// of any lock: what a client chose takes a few bytes, and lies where it cannot know.
func (m *ReplayCache) read(a *ask, need *gss.NeedReplayCheck) {
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

package kdc

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/gss"
)

// Replays remembers the requests that services took, so that none is taken twice: the
// answer to gss.NeedFirstSeen for Kerberos. All services that share a key share one. It
// is a table of fixed size in which test and insert are one atomic act; an entry is
// forgotten when its time has passed, and a table that is full of entries that may
// still be replayed refuses (gss.Unreachable).
//
// answer.Memory does the same for keys that are counted, at four times the size.
type Replays struct {
	mu    sync.Mutex
	since int64
	slots []slot
	live  int    // slots in use, those that have passed too
	swept uint32 // when the table was last looked through, in seconds
	max   int
	now   func() time.Time
}

// slot is a remembered request: half of its hash, and until when it counts in seconds
// since the epoch, rounded up; 0 is free.
type slot struct {
	tag   [16]byte
	until uint32
}

// NewReplays is a memory of up to max requests, which takes 30 bytes for each (three
// slots of 20 bytes for two). since is when it began, in nanoseconds since the epoch: requests
// that may be older are refused (R4120-3.2.3-2, C34), which after a restart turns clients away for as
// long as the clocks may be apart. Now says so; 0 says that nothing was lost.
func NewReplays(max int, since int64) *Replays {
	if max < 1 {
		max = 1
	}
	return &Replays{max: max, slots: make([]slot, max+max/2+1), since: since, now: time.Now}
}

// Answer implements answer.Source. Keys that are counted, as Digest's are, it declines.
func (r *Replays) Answer(_ context.Context, q gss.Question) gss.Answer {
	need, ok := q.(gss.NeedFirstSeen)
	if !ok || need.Sequence != 0 {
		return gss.Declined{}
	}
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint32(nil, uint32(len(need.Scope))), need.Scope+need.Key...))
	var tag [16]byte
	copy(tag[:], sum[:])

	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	second := uint32(now.Unix())
	if need.Until < now.UnixNano() { // what is not remembered is never new
		return gss.FirstSeen{Since: r.since}
	}
	until := uint32(need.Until/int64(time.Second) + 1)
	at, found := r.find(tag)
	switch {
	case found && r.slots[at].until >= second:
		r.slots[at].until = max(r.slots[at].until, until)
		return gss.FirstSeen{Since: r.since}
	case !found && r.live >= r.max:
		if r.sweep(second); r.live >= r.max {
			return gss.Unreachable{}
		}
		at, _ = r.find(tag)
		fallthrough
	case !found:
		r.live++
	}
	r.slots[at] = slot{tag, until}
	return gss.FirstSeen{First: true, Since: r.since}
}

// find is where a tag stands, or the free slot where it would.
func (r *Replays) find(tag [16]byte) (at int, found bool) {
	at = int(binary.BigEndian.Uint64(tag[:]) % uint64(len(r.slots)))
	for r.slots[at].until != 0 {
		if r.slots[at].tag == tag {
			return at, true
		}
		if at++; at == len(r.slots) {
			at = 0
		}
	}
	return at, false
}

// sweep forgets what has passed: the entries that still count take their places anew.
// Once a second is enough, so that a full table costs little to refuse.
func (r *Replays) sweep(second uint32) {
	if r.swept == second {
		return
	}
	r.swept = second
	old := r.slots
	r.slots, r.live = make([]slot, len(old)), 0
	for _, s := range old {
		if s.until >= second {
			at, _ := r.find(s.tag)
			r.slots[at] = s
			r.live++
		}
	}
}

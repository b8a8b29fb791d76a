package answer

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

const second = int64(time.Second)

// nonce is a question as Digest asks it, request one as Kerberos does.
func nonce(owner, key string, count uint32, made, now, life int64) gss.NeedReplayCheck {
	return gss.NeedReplayCheck{Scope: "r", Owner: owner, Key: key, Sequence: count, Made: made, Now: now, Until: made + life, Forgettable: true}
}

func request(owner, key string, now, life int64) gss.NeedReplayCheck {
	return gss.NeedReplayCheck{Scope: "Kerberos", Owner: owner, Key: key, Made: now, Now: now, Until: now + life}
}

func put(m *ReplayCache, q gss.NeedReplayCheck) gss.ReplayVerdict {
	return m.Answer(context.Background(), q).(gss.ReplayVerdict)
}

var yes, no, full = gss.ReplayVerdict{First: true}, gss.ReplayVerdict{}, gss.ReplayVerdict{Full: true}

func TestMemoryTakesNothingTwice(t *testing.T) {
	m := &ReplayCache{Max: 10}
	for i, c := range []struct {
		key      string
		sequence uint32
		want     gss.ReplayVerdict
	}{
		{"a", 0, yes}, {"a", 0, no},
		{"n", 5, yes}, {"n", 3, yes}, {"n", 5, no}, {"n", 3, no}, {"n", 100, yes}, {"n", 4, no}, // behind the window
		{"b", 1, yes}, {"a", 0, no},
	} {
		if got := put(m, nonce("alice", c.key, c.sequence, 100*second, 100*second, 60*second)); got != c.want {
			t.Errorf("step %d (%s %d): %+v, want %+v", i, c.key, c.sequence, got, c.want)
		}
	}
	apart := func(scope, owner, key string, forgettable bool) gss.ReplayVerdict {
		return put(m, gss.NeedReplayCheck{Scope: scope, Owner: owner, Key: key, Now: second, Until: 60 * second, Forgettable: forgettable})
	}
	for _, q := range [][3]string{{"xy", "z", "k"}, {"x", "yz", "k"}, {"x", "y", "zk"}, {"xyz", "", "k"}} {
		if apart(q[0], q[1], q[2], true) != yes || apart(q[0], q[1], q[2], true) != no {
			t.Errorf("%q runs together with another", q)
		}
	}
	if apart("xy", "z", "k", false) != yes {
		t.Error("what may be forgotten runs together with what may not")
	}
	if got := m.Answer(context.Background(), gss.NeedVerifier{}); got != (gss.Declined{}) {
		t.Errorf("another question: %T", got)
	}
}

// The zero Memory works, with the room that it documents.
func TestMemoryZeroValue(t *testing.T) {
	m := new(ReplayCache)
	if put(m, request("alice", "k", second, 60*second)) != yes || put(m, request("alice", "k", second, 60*second)) != no {
		t.Error("the zero Memory")
	}
	room := 0
	for i := range m.shards {
		room += m.shards[i].room
	}
	if room != 1_350_000 || room != Room(1000, 10*time.Minute) {
		t.Errorf("room for %d", room)
	}
	for _, max := range []int{1, 2, 100, shardRoom, 2*shardRoom - 1, 2 * shardRoom, 100_001, math.MaxInt} {
		m := &ReplayCache{Max: max}
		m.begin()
		room, least := 0, math.MaxInt
		for i := range m.shards {
			room += m.shards[i].room
			least = min(least, m.shards[i].room)
		}
		if room != min(max, bounds.Replays) || least < 1 || len(m.shards) > maxShards || len(m.shards)&(len(m.shards)-1) != 0 {
			t.Errorf("Max %d: room for %d in %d shards, the least for %d", max, room, len(m.shards), least)
		}
	}
	requirement.Held(t, "unit:replay_zero_memory")
}

// What may be forgotten is, one owner at a time, the one that holds the most, and that
// owner alone is told so.
func TestMemoryForgetsOneOwner(t *testing.T) {
	m := &ReplayCache{Max: 10}
	now := 100 * second
	at := func(n int64) int64 { return now + n }
	for i := range int64(6) {
		if got := put(m, nonce("alice", fmt.Sprint("a", i), 1, at(i), now, 60*second)); got != yes {
			t.Fatalf("alice %d: %+v", i, got)
		}
	}
	for i := range int64(4) {
		if got := put(m, nonce("bob", fmt.Sprint("b", i), 1, at(i), now, 60*second)); got != yes {
			t.Fatalf("bob %d: %+v", i, got)
		}
	}
	// A nonce that both have used.
	if put(m, nonce("carol", "a3", 1, at(3), now, 60*second)) != yes {
		t.Error("carol has no room, and alice holds the most")
	}
	for i := range int64(6) {
		for _, count := range []uint32{1, 2} {
			if got := put(m, nonce("alice", fmt.Sprint("a", i), count, at(i), now, 60*second)); got.First && at(i) > got.Since || got.Since != at(5) {
				t.Errorf("alice's nonce %d, count %d: %+v, want one that is older than Since", i, count, got)
			}
		}
	}
	if got := put(m, nonce("alice", "new", 1, at(6), now, 60*second)); !got.First || got.Since >= at(6) {
		t.Errorf("alice's new nonce: %+v", got)
	}
	for i := range int64(4) {
		if put(m, nonce("bob", fmt.Sprint("b", i), 1, at(i), now, 60*second)) != no || put(m, nonce("bob", fmt.Sprint("b", i), 2, at(i), now, 60*second)) != yes {
			t.Errorf("bob's nonce %d is not as it was", i)
		}
	}
	if put(m, nonce("carol", "a3", 1, at(3), now, 60*second)) != no || put(m, nonce("carol", "a3", 2, at(3), now, 60*second)) != yes {
		t.Error("carol's count of a nonce that alice has used, too, is not as it was")
	}
	requirement.Held(t, "unit:replay_forgets_one_owner")
}

// What must not be forgotten is refused where an owner holds as much as is free, and
// others are not.
func TestMemoryShares(t *testing.T) {
	const room = 1200
	m := &ReplayCache{Max: room}
	now := 100 * second
	fill := func(owner string) (n int) {
		for ; put(m, request(owner, fmt.Sprint(n), now, 60*second)).First; n++ {
		}
		return n
	}
	if n := fill("alice"); n != room/2 {
		t.Errorf("alice alone has %d of %d entries", n, room)
	}
	for i := range 40 { // each finds less, and each finds something
		if n := fill(fmt.Sprint("owner ", i)); n < room>>(i+2) || i < 8 && n == 0 {
			t.Errorf("owner %d has %d of %d entries", i, n, room)
		}
	}
	if put(m, request("alice", "one more", now, 60*second)) != full {
		t.Error("alice has more than her share")
	}
	for i := range room / 2 {
		if put(m, request("alice", fmt.Sprint(i), now, 60*second)) != no {
			t.Fatalf("alice's request %d is taken a second time", i)
		}
	}
	// Her older ones make room when they have passed, without any sweeping of others.
	if put(m, request("alice", "later", now+62*second, 60*second)) != yes {
		t.Error("alice has no room though all that she holds has passed")
	}
	requirement.Held(t, "unit:replay_shares")
}

// Owners at once, in turns: each has as much as the others.
func TestMemoryManyOwners(t *testing.T) {
	for _, owners := range []int{2, 10, 1000} {
		m := &ReplayCache{Max: 10_000}
		held := make([]int, owners)
		for round := range 10_000 {
			if round > 10_000/owners+2 {
				break
			}
			for o := range owners {
				if put(m, request(fmt.Sprint(o), fmt.Sprint(round), second, 60*second)).First {
					held[o]++
				}
			}
		}
		for o, n := range held {
			if n < 10_000/(owners+1)-1 {
				t.Errorf("%d owners: %d has %d", owners, o, n)
			}
		}
	}
	// A thousand accounts of one attacker have filled it, and go on.
	m := &ReplayCache{Max: 10_000}
	for i := range 40_000 {
		put(m, nonce(fmt.Sprint(i%1000), fmt.Sprint(i), 1, int64(i), second, 60*second))
	}
	for i := range 5 {
		key := fmt.Sprint("bob", i)
		if put(m, nonce("bob", key, 1, int64(i), second, 60*second)) != yes {
			t.Errorf("bob's nonce %d", i)
		}
		for j := range 1000 {
			put(m, nonce(fmt.Sprint(j), fmt.Sprint("again", i, j), 1, int64(j), second, 60*second))
		}
	}
	for i := range 5 {
		if put(m, nonce("bob", fmt.Sprint("bob", i), 2, int64(i), second, 60*second)) != yes {
			t.Errorf("bob's nonce %d is forgotten, and others hold more", i)
		}
	}
}

// Owners without number, each with one entry: the marks of those that were forgotten
// have a bound, too, beyond which their Since becomes all owners'.
func TestMemoryMarksBounded(t *testing.T) {
	m := &ReplayCache{Max: 100}
	for i := int64(1); i <= 5000; i++ {
		if got := put(m, nonce(fmt.Sprint(i), "n", 1, i, second, 60*second)); !got.First || got.Since >= i {
			t.Fatalf("owner %d: %+v", i, got)
		}
		check(t, m)
	}
	for i := int64(1); i <= 5000; i++ {
		if got := put(m, nonce(fmt.Sprint(i), "n", 1, i, second, 60*second)); got.First && got.Since < i {
			t.Fatalf("owner %d, the second time: %+v", i, got)
		}
	}
}

// Digest that fills the memory keeps no Kerberos out of it, nor the other way round.
func TestMemoryIsSharedByBoth(t *testing.T) {
	m := &ReplayCache{Max: 100}
	for i := range int64(200) {
		put(m, nonce("alice", fmt.Sprint(i), 1, i, second, 60*second))
	}
	for i := range 50 {
		if got := put(m, request("bob", fmt.Sprint(i), second, 60*second)); got != yes {
			t.Fatalf("bob's request %d: %+v", i, got)
		}
	}
	if put(m, request("bob", "one more", second, 60*second)) != full {
		t.Error("bob has more than his share")
	}
	for i := range int64(200) {
		if got := put(m, nonce("carol", fmt.Sprint(i), 1, 1000+i, second, 60*second)); !got.First {
			t.Fatalf("carol's nonce %d: %+v", i, got)
		}
	}
	for i := range 50 {
		if put(m, request("bob", fmt.Sprint(i), second, 60*second)) != no {
			t.Fatalf("bob's request %d is taken a second time", i)
		}
	}
}

// C34: a memory that began says so, to all.
func TestMemorySince(t *testing.T) {
	m := &ReplayCache{Max: 2, Since: 100}
	if got := put(m, request("a", "k", second, 60*second)); got != (gss.ReplayVerdict{First: true, Since: 100}) {
		t.Errorf("%+v", got)
	}
	if got := put(m, nonce("a", "k", 1, 5, second, 60*second)); got != (gss.ReplayVerdict{First: true, Since: 100}) {
		t.Errorf("%+v", got)
	}
}

// Nothing is ever new twice, whatever is asked in which order, however small the
// memory, and wherever the clock jumps: what comes again is refused as seen, or is as
// old as the Since that comes with it.
func TestMemoryAgainstAll(t *testing.T) {
	type thing struct {
		owner, key  string
		count       uint32
		forgettable bool
	}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := &ReplayCache{Max: 1 + r.IntN(40)}
		taken := map[thing]bool{}
		now, life := 1000*second, int64(1+r.IntN(20))*second
		made := map[string]int64{}
		owners, keys := 1+r.IntN(30), 1+r.IntN(60)
		for range 400 {
			switch r.IntN(40) {
			case 0:
				now += int64(r.IntN(100)) * second
			case 1:
				now -= int64(r.IntN(100)) * second
			case 2:
				keys += 20
			default:
				now += int64(r.IntN(int(second)))
			}
			q := nonce(fmt.Sprint(r.IntN(owners)), fmt.Sprint(r.IntN(keys)), uint32(1+r.IntN(3)), 0, now, life)
			if r.IntN(3) == 0 {
				q.Scope, q.Forgettable, q.Sequence = "Kerberos", false, 0
			}
			id := fmt.Sprint(q.Scope, q.Owner, q.Key)
			if q.Forgettable {
				id = q.Key // nonces are not tied to users
			}
			if _, ok := made[id]; !ok {
				made[id] = now - int64(r.IntN(int(life)))
			}
			q.Made = made[id]
			q.Until = q.Made + life
			got := put(m, q)
			check(t, m)
			what := thing{q.Owner, q.Key, q.Sequence, q.Forgettable}
			accepted := got.First && q.Made > got.Since && q.Until >= now
			if got.First && got.Full || accepted && taken[what] {
				t.Fatalf("seed %d: %+v is new a second time: %+v", seed, q, got)
			}
			taken[what] = taken[what] || accepted
		}
	}
	requirement.Held(t, "unit:replay_never_twice")
}

// check looks through the whole of a small memory.
func check(t *testing.T, m *ReplayCache) {
	t.Helper()
	for i := range m.shards {
		s := &m.shards[i]
		live, hard, entries := 0, 0, 0
		for at := uint32(1); int(at) <= s.owners.slots.n; at++ {
			o := s.owners.slots.at(at)
			if o.tag == 0 {
				continue
			}
			n, last := 0, uint32(0)
			for e := o.head; e != 0; e = s.entries.slots.at(e).behind {
				if n++; s.entries.slots.at(e).owner != at {
					t.Fatal("an entry is in another owner's queue")
				}
				last = e
			}
			entries += n
			if last != o.tail || n != int(o.held) {
				t.Fatalf("an owner holds %d entries, its queue has %d", o.held, n)
			}
			found, _ := s.owners.find(o.tag)
			switch {
			case o.forgotten:
				if found == at || n == 0 {
					t.Fatal("an owner that was forgotten is there")
				}
				continue
			case found != at:
				t.Fatal("an owner is not found")
			case o.forgettable && s.rungs.at(o.rung).held != o.held:
				t.Fatal("an owner is on the wrong rung")
			case !o.forgettable:
				hard += n
			}
			live += n
		}
		if live != s.live || hard != s.hard || entries != s.entries.used || entries > s.room || s.owners.used > s.room*9/8+9 {
			t.Fatalf("live %d (%d), hard %d (%d), entries %d (%d), room %d, owners %d", live, s.live, hard, s.hard, entries, s.entries.used, s.room, s.owners.used)
		}
		below := uint32(0)
		for r := s.bottom; r != 0; r = s.rungs.at(r).up {
			if g := s.rungs.at(r); g.down != below || below != 0 && g.held <= s.rungs.at(below).held || g.first == 0 {
				t.Fatal("the rungs are out of order")
			}
			below = r
		}
		if below != s.top {
			t.Fatal("the top is not the top")
		}
	}
}

// A question touches a bounded number of entries, whatever the memory is full of, and
// allocates nothing but room for entries.
func TestMemoryWork(t *testing.T) {
	m := &ReplayCache{Max: shardRoom}
	most, r := 0, rand.New(rand.NewPCG(1, 2))
	ask := func(q gss.NeedReplayCheck) {
		put(m, q)
		most = max(most, m.shards[0].entries.touched)
	}
	now := second
	for phase := range 6 {
		now += 100 * second // all that there was has expired
		for i := range 3 * shardRoom {
			owner := fmt.Sprint(phase)
			switch phase % 3 {
			case 1:
				owner = fmt.Sprint(phase, r.IntN(100))
			case 2:
				owner = fmt.Sprint(phase, i)
			}
			if phase%2 == 0 {
				ask(nonce(owner, fmt.Sprint(phase, i), 1, now, now, 60*second))
			} else {
				ask(request(owner, fmt.Sprint(phase, i), now, 60*second))
			}
			now += second / 100
		}
	}
	if most > maxTouched {
		t.Errorf("a question touched %d entries", most)
	}
	t.Logf("at most %d entries", most)

	n := 0
	keys := make([]string, 5000)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
	}
	if allocs := testing.AllocsPerRun(2000, func() { put(m, request("alice", keys[n], now, 60*second)); n++ }); allocs > 0 {
		t.Errorf("%v allocations for a question that is new", allocs)
	}
	if allocs := testing.AllocsPerRun(100, func() { put(m, request("alice", keys[0], now, 60*second)) }); allocs > 0 {
		t.Errorf("%v allocations for one that was seen", allocs)
	}
	requirement.Held(t, "unit:replay_work_bounded")
}

// What an entry takes, and an owner, as the documentation says.
func TestMemorySize(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	const n = 100_000
	for _, c := range []struct {
		name  string
		owner func(int) string
		most  uint64
	}{
		{"one owner", func(int) string { return "alice" }, 48},
		{"many owners", func(i int) string { return fmt.Sprint(i) }, 48 + 70},
	} {
		before := heap()
		m := &ReplayCache{Max: 4 * n}
		for i := range n {
			put(m, request(c.owner(i), fmt.Sprint(i), second, 60*second))
		}
		if size := (heap() - before) / n; size > c.most || m.held.Load() != n {
			t.Errorf("%s: %d bytes an entry, want at most %d", c.name, size, c.most)
		} else {
			t.Logf("%s: %d bytes an entry", c.name, size)
		}
		runtime.KeepAlive(m)
	}
}

// As many logins as Room is asked for go on without end, also of one owner, and take
// no more room than at first.
func TestMemoryHoldsTheRate(t *testing.T) {
	const rate, life = 50, 600
	for _, owners := range []int{1, 2, 1000} {
		m := &ReplayCache{Max: Room(rate, life*time.Second)}
		now, most := second, int64(0)
		for i := range 3 * rate * life {
			if got := put(m, request(fmt.Sprint(i%owners), fmt.Sprint(i), now, life*second)); got != yes {
				t.Fatalf("%d owners: login %d, after %d s: %+v", owners, i, now/second, got)
			}
			now += second / rate
			most = max(most, m.held.Load())
		}
		if most > rate*life*5/4 {
			t.Errorf("%d owners: %d entries were held, of which %d had not expired", owners, most, rate*life)
		}
	}
	requirement.Held(t, "unit:replay_holds_the_rate")
}

// The log hears of a memory that fills up, once.
func TestMemoryLog(t *testing.T) {
	var heard [][2]int
	m := &ReplayCache{Max: 100, Log: func(held, max int) { heard = append(heard, [2]int{held, max}) }}
	fill := func(now int64) {
		for i := range int64(300) {
			put(m, nonce(fmt.Sprint(i%7), fmt.Sprint(now, i), 1, now, now, 60*second))
		}
	}
	fill(second)
	if len(heard) != 1 || heard[0] != [2]int{80, 100} {
		t.Errorf("%+v", heard)
	}
	for i := range int64(100) { // time passes, and little is asked
		put(m, nonce("x", fmt.Sprint(i), 1, i, (100+100*i)*second, 60*second))
	}
	fill(100_000 * second)
	if len(heard) != 2 {
		t.Errorf("the second time: %+v", heard)
	}
}

// Of many that ask at once about the same, one is told that it is new; -race looks on.
func TestMemoryIsAtomic(t *testing.T) {
	m := &ReplayCache{Max: 64 * shardRoom}
	var wg sync.WaitGroup
	var counts, requests atomic.Int32
	for w := range 8 {
		wg.Go(func() {
			for n := range uint32(50) {
				if put(m, nonce("alice", "n", n+1, second, second, 60*second)).First {
					counts.Add(1)
				}
			}
			for n := range 2000 {
				if put(m, request(fmt.Sprint(n%3), fmt.Sprint(n), second, 60*second)).First {
					requests.Add(1)
				}
				put(m, nonce(fmt.Sprint(w), fmt.Sprint(n), 1, int64(n), second, 60*second))
			}
		})
	}
	wg.Wait()
	if counts.Load() != 50 || requests.Load() != 2000 {
		t.Errorf("%d counts, %d requests; want 50, 2000", counts.Load(), requests.Load())
	}
}

func BenchmarkMemory(b *testing.B) {
	keys := make([]string, 1<<16)
	for i := range keys {
		keys[i] = fmt.Sprint("a nonce of common length, number ", i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		m := new(ReplayCache)
		for n := 0; pb.Next(); n++ {
			put(m, request("alice@example.org", keys[n%len(keys)], int64(n)*second/1000, 30*second))
		}
	})
}

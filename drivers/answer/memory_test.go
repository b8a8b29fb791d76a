package answer

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// at is a memory with a clock of the test's.
func at(max int, now *int64) *Memory { return &Memory{Max: max, now: func() int64 { return *now }} }

func first(m *Memory, key string, sequence uint32, until int64) gss.Answer {
	return m.Answer(context.Background(), gss.NeedFirstSeen{Scope: "s", Key: key, Sequence: sequence, Until: until})
}

func TestMemoryTakesNothingTwice(t *testing.T) {
	now := int64(100)
	m := at(10, &now)
	yes, no := gss.FirstSeen{First: true}, gss.FirstSeen{}
	for i, c := range []struct {
		key      string
		sequence uint32
		want     gss.Answer
	}{
		{"a", 0, yes}, {"a", 0, no},
		{"n", 5, yes}, {"n", 3, yes}, {"n", 5, no}, {"n", 3, no}, {"n", 100, yes}, {"n", 4, no}, // behind the window
		{"b", 1, yes}, {"a", 0, no},
	} {
		if got := first(m, c.key, c.sequence, 200); got != c.want {
			t.Errorf("step %d (%s %d): %+v, want %+v", i, c.key, c.sequence, got, c.want)
		}
	}
	ambiguous := func(scope, key string) gss.Answer {
		return m.Answer(context.Background(), gss.NeedFirstSeen{Scope: scope, Key: key, Until: 200})
	}
	if ambiguous("xy", "z") != yes || ambiguous("x", "yz") != yes || ambiguous("xy", "z") != no {
		t.Error("scope and key run together")
	}
	if got := m.Answer(context.Background(), gss.NeedVerifier{}); got != (gss.Declined{}) {
		t.Errorf("another question: %T", got)
	}
}

// What is full refuses; it never forgets what could still be replayed.
func TestMemoryIsBounded(t *testing.T) {
	now := int64(100)
	m := at(2, &now)
	yes, no := gss.FirstSeen{First: true}, gss.FirstSeen{}
	for i, c := range []struct {
		now, until int64
		key        string
		want       gss.Answer
	}{
		{100, 200, "a", yes},
		{100, 300, "b", yes},
		{100, 400, "c", gss.Unreachable{}},
		{100, 200, "a", no},
		{200, 400, "c", gss.Unreachable{}}, // a's last moment
		{201, 400, "c", yes},
		{201, 300, "b", no},
		{201, 200, "a", no}, // its time has passed, and nothing would remember it
		{301, 500, "d", yes},
		{301, 600, "c", no}, // now kept for longer
		{501, 600, "c", no},
		{501, 600, "e", yes},
		{601, 700, "f", yes},
	} {
		now = c.now
		if got := first(m, c.key, 0, c.until); got != c.want {
			t.Errorf("step %d (%s): %+v, want %+v", i, c.key, got, c.want)
		}
		if len(m.entries) > 2 || len(m.entries) != len(m.expiry) {
			t.Errorf("step %d: %d entries, %d to expire", i, len(m.entries), len(m.expiry))
		}
	}
	if got := first(new(Memory), "a", 0, 1<<62); got != (gss.Unreachable{}) {
		t.Errorf("the zero Memory: %+v", got)
	}
}

// C34: only a strict memory says since when it remembers.
func TestMemorySince(t *testing.T) {
	now := int64(100)
	m := at(2, &now)
	m.Strict = true
	first(m, "a", 0, 200)
	now = 150
	if got := first(m, "b", 0, 200); got != (gss.FirstSeen{First: true, Since: 100}) {
		t.Errorf("%+v", got)
	}
}

func TestMemoryIsAtomic(t *testing.T) {
	m := &Memory{Max: 100}
	var wg sync.WaitGroup
	var firsts atomic.Int32
	for range 8 {
		wg.Go(func() {
			for n := range uint32(50) {
				if first(m, "n", n+1, 1<<62) == (gss.FirstSeen{First: true}) {
					firsts.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := firsts.Load(); n != 50 {
		t.Errorf("%d firsts, want 50", n)
	}
}

package gss

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The Window against a model that remembers everything.
func TestWindowIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Window
		var high uint32
		seen := map[uint32]bool{}
		near := func(t *rapid.T) uint32 {
			low := uint32(0)
			if high > 2*WindowSize {
				low = high - 2*WindowSize
			}
			top := uint32(min(uint64(high)+2*WindowSize, math.MaxUint32))
			return rapid.Uint32Range(low, top).Draw(t, "near")
		}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			var n uint32
			switch rapid.IntRange(0, 19).Draw(t, "kind") {
			case 0:
				n = rapid.Uint32().Draw(t, "any")
			case 1:
				n = math.MaxUint32 - rapid.Uint32Range(0, 3).Draw(t, "end")
			default:
				n = near(t)
			}
			tooOld := high >= WindowSize && n <= high-WindowSize
			want := n != 0 && !seen[n] && !tooOld
			before := w
			next, got := w.Admit(n)
			if got != want {
				t.Fatalf("%d after %d: admitted %v, expected %v", n, high, got, want)
			}
			if before != w || !got && next != w {
				t.Fatal("a refusal, or the call itself, changed the window")
			}
			if _, again := next.Admit(n); again {
				t.Fatalf("%d was admitted twice", n)
			}
			if w = next; got {
				seen[n] = true
				high = max(high, n)
			}
		}
	})
}

func TestWindowEdges(t *testing.T) {
	var w Window
	for _, test := range []struct {
		n    uint32
		want bool
	}{
		{0, false}, {1, true}, {1, false}, {64, true}, {2, true}, {65, true}, {1, false}, {3, true}, {3, false},
		{65 + 63, true}, {65, false}, {66, true}, {64, false}, {1 << 20, true}, {1<<20 - 63, true}, {1<<20 - 64, false},
		{math.MaxUint32, true}, {math.MaxUint32, false}, {math.MaxUint32 - 63, true}, {1 << 20, false}, {0, false},
	} {
		var got bool
		if w, got = w.Admit(test.n); got != test.want {
			t.Errorf("%d: %v, expected %v", test.n, got, test.want)
		}
	}
}

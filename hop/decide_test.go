package hop

import (
	"testing"

	"github.com/countersign-auth/countersign/machine"
)

// What was written is never sent elsewhere; what was not goes out on a new connection,
// unless a handshake ties it to the old one or the connection was new already.
func TestLoss(t *testing.T) {
	for _, c := range []struct {
		loss Loss
		next Next
	}{
		{Loss{}, Tell},
		{Loss{Idle: true}, Tell},
		{Loss{Served: true}, Tell},
		{Loss{Unsent: true}, Tell},
		{Loss{Unsent: true, Idle: true}, Anew},
		{Loss{Unsent: true, Idle: true, Pinned: true}, Anew},
		{Loss{Unsent: true, Served: true}, Again},
		{Loss{Unsent: true, Served: true, Pinned: true}, Tell},
		{Loss{Unsent: true, Pinned: true}, Tell},
	} {
		if got := c.loss.Next(); got != c.next {
			t.Errorf("%+v: %d, want %d", c.loss, got, c.next)
		}
	}
	for loss, want := range map[Loss]machine.Lost{
		{}:                        {Silent: true},
		{Heard: true, Idle: true}: {Idle: true},
		{Unsent: true}:            {Unsent: true, Silent: true},
	} {
		if got := loss.Event(); got != want {
			t.Errorf("%+v: %+v, want %+v", loss, got, want)
		}
	}
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		fits []Fit
		want int
	}{
		{nil, -1},
		{[]Fit{Unfit, Unfit}, -1},
		{[]Fit{Fits, Fits, Unfit}, 1},
		{[]Fit{FitsBest, Fits, Unfit}, 0},
		{[]Fit{FitsBest, FitsBest, Fits}, 1},
	} {
		if got := Pick(len(c.fits), func(i int) Fit { return c.fits[i] }); got != c.want {
			t.Errorf("%v: %d, want %d", c.fits, got, c.want)
		}
	}
}

func TestEvict(t *testing.T) {
	for _, c := range []struct {
		keys         string // of the idle connections; the new one's is a
		most, perKey int
		want         int
	}{
		{"", 8, 2, -1},
		{"ba", 8, 2, -1},
		{"baca", 8, 2, 1},
		{"baca", 4, 3, 0},
		{"bcde", 4, 1, 0},
		{"abaa", 4, 3, 0},
	} {
		got := Evict(len(c.keys), func(i int) bool { return c.keys[i] == 'a' }, c.most, c.perKey)
		if got != c.want {
			t.Errorf("%q, at most %d and %d of a key: %d, want %d", c.keys, c.most, c.perKey, got, c.want)
		}
	}
}

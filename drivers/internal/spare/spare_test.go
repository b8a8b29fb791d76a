package spare

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-auth/countersign/hop"
)

// A connection is given out once, or closed once: because there are too many, because it was
// idle for too long, or with the list. Closing may use the list.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l List[string]
		var closed []string
		put := func(c string, long time.Duration) {
			l.Put(c, Bounds{Most: 3, PerKey: 2, Long: long}, func(other string) bool { return other[0] == c[0] }, func(c string) {
				l.Len()
				closed = append(closed, c)
			})
		}
		take := func(key byte) string {
			c, _ := l.Take(func(c string) hop.Fit {
				if c[0] != key {
					return hop.Unfit
				}
				return hop.Fits
			})
			return c
		}
		wantClosed := func(want ...string) {
			t.Helper()
			if synctest.Wait(); !slices.Equal(closed, want) {
				t.Errorf("closed %q, want %q", closed, want)
			}
			closed = nil
		}
		put("a1", 0)
		put("a2", time.Second)
		put("a3", time.Minute)
		wantClosed("a1")
		if c := take('b'); c != "" {
			t.Errorf("%q goes to a request that it does not fit", c)
		}
		if c := take('a'); c != "a3" {
			t.Errorf("%q is given out, want the one that was used last", c)
		}
		time.Sleep(time.Hour)
		wantClosed("a2")
		if n := l.Len(); n != 0 {
			t.Errorf("%d connections are left, want none", n)
		}
		put("b1", time.Minute)
		put("c1", 0)
		if l.Close(); l.Len() != 0 {
			t.Error("Close left some in the list")
		}
		time.Sleep(time.Hour)
		wantClosed("c1", "b1")
	})
}

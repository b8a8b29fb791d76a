package entropy_test

import (
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
)

// Each Env has the present time and a seed that no other has (HTA-3).
func TestEnv(t *testing.T) {
	before := time.Now().UnixNano()
	seen := map[gss.Seed]bool{}
	for range 1000 {
		e := entropy.Env()
		if e.Seed.IsZero() || seen[e.Seed] {
			t.Fatal("a seed is zero, or came twice")
		}
		seen[e.Seed] = true
		if e.Now < before || e.Now > time.Now().UnixNano() {
			t.Fatalf("the time is %d", e.Now)
		}
	}
}

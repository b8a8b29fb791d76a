package gsstoy

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// FuzzToyStep feeds arbitrary tokens to both sides at every stage. The oracle
// is in lawful: no error, no panic, pure, comparable.
func FuzzToyStep(f *testing.F) {
	f.Add([]byte("toy:c1"), []byte("toy:f"), uint16(0x1ff))
	f.Add([]byte("toy:i1:u=alice"), []byte("toy:i2:u=alice:p=c4nary-s3cret:b=-"), uint16(1))
	f.Add([]byte("toy:i1:u=%00:n=beef"), []byte("toy:x"), uint16(2))
	f.Fuzz(func(t *testing.T, first, second []byte, bits uint16) {
		on := func(i int) bool { return bits>>i&1 == 1 }
		toy := Toy{Legs: uint8(bits>>8) % 4, Final: on(0), Mutual: on(1), Integrity: on(2), Asks: on(3), Refuses: on(4),
			OpensWithToken: on(5), Early: on(6), Fresh: on(7), Identity: "alice", Secret: secret}
		c := newTalk(t, toy, toy)
		for _, ctx := range []gss.Context{c.i, c.a} {
			next, out := c.step(ctx, gss.Input{})
			for _, from := range []gss.Context{ctx, next} {
				next, out = c.step(from, gss.Input{Token: gss.TokenOf(string(first))})
				next, out = c.step(next, gss.Input{Token: gss.TokenOf(string(second))})
				if out.State == gss.Complete && from == c.a && next.Info().Peer == "" {
					t.Fatal("complete without a name")
				}
			}
		}
		i, a := sessions(t)
		for _, s := range []gss.Session{i, a} {
			if same, fault := s.VerifyMIC(string(second), string(first)); !fault.IsZero() && same != s {
				t.Fatal("a forged MIC moved the session (NLMP-3.4.4-1)")
			}
			if same, _, _, fault := s.Unwrap(string(first)); !fault.IsZero() && same != s {
				t.Fatal("a forged message moved the session (NLMP-3.4.4-1)")
			}
		}
	})
}

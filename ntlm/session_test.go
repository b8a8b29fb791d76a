package ntlm

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

const sessionFlags = ntlmssp.FlagESS | ntlmssp.FlagSign | ntlmssp.FlagSeal | ntlmssp.Flag128 | ntlmssp.FlagKeyExchange

func pair(t testing.TB, flags ntlmssp.Flags) (i, a gss.Session) {
	t.Helper()
	i, fi := NewSession(uint32(flags), specExported, true)
	a, fa := NewSession(uint32(flags), specExported, false)
	if !fi.IsZero() || !fa.IsZero() {
		t.Fatal(fi, fa)
	}
	return i, a
}

// prop: only the other side can verify and decrypt what one side protects, in every mode.
func TestPropertySession(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		flags := ntlmssp.FlagSign | ntlmssp.FlagSeal
		for _, f := range []ntlmssp.Flags{ntlmssp.FlagESS, ntlmssp.Flag128, ntlmssp.Flag56, ntlmssp.FlagKeyExchange, ntlmssp.FlagDatagram, ntlmssp.FlagLMKey} {
			if rapid.Bool().Draw(rt, f.String()) {
				flags |= f
			}
		}
		i, a := pair(t, flags)
		third, _ := NewSession(uint32(flags), Key{0: 1, 5: 1, 15: 1}, false)
		for range rapid.IntRange(1, 8).Draw(rt, "messages") {
			from, to := &i, &a
			if rapid.Bool().Draw(rt, "from the acceptor") {
				from, to = to, from
			}
			message := string(rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "message"))
			kept := *from
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 0:
				next, mic, fault := (*from).MIC(message)
				if !fault.IsZero() || len(mic) != signatureSize {
					rt.Fatal(fault)
				}
				if same, fault := (*to).VerifyMIC(message+"x", mic); fault.Code != gss.NotAuthentic || same != *to {
					rt.Fatalf("another message: %v", fault)
				}
				if _, fault := third.VerifyMIC(message, mic); fault.IsZero() {
					rt.Fatal("another key verifies")
				}
				opened, fault := (*to).VerifyMIC(message, mic)
				if !fault.IsZero() {
					rt.Fatal(fault)
				}
				if again, fault := opened.VerifyMIC(message, mic); fault.IsZero() || again != opened {
					rt.Fatal("the same MIC twice")
				}
				*from, *to = next, opened
			default:
				// Without a key exchange the two cannot be mixed, see Unwrap.
				seal := !flags.Has(ntlmssp.FlagKeyExchange) || rapid.Bool().Draw(rt, "seal")
				next, token, fault := (*from).Wrap(gss.Env{}, message, seal)
				if !fault.IsZero() {
					rt.Fatal(fault)
				}
				broken := []byte(token)
				bit := rapid.IntRange(0, 8*len(broken)-1).Draw(rt, "bit")
				broken[bit/8] ^= 1 << (bit % 8)
				harmless := !flags.Has(ntlmssp.FlagESS) && 4 <= bit/8 && bit/8 < 8 // the padding is not verified
				same, plain, _, fault := (*to).Unwrap(string(broken))
				// Nor is the same message in the clear a forgery, where its signature is
				// the same: the key stream may have been but one bit.
				harmless = harmless || fault.IsZero() && plain == message && bit/8 >= signatureSize && flags.Has(ntlmssp.FlagESS) && !flags.Has(ntlmssp.FlagKeyExchange)
				if fault.IsZero() != harmless || !harmless && same != *to {
					rt.Fatalf("bit %d flipped: %v", bit, fault)
				}
				opened, plain, sealed, fault := (*to).Unwrap(token)
				if plain != message || !fault.IsZero() || sealed != seal && message != "" {
					rt.Fatalf("%q became %q, sealed %v, %v", message, plain, sealed, fault)
				}
				if again, _, _, fault := opened.Unwrap(token); fault.IsZero() || again != opened {
					rt.Fatal("the same message twice")
				}
				// Our own messages are not the peer's.
				if _, _, _, fault := next.Unwrap(token); fault.IsZero() && flags.Has(ntlmssp.FlagESS) {
					rt.Fatal("a message of our own is taken")
				}
				*from, *to = next, opened
			}
			// The old value is as it was, and makes the same again.
			if kept == *from {
				rt.Fatal("a session did not move")
			}
		}
	})
}

// kit:NTLM/sequence (NLMP-3.4.4-1).
func TestSequence(t *testing.T) {
	i, a := pair(t, sessionFlags)
	i, first, _ := i.Wrap(gss.Env{}, "first", true)
	i, second, _ := i.Wrap(gss.Env{}, "second", true)
	same, _, _, fault := a.Unwrap(second)
	if fault.Code != gss.Unexpected || same != a {
		t.Errorf("the second first: %v", fault)
	}
	b, _, _, _ := a.Unwrap(first)
	if _, _, _, fault = b.Unwrap(first); fault.Code != gss.Replayed {
		t.Errorf("the first again: %v", fault)
	}
	if _, plain, _, _ := b.Unwrap(second); plain != "second" {
		t.Errorf("then %q", plain)
	}
	s := i.(session)
	s.out.seq = math.MaxUint32
	if next, token, fault := s.MIC("x"); fault.Code != gss.LimitExceeded || token != "" || next != gss.Session(s) {
		t.Error(fault)
	}
	s.in.seq = math.MaxUint32
	if _, fault := s.VerifyMIC("x", "\x01\x00\x00\x0012345678\xff\xff\xff\xff"); fault.Code != gss.LimitExceeded {
		t.Error(fault)
	}
	for _, mic := range []string{"", "\x01\x00\x00\x00", "\x02\x00\x00\x0012345678\x00\x00\x00\x00", "\x01\x00\x00\x0012345678\x00\x00\x00\x00x"} {
		if _, fault := a.VerifyMIC("x", mic); fault.Code != gss.Malformed {
			t.Errorf("%x: %v", mic, fault)
		}
		requirement.Held(t, "kit:NTLM/sequence")
	}
	if _, _, _, fault := a.Unwrap("short"); fault.Code != gss.Malformed {
		t.Error(fault)
	}
}

// Datagrams come in any order, each once.
func TestDatagrams(t *testing.T) {
	i, a := pair(t, sessionFlags|ntlmssp.FlagDatagram)
	var sent []string
	for n := range 100 {
		var token string
		i, token, _ = i.Wrap(gss.Env{}, string(rune('A'+n)), true)
		sent = append(sent, token)
	}
	for _, n := range []int{3, 0, 2, 1, 70, 69, 99} {
		next, plain, sealed, fault := a.Unwrap(sent[n])
		if plain != string(rune('A'+n)) || !sealed {
			t.Fatalf("datagram %d: %q, %v", n, plain, fault)
		}
		if _, _, _, fault := next.Unwrap(sent[n]); fault.Code != gss.Replayed {
			t.Errorf("datagram %d again: %v", n, fault)
		}
		a = next
	}
	if _, _, _, fault := a.Unwrap(sent[4]); fault.Code != gss.Replayed {
		t.Errorf("a datagram out of the window: %v", fault)
	}
}

func TestSessionServices(t *testing.T) {
	if s, fault := NewSession(uint32(ntlmssp.FlagESS|ntlmssp.FlagAlwaysSign), specExported, true); fault.Code != gss.Unsupported || s != nil {
		t.Error("a session without signing")
	}
	s, _ := pair(t, sessionFlags&^ntlmssp.FlagSeal)
	if next, token, fault := s.Wrap(gss.Env{}, "x", true); fault.Code != gss.Unsupported || token != "" || next != s {
		t.Errorf("sealing that was not agreed on: %v", fault)
	}
	_, token, _ := s.Wrap(gss.Env{}, "plain", false)
	if token[signatureSize:] != "plain" {
		t.Errorf("%q", token)
	}
}

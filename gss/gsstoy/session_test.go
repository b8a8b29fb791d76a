package gsstoy

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
)

func sessions(t testing.TB) (i, a gss.Session) {
	toy := Toy{Legs: 2, Integrity: true, Fresh: true, Identity: "alice", Secret: secret}
	c := newTalk(t, toy, toy).run(gss.Token{})
	i, iOK := c.i.Session()
	a, aOK := c.a.Session()
	if !iOK || !aOK {
		t.Fatal("no session")
	}
	return i, a
}

func TestSessionBothWays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		i, a := sessions(t)
		for range rapid.IntRange(1, 12).Draw(rt, "messages") {
			from, to := &i, &a
			if rapid.Bool().Draw(rt, "back") {
				from, to = &a, &i
			}
			message := string(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(rt, "message"))
			switch kind := rapid.IntRange(0, 2).Draw(rt, "kind"); kind {
			case 0:
				next, mic, fault := (*from).MIC(message)
				if !fault.IsZero() {
					rt.Fatal(fault)
				}
				*from = next
				if same, fault := (*to).VerifyMIC(message+"x", mic); same != *to || fault.Code != gss.NotAuthentic {
					rt.Fatalf("another message: %v", fault)
				}
				next, fault = (*to).VerifyMIC(message, mic)
				if !fault.IsZero() {
					rt.Fatal(fault)
				}
				if same, fault := next.VerifyMIC(message, mic); same != next || fault.Code != gss.Replayed {
					rt.Fatalf("replay: %v", fault)
				}
				*to = next
			default:
				next, token, fault := (*from).Wrap(env, message, kind == 2)
				if !fault.IsZero() {
					rt.Fatal(fault)
				}
				*from = next
				next, plain, sealed, fault := (*to).Unwrap(token)
				if !fault.IsZero() || plain != message || sealed != (kind == 2) {
					rt.Fatalf("unwrap: %q %v %v", plain, sealed, fault)
				}
				if same, _, _, fault := next.Unwrap(token); same != next || fault.Code != gss.Replayed {
					rt.Fatalf("replay: %v", fault)
				}
				*to = next
			}
		}
	})
}

func TestSessionFaults(t *testing.T) {
	i, a := sessions(t)
	i2, first, _ := i.MIC("m")
	_, second, _ := i2.MIC("m")
	_, wrapped, _ := i.Wrap(env, "m", false)
	other := session{key: 1}
	for _, test := range []struct {
		name string
		mic  string
		want gss.Code
	}{
		{"a gap", second, gss.Unexpected},
		{"wrapped as MIC", wrapped, gss.Malformed},
		{"MIC with a payload", first + ":m", gss.Malformed},
		{"wrong sum", first[:len(first)-1] + "?", gss.NotAuthentic},
		{"empty", "", gss.Malformed},
		{"a number too many", strings.Replace(first, "i0", "i00", 1), gss.Malformed},
		{"a number too large", strings.Replace(first, "i0", "i4294967296", 1), gss.Malformed},
		{"nobody", strings.Replace(first, "i0", "x0", 1), gss.Malformed},
		{"no number", "toy:m:", gss.Malformed},
	} {
		same, fault := a.VerifyMIC("m", test.mic)
		if fault.Code != test.want || same != a {
			t.Errorf("%s: %v, expected %v", test.name, fault, test.want)
		}
	}
	if _, fault := i.VerifyMIC("m", first); fault.Code != gss.Unexpected {
		t.Errorf("reflected: %v", fault)
	}
	if _, fault := other.VerifyMIC("m", first); fault.Code != gss.NotAuthentic {
		t.Errorf("another context: %v", fault)
	}
	if _, _, _, fault := a.Unwrap(first); fault.Code != gss.Malformed {
		t.Errorf("MIC unwrapped: %v", fault)
	}
	last := session{sent: math.MaxUint32}
	if same, _, fault := last.MIC("m"); fault.Code != gss.LimitExceeded || same != last {
		t.Errorf("sequence numbers run out: %v", fault)
	}
	if same, _, fault := last.Wrap(env, "m", true); fault.Code != gss.LimitExceeded || same != last {
		t.Errorf("sequence numbers run out: %v", fault)
	}
}

package machine

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

func digestOffer(nonce string) header.Challenge {
	return header.ParamChallenge(scheme.Digest, fmt.Sprintf(`realm="r", nonce=%q, qop="auth"`, nonce))
}

func genFacts(t *rapid.T) Facts {
	f := Facts{At: int64(rapid.IntRange(0, 4).Draw(t, "at")), Forget: rapid.Bool().Draw(t, "forget"), Session: SessionWord(rapid.IntRange(0, 2).Draw(t, "session"))}
	f.Scheme = rapid.SampledFrom([]string{"", scheme.Negotiate, scheme.Digest}).Draw(t, "scheme")
	if f.Scheme == scheme.Digest {
		f.Memory = scheme.Memory{Offer: digestOffer(rapid.SampledFrom([]string{"m", "n"}).Draw(t, "nonce")),
			Count: rapid.Uint32Range(0, 3).Draw(t, "count"), Scope: rapid.SampledFrom([]string{"", "/a"}).Draw(t, "scope")}
	}
	return f
}

// Facts may be applied late, twice and in any order.
func TestFactsCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(genFacts), 0, 6).Draw(t, "facts")
		order := rapid.Permutation(append(append([]Facts(nil), facts...), facts...)).Draw(t, "order")
		var one, other Space
		for _, f := range facts {
			one = one.Learn(f)
		}
		for _, f := range order {
			other = other.Learn(f)
		}
		if one != other {
			t.Fatalf("%+v\n%+v", one, other)
		}
		if !reflect.ValueOf(one).Comparable() {
			t.Fatal("not comparable")
		}
	})
}

// Each lease of a nonce has a count of its own, whatever is learned in between of the
// same nonce, in whatever order.
func TestLeasesCount(t *testing.T) {
	requirement.Held(t, "unit:leases_count", "REPLAY-7")
	rapid.Check(t, func(t *rapid.T) {
		var s Space
		at := int64(0)
		learn := func(count uint32) {
			at += int64(rapid.IntRange(-1, 3).Draw(t, "dt"))
			s = s.Learn(Facts{At: max(at, 1), Scheme: scheme.Digest, Memory: scheme.Memory{Offer: digestOffer("n"), Count: count}})
		}
		learn(1)
		highest := uint32(1)
		var out []uint32
		for range 10 {
			if rapid.Bool().Draw(t, "deliver") && len(out) > 0 {
				learn(rapid.SampledFrom(out).Draw(t, "which"))
				continue
			}
			var l Lease
			if s, l = s.Lease("/"); l.Scheme != scheme.Digest || l.Memory.Count <= highest {
				t.Fatalf("count %d after %d", l.Memory.Count, highest)
			}
			highest = l.Memory.Count
			out = append(out, highest)
		}
	})
	requirement.Held(t, "prop:leases_count", "R7616-3.4-3")
}

func TestLease(t *testing.T) {
	var zero Space
	if s, l := zero.Lease("/"); s != zero || l != (Lease{}) {
		t.Errorf("the zero space knows something: %+v", l)
	}
	s := zero.Learn(Facts{At: 1, Scheme: scheme.Negotiate, Session: Supported})
	if _, l := s.Lease("/"); l.Scheme != scheme.Negotiate || !l.SessionBased || l.Memory.Count != 0 {
		t.Errorf("%+v", l)
	}
	s = s.Learn(Facts{At: 3, Forget: true, Session: Unsupported}).Learn(Facts{At: 2, Scheme: scheme.NTLM, Session: Supported})
	if _, l := s.Lease("/"); l != (Lease{}) {
		t.Errorf("what came before the failure is believed: %+v", l)
	}
	s = zero.Learn(Facts{At: 1, Scheme: scheme.Negotiate}).Learn(Facts{At: 2, Session: Supported})
	if _, l := s.Lease("/"); l.Scheme != scheme.Negotiate || !l.SessionBased {
		t.Errorf("the proxy's word on its connections takes away what is known of the origin: %+v", l)
	}
	if s := zero.Learn(Facts{Scheme: scheme.NTLM}); s != zero {
		t.Error("facts without a time are none")
	}
	s = zero.Learn(Facts{At: 1, Scheme: scheme.Digest, Memory: scheme.Memory{Offer: digestOffer("n"), Count: 4, Scope: "/a /b/"}})
	for uri, within := range map[string]bool{"/a": true, "/a/x": true, "/a?q": true, "/ab": false, "/b/": true, "/b/x": true, "/b": false, "/": false, "": false, "*": false, "a.example:443": false} {
		if _, l := s.Lease(uri); (l.Scheme != "") != within {
			t.Errorf("%q: %+v", uri, l)
		}
	}
	requirement.Held(t, "unit:lease_scope", "R9110-11.5-1")
}

// Of two facts the newer one counts, whichever comes first; of two of one time, the
// one that Space orders last, so that there is an order.
func TestFactsHaveAnOrder(t *testing.T) {
	digest := func(at int64, nonce string, count uint32, scope string, forget bool) Facts {
		return Facts{At: at, Scheme: scheme.Digest, Forget: forget, Memory: scheme.Memory{Offer: digestOffer(nonce), Count: count, Scope: scope}}
	}
	for _, row := range []struct {
		name        string
		older, last Facts
	}{
		{"time, whatever else", digest(1, "n", 9, "/b", true), digest(2, "m", 1, "/a", false)},
		{"a scheme", Facts{At: 1, Scheme: scheme.NTLM}, Facts{At: 1, Scheme: scheme.Negotiate}},
		{"a scheme before its offer", Facts{At: 1, Scheme: "A", Memory: scheme.Memory{Offer: digestOffer("z")}}, Facts{At: 1, Scheme: "B", Memory: scheme.Memory{Offer: digestOffer("a")}}},
		{"an offer before its count", digest(1, "m", 9, "", false), digest(1, "n", 1, "", false)},
		{"a count before the scope", digest(1, "n", 1, "/b", false), digest(1, "n", 2, "/a", false)},
		{"a scope before what is forgotten", digest(1, "n", 1, "/a", true), digest(1, "n", 1, "/b", false)},
		{"to forget", digest(1, "n", 1, "/", false), digest(1, "n", 1, "/", true)},
		{"forgetting alone is less than knowing", Facts{At: 1, Forget: true}, Facts{At: 1, Scheme: scheme.NTLM}},
	} {
		want := Space{}.Learn(row.last)
		if got := (Space{}).Learn(row.older).Learn(row.last); got != want {
			t.Errorf("%s: %+v", row.name, got)
		}
		if got := want.Learn(row.older); got != want {
			t.Errorf("%s, the other way round: %+v", row.name, got)
		}
	}
	word := func(at int64, w SessionWord) Facts { return Facts{At: at, Session: w} }
	for _, row := range [][2]Facts{
		{word(1, Unsupported), word(2, Supported)},
		{word(1, Supported), word(2, Unsupported)},
		{word(1, Supported), word(1, Unsupported)}, // the safe one
	} {
		want := Space{}.Learn(row[1])
		if (Space{}).Learn(row[0]).Learn(row[1]) != want || want.Learn(row[0]) != want {
			t.Errorf("%+v", row)
		}
	}
}

package gss

import (
	"crypto/fips140"
	"crypto/md5"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// The value is the one of a public NTLM test suite: a SHA-256 certificate hash
// and the MD5 of its structure.
func TestChannelHash(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("MD5 is barred: the binding is unavailable, see TestBindingThreeValues")
	}
	data := endPointPrefix + string(unhex(t, "e3ca49271e5089cc48ce82109f1324f41dbeddc29a777410c738f7868c4ff405"))
	sum, aware := BindingOf(data).Hash(false)
	if got := hex.EncodeToString(sum[:]); got != "6ea19df066da4622051f9c4f92c6df74" || !aware {
		t.Errorf("hash %s, aware %v", got, aware)
	}
	// An empty structure is not "no bindings": MD5 of twenty zero bytes.
	if got := channelHash(""); hex.EncodeToString(got[:]) != "441018525208457705bf09a8ee3c1093" {
		t.Errorf("hash of nothing %x", got)
	}
	requirement.Held(t, "unit:channel_binding_hash", "R4121-4.1.1.2-1")
}

// prop:binding_three_values (HTA-19): three values, no two of which are equal or
// look alike, under FIPS or not.
func TestBindingThreeValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data"))
		known := BindingOf(data)
		if data == "" {
			if known != (Binding{}) {
				t.Fatal("empty data is a binding")
			}
			return
		}
		all := []Binding{{}, NoBinding(), known}
		for i, b := range all {
			for j, c := range all {
				if (b == c) != (i == j) {
					t.Fatalf("%v == %v", b, c)
				}
			}
			got, ok := b.Data()
			if ok != (b == known) || b.IsNone() != (b == NoBinding()) {
				t.Fatalf("%v says it is another", b)
			}
			if ok && got != data || !ok && got != "" {
				t.Fatalf("%v has data %q", b, got)
			}
			for _, fips := range []bool{fips140.Enforced(), true} {
				sum, aware := b.Hash(fips)
				zero := sum == [md5.Size]byte{}
				if wantAware := b.IsNone() || ok && !fips; aware != wantAware {
					t.Fatalf("%v, fips %v: aware %v", b, fips, aware)
				}
				if wantZero := !ok || fips; zero != wantZero {
					t.Fatalf("%v, fips %v: sum %x", b, fips, sum)
				}
			}
		}
		if BindingOf(data+"x") == known {
			t.Fatal("different data, equal bindings")
		}
		requirement.Held(t, "prop:binding_three_values")
	})
}

func TestHashDoesNotAllocate(t *testing.T) {
	b := BindingOf(endPointPrefix + string(make([]byte, 64)))
	fips := fips140.Enforced()
	if n := testing.AllocsPerRun(100, func() { b.Hash(fips) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// prop:binding_among (BIND-1): an acceptor that shows one of several certificates
// admits a client that is bound to any of them and no client that is bound to another
// one, in whatever order they are listed, and however often; and the binding of a list
// with which nothing can be compared is an error, and admits no bound client either.
func TestBindingAmong(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("MD5 is barred: the binding is unavailable, see TestBindingThreeValues")
	}
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfNDistinct(rapid.StringN(1, 80, -1), 2, 12, rapid.ID[string]).Draw(t, "channels")
		outside, data := data[0], data[1:]
		var list []Binding
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(data)-1), 1, 20).Draw(t, "list") {
			list = append(list, BindingOf(data[i]))
		}
		among, err := BindingAmong(list...)
		if err != nil {
			t.Fatal(err)
		}
		if turned, _ := BindingAmong(append(list[1:len(list):len(list)], among)...); !sameHashes(turned, among) {
			t.Fatalf("%v from the same list in another order, %v before", turned, among)
		}
		if hashes, several := among.Hashes(); several {
			if again, ok := BindingOfHashes(hashes); !ok || again != among {
				t.Fatal("the hashes do not give the binding again")
			}
		}
		for demand := IfAvailable; demand.Valid(); demand++ {
			for _, b := range list {
				sum, _ := b.Hash(false)
				if bound, why := among.Admit(demand, false, true, string(sum[:])); why != "" || bound != (demand != Ignore) {
					t.Fatalf("demand %d: a client bound to one of %d: bound %v, %s", demand, len(list), bound, why)
				}
				if _, why := Undefined().Admit(demand, false, true, string(sum[:])); (why == "") != (demand == Ignore) {
					t.Fatalf("demand %d: a bound client where no binding is defined: %q", demand, why)
				}
			}
			sum, _ := BindingOf(outside).Hash(false)
			part, _ := list[0].Hash(false)
			for name, theirs := range map[string]string{"another channel": string(sum[:]), "none": zeroHash, "nothing": "", "part of one": string(part[:8]), "two of them": string(part[:]) + string(part[:])} {
				if bound, why := among.Admit(demand, false, true, theirs); bound || (why == "") != (demand == Ignore) {
					t.Fatalf("demand %d: a client bound to %s: bound %v, %q", demand, name, bound, why)
				}
			}
			if bound, why := among.Admit(demand, false, false, ""); bound || (why == "") != (demand != Require) {
				t.Fatalf("demand %d: a client that says nothing: bound %v, %q", demand, bound, why)
			}
		}
		if _, aware := among.Hash(false); aware != (among == list[0]) {
			t.Fatalf("%v has a hash to send: %v", among, aware)
		}
		requirement.Held(t, "prop:binding_among", "BIND-1")
	})
	for name, list := range map[string][]Binding{"nothing": nil, "an unavailable one": {BindingOf("a"), {}}, "none": {NoBinding(), BindingOf("a")}} {
		b, err := BindingAmong(list...)
		sum, _ := BindingOf("a").Hash(false)
		if _, why := b.Admit(IfAvailable, false, true, string(sum[:])); err == nil || why == "" {
			t.Errorf("%s: error %v, a bound client: %q", name, err, why)
		}
	}
}

// sameHashes reports whether clients of the same channels are admitted by both.
func sameHashes(a, b Binding) bool {
	if a == b {
		return true
	}
	x, ok := a.Hashes()
	y, also := b.Hashes()
	if !ok || !also || len(x) != len(y) {
		return false
	}
	for ; x != ""; x = x[md5.Size:] {
		if !amongHashes(y, x[:md5.Size]) {
			return false
		}
	}
	return true
}

func TestAdmitDoesNotAllocate(t *testing.T) {
	one := BindingOf(endPointPrefix + string(make([]byte, 64)))
	among, _ := BindingAmong(one, BindingOf("another"))
	fips := fips140.Enforced()
	sum := [md5.Size]byte{1}
	for _, b := range []Binding{one, among} {
		if n := testing.AllocsPerRun(100, func() { b.Admit(IfAvailable, fips, true, string(sum[:])) }); n != 0 {
			t.Errorf("%v: %v allocations", b, n)
		}
	}
}

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

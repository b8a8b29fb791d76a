package gss

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// RFC 5869 appendix A.1 to A.3: the expand step, its PRK taken as the seed.
func TestFillVectors(t *testing.T) {
	for _, test := range []struct{ name, prk, info, okm string }{
		{"A.1", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5", "f0f1f2f3f4f5f6f7f8f9",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"A.2", "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244", span(0xb0, 0xff),
			"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09" +
				"da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
		{"A.3", "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04", "",
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
	} {
		var env Env
		copy(env.Seed[:], unhex(t, test.prk))
		got, ok := env.Bytes(string(unhex(t, test.info)), len(test.okm)/2)
		if !ok || hex.EncodeToString([]byte(got)) != test.okm {
			t.Errorf("%s: %x", test.name, got)
		}
	}
}

func TestFillIsHKDFExpand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var env Env
		copy(env.Seed[:], rapid.SliceOfN(rapid.Byte(), SeedSize, SeedSize).Draw(t, "seed"))
		if env.Seed.IsZero() {
			env.Seed[0] = 1
		}
		label := string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "label"))
		n := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, maxEntropy)).Draw(t, "n")
		want, err := hkdf.Expand(sha256.New, env.Seed[:], label, n)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, n+1)
		dst[n] = 0xa5
		if !env.Fill(label, dst[:n]) || string(dst[:n]) != string(want) || dst[n] != 0xa5 {
			t.Fatal("Fill is not HKDF-Expand")
		}
		if got, ok := env.Bytes(label, n); !ok || got != string(want) {
			t.Fatal("Bytes is not HKDF-Expand")
		}
	})
}

func TestFillBounds(t *testing.T) {
	env := Env{Seed: Seed{1}}
	for _, n := range []int{-1, 0, maxEntropy + 1} {
		if got, ok := env.Bytes("label", n); ok || got != "" {
			t.Errorf("%d bytes were given", n)
		}
	}
	for _, n := range []int{1, sha256.Size, sha256.Size + 1, maxEntropy} {
		if got, ok := env.Bytes("label", n); !ok || len(got) != n {
			t.Errorf("%d bytes were refused", n)
		}
	}
	if env.Fill("label", nil) || env.Fill("label", make([]byte, maxEntropy+1)) {
		t.Error("Fill is out of bounds")
	}
}

// prop:zero_seed_fails_closed (HTA-3): no entropy is no entropy, and the buffer
// stays as it was.
func TestZeroSeedFailsClosed(t *testing.T) {
	env := Env{Now: 1}
	dst := []byte("untouched")
	if env.Fill("label", dst) || string(dst) != "untouched" {
		t.Error("the zero seed filled a buffer")
	}
	if got, ok := env.Bytes("label", 8); ok || got != "" {
		t.Errorf("the zero seed gave %q", got)
	}
	if !(Seed{}).IsZero() || (Seed{31: 1}).IsZero() {
		t.Error("IsZero")
	}
	requirement.Held(t, "prop:zero_seed_fails_closed", "HTA-3")
}

func TestLabelsAreIndependent(t *testing.T) {
	env := Env{Seed: Seed{1}}
	seen := map[string]string{}
	for _, label := range []string{"", "a", "b", "ab", "a\x00", "a\x01", "\x01", "\x01\x01", strings.Repeat("a", 63), strings.Repeat("a", 64)} {
		got, _ := env.Bytes(label, 32)
		if other, dup := seen[got]; dup {
			t.Errorf("labels %q and %q give the same bytes", label, other)
		}
		seen[got] = label
		env.Now++
		if again, _ := env.Bytes(label, 16); again != got[:16] {
			t.Errorf("label %q: time or length changes the bytes", label)
		}
	}
}

func TestFillDoesNotAllocate(t *testing.T) {
	env := Env{Seed: Seed{1}}
	label := strings.Repeat("l", 63)
	var dst [100]byte
	if n := testing.AllocsPerRun(100, func() { env.Fill(label, dst[:]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The floor is four compressions: two messages of two blocks.
func BenchmarkFill(b *testing.B) {
	env := Env{Seed: Seed{1}}
	var dst [32]byte
	b.Run("ours=32", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			env.Fill("ntlm server challenge", dst[:])
		}
	})
	b.Run("ours=8", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			env.Fill("ntlm server challenge", dst[:8])
		}
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		var block [64 + 32]byte
		for b.Loop() {
			sum := sha256.Sum256(block[:])
			copy(block[64:], sum[:])
			dst = sha256.Sum256(block[:])
		}
	})
	b.Run("hkdf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			hkdf.Expand(sha256.New, env.Seed[:], "ntlm server challenge", 32)
		}
	})
}

// span is the hexadecimal of the bytes from..to.
func span(from, to int) string {
	var b []byte
	for i := from; i <= to; i++ {
		b = append(b, byte(i))
	}
	return hex.EncodeToString(b)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

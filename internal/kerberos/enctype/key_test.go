package enctype

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

var all = []krb.EType{krb.AES128SHA1, krb.AES256SHA1, krb.AES128SHA256, krb.AES256SHA384, krb.RC4, krb.Camellia128, krb.Camellia256}

func someKey(t testing.TB, kind krb.EType) krb.Key {
	t.Helper()
	k, fault := RandomKey(kind, gss.Env{Seed: gss.Seed{1, byte(kind)}}, "test")
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return k
}

// What is encrypted opens with the same key and usage, prepared or not, and nothing
// else does: no other usage, no shorter text, no changed bit.
func TestEncryptDecrypt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := someKey(t, rapid.SampledFrom(all).Draw(rt, "type"))
		u := Usage(rapid.Uint32Range(1, 1100).Draw(rt, "usage"))
		plain := string(rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(rt, "plain"))
		sealed := Encrypt(k, u, strings.Repeat("c", ConfounderSize(k.Type())), plain)
		if len(sealed) != len(plain)+Overhead(k.Type()) {
			rt.Fatalf("%d bytes became %d", len(plain), len(sealed))
		}
		for _, open := range []func(Usage, string) (string, bool){func(u Usage, cipher string) (string, bool) { return Decrypt(k, u, cipher) }, Prepare(k, u).Decrypt, Prepare(k).Decrypt} {
			if got, ok := open(u, sealed); !ok || got != plain {
				rt.Fatalf("%v: does not open", k)
			}
			at, bit := rapid.IntRange(0, len(sealed)-1).Draw(rt, "byte"), rapid.IntRange(0, 7).Draw(rt, "bit")
			for _, other := range []string{sealed[:at] + string([]byte{sealed[at] ^ 1<<bit}) + sealed[at+1:], sealed[:at], sealed + "x"} {
				if _, ok := open(u, other); ok {
					rt.Fatalf("%v: another text opens", k)
				}
			}
			if _, ok := open(u+1, sealed); ok && u.message() != (u+1).message() {
				rt.Fatalf("%v: opens for another usage", k)
			}
		}
		sum := Checksum(k, u, plain)
		if len(sum) != ChecksumSize(k.Type()) || !Verify(k, u, plain, sum) || !Prepare(k, u).Verify(u, plain, sum) || Verify(k, u, plain+"x", sum) || Prepare(k, u).Verify(u, plain+"x", sum) || Verify(k, u, plain, sum[1:]) {
			rt.Fatalf("%v: checksum", k)
		}
	})
}

func TestDeadKeys(t *testing.T) {
	var k krb.Key
	if Encrypt(k, 2, "", "x") != "" || Checksum(k, 2, "x") != "" || PRF(k, "x") != "" || Verify(k, 2, "", "") || !k.IsZero() {
		t.Error("the zero Key does something")
	}
	if _, ok := Decrypt(k, 2, ""); ok {
		t.Error("the zero Key opens nothing")
	}
	if p := Prepare(k, 2); p.Verify(2, "", "") || !p.Key().IsZero() {
		t.Error("the zero Key, prepared, does something")
	}
	for _, kind := range all {
		for _, n := range []int{0, kind.KeySize() - 1, kind.KeySize() + 1} {
			if _, fault := krb.NewKey(kind, strings.Repeat("k", n)); fault.Code != gss.Malformed {
				t.Errorf("%v of %d bytes: %v", kind, n, fault)
			}
		}
		if _, fault := RandomKey(kind, gss.Env{}, "test"); fault.Code != gss.NoEntropy {
			t.Error(fault)
		}
		if back, ok := krb.ParseEType(kind.String()); !ok || back != kind || kind.KeySize() == 0 || !ChecksumOf(kind).Keyed() {
			t.Errorf("%v comes back as %v", kind, back)
		}
	}
	for _, kind := range []krb.EType{0, -1, 1, 3, 16, 21, 24, 27, 1 << 30, -1 << 31} {
		if _, fault := krb.NewKey(kind, ""); fault.Code != gss.Unsupported || kind.KeySize() != 0 {
			t.Errorf("%v: %v", kind, fault)
		}
	}
	if RSAMD5.Keyed() || ChecksumType(0).Keyed() || !HMACMD5.Keyed() {
		t.Error("which checksums have a key")
	}
}

// The KDC's parameters are a stranger's: what they ask for is bounded.
func TestStringToKeyBounds(t *testing.T) {
	secret := gss.NewSecret("secret")
	for params, want := range map[string]gss.Code{"\x00\x00\x00\x01": gss.NoFault, "\x00\x00\x00\x00": gss.NotPermitted, "\x00\x10\x00\x01": gss.NotPermitted, "\xFF\xFF\xFF\xFF": gss.NotPermitted, "\x00": gss.Malformed, "\x00\x00\x00\x00\x01": gss.Malformed} {
		if _, fault := StringToKey(krb.AES256SHA1, secret, "salt", params); fault.Code != want {
			t.Errorf("%x: %v", params, fault)
		}
	}
	if a, _ := StringToKey(krb.AES128SHA256, secret, "a", "\x00\x00\x00\x02"); a.IsZero() {
		t.Error("no key")
	}
}

func TestKeysDoNotShow(t *testing.T) {
	k, _ := krb.NewKey(krb.AES128SHA1, "canary-canary-16")
	holder := struct {
		K krb.Key
		P *Prepared
	}{k, Prepare(k, 2)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if s := fmt.Sprintf(verb, holder); strings.Contains(s, "canary") || strings.Contains(s, fmt.Sprintf("%x", "canary")) {
			t.Errorf("%s shows %s", verb, s)
		}
	}
	if b, err := json.Marshal(holder); err != nil || strings.Contains(string(b), "canary") {
		t.Errorf("%s, %v", b, err)
	}
}

// Under FIPS-only mode the types of RFC 8009 work, and the others are refused before
// anything is called that would panic.
func TestFIPS(t *testing.T) {
	if os.Getenv("ENCTYPE_TEST_IN_FIPS") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFIPS$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", "ENCTYPE_TEST_IN_FIPS=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "refused 5, taken 2") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if !fips140.Enforced() {
		t.Fatal("not in FIPS-only mode")
	}
	refused, taken := 0, 0
	for _, kind := range all {
		_, fault := krb.NewKey(kind, strings.Repeat("k", kind.KeySize()))
		_, s2k := StringToKey(kind, gss.NewSecret("a password"), "EXAMPLE.COMalice", "")
		switch {
		case fault.Code == gss.Unsupported && s2k.Code == gss.Unsupported:
			refused++
		case fault.IsZero() && s2k.IsZero():
			k := someKey(t, kind)
			if plain, ok := Decrypt(k, 2, Encrypt(k, 2, "0123456789abcdef", "plain")); !ok || plain != "plain" || PRF(k, "x") == "" {
				t.Errorf("%v does not work", kind)
			}
			taken++
		}
	}
	if _, ok := RSAMD5.Sum(krb.Key{}, 1, "x"); ok {
		t.Error("MD5")
	}
	fmt.Printf("refused %d, taken %d\n", refused, taken)
}

func FuzzDecrypt(f *testing.F) {
	k := someKey(f, krb.AES256SHA1)
	f.Add(0, uint32(2), Encrypt(k, 2, "0123456789abcdef", "plain"))
	f.Add(4, uint32(11), "")
	f.Fuzz(func(t *testing.T, kind int, u uint32, cipher string) {
		k := someKey(t, all[uint(kind)%uint(len(all))])
		if plain, ok := Decrypt(k, Usage(u), cipher); ok && len(plain)+Overhead(k.Type()) != len(cipher) {
			t.Error("opens to another length")
		}
		Verify(k, Usage(u), cipher, cipher)
	})
}

func TestAllocs(t *testing.T) {
	k := someKey(t, krb.AES256SHA1)
	sealed := Encrypt(k, UsageTicket, "0123456789abcdef", strings.Repeat("x", 300))
	p := Prepare(k, UsageTicket)
	if n := testing.AllocsPerRun(100, func() { p.Decrypt(UsageTicket, sealed) }); n > 3 {
		t.Errorf("prepared: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { Decrypt(k, UsageTicket, sealed) }); n > 8 {
		t.Errorf("not prepared: %v allocations", n)
	}
}

// BenchmarkDecrypt is a ticket of 300 bytes and an authenticator under a session key;
// the floor is the same with the standard library's parts and keys at hand.
func BenchmarkDecrypt(b *testing.B) {
	k := someKey(b, krb.AES256SHA1)
	sealed := Encrypt(k, UsageTicket, "0123456789abcdef", strings.Repeat("x", 300))
	b.Run("case=prepared/impl=floor", func(b *testing.B) {
		var d derived
		profile := profileOf(k.Type())
		profile.derive(k.Reveal(), UsageTicket, &d)
		block, _ := aes.NewCipher(d.ke[:])
		mac := hmac.New(sha1.New, d.ki[:])
		var iv [16]byte
		out := make([]byte, len(sealed))
		b.ReportAllocs()
		for b.Loop() {
			n := copy(out, sealed[:len(sealed)-12]) / 16 * 16
			cipher.NewCBCDecrypter(block, iv[:]).CryptBlocks(out[:n], out[:n])
			mac.Reset()
			mac.Write(out[:len(sealed)-12])
			mac.Sum(out[len(out):])
		}
	})
	for _, kind := range all {
		k := someKey(b, kind)
		sealed := Encrypt(k, UsageTicket, "0123456789abcdef", strings.Repeat("x", 300))
		p := Prepare(k, UsageTicket)
		b.Run("case=prepared/impl="+kind.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Decrypt(UsageTicket, sealed)
			}
		})
		b.Run("case=derived/impl="+kind.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decrypt(k, UsageTicket, sealed)
			}
		})
	}
}

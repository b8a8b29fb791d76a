package enctype

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// octets are hexadecimal in the file.
type octets string

func (o *octets) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*o = octets(b)
	return err
}

type vector struct {
	Type                                                             krb.EType
	Usage                                                            Usage
	Sum                                                              string
	Key, Input, Cipher, Password, Salt, Params, Constant, Data, Want octets
}

// TestVectors holds every operation to what the standards and another implementation
// publish.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ PRF, Decrypt, Password, Derive, Checksum []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	check := func(what string, rows []vector, least int, f func(vector) string) {
		if len(rows) < least {
			t.Errorf("%s: only %d vectors", what, len(rows))
		}
		for i, v := range rows {
			if got := f(v); got != string(v.Want) {
				t.Errorf("%s %d, %v: %x, want %x", what, i, v.Type, got, v.Want)
			}
		}
	}
	key := func(v vector) krb.Key {
		k, fault := krb.NewKey(v.Type, string(v.Key))
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		return k
	}
	check("PRF", file.PRF, 8, func(v vector) string { return PRF(key(v), string(v.Input)) })
	check("decryption", file.Decrypt, 30, func(v vector) string {
		k := key(v)
		plain, ok := Decrypt(k, v.Usage, string(v.Cipher))
		if !ok {
			return "not opened"
		}
		if prepared, ok := Prepare(k, v.Usage).Decrypt(v.Usage, string(v.Cipher)); !ok || prepared != plain {
			t.Errorf("%v: a prepared key opens something else", v.Type)
		}
		// The confounder stands in the first block, and with it the same comes out.
		var s sealer
		s.prepare(k, v.Usage)
		if again := Encrypt(k, v.Usage, confounderOf(&s, string(v.Cipher)), plain); again != string(v.Cipher) {
			t.Errorf("%v: encrypted again: %x, want %x", v.Type, again, v.Cipher)
		}
		return plain
	})
	check("string-to-key", file.Password, 30, func(v vector) string {
		k, fault := StringToKey(v.Type, gss.NewSecret(string(v.Password)), string(v.Salt), string(v.Params))
		if !fault.IsZero() {
			return fault.String()
		}
		return k.Reveal()
	})
	check("derivation", file.Derive, 30, func(v vector) string {
		p := profileOf(v.Type)
		u := Usage(v.Constant[0])<<24 | Usage(v.Constant[1])<<16 | Usage(v.Constant[2])<<8 | Usage(v.Constant[3])
		out := make([]byte, len(v.Want))
		p.deriveOne(string(v.Key), u, purpose(v.Constant[4]), out)
		return string(out)
	})
	sums := map[string]ChecksumType{"HMAC_MD5": HMACMD5, "HMAC_MD5_ARCFOUR": HMACMD5, "HMAC_SHA1_96_AES128": HMACSHA1AES128, "HMAC_SHA1_96_AES256": HMACSHA1AES256,
		"CMAC_CAMELLIA128": CMACCamellia128, "CMAC_CAMELLIA256": CMACCamellia256, "HMAC_SHA256_128_AES128": HMACSHA256AES128, "HMAC_SHA384_192_AES256": HMACSHA384AES256}
	check("checksum", file.Checksum, 9, func(v vector) string {
		kind, ok := sums[v.Sum]
		if !ok {
			return string(v.Want) // MD4 and DES, which are not implemented
		}
		k := key(v)
		sum, ok := kind.Sum(k, v.Usage, string(v.Data))
		if !ok || !kind.Verify(k, v.Usage, string(v.Data), sum) || kind.Verify(k, v.Usage+1, string(v.Data), sum) {
			return fmt.Sprintf("%s does not verify, or for another usage too", v.Sum)
		}
		if kind == ChecksumOf(v.Type) && !Prepare(k, v.Usage).Verify(v.Usage, string(v.Data), sum) {
			return "a prepared key does not verify it"
		}
		return sum
	})
}

// confounderOf opens a ciphertext and keeps what Decrypt drops.
func confounderOf(s *sealer, cipher string) string {
	if s.p.family == stream {
		text := []byte(cipher[16:])
		rc4Crypt(&s.ki, []byte(cipher[:16]), text)
		return string(text[:8])
	}
	text := []byte(cipher[:len(cipher)-s.p.sum])
	decryptCTS(s.block, make([]byte, spareSize), text)
	return string(text[:s.p.confounder])
}

// RFC 3961 appendix A.1.
func TestNFold(t *testing.T) {
	for _, row := range []struct {
		in   string
		bits int
		want string
	}{
		{"012345", 64, "be072631276b1955"}, {"password", 56, "78a07b6caf85fa"}, {"Rough Consensus, and Running Code", 64, "bb6ed30870b7f0e0"},
		{"password", 168, "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"}, {"MASSACHVSETTS INSTITVTE OF TECHNOLOGY", 192, "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b"},
		{"Q", 168, "518a54a2 15a8452a 518a54a2 15a8452a 518a54a2 15"}, {"ba", 168, "fb25d531 ae897449 9f52fd92 ea9857c4 ba24cf29 7e"},
		{"kerberos", 64, "6b657262 65726f73"}, {"kerberos", 128, "6b657262 65726f73 7b9b5b2b 93132b93"},
		{"kerberos", 168, "8372c236 344e5f15 50cd0747 e15d62ca 7a5a3bce a4"}, {"kerberos", 256, "6b657262 65726f73 7b9b5b2b 93132b93 5c9bdcda d95c9899 c4cae4de e6d6cae4"},
	} {
		var want octets
		if err := want.UnmarshalText([]byte(spaceless(row.want))); err != nil {
			t.Fatal(err)
		}
		if got := nfold(row.in, row.bits/8); got != string(want) {
			t.Errorf("%d-fold(%q) = %x, want %x", row.bits, row.in, got, want)
		}
	}
}

func spaceless(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] != ' ' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

package gss

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recordedCertificate is a certificate that other programs made, with what they
// computed for it: "recorded" ones with the binding that a client and a server
// agreed on, in NTLM with the hash that went over the wire; "OpenSSL" ones with
// the digest that OpenSSL gives. No ApplicationData: the RFC defines none.
type recordedCertificate struct {
	Name            string `json:"name"`
	Certificate     []byte `json:"certificate"`
	ApplicationData []byte `json:"application_data"`
	NTLMHash        string `json:"ntlm_hash"`
}

func recordedCertificates(t testing.TB) []recordedCertificate {
	t.Helper()
	text, err := os.ReadFile("testdata/certificates.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recordedCertificate
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEndPointRecorded(t *testing.T) {
	hashes := 0
	for _, c := range recordedCertificates(t) {
		b := EndPoint(string(c.Certificate))
		data, ok := b.Data()
		if data != string(c.ApplicationData) || ok != (data != "") {
			t.Errorf("%s: %x, expected %x", c.Name, data, c.ApplicationData)
		}
		if !ok && b != (Binding{}) {
			t.Errorf("%s: undefined became %v (HTA-19)", c.Name, b)
		}
		if c.NTLMHash != "" {
			if hashes++; fips140.Enforced() {
				continue
			}
			if sum, aware := b.Hash(false); !aware || hex.EncodeToString(sum[:]) != c.NTLMHash {
				t.Errorf("%s: NTLM hash %x, recorded %s", c.Name, sum, c.NTLMHash)
			}
		}
	}
	if hashes < 4 {
		t.Errorf("only %d recorded NTLM hashes", hashes)
	}
}

// Every algorithm that crypto/x509 signs with, against the hash that it knows
// for it.
func TestEndPointX509(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		algorithm x509.SignatureAlgorithm
		key       crypto.Signer
		hash      crypto.Hash
	}{
		{x509.SHA256WithRSA, rsaKey, crypto.SHA256},
		{x509.SHA384WithRSA, rsaKey, crypto.SHA384},
		{x509.SHA512WithRSA, rsaKey, crypto.SHA512},
		{x509.SHA256WithRSAPSS, rsaKey, crypto.SHA256},
		{x509.SHA384WithRSAPSS, rsaKey, crypto.SHA384},
		{x509.SHA512WithRSAPSS, rsaKey, crypto.SHA512},
		{x509.ECDSAWithSHA256, ecKey, crypto.SHA256},
		{x509.ECDSAWithSHA384, ecKey, crypto.SHA384},
		{x509.ECDSAWithSHA512, ecKey, crypto.SHA512},
		{x509.PureEd25519, edKey, 0},
	} {
		der := selfSigned(t, test.algorithm, test.key)
		parsed, err := x509.ParseCertificate(der)
		if err != nil || parsed.SignatureAlgorithm != test.algorithm {
			t.Fatalf("%v: %v", test.algorithm, err)
		}
		want := ""
		if test.hash != 0 {
			h := test.hash.New()
			h.Write(der)
			want = "tls-server-end-point:" + string(h.Sum(nil))
		}
		if got, _ := EndPoint(string(der)).Data(); got != want {
			t.Errorf("%v: %x, expected %x", test.algorithm, got, want)
		}
	}
}

func selfSigned(t testing.TB, algorithm x509.SignatureAlgorithm, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "www.example"}, DNSNames: []string{"www.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), SignatureAlgorithm: algorithm,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("%v: %v", algorithm, err)
	}
	return der
}

// The table of algorithms, against OIDs in dotted form and crypto's hashes. The
// certificates are hulls: only their structure counts.
func TestEndPointAlgorithms(t *testing.T) {
	for _, test := range []struct {
		oid  string
		hash crypto.Hash // 0: undefined
	}{
		{"1.2.840.113549.1.1.2", 0}, // MD2
		{"1.2.840.113549.1.1.4", crypto.SHA256},
		{"1.2.840.113549.1.1.5", crypto.SHA256},
		{"1.2.840.113549.1.1.11", crypto.SHA256},
		{"1.2.840.113549.1.1.12", crypto.SHA384},
		{"1.2.840.113549.1.1.13", crypto.SHA512},
		{"1.2.840.113549.1.1.14", crypto.SHA224},
		{"1.2.840.113549.1.1.15", crypto.SHA512_224},
		{"1.2.840.113549.1.1.16", crypto.SHA512_256},
		{"1.2.840.113549.1.1.10", 0}, // PSS without parameters
		{"1.2.840.10045.4.1", crypto.SHA256},
		{"1.2.840.10045.4.2", 0}, // with a recommended hash
		{"1.2.840.10045.4.3", 0}, // with a specified one
		{"1.2.840.10045.4.3.1", crypto.SHA224},
		{"1.2.840.10045.4.3.2", crypto.SHA256},
		{"1.2.840.10045.4.3.3", crypto.SHA384},
		{"1.2.840.10045.4.3.4", crypto.SHA512},
		{"1.2.840.10040.4.3", crypto.SHA256},
		{"2.16.840.1.101.3.4.3.1", crypto.SHA224},
		{"2.16.840.1.101.3.4.3.2", crypto.SHA256},
		{"2.16.840.1.101.3.4.3.3", crypto.SHA384},
		{"2.16.840.1.101.3.4.3.4", crypto.SHA512},
		{"2.16.840.1.101.3.4.3.5", crypto.SHA3_224},
		{"2.16.840.1.101.3.4.3.6", crypto.SHA3_256},
		{"2.16.840.1.101.3.4.3.7", crypto.SHA3_384},
		{"2.16.840.1.101.3.4.3.8", crypto.SHA3_512},
		{"2.16.840.1.101.3.4.3.9", crypto.SHA3_224},
		{"2.16.840.1.101.3.4.3.10", crypto.SHA3_256},
		{"2.16.840.1.101.3.4.3.11", crypto.SHA3_384},
		{"2.16.840.1.101.3.4.3.12", crypto.SHA3_512},
		{"2.16.840.1.101.3.4.3.13", crypto.SHA3_224},
		{"2.16.840.1.101.3.4.3.14", crypto.SHA3_256},
		{"2.16.840.1.101.3.4.3.15", crypto.SHA3_384},
		{"2.16.840.1.101.3.4.3.16", crypto.SHA3_512},
		{"2.16.840.1.101.3.4.3.17", 0}, // ML-DSA-44
		{"2.16.840.1.101.3.4.3.18", 0}, // ML-DSA-65
		{"2.16.840.1.101.3.4.3.19", 0}, // ML-DSA-87
		{"2.16.840.1.101.3.4.3.20", 0}, // SLH-DSA
		{"1.3.14.3.2.3", crypto.SHA256},
		{"1.3.14.3.2.27", crypto.SHA256},
		{"1.3.14.3.2.29", crypto.SHA256},
		{"1.3.101.112", 0},            // Ed25519
		{"1.3.101.113", 0},            // Ed448
		{"1.3.6.1.5.5.7.6.30", 0},     // PSS with SHAKE128
		{"1.2.156.10197.1.501", 0},    // SM2 with SM3
		{"1.2.840.113549.1.1.1", 0},   // a key algorithm
		{"2.16.840.1.101.3.4.2.1", 0}, // a bare hash
	} {
		der := hull(t, pkix.AlgorithmIdentifier{Algorithm: oid(t, test.oid)})
		want := ""
		if test.hash != 0 {
			h := test.hash.New()
			h.Write(der)
			want = "tls-server-end-point:" + string(h.Sum(nil))
		}
		if got, _ := EndPoint(string(der)).Data(); got != want {
			t.Errorf("%s: %x, expected %x", test.oid, got, want)
		}
	}
}

func TestEndPointPSS(t *testing.T) {
	const (
		sha1   = "300906052b0e03021a0500"
		sha256 = "300d06096086480165030402010500"
		bare   = "300b0609608648016503040201"       // SHA-256, parameters left out
		odd    = "300e0609608648016503040201020100" // SHA-256 with an INTEGER
		mgf1   = "06092a864886f70d010108"
	)
	seq := func(parts ...string) string { return tlv(0x30, parts...) }
	mask := func(h string) string { return tlv(0xa1, seq(mgf1, h)) }
	for _, test := range []struct {
		name, parameters string
		hash             crypto.Hash
	}{
		{"all defaults: SHA-1", seq(), crypto.SHA256},
		{"SHA-1 spelled out", seq(tlv(0xa0, sha1), mask(sha1)), crypto.SHA256},
		{"SHA-256", seq(tlv(0xa0, sha256), mask(sha256)), crypto.SHA256},
		{"SHA-256, bare", seq(tlv(0xa0, bare), mask(bare)), crypto.SHA256},
		{"salt and trailer", seq(tlv(0xa0, sha256), mask(sha256), "a203020120", "a303020101"), crypto.SHA256},
		{"two hashes, one by default", seq(tlv(0xa0, sha256)), 0},
		{"two hashes, the other by default", seq(mask(sha256)), 0},
		{"MD5 and SHA-1 are two", seq(tlv(0xa0, "300c06082a864886f70d02050500")), 0},
		{"unknown hash", seq(tlv(0xa0, "300506032b6570"), mask(sha256)), 0},
		{"another mask", seq(tlv(0xa0, sha256), tlv(0xa1, seq("06032b6570"))), 0},
		{"mask without a hash", seq(tlv(0xa0, sha256), tlv(0xa1, seq(mgf1))), 0},
		{"hash with odd parameters", seq(tlv(0xa0, odd), mask(odd)), 0},
		{"out of order", seq(mask(sha256), tlv(0xa0, sha256)), 0},
		{"junk in the hash", seq(tlv(0xa0, sha256, "0500"), mask(sha256)), 0},
		{"junk in the mask", seq(tlv(0xa0, sha256), tlv(0xa1, seq(mgf1, sha256), "0500")), 0},
		{"junk in the salt", seq(tlv(0xa0, sha256), mask(sha256), "a2050201200500"), 0},
		{"junk at the end", seq(tlv(0xa0, sha256), mask(sha256), "0500"), 0},
		{"junk behind", seq(tlv(0xa0, sha256), mask(sha256)) + "0500", 0},
		{"no sequence", "0500", 0},
	} {
		// The parameters go in by hand, since encoding/asn1 would tidy them up.
		der := string(unhex(t, seq(seq(), seq("06092a864886f70d01010a", test.parameters), "030100")))
		want := ""
		if test.hash != 0 {
			h := test.hash.New()
			h.Write([]byte(der))
			want = "tls-server-end-point:" + string(h.Sum(nil))
		}
		if got, _ := EndPoint(der).Data(); got != want {
			t.Errorf("%s: %x, expected %x", test.name, got, want)
		}
	}
}

func TestEndPointMalformed(t *testing.T) {
	const alg = "300a06082a8648ce3d040302"
	good := tlv(0x30, "3000", alg, "030100")
	if _, ok := EndPoint(string(unhex(t, good))).Data(); !ok {
		t.Fatal("the pattern itself is refused")
	}
	for _, test := range []struct{ name, der string }{
		{"empty", ""},
		{"one byte", "30"},
		{"empty sequence", "3000"},
		{"no signature", tlv(0x30, "3000", alg)},
		{"no algorithm", tlv(0x30, "3000", "030100")},
		{"empty algorithm", tlv(0x30, "3000", "3000", "030100")},
		{"algorithm without OID", tlv(0x30, "3000", "30020500", "030100")},
		{"one field more", tlv(0x30, "3000", alg, "030100", "0500")},
		{"bytes behind", good + "00"},
		{"bytes missing", good[:len(good)-2]},
		{"a set", "31" + good[2:]},
		{"indefinite length", "3080" + good[4:] + "0000"},
		{"length not shortest", "3081" + good[2:]},
		{"length too long by a byte", "308200" + good[2:]},
		{"length with a leading zero", "3083" + "00" + tlv(0x30, "3000", alg, tlv(3, strings.Repeat("00", 300)))[4:]},
		{"length of four bytes", "3084000000" + good[2:]},
		{"length beyond the end", "3083ffffff" + good[4:]},
		{"length cut off", "3082"},
		{"long-form tag", "3f10" + good[2:]},
	} {
		if b := EndPoint(string(unhex(t, test.der))); b != (Binding{}) {
			t.Errorf("%s: %v, expected unavailable", test.name, b)
		}
	}
	big := tlv(0x30, "3000", alg, tlv(3, strings.Repeat("00", maxCertificate-24)))
	if n := len(big) / 2; n != maxCertificate {
		t.Fatalf("the big one has %d bytes", n)
	}
	if _, ok := EndPoint(string(unhex(t, big))).Data(); !ok {
		t.Error("a certificate at the bound is refused")
	}
	big = tlv(0x30, "3000", alg, tlv(3, strings.Repeat("00", maxCertificate-23)))
	if _, ok := EndPoint(string(unhex(t, big))).Data(); ok {
		t.Error("a certificate beyond the bound is taken")
	}
}

func FuzzEndPoint(f *testing.F) {
	for _, c := range recordedCertificates(f) {
		f.Add(c.Certificate)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		b := EndPoint(string(der))
		if b != EndPoint(string(der)) || b.IsNone() {
			t.Fatal("not a function, or none (HTA-19)")
		}
		data, ok := b.Data()
		if !ok {
			return
		}
		if n := len(strings.TrimPrefix(data, "tls-server-end-point:")); n < 28 || n > 64 || n == len(data) {
			t.Fatalf("%d bytes of hash", n)
		}
		// What is taken is a certificate in the eyes of encoding/asn1 as well.
		var c struct {
			Body      asn1.RawValue
			Algorithm pkix.AlgorithmIdentifier
			Signature asn1.RawValue
		}
		if rest, err := asn1.Unmarshal(der, &c); err == nil && len(rest) != 0 {
			t.Fatal("bytes behind the certificate")
		}
		h := crypto.SHA256
		switch len(data) - len("tls-server-end-point:") {
		case 28, 48, 64:
			return // which of two hashes is the table test's affair
		}
		w := h.New()
		w.Write(der)
		w3 := crypto.SHA3_256.New()
		w3.Write(der)
		w5 := crypto.SHA512_256.New()
		w5.Write(der)
		sum := []byte(data[len("tls-server-end-point:"):])
		if !bytes.Equal(sum, w.Sum(nil)) && !bytes.Equal(sum, w3.Sum(nil)) && !bytes.Equal(sum, w5.Sum(nil)) {
			t.Fatal("no hash of these bytes")
		}
	})
}

func BenchmarkEndPoint(b *testing.B) {
	c := recordedCertificates(b)[0]
	der := string(c.Certificate)
	b.ReportAllocs()
	for b.Loop() {
		EndPoint(der)
	}
}

// hull is a certificate with nothing in it but its algorithm.
func hull(t testing.TB, algorithm pkix.AlgorithmIdentifier) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct {
		Body      struct{}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{Algorithm: algorithm})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func oid(t testing.TB, dotted string) asn1.ObjectIdentifier {
	t.Helper()
	var arcs asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(dotted, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil {
			t.Fatal(err)
		}
		arcs = append(arcs, n)
	}
	return arcs
}

// tlv writes a DER element in hexadecimal.
func tlv(tag byte, parts ...string) string {
	contents := strings.Join(parts, "")
	n := len(contents) / 2
	head := []byte{tag, byte(n)}
	switch {
	case n >= 1<<16:
		head = []byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}
	case n >= 1<<8:
		head = []byte{tag, 0x82, byte(n >> 8), byte(n)}
	case n >= 0x80:
		head = []byte{tag, 0x81, byte(n)}
	}
	return hex.EncodeToString(head) + contents
}

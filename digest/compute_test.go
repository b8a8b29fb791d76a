package digest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

const (
	nonce7616  = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
	cnonce7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	realm7616  = "http-auth@example.org"
	nonceDoe   = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"
	cnonceDoe  = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
	userDoe    = "J\u00e4s\u00f8n Doe"
)

// vectors are the worked examples of the RFCs, recomputed with real hashes where
// the RFC prints wrong or no values.
var vectors = []struct {
	name                                  string
	alg                                   Algorithm
	user, realm, password, nonce, cnonce  string
	qop                                   QOP
	uri                                   string
	ha1, ha2, userhash, response, rspauth string
}{
	{
		name: "rfc2617_3.5", alg: MD5, user: "Mufasa", realm: "testrealm@host.com", password: "Circle Of Life",
		nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", cnonce: "0a4f113b", qop: Auth, uri: "/dir/index.html",
		ha1: "939e7578ed9e3c518a452acee763bce9", ha2: "39aff3a2bab6126f332b942af96d3366",
		response: "6629fae49393a05397450978507c4ef1", rspauth: "376602cfd2f4e8e5e78b948a85263e85",
	},
	{
		name: "rfc2069_erratum749", alg: MD5, user: "Mufasa", realm: "testrealm@host.com", password: "CircleOfLife",
		nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", uri: "/dir/index.html", response: "1949323746fe6a43ef61f9606e7febea",
	},
	{
		name: "rfc7616_3.9.1_md5", alg: MD5, user: "Mufasa", realm: realm7616, password: "Circle of Life",
		nonce: nonce7616, cnonce: cnonce7616, qop: Auth, uri: "/dir/index.html",
		response: "8ca523f5e9506fed4657c9700eebdbec", rspauth: "9b712497bc9f91499fbcca1dfc5f09a5",
	},
	{
		name: "rfc7616_3.9.1_sha256", alg: SHA256, user: "Mufasa", realm: realm7616, password: "Circle of Life",
		nonce: nonce7616, cnonce: cnonce7616, qop: Auth, uri: "/dir/index.html",
		response: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		rspauth:  "86d3b25618d41854ca5039a5d7e53ff6355d5134a9b1fb088a78ac3c462195a0",
	},
	{
		name: "rfc7616_3.9.1_md5_sess", alg: MD5Sess, user: "Mufasa", realm: realm7616, password: "Circle of Life",
		nonce: nonce7616, cnonce: cnonce7616, qop: Auth, uri: "/dir/index.html", response: "e783283f46242139c486a698fec7211d",
	},
	{
		name: "rfc7616_3.9.1_sha256_sess", alg: SHA256Sess, user: "Mufasa", realm: realm7616, password: "Circle of Life",
		nonce: nonce7616, cnonce: cnonce7616, qop: Auth, uri: "/dir/index.html",
		response: "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7",
	},
	{ // with FIPS 180-4 SHA-512/256; the RFC prints SHA-512 cut short (erratum 4897)
		name: "rfc7616_3.9.2_sha512_256", alg: SHA512_256, user: userDoe, realm: "api@example.org", password: "Secret, or not?",
		nonce: nonceDoe, cnonce: cnonceDoe, qop: Auth, uri: "/doe.json",
		ha1: "2d3d9f12c9f3d30011259dc5fecee005ae24de40e3e1f61806d03e65f1e6024f", ha2: "1734b070bafdeb53ae52f93659427bb4bc545e2ef4d5e74ba247dad4861b4634",
		userhash: "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
		response: "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
	},
	{
		name: "rfc7616_3.9.2_with_sha256", alg: SHA256, user: userDoe, realm: "api@example.org", password: "Secret, or not?",
		nonce: nonceDoe, cnonce: cnonceDoe, qop: Auth, uri: "/doe.json",
		userhash: "5a1a8a47df5c298551b9b42ba9b05835174a5bd7d511ff7fe9191d8e946fc4e7",
		response: "b6d5cb9c3000ea2385250005e294d7132b260b8fd08940d2377373493cee8cc4",
	},
	{
		name: "rfc7616_3.9.2_with_md5", alg: MD5, user: userDoe, realm: "api@example.org", password: "Secret, or not?",
		nonce: nonceDoe, cnonce: cnonceDoe, qop: Auth, uri: "/doe.json",
		userhash: "2e063fa2c54dea1c36808b7a6e3b14c9", response: "2428277c77e50ae43afb1669a43dae19",
	},
}

func function(t testing.TB, a Algorithm) Function {
	t.Helper()
	f, err := For(a)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func checkVectors(t *testing.T, rfc string) (n int) {
	for _, v := range vectors {
		if !strings.HasPrefix(v.name, rfc) {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			f := function(t, v.alg)
			k := f.HA1(v.user, v.realm, v.password)
			p := Params{Nonce: v.nonce, CNonce: v.cnonce, QOP: v.qop, Method: "GET", URI: v.uri}
			if v.qop != Legacy {
				p.NC = FormatNC(1)
			}
			for _, c := range []struct{ what, got, want string }{
				{"HA1", k.Secret().Reveal(), v.ha1},
				{"HA2", f.BodyHash([]byte("GET:" + v.uri)).String(), v.ha2},
				{"userhash", f.UserHash(v.user, v.realm).String(), v.userhash},
				{"response", f.Response(k, p).String(), v.response},
				{"rspauth", f.ResponseAuth(k, p).String(), v.rspauth},
			} {
				if c.want != "" && c.got != c.want {
					t.Errorf("%s is %s, want %s", c.what, c.got, c.want)
				}
			}
			n++
		})
	}
	return n
}

func TestRFC2617Vectors(t *testing.T) {
	if checkVectors(t, "rfc2617") > 0 && checkVectors(t, "rfc2069") > 0 {
		requirement.Held(t, "unit:rfc2617_vectors")
	}
}

func TestRFC7616Vectors(t *testing.T) {
	if checkVectors(t, "rfc7616") > 0 {
		requirement.Held(t, "unit:rfc7616_vectors")
	}
}

func TestComputeAuthInt(t *testing.T) {
	f := function(t, MD5)
	k := f.HA1("username", "realm1", "password")
	body := f.BodyHash([]byte("abc\xe4\xf6\xfcabc"))
	if body.String() != "acd2b59cd01c7737d8069015584c6cac" {
		t.Fatalf("the body's hash is %s", body)
	}
	p := Params{Nonce: "n", CNonce: "c", NC: FormatNC(1), QOP: AuthInt, Method: "POST", URI: "/", BodyHash: body}
	with := f.Response(k, p)
	p.BodyHash = f.BodyHash(nil)
	if p.BodyHash.String() != "d41d8cd98f00b204e9800998ecf8427e" || f.Response(k, p) == with {
		t.Error("auth-int does not depend on the body")
	}
	p.BodyHash = Sum{}
	if got := f.Response(k, p); got != (Sum{}) {
		t.Errorf("auth-int without a body's hash gave %s, want nothing", got)
	}
}

func TestComputeZeroValuesAreDead(t *testing.T) {
	var none Function
	f := function(t, SHA256)
	p := Params{Nonce: "n", Method: "GET", URI: "/"}
	if !none.HA1("u", "r", "p").isZero() || none.Response(f.HA1("u", "r", "p"), p) != (Sum{}) {
		t.Error("the zero Function computes")
	}
	if got := f.Response(Key{}, p); got != (Sum{}) || got.Equal("") {
		t.Error("the zero Key proves something")
	}
	md5Key := function(t, MD5).HA1("u", "r", "p")
	if f.Response(md5Key, p) != (Sum{}) {
		t.Error("a key of another algorithm was used")
	}
	for _, a := range []Algorithm{noAlgorithm, algorithms, 200} {
		if _, err := For(a); !errors.Is(err, gss.Unsupported) {
			t.Errorf("For(%v): %v, want unsupported", a, err)
		}
	}
}

func TestParseAlgorithm(t *testing.T) {
	for a := MD5; a < algorithms; a++ {
		for _, token := range []string{a.String(), strings.ToLower(a.String()), strings.ToUpper(a.String())} {
			if got, ok := ParseAlgorithm(token); !ok || got != a {
				t.Errorf("ParseAlgorithm(%q) = %v, %v", token, got, ok)
			}
		}
	}
	for _, token := range []string{"", "SHA", "SHA-512", "MD5-", "md5-sessx", "none"} {
		if got, ok := ParseAlgorithm(token); ok {
			t.Errorf("ParseAlgorithm(%q) = %v, want none", token, got)
		}
	}
	if !SHA256.Stronger(MD5Sess) || !SHA512_256.Stronger(SHA256) || MD5.Stronger(MD5Sess) || MD5Sess.Stronger(MD5) || !MD5.Stronger(noAlgorithm) || noAlgorithm.Stronger(MD5) {
		t.Error("the order of strength is wrong")
	}
}

func TestSumEqual(t *testing.T) {
	s := function(t, MD5).BodyHash(nil)
	if !s.Equal(s.String()) || !s.Equal(strings.ToUpper(s.String())) {
		t.Error("a Sum does not equal its own text")
	}
	for _, text := range []string{"", s.String()[1:], s.String() + "0", strings.Repeat("0", 32), strings.Replace(s.String(), "d", "g", 1)} {
		if s.Equal(text) {
			t.Errorf("a Sum equals %q", text)
		}
	}
}

func TestComputeAllocatesNothing(t *testing.T) {
	for a := MD5; a < algorithms; a++ {
		f := function(t, a)
		k := f.HA1("alice", realm7616, "secret")
		p := Params{Nonce: nonce7616, CNonce: cnonce7616, NC: "00000001", QOP: Auth, Method: "GET", URI: "/dir/index.html"}
		if n := testing.AllocsPerRun(100, func() {
			k = f.HA1("alice", realm7616, "secret")
			if s := f.Response(k, p); !s.Equal("x") {
				_ = f.ResponseAuth(k, p)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations, want none", a, n)
		}
	}
}

func ExampleFunction() {
	// A camera answered RTSP DESCRIBE with 401 and this challenge:
	//	WWW-Authenticate: Digest realm="camera", nonce="6b4c1f3a", algorithm=SHA-256
	f, err := For(SHA256)
	if err != nil {
		fmt.Println(err)
		return
	}
	key := f.HA1("admin", "camera", "rosebud")
	response := f.Response(key, Params{Nonce: "6b4c1f3a", QOP: Legacy, Method: "DESCRIBE", URI: "rtsp://192.0.2.7/stream1"})
	fmt.Printf("Authorization: Digest username=%q, realm=%q, nonce=%q, uri=%q, algorithm=SHA-256, response=%q\n",
		"admin", "camera", "6b4c1f3a", "rtsp://192.0.2.7/stream1", response)
	fmt.Println("key:", key)
	// Output:
	// Authorization: Digest username="admin", realm="camera", nonce="6b4c1f3a", uri="rtsp://192.0.2.7/stream1", algorithm=SHA-256, response="e9e4451e864858df9c4edd88f42785b9a4bcdc92ccb83f5c3cb6ca48970287dc"
	// key: secret(***)
}

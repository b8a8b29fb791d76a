package digest

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// A challenge is remembered with our cnonce only where the session's key was made with it.
func TestMemoryOfOrdinaryAlgorithmHasNoCNonce(t *testing.T) {
	for alg, want := range map[string]bool{"SHA-256": false, "MD5": false, "SHA-256-sess": true, "MD5-sess": true} {
		w := newWorld(t)
		i, _ := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), challenge1(`Digest realm="r", nonce="n", qop="auth", algorithm=`+alg))
		_, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200})
		if _, got := out.Memory.Offer.Param("cnonce"); got != want {
			t.Errorf("%s: the memory has a cnonce: %t, want %t", alg, got, want)
		}
	}
}

// What is to be the hash of a name has the digits of one and no other characters, not even those next to
// them.
func TestUserHashIsHex(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	s := newServer(t, ServerConfig{UserHash: true})
	w.users = func(gss.NeedVerifier) gss.Answer { return gss.Unknown{} }
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
	hash := param(t, sent.Credentials, "username")
	for _, c := range []string{"/", ":", "@", "G", "`", "g", "~"} {
		_, out := w.presented(s, x, header.ParseCredentials(strings.Replace(sent.Credentials.Text(), hash, c+hash[1:], 1)))
		wantFault(t, "a hash with "+c, out.Fault, gss.Malformed)
	}
}

// A number that is no algorithm is none of a session.
func TestNoAlgorithmHasNoSession(t *testing.T) {
	for a := range Algorithm(255) {
		if want := a == MD5Sess || a == SHA256Sess || a == SHA512_256Sess; a.Session() != want {
			t.Errorf("%d has a session: %t, want %t", a, a.Session(), want)
		}
	}
}

// An URI without an authority in the domain parameter is no URI of another origin: it counts as if it were not there.
func TestDomainWithoutAuthority(t *testing.T) {
	w := newWorld(t)
	i, _ := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/a")), challenge1(`Digest realm="r", nonce="n", qop="auth", domain="http:///x"`))
	if _, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200}); out.Memory == (scheme.Memory{}) || out.Memory.Scope != "" {
		t.Errorf("remembered %v for the scope %q", out.Memory.Offer, out.Memory.Scope)
	}
}

// A host is the same with and without the dot that ends its name, and a domain for the one is good for the other.
func TestDomainWithDot(t *testing.T) {
	for _, row := range []struct {
		authority, domain string
		same              bool
	}{
		{"a.example.", "http://a.example/x", true}, {"a.example", "http://A.example./x", true}, {"a.example.:80", "http://a.example/x", true},
		{"a.example.:81", "http://a.example:81/x", true}, {"a.example.:81", "http://a.example./x", false}, {"a.example..", "http://a.example/x", false},
		{"[::1]", "http://[::1]:80/x", true},
	} {
		w, x := newWorld(t), exchange("GET", "/a")
		x.Target.Scheme, x.Authority = "http", row.authority
		i, _ := w.challenged(newClient(t, ClientConfig{}).Initiate(x), challenge1(`Digest realm="r", nonce="n", qop="auth", domain="`+row.domain+`"`))
		if _, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200}); (out.Memory.Scope == "/x") != row.same {
			t.Errorf("%s at %s: remembered for the scope %q", row.domain, row.authority, out.Memory.Scope)
		}
		requirement.Held(t, "unit:service_names_of_mechanisms")
	}
}

// Old clients write a name with a backslash for itself and escape quotes, and put username where they like.
func TestLoneBackslashAnywhere(t *testing.T) {
	f := function(t, MD5)
	for name, row := range map[string]struct{ text, user string }{
		"first":                     {`Digest username="DOM\user", `, `DOM\user`},
		"behind a token":            {`Digest charset=utf-8, username="DOM\user", `, `DOM\user`},
		"behind a quoted parameter": {`Digest x="\"=", username="DOM\user", `, `DOM\user`},
		"with an escaped quote":     {`Digest username="DOM\us\"er", `, `DOM\us"er`},
		"with an escaped backslash": {`Digest username="DOM\us\\er", `, `DOM\us\er`},
	} {
		w, x := newWorld(t), exchange("GET", "/")
		s := newServer(t, ServerConfig{Algorithms: []Algorithm{MD5}, Tolerate: LoneBackslash})
		w.users = func(q gss.NeedVerifier) gss.Answer {
			if q.User != row.user {
				return gss.Unknown{}
			}
			return gss.Password{Password: gss.NewSecret(password)}
		}
		nonce, opaque := nonceOf(w.offer(s, x))
		response := f.Response(f.HA1(row.user, realm, password), Params{Nonce: nonce, CNonce: "c", NC: "00000001", QOP: Auth, Method: "GET", URI: "/"})
		text := row.text + `realm="lab", uri="/", nonce="` + nonce + `", opaque="` + opaque + `", qop=auth, cnonce="c", nc=00000001, response="` + response.String() + `"`
		a, out := w.presented(s, x, header.ParseCredentials(text))
		if out.State != gss.Complete || a.Info().Peer != row.user {
			t.Errorf("%s: %v as %q, want %q: %v", name, out.State, a.Info().Peer, row.user, out.Fault)
		}
	}
}

// A new nonce of a stronger algorithm, for which there is no stored hash, cannot be answered.
func TestStaleWithoutHash(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	w.login = HA1{User: user, SHA256: function(t, SHA256).HA1(user, "r", password).Secret()}
	i, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), challenge1(`Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256`))
	if sent.State != gss.Ready {
		t.Fatal(sent.Fault)
	}
	_, out := w.challenged(i, challenge1(`Digest realm="r", nonce="m", qop="auth", algorithm=SHA-512-256, stale=true`))
	wantFault(t, "a nonce of an algorithm without a hash", out.Fault, gss.Unsupported)
}

// Where the hash of the response's body does not come, for whatever reason, the server has proved nothing.
func TestResponseBodyUnknown(t *testing.T) {
	for _, answer := range []gss.Answer{gss.Declined{}, gss.Unreachable{}} {
		w, x := newWorld(t), exchange("GET", "/")
		i, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), challenge1(`Digest realm="r", nonce="n", qop="auth"`))
		info := header.ParseInfo(`qop=auth-int, rspauth="00", cnonce="` + param(t, sent.Credentials, "cnonce") + `", nc=00000001`)
		asking, out, err := i.Step(w.env(), scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: info})
		if _, ok := out.Ask.(NeedBodyHash); !ok || err != nil {
			t.Fatalf("%v, %v", out, err)
		}
		_, out, err = asking.Step(w.env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: answer})
		if err != nil {
			t.Errorf("%T: %v", answer, err)
		}
		wantFault(t, "no hash of the body", out.Fault, gss.NotAuthentic)
	}
}

// Of challenges that fail alike, the reason of the first is told.
func TestFirstReasonOfEquals(t *testing.T) {
	w := newWorld(t)
	_, out := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), header.ParseChallenges(`Digest realm="r"`, `Digest realm="r", realm="s"`))
	if want := "digest: the challenge has no nonce"; out.Fault.Detail != want {
		t.Errorf("%q, want %q", out.Fault.Detail, want)
	}
}

// A name that is no text in any encoding is never sent as username*, which is UTF-8 by definition.
func TestNameThatIsNoText(t *testing.T) {
	for _, names := range []Names{ExtNames, UTF8Names, Latin1Names} {
		w := newWorld(t)
		w.login = gss.Password{User: "a\xFFb", Password: gss.NewSecret(password)}
		_, out := w.challenged(newClient(t, ClientConfig{Names: names}).Initiate(exchange("GET", "/")), challenge1(`Digest realm="r", nonce="n", qop="auth"`))
		if strings.Contains(out.Credentials.Text(), "username*") {
			t.Errorf("%v: sent %s", names, out.Credentials.Text())
		}
	}
}

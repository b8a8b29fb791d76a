package machine

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// clientOf is a client with the described schemes.
func clientOf(r *rig, specs string, more ...func(*ClientConfig)) Client {
	r.t.Helper()
	var cc ClientConfig
	for s := range strings.FieldsSeq(specs) {
		c, _ := r.schemeOf(s)
		cc.Schemes = append(cc.Schemes, c)
	}
	for _, m := range more {
		m(&cc)
	}
	c, err := NewClient(cc)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func begin(r *rig, words string) Begin { return r.orderOf(strings.Fields(words)).begin }

func response(status int, lines ...string) Response {
	return Response{Status: status, Header: header.ParseResponse(fieldsOf(lines))}
}

func first[A Action](t testing.TB, acts Actions) A {
	t.Helper()
	a, ok := acts.At(0).(A)
	if !ok {
		t.Fatalf("expected %T, got %v", a, acts)
	}
	return a
}

// halfways are clients in the middle of something, after the given script.
func halfways(r *rig) map[string]Client {
	fresh, _ := must(r, clientOf(r, "NTLM"), begin(r, "GET http://a.example/"))
	leg1, _ := must(r, fresh, response(401, "WWW-Authenticate: NTLM"))
	leg2, _ := must(r, leg1, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"))
	done, _ := must(r, leg2, response(200))
	kept, _ := must(r, done, begin(r, "GET http://a.example/"))
	proxy, _ := must(r, clientOf(r, "NTLM"), begin(r, "GET http://a.example/ forwarded"))
	proxy, _ = must(r, proxy, response(407, "Proxy-Authenticate: NTLM"))
	proxy2, _ := must(r, proxy, response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>"))
	return map[string]Client{"bare": fresh, "leg 1": leg1, "leg 2": leg2, "persistent": kept, "proxy leg 1": proxy, "proxy leg 2": proxy2}
}

// prop:challenge_split_join (N2HT-2.2.1-5): what a client does does not depend on how
// the challenges are spread over lines.
func TestChallengeSplitJoin(t *testing.T) {
	r := newRig(t)
	sound := []string{"Negotiate", "Nego2 <toy:h>", "NTLM", `Digest realm="r", nonce="n", qop="auth"`, `Basic realm="r"`, "Unknown x=y", `Digest realm="s", nonce="m", qop="auth", algorithm=SHA-256`}
	rapid.Check(t, func(rt *rapid.T) {
		c, _ := must(r, anyClient(r), begin(r, "GET https://a.example/"))
		list := rapid.SliceOfN(rapid.SampledFrom(sound), 1, 6).Draw(rt, "challenges")
		var lines []string
		for i, text := range list {
			if i > 0 && rapid.Bool().Draw(rt, "join") {
				lines[len(lines)-1] += rapid.SampledFrom([]string{", ", ",", " ,, "}).Draw(rt, "comma") + text
			} else {
				lines = append(lines, text)
			}
		}
		field := func(lines []string) Response {
			for i := range lines {
				lines[i] = "WWW-Authenticate: " + lines[i]
			}
			return response(401, lines...)
		}
		r2 := *r
		_, one := must(r, c, field([]string{strings.Join(list, ", ")}))
		_, many := must(&r2, c, field(lines))
		if fmt.Sprint(one) != fmt.Sprint(many) || one.At(0) != many.At(0) && !asked(one) {
			rt.Fatalf("on one line %v, spread %v", one, many)
		}
		requirement.Held(t, "prop:challenge_split_join")
	})
}

func asked(acts Actions) bool { _, ok := acts.At(0).(Ask); return ok }

// prop:protection_space (R9110-11.5-1, HTA-9): no request carries what was made for
// another origin or another identity, whatever was authenticated before.
func TestProtectionSpace(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		c := clientOf(r, "NTLM Negotiate:as=Kerberos", func(c *ClientConfig) { c.Policy.Fallback = true })
		var host, identity string // of the connection
		for range 6 {
			b := begin(r, "GET "+rapid.SampledFrom([]string{"http://a.example/", "http://b.example/", "https://a.example/", "http://a.example:81/"}).Draw(rt, "url")+" forwarded session")
			b.Identity = rapid.SampledFrom([]string{"", "x"}).Draw(rt, "identity")
			name := fmt.Sprint(b.Request.Scheme, b.Request.Host, b.Request.Port)
			next, acts := must(r, c, b)
			if _, ok := acts.At(0).(Reopen); ok {
				if host == "" || host == name && identity == b.Identity {
					rt.Fatalf("a connection of %q %q was not used for %q %q", host, identity, name, b.Identity)
				}
				requirement.Held(t, "prop:protection_space")
				c, host = clientOf(r, "NTLM Negotiate:as=Kerberos", func(c *ClientConfig) { c.Policy.Fallback = true }), ""
				continue
			}
			if s := first[Send](t, acts); s.Authorization.Present() || host != "" && (host != name || identity != b.Identity) {
				rt.Fatalf("a connection of %q %q is used for %q %q: %+v", host, identity, name, b.Identity, s)
			}
			which := rapid.SampledFrom([]string{"NTLM", "Negotiate", ""}).Draw(rt, "challenge")
			support := "Proxy-Support: Session-Based-Authentication"
			for leg := range 3 {
				text := which
				switch s, ok := acts.At(0).(Send); {
				case !ok:
				case which == "NTLM" && s.Authorization.Present() && leg == 1:
					text = "NTLM <toy/NTLM:c1>"
				case s.Authorization.Present() || which == "":
					text = "-"
				}
				if text == "-" || text == "" {
					next, acts = must(r, next, response(200, support))
					break
				}
				next, acts = must(r, next, response(401, "WWW-Authenticate: "+text, support))
			}
			d := first[Deliver](t, acts)
			if d.Authenticated { // and no Persistent-Auth: false came
				host, identity = name, b.Identity
			}
			if c = next; c.phase == dead {
				rt.Fatal("dead")
			}
		}
	})
}

// prop:zero_seed_fails_closed (HTA-3): without entropy a context that needs it ends in
// a typed failure, and nothing predictable is sent.
func TestZeroSeed(t *testing.T) {
	for _, spec := range []string{"Digest", "NTLM:fresh", "Negotiate:fresh,legs=2"} {
		r := newRig(t)
		r.dry = true
		name, _, _ := strings.Cut(spec, ":")
		c, _ := must(r, clientOf(r, spec), begin(r, "GET http://a.example/"))
		text := name
		if name == "Digest" {
			text = `Digest realm="r", nonce="n", qop="auth"`
		}
		_, acts := settle(r, "C", c, response(401, "WWW-Authenticate: "+text))
		if f := first[Fail](t, acts); f.Fault.Code != gss.NoEntropy {
			t.Errorf("%s: %v", spec, f.Fault)
		}
		requirement.Held(t, "prop:zero_seed_fails_closed", "HTA-3")
		_, srv := r.schemeOf(spec)
		s, err := NewServer(ServerConfig{Schemes: []scheme.Server{srv}})
		if err != nil {
			t.Fatal(err)
		}
		_, acts = must(r, s, receivedText(""))
		reply := first[Reply](t, acts)
		if name == "Digest" && (reply.Status != 503 || reply.RetryAfter == 0 || !reply.Challenges.Empty()) {
			t.Errorf("a Digest challenge without entropy: %v", acts)
		}
		if name == "NTLM" {
			_, acts = must(r, s, receivedText("NTLM <toy/NTLM:i1:u=alice:n=aa>"))
			if reply := first[Reply](t, acts); reply.Fault.Code != gss.NoEntropy || reply.Status != 503 || !reply.Challenges.Empty() {
				t.Errorf("the server: %v", acts)
			}
		}
	}
}

// The end of an exchange says why each scheme was given up, over connections too.
func TestReasons(t *testing.T) {
	r := newRig(t)
	fallback := func(c *ClientConfig) { c.Policy.Fallback, c.Policy.Cleartext = true, true }
	c := clientOf(r, "Negotiate:legs=1 NTLM Basic", fallback)
	c, _ = must(r, c, begin(r, "GET /"))
	offers := response(401, "WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM", `WWW-Authenticate: Basic realm="r"`)
	c, _ = must(r, c, offers)
	c, _ = must(r, c, offers)       // Negotiate is refused, NTLM begins
	_, acts := must(r, c, Closed{}) // and its connection is lost
	b := begin(r, "GET /")
	b.Resume = first[Reopen](t, acts).Resume
	c, _ = must(r, clientOf(r, "Negotiate:legs=1 NTLM Basic", fallback), b)
	c, _ = must(r, c, offers) // NTLM again
	c, _ = must(r, c, offers) // NTLM is refused, Basic asks
	_, acts = must(r, c, Answered{c.ex.id, gss.Declined{}})
	f := first[Fail](t, acts)
	if want := "Negotiate: refused by the peer: Negotiate: the peer refused the credentials; " +
		"NTLM: refused by the peer: NTLM: the peer refused the credentials; " +
		"Basic: no credentials: Basic: no user name and password for this realm"; f.Reasons != want {
		t.Errorf("reasons\n got %s\nwant %s", f.Reasons, want)
	}
}

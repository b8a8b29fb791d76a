package digest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// C23: what is remembered opens the next exchange.
func TestDigestPreemptive(t *testing.T) {
	for a := MD5; a < algorithms; a++ {
		w, x := newWorld(t), exchange("GET", "/a")
		c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{Algorithms: []Algorithm{a}})
		i, acceptor := w.logIn(c, s, x)
		_, out, _ := w.respond(i, acceptor, 200)
		session := ""
		for n := uint32(2); n < 5; n++ {
			m := out.Memory
			if m.Count != n-1 {
				t.Fatalf("%v: count %d, want %d", a, m.Count, n-1)
			}
			next := exchange("GET", fmt.Sprintf("/%d", n))
			i, sent := w.initiate(c.Initiate(next), scheme.InitiatorInput{Event: scheme.Start, Offer: header.ListOf(m.Offer), Count: m.Count + 1})
			if got := param(t, sent.Credentials, "nc"); got != FormatNC(n) {
				t.Errorf("%v: nc=%s, want %d", a, got, n)
			}
			cnonce := param(t, sent.Credentials, "cnonce")
			if session != "" && (cnonce == session) != a.Session() {
				t.Errorf("%v: cnonce kept %v", a, cnonce == session)
			}
			session = cnonce
			acceptor, accepted := w.presented(s, next, sent.Credentials)
			if accepted.State != gss.Complete {
				t.Fatalf("%v: %v", a, accepted.Fault)
			}
			_, out, _ = w.respond(i, acceptor, 200)
		}
	}
	// The same count twice is a replay: refused, with a nonce to go on with.
	w, x := newWorld(t), exchange("GET", "/a")
	c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{})
	i, sent := w.challenged(c.Initiate(x), w.offer(s, x))
	w.presented(s, x, sent.Credentials)
	_, out := w.presented(s, x, sent.Credentials)
	wantFault(t, "a replay", out.Fault, gss.Replayed)
	if _, again := w.challenged(i, out.Challenges); again.State != gss.Ready {
		t.Errorf("after a replay: %v", again.Fault)
	}
	open := newServer(t, ServerConfig{AllowReplay: true})
	_, sent = w.challenged(c.Initiate(x), w.offer(open, x))
	for range 2 {
		if a, out := w.presented(open, x, sent.Credentials); out.State != gss.Complete || a.Info().Flags.Has(gss.ReplayDetect) {
			t.Errorf("AllowReplay: %v", out.Fault)
		}
	}
	// A memory that began later than the nonce cannot know (C34).
	w.since = w.now
	_, sent = w.challenged(c.Initiate(x), w.offer(s, x))
	_, out = w.presented(s, x, sent.Credentials)
	wantFault(t, "a young memory", out.Fault, gss.Expired)

	_, failed := w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start})
	wantFault(t, "a start from nothing", failed.Fault, gss.Unexpected)
	remembered := header.ListOf(header.ParamChallenge("Digest", `realm="r", nonce="n", qop="auth"`))
	_, failed = w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start, Offer: remembered, Count: math.MaxUint32})
	wantFault(t, "a count that would wrap", failed.Fault, gss.LimitExceeded)
}

func TestNextNonce(t *testing.T) {
	for _, tt := range []struct {
		policy NextNonce
		age    time.Duration
		want   bool
	}{
		{NextNearEnd, 0, false}, {NextNearEnd, 59 * time.Second, true}, {NextNever, 59 * time.Second, false}, {NextAlways, 0, true},
	} {
		w, x := newWorld(t), exchange("GET", "/")
		c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{NonceLifetime: time.Minute, NextNonce: tt.policy})
		i, sent := w.challenged(c.Initiate(x), w.offer(s, x))
		w.now += int64(tt.age)
		a, _ := w.presented(s, x, sent.Credentials)
		_, out, info := w.respond(i, a, 200)
		next, has := info.Param("nextnonce")
		if has != tt.want {
			t.Fatalf("policy %d at %v: nextnonce %v", tt.policy, tt.age, has)
		}
		if !has {
			continue
		}
		if out.Memory.Count != 0 {
			t.Errorf("a new nonce was used %d times", out.Memory.Count)
		}
		w.now += int64(30 * time.Second) // the old nonce would be past its time in most rows
		_, sent = w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start, Offer: header.ListOf(out.Memory.Offer), Count: out.Memory.Count + 1})
		if param(t, sent.Credentials, "nonce") != next || param(t, sent.Credentials, "nc") != "00000001" {
			t.Errorf("the next nonce was not taken: %s", sent.Credentials.Text())
		}
		if _, out := w.presented(s, x, sent.Credentials); out.State != gss.Complete {
			t.Errorf("the next nonce: %v", out.Fault)
		}
	}
	// Without entropy there is no next nonce, and the response still leaves.
	w, x := newWorld(t), exchange("GET", "/")
	_, a := w.logIn(newClient(t, ClientConfig{}), newServer(t, ServerConfig{NextNonce: NextAlways}), x)
	_, out, err := a.Step(gss.Env{Now: w.now}, scheme.AcceptorInput{Event: scheme.Responding, Status: 200})
	if _, has := out.Info.Param("nextnonce"); err != nil || out.State != gss.Complete || has {
		t.Errorf("no entropy: %v %v", out.Info.Text(), err)
	}
	requirement.Held(t, "unit:next_nonce", "R7616-3.5-2")
}

// The nonce is the server's alone, for its realm, side and time.
func TestNonceIsOurs(t *testing.T) {
	x := exchange("GET", "/a")
	proxy := x
	proxy.Side = gss.Proxy
	elsewhere := x
	elsewhere.Target.Host = "other.example.org"
	deeper := exchange("GET", "/b")
	old, rotated := nonceKeyOf('o'), []gss.Secret{nonceKeyOf('n'), nonceKeyOf('o')}
	base := ServerConfig{Keys: []gss.Secret{old}}
	with := func(f func(*ServerConfig)) ServerConfig { c := base; f(&c); return c }
	for _, tt := range []struct {
		name         string
		made, judged ServerConfig
		at           scheme.Exchange
		after        time.Duration
		want         gss.Code
	}{
		{"the same node", base, base, x, 0, gss.NoFault},
		{"just alive", base, base, x, defaultLifetime - 1, gss.NoFault},
		{"past its life", base, base, x, defaultLifetime, gss.Expired},
		{"from the future", base, base, x, -1, gss.ClockSkew},
		{"from the future within skew", base, with(func(c *ServerConfig) { c.Skew = time.Second }), x, -time.Second, gss.NoFault},
		{"beyond skew", base, with(func(c *ServerConfig) { c.Skew = time.Second }), x, -time.Second - 1, gss.ClockSkew},
		{"rotated", base, with(func(c *ServerConfig) { c.Keys = rotated }), x, 0, gss.NoFault},
		{"key dropped", base, with(func(c *ServerConfig) { c.Keys = rotated[:1] }), x, 0, gss.Expired},
		{"the other side", base, base, proxy, 0, gss.Expired},
		{"another host, not bound", base, base, elsewhere, 0, gss.NoFault},
		{"another host", with(func(c *ServerConfig) { c.BindHost = true }), with(func(c *ServerConfig) { c.BindHost = true }), elsewhere, 0, gss.Expired},
		{"the same host", with(func(c *ServerConfig) { c.BindHost = true }), with(func(c *ServerConfig) { c.BindHost = true }), deeper, 0, gss.NoFault},
		{"another path", with(func(c *ServerConfig) { c.BindURI = true }), with(func(c *ServerConfig) { c.BindURI = true }), deeper, 0, gss.Expired},
	} {
		w := newWorld(t)
		maker, judge := newServer(t, tt.made), newServer(t, tt.judged)
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(tt.at), w.offer(maker, x))
		w.now += int64(tt.after)
		_, out := w.presented(judge, tt.at, sent.Credentials)
		wantFault(t, tt.name, out.Fault, tt.want)
		if tt.want != gss.NoFault && out.Challenges.Empty() {
			t.Errorf("%s: the right password gets no nonce to go on with", tt.name)
		}
	}
	// A changed nonce or opaque is of no known key, whatever was changed.
	w, s := newWorld(t), newServer(t, base)
	offer := text1(w.offer(s, x))
	nonce, opaque := nonceOf(challenge1(offer))
	for n := range nonce {
		changed := nonce[:n] + string(nonce[n]^1|'A') + nonce[n+1:]
		if changed == nonce {
			changed = nonce[:n] + "_" + nonce[n+1:]
		}
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), challenge1(strings.Replace(offer, nonce, changed, 1)))
		if _, out := w.presented(s, x, sent.Credentials); out.State == gss.Complete {
			t.Fatalf("nonce changed at %d was taken", n)
		}
	}
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), challenge1(strings.Replace(offer, opaque, strings.ToLower(opaque)+"x", 1)))
	_, out := w.presented(s, x, sent.Credentials)
	wantFault(t, "another opaque", out.Fault, gss.Expired)
}

func TestProtectionSpace(t *testing.T) {
	for _, tt := range []struct {
		domain, want string
		remembered   bool
	}{
		{``, "", true}, {`""`, "", true}, {`"/"`, "/", true}, {`"/a /b/c"`, "/a /b/c", true},
		{`"http://www.example.org/a"`, "/a", true}, {`"http://WWW.example.org:80"`, "/", true},
		{`"/a http://other.example.org/b https://www.example.org/c //x/y"`, "/a", true},
		{`"http://other.example.org/b"`, "", false}, {`"::"`, "", true}, {`"junk /a"`, "/a", true},
	} {
		for _, side := range []gss.Side{gss.Origin, gss.Proxy} {
			w, x := newWorld(t), exchange("GET", "/a")
			x.Side = side
			text := `Digest realm="r", nonce="n", qop="auth"`
			if tt.domain != "" {
				text += ", domain=" + tt.domain
			}
			i, _ := w.challenged(newClient(t, ClientConfig{}).Initiate(x), challenge1(text))
			_, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200})
			want, remembered := tt.want, tt.remembered
			if side == gss.Proxy { // R7616-3.3-2
				want, remembered = "", true
			}
			if out.Memory.Scope != want || (out.Memory != scheme.Memory{}) != remembered {
				t.Errorf("domain=%s for the %v: %q remembered %v, want %q %v", tt.domain, side, out.Memory.Scope, out.Memory != scheme.Memory{}, want, remembered)
			}
		}
	}
	w, x := newWorld(t), exchange("GET", "/a")
	i, _ := w.challenged(newClient(t, ClientConfig{}).Initiate(x), challenge1(`Digest realm="r", nonce="n", qop="auth", domain="`+strings.Repeat("/a ", 2*maxScope)+`"`))
	if _, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded}); len(strings.Fields(out.Memory.Scope)) != maxScope {
		t.Error("the scope is not bounded")
	}
	requirement.Held(t, "unit:digest_domain", "R7616-3.3-2", "R7616-3.3-4")
}

// A server's cnonce parameter never becomes ours, not even by way of memory.
func TestMemoryHoldsOwnCNonceOnly(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	c := newClient(t, ClientConfig{})
	for _, alg := range []string{"MD5", "MD5-sess"} {
		i, first := w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", qop="auth", cnonce="theirs", stale=true, new="p", algorithm=`+alg))
		for _, info := range []string{"x=y", "nextnonce=next"} {
			_, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(info)})
			_, second := w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start, Offer: header.ListOf(out.Memory.Offer), Count: out.Memory.Count + 1})
			for _, sent := range []scheme.InitiatorOutput{first, second} {
				if got := param(t, sent.Credentials, "cnonce"); got == "theirs" || len(got) != 32 {
					t.Errorf("%s, %s: cnonce %q", alg, info, got)
				}
			}
			if _, ok := out.Memory.Offer.Param("stale"); ok {
				t.Errorf("%s, %s: stale was remembered", alg, info)
			}
			if v, _ := out.Memory.Offer.Param("new"); v != "p" {
				t.Errorf("%s, %s: the challenge was not kept", alg, info)
			}
		}
	}
}

// HTA-13: neither the stale nonce nor anything else makes the answer weaker.
func TestStaleDoesNotDowngrade(t *testing.T) {
	const first = `Digest realm="r", nonce="n", qop="auth-int", algorithm=SHA-256`
	for text, want := range map[string]gss.Code{
		first + `, stale=TRUE`:                                                           gss.NoFault,
		first + `, stale="true"`:                                                         gss.NoFault,
		`Digest realm="r", nonce="m", qop="auth-int", stale=true`:                        gss.NotPermitted,
		`Digest realm="r", nonce="m", qop="auth", algorithm=SHA-256, stale=true`:         gss.NotPermitted,
		`Digest realm="r", nonce="m", algorithm=SHA-256, stale=true`:                     gss.NotPermitted,
		`Digest realm="s", nonce="m", qop="auth-int", algorithm=SHA-256, stale=true`:     gss.Refused,
		`Digest realm="r", nonce="m", qop="auth-int", algorithm=SHA-512-256, stale=true`: gss.NoFault,
		`Digest realm="r", nonce="m", qop="auth-int", algorithm=SHA-256, stale=1`:        gss.Refused,
		`Basic realm="r"`: gss.Unexpected,
	} {
		w := newWorld(t)
		i, _ := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), challenge1(first))
		_, out := w.challenged(i, challenge1(text))
		wantFault(t, text, out.Fault, want)
	}
	requirement.Held(t, "unit:digest_stale_word", "R7616-3.3-2")
}

// HTA-13: nor does a body that could be hashed for the first nonce and cannot for the
// second. Where it could not be hashed the first time either, nothing gets weaker.
func TestStaleKeepsAuthInt(t *testing.T) {
	const both = `Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256`
	for _, tt := range []struct {
		name   string
		hashed [2]bool // by nonce
		want   gss.Code
	}{
		{"hashed for both", [2]bool{true, true}, gss.NoFault},
		{"hashed for the first alone", [2]bool{true, false}, gss.NotPermitted},
		{"hashed for the second alone", [2]bool{false, true}, gss.NoFault},
		{"hashed for neither", [2]bool{false, false}, gss.NoFault},
	} {
		w := newWorld(t)
		c := newClient(t, ClientConfig{PreferAuthInt: true})
		i := c.Initiate(exchange("POST", "/"))
		var out scheme.InitiatorOutput
		for n, hashed := range tt.hashed {
			offer := both
			if n > 0 {
				offer += `, stale=true`
			}
			in := scheme.InitiatorInput{Event: scheme.Challenged, Offer: challenge1(offer), Status: 401}
			for out.State = gss.Waiting; out.State == gss.Waiting; {
				var err error
				if i, out, err = i.Step(w.env(), in); err != nil {
					t.Fatal(err)
				}
				if out.State == gss.Waiting {
					in = scheme.InitiatorInput{Event: scheme.Answered, Answer: w.answer(out.Ask)}
					if _, body := out.Ask.(NeedBodyHash); body && !hashed {
						in.Answer = gss.Declined{}
					}
				}
			}
		}
		wantFault(t, tt.name, out.Fault, tt.want)
	}
}

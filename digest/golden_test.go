package digest

import (
	_ "embed"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/equalwork"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// login runs challenge, answer and verification.
func (w *world) logIn(c scheme.Client, s scheme.Server, x scheme.Exchange) (scheme.Initiator, scheme.Acceptor) {
	w.t.Helper()
	i, sent := w.challenged(c.Initiate(x), w.offer(s, x))
	if sent.State != gss.Ready {
		w.t.Fatalf("the client sent nothing: %v", sent.Fault)
	}
	a, out := w.presented(s, x, sent.Credentials)
	if out.State != gss.Complete {
		w.t.Fatalf("the server refused: %v", out.Fault)
	}
	return i, a
}

// respond lets the response leave and arrive.
func (w *world) respond(i scheme.Initiator, a scheme.Acceptor, status int) (scheme.Initiator, scheme.InitiatorOutput, header.Info) {
	w.t.Helper()
	_, out := w.accept(a, scheme.AcceptorInput{Event: scheme.Responding, Status: status})
	if out.State != gss.Complete {
		w.t.Fatalf("no final word of the server: %v", out.Fault)
	}
	info := header.Info{}
	if out.Info.Present() {
		info = header.ParseInfo(out.Info.Text())
	}
	i, concluded := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: status, Info: info})
	return i, concluded, info
}

// MSDIG-1, MSDIG-2, MSDIG-3, MSDIG-7, MSDIG-11: two pairs, and nothing that ties
// the second to the connection or the node of the first.
func TestDigestTwoPairs(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/dir/index.html?x=1")
	c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{Domain: "/dir"})
	offer := w.offer(s, x)
	i, sent := w.challenged(c.Initiate(x), offer)
	if sent.State != gss.Ready {
		t.Fatal(sent.Fault)
	}
	anotherNode := newServer(t, ServerConfig{Domain: "/dir"})
	a, out := w.presented(anotherNode, x, sent.Credentials)
	if out.State != gss.Complete {
		t.Fatal(out.Fault)
	}
	if info := a.Info(); info.Peer != user || info.Domain != realm || !info.Flags.Has(gss.ReplayDetect) {
		t.Errorf("the identity is %+v", info)
	}
	i, concluded, info := w.respond(i, a, 200)
	if concluded.State != gss.Complete || !i.Info().Flags.Has(gss.Mutual) {
		t.Errorf("the server's proof did not convince: %v %+v (%v)", concluded.Fault, i.Info(), info.Text())
	}
	if m := concluded.Memory; m.Count != 1 || m.Scope != "/dir" || !m.Offer.Is("Digest") {
		t.Errorf("remembered count %d, scope %q of %q", m.Count, m.Scope, m.Offer.Scheme())
	}
	if len(w.asked) != 3 || count[gss.NeedCredential](w) != 1 || count[gss.NeedVerifier](w) != 1 || count[gss.NeedReplayCheck](w) != 1 {
		t.Errorf("asked %v", w.asked)
	}
	q := w.asked[0].(gss.NeedCredential)
	if q.Scheme != scheme.Digest || q.Realm != realm || q.Side != gss.Origin || q.Target != x.Target {
		t.Errorf("asked %+v", q)
	}
	if v := w.asked[1].(gss.NeedVerifier); v != (gss.NeedVerifier{Scheme: scheme.Digest, Realm: realm, User: user, Kind: "SHA-256"}) {
		t.Errorf("asked %+v", v)
	}
	requirement.Held(t, "golden:digest_two_pairs")
}

// What goes on the wire, byte for byte but for nonces (R7616-3.3-1).
func TestDigestWireForm(t *testing.T) {
	x := exchange("GET", "/a\"b")
	c := newClient(t, ClientConfig{})
	w := newWorld(t)
	w.login = gss.Password{User: `lab\al "ice"`, Password: gss.NewSecret(password)}
	_, out := w.challenged(c.Initiate(x), challenge1(`Digest realm="a\"b", nonce=abc, opaque=token, algorithm="SHA-256", qop=auth, stale="false", charset=utf-8`))
	text := out.Credentials.Text()
	cnonce := param(t, out.Credentials, "cnonce")
	if len(cnonce) != 32 {
		t.Errorf("cnonce %q has not 128 bits in hex", cnonce)
	}
	text = strings.Replace(text, cnonce, "CNONCE", 1)
	text = strings.Replace(text, param(t, out.Credentials, "response"), "RESPONSE", 1)
	const want = `Digest username="lab\\al \"ice\"", realm="a\"b", nonce="abc", uri="/a\"b", algorithm=SHA-256, response="RESPONSE", opaque="token", qop=auth, nc=00000001, cnonce="CNONCE"`
	if text != want {
		t.Errorf("sent %s\nwant %s", text, want)
	}

	offer := newWorld(t).offer(newServer(t, ServerConfig{Domain: "/ /x", UserHash: true, QOPs: []QOP{AuthInt, Auth}}), x)
	var texts []string
	for c := range offer.All() {
		nonce, _ := c.Param("nonce")
		opaque, _ := c.Param("opaque")
		texts = append(texts, strings.NewReplacer(nonce, "NONCE", opaque, "OPAQUE").Replace(c.Text()))
	}
	got := strings.Join(texts, "\n")
	const wantOffer = `Digest realm="lab", domain="/ /x", nonce="NONCE", opaque="OPAQUE", algorithm=SHA-256, qop="auth,auth-int", charset=UTF-8, userhash=true
Digest realm="lab", domain="/ /x", nonce="NONCE", opaque="OPAQUE", algorithm=MD5, qop="auth,auth-int", charset=UTF-8, userhash=true`
	if got != wantOffer {
		t.Errorf("offered %s\nwant %s", got, wantOffer)
	}
}

// R7616-3.3-2, C23: an old nonce with the right password is stale, and the client retries
// without a question, once.
func TestDigestStale(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{NonceLifetime: time.Minute})
	i, sent := w.challenged(c.Initiate(x), w.offer(s, x))
	w.now += int64(time.Minute)
	_, out := w.presented(s, x, sent.Credentials)
	wantFault(t, "an old nonce", out.Fault, gss.Expired)
	if out.Challenges.Len() != 2 {
		t.Fatalf("%d challenges came with the refusal, want 2", out.Challenges.Len())
	}
	for ch := range out.Challenges.All() {
		if v, _ := ch.Param("stale"); v != "true" || strings.Contains(ch.Text(), `stale="`) {
			t.Errorf("stale is %q in %s", v, ch.Text())
		}
		requirement.Held(t, "golden:digest_stale")
	}
	i, again := w.challenged(i, out.Challenges)
	if again.State != gss.Ready || count[gss.NeedCredential](w) != 1 {
		t.Fatalf("a stale nonce: %v, asked %d times", again.Fault, count[gss.NeedCredential](w))
	}
	if param(t, again.Credentials, "nc") != "00000001" || param(t, again.Credentials, "nonce") == param(t, sent.Credentials, "nonce") || param(t, again.Credentials, "cnonce") == param(t, sent.Credentials, "cnonce") {
		t.Error("the new nonce was not started anew")
	}
	if _, out := w.presented(s, x, again.Credentials); out.State != gss.Complete {
		t.Errorf("the new nonce was refused: %v", out.Fault)
	}
	if _, once := w.challenged(i, out.Challenges); once.State != gss.Failed || once.Fault.Code != gss.LimitExceeded {
		t.Errorf("a second stale=true: %v, want %v", once.Fault, gss.LimitExceeded)
	}
	// A wrong response gets no stale=true, whatever the nonce.
	forged := strings.Replace(sent.Credentials.Text(), param(t, sent.Credentials, "response"), strings.Repeat("0", 64), 1)
	_, out = w.presented(s, x, header.ParseCredentials(forged))
	wantFault(t, "an old nonce with a wrong response", out.Fault, gss.BadCredentials)
	if !out.Challenges.Empty() {
		t.Error("a wrong response was told stale=true")
	}
}

func TestDigestWrongPassword(t *testing.T) {
	x := exchange("GET", "/")
	c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{})
	outside := map[scheme.AcceptorOutput]bool{}
	for _, tt := range []struct {
		name, user, password string
		want                 gss.Code
	}{
		{"wrong password", user, "guess", gss.BadCredentials},
		{"empty password", user, "", gss.BadCredentials},
		{"unknown user", "mallory", password, gss.UnknownUser},
		{"unknown user, empty password", "mallory", "", gss.UnknownUser},
		{"unknown user, the password of the dummy", "mallory", dummy, gss.UnknownUser},
	} {
		w := newWorld(t)
		w.login = gss.Password{User: tt.user, Password: gss.NewSecret(tt.password)}
		i, sent := w.challenged(c.Initiate(x), w.offer(s, x))
		a, out := w.presented(s, x, sent.Credentials)
		wantFault(t, tt.name, out.Fault, tt.want)
		if out.State != gss.Failed || a.Info() != (gss.Info{}) || count[gss.NeedReplayCheck](w) != 0 {
			t.Errorf("%s: state %v, info %+v, %d counts used", tt.name, out.State, a.Info(), count[gss.NeedReplayCheck](w))
		}
		out.Fault = gss.Fault{}
		outside[out] = true
		// A new nonce without stale: the password was wrong.
		i, again := w.challenged(i, w.offer(s, x))
		wantFault(t, tt.name+", challenged again", again.Fault, gss.Refused)
		if _, still := w.challenged(i, w.offer(s, x)); still.Fault.Code != gss.Refused {
			t.Errorf("%s: the failure did not absorb: %v", tt.name, still.Fault) // HTA-8
		}
		requirement.Held(t, "golden:digest_wrong_password")
	}
	if len(outside) != 1 {
		t.Error("a wrong password and an unknown user look different outside")
	}
}

// V2: an answer computed from an empty HA1, for a user that does not exist.
func TestDigestEmptyHA1(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	s := newServer(t, ServerConfig{Algorithms: []Algorithm{MD5}})
	for _, h := range []gss.Answer{gss.Unknown{}, HA1{}, HA1{User: "mallory", SHA256: gss.NewSecret(strings.Repeat("0", 64))}} {
		w.users = func(gss.NeedVerifier) gss.Answer { return h }
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
		p := Params{Nonce: param(t, sent.Credentials, "nonce"), CNonce: param(t, sent.Credentials, "cnonce"), NC: "00000001", QOP: Auth, Method: "GET", URI: "/"}
		for _, key := range []Key{{}, {Sum{n: 32}}} {
			var forged Sum
			MD5.proof(&forged, &key, &p, "GET")
			text := strings.Replace(sent.Credentials.Text(), param(t, sent.Credentials, "response"), forged.String(), 1)
			_, out := w.presented(s, x, header.ParseCredentials(text))
			if out.State != gss.Failed || out.Fault.Code != gss.UnknownUser && out.Fault.Code != gss.QuestionFailed {
				t.Errorf("%T: an empty HA1 ended in %v, %v", h, out.State, out.Fault)
			}
		}
	}
}

func TestDigestBothUsernames(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	s := newServer(t, ServerConfig{})
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
	both := header.ParseCredentials(sent.Credentials.Text() + `, username*=UTF-8''alice`)
	_, out := w.presented(s, x, both)
	wantFault(t, "username and username*", out.Fault, gss.Malformed) // R7616-3.4-2
	if len(w.asked) != 1 {
		t.Error("the store was asked")
	}
	requirement.Held(t, "golden:digest_both_usernames")
}

// V3 and C29: the uri is the resource of the request, or nothing is.
func TestDigestURIMismatch(t *testing.T) {
	const uri = "/dir/index.html?x=1"
	s := newServer(t, ServerConfig{})
	for _, sentURI := range []string{"", "/", "/dir", "/dir/index.html", "/dir/index.html?", "/dir/index.html?x=1&y", "/dir/index.html?x=10",
		"dir/index.html?x=1", "//dir/index.html?x=1", "/DIR/index.html?x=1", "*", "www.example.org/dir/index.html?x=1"} {
		w := newWorld(t)
		x := exchange("GET", uri)
		signed := x
		signed.URI = sentURI
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(signed), w.offer(s, x))
		_, out := w.presented(s, x, sent.Credentials)
		wantFault(t, "uri="+sentURI, out.Fault, gss.WrongTarget)
		if count[gss.NeedVerifier](w) != 0 {
			t.Errorf("uri=%q: the store was asked", sentURI)
		}
	}
	// Another method with the right uri is a wrong response.
	w, x := newWorld(t), exchange("DELETE", uri)
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", uri)), w.offer(s, x))
	_, out := w.presented(s, x, sent.Credentials)
	wantFault(t, "a response for GET with DELETE", out.Fault, gss.BadCredentials)
	requirement.Held(t, "golden:digest_uri_mismatch")
}

func TestDigestURIAbsoluteForm(t *testing.T) {
	s := newServer(t, ServerConfig{})
	for _, tt := range []struct {
		request, signed string
		ok              bool
	}{
		{"/a?b", "http://www.example.org/a?b", true},
		{"/a?b", "HTTP://WWW.example.ORG:80/a?b", true},
		{"/", "http://www.example.org", true},
		{"/?q", "http://www.example.org?q", true},
		{"http://www.example.org/a", "http://www.example.org/a", true},
		{"http://www.example.org/a", "http://www.example.org:80/a", true},
		{"/a?b", "https://www.example.org/a?b", false},
		{"/a?b", "http://example.org/a?b", false},
		{"/a?b", "http://www.example.org:8080/a?b", false},
		{"/a?b", "http://user@www.example.org/a?b", false},
		{"/a?b", "http://www.example.org/A?b", false},
		{"/a?b", "http://www.example.org/a", false},
		{"/a?b", "http:///a?b", false},
		{"http://www.example.org/a", "/a", false},
	} {
		w, x := newWorld(t), exchange("GET", tt.request)
		signed := x
		signed.URI = tt.signed
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(signed), w.offer(s, x))
		_, out := w.presented(s, x, sent.Credentials)
		if (out.State == gss.Complete) != tt.ok {
			t.Errorf("uri=%q for %q: %v %v", tt.signed, tt.request, out.State, out.Fault)
		}
		requirement.Held(t, "golden:digest_uri_absolute_form")
	}
}

// proxied is a request to a plain proxy.
func proxied(uri string) scheme.Exchange {
	x := exchange("GET", uri)
	x.Side = gss.Proxy
	return x
}

// A front that strips a prefix, or adds one: the uri that the client signed is compared after what the front does to it, and
// a proof counts for that resource alone.
func TestRewrittenPaths(t *testing.T) {
	strip := func(target string) string { return strings.TrimPrefix(target, "/app") }
	for _, tt := range []struct {
		rewrite         func(string) string
		signed, request string
		want            bool
	}{
		{strip, "/app/a?b", "/a?b", true},
		{strip, "/app/a?b", "/a?c", false},
		{strip, "/app/a?b", "/app/a?b", false},
		{strip, "/a?b", "/a?b", true}, // of a client that does not come through the front
		{strip, "/other/a", "/a", false},
		{strip, "/app", "/", false}, // strip makes nothing of it
		{func(target string) string { return "/inside" + target }, "/a", "/inside/a", true},
		{func(target string) string { return "/inside" + target }, "/inside/a", "/inside/a", false},
		{func(string) string { return "/a" }, "/" + strings.Repeat("b", maxValue+2), "/a", false},
		{func(string) string { return "/a" }, "/" + strings.Repeat("b", maxValue+1), "/a", true},
		{nil, "/app/a?b", "/a?b", false},
	} {
		w, s := newWorld(t), newServer(t, ServerConfig{Rewrite: tt.rewrite, BindURI: true})
		x := exchange("GET", tt.request)
		signed := exchange("GET", tt.signed)
		i, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(signed), w.offer(s, x))
		a, out := w.presented(s, x, sent.Credentials)
		if (out.State == gss.Complete) != tt.want || !tt.want && out.Fault.Code != gss.WrongTarget {
			t.Errorf("uri=%.20q for %q: %v %v", tt.signed, tt.request, out.State, out.Fault)
		}
		if tt.want { // the proof of the server is of what the client signed
			if _, out, _ := w.respond(i, a, 200); out.State != gss.Complete {
				t.Errorf("uri=%.20q for %q: the client says %v %v", tt.signed, tt.request, out.State, out.Fault)
			}
		}
		requirement.Held(t, "unit:digest_rewritten", "FRONT-11")
	}
}

// Every client that is known writes the path to a proxy, where the request-target is
// the absolute form. A proxy takes it unless it is strict, and an origin by tolerance.
// The method, the user and the nonce stay what they are.
func TestDigestProxyTakesThePath(t *testing.T) {
	const absolute = "http://www.example.org/a?b"
	for _, tt := range []struct {
		request, signed string
		proxy           bool // what a proxy does by default, or an origin by PathToProxy
		strict          bool // what a strict proxy does, or an origin by default
	}{
		{absolute, "/a?b", true, false},
		{"http://www.example.org", "/", true, false},
		{"http://www.example.org/", "/", true, false},
		{"http://www.example.org?b", "/?b", true, false},
		{"http://www.example.org:8080/a?b", "/a?b", true, false},
		{absolute, absolute, true, true},
		{absolute, "http://www.example.org:80/a?b", true, true},
		{"www.example.org:443", "www.example.org:443", true, true}, // CONNECT
		{"www.example.org:443", "/", false, false},
		{"/a?b", "/a?b", true, true}, // as reverse proxies see it
		{absolute, "/a", false, false},
		{absolute, "/a?b&c", false, false},
		{absolute, "/", false, false},
		{absolute, "", false, false},
		{absolute, "*", false, false},
		{absolute, "a?b", false, false},
		{absolute, "//www.example.org/a?b", false, false},
		{absolute, "http://other.example.org/a?b", false, false},
	} {
		for _, side := range []gss.Side{gss.Origin, gss.Proxy} {
			for _, lenient := range []bool{false, true} {
				cfg, want := ServerConfig{StrictURI: !lenient}, tt.strict
				if side == gss.Origin {
					cfg = ServerConfig{}
					if lenient {
						cfg.Tolerate = PathToProxy
					}
				}
				if lenient {
					want = tt.proxy
				}
				w, s := newWorld(t), newServer(t, cfg)
				x := proxied(tt.request)
				x.Side = side
				signed := x
				signed.URI = tt.signed
				_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(signed), w.offer(s, x))
				_, out := w.presented(s, x, sent.Credentials)
				if (out.State == gss.Complete) != want || !want && out.Fault.Code != gss.WrongTarget {
					t.Errorf("%v, lenient %v: uri=%q for %q: %v %v", side, lenient, tt.signed, tt.request, out.State, out.Fault)
				}
				requirement.Held(t, "golden:digest_proxy_path", "R7616-3.4.6-2")
			}
		}
	}
	// What the path does not say stays bound.
	for name, change := range map[string]func(text string, x *scheme.Exchange) string{
		"another method": func(text string, x *scheme.Exchange) string { x.Method = "POST"; return text },
		"another user":   func(text string, _ *scheme.Exchange) string { return strings.Replace(text, user, "bob", 1) },
		"another nonce": func(text string, _ *scheme.Exchange) string {
			at := strings.Index(text, `nonce="`) + len(`nonce="`)
			b := []byte(text)
			b[at] ^= 'A' ^ 'B'
			return string(b)
		},
	} {
		w, s := newWorld(t), newServer(t, ServerConfig{})
		x := proxied(absolute)
		signed := x
		signed.URI = "/a?b"
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(signed), w.offer(s, x))
		text := change(sent.Credentials.Text(), &x)
		if _, out := w.presented(s, x, header.ParseCredentials(text)); out.State == gss.Complete || out.Fault.IsZero() || out.Fault.Code == gss.WrongTarget {
			t.Errorf("%s: %v %v", name, out.State, out.Fault)
		}
	}
	if _, err := NewServer(ServerConfig{Realm: realm, Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", minKey))}, StrictURI: true, Tolerate: PathToProxy}); err == nil {
		t.Error("a server that is strict and tolerant at once")
	}
}

func TestDigestTolerances(t *testing.T) {
	for _, tt := range []struct {
		name            string
		tolerance       Tolerance
		request, signed scheme.Exchange
		edit            func(string) string
	}{
		{"MissingQuery", MissingQuery, exchange("GET", "/a?b"), exchange("GET", "/a"), nil},
		{"MissingQuery, absolute form", MissingQuery, exchange("GET", "/a?b"), exchange("GET", "http://www.example.org/a"), nil},
		{"MissingQuery, towards a proxy", MissingQuery, proxied("http://www.example.org/a?b"), proxied("/a"), nil},
		{"GetForPost", GetForPost, exchange("POST", "/a"), exchange("GET", "/a"), nil},
		{"PathToProxy", PathToProxy, exchange("GET", "http://www.example.org/a"), exchange("GET", "/a"), nil},
		{"MissingOpaque", MissingOpaque, exchange("GET", "/a"), exchange("GET", "/a"), func(s string) string {
			from := strings.Index(s, "opaque=")
			return s[:from] + s[from+strings.Index(s[from:], ", ")+2:]
		}},
	} {
		for _, on := range []bool{false, true} {
			w := newWorld(t)
			cfg := ServerConfig{}
			if on {
				cfg.Tolerate = tt.tolerance
			}
			s := newServer(t, cfg)
			_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(tt.signed), w.offer(s, tt.request))
			text := sent.Credentials.Text()
			if tt.edit != nil {
				text = tt.edit(text)
			}
			if _, out := w.presented(s, tt.request, header.ParseCredentials(text)); (out.State == gss.Complete) != on {
				t.Errorf("%s %v: %v %v", tt.name, on, out.State, out.Fault)
			}
		}
	}
	// nc with fewer digits, and none at all, have to be signed as they are.
	for _, on := range []bool{false, true} {
		cfg := ServerConfig{Algorithms: []Algorithm{MD5}}
		if on {
			cfg.Tolerate = ShortNC | NoQOP | Latin1
		}
		s, w, x := newServer(t, cfg), newWorld(t), exchange("GET", "/")
		f, key := function(t, MD5), function(t, MD5).HA1(user, realm, password)
		for _, tail := range []string{`, qop=auth, cnonce="c", nc=1`, `, qop=auth, cnonce="c", nc=0A`, ``} {
			nonce, opaque := nonceOf(w.offer(s, x))
			p := Params{Nonce: nonce, Method: "GET", URI: "/"}
			if tail != "" {
				p.QOP, p.CNonce, p.NC = Auth, "c", tail[strings.LastIndexByte(tail, '=')+1:]
			}
			text := `Digest username="alice", realm="lab", uri="/", nonce="` + nonce + `", opaque="` + opaque + `", response="` + f.Response(key, p).String() + `"` + tail
			for n, want := range []bool{on, false} {
				_, out := w.presented(s, x, header.ParseCredentials(text))
				if (out.State == gss.Complete) != want {
					t.Errorf("%q, tolerance %v, time %d: %v %v", tail, on, n+1, out.State, out.Fault)
				}
				if on && !want && out.Fault.Code != gss.Replayed {
					t.Errorf("%q a second time: %v", tail, out.Fault)
				}
			}
		}
		latin1 := "j\xe4s\xf8n"
		w.users = func(q gss.NeedVerifier) gss.Answer {
			if q.User != "j\u00e4s\u00f8n" {
				return gss.Unknown{}
			}
			return gss.Password{Password: gss.NewSecret("p\u00e4ss")}
		}
		w.login = gss.Password{User: "j\u00e4s\u00f8n", Password: gss.NewSecret("p\u00e4ss")}
		bare := strings.Replace(text1(w.offer(s, x)), ", charset=UTF-8", "", 1)
		_, sent := w.challenged(newClient(t, ClientConfig{Names: Latin1Names}).Initiate(x), challenge1(bare))
		if got := param(t, sent.Credentials, "username"); got != latin1 {
			t.Errorf("sent the name %q, want %q", got, latin1)
		}
		a, out := w.presented(s, x, sent.Credentials)
		if (out.State == gss.Complete) != on || on && a.Info().Peer != "j\u00e4s\u00f8n" {
			t.Errorf("Latin1 %v: %v %v %+v", on, out.State, out.Fault, a.Info())
		}
	}
}

//go:embed acceptor.go
var acceptorSource string

// An unknown user, one without a hash of the algorithm, and a wrong password cost the
// same, whichever kind of store answers.
func TestDigestEqualWork(t *testing.T) {
	equalwork.Before(t, acceptorSource, "verifierReplied", "a.p.alg.ha1", "a.verify")
	requirement.Held(t, "unit:equal_work", "HTA-30")
}

// Each challenge that cannot be answered, and all credentials that cannot be taken, are
// refused for what is wrong with them.
func TestDigestSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		challenge string
		code      gss.Code
		want      string
	}{
		{`realm="lab", nonce="n", algorithm=MD5-sess`, gss.Unsupported, "-sess algorithm and no qop"}, // R7616-3.4-2
		{`realm="lab", nonce="n", algorithm=SHA-256-sess, qop=""`, gss.Unsupported, "-sess algorithm and no qop"},
		{`realm="lab", nonce="n", algorithm=SHA-512-256-sess`, gss.Unsupported, "-sess algorithm and no qop"},
		{`realm="lab", nonce="n", algorithm=SHA3, qop=auth`, gss.Unsupported, "unknown algorithm"},
		{`realm="lab", nonce="n", algorithm=SHA3`, gss.Unsupported, "unknown algorithm"},
		{`realm="lab", nonce="n", qop=auth-conf`, gss.Unsupported, "only unknown qops"},
		{`realm="lab", nonce="n", qop=auth-conf, algorithm=MD5-sess`, gss.Unsupported, "only unknown qops"},
		{`realm="lab", nonce="n", algorithm=SHA-512-256, qop=auth`, gss.Unsupported, "not among those configured"},
		{`realm="lab", qop=auth`, gss.Malformed, "no nonce"},
		{`realm="lab", nonce="", qop=auth`, gss.Malformed, "no nonce"},
		{`nonce="` + strings.Repeat("n", maxValue+1) + `"`, gss.Malformed, "longer than 4096 bytes"},
		{`nonce="n", nonce="n"`, gss.Malformed, "names a parameter twice"},
		{`nonce="n" qop=auth`, gss.Malformed, "breaks the grammar"},
		{``, gss.Malformed, "no parameters"},
		{`YWJj`, gss.Malformed, "no parameters"},
	} {
		w := newWorld(t)
		c := newClient(t, ClientConfig{Algorithms: []Algorithm{SHA256, MD5, SHA256Sess, MD5Sess, SHA512_256Sess}})
		_, out := w.initiate(c.Initiate(exchange("GET", "/")), scheme.InitiatorInput{Event: scheme.Challenged, Offer: header.ParseChallenges("Digest " + tt.challenge)})
		if out.Fault.Code != tt.code || !strings.Contains(out.Fault.Detail, tt.want) {
			t.Errorf("%.60s: %v, want %v and %q", tt.challenge, out.Fault, tt.code, tt.want)
		}
	}
	// A stored hash of another algorithm is not a matter of configuration.
	w := newWorld(t)
	w.login = HA1{User: user, SHA256: gss.NewSecret(strings.Repeat("0", 64))}
	_, out := w.initiate(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), scheme.InitiatorInput{Event: scheme.Challenged, Offer: header.ParseChallenges(`Digest realm="lab", nonce="n", qop=auth`)})
	if out.Fault.Code != gss.Unsupported || !strings.Contains(out.Fault.Detail, "no stored hash") {
		t.Error(out.Fault)
	}
	for _, tt := range []struct{ tail, want string }{
		{``, "NoQOP"},
		{`, qop=auth-int, nc=00000001, cnonce="c"`, "was not offered; see ServerConfig.QOPs"},
		{`, qop=auth-conf, nc=00000001, cnonce="c"`, "unknown qop"},
		{`, qop=auth, nc=00000001`, "without cnonce, or without nc"},
		{`, qop=auth, cnonce="c"`, "without cnonce, or without nc"},
	} {
		w, x, s := newWorld(t), exchange("GET", "/"), newServer(t, ServerConfig{Algorithms: []Algorithm{MD5}})
		nonce, opaque := nonceOf(w.offer(s, x))
		text := `Digest username="alice", realm="lab", uri="/", nonce="` + nonce + `", opaque="` + opaque + `", response="` + strings.Repeat("0", 32) + `"` + tt.tail
		if _, out := w.presented(s, x, header.ParseCredentials(text)); !strings.Contains(out.Fault.Detail, tt.want) {
			t.Errorf("credentials%s: %v, want %q", tt.tail, out.Fault, tt.want)
		}
	}
	requirement.Held(t, "unit:digest_says_why", "HTA-31")
}

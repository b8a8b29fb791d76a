package digest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// A response without qop: nothing of a qop may stand beside it, its nonce counts
// once whatever else is configured, and the next one comes along.
func TestLegacyOnTheServer(t *testing.T) {
	s, x := newServer(t, ServerConfig{Algorithms: []Algorithm{MD5, MD5Sess}, Tolerate: NoQOP, AllowReplay: true}), exchange("GET", "/")
	f, key := function(t, MD5), function(t, MD5).HA1(user, realm, password)
	credentials := func(w *world) string {
		nonce, opaque := nonceOf(w.offer(s, x))
		response := f.Response(key, Params{Nonce: nonce, Method: "GET", URI: "/"})
		return `Digest username="alice", realm="lab", uri="/", nonce="` + nonce + `", opaque="` + opaque + `", response="` + response.String() + `"`
	}
	w := newWorld(t)
	good := credentials(w)
	a, out := w.presented(s, x, header.ParseCredentials(good))
	if out.State != gss.Complete {
		t.Fatal(out.Fault)
	}
	_, final := w.accept(a, scheme.AcceptorInput{Event: scheme.Responding, Status: 200})
	if text := final.Info.Text(); !strings.HasPrefix(text, `rspauth="`) || !strings.Contains(text, "nextnonce=") || strings.Contains(text, "qop") || strings.Contains(text, "nc=") {
		t.Errorf("Authentication-Info is %s", text)
	}
	_, out = w.presented(s, x, header.ParseCredentials(good))
	wantFault(t, "a second time", out.Fault, gss.Replayed)
	for _, more := range []string{`, cnonce="c"`, `, nc=00000001`, `, algorithm=MD5-sess`} {
		_, out := w.presented(s, x, header.ParseCredentials(credentials(w)+more))
		wantFault(t, more, out.Fault, gss.Malformed)
	}
}

func TestInitiatorEdges(t *testing.T) {
	w, c := newWorld(t), newClient(t, ClientConfig{})
	x := exchange("GET", "/")

	_, out := w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", opaque="", qop=auth`))
	if v, ok := out.Credentials.Param("opaque"); !ok || v != "" {
		t.Errorf("an empty opaque went back as %q, %v", v, ok)
	}

	// A cnonce that the server names is not taken with a stale nonce either.
	i, _ := w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", qop=auth, algorithm=MD5-sess`))
	_, out = w.challenged(i, challenge1(`Digest realm="r", nonce="m", qop=auth, algorithm=MD5-sess, stale=true, cnonce="theirs"`))
	if got := param(t, out.Credentials, "cnonce"); len(got) != 32 {
		t.Errorf("cnonce %q", got)
	}

	// A field that does not parse hides a proof, so it is as good as a wrong one.
	_, out = w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(`rspauth="`)})
	wantFault(t, "a broken Authentication-Info", out.Fault, gss.NotAuthentic)

	// A count that is nearly used up is not remembered.
	offer := header.ListOf(header.ParamChallenge("Digest", `realm="r", nonce="n", qop=auth`))
	for count, remembered := range map[uint32]bool{0: true, 7: true, math.MaxUint32 - 2: true, math.MaxUint32 - 1: false} {
		i, out := w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start, Offer: offer, Count: count})
		if got := param(t, out.Credentials, "nc"); got != FormatNC(max(count, 1)) {
			t.Errorf("count %d went out as %s", count, got)
		}
		if _, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200}); (out.Memory != scheme.Memory{}) != remembered {
			t.Errorf("count %d: remembered %v", count, !remembered)
		}
	}

	// A valid proof of a lower qop than the request's, and one of a qop where the
	// request had none.
	for challenge, qop := range map[string]QOP{
		`Digest realm="r", nonce="n", qop="auth-int"`: Auth,
		`Digest realm="r", nonce="n"`:                 AuthInt,
	} {
		i, sent := w.challenged(c.Initiate(x), challenge1(challenge))
		f, cnonce := function(t, MD5), param(t, sent.Credentials, "cnonce")
		proof := f.ResponseAuth(f.HA1(user, "r", password), Params{Nonce: "n", CNonce: cnonce, NC: FormatNC(1), QOP: qop, URI: "/", BodyHash: f.BodyHash(nil)})
		info := header.ParseInfo(`rspauth="` + proof.String() + `", cnonce="` + cnonce + `", nc=00000001, qop=` + qop.String())
		_, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: info})
		wantFault(t, challenge+" and a proof of "+qop.String(), out.Fault, gss.NotAuthentic)
	}
	if i.Context() != nil || (acceptor{}).Context() != nil {
		t.Error("Digest has a GSS context")
	}
	if Auth.String() != "auth" || QOP(9).String() != "unknown qop" || Algorithm(99).String() != "unknown algorithm" || noAlgorithm.Base() != noAlgorithm {
		t.Error("names")
	}
	requirement.Held(t, "unit:empty_opaque", "R7616-3.4-1")
}

func TestAcceptorEdges(t *testing.T) {
	w, x := newWorld(t), exchange("POST", "/")
	s := newServer(t, ServerConfig{QOPs: []QOP{AuthInt}})
	c := newClient(t, ClientConfig{})

	// A response that is streamed proves nothing, and is no failure.
	i, a := w.logIn(c, s, x)
	waiting, out, err := a.Step(w.env(), scheme.AcceptorInput{Event: scheme.Responding, Status: 200})
	if q, ok := out.Ask.(NeedBodyHash); err != nil || !ok || q != (NeedBodyHash{Algorithm: SHA256, Response: true}) {
		t.Fatalf("asked %v, %v", out.Ask, err)
	}
	_, _, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: BodyHash{"00"}})
	wantMisuse(t, "a hash of no length", err)
	_, _, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: gss.Unknown{}})
	wantMisuse(t, "a foreign answer", err)
	raw := strings.Repeat("\x00", 32) // in binary
	_, out, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: BodyHash{raw}})
	if _, proof := out.Info.Param("rspauth"); err != nil || !proof {
		t.Errorf("a hash in binary: %v, %v", out.Info.Text(), err)
	}
	_, out, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: gss.Declined{}})
	if err != nil || out.State != gss.Complete || out.Info.Present() {
		t.Errorf("a stream: %v %v", out.Info.Text(), err)
	}

	// The client's proof covers a body, but the answer holds no valid hash of it.
	_, out, _ = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: BodyHash{raw}})
	asks, question, err := i.Step(w.env(), scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: out.Info})
	if err != nil || question.State != gss.Waiting {
		t.Fatal(question.Fault, err)
	}
	_, _, err = asks.Step(w.env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Unknown{}})
	wantMisuse(t, "a foreign answer", err)
	_, done, _ := asks.Step(w.env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Declined{}})
	wantFault(t, "a body that was not hashed", done.Fault, gss.NotAuthentic)

	// Without a request-target nothing is designated (V3).
	empty := exchange("POST", "")
	_, sent := w.challenged(c.Initiate(empty), w.offer(s, empty))
	_, refusal := w.presented(s, empty, sent.Credentials)
	wantFault(t, "no uri and no request-target", refusal.Fault, gss.WrongTarget)

	// Authority from the target where the request has none; IPv6 and https too.
	for _, tt := range []struct {
		target gss.Target
		uri    string
		want   bool
	}{
		{gss.Target{Scheme: "https", Host: "2001:db8::1", Port: 443}, "https://[2001:db8::1]/a", true},
		{gss.Target{Scheme: "https", Host: "2001:db8::1", Port: 8443}, "https://[2001:DB8::1]:8443/a", true},
		{gss.Target{Scheme: "https", Host: "h", Port: 8443}, "https://h/a", false},
		{gss.Target{Scheme: "rtsp", Host: "h"}, "rtsp://h/a", true},
		{gss.Target{Scheme: "rtsp"}, "rtsp:///a", false},
	} {
		at := place{uri: "/a", scheme: tt.target.Scheme, host: tt.target.Host, port: tt.target.Port}
		if got := designates(tt.uri, &at, 0); got != tt.want {
			t.Errorf("%s: designates %v", tt.uri, got)
		}
	}
	if _, f := s.Offer(w.env(), scheme.Exchange{Side: 9}); f.Code != gss.NotPermitted {
		t.Errorf("a side that does not exist: %v", f)
	}
	if end := (&server{lifetime: int64(time.Hour)}).until(math.MaxInt64 - 1); end != math.MaxInt64 {
		t.Errorf("a nonce ends at %d", end)
	}
}

// What a challenge may bring along, and what not: the count and the cnonce are ours, words
// compare without case, and an empty list of qops is none.
func TestChallengeEdges(t *testing.T) {
	w, c, x := newWorld(t), newClient(t, ClientConfig{}), exchange("GET", "/")

	// A fresh challenge is answered for the first time, whatever the caller remembers.
	_, out := w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Challenged, Offer: challenge1(`Digest realm="r", nonce="n", qop=auth`), Count: 7})
	if got := param(t, out.Credentials, "nc"); got != FormatNC(1) {
		t.Errorf("a fresh challenge is answered with the count %s", got)
	}

	// A remembered one names the cnonce where it made the key, and nowhere else.
	for alg, theirs := range map[string]bool{"MD5": false, "SHA-256": false, "MD5-sess": true, "SHA-256-sess": true} {
		offer := challenge1(`Digest realm="r", nonce="n", qop=auth, cnonce="remembered", algorithm=` + alg)
		_, out := w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start, Offer: offer, Count: 2})
		if got := param(t, out.Credentials, "cnonce"); (got == "remembered") != theirs || !theirs && len(got) != 32 {
			t.Errorf("%s: a remembered challenge is answered with the cnonce %q", alg, got)
		}
		_, out = w.challenged(c.Initiate(x), offer)
		if got := param(t, out.Credentials, "cnonce"); len(got) != 32 {
			t.Errorf("%s: a fresh challenge is answered with the cnonce %q", alg, got)
		}
	}

	for text, want := range map[string]struct {
		code gss.Code
		qop  string
	}{
		`qop=","`:           {gss.NoFault, ""},
		`qop=" , ,, "`:      {gss.NoFault, ""},
		`qop=""`:            {gss.NoFault, ""},
		`qop=",auth"`:       {gss.NoFault, "auth"},
		`qop="other, AUTH"`: {gss.NoFault, "auth"},
		`qop="other"`:       {gss.Unsupported, ""},
		`qop=", other,"`:    {gss.Unsupported, ""},
	} {
		_, out := w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", `+text))
		if got := param(t, out.Credentials, "qop"); out.Fault.Code != want.code || got != want.qop {
			t.Errorf("%s: answered with the qop %q, and %v", text, got, out.Fault)
		}
	}
	for text, hashed := range map[string]bool{"userhash=true": true, "userhash=TRUE": true, `userhash="True"`: true, "userhash=false": false, "userhash=1": false, "charset=UTF-8": false} {
		_, out := w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", qop=auth, `+text))
		if _, got := out.Credentials.Param("userhash"); got != hashed || (param(t, out.Credentials, "username") == user) == hashed {
			t.Errorf("%s: answered with %s", text, out.Credentials.Text())
		}
	}

	// What does not fit into a field is not sent.
	long := exchange("GET", "/"+strings.Repeat("a", bound.Text))
	_, out = w.challenged(c.Initiate(long), challenge1(`Digest realm="r", nonce="n", qop=auth`))
	wantFault(t, "a URI that fits into no field", out.Fault, gss.Malformed)
	if out.Credentials.Present() {
		t.Error("credentials came beside a fault")
	}
	requirement.Held(t, "unit:cnonce_is_ours", "HTA-33")
}

// maxValue bounds each value of a challenge, of credentials, of Authentication-Info and of
// a configuration: as many bytes are taken, and one more is not.
func TestMaxValue(t *testing.T) {
	w, c, x := newWorld(t), newClient(t, ClientConfig{}), exchange("GET", "/")
	for size, fits := range map[int]bool{maxValue: true, maxValue + 1: false} {
		long := strings.Repeat("v", size)
		code := map[bool]gss.Code{true: gss.NoFault, false: gss.Malformed}[fits]
		for _, name := range []string{"realm", "nonce", "opaque", "cnonce"} {
			text := `Digest qop=auth, ` + name + `="` + long + `"`
			if name != "nonce" {
				text += `, nonce="n"`
			}
			_, out := w.challenged(c.Initiate(x), challenge1(text))
			wantFault(t, fmt.Sprint("a challenge with a ", name, " of ", size), out.Fault, code)
		}

		s := newServer(t, ServerConfig{})
		_, sent := w.challenged(c.Initiate(x), w.offer(s, x))
		for _, name := range []string{"username", "nonce", "cnonce"} {
			old := name + `="` + param(t, sent.Credentials, name) + `"`
			text := strings.Replace(sent.Credentials.Text(), " "+old, " "+name+`="`+long+`"`, 1)
			if text == sent.Credentials.Text() {
				t.Fatalf("no %s in %s", old, text)
			}
			w.asked = nil
			_, out := w.presented(s, x, header.ParseCredentials(text))
			// What fits is looked at, which takes a verifier, and does not verify.
			if asked := count[gss.NeedVerifier](w) > 0; asked != fits || out.State == gss.Complete || (out.Fault.Code == gss.Malformed) == fits {
				t.Errorf("credentials with a %s of %d: judged %t, %v", name, size, asked, out.Fault)
			}
		}

		i, _ := w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", qop=auth`))
		_, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(`nextnonce="` + long + `"`)})
		want := "n"
		if fits {
			want = long
		}
		if got, _ := out.Memory.Offer.Param("nonce"); got != want {
			t.Errorf("after a nextnonce of %d bytes one of %d is remembered", size, len(got))
		}

		for name, cfg := range map[string]ServerConfig{"realm": {Realm: long}, "domain": {Realm: realm, Domain: long}} {
			cfg.Keys = []gss.Secret{nonceKeyOf('k')}
			if _, err := NewServer(cfg); (err == nil) != fits {
				t.Errorf("a server with a %s of %d: %v", name, size, err)
			}
		}
	}
}

// The keys of a server: minKey bytes, and one to maxKeys of them.
func TestKeyBounds(t *testing.T) {
	keys := func(n, size int) (list []gss.Secret) {
		for i := range n {
			list = append(list, gss.NewSecret(strings.Repeat(string(rune('a'+i)), size)))
		}
		return list
	}
	for _, tt := range []struct {
		n, size int
		ok      bool
	}{
		{0, minKey, false}, {1, minKey - 1, false}, {1, minKey, true}, {1, minKey + 1, true},
		{maxKeys, minKey, true}, {maxKeys + 1, minKey, false}, {2, minKey - 1, false},
	} {
		if _, err := NewServer(ServerConfig{Realm: realm, Keys: keys(tt.n, tt.size)}); (err == nil) != tt.ok {
			t.Errorf("%d keys of %d bytes: %v", tt.n, tt.size, err)
		}
	}
}

// A name that came as its hash is looked up as stores hold it, in lower case, however the
// client wrote it.
func TestUserHashInCapitals(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	s := newServer(t, ServerConfig{UserHash: true})
	w.users = func(q gss.NeedVerifier) gss.Answer {
		if !q.Hashed || q.User != function(t, SHA256).UserHash(user, realm).String() {
			t.Errorf("asked about %q, a hash %t", q.User, q.Hashed)
			return gss.Unknown{}
		}
		return gss.Password{User: user, Password: gss.NewSecret(password)}
	}
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
	hash := param(t, sent.Credentials, "username")
	for _, written := range []string{hash, strings.ToUpper(hash), strings.ToUpper(hash[:9]) + hash[9:]} {
		w.seen = map[string]gss.Window{}
		a, out := w.presented(s, x, header.ParseCredentials(strings.Replace(sent.Credentials.Text(), hash, written, 1)))
		if out.State != gss.Complete || a.Info().Peer != user {
			t.Errorf("%s: %v %v", written, a.Info(), out.Fault)
		}
	}
	requirement.Held(t, "unit:digest_userhash", "R7616-3.4.4-1")
}

// GetForPost is for POST: a proof of GET opens no other method by it.
func TestGetForPostIsForPost(t *testing.T) {
	s := newServer(t, ServerConfig{Tolerate: GetForPost})
	for method, ok := range map[string]bool{"GET": true, "POST": true, "PUT": false, "HEAD": false, "DELETE": false, "post": false, "": false} {
		w, x := newWorld(t), exchange(method, "/")
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), w.offer(s, x))
		if _, out := w.presented(s, x, sent.Credentials); (out.State == gss.Complete) != ok {
			t.Errorf("a proof of GET for %q: %v %v", method, out.State, out.Fault)
		}
	}
}

// Only the proof for this very request is one: any other, or one that looks like it, is
// worse than none (R7616-3.5-1).
func TestProofLookAlikes(t *testing.T) {
	const challenge = `Digest realm="r", nonce="n", algorithm=SHA-256, qop=auth`
	w, c, x := newWorld(t), newClient(t, ClientConfig{}), exchange("GET", "/a")
	i, sent := w.challenged(c.Initiate(x), challenge1(challenge))
	cnonce := param(t, sent.Credentials, "cnonce")
	f := function(t, SHA256)
	right := Params{Nonce: "n", CNonce: cnonce, NC: FormatNC(1), QOP: Auth, URI: "/a"}
	info := func(key Key, p Params, proof func(string) string) string {
		return `rspauth="` + proof(f.ResponseAuth(key, p).String()) + `", cnonce="` + p.CNonce + `", nc=` + p.NC + `, qop=` + p.QOP.String()
	}
	key, same := f.HA1(user, "r", password), func(s string) string { return s }
	other := func(change func(*Params)) string {
		p := right
		change(&p)
		return info(key, p, same)
	}
	for name, tt := range map[string]struct {
		info string
		ok   bool
	}{
		"the proof":              {info(key, right, same), true},
		"in capitals":            {info(key, right, strings.ToUpper), true},
		"cut short":              {info(key, right, func(s string) string { return s[:32] }), false},
		"one digit more":         {info(key, right, func(s string) string { return s + "0" }), false},
		"a space before":         {info(key, right, func(s string) string { return " " + s }), false},
		"empty":                  {info(key, right, func(string) string { return "" }), false},
		"zeros":                  {info(key, right, func(s string) string { return strings.Repeat("0", len(s)) }), false},
		"the request's response": {info(key, right, func(string) string { return param(t, sent.Credentials, "response") }), false},
		"another password":       {info(f.HA1(user, "r", "guess"), right, same), false},
		"another user":           {info(f.HA1("bob", "r", password), right, same), false},
		"another realm":          {info(f.HA1(user, "s", password), right, same), false},
		"another nonce":          {other(func(p *Params) { p.Nonce = "m" }), false},
		"another cnonce":         {other(func(p *Params) { p.CNonce = "theirs" }), false},
		"another count":          {other(func(p *Params) { p.NC = FormatNC(2) }), false},
		"another uri":            {other(func(p *Params) { p.URI = "/b" }), false},
		"no qop":                 {`rspauth="` + f.ResponseAuth(key, Params{Nonce: "n", URI: "/a"}).String() + `"`, false},
		"no cnonce":              {strings.Replace(info(key, right, same), "cnonce=", "x=", 1), false},
		"no count":               {strings.Replace(info(key, right, same), "nc=00000001, ", "", 1), false},
		"of MD5":                 {`rspauth="` + function(t, MD5).ResponseAuth(function(t, MD5).HA1(user, "r", password), right).String() + `", cnonce="` + cnonce + `", nc=00000001, qop=auth`, false},
	} {
		end, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(tt.info)})
		if (out.State == gss.Complete) != tt.ok || !tt.ok && out.Fault.Code != gss.NotAuthentic || end.Info().Flags.Has(gss.Mutual) != tt.ok {
			t.Errorf("%s: %v %v, mutual %t", name, out.State, out.Fault, end.Info().Flags.Has(gss.Mutual))
		}
	}

	// Where the request had no qop, a proof with one is another request's, though it be right.
	i, _ = w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", algorithm=SHA-256`))
	p := Params{Nonce: "n", NC: FormatNC(0), QOP: AuthInt, URI: "/a", BodyHash: f.BodyHash(nil)}
	_, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(`rspauth="` + f.ResponseAuth(key, p).String() + `", qop=auth-int`)})
	wantFault(t, "a proof with a qop for a request without", out.Fault, gss.NotAuthentic)
	requirement.Held(t, "unit:proof_look_alikes", "R7616-3.5-1")
}

// A uri designates the resource of the request and none that looks like it, whatever is
// tolerated: the origin of each absolute form is compared, and what holds a URI is none.
func TestDesignatesEdges(t *testing.T) {
	for _, tt := range []struct {
		request, uri string
		tolerate     Tolerance
		want         bool
	}{
		// The request-target is the absolute form of another origin than the request's own.
		{"http://other.example.org/a", "http://www.example.org/a", 0, false},
		{"http://www.example.org/a", "http://other.example.org/a", 0, false},
		{"http://other.example.org/a", "HTTP://other.example.org/a", 0, false},
		{"http://other.example.org/a", "http://other.example.org/a", 0, true}, // word for word
		{"http://www.example.org/a", "HTTP://www.example.org:80/a", 0, true},
		// What only holds a URI.
		{"/go?to=http://www.example.org/a", "/a", PathToProxy, false},
		{"/go/http://www.example.org/a", "/a", PathToProxy, false},
		{"#http://www.example.org/a", "/a", PathToProxy, false},
		{"http:///a", "/a", PathToProxy, false},
		{"://www.example.org/a", "/a", PathToProxy, false},
		{"http://www.example.org/a", "/a", PathToProxy, true},
		{"http://www.example.org", "/", PathToProxy, true},
		{"http://www.example.org/a?b", "/a", PathToProxy, false},
		{"http://www.example.org/a?b", "/a", PathToProxy | MissingQuery, true},
		{"/a", "/a?b", MissingQuery, false},
		{"/a?b", "/a?c", MissingQuery, false},
		{"/a?b", "/a", MissingQuery, true},
		{"/a?b", "/a", 0, false},
		{"", "", PathToProxy | MissingQuery, false},
	} {
		at := place{uri: tt.request, authority: "www.example.org", scheme: "http", host: "www.example.org", port: 80}
		if got := designates(tt.uri, &at, tt.tolerate); got != tt.want {
			t.Errorf("the uri %q designates %q (tolerances %b): %t, want %t", tt.uri, tt.request, tt.tolerate, got, tt.want)
		}
	}
}

// A nonce belongs to one side and one realm by itself, also where the opaque that says so
// may be missing.
func TestNonceHasSideAndRealm(t *testing.T) {
	f := function(t, SHA256)
	for _, tt := range []struct {
		name string
		made ServerConfig
		side gss.Side
		ok   bool
	}{
		{"its own", ServerConfig{}, gss.Origin, true},
		{"a proxy's", ServerConfig{}, gss.Proxy, false},
		{"another realm's", ServerConfig{Realm: "other"}, gss.Origin, false},
		{"of another key", ServerConfig{Keys: []gss.Secret{nonceKeyOf('x')}}, gss.Origin, false},
	} {
		w, x := newWorld(t), exchange("GET", "/")
		s := newServer(t, ServerConfig{Tolerate: MissingOpaque})
		elsewhere := x
		elsewhere.Side = tt.side
		nonce, _ := nonceOf(w.offer(newServer(t, tt.made), elsewhere))
		p := Params{Nonce: nonce, CNonce: "c", NC: FormatNC(1), QOP: Auth, Method: "GET", URI: "/"}
		text := `Digest username="alice", realm="lab", uri="/", algorithm=SHA-256, nonce="` + nonce + `", response="` +
			f.Response(f.HA1(user, realm, password), p).String() + `", qop=auth, cnonce="c", nc=00000001`
		if _, out := w.presented(s, x, header.ParseCredentials(text)); (out.State == gss.Complete) != tt.ok || !tt.ok && out.Fault.Code != gss.Expired {
			t.Errorf("a nonce, %s: %v %v", tt.name, out.State, out.Fault)
		}
	}
}

// What is configured for an origin does not show in a proxy's challenges, and an option
// that does not exist makes no client. The key goes when nothing is left to be proved.
func TestConfigurationEdges(t *testing.T) {
	w := newWorld(t)
	s := newServer(t, ServerConfig{Domain: "/a /b"})
	for side, want := range map[gss.Side]string{gss.Origin: "/a /b", gss.Proxy: ""} {
		x := exchange("GET", "/")
		x.Side = side
		for c := range w.offer(s, x).All() {
			if got, _ := c.Param("domain"); got != want {
				t.Errorf("the %v's challenge has the domain %q, want %q", side, got, want)
			}
		}
	}
	for names := ExtNames; names <= UTF8Names+2; names++ {
		if _, err := NewClient(ClientConfig{Names: names}); (err == nil) != (names <= UTF8Names) {
			t.Errorf("a client with Names %d: %v", names, err)
		}
	}
	x := exchange("GET", "/")
	_, a := w.logIn(newClient(t, ClientConfig{}), s, x)
	a, _ = w.accept(a, scheme.AcceptorInput{Event: scheme.Responding, Status: 200})
	if end, ok := a.(acceptor); !ok || !end.key.isZero() {
		t.Error("the acceptor keeps its key after the response")
	}
}

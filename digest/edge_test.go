package digest

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
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
	if Auth.String() != "auth" || QOP(9).String() != "unknown qop" || Algorithm(99).String() != "unknown algorithm" || NoAlgorithm.Base() != NoAlgorithm {
		t.Error("names")
	}
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
	_, _, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Replied, Answer: BodyHash{"00"}})
	wantMisuse(t, "a hash of no length", err)
	_, _, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Replied, Answer: gss.Unknown{}})
	wantMisuse(t, "a foreign answer", err)
	raw := strings.Repeat("\x00", 32) // in binary
	_, out, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Replied, Answer: BodyHash{raw}})
	if _, proof := out.Info.Param("rspauth"); err != nil || !proof {
		t.Errorf("a hash in binary: %v, %v", out.Info.Text(), err)
	}
	_, out, err = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Replied, Answer: gss.Declined{}})
	if err != nil || out.State != gss.Complete || out.Info.Present() {
		t.Errorf("a stream: %v %v", out.Info.Text(), err)
	}

	// The client, when its proof covers a body whose hash does not come.
	_, out, _ = waiting.Step(w.env(), scheme.AcceptorInput{Event: scheme.Replied, Answer: BodyHash{raw}})
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
	wantFault(t, "no uri and no request-target", refusal.Fault, gss.WrongResource)

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

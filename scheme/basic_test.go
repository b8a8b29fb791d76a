package scheme

import (
	_ "embed"
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/equalwork"
	"github.com/countersign-auth/countersign/internal/requirement"
)

var env = gss.Env{Now: 1e9, Seed: gss.Seed{1}}

func offers(lines ...string) header.Challenges { return header.ParseChallenges(lines...) }

// begun is a Basic initiator that was challenged with text, and what it said.
func begun(t testing.TB, text, uri string) (Initiator, InitiatorOutput) {
	t.Helper()
	i, out, err := BasicClient().Initiate(Exchange{URI: uri}).Step(env, InitiatorInput{Event: Challenged, Offer: offers(text)})
	if err != nil {
		t.Fatal(err)
	}
	return i, out
}

func login(t testing.TB, i Initiator, a gss.Answer) (Initiator, InitiatorOutput) {
	t.Helper()
	i, out, err := i.Step(env, InitiatorInput{Event: Answered, Answer: a})
	if err != nil {
		t.Fatal(err)
	}
	return i, out
}

func password(user, pass string) gss.Password {
	return gss.Password{User: user, Password: gss.NewSecret(pass)}
}

// RFC 7617: the examples of sections 2 and 2.1, and what section 2 forbids.
func TestBasicCredentials(t *testing.T) {
	for _, test := range []struct {
		name, challenge string
		answer          gss.Answer
		want            string // credentials
		code            gss.Code
	}{
		{"section 2", `Basic realm="WallyWorld"`, password("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", 0},
		{"section 2.1", `Basic realm="foo", charset="UTF-8"`, password("test", "123£"), "Basic dGVzdDoxMjPCow==", 0},
		{"charset has no case and may be a token", `basic charset=utf-8, realm="foo"`, password("test", "123£"), "Basic dGVzdDoxMjPCow==", 0},
		{"no charset: Latin-1 where it fits", `Basic realm="foo"`, password("test", "123£"), "Basic dGVzdDoxMjOj", 0},
		{"no charset: UTF-8 where it does not", `Basic realm="foo"`, password("test", "123€"), "Basic dGVzdDoxMjPigqw=", 0},
		{"another charset is none", `Basic realm="foo", charset="KOI8-R"`, password("test", "123£"), "Basic dGVzdDoxMjOj", 0},
		{"a realm is missing", `Basic`, password("a", "b"), "Basic YTpi", 0},
		{"empty password", `Basic realm="r"`, password("a", ""), "Basic YTo=", 0},
		{"empty name", `Basic realm="r"`, password("", "b"), "Basic OmI=", 0},
		{"colon in the password", `Basic realm="r"`, password("a", "b:c"), "Basic YTpiOmM=", 0},
		{"domain", `Basic realm="r"`, gss.Password{User: "a", Domain: "D", Password: gss.NewSecret("b")}, "Basic RFxhOmI=", 0},
		{"colon in the name", `Basic realm="r"`, password("a:b", "c"), "", gss.Unsupported},
		{"control character in the name", `Basic realm="r"`, password("a\x00", "c"), "", gss.Unsupported},
		{"control character in the password", `Basic realm="r"`, password("a", "c\n"), "", gss.Unsupported},
		{"declined", `Basic realm="r"`, gss.Declined{}, "", gss.NoCredentials},
		{"unreachable", `Basic realm="r"`, gss.Unreachable{}, "", gss.QuestionFailed},
		{"an answer that it does not know", `Basic realm="r"`, gss.Unknown{}, "", gss.NoCredentials},
	} {
		i, out := begun(t, test.challenge, "/")
		if out.State != gss.Waiting {
			t.Errorf("%s: %v", test.name, out)
			continue
		}
		_, out = login(t, i, test.answer)
		if out.Credentials.Text() != test.want || out.Fault.Code != test.code {
			t.Errorf("%s: %q %v", test.name, out.Credentials.Text(), out.Fault)
		}
	}
}

func TestBasicInitiator(t *testing.T) {
	i, out := begun(t, `Basic realm="the realm"`, "/dir/page?x=/y")
	if q, ok := out.Ask.(gss.NeedCredential); !ok || q.Realm != "the realm" || q.Scheme != Basic {
		t.Errorf("%+v", out.Ask)
	}
	i, _ = login(t, i, password("a", "b"))
	done, out, err := i.Step(env, InitiatorInput{Event: Concluded, Status: 200})
	if err != nil || out.State != gss.Complete || out.Memory.Scope != "/dir/" || out.Memory.Offer.Form() != header.Params {
		t.Errorf("%v %+v", err, out)
	}
	if done.Info() != (gss.Info{}) || done.Context() != nil {
		t.Error("Basic proves nothing of the server")
	}
	// A second challenge is a refusal.
	_, out, err = i.Step(env, InitiatorInput{Event: Challenged, Offer: offers(`Basic realm="r"`)})
	if err != nil || out.Fault.Code != gss.Refused {
		t.Errorf("%v %v", err, out.Fault)
	}
	// What is remembered opens the next exchange.
	next, out, err := BasicClient().Initiate(Exchange{URI: "/dir/x"}).Step(env, InitiatorInput{Event: Start, Offer: header.ListOf(mustOffer(t))})
	if err != nil || out.State != gss.Waiting || next == nil {
		t.Errorf("%v %v", err, out)
	}
	for _, text := range []string{"", "Basic @", "NTLM", "Basic YTpi"} {
		if _, out := begun(t, text, "/"); out.State != gss.Failed {
			t.Errorf("%q: %v", text, out)
		}
	}
	if _, _, err := i.Step(env, InitiatorInput{}); err == nil {
		t.Error("an event that is none is no misuse")
	}
}

func mustOffer(t testing.TB) header.Challenge {
	for c := range offers(`Basic realm="r"`).All() {
		return c
	}
	t.Fatal("no challenge")
	return header.Challenge{}
}

// RFC 7617 section 2.2: the directory of the last slash.
func TestDirectory(t *testing.T) {
	for uri, want := range map[string]string{
		"/a/b": "/a/", "/a/": "/a/", "/a": "/", "/": "/", "/a/b?c=/d/e": "/a/", "": "", "*": "", "host:443": "", "http://h/a/b": "",
	} {
		if got := directory(uri); got != want {
			t.Errorf("%q: %q, expected %q", uri, got, want)
		}
	}
}

func TestBasicServer(t *testing.T) {
	b64 := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	ok := gss.Password{Password: gss.NewSecret("secret")}
	for _, test := range []struct {
		name   string
		check  BasicCheck
		creds  string
		answer gss.Answer
		code   gss.Code
		peer   string
	}{
		{"right", AskVerifier, b64("alice:secret"), ok, 0, "alice"},
		{"wrong", AskVerifier, b64("alice:Secret"), ok, gss.BadCredentials, ""},
		{"prefix", AskVerifier, b64("alice:secre"), ok, gss.BadCredentials, ""},
		{"empty", AskVerifier, b64("alice:"), ok, gss.BadCredentials, ""},
		{"an empty stored password opens nothing", AskVerifier, b64("alice:"), gss.Password{}, gss.BadCredentials, ""},
		{"colons belong to the password", AskVerifier, b64("alice:a:b"), gss.Password{Password: gss.NewSecret("a:b")}, 0, "alice"},
		{"UTF-8", AskVerifier, b64("test:123£"), gss.Password{Password: gss.NewSecret("123£")}, 0, "test"},
		{"unknown user", AskVerifier, b64("nobody:secret"), gss.Unknown{}, gss.UnknownUser, ""},
		{"unknown user with an empty password", AskVerifier, b64("nobody:"), gss.Unknown{}, gss.UnknownUser, ""},
		{"unreachable", AskVerifier, b64("alice:secret"), gss.Unreachable{}, gss.Unavailable, ""},
		{"unverifiable", AskVerifier, b64("alice:secret"), gss.Unverifiable{}, gss.QuestionFailed, ""},
		{"unverifiable verdict", AskVerdict, b64("alice:secret"), gss.Unverifiable{}, gss.QuestionFailed, ""},
		{"declined", AskVerifier, b64("alice:secret"), gss.Declined{}, gss.NoCredentials, ""},
		{"a verdict nobody asked for", AskVerifier, b64("alice:secret"), gss.Verdict{Accepted: true}, gss.BadCredentials, ""},
		{"verdict yes", AskVerdict, b64("alice:secret"), gss.Verdict{Accepted: true}, 0, "alice"},
		{"verdict yes, under another name", AskVerdict, b64("ALICE:secret"), gss.Verdict{Accepted: true, User: "alice"}, 0, "alice"},
		{"verdict no", AskVerdict, b64("alice:secret"), gss.Verdict{}, gss.BadCredentials, ""},
		{"verdict no, with a name", AskVerdict, b64("alice:secret"), gss.Verdict{User: "alice"}, gss.BadCredentials, ""},
		{"a verifier nobody asked for", AskVerdict, b64("alice:secret"), ok, gss.BadCredentials, ""},
		{"verdict on nobody", AskVerdict, b64("alice:secret"), gss.Unknown{}, gss.UnknownUser, ""},
		{"no colon", AskVerifier, b64("alice"), nil, gss.Malformed, ""},
		{"no UTF-8", AskVerifier, b64("test:123\xa3"), nil, gss.Malformed, ""},
		{"control character", AskVerifier, b64("alice:\x00"), nil, gss.Malformed, ""},
		{"no base64", AskVerifier, "Basic @", nil, gss.Malformed, ""},
		{"bare", AskVerifier, "Basic", nil, gss.Malformed, ""},
		{"parameters", AskVerifier, `Basic realm="r"`, nil, gss.Malformed, ""},
	} {
		a := BasicServer("r", test.check).Accept(Exchange{})
		a, out, err := a.Step(env, AcceptorInput{Event: Presented, Credentials: header.ParseCredentials(test.creds)})
		if err != nil {
			t.Fatal(err)
		}
		if test.answer != nil {
			if out.State != gss.Waiting || a.Info() != (gss.Info{}) {
				t.Errorf("%s: accepted without an answer: %v %v", test.name, out, a.Info()) // HTA-14
				continue
			}
			a, out, err = a.Step(env, AcceptorInput{Event: Answered, Answer: test.answer})
			if err != nil {
				t.Fatal(err)
			}
		}
		if out.Fault.Code != test.code || (out.State == gss.Complete) != (test.code == 0) || a.Info().Peer != test.peer {
			t.Errorf("%s: %v %v, peer %q", test.name, out.State, out.Fault, a.Info().Peer)
		}
	}
}

//go:embed basic.go
var basicSource string

// An unknown user costs what a wrong password does.
func TestBasicEqualWork(t *testing.T) {
	equalwork.Before(t, basicSource, "replied", "CheckPassword", "gss.BadCredentials", "a.stage")
	equalwork.Before(t, basicSource, "CheckPassword", "subtle.ConstantTimeCompare", "known")
	requirement.Held(t, "unit:equal_work", "HTA-30")
}

func TestCheckPassword(t *testing.T) {
	long := strings.Repeat("p", maxPassword)
	for _, test := range []struct {
		stored, presented string
		right             bool
	}{
		{"secret", "secret", true},
		{"secret", "Secret", false},
		{"secret", "secre", false},
		{"secre", "secret", false},
		{"secret", "secret\x00", false},
		{"secret\x00", "secret", false},
		{"secret", "", false},
		{"", "", false},
		{"", "\x00", false},
		{"\x00", "", false},
		{long, long, true},
		{long, long[1:], false},
		{long, long[1:] + "q", false},
		{long + "p", long, false},
		{long, long + "p", false},
		{long + "p", long + "p", false},
	} {
		for _, known := range []bool{true, false} {
			if got := CheckPassword(gss.NewSecret(test.stored), known, gss.NewSecret(test.presented)); got != (test.right && known) {
				t.Errorf("%.10q (%d bytes) against %.10q (%d), known %v: %v", test.presented, len(test.presented), test.stored, len(test.stored), known, got)
			}
		}
	}
}

// A password beyond the bound is refused before the store is asked, for every user.
func TestBasicPasswordBound(t *testing.T) {
	for _, check := range []BasicCheck{AskVerifier, AskVerdict} {
		for _, n := range []int{maxPassword, maxPassword + 1, 40_000, 90_000} {
			creds := header.TokenCredentials(Basic, "alice:"+strings.Repeat("p", n))
			_, out, err := BasicServer("r", check).Accept(Exchange{}).Step(env, AcceptorInput{Event: Presented, Credentials: creds})
			switch {
			case err != nil:
				t.Fatal(err)
			case n <= maxPassword && out.State != gss.Waiting, n > maxPassword && (out.State != gss.Failed || out.Fault.Code != gss.LimitExceeded || out.Ask != nil):
				t.Errorf("%d bytes: %v %v", n, out.State, out.Fault)
			}
			requirement.Held(t, "unit:basic_password_bound", "HTA-30")
		}
	}
}

func TestBasicOffer(t *testing.T) {
	cs, fault := BasicServer(`a "b"`, AskVerifier).Offer(gss.Env{}, Exchange{}) // needs no entropy
	if !fault.IsZero() || cs.Len() != 1 {
		t.Fatal(fault)
	}
	for c := range cs.All() {
		if c.Text() != `Basic realm="a \"b\"", charset="UTF-8"` {
			t.Error(c.Text())
		}
	}
}

// The right user and password are accepted and no others, whatever is in them.
func TestBasicRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		user, pass := rapid.String().Draw(rt, "user"), rapid.String().Draw(rt, "password")
		stored := pass
		if rapid.Bool().Draw(rt, "other") {
			stored = rapid.String().Draw(rt, "stored")
		}
		cs, _ := BasicServer("r", AskVerifier).Offer(env, Exchange{})
		var text string
		for c := range cs.All() {
			text = c.Text()
		}
		i, _ := begun(t, text, "/")
		_, out := login(t, i, password(user, pass))
		if strings.Contains(user, ":") || hasControl(user+pass) {
			if out.State != gss.Failed {
				rt.Fatal("what cannot be sent was sent")
			}
			return
		}
		a, ao, err := BasicServer("r", AskVerifier).Accept(Exchange{}).Step(env, AcceptorInput{Event: Presented, Credentials: header.ParseCredentials(out.Credentials.Text())})
		if err != nil || ao.State != gss.Waiting || ao.Ask.(gss.NeedVerifier).User != user {
			rt.Fatalf("%v %v", err, ao)
		}
		_, ao, _ = a.Step(env, AcceptorInput{Event: Answered, Answer: gss.Password{Password: gss.NewSecret(stored)}})
		if (ao.State == gss.Complete) != (pass == stored && pass != "") {
			rt.Fatalf("%q against %q: %v", pass, stored, ao.State)
		}
	})
}

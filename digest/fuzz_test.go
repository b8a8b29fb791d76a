package digest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// A secret that no input can know.
const fuzzPassword = "not in any corpus: 1f0d6a"

// FuzzInitiator feeds whole exchanges: a challenge, an Authentication-Info, and a
// second challenge. Nothing of it makes an error or a panic, none of it proves the
// server, and what is sent parses and names the secret nowhere.
func FuzzInitiator(f *testing.F) {
	f.Add(`Digest realm="a", nonce="n", qop="auth, auth-int", algorithm=SHA-256, opaque="o", charset=UTF-8, userhash=true`, `rspauth="00", cnonce="x", nc=00000001, qop=auth, nextnonce="m"`, `Digest realm="a", nonce="m", stale=true, qop=auth, algorithm=SHA-256`)
	f.Add(`Digest realm="a\"", nonce="n", domain="/a http://www.example.org/b ::", algorithm=MD5-sess, qop="auth-int"`, `rspauth`, `Digest nonce`)
	f.Add(`Basic realm="x", Digest nonce=x, Digest realm="r", nonce="y", algorithm="SHA-512-256-sess", qop=auth, cnonce="theirs"`, ``, ``)
	f.Fuzz(func(t *testing.T, offer, info, second string) {
		w, x := newWorld(t), exchange("POST", "/a?b=\"c\"")
		w.login = gss.Password{User: "\u00fcser\\", Password: gss.NewSecret(fuzzPassword)}
		for _, cfg := range []ClientConfig{{}, {RequireProof: true, PreferAuthInt: true, Names: Latin1Names, Microsoft: true}} {
			c := newClient(t, cfg)
			i, out := w.challenged(c.Initiate(x), challenge1(offer))
			sent := checkSent(t, out)
			if !sent {
				continue
			}
			done, final := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(info)})
			if done.Info().Flags.Has(gss.Mutual) {
				t.Fatal("the server proved itself without the secret")
			}
			if cfg.RequireProof && final.State == gss.Complete {
				t.Fatal("complete without the proof that is required")
			}
			if m := final.Memory; m != (scheme.Memory{}) {
				if m.Offer.Form() != header.Params || len(m.Scope) > len(offer) {
					t.Fatalf("remembered what cannot be used: %v %q", m.Offer.Form(), m.Scope)
				}
				_, out := w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start, Offer: header.ListOf(m.Offer), Count: m.Count + 1})
				checkSent(t, out)
			}
			i, out = w.challenged(i, challenge1(second))
			if checkSent(t, out) {
				if _, out := w.challenged(i, challenge1(second)); out.State != gss.Failed {
					t.Fatal("a third answer with one password")
				}
			}
		}
	})
}

func checkSent(t *testing.T, out scheme.InitiatorOutput) bool {
	t.Helper()
	if out.State == gss.Failed {
		if out.Fault.Code == gss.NoFault || out.Fault.Detail == "" {
			t.Fatalf("failed without a word: %v", out.Fault)
		}
		return false
	}
	text := out.Credentials.Text()
	if c := header.ParseCredentials(text); c.Form() != header.Params || c.Text() != text || strings.ContainsAny(text, "\r\n\x00") {
		t.Fatalf("what is sent does not parse: %q", text)
	}
	if strings.Contains(text, fuzzPassword) {
		t.Fatalf("the password goes out: %s", text)
	}
	return true
}

// FuzzAcceptor feeds credentials to servers with all tolerances and with none. No client is
// accepted without the secret, and nothing causes an error or a panic.
func FuzzAcceptor(f *testing.F) {
	x := exchange("POST", "/a?b")
	server := func(t testing.TB, cfg ServerConfig) scheme.Server {
		cfg.Algorithms = []Algorithm{MD5, SHA256, SHA512_256, MD5Sess}
		return newServer(t, cfg)
	}
	strict := server(f, ServerConfig{QOPs: []QOP{Auth, AuthInt}, UserHash: true})
	w := newWorld(f)
	w.login = gss.Password{User: user, Password: gss.NewSecret("a guess")}
	_, sent := w.challenged(newClient(f, ClientConfig{}).Initiate(x), w.offer(strict, x))
	good := sent.Credentials.Text()
	f.Add(good, "/a?b")
	f.Add(strings.Replace(good, "qop=auth", `qop="auth-int"`, 1), "/a?b")
	f.Add(strings.Replace(good, `username="alice"`, `username*=UTF-8''a%6Cice`, 1), "http://www.example.org/a?b")
	f.Add(strings.Replace(good, `username="alice"`, `username="d\alice"`, 1), "/a?b")
	f.Add(`Digest username="`, "")
	f.Add(`Digest ,,,`, "*")
	f.Fuzz(func(t *testing.T, text, uri string) {
		w := newWorld(t)
		w.users = func(q gss.NeedVerifier) gss.Answer {
			switch len(q.User) % 3 {
			case 0:
				return gss.Unknown{}
			case 1:
				return HA1{User: user, MD5: gss.NewSecret(""), SHA256: function(t, SHA256).HA1(user, realm, fuzzPassword).Secret()}
			}
			return gss.Password{User: user, Password: gss.NewSecret(fuzzPassword)}
		}
		x := exchange("POST", uri)
		for _, s := range []scheme.Server{strict, server(t, ServerConfig{Microsoft: true, AllowReplay: true, Tolerate: tolerances - 1})} {
			a, out := w.accept(s.Accept(x), scheme.AcceptorInput{Event: scheme.Presented, Credentials: header.ParseCredentials(text)})
			if out.State != gss.Failed || a.Info() != (gss.Info{}) {
				t.Fatalf("state %v without the secret", out.State)
			}
			if out.Fault.Code == gss.NoFault || out.Fault.Detail == "" || !out.Challenges.Empty() {
				t.Fatalf("refused with %v and %d challenges", out.Fault, out.Challenges.Len())
			}
			if !reflect.ValueOf(a).Comparable() {
				t.Fatal("the state is not comparable")
			}
		}
	})
}

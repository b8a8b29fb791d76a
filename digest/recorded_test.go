package digest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// recording is what real clients sent to real servers (curl, libcurl, wget,
// requests and httpx to Apache, lighttpd and Squid), with a throw-away password.
type recording struct {
	Name, Client, User, Password string
	Legs                         []struct {
		Side, Method, Target, Challenge, Credentials, Info string
		OK, Stale                                          bool
	}
}

func recordings(t *testing.T) (rs []recording) {
	t.Helper()
	b, err := os.ReadFile("testdata/recorded.json")
	if err == nil {
		err = json.Unmarshal(b, &rs)
	}
	if err != nil || len(rs) < 25 {
		t.Fatalf("%d recordings, %v", len(rs), err)
	}
	return rs
}

// Every recorded answer is one that our initiator gives, but for the order and
// the quotes of its parameters, and every recorded proof convinces it.
func TestRecordedAnswersAreOurs(t *testing.T) {
	proofs := 0
	for _, r := range recordings(t) {
		for n, leg := range r.Legs {
			got := header.ParseCredentials(leg.Credentials)
			x := exchange(leg.Method, param(t, got, "uri"))
			if leg.Side == "proxy" {
				x.Side = gss.Proxy
			}
			names := ExtNames
			if strings.HasSuffix(r.Name, "-utf8") {
				names = UTF8Names
			}
			w := newWorld(t)
			w.login = gss.Password{User: r.User, Password: gss.NewSecret(r.Password)}
			i := newClient(t, ClientConfig{Names: names}).Initiate(x)
			i, out, err := i.Step(w.env(), scheme.InitiatorInput{Event: scheme.Challenged, Offer: challenge1(leg.Challenge)})
			if err != nil || out.State != gss.Waiting {
				t.Fatalf("%s %d: %v %v", r.Name, n, out.Fault, err)
			}
			same := i.(initiator)
			same.ch.cnonce = param(t, got, "cnonce")
			same.count, _ = parseNC(param(t, got, "nc"), false)
			next, out := w.initiate(same, scheme.InitiatorInput{Event: scheme.Answered, Answer: w.login})
			if ours, theirs := sorted(out.Credentials), sorted(got); ours != theirs {
				t.Errorf("%s %d: ours %s\ntheirs %s", r.Name, n, ours, theirs)
			}
			if leg.Info != "" {
				proofs++
				done, out := w.initiate(next, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(leg.Info)})
				if out.State != gss.Complete || !done.Info().Flags.Has(gss.Mutual) {
					t.Errorf("%s %d: the recorded proof: %v", r.Name, n, out.Fault)
				}
			}

			// The server's side. The nonce is not ours, so a right password is told to go
			// on with a new one, and a wrong one nothing.
			params := header.ParamChallenge("Digest", strings.TrimPrefix(leg.Challenge, "Digest "))
			realm, _ := params.Param("realm")
			s := newServer(t, ServerConfig{
				Realm: realm, Algorithms: []Algorithm{MD5, SHA256}, UserHash: true, Tolerate: MissingOpaque,
			})
			right := leg.OK || leg.Stale
			w.users = func(q gss.NeedVerifier) gss.Answer {
				switch {
				case r.User == "nobody":
					return gss.Unknown{}
				case right:
					return gss.Password{User: r.User, Password: gss.NewSecret(r.Password)}
				}
				return gss.Password{User: r.User, Password: gss.NewSecret("Password-1!")}
			}
			at := exchange(leg.Method, leg.Target)
			at.Side, at.Authority = x.Side, "www.lab.test:18080"
			want := gss.Expired
			switch {
			case r.User == "nobody":
				want = gss.UnknownUser
			case !right:
				want = gss.BadCredentials
			case leg.Side == "origin" && strings.HasPrefix(leg.Target, "http://"):
				at.URI = param(t, got, "uri") // as the origin sees it
			}
			_, verdict := w.accept(s.Accept(at), scheme.AcceptorInput{Event: scheme.Presented, Credentials: got})
			wantFault(t, r.Name, verdict.Fault, want)
			if stale := !verdict.Challenges.Empty(); stale != right {
				t.Errorf("%s %d: stale=true %v, want %v", r.Name, n, stale, right)
			}
		}
	}
	if proofs < 15 {
		t.Errorf("only %d proofs were verified", proofs)
	}
}

// sorted is the parameters without their order and quotes.
func sorted(c header.Credentials) string {
	var b []byte
	for _, name := range []string{"username", "username*", "userhash", "realm", "nonce", "uri", "algorithm", "response", "opaque", "qop", "nc", "cnonce"} {
		if v, ok := c.Param(name); ok {
			b = header.AppendQuoted(b, name, v)
		}
	}
	return string(b)
}

// published are answers that other implementations publish for their own tests,
// recomputed. user, password and the method "Simple" are theirs.
func TestPublishedAnswers(t *testing.T) {
	const nonce = "f2a3f18799759d4f1a1c068b92b573cb"
	for _, tt := range []struct{ challenge, method, uri, response string }{
		{`Digest realm="realm1", nonce="` + nonce + `"`, "Simple", "/", "e95a7ddf37c2eab009568b1ed134f89a"},
		{`Digest realm="realm1", nonce="` + nonce + `"`, "Simple", "/?param=value", "a847f58f5fef0bc087bcb9c3eb30e042"},
		// The name is hashed after all else (RFC 7616 section 3.4.4).
		{`Digest realm="realm1", nonce="` + nonce + `", userhash=true`, "Simple", "/", "e95a7ddf37c2eab009568b1ed134f89a"},
	} {
		w := newWorld(t)
		w.login = gss.Password{User: "username", Password: gss.NewSecret("password")}
		_, out := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange(tt.method, tt.uri)), challenge1(tt.challenge))
		if got := param(t, out.Credentials, "response"); got != tt.response {
			t.Errorf("%s: %s, want %s", tt.challenge, got, tt.response)
		}
		if strings.Contains(tt.challenge, "userhash") && param(t, out.Credentials, "username") != "6b14c3c821ab83e9bb91455fd4cda28b" {
			t.Errorf("the name's hash is %s", param(t, out.Credentials, "username"))
		}
	}
}

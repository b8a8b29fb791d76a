package machine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// remembered plays an exchange that begins with a lease: each word of the script is what the peer says next, a challenge or "ok".
// It returns what the client did, in short.
func remembered(t *testing.T, side gss.Side, c Client, lease Lease, script ...string) (did []string) {
	t.Helper()
	r := newRig(t)
	b := Begin{Request: Request{Method: "GET", URI: "/", Scheme: "http", Host: "www.example", Port: 80}}
	status := 401
	if side == gss.Proxy {
		b.Route, status = Route{Kind: Forwarded, Scheme: "http", Host: "proxy.example", Port: 3128}, 407
		b.ProxyLease = lease
	} else {
		b.Lease = lease
	}
	var e Event = b
	for range 40 {
		var acts Actions
		c, acts = must(r, c, e)
		switch a := acts.At(0).(type) {
		case Ask:
			q := a.Question.(gss.NeedCredential)
			said := "ask " + q.Realm
			if q.Rejected {
				said += " rejected"
			}
			did = append(did, said)
			e = Answered{a.ID, gss.Password{User: "alice", Password: gss.NewSecret("secret")}}
			if q.Rejected || q.Realm == "closed" {
				e = Answered{a.ID, gss.Declined{}}
			}
		case Send:
			creds := a.Authorization
			if side == gss.Proxy {
				creds = a.ProxyAuthorization
			}
			sent := "bare"
			if creds.Present() {
				nonce, _ := creds.Param("nonce")
				sent = strings.TrimSpace(creds.Scheme() + " " + nonce)
			}
			did = append(did, sent)
			if len(script) == 0 {
				return did
			}
			switch said := script[0]; said {
			case "ok":
				e = Response{Status: 200}
			case "lost":
				e = Lost{Unsent: true}
			case "silent":
				e = Lost{Silent: true}
			default:
				h := header.Response{WWWAuthenticate: header.ParseChallenges(said)}
				if side == gss.Proxy {
					h = header.Response{ProxyAuthenticate: header.ParseChallenges(said)}
				}
				e = Response{Status: status, Header: h}
			}
			script = script[1:]
		case Deliver:
			f := a.OriginFacts
			if side == gss.Proxy {
				f = a.ProxyFacts
			}
			nonce, _ := f.Memory.Offer.Param("nonce")
			did = append(did, strings.TrimSpace(fmt.Sprintf("learn %s %s", f.Scheme, nonce)))
			if f.Forget {
				did = append(did, "forget")
			}
			return did
		case Fail:
			return append(did, "fail "+a.Fault.Code.String())
		case Reopen:
			did = append(did, "reopen")
			c = Client{conf: c.conf}
			b.Resume = a.Resume
			e = b
		default:
			t.Fatalf("%T after %v", a, did)
		}
	}
	t.Fatalf("it does not end: %v", did)
	return nil
}

func memoryClient(t *testing.T, with func(*ClientConfig)) Client {
	t.Helper()
	sum, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ClientConfig{Schemes: []scheme.Client{sum, scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}}
	if with != nil {
		with(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func digestIn(realm, nonce string) string {
	return fmt.Sprintf(`Digest realm=%q, nonce=%q, qop="auth"`, realm, nonce)
}

func leaseFrom(text string) Lease {
	for c := range header.ParseChallenges(text).All() {
		return Lease{Scheme: c.Scheme(), Memory: scheme.Memory{Offer: c, Count: 2}}
	}
	return Lease{}
}

// A challenge to what was sent from memory is the first one of its exchange, for the origin and for a proxy: it says nothing of the
// password, unless it asks for the very same once more. What was refused is not sent from memory again.
func TestRefusedMemoryIsAFirstChallenge(t *testing.T) {
	one, basic := leaseFrom(digestIn("one", "n0")), leaseFrom(`Basic realm="one"`)
	for _, test := range []struct {
		name   string
		lease  Lease
		script []string
		want   string
	}{
		{"another realm", one, []string{digestIn("two", "n1"), "ok"}, "ask one, Digest n0, ask two, Digest n1, learn Digest n1"},
		{"another nonce, without stale", one, []string{digestIn("one", "n1"), "ok"}, "ask one, Digest n0, ask one, Digest n1, learn Digest n1"},
		{"another nonce, with stale", one, []string{digestIn("one", "n1") + ", stale=true", "ok"}, "ask one, Digest n0, Digest n1, learn Digest n1"},
		{"once", one, []string{digestIn("one", "n1"), digestIn("one", "n2")}, "ask one, Digest n0, ask one, Digest n1, ask one rejected, fail refused by the peer"},
		{"once, over several connections", one, []string{digestIn("one", "n1"), "lost", digestIn("one", "n2"), "ok"},
			"ask one, Digest n0, ask one, Digest n1, reopen, bare, ask one, Digest n2, learn Digest n2"},
		{"a nonce that was sent once more", Lease{}, []string{digestIn("one", "n1"), "silent", digestIn("one", "n2"), "ok"},
			"bare, ask one, Digest n1, ask one, Digest n1, ask one, Digest n2, learn Digest n2"},
		{"the same challenge", one, []string{digestIn("one", "n0")}, "ask one, Digest n0, ask one rejected, fail refused by the peer"},
		{"another scheme", one, []string{`Basic realm="one"`, "ok"}, "ask one, Digest n0, ask one, Basic, learn Basic"},
		{"wrong for one realm is not wrong for another", Lease{}, []string{digestIn("one", "n1"), digestIn("two", "n2"), "ok"},
			"bare, ask one, Digest n1, ask two, Digest n2, learn Digest n2"},
		{"Basic for another realm", basic, []string{`Basic realm="two"`, "ok"}, "ask one, Basic, ask two, Basic, learn Basic"},
		{"Basic for the same", basic, []string{`Basic realm="one"`}, "ask one, Basic, ask one rejected, fail refused by the peer"},
		{"Basic in another charset", basic, []string{`Basic realm="one", charset="UTF-8"`, "ok"}, "ask one, Basic, ask one, Basic, learn Basic"},
		{"from Basic to Digest", basic, []string{digestIn("one", "n1"), "ok"}, "ask one, Basic, ask one, Digest n1, learn Digest n1"},
	} {
		for _, side := range []gss.Side{gss.Origin, gss.Proxy} {
			if got := strings.Join(remembered(t, side, memoryClient(t, nil), test.lease, test.script...), ", "); got != test.want {
				t.Errorf("%s, %v:\n%s, want\n%s", test.name, side, got, test.want)
			}
			requirement.Held(t, "unit:refused_memory")
		}
	}
	// A first challenge takes nothing from MaxAttempts.
	c := memoryClient(t, func(c *ClientConfig) { c.MaxAttempts = 1 })
	if got := remembered(t, gss.Origin, c, one, digestIn("two", "n1"), "ok"); !slices.Contains(got, "learn Digest n1") {
		t.Errorf("with one attempt: %v", got)
	}
}

// What a scheme cannot begin with is no memory: the request goes bare, and its challenge finds the scheme as if there had been none.
func TestMemoryOpens(t *testing.T) {
	nothing := Lease{Scheme: scheme.Digest}
	spent := leaseFrom(digestIn("one", "n0"))
	spent.Memory.Count = math.MaxUint32
	for _, test := range []struct {
		name   string
		lease  Lease
		script []string
		want   string
	}{
		{"no challenge", nothing, []string{digestIn("one", "n1"), "ok"}, "bare, ask one, Digest n1, learn Digest n1"},
		{"no challenge of Basic", Lease{Scheme: scheme.Basic}, []string{`Basic realm="one"`, "ok"}, "bare, ask one, Basic, learn Basic"},
		{"a count used up", spent, []string{digestIn("one", "n1"), "ok"}, "ask one, bare, ask one, Digest n1, learn Digest n1"},
		{"no credentials for it", leaseFrom(digestIn("closed", "n0")), []string{digestIn("one", "n1"), "ok"}, "ask closed, bare, ask one, Digest n1, learn Digest n1"},
		{"another algorithm", leaseFrom(`Digest realm="one", nonce="n0", algorithm=unknown`), []string{digestIn("one", "n1"), "ok"}, "bare, ask one, Digest n1, learn Digest n1"},
	} {
		for _, side := range []gss.Side{gss.Origin, gss.Proxy} {
			if got := strings.Join(remembered(t, side, memoryClient(t, nil), test.lease, test.script...), ", "); got != test.want {
				t.Errorf("%s, %v:\n%s, want\n%s", test.name, side, got, test.want)
			}
			requirement.Held(t, "unit:memory_opens")
		}
	}
	// A protection space that lies elsewhere leaves nothing to lease, nor what was known before.
	elsewhere := digestIn("one", "n1") + `, domain="https://review.example/"`
	got := remembered(t, gss.Origin, memoryClient(t, nil), leaseFrom(digestIn("one", "n0")), elsewhere, "ok")
	if want := "ask one, Digest n0, ask one, Digest n1, learn, forget"; strings.Join(got, ", ") != want {
		t.Errorf("elsewhere: %v, want %s", got, want)
	}
	// Nor is there a lease of a count that is used up.
	known := leaseFrom(digestIn("one", "n0")).Memory
	known.Count = math.MaxUint32 - 1
	if _, l := (Space{}).Learn(Facts{At: 1, Scheme: scheme.Digest, Memory: known}).Lease("/"); l != (Lease{}) {
		t.Errorf("a lease of %+v", l)
	}
}

// Without memory each exchange begins bare and teaches nothing.
func TestNoMemory(t *testing.T) {
	c := memoryClient(t, func(c *ClientConfig) { c.NoMemory = true })
	for _, side := range []gss.Side{gss.Origin, gss.Proxy} {
		got := strings.Join(remembered(t, side, c, leaseFrom(digestIn("one", "n0")), digestIn("one", "n1"), "ok"), ", ")
		if want := "bare, ask one, Digest n1, learn"; got != want {
			t.Errorf("%v: %s, want %s", side, got, want)
		}
		requirement.Held(t, "unit:no_memory")
	}
}

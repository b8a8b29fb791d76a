package machine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// offersOf are the challenges of a peer that wants the scheme, one after the other.
// Digest and Basic give the first one each time.
var offersOf = map[string][]string{
	"Basic":                    {`Basic realm="r"`},
	"Digest":                   {`Digest realm="r", nonce="n", qop="auth"`},
	"Negotiate:legs=1":         {"Negotiate"},
	"Negotiate:legs=1,bound":   {"Negotiate"},
	"NTLM":                     {"NTLM", "NTLM <toy/NTLM:c1>"},
	"NTLM:legs=3":              {"NTLM", "NTLM <toy/NTLM:c1>", "NTLM <toy/NTLM:c2>"},
	"Negotiate:legs=2,as=NTLM": {"Negotiate", "Negotiate <toy/NTLM:c1>"},
	"Negotiate:legs=2,early":   {"Negotiate", "Negotiate <toy:c1>"},
}

// closer is a peer that answers every request but the one with the proof: it closes
// the connection of that one.
type closer struct {
	challenges []string
	proxy      bool
	lost       func() Lost
	proofs     int
	requests   int
}

// play runs a request against it, over as many connections as the client takes.
func (p *closer) play(r *rig, fresh Client, b Begin) Action {
	r.t.Helper()
	c, acts := settle(r, "C", fresh, b)
	said := 0
	for range 100 {
		switch a := acts.At(0).(type) {
		case Send:
			p.requests++
			creds := a.Authorization
			if p.proxy {
				creds = a.ProxyAuthorization
			}
			switch {
			case creds.Present() && said >= len(p.challenges): // the proof
				p.proofs++
				c, acts = settle(r, "C", c, p.lost())
			case p.proxy:
				c, acts = settle(r, "C", c, response(407, "Proxy-Authenticate: "+p.challenges[min(said, len(p.challenges)-1)]))
			default:
				c, acts = settle(r, "C", c, response(401, "WWW-Authenticate: "+p.challenges[min(said, len(p.challenges)-1)]))
			}
			said++
		case Reopen:
			b.Resume, said = a.Resume, 0
			c, acts = settle(r, "C", fresh, b)
		default:
			return a
		}
	}
	r.t.Fatal("the exchange does not end")
	return nil
}

// prop:proofs_sent_again (R9110-9.2.2-2, PROOF-1): a peer that closes in place of
// answering gets two proofs for a request at most, one where they belong to a
// handshake or where it began to answer, and one of a request that must not be
// repeated; however often connections may be opened.
func TestProofsSentAgain(t *testing.T) {
	specs := slices.Sorted(func(yield func(string) bool) {
		for spec, offers := range offersOf {
			if offers != nil && !yield(spec) {
				return
			}
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		r.user, r.password = "alice", "secret"
		spec := rapid.SampledFrom(specs).Draw(rt, "spec")
		method := rapid.SampledFrom([]string{"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"}).Draw(rt, "method")
		fresh := clientOf(r, spec, func(c *ClientConfig) {
			c.Policy.Cleartext = true
			c.MaxReconnects = uint8(rapid.IntRange(0, 9).Draw(rt, "reconnects"))
			c.MaxAttempts = uint8(rapid.IntRange(0, 5).Draw(rt, "attempts"))
		})
		silent := true
		p := &closer{challenges: offersOf[spec], proxy: rapid.Bool().Draw(rt, "proxy")}
		p.lost = func() Lost {
			// An exchange in the middle of its handshake is not idle.
			l := Lost{Silent: rapid.Bool().Draw(rt, "silent")}
			silent = silent && l.Silent
			return l
		}
		words := method + " http://a.example/ body=replayable"
		if p.proxy {
			words += " forwarded"
		}
		end, ok := p.play(r, fresh, begin(r, words)).(Fail)
		if !ok || end.Fault.Code != map[bool]gss.Code{false: gss.QuestionFailed, true: gss.LimitExceeded}[p.proofs > 1] {
			rt.Fatalf("%s %s: ended in %v", spec, method, end)
		}
		if want := map[bool]gss.Side{false: gss.Origin, true: gss.Proxy}[p.proxy]; end.Side != want {
			rt.Fatalf("%s %s: the failure is the %v's, want the %v's", spec, method, end.Side, want)
		}
		most := 2
		if strings.Contains(spec, "NTLM") || strings.Contains(spec, "legs=2") || strings.Contains(spec, "bound") || method == "POST" || method == "PATCH" || !silent {
			most = 1
		}
		if silent && p.proofs != most || p.proofs > 2 || p.proofs < 1 {
			rt.Fatalf("%s %s: %d proofs, want %d", spec, method, p.proofs, most)
		}
		requirement.Held(t, "prop:proofs_sent_again", "R9110-9.2.2-2", "PROOF-1")
	})
}

// A request that found its idle connection closed is repeated once, with a proof
// made anew, and never once more.
func TestProofOnIdleConnection(t *testing.T) {
	for _, test := range []struct {
		spec, words string
		lost        Lost
		again       bool
	}{
		{"Negotiate:legs=1", "GET / lease=Negotiate", Lost{Idle: true, Silent: true}, true},
		{"Negotiate:legs=1", "POST / body=replayable lease=Negotiate", Lost{Idle: true, Silent: true}, false},
		{"Negotiate:legs=1,bound", "GET / lease=Negotiate", Lost{Idle: true, Silent: true}, true},
		{"Negotiate:legs=1,bound", "GET / lease=Negotiate", Lost{Silent: true}, false},
		{"Negotiate:legs=1,bound", "GET / lease=Negotiate", Lost{Idle: true}, false},
		{"Negotiate:legs=1", "GET / lease=Negotiate", Lost{Silent: true}, true},
		{"Negotiate:legs=1", "GET / lease=Negotiate", Lost{}, false},
		{"NTLM", "GET / lease=NTLM", Lost{}, true}, // which proves nothing
		{"NTLM", "POST / body=replayable lease=NTLM", Lost{}, true},
		{"NTLM", "GET /", Lost{}, true},
	} {
		r := newRig(t)
		r.user, r.password = "alice", "secret"
		fresh := clientOf(r, test.spec, func(c *ClientConfig) { c.Policy.Cleartext = true })
		b := begin(r, test.words)
		c, acts := settle(r, "C", fresh, b)
		before := first[Send](t, acts)
		_, acts = settle(r, "C", c, test.lost)
		re, ok := acts.At(0).(Reopen)
		if ok != test.again {
			t.Errorf("%s, %s, %+v: %v", test.spec, test.words, test.lost, acts)
		}
		if !ok {
			continue
		}
		b.Resume = re.Resume
		c, acts = settle(r, "C", fresh, b)
		if got := first[Send](t, acts); got.Authorization.Present() != before.Authorization.Present() {
			t.Errorf("%s, %s: repeated by %+v", test.spec, test.words, got)
		}
		if _, acts = settle(r, "C", c, Lost{Idle: true, Silent: true}); first[Fail](t, acts).Fault.Code != gss.LimitExceeded {
			t.Errorf("%s, %s: repeated twice: %v", test.spec, test.words, acts)
		}
	}
}

// A loss while a proxy's authentication is open is the proxy's failure, and takes
// away what was known of the proxy, not of the origin.
func TestLossIsItsSides(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		name, words string
		before      []Response
		side        gss.Side
	}{
		{"the proxy's type 3", "GET http://a.example/ forwarded", []Response{response(407, "Proxy-Authenticate: NTLM"), response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>")}, gss.Proxy},
		{"the tunnel's type 3", "CONNECT a.example:443 tunneling", []Response{response(407, "Proxy-Authenticate: NTLM"), response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>")}, gss.Proxy},
		{"the proxy's lease", "POST http://a.example/ forwarded proxy-lease=Negotiate", nil, gss.Proxy},
		{"the origin's type 3", "GET http://a.example/ forwarded", []Response{
			response(401, "WWW-Authenticate: NTLM", "Proxy-Support: Session-Based-Authentication"),
			response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>", "Proxy-Support: Session-Based-Authentication")}, gss.Origin},
		{"the origin's type 3, behind a proxy that has let it pass", "GET http://a.example/ forwarded", []Response{
			response(407, "Proxy-Authenticate: NTLM"), response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>"),
			response(401, "WWW-Authenticate: NTLM", "Proxy-Support: Session-Based-Authentication"),
			response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>", "Proxy-Support: Session-Based-Authentication")}, gss.Origin},
		{"no authentication at all", "POST http://a.example/ forwarded", nil, gss.Origin},
	} {
		c, _ := must(r, clientOf(r, "NTLM Negotiate:legs=1"), begin(r, test.words))
		for _, e := range test.before {
			c, _ = must(r, c, e)
		}
		_, acts := must(r, c, Lost{Silent: true})
		f := first[Fail](t, acts)
		forgets := [2]bool{f.OriginFacts.Forget, f.ProxyFacts.Forget}
		if f.Side != test.side || forgets != ([2]bool{test.side == gss.Origin, test.side == gss.Proxy}) {
			t.Errorf("%s: the %v's failure, forgets %v: %v", test.name, f.Side, forgets, f.Fault)
		}
		requirement.Held(t, "unit:loss_is_its_sides", "PROOF-2")
	}
	// So is a handshake if the proxy closes its connections with each challenge.
	b := begin(r, "GET http://a.example/ forwarded")
	for n := range 10 {
		c, _ := must(r, clientOf(r, "NTLM"), b)
		c, _ = must(r, c, response(407, "Proxy-Authenticate: NTLM"))
		broken := response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>")
		broken.Close = true
		_, acts := must(r, c, broken)
		if re, ok := acts.At(0).(Reopen); ok {
			b.Resume = re.Resume
			continue
		}
		if f := first[Fail](t, acts); n != defaultMaxReconnects || f.Fault.Code != gss.LimitExceeded || f.Side != gss.Proxy || !f.ProxyFacts.Forget || f.OriginFacts.Forget {
			t.Errorf("after %d connections: %+v", n, f)
		}
		break
	}
}

// All dead clients of one configuration are equal, whatever they carried.
func TestDeadClientsAreEqual(t *testing.T) {
	r := newRig(t)
	fresh := clientOf(r, "NTLM Negotiate:legs=1,asks Basic", func(c *ClientConfig) { c.Policy.Cleartext = true })
	want := Client{conf: fresh.conf, phase: dead}
	bye := response(200)
	bye.Close = true
	for _, words := range []string{"GET http://a.example/", "GET https://b.example:81/ identity=x", "POST http://a.example/ body=once forwarded", "GET http://a.example/ lease=Negotiate", "CONNECT a.example:443 tunneling"} {
		for _, events := range [][]Event{
			{Closed{}}, {Lost{}}, {bye}, {response(200), Closed{}},
			{response(401, "WWW-Authenticate: NTLM"), response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"), bye},
			{response(401, "WWW-Authenticate: NTLM"), response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"), response(200), Closed{}},
			{response(407, "Proxy-Authenticate: NTLM"), response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>"), response(200), Closed{}},
			{response(407, `Proxy-Authenticate: Basic realm="r"`), Closed{}},
		} {
			c, _ := must(r, fresh, begin(r, words))
			for _, e := range events {
				next, _, err := c.Step(r.env(), e)
				if err == nil {
					c = next
				}
			}
			if c.phase == dead && c != want {
				t.Errorf("%s, %v: %s, and not like others", words, events, fmt.Sprintf("%v", c))
			}
			if c.phase == dead {
				requirement.Held(t, "unit:dead_clients_are_equal", "PROOF-3")
			}
		}
	}
}

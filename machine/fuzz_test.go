package machine

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

// The fuzz targets drive a machine with a text of lines, each one event: letters and
// digits that say what kind it is, a space, and the text of the fields as a peer
// might send it, "|" between fields. The machine's phase decides which events
// may come, so only the input of a peer could cause a Go error.
//
// Oracle: no panic and no error (L3), the laws (by step), and no client is
// authenticated without a complete context of a toy with a secret that no input knows.

const unknown = "kV9-not-in-any-corpus-zQ2"

func fuzzToys(t testing.TB, proof string) (cs []scheme.Client, ss []scheme.Server) {
	toy := gsstoy.Toy{Legs: 2, Final: true, Mutual: true, Integrity: true, Identity: "alice", Secret: gss.NewSecret(proof)}
	ntlm := gsstoy.Toy{Legs: 2, Bound: true, Integrity: true, OID: gss.NTLM, Identity: "alice", Secret: gss.NewSecret(proof)}
	nego2 := toy
	nego2.Legs, nego2.OpensWithToken, nego2.Early = 3, true, true
	for _, s := range []struct {
		name string
		toy  gsstoy.Toy
	}{{scheme.Negotiate, toy}, {scheme.NTLM, ntlm}, {scheme.Nego2, nego2}} {
		tr, _ := scheme.TraitsOf(s.name)
		cs, ss = append(cs, scheme.MechanismClient(tr, s.toy)), append(ss, scheme.MechanismServer(tr, s.toy))
	}
	dc, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ds, err := digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	return append(cs, dc, scheme.BasicClient()), append(ss, ds, scheme.BasicServer("r", scheme.AskVerifier))
}

// fuzzEvents are the lines of a fuzz text, at most 24.
func fuzzEvents(text string) []string {
	lines := strings.SplitN(text, "\n", 25)
	return lines[:min(len(lines), 24)]
}

// digit is byte i of s, modulo n; 0 where there is none.
func digit(s string, i, n int) int {
	if i >= len(s) {
		return 0
	}
	return int(s[i]) % n
}

func fuzzFields(names []string, kind, text string) func(string) []string {
	text = inAngles.ReplaceAllStringFunc(text, func(s string) string {
		c := header.TokenCredentials("x", s[1:len(s)-1])
		return strings.TrimPrefix(c.Text(), "x ")
	})
	fields := map[string][]string{}
	for i, value := range strings.Split(text, "|") {
		name := names[(i+digit(kind, 1, len(names)))%len(names)]
		fields[name] = append(fields[name], value)
	}
	return func(name string) []string { return fields[name] }
}

var responseFields = []string{header.WWWAuthenticate, header.ProxyAuthenticate, header.PersistentAuthField, header.AuthenticationInfo,
	header.ProxyAuthenticationInfo, header.ProxySupportField}

func fuzzStatus(kind string) int {
	return [...]int{401, 407, 200, 401, 407, 302, 500, 100, 0, 999, 101, -1}[digit(kind, 2, 12)]
}

// isComplete reports whether a toy's context is established: only then has it a session.
func isComplete(c gss.Context) bool {
	if c == nil {
		return false
	}
	_, ok := c.Session()
	return ok
}

func FuzzClientStep(f *testing.F) {
	for _, s := range []string{
		"b0\nr00 Negotiate\nr00 Negotiate <toy:c1>\nr02 Negotiate <toy:f:u=alice:p=" + "x>",
		"b0\nr00 NTLM\nr00 NTLM <toy/NTLM:c1>\nr02 x|y|true\nb0\nr02\nb0\nr00 Basic realm=r",
		"b1\nr01 x|NTLM\nr01 x|NTLM <toy/NTLM:c1>\nr00 NTLM|Session-Based-Authentication\nr02",
		"b0\nr00 Nego2 <toy:h>, Negotiate\nr00 Nego2 <toy:c1>\nr00 Nego2 <toy:h>",
		"b0\nr00 Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\na0\nr00 Digest realm=\"r\", nonce=\"m\", qop=\"auth\", stale=true\nr02 x|y|z|rspauth=\"0\", cnonce=\"c\", nc=00000001",
		"b7\nr00 Basic realm=\"r\"\na0\nr02\nc\n",
		"b9\nr0; NTLM\nc\nb5\nr00 Negotiate @, NTLM ,,,",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newRig(t)
		cs, _ := fuzzToys(t, unknown)
		fresh, err := NewClient(ClientConfig{Schemes: cs, Policy: scheme.Policy{Fallback: true, Cleartext: true, AnyProxy: true}, Bodies: BodyPolicy(digit(text, 0, 3))})
		if err != nil {
			t.Fatal(err)
		}
		c, proven, resume, id := fresh, [2]bool{}, Resume{}, uint16(0)
		for _, line := range fuzzEvents(text) {
			kind, rest, _ := strings.Cut(line, " ")
			var e Event
			switch {
			case strings.HasPrefix(kind, "c"):
				e = Closed{}
			case c.phase == idle, c.phase == dead:
				if c.phase == dead {
					c, proven = fresh, [2]bool{}
				}
				n := digit(kind, 1, 64)
				b := Begin{Request: Request{Method: "PUT", Scheme: "http", Host: "a.example", Port: uint16(80 + n/32), URI: "/" + rest, Multiplexed: n%13 == 12, Binding: gss.NoBinding()},
					Route: Route{Kind: RouteKind(n % 3), Scheme: "http", Host: "p.example"}, Body: Body(n / 3 % 3), Resume: resume}
				b.Lease = Lease{Scheme: [...]string{"", "Negotiate", "NTLM", "Nego2", "Digest"}[n%5], SessionBased: n%2 == 1}
				e, resume = b, Resume{}
			case c.phase == asking:
				e = Answered{id, gss.Password{User: "alice", Password: gss.NewSecret("pw")}}
				if digit(kind, 1, 3) == 1 {
					e = Answered{id, gss.Declined{}}
				}
			default:
				e = Response{Status: fuzzStatus(kind), Header: header.ParseResponse(fuzzFields(responseFields, kind, rest)), Close: digit(kind, 3, 5) == 4, BodySent: Sent(digit(kind, 4, 3))}
			}
			next, acts := must(r, c, e)
			for s := range next.sides {
				sd := &next.sides[s]
				complete := sd.Initiator != nil && isComplete(sd.Initiator.Context())
				if sd.Persistent && !proven[s] && !complete && sd.Stage != side.Unused {
					t.Fatalf("side %d is persistent without a complete context", s)
				}
				proven[s] = proven[s] || complete
			}
			for a := range acts.All() {
				switch a := a.(type) {
				case Ask:
					id = a.ID
				case Reopen:
					resume = a.Resume
				case Deliver:
					perRequest := a.Info.Mech == "" // Digest, Basic
					if a.Authenticated && !perRequest && !isComplete(a.Context) && !proven[0] && !proven[1] {
						t.Fatalf("delivered as authenticated: %v", acts)
					}
					if a.Info.Flags.Has(gss.Mutual) && !perRequest {
						t.Fatal("the peer proved what it cannot know")
					}
				}
			}
			c = next
		}
		requirement.Held(t, "fuzz:ClientStep")
	})
}

// presents gives the credentials of a line, with $P as the secret where the input may
// know it; and whether it was used.
func presents(line string) (Received, bool) {
	kind, rest, _ := strings.Cut(line, " ")
	knows := strings.HasPrefix(kind, "k")
	proof := "guess"
	if knows {
		proof = unknown
	}
	used := knows && strings.Contains(rest, "$P")
	rest = strings.ReplaceAll(rest, "$P", proof)
	n := digit(kind, 2, 32)
	e := Received{Request: Request{Method: "GET", Scheme: "http", Host: "a.example", Port: uint16(80 + n%2), URI: "/", Multiplexed: n%11 == 10}, SharedFront: n%7 == 6}
	if n%13 == 12 {
		e.Request.Method = "CONNECT"
	}
	e.Request.EarlyData = n%17 == 16
	if rest != "" {
		e.Header = header.ParseRequest(fuzzFields([]string{header.Authorization, header.ProxyAuthorization, "Via"}, kind, rest))
	}
	return e, used
}

func fuzzAnswer(kind string, id uint16) Event {
	// Never a password that would be right.
	return Answered{id, [...]gss.Answer{gss.Unknown{}, gss.Unreachable{}, gss.Declined{}, gss.Password{}, gss.Password{Password: gss.NewSecret(unknown + "x")}}[digit(kind, 1, 5)]}
}

func FuzzServerStep(f *testing.F) {
	for _, s := range []string{
		"r\nk NTLM <toy/NTLM:i1:u=alice>\nk NTLM <toy/NTLM:i2:u=alice:p=$P>\nr\nr\nr NTLM <toy/NTLM:i1:u=bob>\nr NTLM <toy/NTLM:i2:u=bob:p=$P>\nr",
		"k Negotiate <toy:i1:u=alice>\nk Negotiate <toy:i2:u=alice:p=$P>\nr1\nr",
		"k Nego2 <toy:i1:u=alice>\nk Nego2 <toy:i2:u=alice>\nk Nego2 <toy:i3:u=alice:p=$P>\nr\nr",
		"r Basic <alice:guess>\na3\nr Basic <:>\na0\nr Basic @",
		"r Digest username=\"alice\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"0000000000000000000000000000000000000000000000000000000000000000\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\", opaque=\"o\"\na4\nr Digest username=\"",
		"r NTLM <toy/NTLM:i1:u=alice>\nr Negotiate <toy:i1:u=alice>\nr\nc\nr",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newRig(t)
		_, ss := fuzzToys(t, unknown)
		fresh, err := NewServer(ServerConfig{Schemes: ss, Keep: Keep(digit(text, 0, 3)), Optional: digit(text, 1, 4) == 3})
		if err != nil {
			t.Fatal(err)
		}
		s, id, may := fresh, uint16(0), false
		for _, line := range fuzzEvents(text) {
			var e Event
			switch {
			case strings.HasPrefix(line, "c"), s.phase == dead:
				s, may = fresh, false
				e = Closed{}
			case s.phase == asking:
				e = fuzzAnswer(line, id)
			case s.phase == handling:
				e = Responding{[...]int{200, 401, 407, 500}[digit(line, 1, 4)]}
			default:
				var used bool
				e, used = presents(line)
				may = may || used
			}
			next, acts := must(r, s, e)
			switch a := acts.At(0).(type) {
			case Ask:
				id = a.ID
			case Accept:
				if s.now.request.EarlyData && !a.Anonymous || next.now.request.EarlyData && !a.Anonymous {
					t.Fatalf("accepted in early data: %v", acts)
				}
				if !a.Anonymous && (!may || !isComplete(a.Context)) {
					t.Fatalf("accepted: %v", acts)
				}
				if a.Anonymous && (a.Context != nil || a.Info != gss.Info{}) {
					t.Fatalf("anonymous, and somebody: %v", acts)
				}
			case Reply:
				if (a.Status == 401) == a.Challenges.Empty() {
					t.Fatalf("%v", acts)
				}
				if a.Status != 425 && !a.Fault.IsZero() && (next.kept != kept{}) {
					t.Fatal("a refusal kept an identity")
				}
			}
			s = next
		}
		requirement.Held(t, "fuzz:ServerStep")
	})
}

// offersBound reports whether a challenge is of a scheme that belongs to a connection.
func offersBound(h header.Response) bool {
	for _, name := range []string{scheme.Negotiate, scheme.Nego2, scheme.NTLM} {
		for range h.WWWAuthenticate.Of(name) {
			return true
		}
	}
	return false
}

func FuzzProxyStep(f *testing.F) {
	for _, s := range []string{
		"0\nr NTLM <x>\nu00 NTLM <y>\nr NTLM <z>\nu02\nl",
		"0\nr\nu00 NTLM\nr\nu01 x|Basic realm=r\nr\nl",
		"1\nk0 x|NTLM <toy/NTLM:i1:u=alice>\nk0 x|NTLM <toy/NTLM:i2:u=alice:p=$P>\nu02\nr\nu00 Negotiate\nc",
		"1\nr0 x|Basic <alice:guess>\na3\nr0 x|Digest username=\"\na\nr",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newRig(t)
		_, ss := fuzzToys(t, unknown)
		open := digit(text, 0, 2) == 0
		conf := ProxyConfig{Strip: digit(text, 0, 3) == 0, Chain: digit(text, 0, 5) == 0}
		if !open {
			conf.Auth.Schemes = append([]scheme.Server{ss[1]}, ss[3:]...) // what a proxy takes
		}
		fresh, err := NewProxy(conf)
		if err != nil {
			t.Fatal(err)
		}
		p, may, on := fresh, false, Shared
		var reserves, lost bool // of the last response
		for _, line := range fuzzEvents(text) {
			kind, rest, _ := strings.Cut(line, " ")
			var e Event
			switch {
			case strings.HasPrefix(kind, "c"), p.phase == dead:
				p, may = fresh, false
				e = Closed{Downstream}
			case strings.HasPrefix(kind, "l"):
				e = Closed{Upstream}
			case p.phase == asking:
				e = fuzzAnswer(kind, p.front.now.id)
			case p.phase == sent:
				up := Response{Status: fuzzStatus(kind), Header: header.ParseResponse(fuzzFields(responseFields, kind, rest)), Close: digit(kind, 3, 5) == 4}
				// The next request gets a connection of its own, though the one that brought
				// the challenge has closed.
				reserves, lost = on == Shared && p.now.canPin && up.Status == 401 && up.Close && offersBound(up.Header), false
				e = up
			default:
				var used bool
				e, used = presents(line)
				may = may || used
			}
			if e == (Event)(Closed{Upstream}) {
				lost = true // while the front concludes
			}
			next, acts := must(r, p, e)
			for a := range acts.All() {
				switch a := a.(type) {
				case Forward:
					if !open && (!may || a.Info.Peer == "") {
						t.Fatalf("forwarded for nobody: %v", acts)
					}
					on = a.Pin
					got := e
					if q, ok := got.(Received); ok && on == Shared && open && q.Header.Authorization.Is(scheme.NTLM) {
						t.Fatalf("NTLM on a shared connection: %v", acts)
					}
				case Relay:
					own := (on == Fresh || on == Same || a.Keep) && !lost
					if a.SessionBased != (own || reserves) || a.Keep && (on != Shared || reserves) {
						t.Fatalf("on %d, reserves %t, lost %t: %v", on, reserves, lost, acts)
					}
				case Reply:
					if (a.Status == 407) == a.Challenges.Empty() {
						t.Fatalf("%v", acts)
					}
				}
			}
			p = next
		}
		requirement.Held(t, "fuzz:ProxyStep")
	})
}

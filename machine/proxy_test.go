package machine

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

func proxyOf(r *rig, specs string, more ...func(*ProxyConfig)) Proxy {
	r.t.Helper()
	var pc ProxyConfig
	for s := range strings.FieldsSeq(specs) {
		_, srv := r.schemeOf(s)
		pc.Auth.Schemes = append(pc.Auth.Schemes, srv)
	}
	for _, m := range more {
		m(&pc)
	}
	p, err := NewProxy(pc)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func proxied(words string, lines ...string) Received {
	e := receivedText("")
	e.Request.Host = words
	e.Header = header.ParseRequest(fieldsOf(lines))
	return e
}

// R4559-6-5, C25: whatever comes, an upstream connection that carries connection-bound
// authentication is one client's, Proxy-Support is said exactly on its responses
// (HTA-17), and what cannot be pinned is refused.
func TestUpstreamIsNeverShared(t *testing.T) {
	r := newRig(t)
	bound := []string{"NTLM <x>", "Negotiate <x>", "nego2 <x>"}
	rapid.Check(t, func(rt *rapid.T) {
		p := proxyOf(r, "")
		pinnedTo := ""  // the origin of the pinned connection
		vacant := false // which is yet to be opened
		for range 8 {
			host := rapid.SampledFrom([]string{"a.example", "b.example"}).Draw(rt, "host")
			creds := rapid.SampledFrom(append([]string{"", `Digest x="y"`, "Basic <a:b>"}, bound...)).Draw(rt, "credentials")
			var lines []string
			if creds != "" {
				lines = append(lines, "Authorization: "+creds)
			}
			e := proxied(host, lines...)
			e.SharedFront, e.Header.Via = rapid.IntRange(0, 3).Draw(rt, "shared") == 0, rapid.IntRange(0, 3).Draw(rt, "via") == 0
			own := !e.SharedFront && !e.Header.Via
			isBound := strings.HasSuffix(creds, "<x>")
			next, acts := must(r, p, e)
			if a, ok := acts.At(0).(Retire); ok {
				if a.End != Upstream || pinnedTo == "" || pinnedTo == host || vacant {
					rt.Fatalf("%v with %q pinned", acts, pinnedTo)
				}
				pinnedTo = ""
			}
			switch a := acts.At(acts.Len() - 1).(type) {
			case Reply:
				if own || !isBound || a.Status != 403 {
					rt.Fatalf("refused: %v", acts)
				}
				if p = next; p.pinned != (pinnedTo != "") {
					rt.Fatal("the refusal moved the pin")
				}
				continue
			case Forward:
				if vacant && pinnedTo != host {
					pinnedTo, vacant = "", false
				}
				switch {
				case a.Pin == Shared && (isBound || own && pinnedTo == host), a.Pin == Fresh && pinnedTo != "" && !vacant,
					a.Pin == Same && (pinnedTo != host || !own || vacant):
					rt.Fatalf("%q with %q pinned goes on %d", creds, pinnedTo, a.Pin)
				}
				if a.Pin == Fresh {
					pinnedTo, vacant = host, false
				}
				status := rapid.SampledFrom([]int{200, 401, 407}).Draw(rt, "status")
				www := rapid.SampledFrom(append([]string{`Basic realm="r"`}, bound...)).Draw(rt, "www")
				rsp := response(status, "WWW-Authenticate: "+www, "Proxy-Support: Session-Based-Authentication")
				rsp.Close = rapid.IntRange(0, 4).Draw(rt, "close") == 0
				next, acts = must(r, next, rsp)
				onPinned := a.Pin != Shared
				switch b := acts.At(0).(type) {
				case Reply:
					if status != 407 || b.Status != 502 {
						rt.Fatalf("%d: %v", status, acts)
					}
				case Relay:
					if b.Keep {
						if status != 401 || !strings.HasSuffix(www, "<x>") || onPinned || rsp.Close || !own {
							rt.Fatalf("kept after %d %s on %d", status, www, a.Pin)
						}
						pinnedTo, onPinned = host, true
					} else if status == 401 && strings.HasSuffix(www, "<x>") && !onPinned && own {
						// It closes, and the next request gets one of its own.
						if !rsp.Close || !b.SessionBased {
							rt.Fatalf("neither kept nor promised after %s", www)
						}
						pinnedTo, vacant = host, true
						break
					}
					if b.SessionBased != onPinned {
						rt.Fatalf("Proxy-Support %t on a connection that is pinned %t", b.SessionBased, onPinned)
					}
				}
				if onPinned && rsp.Close {
					if acts.At(1) != (Retire{Downstream}) || next.phase != dead {
						rt.Fatalf("the upstream closed, and the client's connection lives: %v", acts)
					}
					return
				}
			}
			if p = next; p.pinned != (pinnedTo != "") {
				rt.Fatalf("pinned %t, expected %q", p.pinned, pinnedTo)
			}
		}
	})
}

// NTHT-2.2.3-1, R9110-11.7.1-1: no request is forwarded without authentication, each 407 has
// a challenge, and credentials of the origin do not count.
func TestProxyAuthenticates(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := proxyOf(r, "NTLM Basic")
		authed := false
		for range 6 {
			text := rapid.SampledFrom(credentialTexts).Draw(rt, "credentials")
			field := rapid.SampledFrom([]string{"Proxy-Authorization: ", "Proxy-Authorization: ", "Authorization: "}).Draw(rt, "field")
			next, acts := must(r, p, proxied("a.example", field+text))
			for asked(acts) {
				next, acts = must(r, next, Answered{acts.At(0).(Ask).ID, gss.Password{Password: gss.NewSecret("secret")}})
			}
			switch a := acts.At(0).(type) {
			case Reply:
				if a.Status != 407 || a.Side != gss.Proxy || a.Challenges.Empty() {
					rt.Fatalf("%v", acts)
				}
				authed = false
			case Forward:
				proves := strings.HasPrefix(field, "Proxy") && (strings.Contains(text, ":p=secret") || text == "Basic <alice:secret>")
				if !proves && !authed || a.Info.Peer != "alice" {
					rt.Fatalf("%s%s went on as %q", field, text, a.Info.Peer)
				}
				authed = authed || strings.HasPrefix(text, "NTLM") && proves
				next, acts = must(r, next, response(200))
				for asked(acts) {
					next, acts = must(r, next, Answered{acts.At(0).(Ask).ID, gss.Declined{}})
				}
				first[Relay](t, acts)
				if strings.HasPrefix(text, "Basic") && proves {
					authed = false // it dropped what was kept
				}
			}
			p = next
		}
	})
}

// What happens to a request when the upstream is lost at each point of it.
func TestUpstreamLost(t *testing.T) {
	r := newRig(t)
	ntlm := "Authorization: NTLM <x>"

	p, _ := must(r, proxyOf(r, ""), proxied("a.example"))
	p, acts := must(r, p, Closed{Upstream})
	if a := first[Reply](t, acts); a.Status != 502 || a.Close || p.phase != idle {
		t.Errorf("shared, before the response: %v %v", p, acts)
	}

	p, _ = must(r, proxyOf(r, ""), proxied("a.example", ntlm))
	p, acts = must(r, p, Closed{Upstream})
	if a := first[Reply](t, acts); a.Status != 502 || !a.Close || acts.At(1) != (Retire{Downstream}) || p.phase != dead {
		t.Errorf("pinned, before the response: %v %v", p, acts)
	}

	p, _ = must(r, proxyOf(r, ""), proxied("a.example", ntlm))
	p, _ = must(r, p, response(200))
	p, acts = must(r, p, Closed{Upstream})
	if acts != Do(Retire{Downstream}) || p.phase != dead {
		t.Errorf("pinned, idle: %v %v", p, acts)
	}

	p, _ = must(r, proxyOf(r, "Basic"), proxied("a.example", "Proxy-Authorization: Basic <alice:secret>", ntlm))
	p, _ = must(r, p, Answered{p.front.now.id, gss.Password{Password: gss.NewSecret("secret")}})
	p, _ = must(r, p, response(200))
	p, acts = must(r, p, proxied("a.example", "Proxy-Authorization: Basic <alice:secret>"))
	first[Ask](t, acts)
	p, acts = must(r, p, Closed{Upstream})
	if a := first[Reply](t, acts); a.Status != 502 || !a.Close || p.phase != dead {
		t.Errorf("pinned, while the next request is judged: %v %v", p, acts)
	}

	p, _ = must(r, proxyOf(r, ""), proxied("a.example"))
	p, acts = must(r, p, Closed{Downstream})
	if acts.Len() > 0 || p.phase != dead {
		t.Errorf("the client is gone: %v %v", p, acts)
	}
	if _, _, err := step(r, p, proxied("a.example")); err == nil {
		t.Error("a dead proxy took a request")
	}
}

// A proxy that cannot do what it is told is not made.
func TestProxyConfig(t *testing.T) {
	if _, err := NewProxy(ProxyConfig{Reverse: true, Auth: ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", 0)}}}); err == nil {
		t.Error("a reverse proxy that sends 407 was made")
	}
	names := []string{"NTLM"}
	p, err := NewProxy(ProxyConfig{PinnedSchemes: names})
	if err != nil {
		t.Fatal(err)
	}
	names[0] = "x"
	r := newRig(t)
	if _, acts := must(r, p, proxied("a.example", "Authorization: NTLM <x>")); first[Forward](t, acts).Pin != Fresh {
		t.Error("the caller's list is still in use")
	}
	if _, acts := must(r, p, proxied("a.example", "Authorization: Negotiate <x>")); first[Forward](t, acts).Pin != Shared {
		t.Error("Bound does not say which")
	}
}

package machine

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/internal/side"
)

// prop:informational_ignored (HTA-11).
func TestInformationalIgnored(t *testing.T) {
	r := newRig(t)
	for name, c := range halfways(r) {
		rapid.Check(t, func(rt *rapid.T) {
			status := rapid.SampledFrom([]int{100, 102, 103, 110, 199}).Draw(rt, "status")
			e := response(status, "WWW-Authenticate: "+rapid.SampledFrom(challengeTexts).Draw(rt, "www"),
				"Persistent-Auth: true", "Proxy-Support: Session-Based-Authentication")
			e.Close, e.BodySent = rapid.Bool().Draw(rt, "close"), Sent(rapid.IntRange(0, 2).Draw(rt, "sent"))
			next, acts := must(r, c, e)
			if next != c || acts.Len() > 0 {
				rt.Fatalf("%s: %d changed the client, or made it do %v", name, status, acts)
			}
			requirement.Held(t, "prop:informational_ignored")
		})
	}
}

// finals are all final statuses but the two challenges. Those from 600 on are no HTTP, and
// come all the same.
func finals(yield func(status int) bool) {
	for status := 200; status < 1000; status++ {
		if status != 401 && status != 407 && !yield(status) {
			return
		}
	}
}

// prop:non401_is_delivered (N2HT-2.2.3-8, NTHT-2.2.2-4, -5) and
// prop:non407_is_passed_on (NTHT-2.2.4-4, -5): every final status but the two
// challenges and 425 ends in Deliver, whatever its fields say of authentication, and is
// authenticated only where a context is complete. The proxy's side is done with any of
// them, too, where its last leg was on its way.
func TestOtherStatusIsDelivered(t *testing.T) {
	r := newRig(t)
	complete := map[string]bool{"leg 2": true, "persistent": true}
	fields := []string{"WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM", `WWW-Authenticate: Basic realm="r"`}
	for name, c := range halfways(r) {
		for status := range finals {
			if status == 425 { // it is sent once more (R8470-5.2-2)
				continue
			}
			next, acts := must(r, c, response(status, fields[status%len(fields)]))
			if d := first[Deliver](t, acts); d.Authenticated != complete[name] {
				t.Errorf("%s: %d delivered with authenticated=%t", name, status, d.Authenticated)
			}
			if proxy := &next.sides[gss.Proxy]; proxy.Persistent != (name == "proxy leg 2") {
				t.Errorf("%s: after %d the proxy's side is authenticated: %t", name, status, proxy.Persistent)
			}
		}
		requirement.Held(t, "prop:non401_is_delivered")
		requirement.Held(t, "prop:non407_is_passed_on")
	}
}

// prop:unrelated_status_changes_nothing (N2HT-3.2.5-13): on an authenticated
// connection a response without a challenge status leaves the connection's state
// alone.
func TestUnrelatedStatusChangesNothing(t *testing.T) {
	r := newRig(t)
	c := halfways(r)["persistent"]
	for status := range finals {
		for _, said := range []string{"true", "false", "x"} {
			next, _ := must(r, c, response(status, "Persistent-Auth: "+said))
			if next.sides[gss.Origin] != c.sides[gss.Origin] || next.sides[gss.Proxy] != (side.Side{}) {
				t.Errorf("%d with Persistent-Auth: %s: %v became %v", status, said, c, next)
			}
		}
	}
	requirement.Held(t, "prop:unrelated_status_changes_nothing")
}

// prop:persist_table (N2HT-3.2.5-4 to -8, C7, C16, HTA-16): all values of the field ×
// the leaf mechanism × the side × the transport.
func TestPersistTable(t *testing.T) {
	r := newRig(t)
	for _, leaf := range []string{"NTLM", "Kerberos", "toy"} {
		for _, field := range []header.PersistentAuth{header.PersistAbsent, header.PersistTrue, header.PersistFalse, header.PersistInvalid} {
			for _, s := range []gss.Side{gss.Origin, gss.Proxy} {
				for _, multiplexed := range []bool{false, true} {
					want := field == header.PersistTrue || field == header.PersistAbsent && leaf == "NTLM"
					if s == gss.Proxy { // never its business
						want = leaf == "NTLM"
					}
					want = want && !multiplexed // C18
					spec := "Negotiate:as=" + leaf
					words, status, name := "GET http://a.example/ lease=Negotiate", 200, "origin"
					if s == gss.Proxy {
						words, name = "GET http://a.example/ forwarded proxy-lease=Negotiate", "proxy"
					}
					if multiplexed {
						words += " h2"
					}
					c, acts := must(r, clientOf(r, spec), begin(r, words))
					if send := first[Send](t, acts); !send.Authorization.Present() && !send.ProxyAuthorization.Present() {
						t.Fatal("nothing was sent")
					}
					e := response(status)
					e.Header.PersistentAuth = field
					c, _ = must(r, c, e)
					if got := c.sides[s].Persistent; got != want {
						t.Errorf("%s, field %d, %s, multiplexed %t: flag %t, expected %t", leaf, field, name, multiplexed, got, want)
					}
					if c.sides[1-s] != (side.Side{}) {
						t.Errorf("%s, field %d: the other side moved", leaf, field)
					}
					switch field {
					case header.PersistTrue:
						requirement.Held(t, "prop:persist_table", "N2HT-3.2.5-5")
					case header.PersistFalse:
						requirement.Held(t, "prop:persist_table", "N2HT-3.2.5-6")
					case header.PersistAbsent:
						requirement.Held(t, "prop:persist_default_by_mech")
					}
				}
			}
		}
	}
}

// prop:persist_other_ignored (N2HT-3.2.5-7).
func TestPersistOtherIgnored(t *testing.T) {
	r := newRig(t)
	c := halfways(r)["leg 2"]
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.StringMatching(`[!-~ ]{0,12}`).Draw(rt, "value")
		switch strings.ToLower(strings.Trim(v, " ,")) {
		case "true", "false":
			rt.Skip()
		}
		next, acts := must(r, c, response(200, "Persistent-Auth: "+v))
		if next.sides[gss.Origin].Persistent && header.ParseResponse(fieldsOf([]string{"Persistent-Auth: " + v})).PersistentAuth != header.PersistTrue {
			rt.Fatalf("%q set the flag", v)
		}
		first[Deliver](t, acts)
		requirement.Held(t, "prop:persist_other_ignored")
	})
}

// The field counts on the final response alone (N2HT-3.2.5-3): true in mid-handshake
// and on a 401 says nothing, and every 401 resets (N2HT-3.2.5-12).
func TestPersistMidway(t *testing.T) {
	r := newRig(t)
	c, _ := must(r, clientOf(r, "NTLM"), begin(r, "GET http://a.example/ lease=NTLM"))
	c, _ = must(r, c, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>", "Persistent-Auth: true"))
	if c.sides[gss.Origin].Persistent {
		t.Error("set in mid-handshake")
	}
	c, _ = must(r, c, response(200, "Persistent-Auth: true"))
	if !c.sides[gss.Origin].Persistent {
		t.Error("not set at the end")
	}
	c, acts := must(r, c, begin(r, "GET http://a.example/"))
	if s := first[Send](t, acts); s.Authorization.Present() || !s.Pinned {
		t.Errorf("with the flag set: %+v", s)
	}
	c, _ = must(r, c, response(401, `WWW-Authenticate: Basic realm="r"`, "Persistent-Auth: true"))
	if c.sides[gss.Origin].Persistent {
		t.Error("a 401 did not reset it")
	}
}

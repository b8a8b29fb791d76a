package scheme

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// named is a client scheme of that name and nothing else.
type named struct{ traits Traits }

func (n named) Traits() Traits              { return n.traits }
func (n named) Initiate(Exchange) Initiator { return nil }

func clients(t testing.TB, p *Policy, list string) []Client {
	t.Helper()
	var out []Client
	for name := range strings.FieldsSeq(list) {
		tr, ok := TraitsOf(name)
		if !ok {
			t.Fatal(name)
		}
		out = append(out, named{tr})
	}
	return p.Sort(out)
}

// bits is the Set of the named schemes.
func bits(sorted []Client, list string) (s Set) {
	for name := range strings.FieldsSeq(list) {
		for i, c := range sorted {
			if header.EqualFold(c.Traits().Name, name) {
				s = s.With(i)
			}
		}
	}
	return s
}

const all = "Basic Digest NTLM Negotiate Nego2"

// The names and traits that the standards give (N2HT-1.9-1, R4559-4-1, NTHT-1.9-1).
func TestSchemeNames(t *testing.T) {
	for _, name := range []string{"Negotiate", "Nego2", "NTLM", "Digest", "Basic"} {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if tr, ok := TraitsOf(spelling); !ok || tr.Name != name {
				t.Errorf("%s: %v", spelling, tr)
			}
		}
		requirement.Held(t, "unit:scheme_names")
	}
	for _, name := range []string{"", "Negotiate2", "Nego", "Nego 2", "Bearer"} {
		if _, ok := TraitsOf(name); ok {
			t.Errorf("%q is known", name)
		}
	}
	if tr, _ := TraitsOf(Nego2); !tr.OfferedOnly || !tr.OriginOnly || tr.First != FirstToken || !tr.Legged() {
		t.Errorf("%+v", tr)
	}
	if tr, _ := TraitsOf(Negotiate); !tr.ExplicitProxyOnly || tr.First != FirstBare || tr.Bound != ByMechanism {
		t.Errorf("%+v", tr)
	}
}

// unit:default_scheme_order: Nego2 where offered (N2HT-2.2.3-5), NTLM below Negotiate
// (NTHT-1.6-1), Basic last; Order comes first, and equal ones stay as they came.
func TestSort(t *testing.T) {
	for _, test := range []struct{ order, list, want string }{
		{"", all, "Nego2 Negotiate NTLM Digest Basic"},
		{"", "NTLM Negotiate", "Negotiate NTLM"},
		{"basic", all, "Basic Nego2 Negotiate NTLM Digest"},
		{"digest NTLM", all, "Digest NTLM Nego2 Negotiate Basic"},
		{"Unknown", "Basic Digest", "Digest Basic"},
	} {
		var got []string
		for _, c := range clients(t, &Policy{Order: strings.Fields(test.order)}, test.list) {
			got = append(got, c.Traits().Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q, %q: %v", test.order, test.list, got)
		}
		requirement.Held(t, "unit:default_scheme_order")
	}
}

func TestChoose(t *testing.T) {
	affine := Conditions{Affine: true, Secure: true}
	with := func(f func(*Conditions)) Conditions {
		c := affine
		f(&c)
		return c
	}
	for _, test := range []struct {
		name, offered string
		p             Policy
		c             Conditions
		tried         string
		declined      string
		seen          string
		want          string // the scheme, or the fault's code
	}{
		{"strongest, not first", "Basic x=y, NTLM, Negotiate", Policy{}, affine, "", "", "", Negotiate},
		{"Nego2 before Negotiate", "Negotiate, Nego2 AAAA", Policy{}, affine, "", "", "", Nego2},
		{"nothing that is known", "Bearer x=y", Policy{}, affine, "", "", "", "unsupported"},
		{"nothing at all", "", Policy{}, affine, "", "", "", "unsupported"},
		{"malformed is not offered", "Negotiate @, Digest x=y", Policy{}, affine, "", "", "", Digest},
		{"denied bars nothing", "Negotiate, Digest x=y", Policy{Deny: []string{"negotiate"}}, affine, "", "", "", Digest},
		{"not allowed bars nothing", "Negotiate, Digest x=y", Policy{Allow: []string{"DIGEST"}}, affine, "", "", "", Digest},
		{"deny wins", "Digest x=y", Policy{Allow: []string{Digest}, Deny: []string{Digest}}, affine, "", "", "", "unsupported"},
		{"order before strength", "Negotiate, Digest x=y", Policy{Order: []string{Digest}}, affine, "", "", "", Digest},
		{"tried and failed bars the weaker", "NTLM, Basic x=y", Policy{}, affine, "NTLM", "", "", "not permitted by policy"},
		{"unless Fallback", "NTLM, Basic x=y", Policy{Fallback: true}, affine, "NTLM", "", "", Basic},
		{"but not one as strong", "Nego2 AAAA, Negotiate", Policy{}, affine, "Nego2", "", "", Negotiate},
		{"offered before and no more bars", "Basic x=y", Policy{}, affine, "", "", "NTLM", "not permitted by policy"},
		{"unless Fallback", "Basic x=y", Policy{Fallback: true}, affine, "", "", "NTLM", Basic},
		{"without credentials bars nothing", "NTLM, Basic x=y", Policy{}, affine, "NTLM", "NTLM", "", Basic},
		{"the weaker one of a failed stronger comes back by Order only", "Digest x=y, Basic x=y", Policy{Order: []string{Basic}}, affine, "Basic", "", "", Digest},
		{"cleartext without TLS", "Basic x=y", Policy{}, with(func(c *Conditions) { c.Secure = false }), "", "", "", "not permitted by policy"},
		{"unless Cleartext", "Basic x=y", Policy{Cleartext: true}, with(func(c *Conditions) { c.Secure = false }), "", "", "", Basic},
		{"no affinity", "Negotiate", Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", "", "not permitted by policy"},
		{"no affinity bars the weaker", "NTLM, Digest x=y", Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", "", "not permitted by policy"},
		{"unless Fallback", "NTLM, Digest x=y", Policy{Fallback: true}, with(func(c *Conditions) { c.Affine = false }), "", "", "", Digest},
		{"no affinity needed", "Digest x=y", Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", "", Digest},
		{"Negotiate to a proxy of the network", "Negotiate", Policy{}, with(func(c *Conditions) { c.Side = gss.Proxy }), "", "", "", "not permitted by policy"},
		{"to one that was configured", "Negotiate", Policy{}, with(func(c *Conditions) { c.Side, c.ExplicitProxy = gss.Proxy, true }), "", "", "", Negotiate},
		{"or by policy", "Negotiate", Policy{AnyProxy: true}, with(func(c *Conditions) { c.Side = gss.Proxy }), "", "", "", Negotiate},
		{"Nego2 never to a proxy", "Nego2 AAAA, Digest x=y", Policy{AnyProxy: true}, with(func(c *Conditions) { c.Side, c.ExplicitProxy = gss.Proxy, true }), "", "", "", Digest},
	} {
		sorted := clients(t, &test.p, all)
		c := test.c
		c.Tried, c.Declined, c.Seen = bits(sorted, test.tried), bits(sorted, test.declined), bits(sorted, test.seen)
		ch := test.p.Choose(sorted, offers(test.offered), c)
		got := ch.Fault.Code.String()
		if ch.Index >= 0 {
			got = sorted[ch.Index].Traits().Name
		}
		if got != test.want || (ch.Index >= 0) != ch.Fault.IsZero() {
			t.Errorf("%s: %s, expected %s (%v)", test.name, got, test.want, ch.Fault)
		}
		requirement.Held(t, "unit:proxy_negotiate_policy")
	}
	sorted := clients(t, &Policy{}, "NTLM Negotiate")
	for name, want := range map[string]bool{"NTLM": true, "Negotiate": false} {
		p := Policy{}
		if ch := p.Choose(sorted, offers(name), Conditions{Affine: true, Multiplexed: true}); ch.HTTP11 != want { // HTA-4
			t.Errorf("%s on a multiplexed transport: %+v", name, ch)
		}
	}
}

// prop:strongest_scheme, no silent downgrade (HTA-13, R7616-5.6-1): along any course of
// challenges the zero Policy never picks a scheme that is weaker than one that was
// offered in the exchange and could have run, and never one twice; whatever the order
// and the spread of the challenges.
func TestNeverWeaker(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := Policy{}
		sorted := clients(t, &p, all)
		c := Conditions{Affine: rapid.Bool().Draw(rt, "affine"), Secure: rapid.Bool().Draw(rt, "secure")}
		var strongest Strength // of all that was offered and not declined
		for range 5 {
			perm := rapid.Permutation([]string{"Basic x=y", "Digest x=y", "NTLM", "Negotiate", "Nego2 AAAA"}).Draw(rt, "order")
			lines := perm[:rapid.IntRange(0, len(perm)).Draw(rt, "n")]
			ch := p.Choose(sorted, offers(lines...), c)
			if again := p.Choose(sorted, offers(strings.Join(lines, ", ")), c); again != ch {
				rt.Fatal("the spread of the challenges counts")
			}
			c.Seen = ch.Seen
			for i, s := range sorted {
				if c.Seen.Has(i) && !c.Declined.Has(i) {
					strongest = max(strongest, s.Traits().Strength)
				}
			}
			if ch.Index < 0 {
				continue
			}
			tr := sorted[ch.Index].Traits()
			if tr.Strength < strongest || c.Tried.Has(ch.Index) || tr.Cleartext && !c.Secure || tr.Legged() && !c.Affine {
				rt.Fatalf("%s after %v", tr.Name, lines)
			}
			requirement.Held(t, "prop:strongest_scheme")
			c.Tried = c.Tried.With(ch.Index)
			if rapid.IntRange(0, 3).Draw(rt, "declined") == 0 {
				c.Declined = c.Declined.With(ch.Index)
				strongest = 0
			}
		}
	})
}

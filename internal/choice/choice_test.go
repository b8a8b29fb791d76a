package choice

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// named is a client scheme of that name and nothing else.
type named struct{ traits scheme.Traits }

func (n named) Traits() scheme.Traits                     { return n.traits }
func (n named) Initiate(scheme.Exchange) scheme.Initiator { return nil }

func clients(t testing.TB, p *scheme.Policy, list string) []scheme.Client {
	t.Helper()
	var out []scheme.Client
	for name := range strings.FieldsSeq(list) {
		tr, ok := scheme.TraitsOf(name)
		if !ok {
			t.Fatal(name)
		}
		out = append(out, named{tr})
	}
	return Sort(p, out)
}

// bits is the Set of the named schemes.
func bits(sorted []scheme.Client, list string) (s Set) {
	for name := range strings.FieldsSeq(list) {
		for i, c := range sorted {
			if ascii.EqualFold(c.Traits().Name, name) {
				s = s.With(i)
			}
		}
	}
	return s
}

func offers(lines ...string) header.Challenges { return header.ParseChallenges(lines...) }

const all = "Basic Digest NTLM Negotiate Nego2"

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
		for _, c := range clients(t, &scheme.Policy{Order: strings.Fields(test.order)}, test.list) {
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
		p             scheme.Policy
		c             Conditions
		tried         string
		declined      string
		seen          string
		want          string // the scheme, or the fault's code
	}{
		{"strongest, not first", "Basic x=y, NTLM, Negotiate", scheme.Policy{}, affine, "", "", "", scheme.Negotiate},
		{"Nego2 before Negotiate", "Negotiate, Nego2 AAAA", scheme.Policy{}, affine, "", "", "", scheme.Nego2},
		{"nothing that is known", "Bearer x=y", scheme.Policy{}, affine, "", "", "", "unsupported"},
		{"nothing at all", "", scheme.Policy{}, affine, "", "", "", "unsupported"},
		{"malformed is not offered", "Negotiate @, Digest x=y", scheme.Policy{}, affine, "", "", "", scheme.Digest},
		{"denied bars nothing", "Negotiate, Digest x=y", scheme.Policy{Deny: []string{"negotiate"}}, affine, "", "", "", scheme.Digest},
		{"not allowed bars nothing", "Negotiate, Digest x=y", scheme.Policy{Allow: []string{"DIGEST"}}, affine, "", "", "", scheme.Digest},
		{"deny wins", "Digest x=y", scheme.Policy{Allow: []string{scheme.Digest}, Deny: []string{scheme.Digest}}, affine, "", "", "", "unsupported"},
		{"order before strength", "Negotiate, Digest x=y", scheme.Policy{Order: []string{scheme.Digest}}, affine, "", "", "", scheme.Digest},
		{"tried and failed bars the weaker", "NTLM, Basic x=y", scheme.Policy{}, affine, "NTLM", "", "", "not permitted by policy"},
		{"unless Fallback", "NTLM, Basic x=y", scheme.Policy{Fallback: true}, affine, "NTLM", "", "", scheme.Basic},
		{"but not one as strong", "Nego2 AAAA, Negotiate", scheme.Policy{}, affine, "Nego2", "", "", scheme.Negotiate},
		{"offered before and no more bars", "Basic x=y", scheme.Policy{}, affine, "", "", "NTLM", "not permitted by policy"},
		{"unless Fallback", "Basic x=y", scheme.Policy{Fallback: true}, affine, "", "", "NTLM", scheme.Basic},
		{"without credentials bars nothing", "NTLM, Basic x=y", scheme.Policy{}, affine, "NTLM", "NTLM", "", scheme.Basic},
		{"the weaker one of a failed stronger comes back by Order only", "Digest x=y, Basic x=y", scheme.Policy{Order: []string{scheme.Basic}}, affine, "Basic", "", "", scheme.Digest},
		{"cleartext without TLS", "Basic x=y", scheme.Policy{}, with(func(c *Conditions) { c.Secure = false }), "", "", "", "not permitted by policy"},
		{"unless Cleartext", "Basic x=y", scheme.Policy{Cleartext: true}, with(func(c *Conditions) { c.Secure = false }), "", "", "", scheme.Basic},
		{"no affinity", "Negotiate", scheme.Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", "", "not permitted by policy"},
		{"no affinity bars the weaker", "NTLM, Digest x=y", scheme.Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", "", "not permitted by policy"},
		{"unless Fallback", "NTLM, Digest x=y", scheme.Policy{Fallback: true}, with(func(c *Conditions) { c.Affine = false }), "", "", "", scheme.Digest},
		{"no affinity needed", "Digest x=y", scheme.Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", "", scheme.Digest},
		{"Negotiate to a proxy of the network", "Negotiate", scheme.Policy{}, with(func(c *Conditions) { c.Side = gss.Proxy }), "", "", "", "not permitted by policy"},
		{"to one that was configured", "Negotiate", scheme.Policy{}, with(func(c *Conditions) { c.Side, c.ExplicitProxy = gss.Proxy, true }), "", "", "", scheme.Negotiate},
		{"or by policy", "Negotiate", scheme.Policy{AnyProxy: true}, with(func(c *Conditions) { c.Side = gss.Proxy }), "", "", "", scheme.Negotiate},
		{"Nego2 never to a proxy", "Nego2 AAAA, Digest x=y", scheme.Policy{AnyProxy: true}, with(func(c *Conditions) { c.Side, c.ExplicitProxy = gss.Proxy, true }), "", "", "", scheme.Digest},
	} {
		sorted := clients(t, &test.p, all)
		c := test.c
		c.Tried, c.Declined, c.Seen = bits(sorted, test.tried), bits(sorted, test.declined), bits(sorted, test.seen)
		ch := Choose(&test.p, sorted, offers(test.offered), c)
		got := ch.Fault.Code.String()
		if ch.Index >= 0 {
			got = sorted[ch.Index].Traits().Name
		}
		if got != test.want || (ch.Index >= 0) != ch.Fault.IsZero() {
			t.Errorf("%s: %s, expected %s (%v)", test.name, got, test.want, ch.Fault)
		}
		requirement.Held(t, "unit:proxy_negotiate_policy")
	}
	sorted := clients(t, &scheme.Policy{}, "NTLM Negotiate")
	for name, want := range map[string]bool{"NTLM": true, "Negotiate": false} {
		p := scheme.Policy{}
		if ch := Choose(&p, sorted, offers(name), Conditions{Affine: true, Multiplexed: true}); ch.HTTP11 != want { // HTA-4
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
		p := scheme.Policy{}
		sorted := clients(t, &p, all)
		c := Conditions{Affine: rapid.Bool().Draw(rt, "affine"), Secure: rapid.Bool().Draw(rt, "secure")}
		var strongest scheme.Strength // of all that was offered and not declined
		for range 5 {
			perm := rapid.Permutation([]string{"Basic x=y", "Digest x=y", "NTLM", "Negotiate", "Nego2 AAAA"}).Draw(rt, "order")
			lines := perm[:rapid.IntRange(0, len(perm)).Draw(rt, "n")]
			ch := Choose(&p, sorted, offers(lines...), c)
			if again := Choose(&p, sorted, offers(strings.Join(lines, ", ")), c); again != ch {
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
			if tr.Strength < strongest || c.Tried.Has(ch.Index) || tr.Cleartext && !c.Secure || tr.Affinity != scheme.PerRequest && !c.Affine {
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

// The fault says of each scheme that is configured and offered why it was not chosen,
// in words that hold nothing of the peer's.
func TestChooseSaysWhy(t *testing.T) {
	affine := Conditions{Affine: true, Secure: true}
	with := func(f func(*Conditions)) Conditions {
		c := affine
		f(&c)
		return c
	}
	many := strings.TrimSuffix(strings.Repeat("Bearer c4nary, ", bound.Challenges), ", ")
	for _, test := range []struct {
		name, configured, offered string
		p                         scheme.Policy
		c                         Conditions
		tried, declined           string
		code                      gss.Code
		want                      string // the parts, between "; "
	}{
		{"a missing comma", all, `Digest realm="c4nary" nonce="n"`, scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable: byte 23: want a comma"},
		{"a repeated parameter", all, `Digest realm="c4nary", nonce=n, REALM=x`, scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable: byte 33: a parameter comes twice"},
		{"a lone quote", all, `Basic realm="`, scheme.Policy{}, affine, "", "", gss.Malformed, "Basic is offered, but its challenge is not readable: byte 13: a quoted string does not end"},
		{"too many parameters", all, "Digest " + strings.TrimSuffix(strings.Repeat("c4nary=x, ", 40), ", "), scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable: byte 18: a parameter comes twice"},
		{"two tokens", all, "NTLM YWJj YWJj", scheme.Policy{}, affine, "", "", gss.Malformed, "NTLM is offered, but its challenge is not readable: byte 6: want a token, or a parameter"},
		{"no base64", all, "Negotiate c4nar", scheme.Policy{}, affine, "", "", gss.Malformed, "Negotiate is offered, but its challenge is not readable: its token is not base64"},
		{"behind the 32nd", all, many + ", Digest realm=x, nonce=y", scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable: it is behind the first 32"},
		{"behind 3,000", "Digest", strings.Repeat("Basic realm=x, ", 3000) + "Digest realm=x, nonce=y", scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable: it is behind the first 32"},
		{"two that are not readable", all, `Digest a=b, a=c, Basic @`, scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable; Basic is offered, but its challenge is not readable"},
		{"not readable, and left out", all, `NTLM, Digest a=b, a=c`, scheme.Policy{Deny: []string{scheme.NTLM}}, affine, "", "", gss.Unsupported, "NTLM is offered, but Policy.Allow or Policy.Deny leaves it out; Digest is offered, but its challenge is not readable"},
		{"left out", all, "Digest realm=x, nonce=y", scheme.Policy{Allow: []string{scheme.Negotiate}}, affine, "", "", gss.Unsupported, "Digest is offered, but Policy.Allow or Policy.Deny leaves it out"},
		{"Nego2 at a proxy", all, "Nego2 AAAA", scheme.Policy{}, with(func(c *Conditions) { c.Side = gss.Proxy }), "", "", gss.Unsupported, "Nego2 is offered, but never answers a proxy"},
		{"without credentials", all, "Digest realm=x, nonce=y", scheme.Policy{}, affine, "Digest", "Digest", gss.NoCredentials, "Digest is offered, but there are no credentials for it"},
		{"not configured", "Digest", "Negotiate, NTLM, Basic realm=c4nary", scheme.Policy{}, affine, "", "", gss.Unsupported, "Negotiate is offered, but not configured here; NTLM is offered, but not configured here; Basic is offered, but not configured here"},
		{"not configured, but readable is another", "Digest", "NTLM, Digest a=b, a=c", scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable"},
		{"unknown", all, "Bearer c4nary", scheme.Policy{}, affine, "", "", gss.Unsupported, "Bearer is offered, but not implemented here"},
		{"of no registry", all, "C4nary x=y, Other, C4nary", scheme.Policy{}, affine, "", "", gss.Unsupported, "a scheme is offered whose name is not registered"},
		{"behind the bound, and unknown", all, many + ", C4nary", scheme.Policy{}, affine, "", "", gss.Unsupported, "Bearer is offered, but not implemented here"},
		{"all kinds", "Digest", `Digest a=b, a=c, NTLM, bearer, C4nary, "c4nary"`, scheme.Policy{}, affine, "", "", gss.Malformed, "Digest is offered, but its challenge is not readable: byte 13: a parameter comes twice; NTLM is offered, but not configured here; Bearer is offered, but not implemented here; a scheme is offered whose name is not registered; a challenge is not readable: byte 40: want the name of a scheme"},
		{"junk", all, `@c4nary`, scheme.Policy{}, affine, "", "", gss.Malformed, "a challenge is not readable: byte 1: want the name of a scheme"},
		{"nothing", all, ", ,", scheme.Policy{}, affine, "", "", gss.Unsupported, "credentials are asked for, but no scheme is offered"},
		{"too long", all, strings.Repeat("x", bound.Text+1), scheme.Policy{}, affine, "", "", gss.Malformed, "the challenges are longer than 131072 bytes"},
		{"no TLS", all, "Basic realm=x", scheme.Policy{}, with(func(c *Conditions) { c.Secure = false }), "", "", gss.NotPermitted, "Basic shows its credentials to the network and there is no TLS"},
		{"no connection of its own", all, "NTLM", scheme.Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", gss.NotPermitted, "NTLM needs a connection of its own"},
		{"a weaker one beside it", all, "NTLM, Digest realm=x, nonce=y, Basic realm=x", scheme.Policy{}, with(func(c *Conditions) { c.Affine = false }), "", "", gss.NotPermitted, "NTLM needs a connection of its own; Digest is weaker, and tried only with Policy.Fallback"},
		{"a weaker one behind a failure", all, "NTLM, Digest realm=x, nonce=y", scheme.Policy{}, affine, "NTLM", "", gss.NotPermitted, "NTLM was offered and did not succeed; a weaker scheme is tried only with Policy.Fallback"},
	} {
		sorted := clients(t, &test.p, test.configured)
		c := test.c
		c.Tried, c.Declined = bits(sorted, test.tried), bits(sorted, test.declined)
		ch := Choose(&test.p, sorted, offers(test.offered), c)
		if ch.Index >= 0 || ch.Fault.Code != test.code {
			t.Errorf("%s: %v, %v, want %v", test.name, ch.Index, ch.Fault, test.code)
		}
		got := strings.Split(ch.Fault.Detail, "; ")
		for n, part := range strings.Split(test.want, "; ") {
			if n >= len(got) || !strings.HasPrefix(got[n], part) {
				t.Errorf("%s: %q, want %q", test.name, ch.Fault.Detail, test.want)
			}
		}
		if strings.Contains(ch.Fault.Detail, "c4nary") {
			t.Errorf("%s: %q repeats the peer", test.name, ch.Fault.Detail)
		}
		requirement.Held(t, "unit:choose_says_why", "HTA-31")
	}
}

// Schemes of one strength are tried as they were configured.
func TestSortIsStable(t *testing.T) {
	var list []scheme.Client
	for _, name := range []string{"c", "a", "d", "b"} {
		list = append(list, named{scheme.Traits{Name: name, Strength: 50}})
	}
	got := ""
	for _, c := range Sort(&scheme.Policy{}, list) {
		got += c.Traits().Name
	}
	if got != "cadb" {
		t.Errorf("cadb of one strength are sorted as %s", got)
	}
}

// Why nothing was chosen is told of the strongest scheme that was passed over, also where
// several are of that strength, or of none at all.
func TestPassedOverScheme(t *testing.T) {
	weakest := named{scheme.Traits{Name: "Weak", Cleartext: true}}
	ch := Choose(&scheme.Policy{}, []scheme.Client{weakest}, offers("Weak"), Conditions{Affine: true})
	if ch.Index != -1 || ch.Fault.Code != gss.NotPermitted || !strings.Contains(ch.Fault.Detail, "Weak") {
		t.Errorf("%+v", ch)
	}
	// The fault is one scheme's, and Passed has the others.
	other := named{scheme.Traits{Name: "Other", Cleartext: true}}
	ch = Choose(&scheme.Policy{}, []scheme.Client{weakest, other}, offers("Weak, Other"), Conditions{Affine: true})
	if !strings.HasPrefix(ch.Fault.Detail, "Other ") || strings.Contains(ch.Fault.Detail, "Weak") || !strings.Contains(ch.Passed, "Weak ") {
		t.Errorf("%+v", ch)
	}
}

// A choice tells what was offered, also what was not chosen, and that HTTP/1.1 is needed only where the
// connection is shared and the scheme needs one of its own.
func TestChoiceTellsWhatWasSeen(t *testing.T) {
	p := &scheme.Policy{}
	list := clients(t, p, "Negotiate NTLM Digest")
	for name, row := range map[string]struct {
		offers string
		c      Conditions
		index  int
		seen   Set
		http11 bool
	}{
		"the stronger of two":       {"NTLM, Negotiate", Conditions{Affine: true}, 0, Set(0).With(0).With(1), false},
		"one of them":               {`Digest realm="r", nonce="n"`, Conditions{Affine: true}, 2, Set(0).With(2), false},
		"what was seen before":      {"NTLM", Conditions{Affine: true, Seen: Set(0).With(1).With(2)}, 1, Set(0).With(1).With(2), false},
		"NTLM on a shared one":      {"NTLM", Conditions{Affine: true, Multiplexed: true}, 1, Set(0).With(1), true},
		"Negotiate on a shared one": {"Negotiate", Conditions{Affine: true, Multiplexed: true}, 0, Set(0).With(0), false},
	} {
		ch := Choose(p, list, header.ParseChallenges(row.offers), row.c)
		if ch.Index != row.index || ch.Seen != row.seen || ch.HTTP11 != row.http11 {
			t.Errorf("%s: %d, seen %b, HTTP/1.1 %t, want %d, %b, %t: %v", name, ch.Index, ch.Seen, ch.HTTP11, row.index, row.seen, row.http11, ch.Fault)
		}
	}
}

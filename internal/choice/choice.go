// Package choice selects the scheme that answers a challenge, as a [scheme.Policy] says.
package choice

import (
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// Permits reports whether the policy's lists allow the scheme.
func Permits(p *scheme.Policy, name string) bool {
	return !contains(p.Deny, name) && (len(p.Allow) == 0 || contains(p.Allow, name))
}

// Sort returns clients in the order in which they are tried: those of Order first, then
// by strength, strongest first; equal ones keep their order. The result is a new slice.
func Sort(p *scheme.Policy, clients []scheme.Client) []scheme.Client {
	out := make([]scheme.Client, 0, len(clients))
	for _, c := range clients { // insertion sort: stable, and the lists are short
		i := len(out)
		for i > 0 && before(p, c.Traits(), out[i-1].Traits()) {
			i--
		}
		out = append(out, nil)
		copy(out[i+1:], out[i:])
		out[i] = c
	}
	return out
}

func before(p *scheme.Policy, a, b scheme.Traits) bool {
	ra, rb := rank(p.Order, a.Name), rank(p.Order, b.Name)
	if ra != rb {
		return ra < rb
	}
	if a.Strength != b.Strength {
		return a.Strength > b.Strength
	}
	return a.Opening == scheme.OpeningToken && b.Opening != scheme.OpeningToken // Nego2 when offered, else Negotiate: N2HT-2.2.3-5, N2HT-2.2.3-6
}

func rank(order []string, name string) int {
	for i, o := range order {
		if ascii.EqualFold(o, name) {
			return i
		}
	}
	return len(order)
}

func contains(list []string, name string) bool { return rank(list, name) < len(list) }

// Set is a set of schemes by their index in a sorted list of at most [MaxSchemes].
type Set uint16

// MaxSchemes bounds the schemes of one side.
const MaxSchemes = 16

// Has reports whether index i is in s.
func (s Set) Has(i int) bool { return s>>i&1 == 1 }

// With returns s with index i.
func (s Set) With(i int) Set { return s | 1<<i }

// Conditions are the circumstances of one choice.
type Conditions struct {
	Side gss.Side
	// Secure tells that there is TLS below, up to the peer that authenticates.
	Secure bool
	// Multiplexed is that of the request.
	Multiplexed bool
	// Affine tells that a connection-bound context would be this client's alone. It is
	// false behind a forwarding proxy that did not send Proxy-Support (RFC 4559 section
	// 6).
	Affine bool
	// ExplicitProxy tells that the proxy was configured by hand.
	ExplicitProxy bool
	// Tried holds the schemes that are over in this exchange. Declined holds those of
	// them that had no credentials: a downgrade below them is none.
	Tried, Declined Set
	// Seen holds the schemes that an earlier challenge of this exchange offered.
	Seen Set
}

// Result is the outcome of [Choose].
type Result struct {
	// Index is the chosen scheme in the sorted list, -1 if there is none.
	Index int
	// Seen is [Conditions].Seen for the next choice.
	Seen Set
	// HTTP11 tells that the scheme needs a connection of its own, and that this one is
	// multiplexed.
	HTTP11 bool
	// Fault says why no scheme was chosen, and Passed why each that is offered, and was not
	// tried, is passed over.
	Fault  gss.Fault
	Passed string
}

// Choose selects the first of the sorted clients that is offered and may run (RFC 7616
// section 5.6). The order of the challenges does not count: servers send NTLM before
// Negotiate, and MD5 before SHA-256.
//
// A scheme that was offered in this exchange and is passed over, because it failed,
// because a condition forbids it, or because it is no longer offered, bars every weaker
// one unless Policy.Fallback is set: otherwise an attacker that makes the strong scheme
// fail could force the weak one. Schemes that the policy's lists leave out, and those
// without credentials, bar nothing.
func Choose(p *scheme.Policy, clients []scheme.Client, offers header.Challenges, c Conditions) Result {
	ch := Result{Index: -1, Seen: c.Seen}
	var lost scheme.Strength // the strongest that was passed over (HTA-13)
	var weaker string        // the first that would have run without a stronger one
	for i, client := range clients {
		t := client.Traits()
		if !Permits(p, t.Name) || c.Side == gss.Proxy && t.OriginOnly {
			continue
		}
		now := offered(offers, t)
		if !now && !c.Seen.Has(i) || c.Declined.Has(i) {
			continue
		}
		ch.Seen = ch.Seen.With(i)
		if ch.Index >= 0 {
			continue
		}
		bar := barred(p, t, c)
		switch {
		case !now || c.Tried.Has(i):
			bar = gss.Fault{Code: gss.NotPermitted, Detail: t.Name + " was offered and did not succeed; a weaker scheme is tried only with Policy.Fallback"}
		case bar.IsZero() && (p.Fallback || lost <= t.Strength):
			ch.Index, ch.HTTP11, ch.Fault = i, c.Multiplexed && t.Affinity == scheme.PerConnection, gss.Fault{}
			continue
		case bar.IsZero():
			if weaker == "" {
				weaker = t.Name
			}
			continue
		}
		if t.Strength >= lost {
			lost, ch.Fault = t.Strength, bar
		}
	}
	if ch.Index >= 0 {
		return ch
	}
	all := reasons(p, clients, offers, c)
	ch.Passed = join(all, c.Tried)
	switch {
	case ch.Fault.IsZero():
		ch.Fault = gss.Fault{Code: all[0].code, Detail: join(all, 0)}
	case weaker != "" && !strings.Contains(ch.Fault.Detail, "Policy.Fallback"):
		ch.Fault.Detail += "; " + weaker + " is weaker, and tried only with Policy.Fallback"
	}
	return ch
}

// reason is why one scheme cannot be used.
type reason struct {
	index  int // of the scheme, MaxSchemes if it is not configured
	code   gss.Code
	detail string
}

// join joins the reasons of the schemes that are not in a set.
func join(all []reason, but Set) string {
	var b strings.Builder
	for _, r := range all {
		if but.Has(r.index) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(r.detail)
	}
	return b.String()
}

// reasons says why no scheme could be chosen (HTA-31, LEG-1): for each one that is offered what
// keeps it from running. There is at least one reason. Only names that are registered or
// configured here are shown.
func reasons(p *scheme.Policy, clients []scheme.Client, offers header.Challenges, c Conditions) []reason {
	var all []reason
	configured := func(name string) bool {
		return slices.ContainsFunc(clients, func(s scheme.Client) bool { return ascii.EqualFold(s.Traits().Name, name) })
	}
	for i, client := range clients {
		t := client.Traits()
		flaw, mentioned := flawOf(offers, t)
		bar := barred(p, t, c)
		r := reason{index: i, code: gss.Unsupported}
		switch {
		case !mentioned && !c.Seen.Has(i):
			continue
		case !Permits(p, t.Name):
			r.detail = t.Name + " is offered, but Policy.Allow or Policy.Deny leaves it out"
		case c.Side == gss.Proxy && t.OriginOnly:
			r.detail = t.Name + " is offered, but never answers a proxy"
		case flaw != "":
			r.code, r.detail = gss.Malformed, t.Name+" is offered, but its challenge is not readable: "+flaw
		case c.Declined.Has(i):
			r.code, r.detail = gss.NoCredentials, t.Name+" is offered, but there are no credentials for it"
		case c.Tried.Has(i):
			r.code, r.detail = gss.NotPermitted, t.Name+" was offered and did not succeed"
		case !mentioned:
			r.code, r.detail = gss.NotPermitted, t.Name+" was offered before, and is not any more"
		case !bar.IsZero():
			r.code, r.detail = bar.Code, bar.Detail
		default:
			r.code, r.detail = gss.NotPermitted, t.Name+" is weaker, and tried only with Policy.Fallback"
		}
		all = append(all, r)
	}
	say := func(code gss.Code, detail string) { all = append(all, reason{MaxSchemes, code, detail}) }
	for _, name := range [...]string{scheme.Negotiate, scheme.Nego2, scheme.NTLM, scheme.Digest, scheme.Basic} {
		t, _ := scheme.TraitsOf(name)
		if _, mentioned := flawOf(offers, t); mentioned && !configured(name) {
			say(gss.Unsupported, name+" is offered, but not configured here")
		}
	}
	var others Set // of registered, and behind them what is not in it
	for o := range offers.All() {
		if name := o.Scheme(); name != "" && !configured(name) && !isOurs(name) {
			others = others.With(rank(registered[:], name))
		}
	}
	for i, name := range registered {
		if others.Has(i) {
			say(gss.Unsupported, name+" is offered, but not implemented here")
		}
	}
	if others.Has(len(registered)) {
		say(gss.Unsupported, "a scheme is offered whose name is not registered")
	}
	if flaw := offers.Flaw(""); flaw != "" {
		say(gss.Malformed, "a challenge is not readable: "+flaw)
	}
	_, cut := offers.Written()
	switch {
	case cut:
		say(gss.Malformed, "the challenges are longer than 131072 bytes, which is as much as is read")
	case len(all) == 0 && offers.Empty():
		say(gss.Unsupported, "credentials are asked for, but no scheme is offered")
	case len(all) == 0: // behind the first 32 challenges
		say(gss.Unsupported, "no scheme that is offered is configured here")
	}
	return all
}

// registered are the names in IANA's registry of schemes (RFC 9110 section 16.4.1) that this project does not implement.
var registered = [...]string{
	"Bearer", "Concealed", "DPoP", "GNAP", "HOBA", "Mutual", "OAuth", "PrivateToken", "SCRAM-SHA-1", "SCRAM-SHA-256", "vapid",
}

func isOurs(name string) bool {
	_, ok := scheme.TraitsOf(name)
	return ok
}

// flawOf reports whether the offers mention a scheme, and what is wrong with its
// challenge, "" if it is [offered]. The text holds nothing of the peer.
func flawOf(offers header.Challenges, t scheme.Traits) (flaw string, mentioned bool) {
	if offered(offers, t) {
		return "", true
	}
	for c := range offers.Of(t.Name) {
		if c.Form() == header.Token68 {
			return "its token is not base64", true
		}
		return offers.Flaw(t.Name), true
	}
	if offers.Beyond(t.Name) {
		return "it is behind the first 32 challenges, and no more are read", true
	}
	return "", false
}

// barred returns the condition that forbids a scheme, if one does.
func barred(p *scheme.Policy, t scheme.Traits, c Conditions) gss.Fault {
	for _, rule := range [...]struct {
		bars bool
		why  string
	}{
		{t.Cleartext && !c.Secure && !p.Cleartext,
			" shows its credentials to the network and there is no TLS: use https, or Policy.Cleartext"},
		{t.Affinity != scheme.PerRequest && !c.Affine, // R4559-6-7
			" needs a connection of its own, and the proxy did not say Proxy-Support: Session-Based-Authentication"},
		{c.Side == gss.Proxy && t.ExplicitProxyOnly && !c.ExplicitProxy && !p.AnyProxy, // R4559-6-4
			" answers only a proxy that was configured by hand, or any with Policy.AnyProxy"},
	} {
		if rule.bars {
			return gss.Fault{Code: gss.NotPermitted, Detail: t.Name + rule.why}
		}
	}
	return gss.Fault{}
}

// offered reports whether there is a usable challenge of the scheme. A malformed one
// counts as none, and so does a token that is not base64 if the scheme opens with a
// token.
func offered(offers header.Challenges, t scheme.Traits) bool {
	for c := range offers.Of(t.Name) {
		switch c.Form() {
		case header.Malformed:
		case header.Token68:
			if _, ok := c.Token(); ok || t.Affinity == scheme.PerRequest {
				return true
			}
		default:
			return true
		}
	}
	return false
}

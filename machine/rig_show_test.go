package machine

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

var inAngles = regexp.MustCompile(`<([^>]*)>`)

// fieldsOf reads field lines; <text> stands for its base64.
func fieldsOf(lines []string) func(string) []string {
	fields := map[string][]string{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		value = inAngles.ReplaceAllStringFunc(value, func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(s[1 : len(s)-1]))
		})
		fields[strings.ToLower(name)] = append(fields[strings.ToLower(name)], strings.Trim(value, " "))
	}
	return func(name string) []string { return fields[strings.ToLower(name)] }
}

// drawn are parameters with values that come from entropy: they are shown by name.
var drawn = []string{"nonce", "nextnonce", "cnonce", "opaque", "response", "rspauth"}

// param shows an auth-param.
func (r *rig) param(p header.Param) string {
	if slices.Contains(drawn, p.Name) {
		return p.Name + "=" + r.nameOf(p.Name, p.Value)
	}
	return p.Name + "=" + p.Value
}

// nameOf is a short name for a long value: the first nonce is #nonce1.
func (r *rig) nameOf(kind, value string) string {
	kind = strings.TrimPrefix(kind, "next")
	if _, ok := r.names[value]; !ok {
		r.counts[kind]++
		r.names[value] = "#" + kind + strconv.Itoa(r.counts[kind])
	}
	return r.names[value]
}

func (r *rig) challenge(c header.Challenge) string {
	switch c.Form() {
	case header.Token68:
		t, _ := c.Token()
		return c.Scheme() + " " + angles(t)
	case header.Params:
		s := c.Scheme()
		for p := range c.Params() {
			s += " " + r.param(p)
		}
		return s
	case header.Malformed:
		return c.Scheme() + " malformed"
	}
	return c.Scheme()
}

// angles shows a token: its text, of NTLM's messages what they are.
func angles(token string) string {
	if m, fault := ntlmssp.ParseNegotiate(token); fault.IsZero() {
		return fmt.Sprintf("<NEGOTIATE, %d bytes, key exchange %t>", len(token), m.Flags.Has(ntlmssp.FlagKeyExchange))
	}
	if m, fault := ntlmssp.ParseChallenge(token); fault.IsZero() {
		name, _ := m.Flags.Text(m.TargetName)
		return "<CHALLENGE of " + name + ">"
	}
	if m, fault := ntlmssp.ParseAuthenticate(token); fault.IsZero() {
		user, _ := m.Flags.Text(m.User)
		s := "<AUTHENTICATE of " + user
		if v2, fault := ntlmssp.ParseResponse(m.NT); fault.IsZero() {
			b, aware := v2.Pairs.Get(ntlmssp.AVChannelBindings)
			s += ", v2" + opt(v2.Pairs.Flags()&ntlmssp.AVFlagMIC != 0, "MIC") + opt(aware && strings.Trim(b, "\x00") != "", "bound")
		}
		return s + ">"
	}
	for i := range len(token) {
		if token[i] < 0x20 || token[i] > 0x7e {
			return fmt.Sprintf("<%x>", token)
		}
	}
	return "<" + token + ">"
}

func (r *rig) credentials(c header.Credentials) string {
	switch c.Form() {
	case header.Token68:
		t, _ := c.Token()
		return c.Scheme() + " " + angles(t)
	case header.Params:
		s := c.Scheme()
		for p := range c.Params() {
			s += " " + r.param(p)
		}
		return s
	}
	return c.Scheme() + " " + c.Form().String()
}

func (r *rig) info(i header.Info) string {
	var s []string
	for p := range i.Params() {
		s = append(s, r.param(p))
	}
	return strings.Join(s, " ")
}

func showQuestion(q gss.Question) string {
	switch q := q.(type) {
	case gss.NeedCredential:
		s := fmt.Sprintf("credential for %s", q.Side)
		if q.Scheme != "" {
			s += " scheme=" + q.Scheme
		}
		if q.Mech != "" {
			s += " mech=" + mechName(q.Mech)
		}
		if q.Realm != "" {
			s += " realm=" + q.Realm
		}
		s += fmt.Sprintf(" at %s://%s:%d", q.Target.Scheme, q.Target.Host, q.Target.Port)
		if q.Target.Identity != "" {
			s += " identity=" + q.Target.Identity
		}
		if q.Attempt > 0 || q.Rejected {
			s += fmt.Sprintf(" attempt=%d rejected=%t", q.Attempt, q.Rejected)
		}
		return s
	case gss.NeedVerifier:
		return fmt.Sprintf("verifier of %s for %s", q.User, q.Scheme)
	case gss.NeedVerdict:
		return fmt.Sprintf("verdict on %s", q.User)
	case gss.NeedReplayCheck:
		return fmt.Sprintf("first seen, count %d", q.Sequence)
	}
	return fmt.Sprintf("%T", q)
}

func showAnswer(a gss.Answer) string {
	switch a := a.(type) {
	case gss.Password:
		if a.User != "" {
			return "password of " + a.User
		}
		return "password"
	case gss.ReplayVerdict:
		return fmt.Sprint(a.First)
	case gss.Verdict:
		return fmt.Sprint(a.Accepted)
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", a), "gss."))
}

func mechName(m gss.OID) string {
	if m == gsstoy.OID {
		return "toy"
	}
	return m.String()
}

func showInfo(i gss.Info) string {
	s := ""
	if i.Mech != "" {
		s += " mech=" + mechName(i.Mech)
	}
	if i.Peer != "" {
		s += " peer=" + i.Peer
	}
	if i.Flags.Has(gss.Mutual) {
		s += " mutual"
	}
	if i.Unproven {
		s += " unproven"
	}
	if i.Flags.Has(gss.ChannelBound) {
		s += " channel-bound"
	}
	return s
}

func (r *rig) showFacts(name string, f Facts) string {
	if f.At == 0 {
		return ""
	}
	s := " " + name + "{"
	var parts []string
	if f.Scheme != "" {
		parts = append(parts, f.Scheme)
	}
	if f.Memory.Offer.Form() == header.Params {
		if n, ok := f.Memory.Offer.Param("nonce"); ok {
			parts = append(parts, r.nameOf("nonce", n), fmt.Sprintf("count=%d", f.Memory.Count))
		}
	}
	if f.Memory.Scope != "" {
		parts = append(parts, "scope="+f.Memory.Scope)
	}
	if f.Forget {
		parts = append(parts, "forget")
	}
	switch f.Session {
	case Supported:
		parts = append(parts, "session")
	case Unsupported:
		parts = append(parts, "no-session")
	}
	return s + strings.Join(parts, " ") + "}"
}

func (r *rig) showActions(who string, acts Actions) {
	if acts.Len() == 0 {
		r.printf("%s: nothing\n", who)
	}
	for a := range acts.All() {
		r.printf("%s: %s\n", who, r.show(a))
	}
}

func opt(on bool, name string) string {
	if on {
		return " " + name
	}
	return ""
}

func showFault(f gss.Fault) string {
	if f.IsZero() {
		return ""
	}
	return fmt.Sprintf(" [%v]", f.Code)
}

func (r *rig) show(a Action) string {
	switch a := a.(type) {
	case Send:
		s := "send" + opt(a.Probe, "probe") + [...]string{"", " body=whole", " body=expect"}[a.Body] + opt(a.Pinned, "pinned") + opt(a.AfterHandshake, "after-handshake")
		if a.ProxyAuthorization.Present() {
			s += "\n  Proxy-Authorization: " + r.credentials(a.ProxyAuthorization)
		}
		if a.Authorization.Present() {
			s += "\n  Authorization: " + r.credentials(a.Authorization)
		}
		return s
	case Deliver:
		return "deliver" + opt(a.Authenticated, "authenticated") + showInfo(a.Info) + r.showFacts("learn", a.OriginFacts) + r.showFacts("learn-proxy", a.ProxyFacts)
	case Ask:
		return fmt.Sprintf("ask %d: %s", a.ID, showQuestion(a.Question))
	case Reply:
		s := fmt.Sprintf("reply %d", a.Status) + opt(a.Close, "close") + showFault(a.Fault)
		if a.RetryAfter != 0 {
			s += fmt.Sprintf(" retry-after=%d", a.RetryAfter)
		}
		for _, l := range r.challengeLines(a.Side, a.Challenges) {
			s += "\n  " + l
		}
		return s
	case Accept:
		if a.Anonymous {
			return "accept anonymous"
		}
		return "accept " + a.Scheme + showInfo(a.Info)
	case Finish:
		s := "finish" + opt(a.Close, "close")
		for _, l := range r.finishLines(gss.Origin, a) {
			s += "\n  " + l
		}
		return s
	case Forward:
		return "forward " + [...]string{"shared", "fresh", "same", "tunnel"}[a.Pin] + showInfo(a.Info)
	case Relay:
		s := "relay" + opt(a.SessionBased, "session-based") + opt(a.Keep, "keep") + opt(a.Strip, "strip") + opt(a.Close, "close")
		for _, l := range r.finishLines(gss.Proxy, Finish{Challenges: a.Challenges, Info: a.Info}) {
			s += "\n  " + l
		}
		return s
	case Reopen:
		return "reopen" + opt(a.HTTP11, "http/1.1") + r.showFacts("learn", a.OriginFacts) + r.showFacts("learn-proxy", a.ProxyFacts)
	case Retire:
		return "retire" + opt(a.End == Upstream, "upstream")
	case Fail:
		s := fmt.Sprintf("fail %s%s", a.Side, showFault(a.Fault))
		if a.Tried != "" {
			s += " tried=" + strings.ReplaceAll(a.Tried, ", ", "+")
		}
		return s + r.showFacts("learn", a.OriginFacts) + r.showFacts("learn-proxy", a.ProxyFacts)
	}
	return fmt.Sprintf("%T", a)
}

func (r *rig) challengeLines(side gss.Side, cs header.Challenges) []string {
	name := header.WWWAuthenticate
	if side == gss.Proxy {
		name = header.ProxyAuthenticate
	}
	var lines []string
	for c := range cs.All() {
		lines = append(lines, name+": "+r.challenge(c))
	}
	return lines
}

func (r *rig) finishLines(side gss.Side, f Finish) []string {
	lines := r.challengeLines(side, f.Challenges)
	if f.Info.Present() {
		name := header.AuthenticationInfo
		if side == gss.Proxy {
			name = header.ProxyAuthenticationInfo
		}
		lines = append(lines, name+": "+r.info(f.Info))
	}
	if v := f.PersistentAuth.Text(); v != "" {
		lines = append(lines, header.PersistentAuthField+": "+v)
	}
	return lines
}

// state shows the whole of a client's connection, fields of MS-N2HT included.
func (r *rig) state() {
	if r.newClient != (Client{}) {
		r.printf("%v\n", r.client)
	}
	if r.newServer != (Server{}) {
		r.printf("%v\n", r.server)
	}
	if r.newProxy != (Proxy{}) {
		r.printf("%v\n", r.proxy)
	}
}

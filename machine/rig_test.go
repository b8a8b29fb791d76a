package machine

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// rig is a small world of machines that checks the laws at every step and writes
// down, in readable form, what was said. It plays the driver.
type rig struct {
	t    testing.TB
	out  strings.Builder
	now  int64
	seed uint64
	dry  bool // no entropy

	user     string // the client's login, "" declines
	password string
	users    map[string]string // the server's user store
	handler  map[string]int    // by path; 200 where it says nothing
	closes   int               // how many 401s from now on close their connection
	memory   string            // of used nonces: "", "young" or "away"
	seen     map[string]gss.Window
	names    map[string]string // of long random values, in order of appearance
	counts   map[string]int

	newClient Client
	newServer Server
	newProxy  Proxy
	proxied   bool
	scheme    string // of the proxy

	client Client // driven by hand
	server Server
	proxy  Proxy
	resume Resume
	open   gss.Question

	spaces map[string]Space
	conns  map[string]*conn
	ups    int // upstream connections made
	pool   *upstream
}

// conn is a client's connection with what stands behind it.
type conn struct {
	name   string
	client Client
	server Server    // direct
	proxy  Proxy     // or this
	pinned *upstream // which keeps one for this client
}

// upstream is a proxy's connection to the origin.
type upstream struct {
	name   string
	server Server
}

func newRig(t testing.TB) *rig {
	return &rig{
		t: t, now: 1e9, user: "alice", password: "secret", scheme: "http",
		users: map[string]string{"alice": "secret", "bob": "builder"}, handler: map[string]int{},
		seen: map[string]gss.Window{}, names: map[string]string{}, counts: map[string]int{},
		spaces: map[string]Space{}, conns: map[string]*conn{},
	}
}

func (r *rig) printf(format string, args ...any) { fmt.Fprintf(&r.out, format, args...) }

func (r *rig) env() gss.Env {
	r.now += 1e9
	r.seed++
	e := gss.Env{Now: r.now}
	if !r.dry {
		binary.BigEndian.PutUint64(e.Seed[:], r.seed)
	}
	return e
}

// step is one step of m with the laws checked: pure (L1), comparable (L2), the old
// value as it was, an error only with the old value (L3).
func step[M Machine[M]](r *rig, m M, e Event) (M, Actions, error) {
	r.t.Helper()
	env, old := r.env(), m
	next, acts, err := m.Step(env, e)
	again, acts2, err2 := m.Step(env, e)
	switch {
	case next != again || acts != acts2 || err != err2:
		r.t.Fatalf("%T: one step gave two results", e)
	case m != old:
		r.t.Fatalf("%T: the step changed the old machine", e)
	case !reflect.ValueOf(next).Comparable() || !reflect.ValueOf(acts).Comparable():
		r.t.Fatalf("%T: not comparable", e)
	case err != nil && (next != old || acts != Actions{}):
		r.t.Fatalf("%T: an error and a change", e)
	}
	if err != nil {
		if _, ok := err.(gss.Misuse); !ok {
			r.t.Fatalf("%T: error %v is no misuse", e, err)
		}
	}
	return next, acts, err
}

// must is step where misuse is a bug of the rig or of a machine.
func must[M Machine[M]](r *rig, m M, e Event) (M, Actions) {
	r.t.Helper()
	next, acts, err := step(r, m, e)
	if err != nil {
		r.t.Fatalf("%T: %v\nso far:\n%s", e, err, r.out.String())
	}
	return next, acts
}

// settle steps m and answers what it asks.
func settle[M Machine[M]](r *rig, who string, m M, e Event) (M, Actions) {
	r.t.Helper()
	for range 20 {
		var acts Actions
		m, acts = must(r, m, e)
		ask, ok := acts.At(0).(Ask)
		if !ok {
			return m, acts
		}
		answer := r.answer(ask.Question)
		r.printf("%s? %s -> %s\n", who, showQuestion(ask.Question), showAnswer(answer))
		e = Answered{ask.ID, answer}
	}
	r.t.Fatal("the questions do not end")
	return m, Actions{}
}

func (r *rig) answer(q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedCredential:
		if r.user == "" {
			return gss.Declined{}
		}
		return gss.Password{User: r.user, Password: gss.NewSecret(r.password)}
	case gss.NeedVerifier:
		if p, ok := r.users[q.User]; ok {
			return gss.Password{Password: gss.NewSecret(p)}
		}
		return gss.Unknown{}
	case gss.NeedVerdict:
		p, ok := r.users[q.User]
		return gss.Verdict{Accepted: ok && p == q.Proof.Reveal()}
	case gss.NeedReplayCheck:
		switch r.memory {
		case "young":
			return gss.ReplayVerdict{First: true, Since: r.now}
		case "away":
			return gss.Unreachable{}
		}
		next, first := r.seen[q.Key].Admit(max(q.Sequence, 1))
		r.seen[q.Key] = next
		return gss.ReplayVerdict{First: first}
	}
	return gss.Declined{}
}

// --- what is configured

// schemeOf reads a scheme's description, "Negotiate:legs=2,final,as=NTLM", and gives
// both of its halves.
func (r *rig) schemeOf(spec string) (scheme.Client, scheme.Server) {
	name, opts, _ := strings.Cut(spec, ":")
	traits, ok := scheme.TraitsOf(name)
	if !ok {
		r.t.Fatalf("unknown scheme %q", name)
	}
	toy := gsstoy.Toy{Legs: 1, Identity: "alice", Secret: gss.NewSecret("secret")}
	switch traits.Name {
	case scheme.NTLM:
		toy.Legs, toy.Bound, toy.OID = 2, true, gss.NTLM
	case scheme.Nego2:
		toy.OpensWithToken = true
	}
	real, nc, ns := false, ntlm.Config{}, ntlm.Config{Computer: "WWW", Domain: "LAB"} // NTLM itself, in place of the toy
	realm, check := "r", scheme.AskVerifier
	dc, ds := digest.ClientConfig{}, digest.ServerConfig{Realm: realm, Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}}
	for o := range strings.SplitSeq(opts, ",") {
		key, value, _ := strings.Cut(o, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "":
		case "legs":
			toy.Legs = uint8(n)
		case "final":
			toy.Final = true
		case "mutual":
			toy.Mutual = true
		case "bound":
			toy.Bound = true
		case "asks":
			toy.Asks = true
		case "refuses":
			toy.Refuses = true
		case "early":
			toy.Early = true
		case "fresh":
			toy.Fresh = true
		case "lasts":
			toy.Lasts = int64(n) * 1e9
		case "as":
			toy.OID = map[string]gss.OID{"NTLM": gss.NTLM, "Kerberos": gss.Kerberos, "toy": ""}[value]
		case "user":
			toy.Identity = value
		case "secret":
			toy.Secret = gss.NewSecret(value)
		case "realm":
			realm, ds.Realm = value, value
		case "verdict":
			check = scheme.AskVerdict
		case "md5":
			ds.Algorithms = []digest.Algorithm{digest.MD5}
		case "proof":
			dc.RequireProof = true
		case "real":
			real = true
		case "v1":
			nc.Level, ns.Level = ntlm.V1, ntlm.V1
		case "mic":
			ns.RequireMIC = true
		case "binding":
			nc.ChannelBinding, ns.ChannelBinding = gss.Require, gss.Require
		case "unbound":
			nc.ChannelBinding = gss.Ignore
		default:
			r.t.Fatalf("unknown option %q of %s", o, name)
		}
	}
	switch traits.Name {
	case scheme.Digest:
		c, err := digest.NewClient(dc)
		if err != nil {
			r.t.Fatal(err)
		}
		s, err := digest.NewServer(ds)
		if err != nil {
			r.t.Fatal(err)
		}
		return c, s
	case scheme.Basic:
		return scheme.BasicClient(), scheme.BasicServer(realm, check)
	}
	if real {
		c, err := ntlm.New(nc)
		if err != nil {
			r.t.Fatal(err)
		}
		s, err := ntlm.New(ns)
		if err != nil {
			r.t.Fatal(err)
		}
		return scheme.MechanismClient(traits, c), scheme.MechanismServer(traits, s)
	}
	return scheme.MechanismClient(traits, toy), scheme.MechanismServer(traits, toy)
}

// isScheme tells a scheme's description from an option.
func isScheme(word string) bool {
	name, _, _ := strings.Cut(word, ":")
	_, ok := scheme.TraitsOf(name)
	return ok
}

func (r *rig) configure(role string, words []string) error {
	var cc ClientConfig
	var sc ServerConfig
	var pc ProxyConfig
	for _, w := range words {
		if isScheme(w) {
			c, s := r.schemeOf(w)
			cc.Schemes, sc.Schemes = append(cc.Schemes, c), append(sc.Schemes, s)
			continue
		}
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.Atoi(value)
		list := strings.Split(value, "+")
		switch key {
		case "fallback":
			cc.Policy.Fallback = true
		case "cleartext":
			cc.Policy.Cleartext = true
		case "any-proxy":
			cc.Policy.AnyProxy = true
		case "accept-hint":
			cc.Policy.AcceptHint = true
		case "order":
			cc.Policy.Order = list
		case "allow":
			cc.Policy.Allow = list
		case "deny":
			cc.Policy.Deny = list
		case "mutual":
			cc.Mutual = map[string]Mutual{"required": MutualRequired, "if-offered": MutualIfOffered}[value]
		case "strict-proxy":
			cc.StrictProxy = true
		case "bodies":
			cc.Bodies = map[string]BodyPolicy{"when-ready": WhenReady, "strict": Strict, "optimistic": Optimistic}[value]
		case "max-legs":
			cc.MaxLegs, sc.MaxLegs = uint8(n), uint8(n)
		case "max-attempts":
			cc.MaxAttempts = uint8(n)
		case "max-reconnects":
			cc.MaxReconnects = uint8(n)
		case "optional":
			sc.Optional = true
		case "keep":
			sc.Keep = map[string]Keep{"bound": KeepByMechanism, "always": KeepAlways, "never": KeepNever}[value]
		case "pinned-front":
			sc.PinnedFront = true
		case "reverse":
			pc.Reverse = true
		case "strip":
			pc.Strip = true
		case "chain":
			pc.Chain = true
		case "tls":
			r.scheme = "https"
		default:
			r.t.Fatalf("unknown option %q", w)
		}
	}
	pc.Auth = sc
	var err error
	switch role {
	case "client":
		r.newClient, err = NewClient(cc)
		r.client = r.newClient
	case "server":
		r.newServer, err = NewServer(sc)
		r.server = r.newServer
	case "proxy":
		r.newProxy, err = NewProxy(pc)
		r.proxy, r.proxied = r.newProxy, true
	default:
		r.t.Fatalf("unknown role %q", role)
	}
	return err
}

// --- requests in words

// order is a request as a script writes it, "POST http://www.example/x body=once".
type order struct {
	begin  Begin
	shared bool // received: from a shared front
	via    bool // received: with a Via field
}

func (r *rig) orderOf(words []string) order {
	var o order
	q := &o.begin.Request
	q.Method = words[0]
	q.Scheme, q.Port = "http", 80
	rest := words[1]
	if s, after, ok := strings.Cut(rest, "://"); ok {
		q.Scheme, rest = s, after
	}
	if q.Scheme == "https" {
		q.Port = 443
	}
	q.Host, q.URI = rest, "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		q.Host, q.URI = rest[:i], rest[i:]
	}
	if host, port, ok := strings.Cut(q.Host, ":"); ok {
		n, _ := strconv.Atoi(port)
		q.Host, q.Port = host, uint16(n)
	}
	if q.Host == "" {
		q.Host = "www.example"
	}
	if q.Method == "CONNECT" {
		q.Scheme, q.URI = "https", rest
	}
	q.Binding = gss.NoBinding()
	if q.Scheme == "https" && q.Method != "CONNECT" {
		q.Binding = gss.BindingOf("tls-server-end-point:" + q.Host)
	}
	v := &o.begin.Route
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "body":
			o.begin.Body = map[string]Body{"none": NoBody, "replayable": Replayable, "once": Once}[value]
		case "forwarded":
			*v = Route{Forwarded, r.scheme, "proxy.example", 3128, true}
		case "tunneling":
			*v = Route{Tunneling, r.scheme, "proxy.example", 3128, true}
		case "transparent":
			*v = Route{Forwarded, r.scheme, "proxy.example", 3128, false}
		case "identity":
			o.begin.Identity = value
		case "h2":
			q.Multiplexed = true
		case "early":
			q.EarlyData = true
		case "lease":
			o.begin.Lease.Scheme = value
		case "proxy-lease":
			o.begin.ProxyLease.Scheme = value
		case "session":
			o.begin.Lease.SessionBased = true
		case "resume":
			o.begin.Resume = r.resume
		case "shared":
			o.shared = true
		case "via":
			o.via = true
		default:
			r.t.Fatalf("unknown option %q of a request", w)
		}
	}
	return o
}

// --- fields in words

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

// --- actions in words

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

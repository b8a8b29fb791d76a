package machine

import (
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

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
			cc.MutualIfOffered = value == "if-offered"
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

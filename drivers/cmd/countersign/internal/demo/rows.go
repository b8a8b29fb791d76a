package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// row is one thing to show: who plays, what is asked, and what must come of it.
type row struct {
	name, scheme, role string
	about              string // one sentence
	origin             []scheme.Server
	proxy              []scheme.Server // nil: there is none; open: it asks nobody
	client             []scheme.Client
	tls                bool
	cleartext          bool // the client's policy lets Basic run without TLS
	wrong              bool // the client has wrong passwords
	intercepted        bool // somebody else's certificate stands between client and origin
	anonymous          bool // the client has no credentials at all
	requests           []request
	more               answer.Source // answers what else the two sides ask, nil for nothing
	// saw tells a further fact that the messages show, to be part of what the row
	// comes to.
	saw func([]message) string
	// want is what must come of it: the statuses that the client got and what it
	// came to, for each request, and what saw says.
	want string
}

// request is one request of the client.
type request struct {
	path string
	body int // bytes; with a body it is a POST
}

var once = []request{{path: "/"}}

// open is a proxy that does not authenticate its clients.
var open = []scheme.Server{nil}

// rows are made anew for each run: servers have keys.
func rows() []*row {
	basic := scheme.BasicServer("demo", scheme.AskVerdict)
	all := []scheme.Client{must(digest.NewClient(digest.ClientConfig{})), scheme.BasicClient()}
	var out []*row
	add := func(r row) {
		if r.requests == nil {
			r.requests = once
		}
		if r.client == nil {
			r.client = all
		}
		out = append(out, &r)
	}
	add(row{
		name: "Basic over TLS", scheme: "Basic", role: "origin",
		about:  "The password goes over the wire as it is, so the client sends it over TLS only.",
		origin: []scheme.Server{basic}, tls: true,
		want: "401 200 alice via Basic",
	})
	add(row{
		name: "Basic without TLS", scheme: "Basic", role: "origin",
		about:  "Without TLS the client's policy forbids Basic, and no password leaves it.",
		origin: []scheme.Server{basic}, saw: sentNothing,
		want: "401 not permitted by policy; no credentials sent",
	})
	for _, a := range usable(digest.MD5, digest.SHA256, digest.SHA512_256, digest.MD5Sess, digest.SHA256Sess) {
		add(row{
			name: "Digest " + a.String(), scheme: "Digest", role: "origin",
			about:  "Each side proves that it knows the password, and neither shows it.",
			origin: digestServers(digest.ServerConfig{Algorithms: []digest.Algorithm{a}}),
			saw:    answered, want: "401 200 alice via Digest; answered by " + a.String(),
		})
	}
	add(row{
		name: "Strongest offer", scheme: "Digest", role: "origin",
		about:  "The server offers several algorithms and Basic; the client takes the strongest whatever the order.",
		origin: append([]scheme.Server{basic}, digestServers(digest.ServerConfig{Algorithms: usable(digest.MD5, digest.SHA256)})...),
		saw:    answered, want: "401 200 alice via Digest; answered by SHA-256",
	})
	add(row{
		name: "Digest auth-int", scheme: "Digest", role: "origin",
		about:    "The hash of the body is part of the proof, in both directions.",
		origin:   digestServers(digest.ServerConfig{QOPs: []digest.QOP{digest.AuthInt}}),
		requests: []request{{path: "/order", body: 100}},
		saw:      parameter("qop"), want: "401 200 alice via Digest; qop auth-int",
	})
	add(row{
		name: "Digest userhash", scheme: "Digest", role: "origin",
		about:  "Not even the user's name goes over the wire, but its hash.",
		origin: digestServers(digest.ServerConfig{UserHash: true}),
		saw:    parameter("userhash"), want: "401 200 alice via Digest; userhash true",
	})
	add(row{
		name: "Digest nonce used again", scheme: "Digest", role: "origin",
		about:    "The second request needs no challenge: it counts the nonce up.",
		origin:   digestServers(digest.ServerConfig{}),
		requests: []request{{path: "/one"}, {path: "/two"}},
		saw:      parameter("nc"), want: "401 200 alice via Digest + 200 alice via Digest; nc 00000002",
	})
	add(row{
		name: "Digest stale nonce", scheme: "Digest", role: "origin",
		about:  "The nonce is an hour old: the server says so, and the client answers anew without asking its user.",
		origin: []scheme.Server{backdated{digestServers(digest.ServerConfig{})[0], 3600e9}},
		saw:    stale, want: "401 401 200 alice via Digest; told stale",
	})
	add(row{
		name: "64 KB POST", scheme: "Digest", role: "origin",
		about:    "The body goes again with the request that is answered, whole.",
		origin:   digestServers(digest.ServerConfig{}),
		requests: []request{{path: "/upload", body: 64 << 10}},
		saw:      lastBody, want: "401 200 alice via Digest; 65536 bytes arrived",
	})
	add(row{
		name: "Wrong password", scheme: "Digest", role: "origin", wrong: true,
		about:  "The server refuses, and the client says why it gives up.",
		origin: digestServers(digest.ServerConfig{}),
		want:   "401 401 refused by the peer",
	})
	add(row{
		name: "Anonymous", scheme: "none", role: "origin",
		about:  "Who has no credentials gets nowhere.",
		origin: digestServers(digest.ServerConfig{}), anonymous: true,
		want: "401 no credentials",
	})
	proxies := digestServers(digest.ServerConfig{})
	add(row{
		name: "Proxy, plain", scheme: "Digest", role: "proxy",
		about:  "The proxy asks with 407 for its own credentials, which end at the proxy.",
		origin: []scheme.Server{basic}, proxy: proxies, cleartext: true,
		saw: consumed, want: "407 401 200 alice via Basic; consumed by the proxy",
	})
	add(row{
		name: "Proxy, CONNECT", scheme: "Digest", role: "proxy",
		about:  "The tunnel is authenticated; what runs inside it is between client and origin.",
		origin: []scheme.Server{basic}, proxy: proxies, tls: true,
		want: "407 200 401 200 alice via Basic",
	})
	add(row{
		name: "Proxy, wrong password", scheme: "Digest", role: "proxy", wrong: true,
		about:  "Nothing reaches the origin.",
		origin: []scheme.Server{basic}, proxy: proxies,
		saw: reached, want: "407 407 refused by the peer; the origin saw 0 requests",
	})
	add(row{
		name: "Both sides at once", scheme: "Digest", role: "proxy and origin",
		about:  "Two authentications with two users travel in one request.",
		origin: digestServers(digest.ServerConfig{}), proxy: proxies,
		saw: consumed, want: "407 401 200 alice via Digest; consumed by the proxy",
	})
	add(row{
		name: "Both sides, CONNECT", scheme: "Digest", role: "proxy and origin",
		about:  "One in front of the tunnel, one inside.",
		origin: digestServers(digest.ServerConfig{}), proxy: proxies, tls: true,
		want: "407 200 401 200 alice via Digest",
	})
	return slices.Concat(out, ntlmRows(), negotiateRows(), kerberosRows(), toyRows())
}

// toyName is the scheme of the toy mechanism.
const toyName = "Toy"

// toyRows show what belongs to a connection, by the mechanism for tests.
func toyRows() []*row {
	traits := scheme.Traits{Name: toyName, Form: header.Token68, First: scheme.FirstBare, Bound: scheme.Connection, Strength: scheme.NTLMStrength}
	toy := gsstoy.Toy{Legs: 3, Final: true, Bound: true, Mutual: true, Identity: originUser, Secret: gss.NewSecret(originPassword)}
	client := []scheme.Client{scheme.FromMechanism(traits, toy)}
	server := []scheme.Server{scheme.ForMechanism(traits, toy)}
	two := []request{{path: "/one"}, {path: "/two"}}
	return []*row{
		{
			name: "Toy handshake", scheme: "Toy (no security)", role: "origin",
			about:  "A mechanism of several legs authenticates the connection; the second request on it needs no credentials.",
			origin: server, client: client, requests: two, saw: credentialsSent,
			want: "401 401 401 200 alice via Toy + 200 alice via Toy; 3 with credentials",
		},
		{
			name: "Toy through a proxy", scheme: "Toy (no security)", role: "origin",
			about:  "The proxy keeps the origin's connection for this client alone, and says so. The origin sees Via, and keeps no identity.",
			origin: server, client: client, proxy: open, requests: once, saw: pinned,
			want: "401 401 401 200 alice via Toy; pinned",
		},
	}
}

// digestServers are one Digest server, with a realm and a key.
func digestServers(c digest.ServerConfig) []scheme.Server {
	c.Realm, c.Keys = "demo", []gss.Secret{key()}
	if c.Algorithms == nil {
		c.Algorithms = []digest.Algorithm{digest.SHA256}
	}
	return []scheme.Server{must(digest.NewServer(c))}
}

// usable are those of the algorithms that FIPS-only mode does not bar.
func usable(as ...digest.Algorithm) []digest.Algorithm {
	return slices.DeleteFunc(as, func(a digest.Algorithm) bool {
		_, err := digest.For(a)
		return err != nil
	})
}

// must is for configurations that are constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// backdated is a server whose first challenges were made some time ago: what a
// client meets that comes back after a pause.
type backdated struct {
	scheme.Server
	ago int64 // nanoseconds
}

// Offer implements [scheme.Server].
func (b backdated) Offer(env gss.Env, x scheme.Exchange) (header.Challenges, gss.Fault) {
	env.Now -= b.ago
	return b.Server.Offer(env, x)
}

func sentNothing(ms []message) string {
	if credentialsSent(ms) != "0 with credentials" {
		return "credentials sent"
	}
	return "no credentials sent"
}

func credentialsSent(ms []message) string {
	n := 0
	for _, m := range ms {
		if m.request.Authorization.Present() {
			n++
		}
	}
	return fmt.Sprintf("%d with credentials", n)
}

// answered tells the algorithm of the last answer.
func answered(ms []message) string {
	return strings.Replace(parameter("algorithm")(ms), "algorithm", "answered by", 1)
}

// parameter tells a parameter of the last credentials.
func parameter(name string) func([]message) string {
	return func(ms []message) string {
		out := "no " + name
		for _, m := range ms {
			if v, ok := m.request.Authorization.Param(name); ok {
				out = name + " " + v
			}
		}
		return out
	}
}

func stale(ms []message) string {
	for _, m := range ms {
		for c := range m.response.WWWAuthenticate.All() {
			if v, _ := c.Param("stale"); header.EqualFold(v, "true") {
				return "told stale"
			}
		}
	}
	return "not told stale"
}

func lastBody(ms []message) string {
	var n int64
	for _, m := range ms {
		if m.status == 0 && m.to == origin {
			n = m.body
		}
	}
	return fmt.Sprintf("%d bytes arrived", n)
}

// consumed tells whether the origin got to see the proxy's credentials.
func consumed(ms []message) string {
	for _, m := range ms {
		if m.to == origin && m.request.ProxyAuthorization.Present() {
			return "passed on by the proxy"
		}
	}
	return "consumed by the proxy"
}

// bound tells whether the last proof was tied to the TLS channel.
func bound(ms []message) string {
	out := "not bound"
	for _, m := range ms {
		if strings.Contains(requestGist(m.request.Authorization), "bound to the TLS channel") {
			out = "bound to the channel"
		}
	}
	return out
}

// both puts two facts together.
func both(a, b func([]message) string) func([]message) string {
	return func(ms []message) string { return a(ms) + ", " + b(ms) }
}

// reached tells what came to the origin.
func reached(ms []message) string {
	n := 0
	for _, m := range ms {
		if m.status == 0 && m.to == origin {
			n++
		}
	}
	return fmt.Sprintf("the origin saw %d requests", n)
}

// pinned tells whether every response with a leg of the handshake, and all after
// it, carried the proxy's word.
func pinned(ms []message) string {
	for _, m := range ms {
		if m.status != 0 && m.to == client && !m.response.SessionBased {
			return "not pinned"
		}
	}
	return "pinned"
}

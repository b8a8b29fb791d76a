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
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// row is one case of the demo: its participants, its requests and their expected results.
type row struct {
	name, scheme, role string
	about              string // one sentence
	origin             []scheme.Server
	proxy              []scheme.Server // nil: there is none; open: it authenticates no client
	client             []scheme.Client
	tls                bool
	cleartext          bool // the client's policy lets Basic run without TLS
	wrong              bool // the client has wrong passwords
	intercepted        bool // an attacker's certificate is between client and origin
	anonymous          bool // the client has no credentials at all
	requests           []request
	more               answer.Source // answers further questions of both sides; may be nil
	// saw, if not nil, returns a further fact about the messages, which is part of the row's
	// result.
	saw func([]message) string
	// want is the expected result: for each request the statuses that the client received and
	// the outcome, and what saw returns.
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

// rows returns all rows. They are made anew for each run, since servers have keys.
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
		about:  "Basic sends the password in clear text, so the client uses it over TLS only.",
		origin: []scheme.Server{basic}, tls: true,
		want: "401 200 alice via Basic",
	})
	add(row{
		name: "Basic without TLS", scheme: "Basic", role: "origin",
		about:  "Without TLS the client's policy forbids Basic, and it sends no password.",
		origin: []scheme.Server{basic}, saw: sentNothing,
		want: "401 not permitted by policy; no credentials sent",
	})
	for _, a := range usable(digest.MD5, digest.SHA256, digest.SHA512_256, digest.MD5Sess, digest.SHA256Sess) {
		add(row{
			name: "Digest " + a.String(), scheme: "Digest", role: "origin",
			about:  "Each side proves that it knows the password without sending it.",
			origin: digestServers(digest.ServerConfig{Algorithms: []digest.Algorithm{a}}),
			saw:    answered, want: "401 200 alice via Digest; answered by " + a.String(),
		})
	}
	add(row{
		name: "Strongest offer", scheme: "Digest", role: "origin",
		about:  "The server offers several algorithms and Basic; the client selects the strongest, whatever their order.",
		origin: append([]scheme.Server{basic}, digestServers(digest.ServerConfig{Algorithms: usable(digest.MD5, digest.SHA256)})...),
		saw:    answered, want: "401 200 alice via Digest; answered by SHA-256",
	})
	add(row{
		name: "Digest auth-int", scheme: "Digest", role: "origin",
		about:    "The proofs of both sides cover the hash of the body.",
		origin:   digestServers(digest.ServerConfig{QOPs: []digest.QOP{digest.AuthInt}}),
		requests: []request{{path: "/order", body: 100}},
		saw:      parameter("qop"), want: "401 200 alice via Digest; qop auth-int",
	})
	add(row{
		name: "Digest userhash", scheme: "Digest", role: "origin",
		about:  "The client sends a hash in place of the user name.",
		origin: digestServers(digest.ServerConfig{UserHash: true}),
		saw:    parameter("userhash"), want: "401 200 alice via Digest; userhash true",
	})
	add(row{
		name: "Digest nonce used again", scheme: "Digest", role: "origin",
		about:    "The second request needs no challenge: the client uses the nonce again, with a higher count.",
		origin:   digestServers(digest.ServerConfig{}),
		requests: []request{{path: "/one"}, {path: "/two"}},
		saw:      parameter("nc"), want: "401 200 alice via Digest + 200 alice via Digest; nc 00000002",
	})
	add(row{
		name: "Digest stale nonce", scheme: "Digest", role: "origin",
		about:  "The nonce has expired: the server reports it as stale, and the client retries without prompting.",
		origin: []scheme.Server{backdated{digestServers(digest.ServerConfig{})[0], 3600e9}},
		saw:    stale, want: "401 401 200 alice via Digest; told stale",
	})
	add(row{
		name: "64 KB POST", scheme: "Digest", role: "origin",
		about:    "The client sends the whole body again with the authenticated request.",
		origin:   digestServers(digest.ServerConfig{}),
		requests: []request{{path: "/upload", body: 64 << 10}},
		saw:      lastBody, want: "401 200 alice via Digest; 65536 bytes arrived",
	})
	add(row{
		name: "Wrong password", scheme: "Digest", role: "origin", wrong: true,
		about:  "The server refuses, and the client reports the reason.",
		origin: digestServers(digest.ServerConfig{}),
		want:   "401 401 refused by the peer",
	})
	add(row{
		name: "Anonymous", scheme: "none", role: "origin",
		about:  "A client without credentials is refused.",
		origin: digestServers(digest.ServerConfig{}), anonymous: true,
		want: "401 no credentials",
	})
	proxies := digestServers(digest.ServerConfig{})
	add(row{
		name: "Proxy, plain", scheme: "Digest", role: "proxy",
		about:  "The proxy asks for credentials of its own with 407, and does not forward them.",
		origin: []scheme.Server{basic}, proxy: proxies, cleartext: true,
		saw: consumed, want: "407 401 200 alice via Basic; consumed by the proxy",
	})
	add(row{
		name: "Proxy, CONNECT", scheme: "Digest", role: "proxy",
		about:  "The CONNECT is authenticated; the client then authenticates to the origin inside the tunnel.",
		origin: []scheme.Server{basic}, proxy: proxies, tls: true,
		want: "407 200 401 200 alice via Basic",
	})
	add(row{
		name: "Proxy, wrong password", scheme: "Digest", role: "proxy", wrong: true,
		about:  "The proxy forwards nothing to the origin.",
		origin: []scheme.Server{basic}, proxy: proxies,
		saw: reached, want: "407 407 refused by the peer; the origin saw 0 requests",
	})
	add(row{
		name: "Both sides at once", scheme: "Digest", role: "proxy and origin",
		about:  "One request carries the credentials of two users, for proxy and origin.",
		origin: digestServers(digest.ServerConfig{}), proxy: proxies,
		saw: consumed, want: "407 401 200 alice via Digest; consumed by the proxy",
	})
	add(row{
		name: "Both sides, CONNECT", scheme: "Digest", role: "proxy and origin",
		about:  "The client authenticates to the proxy for the tunnel, and to the origin inside it.",
		origin: digestServers(digest.ServerConfig{}), proxy: proxies, tls: true,
		want: "407 200 401 200 alice via Digest",
	})
	return slices.Concat(out, ntlmRows(), negotiateRows(), kerberosRows(), toyRows())
}

// toyName is the scheme of the toy mechanism.
const toyName = "Toy"

// toyRows returns the rows of authenticated connections, with the mechanism for tests.
func toyRows() []*row {
	traits := scheme.Traits{Name: toyName, Form: header.Token68, Opening: scheme.OpeningBare, Affinity: scheme.PerConnection, Strength: scheme.NTLMStrength}
	toy := gsstoy.Toy{Legs: 3, Final: true, Bound: true, Mutual: true, Identity: originUser, Secret: gss.NewSecret(originPassword)}
	client := []scheme.Client{scheme.MechanismClient(traits, toy)}
	server := []scheme.Server{scheme.MechanismServer(traits, toy)}
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
			about:  "The proxy reserves its connection to the origin for this client, and announces this. The origin sees Via, and keeps no identity.",
			origin: server, client: client, proxy: open, requests: once, saw: pinned,
			want: "401 401 401 200 alice via Toy; pinned",
		},
	}
}

// digestServers returns one Digest server, with a realm and a key.
func digestServers(c digest.ServerConfig) []scheme.Server {
	c.Realm, c.Keys = "demo", []gss.Secret{key()}
	if c.Algorithms == nil {
		c.Algorithms = []digest.Algorithm{digest.SHA256}
	}
	return []scheme.Server{must(digest.NewServer(c))}
}

// usable returns the algorithms that are available, which FIPS-only mode limits.
func usable(as ...digest.Algorithm) []digest.Algorithm {
	return slices.DeleteFunc(as, func(a digest.Algorithm) bool {
		_, err := digest.For(a)
		return err != nil
	})
}

// must returns v. It panics on an error, since the demo's configurations are constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// backdated is a server that dates its first challenges back, as a client finds them after a
// pause.
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

// answered returns the algorithm of the last credentials.
func answered(ms []message) string {
	return strings.Replace(parameter("algorithm")(ms), "algorithm", "answered by", 1)
}

// parameter returns a function that returns a parameter of the last credentials.
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
			if v, _ := c.Param("stale"); ascii.EqualFold(v, "true") {
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

// consumed reports whether the origin received the proxy's credentials.
func consumed(ms []message) string {
	for _, m := range ms {
		if m.to == origin && m.request.ProxyAuthorization.Present() {
			return "passed on by the proxy"
		}
	}
	return "consumed by the proxy"
}

// bound reports whether a proof was bound to the TLS channel.
func bound(ms []message) string {
	out := "not bound"
	for _, m := range ms {
		if strings.Contains(requestGist(m.request.Authorization), "bound to the TLS channel") {
			out = "bound to the channel"
		}
	}
	return out
}

// both returns a function that joins two facts.
func both(a, b func([]message) string) func([]message) string {
	return func(ms []message) string { return a(ms) + ", " + b(ms) }
}

// reached returns the number of requests that the origin received.
func reached(ms []message) string {
	n := 0
	for _, m := range ms {
		if m.status == 0 && m.to == origin {
			n++
		}
	}
	return fmt.Sprintf("the origin saw %d requests", n)
}

// pinned reports whether every response with a leg of the handshake, and all after it, has
// Proxy-Support.
func pinned(ms []message) string {
	for _, m := range ms {
		if m.status != 0 && m.to == client && !m.response.SessionBased {
			return "not pinned"
		}
	}
	return "pinned"
}

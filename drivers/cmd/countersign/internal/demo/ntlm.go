package demo

import (
	"crypto/fips140"

	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// ntlmRows returns the rows of NTLM. There are none in FIPS-only mode, which has no NTLM.
func ntlmRows() []*row {
	if fips140.Enforced() {
		return nil
	}
	server := []scheme.Server{scheme.NTLMServer(must(ntlm.New(ntlm.Config{Computer: "WWW", Domain: "DEMO"})))}
	client := []scheme.Client{scheme.NTLMClient(must(ntlm.New(ntlm.Config{}))), scheme.BasicClient()}
	basic := []scheme.Server{scheme.BasicServer("demo", scheme.AskVerdict)}
	rows := []*row{
		{
			name: "NTLM", role: "origin",
			about:  "Three messages authenticate the connection. The password is not sent, and the client protects the handshake with a MIC.",
			origin: server, want: "401 401 200 alice via NTLM",
		},
		{
			name: "NTLM, persistent", role: "origin",
			about:  "The connection stays authenticated: the second request on it needs no credentials.",
			origin: server, requests: []request{{path: "/one"}, {path: "/two"}}, saw: credentialsSent,
			want: "401 401 200 alice via NTLM + 200 alice via NTLM; 2 with credentials",
		},
		{
			name: "NTLM, 64 KB POST", role: "origin",
			about:  "The client sends the body with the last message of the handshake only.",
			origin: server, requests: []request{{path: "/upload", body: 64 << 10}}, saw: lastBody,
			want: "401 401 200 alice via NTLM; 65536 bytes arrived",
		},
		{
			name: "NTLM, wrong password", role: "origin", wrong: true,
			about:  "The server refuses, and the client reports the reason.",
			origin: server, want: "401 401 401 refused by the peer",
		},
		{
			name: "NTLM over TLS", role: "origin", tls: true,
			about:  "The proof is bound to the certificate that the client saw.",
			origin: server, saw: bound, want: "401 401 200 alice via NTLM; bound to the channel",
		},
		{
			name: "NTLM, intercepted TLS", role: "origin", tls: true, intercepted: true,
			about:  "The client saw another certificate than the server's, as with an attacker in the middle: the login is refused in spite of the right password.",
			origin: server, saw: bound, want: "401 401 401 refused by the peer; bound to the channel",
		},
		{
			name: "NTLM proxy, plain", role: "proxy", cleartext: true,
			about:  "The client's connection to the proxy is authenticated; the proxy does not forward the credentials.",
			origin: basic, proxy: server, saw: consumed,
			want: "407 407 401 200 alice via Basic; consumed by the proxy",
		},
		{
			name: "NTLM proxy, CONNECT", role: "proxy", tls: true,
			about:  "The handshake authenticates to the proxy, which then opens the tunnel.",
			origin: basic, proxy: server,
			want: "407 407 200 401 200 alice via Basic",
		},
		{
			name: "NTLM through a proxy", role: "origin", proxy: open,
			about:  "The proxy reserves its connection to the origin for this client, and announces this.",
			origin: server, saw: pinned, want: "401 401 200 alice via NTLM; pinned",
		},
		{
			name: "NTLM on both sides", role: "proxy and origin", proxy: server,
			about:  "Two handshakes with two users, one after the other, on one connection.",
			origin: server, saw: both(consumed, pinnedAtLast), want: "407 407 401 401 200 alice via NTLM; consumed by the proxy, pinned",
		},
	}
	for _, r := range rows {
		r.scheme, r.client = scheme.NTLM, client
		if r.requests == nil {
			r.requests = once
		}
	}
	return rows
}

// pinnedAtLast reports whether the last response has Proxy-Support.
func pinnedAtLast(ms []message) string { return pinned(ms[len(ms)-1:]) }

package demo

import (
	"crypto/fips140"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// negotiateRows returns the rows of SPNEGO in both of its schemes, which select NTLM. There
// are none in FIPS-only mode, which has no NTLM.
func negotiateRows() []*row {
	if fips140.Enforced() {
		return nil
	}
	var (
		toy    = gsstoy.Toy{Legs: 1, Final: true, Mutual: true, Integrity: true, Identity: originUser, Secret: gss.NewSecret("toy")}
		raw    = must(ntlm.New(ntlm.Config{}))
		server = negotiation(must(ntlm.New(ntlm.Config{Computer: "WWW", Domain: "DEMO"})))
		client = negotiation(raw)
		picky  = negotiation(toy, raw)
		two    = []request{{path: "/one"}, {path: "/two"}}
		basic  = []scheme.Server{scheme.BasicServer("demo", scheme.AskVerdict)}
	)
	rows := []*row{
		{
			name: "Negotiate", role: "origin",
			about:  "Client and server negotiate NTLM in the legs that NTLM needs, and prove to each other that the list of mechanisms was not changed.",
			origin: servers(server, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: mics,
			want: "401 401 200 alice via Negotiate; a MIC of the client, a MIC of the server",
		},
		{
			name: "Negotiate, other preference", role: "origin",
			about:  "The server lacks the client's preferred mechanism: it selects NTLM, which takes one more leg and makes MICs compulsory.",
			origin: servers(server, scheme.Negotiate), client: clients(picky, scheme.Negotiate), saw: mics,
			want: "401 401 401 200 alice via Negotiate; a MIC of the client, a MIC of the server",
		},
		{
			name: "Nego2", role: "origin",
			about:  "The same negotiation, with the server's list first. Both schemes are offered, and the client prefers Nego2.",
			origin: servers(server, scheme.Negotiate, scheme.Nego2), client: clients(client, scheme.Negotiate, scheme.Nego2), saw: mics,
			want: "401 401 200 alice via Nego2; a MIC of the client, a MIC of the server",
		},
		{
			name: "Nego2, persistent", role: "origin",
			about:  "NTLM authenticates the connection: the second request on it needs no credentials.",
			origin: servers(server, scheme.Nego2), client: clients(client, scheme.Nego2), requests: two, saw: credentialsSent,
			want: "401 401 200 alice via Nego2 + 200 alice via Nego2; 2 with credentials",
		},
		{
			name: "Negotiate over TLS", role: "origin", tls: true,
			about:  "The proof is bound to the certificate that the client saw.",
			origin: servers(server, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: bound,
			want: "401 401 200 alice via Negotiate; bound to the channel",
		},
		{
			name: "NTLM in place of SPNEGO", role: "origin",
			about:  "Some clients send NTLM tokens without SPNEGO; the server responds in the same way.",
			origin: servers(server, scheme.Negotiate), client: clients(raw, scheme.Negotiate), saw: mics,
			want: "401 401 200 alice via Negotiate; no MICs",
		},
		{
			name: "Negotiate, wrong password", role: "origin", wrong: true,
			about:  "The server refuses, and the client reports the reason.",
			origin: servers(server, scheme.Negotiate), client: clients(client, scheme.Negotiate),
			want: "401 401 401 refused by the peer",
		},
		{
			name: "Negotiate proxy, CONNECT", role: "proxy", tls: true,
			about:  "The client authenticates to the proxy, which then opens the tunnel.",
			origin: basic, proxy: servers(server, scheme.Negotiate), client: append(clients(client, scheme.Negotiate), scheme.BasicClient()),
			want: "407 407 200 401 200 alice via Basic",
		},
		{
			name: "Negotiate through a proxy", role: "origin", proxy: open,
			about:  "The proxy reserves its connection to the origin for this client, and announces this.",
			origin: servers(server, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: pinned,
			want: "401 401 200 alice via Negotiate; pinned",
		},
	}
	for _, r := range rows {
		r.scheme = scheme.Negotiate
		if r.requests == nil {
			r.requests = once
		}
	}
	rows[2].scheme, rows[3].scheme = scheme.Nego2, scheme.Nego2
	return rows
}

// negotiation returns SPNEGO over the mechanisms, preferred first.
func negotiation(mechs ...gss.Mechanism) gss.Mechanism {
	return must(spnego.New(spnego.Config{Mechanisms: mechs}))
}

func servers(m gss.Mechanism, names ...string) (all []scheme.Server) {
	for _, name := range names {
		traits, _ := scheme.TraitsOf(name)
		all = append(all, scheme.MechanismServer(traits, m))
	}
	return all
}

func clients(m gss.Mechanism, names ...string) (all []scheme.Client) {
	for _, name := range names {
		traits, _ := scheme.TraitsOf(name)
		all = append(all, scheme.MechanismClient(traits, m))
	}
	return all
}

// mics reports which sides sent a mechListMIC.
func mics(ms []message) string {
	var ours, theirs int
	count := func(token string, n *int) {
		if m, fault := negtoken.ParseResp(token); fault.IsZero() && m.MechListMIC.Present() {
			*n++
		}
	}
	for _, m := range ms {
		if token, ok := m.request.Authorization.Token(); ok {
			count(token, &ours)
		}
		for c := range m.response.WWWAuthenticate.All() {
			if token, ok := c.Token(); ok {
				count(token, &theirs)
			}
		}
	}
	switch {
	case ours == 0 && theirs == 0:
		return "no MICs"
	case ours == 1 && theirs == 1:
		return "a MIC of the client, a MIC of the server"
	}
	return fmt.Sprintf("%d MICs of the client, %d of the server", ours, theirs)
}

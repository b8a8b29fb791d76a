package demo

import (
	"crypto/fips140"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// negotiateRows show SPNEGO under both of its names, with NTLM as what it comes to;
// none where FIPS-only mode bars that.
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
			about:  "The two agree upon NTLM in the legs that NTLM has anyway, and prove to each other that nobody touched the list.",
			origin: servers(server, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: mics,
			want: "401 401 200 alice via Negotiate; a MIC of the client, a MIC of the server",
		},
		{
			name: "Negotiate, another favourite", role: "origin",
			about:  "The server lacks what the client likes best: it takes NTLM for one leg more, and MICs are compulsory.",
			origin: servers(server, scheme.Negotiate), client: clients(picky, scheme.Negotiate), saw: mics,
			want: "401 401 401 200 alice via Negotiate; a MIC of the client, a MIC of the server",
		},
		{
			name: "Nego2", role: "origin",
			about:  "The same negotiation, opened by the server's list; both are offered, and the client prefers Nego2.",
			origin: servers(server, scheme.Negotiate, scheme.Nego2), client: clients(client, scheme.Negotiate, scheme.Nego2), saw: mics,
			want: "401 401 200 alice via Nego2; a MIC of the client, a MIC of the server",
		},
		{
			name: "Nego2, persistent", role: "origin",
			about:  "What it came to belongs to the connection: the second request on it needs no credentials.",
			origin: servers(server, scheme.Nego2), client: clients(client, scheme.Nego2), requests: two, saw: credentialsSent,
			want: "401 401 200 alice via Nego2 + 200 alice via Nego2; 2 with credentials",
		},
		{
			name: "Negotiate over TLS", role: "origin", tls: true,
			about:  "The proof inside is tied to the certificate that the client saw.",
			origin: servers(server, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: bound,
			want: "401 401 200 alice via Negotiate; bound to the channel",
		},
		{
			name: "NTLM in place of SPNEGO", role: "origin",
			about:  "Some clients put bare NTLM where SPNEGO belongs; the server answers in kind.",
			origin: servers(server, scheme.Negotiate), client: clients(raw, scheme.Negotiate), saw: mics,
			want: "401 401 200 alice via Negotiate; no MICs",
		},
		{
			name: "Negotiate, wrong password", role: "origin", wrong: true,
			about:  "The server refuses, and the client says why it gives up.",
			origin: servers(server, scheme.Negotiate), client: clients(client, scheme.Negotiate),
			want: "401 401 401 refused by the peer",
		},
		{
			name: "Negotiate proxy, CONNECT", role: "proxy", tls: true,
			about:  "The negotiation opens the tunnel.",
			origin: basic, proxy: servers(server, scheme.Negotiate), client: append(clients(client, scheme.Negotiate), scheme.BasicClient()),
			want: "407 407 200 401 200 alice via Basic",
		},
		{
			name: "Negotiate through a proxy", role: "origin", proxy: open,
			about:  "The proxy keeps the origin's connection for this client alone, and says so.",
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

// negotiation is SPNEGO over mechanisms, favourite first.
func negotiation(mechs ...gss.Mechanism) gss.Mechanism {
	return must(spnego.New(spnego.Config{Mechanisms: mechs}))
}

func servers(m gss.Mechanism, names ...string) (all []scheme.Server) {
	for _, name := range names {
		traits, _ := scheme.TraitsOf(name)
		all = append(all, scheme.ForMechanism(traits, m))
	}
	return all
}

func clients(m gss.Mechanism, names ...string) (all []scheme.Client) {
	for _, name := range names {
		traits, _ := scheme.TraitsOf(name)
		all = append(all, scheme.FromMechanism(traits, m))
	}
	return all
}

// mics tells whose mechListMICs crossed.
func mics(ms []message) string {
	var ours, theirs int
	count := func(token string, n *int) {
		if m, fault := spnego.ParseResp(token); fault.IsZero() && m.MechListMIC.Present() {
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

package demo

import (
	"crypto/fips140"
	"fmt"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// The realms of the demo. The users are in the first one, and the second one trusts it.
const homeRealm, partnerRealm = "DEMO", "PARTNER"

// service is the name of all servers of the demo.
const service = "HTTP/127.0.0.1"

// kerberosRows returns the rows of Kerberos within Negotiate, with a KDC in this process.
func kerberosRows() []*row {
	var (
		home    = newRealm(homeRealm)
		partner = newRealm(partnerRealm)
		client  = negotiation(must(kerberos.New(kerberos.Config{Realm: homeRealm, MinIterations: iterations})))
		server  = func(k *kdctest.KDC, realm string, binding gss.Requirement) gss.Mechanism {
			return must(kerberos.New(kerberos.Config{Keys: k.Keytab(service + "@" + realm), ChannelBinding: binding}))
		}
		ordinary = negotiation(server(home, homeRealm, gss.IfAvailable))
		bound    = negotiation(server(home, homeRealm, gss.Require))
		two      = []request{{path: "/one"}, {path: "/two"}}
	)
	rows := []*row{
		{
			name: "Kerberos", role: "origin", more: realmOf(home),
			about:  "The client gets a ticket with its password; client and server authenticate each other in one leg.",
			origin: servers(ordinary, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: proven,
			want: "401 200 alice@DEMO via Negotiate; the server proved itself",
		},
		{
			name: "Kerberos, second request", role: "origin", more: realmOf(home), requests: two,
			about:  "The client knows the server's scheme and has a ticket: it sends credentials with the second request at once.",
			origin: servers(ordinary, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: credentialsSent,
			want: "401 200 alice@DEMO via Negotiate + 200 alice@DEMO via Negotiate; 2 with credentials",
		},
		{
			name: "Kerberos with a body", role: "origin", more: realmOf(home), requests: []request{{path: "/", body: 4096}},
			about:  "Kerberos needs one leg only, so the client sends the body with the credentials.",
			origin: servers(ordinary, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: proven,
			want: "401 200 alice@DEMO via Negotiate; the server proved itself",
		},
		{
			name: "Kerberos over TLS", role: "origin", tls: true, more: realmOf(home),
			about:  "The server requires that the client is bound to the server's certificate.",
			origin: servers(bound, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: proven,
			want: "401 200 alice@DEMO via Negotiate; the server proved itself",
		},
		{
			name: "Kerberos, intercepted TLS", role: "origin", tls: true, intercepted: true, more: realmOf(home),
			about:  "The client saw another certificate than the server's: the request was relayed, and is refused.",
			origin: servers(bound, scheme.Negotiate), client: clients(client, scheme.Negotiate),
			want: "401 401 refused by the peer",
		},
		{
			name: "Kerberos, another realm", role: "origin", more: realmOf(partner),
			about:  "The user's KDC does not know the server and refers the client to a realm that does.",
			origin: servers(negotiation(server(partner, partnerRealm, gss.IfAvailable)), scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: proven,
			want: "401 200 alice@DEMO via Negotiate; the server proved itself",
		},
		{
			name: "Kerberos, wrong password", role: "origin", more: realmOf(home), wrong: true,
			about:  "The client cannot decrypt the KDC's reply: it sends nothing to the server.",
			origin: servers(ordinary, scheme.Negotiate), client: clients(client, scheme.Negotiate), saw: sentNothing,
			want: "401 bad credentials; no credentials sent",
		},
		{
			name: "Kerberos proxy, CONNECT", role: "proxy", tls: true, more: realmOf(home),
			about:  "One ticket authenticates to the proxy, which opens the tunnel, and another one to the origin.",
			origin: servers(ordinary, scheme.Negotiate), proxy: servers(ordinary, scheme.Negotiate), client: clients(client, scheme.Negotiate),
			want: "407 200 401 200 alice@DEMO via Negotiate",
		},
	}
	if !fips140.Enforced() { // there is no NTLM
		either := func(c kerberos.Config, n ntlm.Config, fallback bool) gss.Mechanism {
			return must(spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{must(kerberos.New(c)), must(ntlm.New(n))}, Fallback: fallback}))
		}
		rows = append(rows, &row{
			name: "NTLM in place of Kerberos", role: "origin", more: realmOf(newRealm("ELSEWHERE")),
			about:    "No KDC has a ticket for the server, and the client's policy allows NTLM.",
			origin:   servers(either(kerberos.Config{Keys: home.Keytab(service + "@" + homeRealm)}, ntlm.Config{Computer: "WWW", Domain: "DEMO"}, false), scheme.Negotiate),
			client:   clients(either(kerberos.Config{Realm: homeRealm, MinIterations: iterations}, ntlm.Config{}, true), scheme.Negotiate),
			saw:      mics,
			want:     "401 401 200 alice via Negotiate; a MIC of the client, a MIC of the server",
			requests: once,
		})
	}
	for _, r := range rows {
		r.scheme = "Kerberos"
		if r.requests == nil {
			r.requests = once
		}
	}
	return rows
}

// iterations is the number of iterations of string-to-key for the demonstration's
// passwords. Its KDC is in this process, where the exchange cannot be observed, and the
// demonstration is meant to be quick.
const iterations = 1

// newRealm returns a KDC with its services in the named realm, and its users in homeRealm.
func newRealm(services string) *kdctest.KDC {
	types := []krb.EType{krb.AES256SHA384}
	users := kdctest.Realm{Name: homeRealm, Types: types, Principals: []kdctest.Principal{
		{Name: originUser, Password: originPassword}, {Name: proxyUser, Password: proxyPassword},
	}}
	server := kdctest.Principal{Name: service, Password: key().Reveal()}
	if services == homeRealm {
		users.Principals = append(users.Principals, server)
		return must(kdctest.New(kdctest.Config{Iterations: iterations, Realms: []kdctest.Realm{users}}))
	}
	if services == partnerRealm {
		users.Trusts = []string{services}
	}
	return must(kdctest.New(kdctest.Config{Iterations: iterations, Realms: []kdctest.Realm{users, {Name: services, Types: types, Principals: []kdctest.Principal{server}}}}))
}

// realmOf returns the answers to both sides' Kerberos questions: a realm's KDC, a store of
// tickets and a memory of requests.
func realmOf(k *kdctest.KDC) answer.Source {
	return answer.Chain(krb5.InProcess(k), &krb5.Tickets{}, krb5.NewReplayCache(1<<10, 0))
}

// proven reports whether the server's last response authenticates it.
func proven(ms []message) string {
	for c := range ms[len(ms)-1].response.WWWAuthenticate.All() {
		if token, ok := c.Token(); ok {
			if m, fault := negtoken.ParseResp(token); fault.IsZero() && m.ResponseToken.Present() {
				return "the server proved itself"
			}
		}
	}
	return fmt.Sprintf("no proof of the server in %d messages", len(ms))
}

package kerberos_test

import (
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// kitAnswers are those of a user with a password, of the KDC, and of a service that
// has seen nothing yet.
func kitAnswers(k *kdctest.KDC, user, password string) func(gss.Question) gss.Answer {
	n := byte(0)
	seen := map[string]bool{}
	return func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case gss.NeedCredential:
			return gss.Password{User: user, Password: gss.NewSecret(password)}
		case gss.NeedExchange:
			n++
			return gss.Reply{Data: k.Answer(gss.Env{Now: now, Seed: gss.Seed{'k', n}}, q.Realm, q.Request)}
		case gss.NeedReplayCheck:
			first := !seen[q.Key]
			seen[q.Key] = true
			return gss.ReplayVerdict{First: first}
		case kerberos.NeedServiceKey:
			return gss.Unknown{}
		case kerberos.NeedTicket, kerberos.KeepTicket:
			return gss.Declined{}
		}
		return nil
	}
}

// The conformance kits, with Kerberos on both sides and a KDC between them.
func TestKit(t *testing.T) {
	for _, kind := range []krb.EType{krb.AES256SHA1, krb.AES256SHA384} {
		t.Run(kind.String(), func(t *testing.T) {
			k := home(t, kind)
			client := mech(t, kerberos.Config{Realm: "A.TEST", MinIterations: 1})
			server := mech(t, kerberos.Config{Keys: k.Keytab("HTTP/www.a.test@A.TEST")})
			at := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.a.test", Port: 443}
			pair := func() proptest.Pair {
				return proptest.Pair{Initiator: client, Acceptor: server, Target: at, Answers: kitAnswers(k, "alice", password), Peer: "alice", Secrets: []string{password},
					Stranger: client, StrangerAnswers: kitAnswers(k, "alice", "guess"), Binding: true, Now: now,
				}
			}
			t.Run("mechanism", func(t *testing.T) {
				proptest.Mechanism(t, pair)
				requirement.Held(t, "kit:Kerberos/channel_binding")
			})
			t.Run("one way", func(t *testing.T) {
				once := mech(t, kerberos.Config{Realm: "A.TEST", MinIterations: 1, OneWay: true})
				proptest.Mechanism(t, func() proptest.Pair {
					p := pair()
					p.Initiator, p.Stranger = once, once
					p.Acceptor = mech(t, kerberos.Config{Keys: k.Keytab("HTTP/www.a.test@A.TEST"), OneWay: true}) // it promises as little
					return p
				})
			})
			t.Run("in SPNEGO", func(t *testing.T) {
				proptest.Mechanism(t, func() proptest.Pair {
					p := pair()
					p.Initiator, p.Acceptor, p.Stranger = negotiation(t, false, client), negotiation(t, false, server), negotiation(t, false, client)
					return p
				})
			})
			t.Run("scheme", func(t *testing.T) {
				proptest.Scheme(t, func() proptest.SchemePair {
					return proptest.SchemePair{
						Client: scheme.NegotiateClient(negotiation(t, false, client)), Server: scheme.NegotiateServer(negotiation(t, false, server)),
						Exchange: scheme.Exchange{Method: "GET", URI: "/", Authority: "www.a.test", Target: at},
						Answers:  kitAnswers(k, "alice", password), StrangerAnswers: kitAnswers(k, "alice", "guess"), Peer: "alice", Secrets: []string{password}, Now: now,
					}
				})
			})
		})
	}
}

func negotiation(t testing.TB, fallback bool, mechs ...gss.Mechanism) gss.Mechanism {
	t.Helper()
	m, err := spnego.New(spnego.Config{Mechanisms: mechs, Fallback: fallback})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// SPNEGO takes Kerberos where a ticket can be had, and NTLM where none can and policy
// lets it fall back, or where the other side has nothing else.
func TestNegotiation(t *testing.T) {
	k := home(t)
	krbClient := mech(t, kerberos.Config{Realm: "A.TEST", MinIterations: 1})
	krbServer := mech(t, kerberos.Config{Keys: k.Keytab("HTTP/www.a.test@A.TEST")})
	ntlmBoth, err := ntlm.New(ntlm.Config{Computer: "WWW", Domain: "A"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name           string
		client, server []gss.Mechanism
		host           string
		fallback       bool
		want           gss.OID
	}{
		{"both have both", []gss.Mechanism{krbClient, ntlmBoth}, []gss.Mechanism{krbServer, ntlmBoth}, "www.a.test", false, gss.Kerberos},
		{"no ticket for the service", []gss.Mechanism{krbClient, ntlmBoth}, []gss.Mechanism{krbServer, ntlmBoth}, "none.a.test", true, gss.NTLM},
		{"no ticket, and no falling back", []gss.Mechanism{krbClient, ntlmBoth}, []gss.Mechanism{krbServer, ntlmBoth}, "none.a.test", false, ""},
		{"the server has NTLM alone", []gss.Mechanism{krbClient, ntlmBoth}, []gss.Mechanism{ntlmBoth}, "www.a.test", false, gss.NTLM},
		{"the client has NTLM alone", []gss.Mechanism{ntlmBoth}, []gss.Mechanism{krbServer, ntlmBoth}, "www.a.test", false, gss.NTLM},
		{"Kerberos alone", []gss.Mechanism{krbClient}, []gss.Mechanism{krbServer}, "www.a.test", false, gss.Kerberos},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &world{t: t, kdc: k, login: gss.Password{User: "alice", Password: gss.NewSecret(password)}}
			at := target(row.host)
			client, server := negotiation(t, row.fallback, row.client...).Initiate(at), negotiation(t, false, row.server...).Accept(at)
			var in gss.Input
			var out gss.Output
			for range 6 {
				client, out = w.negotiate(client, in)
				if row.want == "" && out.Fault.Code == gss.WrongTarget {
					return
				}
				if out.State == gss.Failed {
					t.Fatal("client: ", out.Fault)
				}
				if !out.Token.Present() {
					break
				}
				state := out.State
				server, out = w.negotiate(server, gss.Input{Token: out.Token})
				if out.State == gss.Failed {
					t.Fatal("server: ", out.Fault)
				}
				if state == gss.Complete && out.State == gss.Complete && !out.Token.Present() {
					break
				}
				in = gss.Input{Token: out.Token}
			}
			if c, s := client.Info(), server.Info(); c.Mech != row.want || s.Mech != row.want || s.Peer != "alice" {
				t.Errorf("%+v and %+v", c, s)
			}
		})
	}
}

// negotiate answers NTLM's question about the user as well.
func (w *world) negotiate(c gss.Context, in gss.Input) (gss.Context, gss.Output) {
	for {
		next, out, err := c.Step(w.env(0), in)
		if err != nil {
			w.t.Fatal(err)
		}
		if c = next; out.State != gss.Waiting {
			return c, out
		}
		answer := w.answer(out.Ask)
		if _, ok := out.Ask.(gss.NeedVerifier); ok {
			answer = gss.Password{Password: gss.NewSecret(password)}
		}
		in = gss.Input{Answer: answer}
	}
}

// C20, C22: SPNEGO over Kerberos and NTLM offers these, Kerberos under Microsoft's wrong
// OID too, and nothing else.
func TestDefaultMechList(t *testing.T) {
	k := home(t)
	lm, err := ntlm.New(ntlm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, kdc: k, login: gss.Password{User: "alice", Password: gss.NewSecret(password)}}
	_, out := w.negotiate(negotiation(t, false, mech(t, kerberos.Config{Realm: "A.TEST", MinIterations: 1}), lm).Initiate(target("www.a.test")), gss.Input{})
	init, fault := negtoken.ParseInit(out.Token.Bytes())
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	var list []gss.OID
	for mech := range init.MechTypes.All() {
		list = append(list, mech)
	}
	if want := []gss.OID{gss.MSKerberos, gss.Kerberos, gss.NTLM}; !slices.Equal(list, want) {
		t.Errorf("offers %v, want %v", list, want)
	}
	requirement.Held(t, "unit:default_mech_list")
}

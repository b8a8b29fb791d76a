package kerberos

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	fields "github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// as makes the forger's ticket and authenticator those of a client.
func (f *forger) as(client krb.Principal) *forger {
	f.ticket.Client, f.auth.Client = client, client
	return f
}

// named is a principal with a name type of its own.
func named(kind int32, realm string, components ...string) krb.Principal {
	return krb.Principal{Name: krb.NameOf(kind, components...), Realm: realm}
}

// clients are principals and what an acceptor makes of them, by default and with
// Config.RefuseAnonymous.
var clients = []struct {
	name   string
	client krb.Principal
	flags  krb.Flags
	code   gss.Code // by default
	strict gss.Code // with RefuseAnonymous
	peer   string   // "" is anonymous
}{
	{"a user", named(krb.NamePrincipal, "A.TEST", "alice"), 0, 0, 0, "alice"},
	{"a service", named(krb.NameServiceHost, "A.TEST", "HTTP", "other.a.test"), 0, 0, 0, "HTTP/other.a.test"},
	{"a user of that name", named(krb.NamePrincipal, "A.TEST", "ANONYMOUS"), 0, 0, 0, "ANONYMOUS"},
	{"a host of that name", named(krb.NameServiceHost, "A.TEST", "HTTP", "WELLKNOWN"), 0, 0, 0, "HTTP/WELLKNOWN"},
	{"the anonymous principal", named(krb.NameWellKnown, "WELLKNOWN:ANONYMOUS", "WELLKNOWN", "ANONYMOUS"), krb.AnonymousTkt, 0, gss.NotPermitted, ""},
	{"the anonymous principal without the flag", named(krb.NameWellKnown, "WELLKNOWN:ANONYMOUS", "WELLKNOWN", "ANONYMOUS"), 0, 0, gss.NotPermitted, ""},
	{"the anonymous principal, as a user's name", named(krb.NamePrincipal, "WELLKNOWN:ANONYMOUS", "WELLKNOWN", "ANONYMOUS"), krb.AnonymousTkt, 0, gss.NotPermitted, ""},
	{"the anonymous principal, of no type", named(krb.NameUnknown, "WELLKNOWN:ANONYMOUS", "WELLKNOWN", "ANONYMOUS"), 0, 0, gss.NotPermitted, ""},
	{"the anonymous principal in small letters", named(krb.NamePrincipal, "wellknown:anonymous", "wellknown", "anonymous"), 0, 0, gss.NotPermitted, ""},
	{"any name of the anonymous realm", named(krb.NamePrincipal, "WELLKNOWN:ANONYMOUS", "alice"), 0, 0, gss.NotPermitted, ""},
	{"the anonymous name in a real realm", named(krb.NameWellKnown, "A.TEST", "WELLKNOWN", "ANONYMOUS"), krb.AnonymousTkt, 0, gss.NotPermitted, "WELLKNOWN/ANONYMOUS"},
	{"the anonymous name in a real realm, in small letters", named(krb.NamePrincipal, "A.TEST", "WellKnown", "Anonymous"), 0, 0, gss.NotPermitted, "WellKnown/Anonymous"},
	{"a named client with the flag of anonymous tickets", named(krb.NamePrincipal, "A.TEST", "alice"), krb.AnonymousTkt, gss.NotPermitted, gss.NotPermitted, ""},
	{"another well-known name", named(krb.NameWellKnown, "A.TEST", "WELLKNOWN", "FEDERATED"), 0, gss.NotPermitted, gss.NotPermitted, ""},
	{"another well-known name, as a service's", named(krb.NameServiceHost, "A.TEST", "wellknown", "federated"), 0, gss.NotPermitted, gss.NotPermitted, ""},
	{"a well-known name of one component", named(krb.NamePrincipal, "A.TEST", "WELLKNOWN"), 0, gss.NotPermitted, gss.NotPermitted, ""},
	{"more than the anonymous name", named(krb.NameWellKnown, "A.TEST", "WELLKNOWN", "ANONYMOUS", "x"), 0, gss.NotPermitted, gss.NotPermitted, ""},
	{"a name that says it is well known", named(krb.NameWellKnown, "A.TEST", "alice"), 0, gss.NotPermitted, gss.NotPermitted, ""},
	{"another well-known realm", named(krb.NamePrincipal, "WELLKNOWN:FEDERATED", "alice"), 0, gss.NotPermitted, gss.NotPermitted, ""},
	{"the anonymous name in another well-known realm", named(krb.NameWellKnown, "WellKnown:Federated", "WELLKNOWN", "ANONYMOUS"), krb.AnonymousTkt, gss.NotPermitted, gss.NotPermitted, ""},
}

// RFC 6112 sections 3 and 6, RFC 6111 section 3: an anonymous client is not a named one,
// whatever its name's type and case, and a name that is well known and not known here is
// refused. So it is inside of SPNEGO.
func TestAnonymousPrincipals(t *testing.T) {
	for _, row := range clients {
		t.Run(row.name, func(t *testing.T) {
			f := newForger(t, 18).as(row.client)
			f.ticket.Flags |= row.flags
			for _, strict := range []bool{false, true} {
				c := Config{Keys: f.keys, RefuseAnonymous: strict}
				want := row.code
				if strict {
					want = row.strict
				}
				plain := accept(t, c, gss.NoBinding(), f.token())
				framed := negotiated(t, c, f.token())
				for _, got := range []struct {
					info gss.Info
					code gss.Code
				}{{plain.Info(), plain.Fault.Code}, framed} {
					if got.code != want {
						t.Fatalf("RefuseAnonymous %t: %v, want %v", strict, got.code, want)
					}
					if want != gss.NoFault {
						if got.info.Peer != "" || got.info.Anonymous {
							t.Errorf("refused, and names %+v", got.info)
						}
						continue
					}
					realm := row.client.Realm
					if row.peer == "" {
						realm = ""
					}
					if got.info.Peer != row.peer || got.info.Domain != realm || got.info.Anonymous != (row.peer == "") {
						t.Errorf("%+v", got.info)
					}
				}
			}
			requirement.Held(t, "unit:krb_anonymous_principal", "R6112-6-1")
			if row.code != gss.NoFault {
				requirement.Held(t, "unit:krb_unknown_well_known_name", "R6111-3.1-1")
			}
			if row.code != row.strict {
				requirement.Held(t, "unit:krb_refuse_anonymous", "KRB-1")
			}
		})
	}
}

// What an anonymous client brings along is not handed to the application: a PAC would
// name a user, and delegated credentials would be of a name that many clients share.
func TestAnonymousBringsNothing(t *testing.T) {
	for _, row := range clients {
		if row.code != gss.NoFault {
			continue
		}
		f := newForger(t, 18).as(row.client)
		f.ticket.AuthData = message.AuthorizationData("").Append(message.ADPAC, "a PAC").IfRelevant()
		f.delegate(message.CredInfo{Key: f.session, Client: row.client, Service: krb.TGS("A.TEST", "A.TEST")})
		r := accept(t, Config{Keys: f.keys, KeepPAC: true}, gss.NoBinding(), f.token())
		if r.State != gss.Complete {
			t.Fatalf("%s: %v", row.name, r.Fault)
		}
		_, has, fault := PAC(r.Context)
		kept := has || !fault.IsZero() // it is no PAC, and was looked at
		delegated := r.Info().Delegated != nil
		anonymous := row.strict != gss.NoFault
		if kept == anonymous || delegated == anonymous || r.Info().Flags.Has(gss.Delegate) != delegated {
			t.Errorf("%s: a PAC %t, delegated credentials %t", row.name, kept, delegated)
		}
		requirement.Held(t, "unit:krb_anonymous_brings_nothing", "KRB-2")
	}
}

// A server lets an anonymous client in as anonymous, and only if it is asked to.
func TestAnonymousNeedsOptional(t *testing.T) {
	for _, row := range clients {
		for _, optional := range []bool{false, true} {
			f := newForger(t, 18).as(row.client)
			f.ticket.Flags |= row.flags
			m, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{newMechanism(t, Config{Keys: f.keys})}})
			if err != nil {
				t.Fatal(err)
			}
			s, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.NegotiateServer(m)}, Optional: optional})
			if err != nil {
				t.Fatal(err)
			}
			credentials := fields.ParseCredentials("Negotiate " + base64.StdEncoding.EncodeToString([]byte(f.token().Bytes())))
			var event machine.Event = machine.Received{
				Request: machine.Request{Method: "GET", Scheme: "https", Host: "www.a.test", Port: 443, URI: "/"}, Header: fields.Request{Authorization: credentials},
			}
			var accepted *machine.Accept
			for event != nil {
				next, acts, err := s.Step(env, event)
				if err != nil {
					t.Fatal(err)
				}
				s, event = next, nil
				for a := range acts.All() {
					switch a := a.(type) {
					case machine.Ask:
						event = machine.Answered{ID: a.ID, Answer: gss.ReplayVerdict{First: true}}
					case machine.Accept:
						accepted = &a
					}
				}
			}
			switch {
			case row.code != gss.NoFault || row.peer == "" && !optional:
				if accepted != nil {
					t.Errorf("%s, Optional %t: accepted as %+v", row.name, optional, accepted.Info)
				}
			case accepted == nil:
				t.Errorf("%s, Optional %t: refused", row.name, optional)
			case accepted.Anonymous != (row.peer == "") || accepted.Info.Peer != row.peer:
				t.Errorf("%s, Optional %t: %+v", row.name, optional, *accepted)
			}
		}
	}
	requirement.Held(t, "unit:krb_anonymous_needs_optional", "R6112-6-1")
}

// negotiated is what an acceptor inside of SPNEGO makes of a token, as an initiator
// sends it that has nothing else to say.
func negotiated(t *testing.T, c Config, token gss.Token) (got struct {
	info gss.Info
	code gss.Code
}) {
	t.Helper()
	client, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{spoken{token.Bytes()}}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{newMechanism(t, c)}})
	if err != nil {
		t.Fatal(err)
	}
	_, first, err := client.Initiate(gss.Target{}).Step(env, gss.Input{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, in := server.Accept(gss.Target{}), gss.Input{Token: first.Token}
	for {
		next, out, err := ctx.Step(env, in)
		if err != nil {
			t.Fatal(err)
		}
		if out.State != gss.Waiting {
			got.info, got.code = next.Info(), out.Fault.Code
			return got
		}
		ctx, in = next, gss.Input{Answer: gss.ReplayVerdict{First: true}}
	}
}

// spoken is an initiator that says one thing.
type spoken struct{ text string }

func (spoken) Mech() gss.OID                     { return gss.Kerberos }
func (spoken) Traits() gss.Traits                { return gss.Traits{Integrity: true, MaxLegs: 1} }
func (s spoken) Initiate(gss.Target) gss.Context { return s }
func (s spoken) Accept(gss.Target) gss.Context   { return s }
func (spoken) Info() gss.Info                    { return gss.Info{Mech: gss.Kerberos} }
func (spoken) Session() (gss.Session, bool)      { return nil, false }

func (s spoken) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return s, gss.Output{State: gss.Ready, Token: gss.TokenOf(s.text)}, nil
}

// What a name says of a client is the same for every case and every type of a name.
func TestClientKindIgnoresCaseAndType(t *testing.T) {
	for _, row := range []struct {
		realm, name string
		want        clientKind
	}{
		{"A.TEST", "alice", namedClient}, {"A.TEST", "HTTP/wellknown", namedClient}, {"WELLKNOWN", "alice", namedClient}, {"", "alice", namedClient},
		{"A.TEST", "HTTP/ANONYMOUS", namedClient}, {"A.TEST", "ANONYMOUS/WELLKNOWN", namedClient}, {"A.TEST", "WELLKNOWNS/ANONYMOUS", namedClient},
		{"WELLKNOWN:ANONYMOUS", "WELLKNOWN/ANONYMOUS", anonymousClient}, {"WELLKNOWN:ANONYMOUS", "alice", anonymousClient},
		{"A.TEST", "WELLKNOWN/ANONYMOUS", anonymousMember}, {"", "WELLKNOWN/ANONYMOUS", anonymousMember},
		{"A.TEST", "WELLKNOWN/OTHER", reservedName}, {"A.TEST", "WELLKNOWN", reservedName}, {"A.TEST", "WELLKNOWN/ANONYMOUS/x", reservedName},
		{"WELLKNOWN:", "alice", reservedName}, {"WELLKNOWN:X", "WELLKNOWN/ANONYMOUS", reservedName}, {"WELLKNOWN:ANONYMOUSLY", "a", reservedName},
	} {
		for _, kind := range []int32{krb.NameUnknown, krb.NamePrincipal, krb.NameServiceInst, krb.NameServiceHost, krb.NameEnterprise, krb.NameWellKnown} {
			for _, form := range []func(string) string{func(s string) string { return s }, strings.ToLower, mixed} {
				p := krb.Principal{Name: krb.NameOf(kind, strings.Split(form(row.name), "/")...), Realm: form(row.realm)}
				want := row.want
				if kind == krb.NameWellKnown && want == namedClient {
					want = reservedName // it says that it is well known, and it is not
				}
				if got := kindOf(p); got != want {
					t.Errorf("%v of type %d: %d, want %d", p, kind, got, want)
				}
			}
		}
	}
	if got := kindOf(krb.Principal{}); got != namedClient {
		t.Errorf("the zero Principal: %d", got)
	}
}

// mixed is s in small letters but for the first.
func mixed(s string) string {
	if s == "" {
		return s
	}
	return s[:1] + strings.ToLower(s[1:])
}

package kdctest_test

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

var env = gss.Env{Now: 1_795_608_000_000_000_000, Seed: gss.Seed{1}}

func newKDC(t testing.TB) *kdctest.KDC {
	t.Helper()
	k, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "lax", Password: "wonder", NoPreauth: true}, {Name: "mallory", Password: "wonder", Locked: true}, {Name: "HTTP/www", Password: "x"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// request is an AS-REQ without pre-authentication.
func request(client, server string) string {
	c, _ := krb.ParsePrincipal(client, "A.TEST")
	s, _ := krb.ParsePrincipal(server, "A.TEST")
	m := message.KDCReq{Type: message.ASReq, Body: message.KDCReqBody{Client: c.Name, Realm: "A.TEST", Service: s.Name, Till: 2_000_000_000, Nonce: 7, ETypes: krb.ETypesOf(krb.AES256SHA1)}}
	return string(m.Append(nil))
}

// What is refused is refused with the code that RFC 4120 has for it.
func TestRefusals(t *testing.T) {
	k := newKDC(t)
	for name, row := range map[string]struct {
		realm, request string
		want           message.ErrorCode
	}{
		"pre-authentication": {"A.TEST", request("alice", "krbtgt/A.TEST"), message.ErrPreauthRequired},
		"no such user":       {"A.TEST", request("bob", "krbtgt/A.TEST"), message.ErrClientUnknown},
		"locked":             {"A.TEST", request("mallory", "krbtgt/A.TEST"), message.ErrClientRevoked},
		"no such service":    {"A.TEST", request("lax", "HTTP/nowhere"), message.ErrServiceUnknown},
		"garbage":            {"A.TEST", "garbage", message.ErrGeneric},
		"nothing":            {"A.TEST", "", message.ErrGeneric},
		"another realm":      {"B.TEST", request("lax", "krbtgt/A.TEST"), message.ErrWrongRealm},
	} {
		e, fault := message.ParseError(k.Answer(env, row.realm, row.request))
		if !fault.IsZero() || e.Code != row.want {
			t.Errorf("%s: %v (%v), want %v", name, e.Code, fault, row.want)
		}
	}
	if rep, fault := message.ParseKDCRep(k.Answer(env, "A.TEST", request("lax", "krbtgt/A.TEST"))); !fault.IsZero() || rep.Type != message.ASRep {
		t.Error(fault)
	}
	once := k.Answer(env, "A.TEST", request("lax", "krbtgt/A.TEST"))
	if again := k.Answer(env, "A.TEST", request("lax", "krbtgt/A.TEST")); once != again {
		t.Error("the same request is answered in another way (L1)")
	}
}

func TestNew(t *testing.T) {
	for name, c := range map[string]kdctest.Config{
		"a name that is none": {Realms: []kdctest.Realm{{Name: "A", Principals: []kdctest.Principal{{Name: "a@b@c"}}}}},
		"a type that is none": {Realms: []kdctest.Realm{{Name: "A", Types: []krb.EType{99}}}},
	} {
		if k, err := kdctest.New(c); err == nil || k != nil {
			t.Errorf("%s is taken", name)
		}
	}
	k := newKDC(t)
	if k.Keytab("HTTP/www@A.TEST").Len() != 1 || k.Keytab("HTTP/nobody@A.TEST").Len() != 0 {
		t.Error("keytabs")
	}
}

// The PAC of a ticket is what Config.PAC returns, made with the keys that the ticket is for.
func TestPAC(t *testing.T) {
	for _, pac := range []string{"a PAC", ""} {
		var service krb.Key
		k, err := kdctest.New(kdctest.Config{
			Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{{Name: "lax", Password: "wonder", NoPreauth: true}, {Name: "HTTP/www", Password: "x"}}}},
			PAC: func(client krb.Principal, _ krb.Time, key, _ krb.Key) string {
				if client.String() != "lax@A.TEST" {
					t.Errorf("client %v", client)
				}
				service = key
				return pac
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		rep, fault := message.ParseKDCRep(k.Answer(env, "A.TEST", request("lax", "HTTP/www")))
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		key, _ := k.Keytab("HTTP/www@A.TEST").Latest(rep.Ticket.Service, krb.AES256SHA1)
		if key.Key != service {
			t.Error("the PAC is made with another key than the service's")
		}
		text, ok := enctype.Decrypt(service, enctype.UsageTicket, rep.Ticket.Enc.Cipher)
		part, fault := message.ParseEncTicketPart(text)
		if !ok || !fault.IsZero() {
			t.Fatal("the ticket does not open", fault)
		}
		if got, has := part.AuthData.Find(message.ADPAC); got != pac || has != (pac != "") {
			t.Errorf("the ticket has %q, want %q", got, pac)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	k := newKDC(f)
	f.Add("A.TEST", request("alice", "krbtgt/A.TEST"))
	f.Add("A.TEST", request("lax", "HTTP/www"))
	f.Add("B.TEST", "")
	f.Fuzz(func(t *testing.T, realm, request string) {
		reply := k.Answer(env, realm, request)
		if _, fault := message.ParseError(reply); !fault.IsZero() {
			if _, fault := message.ParseKDCRep(reply); !fault.IsZero() {
				t.Errorf("%x is no answer: %v", reply, fault)
			}
		}
	})
}

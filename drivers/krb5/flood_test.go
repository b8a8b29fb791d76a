package krb5_test

import (
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
)

// realm is a client and a service of Kerberos, and the memory under test, without a network.
type realm struct {
	t               testing.TB
	client, service gss.Mechanism
	login           map[string]answer.Source
	memory          answer.Source
}

func newRealm(t testing.TB, memory answer.Source) *realm {
	k, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "bob", Password: "builder"}, {Name: "HTTP/www.a.test", Password: "service"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := &realm{t: t, memory: memory, login: map[string]answer.Source{}}
	for user, password := range map[string]string{"alice": "wonder", "bob": "builder"} {
		login, err := answer.For("https://www.a.test", user+"@A.TEST", password)
		if err != nil {
			t.Fatal(err)
		}
		r.login[user] = answer.Chain(login, krb5.InProcess(k), &krb5.Tickets{})
	}
	if r.client, err = kerberos.New(kerberos.Config{Realm: "A.TEST"}); err != nil {
		t.Fatal(err)
	}
	if r.service, err = kerberos.New(kerberos.Config{Keys: k.Keytab("HTTP/www.a.test@A.TEST")}); err != nil {
		t.Fatal(err)
	}
	return r
}

var www = gss.Target{Service: "HTTP", Scheme: "https", Host: "www.a.test", Port: 443}

// request returns an AP-REQ of a user's.
func (r *realm) request(user string) gss.Token {
	_, out := run(r.login[user], r.client.Initiate(www), gss.Input{})
	if !out.Token.Present() {
		r.t.Fatalf("%s has no ticket: %v", user, out.Fault)
	}
	return out.Token
}

// take returns what the service makes of a request.
func (r *realm) take(token gss.Token) gss.Output {
	_, out := run(r.memory, r.service.Accept(www), gss.Input{Token: token})
	return out
}

// A user that sends one request after the other with a ticket locks out no other user, and
// none of the requests is accepted twice. A memory of the default size, which more requests than fit are sent to, is tried by
// its own constructor, and in the long form shared with Digest, too.
func TestFloodOfKerberos(t *testing.T) {
	memories := map[string]answer.Source{"small": krb5.NewReplayCache(1000, 0), "default": krb5.NewReplayCache(0, 0)}
	if long.Form() {
		memories["shared with Digest"] = new(answer.ReplayCache)
	}
	for name, memory := range memories {
		t.Run(name, func(t *testing.T) {
			r := newRealm(t, memory)
			total := 70_000
			if name == "small" {
				total = long.Of(7_000, total)
			}
			taken, sample := 0, []gss.Token{}
			for n := range total {
				token := r.request("alice")
				switch out := r.take(token); {
				case out.State == gss.Complete:
					taken++
				case name != "small" || out.Fault.Code != gss.Unavailable || !out.Token.Present():
					t.Fatalf("alice's request %d: %v %v", n, out.State, out.Fault)
				}
				if n%(total/10) == 0 {
					sample = append(sample, token)
				}
			}
			bobs := r.request("bob")
			if out := r.take(bobs); out.State != gss.Complete {
				t.Errorf("bob, after %d requests of alice's: %v %v", total, out.State, out.Fault)
			}
			for _, token := range append(sample, bobs) {
				if out := r.take(token); out.State == gss.Complete {
					t.Error("a request is taken a second time")
				}
			}
			if name == "small" && (taken < 400 || taken > 600) {
				t.Errorf("alice, alone, had %d of 1000 entries; want half", taken)
			}
			requirement.Held(t, "unit:replay_flood_kerberos")
		})
	}
}

package ticket_test

import (
	"fmt"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// A client is sent from realm to realm maxReferrals times, and no further.
func TestReferralsOfALogin(t *testing.T) {
	x := ticket.New(ticket.Request{
		Client:   krb.Principal{Name: krb.NameOf(krb.NameEnterprise, "alice@here"), Realm: "R0"},
		Password: gss.NewSecret("password"), Types: types,
	})
	var answer gss.Answer
	for n := 0; ; n++ {
		next, r, err := x.Step(gss.Env{Now: now, Seed: gss.Seed{1, byte(n)}}, answer)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ask == nil {
			if r.Fault.Code != gss.LimitExceeded || n != ticket.MaxReferrals+1 {
				t.Errorf("after %d requests %v, want %d", n, r.Fault, ticket.MaxReferrals+1)
			}
			return
		}
		if got, want := r.Ask.(gss.NeedExchange).Realm, fmt.Sprint("R", n); got != want {
			t.Fatalf("request %d goes to %s, want %s", n+1, got, want)
		}
		away := message.Error{Time: krb.TimeOf(now), Code: message.ErrWrongRealm, Service: krb.TGS("R", "R"), Client: krb.Principal{Realm: fmt.Sprint("R", n+1)}}
		x, answer = next, gss.Reply{Data: string(away.Append(nil))}
	}
}

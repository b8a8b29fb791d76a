package kerberos_test

import (
	"fmt"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// toStore is an initiator that waits for the store of tickets: for the service's, or, after
// that was unknown, for the ticket-granting one.
func (w *world) toStore(granting bool) (gss.Context, kerberos.NeedTicket) {
	w.t.Helper()
	c, out, err := mech(w.t, w.client).Initiate(w.target).Step(w.env(0), gss.Input{})
	for range 2 {
		if err != nil || out.State != gss.Waiting {
			w.t.Fatal(out, err)
		}
		answer := w.login
		if need, ok := out.Ask.(kerberos.NeedTicket); ok {
			if _, tgs := need.Server.IsTGS(); tgs == granting {
				return c, need
			}
			answer = gss.Unknown{}
		}
		c, out, err = c.Step(w.env(0), gss.Input{Answer: answer})
	}
	need, ok := out.Ask.(kerberos.NeedTicket)
	if err != nil || !ok {
		w.t.Fatal(out, err)
	}
	return c, need
}

// A ticket of the store is for the server that was asked about, has its session key, and
// holds at this moment, or it is not used: the wrong one is the caller's mistake, and
// changes nothing; the old one is as good as none.
func TestStoreTicketIsJudged(t *testing.T) {
	good := newWorld(t, "www.a.test")
	good.store = map[string]ccache.Credential{}
	good.ok()
	const second = 1_000_000_000
	for _, granting := range []bool{false, true} {
		w := newWorld(t, "www.a.test")
		c, need := w.toStore(granting)
		name := "HTTP/www.a.test@A.TEST"
		if granting {
			name = krb.TGS("A.TEST", "A.TEST").String()
		}
		kept, ok := good.store[name]
		if !ok {
			t.Fatalf("no ticket %s among %d", name, len(good.store))
		}
		for what, test := range map[string]struct {
			change         func(*ccache.Credential)
			misuse, unused bool
		}{
			"the one":                   {func(*ccache.Credential) {}, false, false},
			"none":                      {func(c *ccache.Credential) { *c = ccache.Credential{} }, true, false},
			"without a ticket":          {func(c *ccache.Credential) { c.Ticket = "" }, true, false},
			"without a key":             {func(c *ccache.Credential) { c.Key = krb.Key{} }, true, false},
			"another service's":         {func(c *ccache.Credential) { c.Server = principal("HTTP/plain.a.test@A.TEST") }, true, false},
			"another realm's":           {func(c *ccache.Credential) { c.Server.Realm = "B.TEST" }, granting, false},
			"one that ends now":         {func(c *ccache.Credential) { c.EndTime = krb.TimeOf(now) }, false, true},
			"one that ended":            {func(c *ccache.Credential) { c.EndTime = krb.TimeOf(now - second) }, false, true},
			"one that ends in a second": {func(c *ccache.Credential) { c.EndTime = krb.TimeOf(now + second) }, false, false},
		} {
			ticket := kept
			test.change(&ticket)
			next, out, err := c.Step(w.env(0), gss.Input{Answer: kerberos.Ticket{Credential: ticket}})
			if (err != nil) != test.misuse || err != nil && (next != c || out != (gss.Output{})) {
				t.Errorf("%v: %s: misuse %t expected, %v came with %v and %v", need.Server, what, test.misuse, err, next, out)
			}
			if err != nil {
				continue
			}
			// What is used leads to the AP-REQ, or to an exchange for one; what is not, on to the
			// next place to look.
			_, asksKDC := out.Ask.(gss.NeedExchange)
			_, asksStore := out.Ask.(kerberos.NeedTicket)
			used := out.State == gss.Ready || granting && asksKDC && requestsService(t, out.Ask)
			if used == test.unused || test.unused && !asksStore && !asksKDC {
				t.Errorf("%v: %s: used %t, %v %T came", need.Server, what, used, out.State, out.Ask)
			}
		}
	}
}

// requestsService reports whether a request to a KDC is one for a service's ticket, made
// with a ticket-granting one.
func requestsService(t *testing.T, q gss.Question) bool {
	t.Helper()
	req, fault := message.ParseKDCReq(q.(gss.NeedExchange).Request)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	_, tgs := krb.Principal{Name: req.Body.Service, Realm: req.Body.Realm}.IsTGS()
	return !tgs
}

// Tickets that could be handed on are asked for where that is wanted, and nowhere else.
func TestForwardableIsAskedFor(t *testing.T) {
	for _, want := range []bool{false, true} {
		w := newWorld(t, "www.a.test")
		w.store = map[string]ccache.Credential{}
		w.client.Delegate = kerberos.DelegateAlways
		if want {
			w.target.Want = gss.Delegate
		}
		w.ok()
		for name, c := range w.store {
			if c.Flags.Has(krb.Forwardable) != want {
				t.Errorf("delegation wanted %t: the ticket %s is forwardable: %t", want, name, !want)
			}
		}
		// Nor is one of the service's, where the ticket-granting ticket would allow it.
		w.target.Want = 0
		delete(w.store, "HTTP/www.a.test@A.TEST")
		w.ok()
		if c := w.store["HTTP/www.a.test@A.TEST"]; c.IsZero() || c.Flags.Has(krb.Forwardable) {
			t.Errorf("delegation not wanted, with a ticket-granting ticket that is forwardable %t: the service's is", want)
		}
	}
}

// A user is told by how the name is written: a realm is in capitals, what is not is a
// user principal name, which a KDC of the default realm looks up, or of its own suffix in
// capitals where there is no default (RFC 6806 section 5).
func TestRealmsOfNames(t *testing.T) {
	for _, test := range []struct{ user, domain, realm, want string }{
		{"alice", "", "A.TEST", "alice@A.TEST"},
		{"alice@B.TEST", "", "A.TEST", "alice@B.TEST"},
		{"alice", "B.TEST", "A.TEST", "alice@B.TEST"},
		{"alice@B.TEST", "C.TEST", "A.TEST", "alice@B.TEST"},
		{"alice@b.test", "", "A.TEST", `alice\@b.test@A.TEST`},
		{"alice@b.test", "", "", `alice\@b.test@B.TEST`},
		{"alice@B.test", "", "", `alice\@B.test@B.TEST`},
		{"alice", "b.test", "A.TEST", `alice\@b.test@A.TEST`},
		{"alice", "", "", ""},
		{"", "", "A.TEST", ""},
	} {
		w := newWorld(t, "www.a.test")
		w.client.Realm = test.realm
		c, _, err := mech(t, w.client).Initiate(w.target).Step(w.env(0), gss.Input{})
		if err != nil {
			t.Fatal(err)
		}
		_, out, err := c.Step(w.env(0), gss.Input{Answer: gss.Password{User: test.user, Domain: test.domain, Password: gss.NewSecret(password)}})
		need, _ := out.Ask.(kerberos.NeedTicket)
		got := ""
		if out.State == gss.Waiting {
			got = need.Client.String()
		}
		if err != nil || got != test.want || test.want == "" && out.Fault.Code != gss.NoCredentials {
			t.Errorf("%q of %q, with the realm %q: %s, want %s: %v", test.user, test.domain, test.realm, got, test.want, out.Fault)
		}
	}
}

// foreign is an answer that no question takes.
type foreign struct{}

func (foreign) Answer() {}

// Every question takes its own answers: any other is the caller's mistake, and changes
// nothing, however far the exchange is (law L3).
func TestForeignAnswersChangeNothing(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.store = map[string]ccache.Credential{}
	asked := map[string]bool{}
	run := func(c gss.Context, in gss.Input) gss.Output {
		for {
			next, out, err := c.Step(w.env(0), in)
			if err != nil {
				t.Fatal(err)
			}
			if out.State != gss.Waiting {
				return out
			}
			asked[fmt.Sprintf("%T", out.Ask)] = true
			for _, wrong := range []gss.Answer{foreign{}, gss.Verdict{Accepted: true}} {
				after, none, err := next.Step(w.env(0), gss.Input{Answer: wrong})
				if _, misuse := err.(gss.Misuse); !misuse || after != next || none != (gss.Output{}) {
					t.Errorf("%T answered by %T: %v, with %v in place of %v, and %v", out.Ask, wrong, err, after, next, none)
				}
			}
			c, in = next, gss.Input{Answer: w.answer(out.Ask)}
		}
	}
	out := run(mech(t, w.client).Initiate(w.target), gss.Input{})
	if out.State != gss.Ready {
		t.Fatal(out)
	}
	if out = run(mech(t, w.server).Accept(w.acceptor), gss.Input{Token: out.Token}); out.State != gss.Complete {
		t.Fatal(out)
	}
	for _, q := range []string{"gss.NeedCredential", "kerberos.NeedTicket", "gss.NeedExchange", "kerberos.KeepTicket", "gss.NeedReplayCheck"} {
		if !asked[q] {
			t.Errorf("%s was not asked: %v", q, asked)
		}
	}
}

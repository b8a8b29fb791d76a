package kerberos

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

// benchTypes are those that are measured.
var benchTypes = []krb.EType{krb.AES128SHA1, krb.AES256SHA1, krb.AES256SHA384, krb.RC4}

// acceptOnce takes a request from bytes to identity, the replay question answered.
func acceptOnce(tb testing.TB, mech gss.Mechanism, token gss.Token) gss.Context {
	c, _, _ := mech.Accept(gss.Target{}).Step(env, gss.Input{Token: token})
	c, out, _ := c.Step(env, gss.Input{Answer: gss.ReplayVerdict{First: true}})
	if out.State != gss.Complete {
		tb.Fatal(out.Fault)
	}
	return c
}

// BenchmarkAccept is P1. The floor opens the ticket with a prepared key and the
// authenticator with one that it derives, and does no more. Mutual adds AP-REP.
func BenchmarkAccept(b *testing.B) {
	for _, kind := range benchTypes {
		f := newForger(b, kind)
		f.options, f.sum.Flags = 0, f.sum.Flags&^uint32(gss.Mutual)
		oneWay := f.token()
		f.options, f.sum.Flags = message.MutualRequired, f.sum.Flags|uint32(gss.Mutual)
		mutual := f.token()
		ap, fault := message.ParseAPReq(f.apreq())
		if !fault.IsZero() {
			b.Fatal(fault)
		}
		service := enctype.Prepare(f.serviceKey(), enctype.UsageTicket)
		b.Run(kind.String()+"/floor", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, ok := service.Decrypt(enctype.UsageTicket, ap.Ticket.Enc.Cipher)
				_, also := enctype.Decrypt(f.session, enctype.UsageAPReqAuth, ap.Authenticator.Cipher)
				if !ok || !also {
					b.Fatal("does not open")
				}
			}
		})
		var mech gss.Mechanism = newMechanism(b, Config{Keys: f.keys, AllowRC4: true})
		for name, token := range map[string]gss.Token{"one way": oneWay, "mutual": mutual} {
			b.Run(kind.String()+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					acceptOnce(b, mech, token)
				}
			})
		}
	}
}

// BenchmarkAcceptPAC is P3: with the PAC read, and its signature verified.
func BenchmarkAcceptPAC(b *testing.B) {
	mech, token := withPAC(b)
	b.ReportAllocs()
	for b.Loop() {
		said, ok, fault := PAC(acceptOnce(b, mech, token))
		if !ok || !fault.IsZero() {
			b.Fatal(fault)
		}
		if logon, ok, _ := said.Logon(); !ok || logon.UserRID != 1104 {
			b.Fatal("no logon")
		}
	}
}

// withPAC returns a request with a ticket that has a signed PAC of a user with some
// groups.
func withPAC(tb testing.TB) (gss.Mechanism, gss.Token) {
	f := newForger(tb, krb.AES256SHA1)
	f.options, f.sum.Flags = 0, f.sum.Flags&^uint32(gss.Mutual)
	user := pac.User{Name: "alice", Domain: "A", Server: "DC", DomainSID: pac.SIDOf(5, 21, 1, 2, 3), RID: 1104, PrimaryGroupRID: 513, Groups: []uint32{513, 1200, 1201, 1202}, UPN: "alice@a.test", DNSDomain: "A.TEST"}
	text := pac.Write(f.ticket.Client.Name, f.ticket.AuthTime, user, f.serviceKey(), f.serviceKey())
	f.ticket.AuthData = message.AuthorizationData("").Append(message.ADPAC, text).IfRelevant()
	return newMechanism(tb, Config{Keys: f.keys, KeepPAC: true}), f.token()
}

// initiateOnce makes a request with a ticket in hand.
func initiateOnce(tb testing.TB, mech gss.Mechanism, tickets gss.Answer) gss.Token {
	c, _, _ := mech.Initiate(gss.Target{Service: "HTTP", Host: "www.a.test"}).Step(env, gss.Input{})
	_, out, _ := c.Step(env, gss.Input{Answer: tickets})
	if !out.Token.Present() {
		tb.Fatal(out.Fault)
	}
	return out.Token
}

// ticketInHand is a cache with the ticket for the service.
func ticketInHand(tb testing.TB, kind krb.EType) Tickets {
	f := newForger(tb, kind)
	ap, _ := message.ParseAPReq(f.apreq())
	cred := ccache.Credential{Client: alice, Server: service, Key: f.session, AuthTime: krb.TimeOf(now), EndTime: krb.TimeOf(now) + 3600, Ticket: string(ap.Ticket.Append(nil))}
	return Tickets{Cache: ccache.New(alice, cred)}
}

// BenchmarkInitiate is P6. The floor encrypts an authenticator under a key that it derives.
func BenchmarkInitiate(b *testing.B) {
	for _, kind := range benchTypes {
		f := newForger(b, kind)
		plain := string(f.auth.Append(nil)) + strings.Repeat("x", 64)
		b.Run(kind.String()+"/floor", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				enctype.Encrypt(f.session, enctype.UsageAPReqAuth, strings.Repeat("c", enctype.ConfounderSize(kind)), plain)
			}
		})
		var mech gss.Mechanism = newMechanism(b, Config{AllowRC4: true})
		tickets := ticketInHand(b, kind)
		b.Run(kind.String()+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				initiateOnce(b, mech, tickets)
			}
		})
	}
}

// What a request costs in allocations does not grow unnoticed (P1, P3, P6), and with keys
// prepared when the keytab is made nothing is derived of the service's when a ticket comes
// (P16): that would show here.
func TestAllocations(t *testing.T) {
	pacMech, pacToken := withPAC(t)
	for _, row := range []struct {
		name string
		do   func()
		most float64
	}{
		{"accept aes256-sha1", acceptRow(t, krb.AES256SHA1), 28},
		{"accept aes256-sha384", acceptRow(t, krb.AES256SHA384), 25},
		{"accept rc4", acceptRow(t, krb.RC4), 22},
		{"accept with PAC", func() { PAC(acceptOnce(t, pacMech, pacToken)) }, 40},
		{"initiate", initiateRow(t, krb.AES256SHA1), 26},
	} {
		if n := testing.AllocsPerRun(100, row.do); n > row.most {
			t.Errorf("%s: %v allocations, at most %v", row.name, n, row.most)
		} else {
			t.Logf("%s: %v", row.name, n)
		}
	}
}

func acceptRow(tb testing.TB, kind krb.EType) func() {
	f := newForger(tb, kind)
	f.options, f.sum.Flags = 0, f.sum.Flags&^uint32(gss.Mutual)
	token := f.token()
	var mech gss.Mechanism = newMechanism(tb, Config{Keys: f.keys, AllowRC4: true})
	return func() { acceptOnce(tb, mech, token) }
}

func initiateRow(tb testing.TB, kind krb.EType) func() {
	var mech gss.Mechanism = newMechanism(tb, Config{})
	tickets := ticketInHand(tb, kind)
	return func() { initiateOnce(tb, mech, tickets) }
}

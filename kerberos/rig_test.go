package kerberos

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// reached is what a step came to.
type reached struct {
	gss.Context
	gss.Output
}

// take steps once and holds the step to the laws: it gives the same again (L1), the
// state is comparable (L2), and no error comes but for misuse (L3).
func take(t testing.TB, c gss.Context, env gss.Env, in gss.Input) reached {
	t.Helper()
	next, out, err := c.Step(env, in)
	if err != nil {
		t.Fatalf("misuse: %v", err)
	}
	again, same, err := c.Step(env, in)
	if next != again || out != same || err != nil {
		t.Fatal("the same step gives another result (L1)")
	}
	if !reflect.ValueOf(next).Comparable() {
		t.Fatalf("%T is not comparable (L2)", next)
	}
	if (out.State == gss.Failed) == out.Fault.IsZero() || (out.State == gss.Waiting) != (out.Ask != nil) {
		t.Fatalf("state %v with fault %v and question %v", out.State, out.Fault, out.Ask)
	}
	if _, ok := next.Session(); ok && out.State != gss.Complete {
		t.Fatalf("a session in state %v", out.State)
	}
	info := next.Info()
	if info.Mech != gss.Kerberos || info.ConnectionBased {
		t.Fatalf("%+v", info)
	}
	if out.State != gss.Complete && (info.Peer != "" || info.Flags != 0 || info.Delegated != nil) {
		t.Fatalf("before the end: %+v", info)
	}
	return reached{next, out}
}

func step(t testing.TB, c gss.Context, env gss.Env, in gss.Input, want gss.State) reached {
	t.Helper()
	r := take(t, c, env, in)
	if r.State != want {
		t.Fatalf("state %v, want %v: %v", r.State, want, r.Fault)
	}
	return r
}

func refused(t testing.TB, r reached, want gss.Code) {
	t.Helper()
	if r.State != gss.Failed || r.Fault.Code != want {
		t.Errorf("state %v, fault %v, want %v", r.State, r.Fault, want)
	}
}

func newMechanism(t testing.TB, c Config) mechanism {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m.(mechanism)
}

func principal(text string) krb.Principal {
	p, _ := krb.ParsePrincipal(text, "")
	return p
}

var (
	service = principal("HTTP/www.a.test@A.TEST")
	alice   = principal("alice@A.TEST")
	binding = gss.BindingOf("tls-server-end-point:certificate")
)

const now = int64(1_795_608_000_000_000_000)

// forger makes tickets and requests by hand, so that each part can be wrong.
type forger struct {
	kind    krb.EType
	keys    *keytab.Keytab
	session krb.Key
	ticket  message.EncTicketPart
	auth    message.Authenticator
	sum     message.GSSChecksum
	service krb.Principal
	options krb.Flags
	mangle  func(*message.APReq)
}

func newForger(t testing.TB, kind krb.EType) *forger {
	t.Helper()
	entries, fault := keytab.FromPassword(service, gss.NewSecret("service password"), "", 2, kind)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	f := &forger{kind: kind, keys: keytab.New(entries...), service: service, options: message.MutualRequired}
	f.session, _ = krb.NewKey(kind, strings.Repeat("s", kind.KeySize()))
	at := krb.TimeOf(now)
	f.ticket = message.EncTicketPart{Flags: krb.Forwardable, Key: f.session, Client: alice, AuthTime: at - 60, EndTime: at + 3600}
	f.auth = message.Authenticator{Client: alice, Time: at, HasSequence: true, Sequence: 77, HasChecksum: true}
	f.sum = message.GSSChecksum{Flags: uint32(gss.Mutual | gss.ReplayDetect | gss.Sequence | gss.Integrity)}
	return f
}

func (f *forger) serviceKey() krb.Key {
	for e := range f.keys.All() {
		return e.Key
	}
	return krb.Key{}
}

// apreq is the request without framing.
func (f *forger) apreq() string {
	conf := strings.Repeat("c", enctype.ConfounderSize(f.kind))
	auth := f.auth
	if auth.HasChecksum && auth.Checksum.Type == 0 {
		auth.Checksum = message.Checksum{Type: enctype.GSSChecksumNumber, Sum: string(f.sum.Append(nil))}
	}
	m := message.APReq{Options: f.options,
		Ticket: message.Ticket{Service: f.service, Enc: message.EncryptedData{Type: f.kind, HasKvno: true, Kvno: 2,
			Cipher: enctype.Encrypt(f.serviceKey(), enctype.UsageTicket, conf, string(f.ticket.Append(nil)))}},
		Authenticator: message.EncryptedData{Type: f.kind, Cipher: enctype.Encrypt(f.session, enctype.UsageAPReqAuth, conf, string(auth.Append(nil)))},
	}
	if f.mangle != nil {
		f.mangle(&m)
	}
	return string(m.Append(nil))
}

func (f *forger) token() gss.Token {
	return gss.TokenOf(message.Frame(gss.Kerberos, message.TokenAPReq, []byte(f.apreq())))
}

// delegate puts credentials into the authenticator's checksum, a ticket for each entry.
func (f *forger) delegate(infos ...message.CredInfo) {
	part, tickets := message.EncCred{Time: krb.TimeOf(now)}, ""
	for _, info := range infos {
		part = part.With(info)
		one := message.Ticket{Service: krb.TGS("A.TEST", "A.TEST"), Enc: message.EncryptedData{Type: f.kind, Cipher: "the KDC's"}}
		tickets += string(one.Append(nil))
	}
	cred := message.Cred{Tickets: message.Tickets(tickets)}
	cred.Enc = message.EncryptedData{Type: f.kind, Cipher: enctype.Encrypt(f.session, enctype.UsageCred, strings.Repeat("c", enctype.ConfounderSize(f.kind)), string(part.Append(nil)))}
	f.sum.Flags |= uint32(gss.Delegate)
	f.sum.Delegation = string(cred.Append(nil))
}

var env = gss.Env{Now: now, Seed: gss.Seed{1, 2, 3}}

// accept runs an acceptor to its end; nothing was seen before.
func accept(t testing.TB, c Config, b gss.Binding, token gss.Token) reached {
	t.Helper()
	r := take(t, newMechanism(t, c).Accept(gss.Target{Binding: b}), env, gss.Input{Token: token})
	for r.State == gss.Waiting {
		var answer gss.Answer = gss.ReplayVerdict{First: true}
		if _, ok := r.Ask.(NeedServiceKey); ok {
			answer = gss.Unknown{}
		}
		r = take(t, r.Context, env, gss.Input{Answer: answer})
	}
	return r
}

func load(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// withKey returns keys with an AES key of each of the principals in addition, which opens no ticket of the tests.
func withKey(t testing.TB, keys *keytab.Keytab, principals ...krb.Principal) *keytab.Keytab {
	t.Helper()
	var entries []keytab.Entry
	for e := range keys.All() {
		entries = append(entries, e)
	}
	for _, p := range principals {
		more, fault := keytab.FromPassword(p, gss.NewSecret("of no ticket"), "", 99, krb.AES256SHA1)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		entries = append(entries, more...)
	}
	return keytab.New(entries...)
}

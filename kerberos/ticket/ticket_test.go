package ticket_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

const now = int64(1_795_608_000_000_000_000)

func principal(text string) krb.Principal {
	p, _ := krb.ParsePrincipal(text, "")
	return p
}

var (
	alice = principal("alice@A.TEST")
	www   = principal("HTTP/www.a.test@A.TEST")
	types = krb.ETypesOf(krb.AES256SHA1, krb.AES128SHA256)
)

// realms are A, which trusts B, which trusts C.
func realms() kdctest.Config {
	return kdctest.Config{Realms: []kdctest.Realm{
		{Name: "A.TEST", Trusts: []string{"B.TEST"}, Types: []krb.EType{krb.AES256SHA1, krb.AES128SHA256}, Principals: []kdctest.Principal{
			{Name: "alice", Password: "wonder"}, {Name: "open", Password: "door", NoPreauth: true}, {Name: "locked", Password: "out", Locked: true},
			{Name: "HTTP/www.a.test", Password: "service", OKAsDelegate: true, ForOthers: true, DelegatesTo: []string{"HTTP/back.a.test"}},
			{Name: "HTTP/back.a.test", Password: "back"}, {Name: "old", Password: "old", Types: []krb.EType{krb.RC4}},
		}},
		{Name: "B.TEST", Trusts: []string{"C.TEST"}, Principals: []kdctest.Principal{{Name: "HTTP/www.b.test", Password: "b"}, {Name: "bob", Password: "builder"}}},
		{Name: "C.TEST", Principals: []kdctest.Principal{{Name: "HTTP/www.c.test", Password: "c"}}},
	}}
}

func newKDC(t testing.TB, c kdctest.Config) *kdctest.KDC {
	t.Helper()
	k, err := kdctest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// world is a client's clock, its KDCs and what the network does.
type world struct {
	t      testing.TB
	kdc    *kdctest.KDC
	skew   int64
	n      byte
	asked  []string // realms
	last   string   // request
	mangle func(realm, reply string) string
}

func (w *world) env() gss.Env {
	w.n++
	return gss.Env{Now: now, Seed: gss.Seed{w.n, 't'}}
}

// run is a whole exchange.
func (w *world) run(r ticket.Request) ticket.Result {
	w.t.Helper()
	if r.Types == (krb.ETypes{}) {
		r.Types = types
	}
	x := ticket.New(r)
	var answer gss.Answer
	for {
		env := w.env()
		next, res, err := x.Step(env, answer)
		if err != nil {
			w.t.Fatal(err)
		}
		if again, same, _ := x.Step(env, answer); again != next || same != res {
			w.t.Fatal("the same step gives another result (L1)")
		}
		if !reflect.ValueOf(next).Comparable() {
			w.t.Fatal("not comparable (L2)")
		}
		if res.Ask == nil {
			if res.Done() != res.Fault.IsZero() {
				w.t.Fatalf("%+v", res)
			}
			return res
		}
		q := res.Ask.(gss.NeedExchange)
		w.asked, w.last = append(w.asked, q.Realm), q.Request
		kdcEnv := gss.Env{Now: now + w.skew, Seed: gss.Seed{w.n, 'k'}}
		reply := w.kdc.Answer(kdcEnv, q.Realm, q.Request)
		if w.mangle != nil {
			reply = w.mangle(q.Realm, reply)
		}
		x, answer = next, gss.Reply{Data: reply}
	}
}

func (w *world) ok(r ticket.Request) ccache.Credential {
	w.t.Helper()
	res := w.run(r)
	if !res.Done() {
		w.t.Fatalf("%v: %v", r, res.Fault)
	}
	return res.Credential
}

func secret(s string) gss.Secret { return gss.NewSecret(s) }

func TestAS(t *testing.T) {
	k := newKDC(t, realms())
	for _, row := range []struct {
		name string
		req  ticket.Request
		skew int64
		want gss.Code
		legs int
	}{
		{"a password", ticket.Request{Client: alice, Password: secret("wonder")}, 0, 0, 2},
		{"keys", ticket.Request{Client: alice, Keytab: k.Keytab("alice@A.TEST")}, 0, 0, 2},
		{"no pre-authentication", ticket.Request{Client: principal("open@A.TEST"), Password: secret("door")}, 0, 0, 1},
		{"a wrong password", ticket.Request{Client: alice, Password: secret("wander")}, 0, gss.BadCredentials, 2},
		{"a wrong password without pre-authentication", ticket.Request{Client: principal("open@A.TEST"), Password: secret("window")}, 0, gss.BadCredentials, 1},
		{"a clock that is wrong", ticket.Request{Client: alice, Password: secret("wonder")}, 3600e9, 0, 3},
		{"nobody", ticket.Request{Client: principal("nobody@A.TEST"), Password: secret("x")}, 0, gss.UnknownUser, 1},
		{"locked", ticket.Request{Client: principal("locked@A.TEST"), Password: secret("out")}, 0, gss.NotPermitted, 1},
		{"a weak key only", ticket.Request{Client: principal("old@A.TEST"), Password: secret("old")}, 0, gss.Unsupported, 1},
		{"a weak key, asked for", ticket.Request{Client: principal("old@A.TEST"), Password: secret("old"), Types: krb.ETypesOf(krb.RC4)}, 0, 0, 2},
		{"another service", ticket.Request{Client: alice, Password: secret("wonder"), Server: www}, 0, 0, 2},
		{"no service", ticket.Request{Client: alice, Password: secret("wonder"), Server: principal("HTTP/none@A.TEST")}, 0, gss.WrongTarget, 1},
		{"no realm", ticket.Request{Client: principal("alice"), Password: secret("wonder")}, 0, gss.NoCredentials, 0},
		{"nothing", ticket.Request{Client: alice}, 0, gss.NoCredentials, 0},
		{"keys of somebody else", ticket.Request{Client: alice, Keytab: k.Keytab("open@A.TEST")}, 0, gss.Unsupported, 1},
		{"an enterprise name", ticket.Request{Client: krb.Principal{Name: krb.NameOf(krb.NameEnterprise, "alice@a.test"), Realm: "A.TEST"}, Password: secret("wonder")}, 0, 0, 2},
		{"an enterprise name of another realm", ticket.Request{Client: krb.Principal{Name: krb.NameOf(krb.NameEnterprise, "bob@b.test"), Realm: "A.TEST"}, Password: secret("builder")}, 0, 0, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &world{t: t, kdc: k, skew: row.skew}
			res := w.run(row.req)
			if res.Fault.Code != row.want || len(w.asked) != row.legs {
				t.Fatalf("%v after %d messages", res.Fault, len(w.asked))
			}
			if row.want == gss.NoFault && (res.Credential.EndTime <= krb.TimeOf(now) || res.Credential.Key.IsZero() || row.skew != 0 && int64(res.Offset) != row.skew) {
				t.Errorf("%v %v", res.Credential, res.Fault)
			}
		})
	}
}

func TestTGS(t *testing.T) {
	k := newKDC(t, realms())
	tgt := (&world{t: t, kdc: k}).ok(ticket.Request{Client: alice, Password: secret("wonder"), Options: krb.Forwardable, RenewLifetime: 100000})
	if !tgt.Flags.Has(krb.Forwardable | krb.Renewable | krb.Initial | krb.PreAuthent | message.EncPARep) {
		t.Errorf("flags %v", tgt.Flags)
	}
	for _, row := range []struct {
		name, server string
		opts         krb.Flags
		want         gss.Code
		realms       string
		got          string
	}{
		{"a service", "HTTP/www.a.test@A.TEST", 0, 0, "A.TEST", "HTTP/www.a.test@A.TEST"},
		{"a service of no known realm", "HTTP/www.a.test", 0, 0, "A.TEST", "HTTP/www.a.test@A.TEST"},
		{"referred", "HTTP/www.b.test", 0, 0, "A.TEST B.TEST", "HTTP/www.b.test@B.TEST"},
		{"referred twice", "HTTP/www.c.test", 0, 0, "A.TEST B.TEST C.TEST", "HTTP/www.c.test@C.TEST"},
		{"the realm is known", "HTTP/www.b.test@B.TEST", 0, 0, "A.TEST B.TEST", "HTTP/www.b.test@B.TEST"},
		{"the realm is known, and far", "HTTP/www.c.test@C.TEST", 0, 0, "A.TEST B.TEST C.TEST", "HTTP/www.c.test@C.TEST"},
		{"the realm is mistaken, and refers", "HTTP/www.b.test@A.TEST", 0, 0, "A.TEST B.TEST", "HTTP/www.b.test@B.TEST"},
		{"the realm is mistaken, and refers twice", "HTTP/www.c.test@A.TEST", 0, 0, "A.TEST B.TEST C.TEST", "HTTP/www.c.test@C.TEST"},
		{"the realm is mistaken, far, and refers", "HTTP/www.c.test@B.TEST", 0, 0, "A.TEST B.TEST C.TEST", "HTTP/www.c.test@C.TEST"},
		{"no such service", "HTTP/none.a.test@A.TEST", 0, gss.WrongTarget, "A.TEST", ""},
		{"no such service anywhere", "HTTP/none", 0, gss.WrongTarget, "A.TEST", ""},
		{"no such realm", "HTTP/www@D.TEST", 0, gss.WrongTarget, "A.TEST B.TEST C.TEST", ""},
		{"forwarded", "krbtgt/A.TEST@A.TEST", krb.Forwarded | krb.Forwardable, 0, "A.TEST", "krbtgt/A.TEST@A.TEST"},
		{"renewed", "krbtgt/A.TEST@A.TEST", krb.Renew | krb.Renewable, 0, "A.TEST", "krbtgt/A.TEST@A.TEST"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &world{t: t, kdc: k}
			res := w.run(ticket.Request{Client: alice, Server: principal(row.server), TGT: tgt, Options: row.opts})
			if res.Fault.Code != row.want || strings.Join(w.asked, " ") != row.realms {
				t.Fatalf("%v, asked %v", res.Fault, w.asked)
			}
			if row.want == gss.NoFault && (res.Credential.Server.String() != row.got || !res.Credential.Client.Equal(alice)) {
				t.Errorf("%v", res.Credential)
			}
			if row.opts.Has(krb.Forwarded) && !res.Credential.Flags.Has(krb.Forwarded) {
				t.Errorf("flags %v", res.Credential.Flags)
			}
			if row.opts.Has(krb.Renew) && res.Credential.Flags != tgt.Flags { // the same ticket, but for its times
				t.Errorf("flags %v after renewal, want %v", res.Credential.Flags, tgt.Flags)
			}
			if strings.Contains(row.name, "mistaken") {
				requirement.Held(t, "unit:krb_mistaken_realm_refers", "KRB-25")
			}
		})
	}
	w := &world{t: t, kdc: k}
	if c := w.ok(ticket.Request{Client: alice, Server: www, TGT: tgt}); !c.Flags.Has(krb.OKAsDelegate) {
		t.Errorf("flags %v", c.Flags)
	}
	expired := tgt
	expired.EndTime = krb.TimeOf(now)
	if res := w.run(ticket.Request{Client: alice, Server: www, TGT: expired}); res.Fault.Code != gss.Expired {
		t.Error(res.Fault)
	}
	if res := w.run(ticket.Request{Client: alice, Server: www, TGT: w.ok(ticket.Request{Client: alice, Server: www, TGT: tgt})}); res.Fault.Code != gss.NoCredentials {
		t.Error(res.Fault)
	}
}

// MS-SFU: a service gets a ticket to itself in a user's name, and with it one to
// another service, where it may.
func TestForOthers(t *testing.T) {
	k := newKDC(t, realms())
	w := &world{t: t, kdc: k}
	tgt := w.ok(ticket.Request{Client: www, Keytab: k.Keytab(www.String()), Options: krb.Forwardable})
	evidence := w.ok(ticket.Request{Client: www, Server: www, TGT: tgt, For: alice, Options: krb.Forwardable})
	if !evidence.Client.Equal(alice) || !evidence.Server.Equal(www) || !evidence.Flags.Has(krb.Forwardable) {
		t.Fatalf("%v", evidence)
	}
	back := principal("HTTP/back.a.test@A.TEST")
	if c := w.ok(ticket.Request{Client: www, Server: back, TGT: tgt, Evidence: evidence}); !c.Client.Equal(alice) || !c.Server.Equal(back) {
		t.Errorf("%v", c)
	}
	for name, req := range map[string]ticket.Request{
		"to a service that it may not":       {Client: www, Server: principal("old@A.TEST"), TGT: tgt, Evidence: evidence},
		"for nobody":                         {Client: www, Server: www, TGT: tgt, For: principal("nobody@A.TEST")},
		"a ticket to somebody else":          {Client: www, Server: back, TGT: tgt, For: alice},
		"with evidence that cannot be shown": {Client: www, Server: back, TGT: tgt, Evidence: w.ok(ticket.Request{Client: www, Server: www, TGT: tgt, For: alice})},
	} {
		if res := w.run(req); res.Done() {
			t.Errorf("%s: %v", name, res.Credential)
		}
	}
}

// Times that nanoseconds cannot count do not turn around: neither a ticket's that ends in
// 9999, nor those that a KDC's clock or a caller's lifetime come to.
func TestLateTimes(t *testing.T) {
	const last = krb.Time(253402300799) // the end of 9999
	c := realms()
	c.Fault = func(p *kdctest.ReplyPart) { p.EndTime, p.RenewTill = last, last }
	w := &world{t: t, kdc: newKDC(t, c)}
	tgt := w.ok(ticket.Request{Client: alice, Password: secret("wonder")})
	if tgt.EndTime != last {
		t.Errorf("until %v", tgt.EndTime)
	}
	w.ok(ticket.Request{Client: alice, Server: www, TGT: tgt})
	w = &world{t: t, kdc: newKDC(t, realms())}
	long := w.ok(ticket.Request{Client: alice, Password: secret("wonder"), Lifetime: math.MaxInt64, RenewLifetime: math.MaxInt64})
	if at := krb.TimeOf(now); long.EndTime <= at || long.RenewTill <= at {
		t.Errorf("until %v, renewable until %v", long.EndTime, long.RenewTill)
	}
	// A clock of the year 9999 is not one of today.
	sent := 0
	w.mangle = func(_, reply string) string {
		if sent++; sent == 1 {
			return string(message.Error{Time: last, Code: message.ErrSkew, Service: www}.Append(nil))
		}
		return reply
	}
	if res := w.run(ticket.Request{Client: alice, Password: secret("wonder")}); res.Fault.Code != gss.ClockSkew {
		t.Errorf("%v %v", res.Credential, res.Fault)
	}
}

// The client answers a hostile KDC, or an attacker in its place, with a fault and nothing
// else, within bounds.
func TestHostileKDC(t *testing.T) {
	honest := newKDC(t, realms())
	tgt := (&world{t: t, kdc: honest}).ok(ticket.Request{Client: alice, Password: secret("wonder")})
	as := ticket.Request{Client: alice, Password: secret("wonder")}
	tgs := ticket.Request{Client: alice, Server: www, TGT: tgt}
	for name, f := range map[string]func(*kdctest.ReplyPart){
		"another nonce":   func(p *kdctest.ReplyPart) { p.Nonce++ },
		"another service": func(p *kdctest.ReplyPart) { p.Service = principal("HTTP/back.a.test@A.TEST") },
		"another realm":   func(p *kdctest.ReplyPart) { p.Service.Realm = "B.TEST" },
		"expired":         func(p *kdctest.ReplyPart) { p.EndTime = krb.TimeOf(now) },
	} {
		c := realms()
		c.Fault = f
		for _, req := range []ticket.Request{as, tgs} {
			if _, isTGS := req.Server.IsTGS(); name == "another realm" && !isTGS && !req.TGT.IsZero() {
				continue // KDCs may say that a service is in another realm
			}
			if res := (&world{t: t, kdc: newKDC(t, c)}).run(req); res.Done() || res.Fault.Code != gss.NotAuthentic && res.Fault.Code != gss.Expired {
				t.Errorf("%s: %v %v", name, req, res.Fault)
			}
		}
	}
	loud := func(code message.ErrorCode) string {
		return string(message.Error{Time: krb.TimeOf(now) + 3600, Code: code, Service: www, Client: alice}.Append(nil))
	}
	methods := message.Error{Time: 1, Code: message.ErrPreauthRequired, Service: www}
	methods.Data = message.PAData("").Append(message.PAETypeInfo2, message.ETypeInfos("").Append(message.ETypeInfo{Type: krb.AES256SHA1, Params: "\x7F\xFF\xFF\xFF"}).Encode()).Encode()
	var last string
	for name, row := range map[string]struct {
		mangle func(realm, reply string) string
		want   gss.Code
	}{
		"garbage":          {func(string, string) string { return "garbage" }, gss.Malformed},
		"nothing":          {func(string, string) string { return "" }, gss.Malformed},
		"skew without end": {func(string, string) string { return loud(message.ErrSkew) }, gss.ClockSkew},
		"its own request":  {func(string, string) string { return string(message.APRep{}.Append(nil)) }, gss.Malformed},
		"an old answer": {func(_, r string) string {
			old := last
			last = r
			if old == "" {
				return r
			}
			return old
		}, gss.NoFault},
		"too big":               {func(string, string) string { return loud(message.ErrResponseTooBig) }, gss.QuestionFailed},
		"a code of its own":     {func(string, string) string { return loud(9999) }, gss.Refused},
		"all the work there is": {func(string, string) string { return string(methods.Append(nil)) }, gss.NotPermitted},
		"cut short":             {func(_, r string) string { return r[:len(r)-1] }, gss.Malformed},
	} {
		for _, req := range []ticket.Request{as, tgs} {
			w := &world{t: t, kdc: honest, mangle: row.mangle}
			res := w.run(req)
			if row.want == gss.NoFault || name == "all the work there is" && !req.TGT.IsZero() {
				continue
			}
			if res.Fault.Code != row.want || len(w.asked) > ticket.MaxExchanges {
				t.Errorf("%s: %v after %d messages", name, res.Fault, len(w.asked))
			}
		}
	}
	// Referrals in circles.
	c := realms()
	c.Realms[1].Trusts, c.Realms[1].Principals = []string{"A.TEST"}, nil
	c.Realms[2].Name = "D.TEST"
	w := &world{t: t, kdc: newKDC(t, c)}
	far := ticket.Request{Client: alice, Server: principal("HTTP/www@X.TEST"), TGT: tgt}
	if res := w.run(far); res.Fault.Code != gss.LimitExceeded || len(w.asked) > ticket.MaxReferrals+1 {
		t.Errorf("%v, asked %v", res.Fault, w.asked)
	}
	// Another user's ticket: an attacker in the middle exchanges whole replies.
	stolen := (&world{t: t, kdc: honest}).ok(ticket.Request{Client: principal("open@A.TEST"), Password: secret("door")})
	w = &world{t: t, kdc: honest}
	swap := ticket.Request{Client: alice, Server: www, TGT: stolen}
	if res := w.run(swap); res.Done() && res.Credential.Client.Equal(alice) {
		t.Error("another user's ticket became ours")
	}
}

// RFC 6806 section 11: the removal of strong types from the request in transit is detected.
func TestDowngrade(t *testing.T) {
	k := newKDC(t, realms())
	x := ticket.New(ticket.Request{Client: principal("open@A.TEST"), Password: secret("door"), Types: types})
	w := &world{t: t, kdc: k}
	x, res, _ := x.Step(w.env(), nil)
	m, _ := message.ParseKDCReq(res.Ask.(gss.NeedExchange).Request)
	m.Body.ETypes = krb.ETypesOf(krb.AES128SHA256)
	reply := k.Answer(w.env(), "A.TEST", string(m.Append(nil)))
	_, res, _ = x.Step(w.env(), gss.Reply{Data: reply})
	if res.Fault.Code != gss.NotAuthentic {
		t.Errorf("%v", res.Fault)
	}
}

func TestMisuse(t *testing.T) {
	w := &world{t: t}
	x := ticket.New(ticket.Request{Client: alice, Password: secret("wonder-canary"), Types: types})
	if _, _, err := x.Step(w.env(), gss.Reply{}); err == nil {
		t.Error("an answer before any question")
	}
	x, _, _ = x.Step(w.env(), nil)
	for _, a := range []gss.Answer{nil, gss.ReplayVerdict{}} {
		if next, _, err := x.Step(w.env(), a); err == nil || next != x {
			t.Errorf("%T is taken", a)
		}
	}
	_, res, _ := x.Step(w.env(), gss.Unreachable{})
	if res.Fault.Code != gss.QuestionFailed {
		t.Error(res.Fault)
	}
	if _, res, _ := (ticket.Exchange{}).Step(w.env(), nil); res.Fault.Code != gss.NotPermitted {
		t.Error("the zero Exchange does something")
	}
	if _, res, _ := ticket.New(ticket.Request{Client: alice, Password: secret("x"), Types: types}).Step(gss.Env{Now: now}, nil); res.Fault.Code != gss.NoEntropy {
		t.Error(res.Fault)
	}
	if s := fmt.Sprintf("%v %+v %#v", x, x, x); strings.Contains(s, "canary") {
		t.Error("the password shows")
	}
}

// FuzzKDC lets a stranger answer: whatever comes, there is an end, and no ticket that
// the client's key did not open.
func FuzzKDC(f *testing.F) {
	k, _ := kdctest.New(realms())
	w := &world{t: f, kdc: k}
	w.mangle = func(_, reply string) string { f.Add(reply, byte(0)); return reply }
	tgt := w.ok(ticket.Request{Client: alice, Password: secret("wonder")})
	w.ok(ticket.Request{Client: alice, Server: principal("HTTP/www.c.test"), TGT: tgt})
	f.Fuzz(func(t *testing.T, reply string, how byte) {
		req := ticket.Request{Client: alice, Password: secret("wonder")}
		if how&1 != 0 {
			req = ticket.Request{Client: alice, Server: www, TGT: tgt}
		}
		w := &world{t: t, kdc: k, mangle: func(_, honest string) string {
			if how&2 != 0 && len(reply) > 0 && len(honest) > 0 { // a flipped byte of the honest answer
				at := int(reply[0]) * len(honest) / 256
				return honest[:at] + string([]byte{honest[at] ^ how | 1}) + honest[at+1:]
			}
			return reply
		}}
		if res := w.run(req); res.Done() && how&2 == 0 && reply != "" {
			t.Error("a stranger's answer is a ticket")
		}
	})
}

// A request that names no encryption types asks for all that can be used and are not weak.
func TestDefaultTypes(t *testing.T) {
	_, res, err := ticket.New(ticket.Request{Client: alice, Password: secret("wonder")}).Step(gss.Env{Now: now, Seed: gss.Seed{1}}, nil)
	if err != nil || res.Ask == nil {
		t.Fatal(res, err)
	}
	need, _ := res.Ask.(gss.NeedExchange)
	m, fault := message.ParseKDCReq(need.Request)
	if !fault.IsZero() || !m.Body.ETypes.Has(krb.AES256SHA384) || !m.Body.ETypes.Has(krb.Camellia128) || m.Body.ETypes.Has(krb.RC4) {
		t.Errorf("%v %v", slices.Collect(m.Body.ETypes.All()), fault)
	}
}

package kerberos_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

const (
	now      = int64(1_795_608_000_000_000_000)
	password = "c4nary-of-alice"
)

func principal(text string) krb.Principal {
	p, _ := krb.ParsePrincipal(text, "")
	return p
}

// home is a realm with a user and two services, one of them in another realm.
func home(t testing.TB, types ...krb.EType) *kdctest.KDC {
	t.Helper()
	k, err := kdctest.New(kdctest.Config{Iterations: 1, Realms: []kdctest.Realm{
		{Name: "A.TEST", Types: types, Trusts: []string{"B.TEST"}, Principals: []kdctest.Principal{
			{Name: "alice", Password: password}, {Name: "mallory", Password: "guess"},
			{Name: "HTTP/www.a.test", Password: "service", OKAsDelegate: true}, {Name: "HTTP/plain.a.test", Password: "plain"},
		}},
		{Name: "B.TEST", Types: types, Principals: []kdctest.Principal{{Name: "HTTP/www.b.test", Password: "b"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func target(host string) gss.Target {
	return gss.Target{Service: "HTTP", Scheme: "https", Host: host, Port: 443, Binding: gss.BindingOf("tls-server-end-point:x")}
}

// world is a client, a service, a KDC and a store of tickets.
type world struct {
	t              testing.TB
	kdc            *kdctest.KDC
	client, server kerberos.Config
	login          gss.Answer
	target         gss.Target
	acceptor       gss.Target
	store          map[string]ccache.Credential // nil: none
	hosts          map[string]string            // canonical names of hosts
	skew           int64                        // of the KDC and the service
	n              byte
	asked          []string
	mangle         func(gss.Token) gss.Token // what comes back from the service
}

func newWorld(t testing.TB, host string) *world {
	k := home(t)
	w := &world{t: t, kdc: k, target: target(host), acceptor: target(host),
		client: kerberos.Config{Realm: "A.TEST", MinIterations: 1}, login: gss.Password{User: "alice", Password: gss.NewSecret(password)}}
	realm := "A.TEST"
	if strings.HasSuffix(host, "b.test") {
		realm = "B.TEST"
	}
	w.server.Keys = k.Keytab("HTTP/" + host + "@" + realm)
	return w
}

func (w *world) env(skew int64) gss.Env {
	w.n++
	return gss.Env{Now: now + skew, Seed: gss.Seed{w.n, 'w'}}
}

func (w *world) answer(q gss.Question) gss.Answer {
	w.asked = append(w.asked, strings.TrimPrefix(fmt.Sprintf("%T", q), "gss."))
	switch q := q.(type) {
	case gss.NeedCredential:
		return w.login
	case gss.NeedExchange:
		return gss.Reply{Data: w.kdc.Answer(w.env(w.skew), q.Realm, q.Request)}
	case gss.NeedReplayCheck:
		return gss.ReplayVerdict{First: true}
	case kerberos.NeedTicket:
		if w.store == nil {
			return gss.Declined{}
		}
		for name, c := range w.store {
			if strings.HasPrefix(name, q.Server.Name.String()+"@") {
				return kerberos.Ticket{Credential: c}
			}
		}
		return gss.Unknown{}
	case kerberos.NeedHostName:
		if name, ok := w.hosts[q.Host]; ok {
			return kerberos.HostName{Host: name}
		}
		return gss.Declined{}
	case kerberos.KeepTicket:
		w.store[q.Credential.Server.String()] = q.Credential
		return kerberos.Kept{}
	}
	return gss.Unknown{}
}

// drive steps a context until it waits for the peer, or has ended.
func (w *world) drive(c gss.Context, skew int64, in gss.Input) (gss.Context, gss.Output) {
	w.t.Helper()
	for {
		env := w.env(skew)
		next, out, err := c.Step(env, in)
		if err != nil {
			w.t.Fatal(err)
		}
		if again, same, _ := c.Step(env, in); again != next || same != out {
			w.t.Fatal("the same step gives another result (L1)")
		}
		if !reflect.ValueOf(next).Comparable() {
			w.t.Fatalf("%T is not comparable (L2)", next)
		}
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if s := fmt.Sprintf(verb, next); strings.Contains(s, "c4nary") {
				w.t.Fatalf("%T shows a password", next)
			}
		}
		if c = next; out.State != gss.Waiting {
			return c, out
		}
		in = gss.Input{Answer: w.answer(out.Ask)}
	}
}

func mech(t testing.TB, c kerberos.Config) gss.Mechanism {
	t.Helper()
	m, err := kerberos.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run is a whole exchange. What did not come about is the zero value.
func (w *world) run() (client, server gss.Context, clientOut, serverOut gss.Output) {
	w.t.Helper()
	client, clientOut = w.drive(mech(w.t, w.client).Initiate(w.target), 0, gss.Input{})
	if clientOut.State != gss.Ready {
		return client, nil, clientOut, gss.Output{}
	}
	server, serverOut = w.drive(mech(w.t, w.server).Accept(w.acceptor), w.skew, gss.Input{Token: clientOut.Token})
	back := serverOut.Token
	if w.mangle != nil {
		back = w.mangle(back)
	}
	client, clientOut = w.drive(client, 0, gss.Input{Token: back})
	return client, server, clientOut, serverOut
}

func (w *world) ok() (client, server gss.Context) {
	w.t.Helper()
	client, server, c, s := w.run()
	if c.State != gss.Complete || s.State != gss.Complete {
		w.t.Fatalf("client %v %v, server %v %v; asked %v", c.State, c.Fault, s.State, s.Fault, w.asked)
	}
	return client, server
}

// Whatever the user has, whatever the realm of the service, and whatever the keys: both
// sides end with each other's names, the same channel, and keys that fit.
func TestWhole(t *testing.T) {
	for _, kind := range []krb.EType{krb.AES128SHA1, krb.AES256SHA1, krb.AES128SHA256, krb.AES256SHA384, krb.Camellia128, krb.RC4} {
		for _, host := range []string{"www.a.test", "www.b.test"} {
			for _, way := range []string{"password", "UPN", "keytab", "ccache"} {
				t.Run(fmt.Sprint(kind, " ", host, " ", way), func(t *testing.T) {
					w := newWorld(t, host)
					w.kdc = home(t, kind)
					w.server.Keys = w.kdc.Keytab(strings.TrimSuffix("HTTP/"+host+"@"+strings.ToUpper(host[4:]), ""))
					w.client.AllowRC4, w.server.AllowRC4 = kind == krb.RC4, kind == krb.RC4
					switch way {
					case "UPN":
						w.login = gss.Password{User: "alice@a.test", Password: gss.NewSecret(password)}
					case "keytab":
						w.login = kerberos.Keys{Principal: principal("alice@A.TEST"), Keytab: w.kdc.Keytab("alice@A.TEST")}
					case "ccache":
						w.store = map[string]ccache.Credential{}
						w.ok()
						tgt := w.store["krbtgt/A.TEST@A.TEST"]
						w.store, w.login = nil, kerberos.Tickets{Cache: ccache.New(tgt.Client, tgt)}
					}
					client, server := w.ok()
					c, s := client.Info(), server.Info()
					if s.Peer != "alice" || s.Domain != "A.TEST" || c.Peer != "HTTP/"+host || c.Expires != s.Expires || c.Expires <= now {
						t.Errorf("%+v and %+v", c, s)
					}
					if want := gss.Mutual | gss.ReplayDetect | gss.Sequence | gss.Confidential | gss.Integrity | gss.ChannelBound; c.Flags != want || s.Flags != want {
						t.Errorf("flags %#x and %#x", c.Flags, s.Flags)
					}
					ours, ok := client.Session()
					theirs, okS := server.Session()
					if !ok || !okS {
						t.Fatalf("sessions: %v, %v", ok, okS)
					}
					for range 2 {
						_, token, _ := ours.Wrap(w.env(0), "hello", true)
						if _, plain, sealed, fault := theirs.Unwrap(token); plain != "hello" || !sealed || !fault.IsZero() {
							t.Errorf("%q, %v", plain, fault)
						}
						ours, theirs = theirs, ours
					}
				})
			}
		}
	}
}

// Tickets are kept, and used again: the second time no KDC is asked.
func TestStore(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.store = map[string]ccache.Credential{}
	w.ok()
	if len(w.store) != 2 {
		t.Fatalf("%d tickets kept", len(w.store))
	}
	w.asked = nil
	w.ok()
	if got := strings.Join(w.asked, " "); got != "NeedCredential kerberos.NeedTicket NeedReplayCheck" {
		t.Errorf("asked %s", got)
	}
	delete(w.store, "HTTP/www.a.test@A.TEST")
	w.asked = nil
	w.ok()
	if got := strings.Join(w.asked, " "); got != "NeedCredential kerberos.NeedTicket kerberos.NeedTicket NeedExchange kerberos.KeepTicket NeedReplayCheck" {
		t.Errorf("asked %s", got)
	}
}

// Delegation takes the application's wish and the policy, and under one of them the
// KDC's trust.
func TestDelegation(t *testing.T) {
	for _, row := range []struct {
		host   string
		policy kerberos.Delegation
		want   bool
		got    bool
	}{
		{"www.a.test", kerberos.DelegateIfTrusted, true, true}, {"plain.a.test", kerberos.DelegateIfTrusted, true, false}, {"plain.a.test", kerberos.DelegateAlways, true, true},
		{"www.a.test", kerberos.DelegateNever, true, false}, {"www.a.test", kerberos.DelegateAlways, false, false},
	} {
		w := newWorld(t, row.host)
		w.client.Delegate = row.policy
		if row.want {
			w.target.Want = gss.Delegate
		}
		client, server := w.ok()
		d, ok := server.Info().Delegated.(kerberos.Delegated)
		if ok != row.got || server.Info().Flags.Has(gss.Delegate) != row.got || client.Info().Flags.Has(gss.Delegate) != row.got {
			t.Errorf("%+v: %v", row, d)
			continue
		}
		if !ok {
			continue
		}
		if !d.Credential.Flags.Has(krb.Forwarded) || d.Credential.Client.String() != "alice@A.TEST" {
			t.Errorf("%v", d)
		}
		// The service goes on with it, as alice.
		back := newWorld(t, "plain.a.test")
		back.kdc, back.login = w.kdc, kerberos.Tickets{Cache: d.Cache()}
		back.server.Keys = w.kdc.Keytab("HTTP/plain.a.test@A.TEST")
		if _, server := back.ok(); server.Info().Peer != "alice" {
			t.Errorf("%+v", server.Info())
		}
	}
}

// A clock that is wrong by hours is put right by the KDC.
func TestClock(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.skew = 3 * 3600e9
	w.ok()
}

// What can go wrong on the client's side, each with its own code.
func TestInitiatorRefuses(t *testing.T) {
	flip := func(t gss.Token) gss.Token {
		b := []byte(t.Bytes())
		b[len(b)-1] ^= 1
		return gss.TokenOf(string(b))
	}
	says := func(code message.ErrorCode) func(gss.Token) gss.Token {
		return func(gss.Token) gss.Token {
			e := message.Error{Code: code, Service: principal("HTTP/www.a.test@A.TEST")}
			return gss.TokenOf(message.Frame(gss.Kerberos, message.TokenError, e.Append(nil)))
		}
	}
	var first gss.Token
	for _, row := range []struct {
		name string
		do   func(*world)
		want gss.Code
	}{
		{"a wrong password", func(w *world) { w.login = gss.Password{User: "alice", Password: gss.NewSecret("guess")} }, gss.BadCredentials},
		{"an unknown user", func(w *world) { w.login = gss.Password{User: "bob", Password: gss.NewSecret("x")} }, gss.UnknownUser},
		{"an empty password", func(w *world) { w.login = gss.Password{User: "alice"} }, gss.NoCredentials},
		{"no user", func(w *world) { w.login = gss.Password{Password: gss.NewSecret("x")} }, gss.NoCredentials},
		{"no realm", func(w *world) { w.client.Realm = "" }, gss.NoCredentials},
		{"no credentials", func(w *world) { w.login = gss.Declined{} }, gss.NoCredentials},
		{"nobody to ask", func(w *world) { w.login = gss.Unreachable{} }, gss.QuestionFailed},
		{"an empty cache", func(w *world) { w.login = kerberos.Tickets{Cache: ccache.New(principal("alice@A.TEST"))} }, gss.NoCredentials},
		{"no cache", func(w *world) { w.login = kerberos.Tickets{} }, gss.NoCredentials},
		{"keys of another", func(w *world) {
			w.login = kerberos.Keys{Principal: principal("alice@A.TEST"), Keytab: w.kdc.Keytab("mallory@A.TEST")}
		}, gss.Unsupported},
		{"an unknown service", func(w *world) { w.target.Host = "none.a.test" }, gss.WrongTarget},
		{"a target without a host", func(w *world) { w.target.Host = "" }, gss.WrongTarget},
		{"a target without a service", func(w *world) { w.target.Service = "" }, gss.WrongTarget},
		{"no binding, required", func(w *world) { w.client.ChannelBinding, w.target.Binding = gss.Require, gss.NoBinding() }, gss.BadBinding},
		{"no answer", func(w *world) { w.mangle = func(gss.Token) gss.Token { return gss.Token{} } }, gss.NotAuthentic},
		{"a changed answer", func(w *world) { w.mangle = flip }, gss.NotAuthentic},
		{"a changed answer, if offered", func(w *world) { w.mangle, w.target.MutualIfOffered = flip, true }, gss.NotAuthentic},
		{"an answer to another request", func(w *world) {
			w.mangle = func(t gss.Token) gss.Token {
				if !first.Present() {
					first = t
				}
				return first
			}
			w.run() // the session key differs too
			w.n += 50
		}, gss.NotAuthentic},
		{"garbage", func(w *world) { w.mangle = func(gss.Token) gss.Token { return gss.TokenOf("garbage") } }, gss.Malformed},
		{"its own request", func(w *world) {
			w.mangle = func(gss.Token) gss.Token { return gss.TokenOf(message.Frame(gss.Kerberos, message.TokenAPReq, nil)) }
		}, gss.Unexpected},
		{"another mechanism's", func(w *world) {
			w.mangle = func(gss.Token) gss.Token { return gss.TokenOf(message.Frame(gss.NTLM, message.TokenAPRep, nil)) }
		}, gss.Unexpected},
		{"the clock", func(w *world) { w.mangle = says(message.ErrSkew) }, gss.ClockSkew},
		{"the key", func(w *world) { w.mangle = says(message.ErrModified) }, gss.Refused},
		{"expired", func(w *world) { w.mangle = says(message.ErrTicketExpired) }, gss.Expired},
		{"a replay", func(w *world) { w.mangle = says(message.ErrRepeat) }, gss.Replayed},
		{"anything", func(w *world) { w.mangle = says(9999) }, gss.Refused},
		{"a broken error", func(w *world) {
			w.mangle = func(gss.Token) gss.Token { return gss.TokenOf(message.Frame(gss.Kerberos, message.TokenError, nil)) }
		}, gss.Malformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, "www.a.test")
			row.do(w)
			_, _, c, _ := w.run()
			if c.State != gss.Failed || c.Fault.Code != row.want {
				t.Fatalf("%v %v, want %v", c.State, c.Fault, row.want)
			}
			if strings.Contains(c.Fault.Detail, "alice") || strings.Contains(c.Fault.Detail, "c4nary") {
				t.Errorf("%q", c.Fault.Detail)
			}
			if row.name == "an answer to another request" {
				requirement.Held(t, "golden:krb_ap_rep_wrong_time")
			}
		})
	}
}

// TestUnproven: where the service may leave out its proof, a context without it is complete, says so, and names no peer. One
// that is proven is what it always was.
func TestUnproven(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.target.MutualIfOffered = true
	proven, _ := w.ok()
	if i := proven.Info(); i.Unproven || !i.Flags.Has(gss.Mutual) || i.Peer == "" {
		t.Errorf("with a proof: %+v", i)
	}
	w.mangle = func(gss.Token) gss.Token { return gss.Token{} }
	c, _, out, _ := w.run()
	if i := c.Info(); out.State != gss.Complete || !i.Unproven || i.Flags.Has(gss.Mutual) || i.Peer != "" || i.Domain != "" || i.Mech != gss.Kerberos {
		t.Fatalf("without a proof: %v %v, %+v", out.State, out.Fault, i)
	}
	requirement.Held(t, "unit:unproven_is_said", "PROOF-4")
}

// An AP-REP with another time, under the right key.
func TestWrongTime(t *testing.T) {
	key, _ := krb.NewKey(krb.AES256SHA1, strings.Repeat("k", 32))
	tgt := principal("krbtgt/A.TEST@A.TEST")
	cred := ccache.Credential{Client: principal("alice@A.TEST"), Server: principal("HTTP/www.a.test@A.TEST"), Key: key, EndTime: krb.TimeOf(now) + 3600,
		Ticket: string(message.Ticket{Service: tgt, Enc: message.EncryptedData{Cipher: "x"}}.Append(nil))}
	w := newWorld(t, "www.a.test")
	w.login = kerberos.Tickets{Cache: ccache.New(cred.Client, cred)}
	for _, row := range []struct {
		seconds krb.Time
		micro   int32
		want    gss.State
	}{{0, 0, gss.Complete}, {1, 0, gss.Failed}, {0, 1, gss.Failed}} {
		c, out := w.drive(mech(t, w.client).Initiate(w.target), 0, gss.Input{})
		if out.State != gss.Ready {
			t.Fatal(out.Fault)
		}
		part := message.EncAPRepPart{Time: krb.TimeOf(now) + row.seconds, Micro: row.micro}
		rep := message.APRep{Enc: message.EncryptedData{Type: key.Type(), Cipher: enctype.Encrypt(key, enctype.UsageAPRep, "0123456789abcdef", string(part.Append(nil)))}}
		_, out = w.drive(c, 0, gss.Input{Token: gss.TokenOf(message.Frame(gss.Kerberos, message.TokenAPRep, rep.Append(nil)))})
		if out.State != row.want || row.want == gss.Failed && out.Fault.Code != gss.NotAuthentic {
			t.Errorf("%+v: %v", row, out.Fault)
		}
		requirement.Held(t, "golden:krb_ap_rep_wrong_time")
	}
}

// FuzzInitiator lets a stranger be the service.
func FuzzInitiator(f *testing.F) {
	w := newWorld(f, "www.a.test")
	w.mangle = func(t gss.Token) gss.Token { f.Add(t.Bytes()); return t }
	w.ok()
	w.mangle = nil
	c, _ := w.drive(mech(f, w.client).Initiate(w.target), 0, gss.Input{})
	f.Fuzz(func(t *testing.T, token string) {
		w := &world{t: t}
		if _, out := w.drive(c, 0, gss.Input{Token: gss.TokenOf(token)}); out.State != gss.Failed {
			t.Error("a stranger is taken for the service")
		}
	})
}

// FuzzAcceptor lets a stranger be the client.
func FuzzAcceptor(f *testing.F) {
	w := newWorld(f, "www.a.test")
	_, out := w.drive(mech(f, w.client).Initiate(w.target), 0, gss.Input{})
	honest := out.Token.Bytes()
	f.Add(honest, 0)
	m := mech(f, w.server)
	f.Fuzz(func(t *testing.T, token string, at int) {
		w := &world{t: t}
		if at > 0 { // a changed byte of an honest request
			if token == "" || token[0] == 0 {
				return
			}
			b := []byte(honest)
			b[at%len(b)] ^= token[0]
			token = string(b)
		}
		_, out := w.drive(m.Accept(target("www.a.test")), 0, gss.Input{Token: gss.TokenOf(token)})
		_, _, body, _ := message.Unframe(token)
		if out.State != gss.Failed && token != honest {
			// The names and the version on the ticket are not protected.
			ap, _ := message.ParseAPReq(body)
			_, _, honestBody, _ := message.Unframe(honest)
			was, _ := message.ParseAPReq(honestBody)
			if ap.Ticket.Enc.Cipher != was.Ticket.Enc.Cipher || ap.Authenticator.Cipher != was.Authenticator.Cipher {
				t.Error("a stranger is let in")
			}
		}
	})
}

// Config.MinIterations reaches the exchange with the KDC, and so does its default.
func TestMinIterations(t *testing.T) {
	for min, want := range map[uint32]gss.Code{0: gss.NotPermitted, 1: gss.NoFault, 2: gss.NotPermitted} {
		w := newWorld(t, "www.a.test") // its KDC requires one
		w.client.MinIterations = min
		if _, _, out, _ := w.run(); out.Fault.Code != want {
			t.Errorf("MinIterations %d: %v", min, out.Fault)
		}
	}
}

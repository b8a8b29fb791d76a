package kerberos

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// errorOf is the code of the KRB-ERROR that a refusal sends, ErrNone for none.
func errorOf(t *testing.T, r reached) message.ErrorCode {
	t.Helper()
	if !r.Token.Present() {
		return message.ErrNone
	}
	mech, id, body, ok := message.Unframe(r.Token.Bytes())
	e, fault := message.ParseError(body)
	if !ok || mech != gss.Kerberos || id != message.TokenError || !fault.IsZero() || e.Time.Nano() != now || e.Client != (krb.Principal{}) || e.Text != "" {
		t.Fatalf("%v %v %+v", id, fault, e)
	}
	return e.Code
}

// Each check of RFC 4120 section 3.2.3, one thing wrong at a time.
func TestAccept(t *testing.T) {
	at := krb.TimeOf(now)
	other := message.AuthorizationData("").Append(9999, "unknown")
	for _, row := range []struct {
		name string
		do   func(*forger)
		code gss.Code
		says message.ErrorCode
	}{
		{"nothing wrong", func(*forger) {}, gss.NoFault, 0},
		{"the client's clock is 5 minutes fast", func(f *forger) { f.auth.Time += 300 }, gss.NoFault, 0},
		{"the client's clock is 5 minutes slow", func(f *forger) { f.auth.Time -= 300 }, gss.NoFault, 0},
		{"and a bit more", func(f *forger) { f.auth.Time += 300; f.auth.Micro = 1 }, gss.ClockSkew, message.ErrSkew},
		{"too slow", func(f *forger) { f.auth.Time -= 301 }, gss.ClockSkew, message.ErrSkew},
		{"another client in the authenticator", func(f *forger) { f.auth.Client = principal("bob@A.TEST") }, gss.BadCredentials, message.ErrBadMatch},
		{"another realm in the authenticator", func(f *forger) { f.auth.Client.Realm = "B.TEST" }, gss.BadCredentials, message.ErrBadMatch},
		{"expired within the skew", func(f *forger) { f.ticket.EndTime = at - 300 }, gss.NoFault, 0},
		{"expired", func(f *forger) { f.ticket.EndTime = at - 301 }, gss.Expired, message.ErrTicketExpired},
		{"not yet valid, within the skew", func(f *forger) { f.ticket.StartTime = at + 300 }, gss.NoFault, 0},
		{"not yet valid", func(f *forger) { f.ticket.StartTime = at + 301 }, gss.Expired, message.ErrTicketNotYet},
		{"first authenticated in the future", func(f *forger) { f.ticket.AuthTime = at + 301 }, gss.Expired, message.ErrTicketNotYet},
		{"not validated", func(f *forger) { f.ticket.Flags |= krb.Invalid }, gss.Expired, message.ErrTicketNotYet},
		{"another key version", func(f *forger) { f.mangle = func(m *message.APReq) { m.Ticket.Enc.Kvno = 3 } }, gss.NoFault, 0},
		{"another key, under another version", func(f *forger) {
			f.mangle = func(m *message.APReq) { m.Ticket.Enc.Kvno = 3; m.Ticket.Enc.Cipher += "x" }
		}, gss.WrongTarget, message.ErrBadKeyVersion},
		{"no key version", func(f *forger) {
			f.mangle = func(m *message.APReq) { m.Ticket.Enc.HasKvno, m.Ticket.Enc.Kvno = false, 0 }
		}, gss.NoFault, 0},
		{"another encryption type", func(f *forger) { f.mangle = func(m *message.APReq) { m.Ticket.Enc.Type = krb.AES128SHA1 } }, gss.WrongTarget, message.ErrNoKey},
		{"an unknown encryption type", func(f *forger) { f.mangle = func(m *message.APReq) { m.Ticket.Enc.Type = 3 } }, gss.Unsupported, message.ErrETypeNoSupport},
		{"an encryption type that policy bars", func(f *forger) { f.mangle = func(m *message.APReq) { m.Ticket.Enc.Type = krb.RC4 } }, gss.NotPermitted, message.ErrETypeNoSupport},
		{"a changed ticket", func(f *forger) { f.mangle = func(m *message.APReq) { m.Ticket.Enc.Cipher += "x" } }, gss.BadCredentials, message.ErrModified},
		{"a changed authenticator", func(f *forger) { f.mangle = func(m *message.APReq) { m.Authenticator.Cipher += "x" } }, gss.BadCredentials, message.ErrBadIntegrity},
		{"an authenticator under another key", func(f *forger) { f.session, _ = krb.NewKey(f.kind, strings.Repeat("x", 32)) }, gss.BadCredentials, message.ErrBadIntegrity},
		{"user to user", func(f *forger) { f.options |= message.UseSessionKey }, gss.Unsupported, 0},
		{"a weak session key", func(f *forger) { f.ticket.Key, _ = krb.NewKey(krb.RC4, strings.Repeat("s", 16)) }, gss.NotPermitted, message.ErrETypeNoSupport},
		{"a weak subkey", func(f *forger) { f.auth.Subkey, _ = krb.NewKey(krb.RC4, strings.Repeat("s", 16)) }, gss.NotPermitted, message.ErrETypeNoSupport},
		{"unknown authorization data in the ticket", func(f *forger) { f.ticket.AuthData = other }, gss.NotPermitted, message.ErrPolicy},
		{"unknown authorization data in the authenticator", func(f *forger) { f.auth.AuthData = other }, gss.NotPermitted, message.ErrPolicy},
		{"unknown authorization data that may be passed over", func(f *forger) { f.ticket.AuthData = other.IfRelevant() }, gss.NoFault, 0},
		{"authorization data nested without end", func(f *forger) {
			for range 9 {
				f.ticket.AuthData = f.ticket.AuthData.IfRelevant()
			}
		}, gss.NotPermitted, message.ErrPolicy},
		{"no checksum", func(f *forger) { f.auth.HasChecksum = false }, gss.NoFault, 0},
		{"a checksum of another type", func(f *forger) { f.auth.Checksum = message.Checksum{Type: enctype.RSAMD5, Sum: "0123456789abcdef"} }, gss.NoFault, 0},
		{"a broken checksum", func(f *forger) { f.auth.Checksum = message.Checksum{Type: enctype.GSSChecksumNumber, Sum: "short"} }, gss.Malformed, 0},
		{"DCE style", func(f *forger) { f.sum.Flags |= message.DCEStyle }, gss.Unsupported, 0},
		{"delegation that is none", func(f *forger) { f.sum.Flags |= uint32(gss.Delegate); f.sum.Delegation = "x" }, gss.Malformed, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newForger(t, krb.AES256SHA1)
			row.do(f)
			r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token())
			if row.code != gss.NoFault {
				refused(t, r, row.code)
				if got := errorOf(t, r); got != row.says {
					t.Errorf("tells the client %v, want %v", got, row.says)
				}
			} else if r.State != gss.Complete || r.Info().Peer != "alice" || r.Info().Domain != "A.TEST" {
				t.Fatalf("%v %+v", r.Fault, r.Info())
			}
			switch {
			case strings.HasPrefix(row.name, "unknown authorization data in"):
				requirement.Held(t, "golden:krb_unknown_critical_authdata")
			case strings.Contains(row.name, "checksum") && row.code == gss.NoFault:
				requirement.Held(t, "golden:krb_no_checksum")
				if r.Info().Flags != gss.Mutual {
					t.Errorf("flags %#x of a client that asked for none but by the AP-REQ", r.Info().Flags)
				}
			}
			requirement.Held(t, "golden:krb_accept_table")
		})
	}
}

// Authorization data that is about the user, or for KDCs alone, needs not be marked as optional (RFC 4120 sections 5.2.6 and 7.5.4,
// RFC 4537, MS-KILE section 3.4.5.3); a client says by AD-ETYPE-NEGOTIATION what keys it can use.
func TestAuthorizationDataThatIsKnown(t *testing.T) {
	for kind, want := range map[int32]gss.Code{
		message.ADPAC: gss.NoFault, message.ADAPOptions: gss.NoFault, message.ADTargetPrincipal: gss.NoFault, message.ADTokenRestrictions: gss.NoFault,
		message.ADLocal: gss.NoFault, message.ADETypeNegotiation: gss.NoFault, message.ADMandatoryForKDC: gss.NoFault, message.ADSignedPath: gss.NoFault,
		message.ADKDCIssued: gss.NotPermitted, message.ADAndOr: gss.NotPermitted, 3: gss.NotPermitted, 130: gss.NotPermitted, -1: gss.NotPermitted,
	} {
		for place, put := range map[string]func(*forger, message.AuthorizationData){
			"ticket":        func(f *forger, data message.AuthorizationData) { f.ticket.AuthData = data },
			"authenticator": func(f *forger, data message.AuthorizationData) { f.auth.AuthData = data },
		} {
			f := newForger(t, krb.AES256SHA1)
			put(f, message.AuthorizationData("").Append(kind, "\x00\x00\x00\x00"))
			if r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token()); r.Fault.Code != want {
				t.Errorf("type %d in the %s: %v", kind, place, r.Fault)
			}
		}
	}
}

// What is no token of ours.
func TestFraming(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	bare := f.apreq()
	for _, row := range []struct {
		name  string
		token string
		c     Config
		want  gss.Code
	}{
		{"nothing", "", Config{}, gss.Malformed},
		{"no AP-REQ", "xyz", Config{}, gss.Malformed},
		{"a bare AP-REQ", bare, Config{}, gss.NotPermitted},
		{"a bare AP-REQ, by policy", bare, Config{BareRequests: true}, gss.NoFault},
		{"Microsoft's OID", message.Frame(gss.MSKerberos, message.TokenAPReq, []byte(bare)), Config{}, gss.NoFault},
		{"user to user", message.Frame(gss.KerberosU2U, message.TokenAPReq, []byte(bare)), Config{}, gss.Unsupported},
		{"another mechanism", message.Frame(gss.NTLM, message.TokenAPReq, []byte(bare)), Config{}, gss.Unsupported},
		{"an AP-REP", message.Frame(gss.Kerberos, message.TokenAPRep, []byte(bare)), Config{}, gss.Unexpected},
		{"nothing under a TOK_ID of no AP-REQ", message.Frame(gss.Kerberos, message.TokenError, nil), Config{}, gss.Unexpected},
		{"an unknown TOK_ID", message.Frame(gss.Kerberos, 0x0404, []byte(bare)), Config{}, gss.Unexpected},
		{"something behind", message.Frame(gss.Kerberos, message.TokenAPReq, []byte(bare)) + "x", Config{}, gss.Malformed},
		{"too long", strings.Repeat("x", bound.Token+1), Config{}, gss.Malformed},
	} {
		row.c.Keys = f.keys
		r := accept(t, row.c, gss.NoBinding(), gss.TokenOf(row.token))
		if row.want == gss.NoFault {
			if r.State != gss.Complete {
				t.Errorf("%s: %v", row.name, r.Fault)
			}
			_, framed, _, _ := message.Unframe(r.Token.Bytes())
			if (framed == message.TokenAPRep) == row.c.BareRequests {
				t.Errorf("%s: the answer has another framing", row.name)
			}
			continue
		}
		refused(t, r, row.want)
		says := message.ErrNone
		if row.want == gss.Unexpected { // RFC 4121 section 4.1
			says = message.ErrMessageType
			requirement.Held(t, "golden:krb_unknown_tok_id")
		}
		if got := errorOf(t, r); got != says {
			t.Errorf("%s: the client is told %v, want %v", row.name, got, says)
		}
	}
	refused(t, take(t, newMechanism(t, Config{}).Accept(gss.Target{}), env, gss.Input{}), gss.Unexpected)
}

// V21: a request that comes twice is refused, also under another of the service's
// names, and so is one from before the memory began.
func TestReplay(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	m := newMechanism(t, Config{Keys: f.keys})
	ask := func(f *forger) (reached, gss.NeedReplayCheck) {
		r := step(t, m.Accept(gss.Target{}), env, gss.Input{Token: f.token()}, gss.Waiting)
		return r, r.Ask.(gss.NeedReplayCheck)
	}
	r, first := ask(f)
	if first.Until != now+int64(2*defaultMaxSkew) || first.Sequence != 0 || len(first.Key) != 32 ||
		first.Owner != gss.OwnerOf("alice", "A.TEST") || first.Made != now || first.Now != now || first.Forgettable {
		t.Errorf("%+v", first)
	}
	f.service = principal("HTTP/other.a.test@A.TEST")
	f.options ^= krb.Flags(1)
	if _, again := ask(f); again != first {
		t.Error("another name on the ticket escapes the memory of requests")
	}
	f.auth.Micro = 1
	if _, other := ask(f); other.Key == first.Key {
		t.Error("another request is taken for the same")
	}
	for _, row := range []struct {
		answer gss.Answer
		want   gss.Code
		why    string // a part of the reason
	}{
		{gss.ReplayVerdict{First: true}, gss.NoFault, ""},
		{gss.ReplayVerdict{First: true, Since: now - int64(defaultMaxSkew)}, gss.NoFault, ""},
		{gss.ReplayVerdict{First: true, Since: now - int64(defaultMaxSkew) + 1}, gss.Replayed, "older than the memory"},
		{gss.ReplayVerdict{}, gss.Replayed, "replayed request"}, {gss.Unreachable{}, gss.Unavailable, "did not respond"}, {gss.Declined{}, gss.Unavailable, "no memory"},
		{gss.ReplayVerdict{Full: true}, gss.Unavailable, "full share"}, {gss.ReplayVerdict{Full: true, Since: 1}, gss.Unavailable, "full share"},
	} {
		got := take(t, r.Context, env, gss.Input{Answer: row.answer})
		if row.want == gss.NoFault {
			if got.State != gss.Complete {
				t.Errorf("%+v: %v", row.answer, got.Fault)
			}
			continue
		}
		refused(t, got, row.want)
		if !strings.Contains(got.Fault.Detail, row.why) {
			t.Errorf("%+v: %q, want %q in it", row.answer, got.Fault.Detail, row.why)
		}
		if row.want == gss.Replayed {
			if errorOf(t, got) != message.ErrRepeat {
				t.Error("the client is not told")
			}
			requirement.Held(t, "golden:krb_replay_memory_lost")
		}
	}
	if _, _, err := r.Step(env, gss.Input{Answer: gss.Unknown{}}); err == nil {
		t.Error("an answer of another type is taken")
	}
	requirement.Held(t, "unit:krb_replay", "R4120-3.2.3-2")
}

// C30: the table of bindings.
func TestChannelBinding(t *testing.T) {
	right, _ := binding.Hash(false)
	wrong := right
	wrong[3]++
	among, err := gss.BindingAmong(gss.BindingOf("tls-server-end-point:old"), binding)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name                                 string
		sum                                  [16]byte
		aware, none                          bool
		ifAvailable, require, ignore, noneIA gss.Code
	}{
		{"right", right, false, false, 0, 0, 0, 0},
		{"right, aware", right, true, false, 0, 0, 0, 0},
		{"wrong", wrong, false, false, gss.BadBinding, gss.BadBinding, 0, 0},
		{"zero, aware", [16]byte{}, true, false, gss.BadBinding, gss.BadBinding, 0, 0},
		{"zero", [16]byte{}, false, false, 0, gss.BadBinding, 0, 0},
		{"no checksum", [16]byte{}, false, true, 0, gss.BadBinding, 0, 0},
	} {
		f := newForger(t, krb.AES256SHA1)
		f.sum.Binding, f.auth.HasChecksum = row.sum, !row.none
		if row.aware {
			f.auth.AuthData = message.ChannelBindingAware()
		}
		check := func(demand gss.Requirement, b gss.Binding, want gss.Code) {
			r := accept(t, Config{Keys: f.keys, ChannelBinding: demand}, b, f.token())
			bound := want == gss.NoFault && strings.HasPrefix(row.name, "right") && demand != gss.Ignore && (b == binding || b == among)
			if r.Fault.Code != want || r.Info().Flags.Has(gss.ChannelBound) != bound {
				t.Errorf("%s under %d: %v, flags %#x", row.name, demand, r.Fault, r.Info().Flags)
			}
			requirement.Held(t, "unit:channel_binding_hash")
		}
		check(gss.IfAvailable, binding, row.ifAvailable)
		check(gss.Require, binding, row.require)
		check(gss.Ignore, binding, row.ignore)
		check(gss.IfAvailable, among, row.ifAvailable)
		check(gss.Require, among, row.require)
		check(gss.Ignore, among, row.ignore)
		undefined := row.ifAvailable
		if strings.HasPrefix(row.name, "right") { // no binding is right where none is defined
			undefined = gss.BadBinding
		}
		check(gss.IfAvailable, gss.Undefined(), undefined)
		check(gss.Require, gss.Undefined(), gss.BadBinding)
		requirement.Held(t, "unit:binding_among", "BIND-1")
		check(gss.IfAvailable, gss.NoBinding(), row.noneIA)
		check(gss.IfAvailable, gss.Binding{}, row.noneIA)
		check(gss.Require, gss.NoBinding(), gss.BadBinding)
		check(gss.Require, gss.Binding{}, gss.BadBinding)
	}
}

// A keytab that lacks the key is asked about, and a service that is not ours is not.
func TestServiceKeys(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	m := newMechanism(t, Config{})
	r := step(t, m.Accept(gss.Target{}), env, gss.Input{Token: f.token()}, gss.Waiting)
	if r.Ask != (NeedServiceKey{Service: service, Type: krb.AES256SHA1, Kvno: 2}) {
		t.Errorf("%+v", r.Ask)
	}
	got := step(t, r.Context, env, gss.Input{Answer: ServiceKeys{f.keys}}, gss.Waiting)
	if _, ok := got.Ask.(gss.NeedReplayCheck); !ok {
		t.Errorf("%+v", got.Ask)
	}
	of := func(p krb.Principal, kind krb.EType, size int) ServiceKeys {
		key, _ := krb.NewKey(kind, strings.Repeat("o", size))
		return ServiceKeys{keytab.New(keytab.Entry{Principal: p, Kvno: 2, Key: key})}
	}
	for _, row := range []struct {
		answer gss.Answer
		want   gss.Code
	}{{of(service, krb.AES256SHA1, 32), gss.BadCredentials}, {of(service, krb.AES128SHA1, 16), gss.WrongTarget}, {ServiceKeys{}, gss.WrongTarget}, {gss.Unknown{}, gss.WrongTarget}, {gss.Declined{}, gss.WrongTarget}, {gss.Unreachable{}, gss.Unavailable}} {
		refused(t, take(t, r.Context, env, gss.Input{Answer: row.answer}), row.want)
	}
	if next, _, err := r.Step(env, gss.Input{Answer: gss.ReplayVerdict{}}); err == nil || next != r.Context {
		t.Error("another question's answer is taken")
	}
	alias := principal("HTTP/alias.a.test@A.TEST")
	f.service = alias
	for services, want := range map[krb.Principal]gss.Code{service: gss.WrongTarget, alias: gss.WrongTarget, {}: gss.NoFault} {
		c := Config{Keys: withKey(t, f.keys, service, alias)}
		if !services.IsZero() {
			c.Services = []krb.Principal{services}
		}
		if r := accept(t, c, gss.NoBinding(), f.token()); r.Fault.Code != want {
			t.Errorf("a ticket for an alias, services %v: %v", services, r.Fault)
		}
	}
	// Two versions of a key, and a key of another principal, stand side by side.
	old, _ := keytab.FromPassword(service, gss.NewSecret("old"), "", 1, krb.AES256SHA1)
	var entries []keytab.Entry
	for e := range f.keys.All() {
		entries = append(entries, e)
	}
	f.service = service
	f.keys = keytab.New(append(entries, old...)...)
	if r := accept(t, Config{Keys: f.keys, Services: []krb.Principal{service}}, gss.NoBinding(), f.token()); r.State != gss.Complete {
		t.Error(r.Fault)
	}
}

// Without mutual authentication there is no token, and both sides count from the
// client's number.
func TestNotMutual(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	f.options, f.sum.Flags = 0, uint32(gss.Integrity)
	r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token())
	if r.State != gss.Complete || r.Token.Present() || r.Info().Flags != gss.Integrity {
		t.Fatalf("%v %v %#x", r.Fault, r.Token, r.Info().Flags)
	}
	ours, ok := r.Session()
	theirs, _ := newSession(f.session, true, false, 77, 77)
	if !ok {
		t.Fatal("no session")
	}
	_, mic, _ := ours.MIC("x")
	if _, fault := theirs.VerifyMIC("x", mic); !fault.IsZero() {
		t.Error(fault)
	}
}

func TestNoEntropy(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	refused(t, take(t, newMechanism(t, Config{Keys: f.keys}).Accept(gss.Target{}), gss.Env{Now: now}, gss.Input{Token: f.token()}), gss.NoEntropy)
}

// P15, and what a state shows of its secrets.
func TestStates(t *testing.T) {
	if n := unsafe.Sizeof(wantReplayCheck{}); n > 320 {
		t.Errorf("a half-open acceptor takes %d bytes", n)
	}
	if n := unsafe.Sizeof(established{}); n > 512 {
		t.Errorf("an established context takes %d bytes", n)
	}
	f := newForger(t, krb.AES256SHA1)
	m := newMechanism(t, Config{Keys: f.keys})
	r := step(t, m.Accept(gss.Target{}), env, gss.Input{Token: f.token()}, gss.Waiting)
	done := step(t, r.Context, env, gss.Input{Answer: gss.ReplayVerdict{First: true}}, gss.Complete)
	subkey := done.Context.(established).key.Reveal()
	s, _ := done.Session()
	for _, state := range []any{m, r.Context, done.Context, s, done.Info(), f.keys} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, state); strings.Contains(text, subkey) || strings.Contains(text, "ssssssss") || strings.Contains(text, fmt.Sprintf("%q", subkey)) {
				t.Errorf("%s of %T shows a key", verb, state)
			}
		}
	}
	refused(t, take(t, done.Context, env, gss.Input{Token: f.token()}), gss.Unexpected)
	failed := take(t, done.Context, env, gss.Input{})
	refused(t, failed, gss.Unexpected)
	refused(t, take(t, failed.Context, env, gss.Input{Token: f.token()}), gss.Unexpected)
}

type recording struct {
	Name                 string
	Token, Keytab, Reply []byte
	Service, Client      string
	Time                 float64
	Status               int
}

// The requests that real clients sent are taken at the time when they were sent, and
// their replies are the ones that the real services gave.
func TestRecordedRequests(t *testing.T) {
	var rows []recording
	load(t, "accept.json", &rows)
	taken, old, delegated := 0, 0, 0
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			keys, fault := keytab.Parse(string(row.Keytab))
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			at := gss.Env{Now: int64(row.Time * 1e9), Seed: gss.Seed{9}}
			run := func(c Config, at gss.Env) reached {
				r := take(t, newMechanism(t, c).Accept(gss.Target{}), at, gss.Input{Token: gss.TokenOf(string(row.Token))})
				if r.State == gss.Waiting {
					if _, ok := r.Ask.(gss.NeedReplayCheck); ok {
						r = take(t, r.Context, at, gss.Input{Answer: gss.ReplayVerdict{First: true}})
					}
				}
				return r
			}
			keys = withKey(t, keys, principal("HTTP/elsewhere.a.test@A.TEST")) // of a type that is allowed in any case
			r := run(Config{Keys: keys}, at)
			if r.Fault.Code == gss.NotPermitted {
				old++
				r = run(Config{Keys: keys, AllowRC4: true}, at)
			}
			if r.State != gss.Complete || r.Info().Peer+"@"+r.Info().Domain != row.Client {
				t.Fatalf("%v %+v, want %s", r.Fault, r.Info(), row.Client)
			}
			taken++
			if d, ok := r.Info().Delegated.(Delegated); ok {
				delegated++
				if d.Credential.Client.String() != row.Client || d.Cache().Principal() != d.Credential.Client {
					t.Errorf("delegated: %v", d)
				}
			}
			if len(row.Reply) > 0 && r.Token.Present() {
				_, theirs, _, _ := message.Unframe(string(row.Reply))
				_, ours, _, _ := message.Unframe(r.Token.Bytes())
				if ours != theirs {
					t.Error("a reply of another kind than the real service's")
				}
			}
			at.Now += 6 * 60 * 1e9
			refused(t, run(Config{Keys: keys, AllowRC4: true}, at), gss.ClockSkew)
		})
	}
	if taken < 48 || old < 2 || delegated < 5 {
		t.Errorf("%d taken, %d by rc4-hmac, %d delegated", taken, old, delegated)
	}
}

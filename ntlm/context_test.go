package ntlm

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/ntlmssp"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/equalwork"
	"github.com/countersign-auth/countersign/internal/requirement"
	"pgregory.net/rapid"
)

func TestExchange(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	c, a := w.run()
	if c.State != gss.Complete || a.State != gss.Complete || a.Token.Present() {
		t.Fatal(c.Fault, a.Fault)
	}
	if got := len(w.hello.Bytes()); got != 40 {
		t.Errorf("NEGOTIATE has %d bytes", got)
	}
	info := a.Context.Info()
	want := gss.Info{Mech: gss.NTLM, Peer: "alice", Domain: "EXAMPLE", ConnectionBound: true,
		Flags: gss.Integrity | gss.ReplayDetect | gss.Sequence | gss.ChannelBound}
	if info != want {
		t.Errorf("%+v", info)
	}
	if info := c.Context.Info(); info.Peer != "" || !info.Flags.Has(gss.Integrity) {
		t.Errorf("the initiator knows of %+v", info)
	}
	speak(t, c.Context, a.Context)
	// What the client sent: a MIC, 24 zero bytes for LM, the SPN, the binding.
	m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
	r, fault := ntlmssp.ParseResponse(m.NT)
	if !fault.IsZero() || m.LM != strings.Repeat("\x00", 24) || r.Pairs.Flags() != ntlmssp.AVFlagMIC || m.MIC == [16]byte{} {
		t.Errorf("LM %x, flags %x, MIC %x, %v", m.LM, r.Pairs.Flags(), m.MIC, fault)
	}
	spn, _ := r.Pairs.Get(ntlmssp.AVTargetName)
	sum, _ := target.Binding.Hash(false)
	if binding, _ := r.Pairs.Get(ntlmssp.AVChannelBindings); spn != string(ntlmssp.AppendUTF16(nil, "HTTP/www.example")) || binding != string(sum[:]) {
		t.Errorf("target %q, binding %x", spn, binding)
	}
	// What the server sent: names and time, nothing that makes peers stumble.
	ch, _ := ntlmssp.ParseChallenge(w.challenge.Bytes())
	pairs, fault := ntlmssp.ParseAVPairs(ch.TargetInfo)
	stamp, timed := pairs.Timestamp()
	if !fault.IsZero() || !timed || stamp < ntlmssp.TimeOf(w.now) {
		t.Errorf("time %v, %v", stamp, fault)
	}
	for id := range pairs.All() {
		if id == ntlmssp.AVFlags || id == ntlmssp.AVTargetName || id == ntlmssp.AVChannelBindings {
			t.Errorf("the challenge has %v (C28)", id)
		}
	}
	name, _ := ch.Flags.Text(ch.TargetName)
	if computer, _ := pairs.Get(ntlmssp.AVComputer); name != "EXAMPLE" || computer != string(ntlmssp.AppendUTF16(nil, "WWW")) || !ch.Flags.Has(ntlmssp.FlagTargetDomain) {
		t.Errorf("%q %q %v", name, computer, ch.Flags)
	}
}

// speak sends messages both ways over established contexts.
func speak(t testing.TB, c, a gss.Context) {
	t.Helper()
	i, okI := c.Session()
	s, okS := a.Session()
	if !okI || !okS {
		t.Fatal("no session")
	}
	for n := range 3 {
		var mic, wrapped string
		var fault gss.Fault
		i, mic, _ = i.MIC("question")
		if s, fault = s.VerifyMIC("question", mic); !fault.IsZero() {
			t.Fatalf("message %d: %v", n, fault)
		}
		seal := c.Info().Flags.Has(gss.Confidential)
		s, wrapped, fault = s.Wrap(gss.Env{}, "answer", seal)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		var plain string
		var sealed bool
		if i, plain, sealed, fault = i.Unwrap(wrapped); plain != "answer" || sealed != seal || strings.Contains(wrapped, "answer") == seal {
			t.Fatalf("message %d: %q, sealed %v, %v", n, plain, sealed, fault)
		}
	}
}

// prop:ntlm_verify_iff_same_secret over what the two sides may be configured to:
// they come together exactly where their options allow it and the secrets are the
// same, and then they share a session.
func TestPropertyInitiatorAcceptor(t *testing.T) {
	came := 0
	rapid.Check(t, func(rt *rapid.T) {
		client := Config{Level: Level(rapid.IntRange(0, 3).Draw(rt, "client level")), Require128: rapid.Bool().Draw(rt, "client 128"), RequireMIC: rapid.Bool().Draw(rt, "client MIC"),
			ChannelBinding: gss.Demand(rapid.IntRange(0, 2).Draw(rt, "client binding"))}
		server := acceptorConfig
		server.Level = Level(rapid.IntRange(0, 3).Draw(rt, "server level"))
		server.Require128, server.RequireMIC = rapid.Bool().Draw(rt, "server 128"), rapid.Bool().Draw(rt, "server MIC")
		server.ChannelBinding = gss.Demand(rapid.IntRange(0, 2).Draw(rt, "server binding"))
		if rapid.Bool().Draw(rt, "targets") {
			server.Targets = []string{"HTTP/other", "http/WWW.example"}
			server.RequireTarget = rapid.Bool().Draw(rt, "require target")
		}
		server.PassThrough = rapid.Bool().Draw(rt, "pass through")
		if server.PassThrough {
			client.Level = V2 // what the controller of this test knows
		}
		w := newWorld(t, client, server)
		bindings := []gss.Binding{gss.NoBinding(), {}, target.Binding, gss.BindingOf("tls-server-end-point:other")}
		w.clientTarget.Binding = rapid.SampledFrom(bindings).Draw(rt, "client's channel")
		w.serverTarget.Binding = rapid.SampledFrom(bindings).Draw(rt, "server's channel")
		want := []gss.Flags{0, gss.Mutual, gss.Integrity, gss.Confidential, gss.Integrity | gss.Confidential}
		w.clientTarget.Want = rapid.SampledFrom(want).Draw(rt, "want")
		password := rapid.SampledFrom([]string{userPassword, "other", "пароль-𝄞"}).Draw(rt, "password")
		kind := rapid.IntRange(0, 2).Draw(rt, "credential")
		name := rapid.SampledFrom([]string{"alice", "ALICE", "Alice"}).Draw(rt, "user")
		switch {
		case kind == 0 || client.Level == LM:
			if client.Level == LM && password != "other" {
				password = "short"
			}
			w.login = gss.Password{User: name, Domain: "EXAMPLE", Password: gss.NewSecret(password)}
		case kind == 1:
			w.login = Hash{User: name, Domain: "EXAMPLE", NT: ntowfv1(password)}
		default:
			client.Level, password = V2, userPassword
			w.client = mechanism(t, client)
			w.login = External{User: name, Domain: "EXAMPLE"}
		}
		stored := rapid.SampledFrom([]string{userPassword, password}).Draw(rt, "stored password")
		if server.PassThrough {
			w.users = controller("alice", stored)
		} else {
			w.users = knowing("alice", stored)
		}

		c, a := w.run()
		wants := w.clientTarget.Want & protection
		ours, ourKnown := w.clientTarget.Binding.Data()
		theirs, theirKnown := w.serverTarget.Binding.Data()
		_, aware := w.clientTarget.Binding.Hash(false)
		aware = aware && client.ChannelBinding != gss.Ignore && client.Level == V2
		ess := client.Level <= V1Session
		var agreed bool
		switch {
		case client.Level == V2:
			agreed = true
		case client.Level == V1Session:
			agreed = server.Level >= V1Session
		default:
			agreed = server.Level >= V1
		}
		binds := true
		switch server.ChannelBinding {
		case gss.Require:
			binds = aware && ourKnown && theirKnown && ours == theirs
		case gss.IfAvailable:
			binds = !theirKnown || !aware || ours == theirs && ourKnown
		}
		should := agreed && binds && stored == password &&
			!((client.RequireMIC || server.RequireMIC) && client.Level != V2) &&
			!((client.Require128 || server.Require128) && !ess) &&
			!(client.ChannelBinding == gss.Require && (!ourKnown || client.Level != V2)) &&
			!(server.RequireTarget && client.Level != V2)
		if got := c.State == gss.Complete && a.State == gss.Complete; got != should {
			rt.Fatalf("came together %v, want %v: client %v, server %v", got, should, c.Fault, a.Fault)
		}
		if !should {
			return
		}
		came++
		info := a.Context.Info()
		if bound := server.ChannelBinding != gss.Ignore && theirKnown && aware; info.Flags.Has(gss.ChannelBound) != bound {
			rt.Fatalf("bound %v, want %v", info.Flags.Has(gss.ChannelBound), bound)
		}
		if info.Flags.Has(gss.Confidential) != wants.Has(gss.Confidential) || !equalFold(info.Peer, "alice") {
			rt.Fatalf("%+v", info)
		}
		if ess { // without it the two directions share one stream, and take turns
			speak(t, c.Context, a.Context)
		}
		if data, ok := LogonData(a.Context); ok != server.PassThrough || ok && data != "groups" {
			rt.Fatalf("logon data %q, %v", data, ok)
		}
		requirement.Held(t, "prop:ntlm_verify_iff_same_secret")
	})
	if came < 5 {
		t.Errorf("only %d exchanges came to anything", came)
	}
}

// prop:ntlm_user_case (NLMP-3.2.5.1.2-4): a user's name in any case is the same
// user, to the response as well.
func TestPropertyUserCase(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stored := rapid.StringOfN(rapid.RuneFrom([]rune("abzABZ09.-äöüÄéжЖλΛ")), 1, 20, -1).Draw(rt, "name")
		typed := []rune(stored)
		for i, r := range typed {
			switch rapid.IntRange(0, 2).Draw(rt, "case") {
			case 1:
				typed[i] = []rune(strings.ToUpper(string(r)))[0]
			case 2:
				typed[i] = []rune(strings.ToLower(string(r)))[0]
			}
		}
		w := newWorld(t, Config{}, acceptorConfig)
		w.login = gss.Password{User: string(typed), Domain: "EXAMPLE", Password: gss.NewSecret(userPassword)}
		w.users = func(q gss.Question) gss.Answer {
			n := q.(gss.NeedVerifier)
			if n.User != string(typed) || !equalFold(n.User, stored) {
				rt.Fatalf("asked for %q", n.User)
			}
			return Hash{User: stored, Domain: "Example", NT: ntowfv1(userPassword)}
		}
		_, a := w.run()
		if a.State != gss.Complete || a.Context.Info().Peer != stored || a.Context.Info().Domain != "Example" {
			rt.Fatalf("%v %+v", a.Fault, a.Context.Info())
		}
		requirement.Held(t, "prop:ntlm_user_case")
	})
}

// The forms of a user's name that people write reach the server as they should.
func TestUserForms(t *testing.T) {
	for _, row := range []struct{ typed, domain, user, realm string }{
		{`EXAMPLE\alice`, "", "alice", "EXAMPLE"}, {"EXAMPLE/alice", "", "alice", "EXAMPLE"}, {`\alice`, "", "alice", ""},
		{"alice@example.com", "", "alice@example.com", ""}, {"alice", "EXAMPLE", "alice", "EXAMPLE"}, {`a\lice`, "EXAMPLE", `a\lice`, "EXAMPLE"},
	} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.login = gss.Password{User: row.typed, Domain: row.domain, Password: gss.NewSecret(userPassword)}
		w.users = func(q gss.Question) gss.Answer {
			if q != (gss.NeedVerifier{Scheme: "NTLM", Realm: row.realm, User: row.user}) {
				t.Errorf("%s: asks %+v", row.typed, q)
			}
			return gss.Password{Password: gss.NewSecret(userPassword)}
		}
		if _, a := w.run(); a.State != gss.Complete {
			t.Error(row.typed, a.Fault)
		}
	}
}

// kit:NTLM/channel_binding: the three values, on both sides, under each demand
// (C30, HTA-19).
func TestBindingTable(t *testing.T) {
	known, other := target.Binding, gss.BindingOf("tls-server-end-point:other")
	var unavailable gss.Binding
	none := gss.NoBinding()
	among, err := gss.BindingAmong(gss.BindingOf("tls-server-end-point:old"), known)
	if err != nil {
		t.Fatal(err)
	}
	const in, bad = gss.NoFault, gss.BadBinding
	for _, row := range []struct {
		client, server      gss.Binding
		ifAvailable, ignore gss.Code
		require             gss.Code
	}{
		{known, known, in, in, in},
		{other, known, bad, in, bad},
		{none, known, bad, in, bad},
		{unavailable, known, in, in, bad},
		{known, none, in, in, bad},
		{none, none, in, in, bad},
		{known, unavailable, in, in, bad},
		{unavailable, unavailable, in, in, bad},
		{known, among, in, in, in},
		{other, among, bad, in, bad},
		{none, among, bad, in, bad},
		{unavailable, among, in, in, bad},
		{known, gss.Undefined(), bad, in, bad},
		{none, gss.Undefined(), bad, in, bad},
		{unavailable, gss.Undefined(), in, in, bad},
	} {
		for demand, want := range map[gss.Demand]gss.Code{gss.IfAvailable: row.ifAvailable, gss.Ignore: row.ignore, gss.Require: row.require} {
			server := acceptorConfig
			server.ChannelBinding = demand
			w := newWorld(t, Config{}, server)
			w.clientTarget.Binding, w.serverTarget.Binding = row.client, row.server
			_, a := w.run()
			if a.Fault.Code != want || (a.State == gss.Complete) != (want == in) {
				t.Errorf("client %v, server %v, demand %d: %v", row.client, row.server, demand, a.Fault)
			}
			requirement.Held(t, "prop:binding_three_values")
			requirement.Held(t, "kit:NTLM/channel_binding_mismatch")
			if row.server == among || row.server == gss.Undefined() {
				requirement.Held(t, "unit:binding_among", "BIND-1")
			}
		}
		// On the wire the three look different.
		w := newWorld(t, Config{}, acceptorConfig)
		w.clientTarget.Binding = row.client
		w.run()
		m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
		r, _ := ntlmssp.ParseResponse(m.NT)
		value, sent := r.Pairs.Get(ntlmssp.AVChannelBindings)
		sum, aware := row.client.Hash(false)
		if sent != aware || sent && value != string(sum[:]) {
			t.Errorf("client %v sends %x, %v", row.client, value, sent)
		}
		requirement.Held(t, "kit:NTLM/channel_binding")
	}
	// A client that must bind and cannot does not answer.
	for _, b := range []gss.Binding{none, unavailable} {
		w := newWorld(t, Config{ChannelBinding: gss.Require}, acceptorConfig)
		w.clientTarget.Binding = b
		c, _ := w.run()
		refused(t, c, gss.BadBinding)
	}
}

// golden:ntlm_mic_stripped, kit:NTLM/mic (V22).
func TestMIC(t *testing.T) {
	rewrite := func(change func(m *ntlmssp.Authenticate)) func(int, string) string {
		return func(kind int, token string) string {
			if kind != ntlmssp.TypeAuthenticate {
				return token
			}
			m, _ := ntlmssp.ParseAuthenticate(token)
			change(&m)
			return string(m.Append(nil))
		}
	}
	flagWord := "\x06\x00\x04\x00\x02\x00\x00\x00"
	for _, row := range []struct {
		name   string
		mangle func(int, string) string
		want   gss.Code
	}{
		{"nothing is done", nil, gss.NoFault},
		{"written anew", rewrite(func(*ntlmssp.Authenticate) {}), gss.NoFault},
		{"zeroed MIC", rewrite(func(m *ntlmssp.Authenticate) { m.MIC = [16]byte{} }), gss.NotAuthentic},
		{"no room for a MIC", rewrite(func(m *ntlmssp.Authenticate) { m.HasMIC = false }), gss.NotAuthentic},
		{"flag cleared", rewrite(func(m *ntlmssp.Authenticate) {
			m.NT = strings.Replace(m.NT, flagWord, "\x06\x00\x04\x00\x00\x00\x00\x00", 1)
		}), gss.BadCredentials},
		{"flag and MIC stripped", rewrite(func(m *ntlmssp.Authenticate) {
			m.NT, m.MIC, m.HasMIC = strings.Replace(m.NT, flagWord, "", 1), [16]byte{}, false
		}), gss.BadCredentials},
		{"flag pair made unknown", rewrite(func(m *ntlmssp.Authenticate) {
			m.NT = strings.Replace(m.NT, flagWord, "\x66\x00\x04\x00\x02\x00\x00\x00", 1)
		}), gss.BadCredentials},
		{"two flag words", rewrite(func(m *ntlmssp.Authenticate) { m.NT = strings.Replace(m.NT, flagWord, flagWord+flagWord, 1) }), gss.Malformed},
		{"no response", rewrite(func(m *ntlmssp.Authenticate) { m.NT = "" }), gss.NotPermitted},
		{"another user", rewrite(func(m *ntlmssp.Authenticate) { m.User = string(ntlmssp.AppendUTF16(nil, "bob")) }), gss.UnknownUser},
		{"another workstation", rewrite(func(m *ntlmssp.Authenticate) { m.Workstation = "X\x00" }), gss.NotAuthentic},
		{"sealing switched off", rewrite(func(m *ntlmssp.Authenticate) { m.Flags &^= ntlmssp.FlagSign }), gss.NotAuthentic},
		{"no session key", rewrite(func(m *ntlmssp.Authenticate) { m.SessionKey = "" }), gss.Malformed}, // golden:ntlm_keyexch_missing
		{"a short session key", rewrite(func(m *ntlmssp.Authenticate) { m.SessionKey = m.SessionKey[:15] }), gss.Malformed},
		{"another session key", rewrite(func(m *ntlmssp.Authenticate) { m.SessionKey = strings.Repeat("k", 16) }), gss.NotAuthentic},
		{"a NEGOTIATE that asks for less", func(kind int, token string) string {
			if kind != ntlmssp.TypeNegotiate {
				return token
			}
			m, _ := ntlmssp.ParseNegotiate(token)
			m.Flags &^= ntlmssp.Flag128
			return string(m.Append(nil))
		}, gss.NotAuthentic},
		{"a CHALLENGE that grants less", func(kind int, token string) string {
			if kind != ntlmssp.TypeChallenge {
				return token
			}
			m, _ := ntlmssp.ParseChallenge(token)
			m.Flags &^= ntlmssp.Flag128
			return string(m.Append(nil))
		}, gss.NotAuthentic},
		// Without the time the client sends no MIC, but the time does not come back.
		{"a CHALLENGE without a time", timeless, gss.NotAuthentic},
	} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.mangle = row.mangle
		c, a := w.run()
		if a.Fault.Code != row.want || (a.State == gss.Complete) != (row.want == gss.NoFault) {
			t.Errorf("%s: %v, want %v", row.name, a.Fault, row.want)
		}
		requirement.Held(t, "golden:ntlm_keyexch_missing")
		requirement.Held(t, "golden:ntlm_mic_stripped")
		requirement.Held(t, "kit:NTLM/mic")
		if a.State == gss.Complete { // SPNEGO asks both sides
			for _, ctx := range []gss.Context{c.Context, a.Context} {
				if !ctx.(interface{ RequiresMechListMIC() bool }).RequiresMechListMIC() {
					t.Errorf("%s: a mechListMIC is not compulsory", row.name)
				}
			}
		}
	}
	strict := acceptorConfig
	strict.RequireMIC = true
	w := newWorld(t, Config{}, strict)
	refused(t, w.plainRun(plainUnicode, nil, nil), gss.NotPermitted)
	w = newWorld(t, Config{}, acceptorConfig)
	if a := w.plainRun(plainUnicode, nil, nil); a.State != gss.Complete || a.Context.(established).RequiresMechListMIC() {
		t.Errorf("a client that sends no MIC: %v", a.Fault)
	}
	w = newWorld(t, Config{RequireMIC: true}, acceptorConfig)
	w.mangle = timeless
	c, _ := w.run()
	refused(t, c, gss.NotPermitted)
	w = newWorld(t, Config{RequireMIC: true}, strict)
	if _, a := w.run(); a.State != gss.Complete {
		t.Error(a.Fault)
	}
}

// timeless takes the time out of the challenge.
func timeless(kind int, token string) string {
	if kind != ntlmssp.TypeChallenge {
		return token
	}
	m, _ := ntlmssp.ParseChallenge(token)
	at := strings.Index(m.TargetInfo, "\x07\x00\x08\x00")
	m.TargetInfo = m.TargetInfo[:at] + m.TargetInfo[at+12:]
	return string(m.Append(nil))
}

// Without a time the client sends an LMv2 response, its own time and no MIC, even
// to a server that sends the flag which says that there is one.
func TestTimelessChallenge(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	w.mangle = func(kind int, token string) string {
		token = timeless(kind, token)
		if kind == ntlmssp.TypeChallenge {
			m, _ := ntlmssp.ParseChallenge(token)
			m.TargetInfo = "\x06\x00\x04\x00\x03\x00\x00\x00\x09\x00\x02\x00x\x00\x0a\x00\x10\x00" + strings.Repeat("z", 16) + m.TargetInfo
			token = string(m.Append(nil))
		}
		return token
	}
	_, a := w.run()
	refused(t, a, gss.NotAuthentic) // our acceptor sent a time
	m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
	r, fault := ntlmssp.ParseResponse(m.NT)
	if !fault.IsZero() || r.Pairs.Flags() != ntlmssp.AVFlagConstrained || m.MIC != [16]byte{} {
		t.Errorf("flags %x, MIC %x, %v", r.Pairs.Flags(), m.MIC, fault)
	}
	if m.LM[16:] != string(r.Client[:]) || m.LM[:16] == strings.Repeat("\x00", 16) {
		t.Errorf("LM %x, client challenge %x", m.LM, r.Client)
	}
	if ns, ok := r.Time.Unix(); !ok || ns < w.now-1000 || ns > w.now+1_000_000 {
		t.Errorf("time %d", ns)
	}
	if spn, _ := r.Pairs.Get(ntlmssp.AVTargetName); spn != string(ntlmssp.AppendUTF16(nil, "HTTP/www.example")) {
		t.Errorf("the server's target name came back: %q", spn)
	}
}

// Some clients leave the domain out of the key, though they send it (MS-NLMP
// section 3.2.5.1.2).
func TestKeyWithoutDomain(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	w.login = External{User: "alice", Domain: "EXAMPLE"}
	c := w.greet()
	a := w.accept()
	c = step(t, c.Context, w.env(), gss.Input{Token: w.challenge}, gss.Waiting)
	n := c.Ask.(NeedResponse)
	n.Domain = ""
	c = step(t, c.Context, w.env(), gss.Input{Answer: agent(n)}, gss.Complete)
	w.token = c.Token
	r := w.judge(a.Context)
	if r.State != gss.Complete || r.Context.Info().Domain != "EXAMPLE" {
		t.Error(r.Fault)
	}
	speak(t, c.Context, r.Context)
}

// Without a key from the controller an attacker cannot forge a MIC or a session, not under
// the key of zeros either.
func TestNoKeyNoMIC(t *testing.T) {
	server := acceptorConfig
	server.PassThrough = true
	w := newWorld(t, Config{}, server)
	w.users = func(gss.Question) gss.Answer { return Logon{Accepted: true} }
	w.mangle = func(kind int, token string) string {
		if kind != ntlmssp.TypeAuthenticate {
			return token
		}
		m, _ := ntlmssp.ParseAuthenticate(token)
		var key Key
		copy(key[:], m.SessionKey)
		mic := micOf(rc4Once(Key{}, key), w.hello.Bytes(), w.challenge.Bytes(), token)
		copy(m.MIC[:], mic[:])
		return string(m.Append(nil))
	}
	_, a := w.run()
	refused(t, a, gss.NotAuthentic)
	w.mangle = nil // no MIC at all: accepted, but without a session
	a = w.plainRun(plainUnicode|ntlmssp.FlagSign|ntlmssp.Flag128|ntlmssp.FlagKeyExchange, nil, nil)
	if _, ok := a.Context.Session(); a.State != gss.Complete || ok {
		t.Errorf("session %v, %v", ok, a.Fault)
	}
}

// A response that takes strong keys back is refused where they are demanded, also
// where no MIC guards the flags.
func TestWeakResponse(t *testing.T) {
	server := acceptorConfig
	server.Require128 = true
	w := newWorld(t, Config{}, server)
	w.mangle = func(kind int, token string) string {
		if kind == ntlmssp.TypeAuthenticate {
			m, _ := ntlmssp.ParseAuthenticate(token)
			m.Flags &^= ntlmssp.Flag128
			token = string(m.Append(nil))
		}
		return token
	}
	refused(t, w.plainRun(plainUnicode|ntlmssp.Flag128, nil, nil), gss.NotPermitted)
}

// KEY_EXCH is for keys that are used: where the server grants neither signing nor
// sealing, no key is sent and the flag is taken back.
func TestKeyExchangeWithoutUse(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	w.mangle = func(kind int, token string) string {
		if kind == ntlmssp.TypeChallenge {
			m, _ := ntlmssp.ParseChallenge(token)
			m.Flags &^= ntlmssp.FlagSign
			token = string(m.Append(nil))
		}
		return token
	}
	c, _ := w.run()
	m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
	if _, ok := c.Context.Session(); ok || c.State != gss.Complete || m.Flags.Has(ntlmssp.FlagKeyExchange) || m.SessionKey != "" {
		t.Errorf("flags %v, session key of %d bytes, session %v", m.Flags, len(m.SessionKey), ok)
	}
}

func TestSingleHost(t *testing.T) {
	c := Config{}
	copy(c.SingleHost[8:], "machine")
	w := newWorld(t, c, acceptorConfig)
	if _, a := w.run(); a.State != gss.Complete {
		t.Fatal(a.Fault)
	}
	m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
	r, _ := ntlmssp.ParseResponse(m.NT)
	if v, _ := r.Pairs.Get(ntlmssp.AVSingleHost); len(v) != 48 || v[0] != 48 || !strings.HasPrefix(v[16:], "machine") {
		t.Errorf("%q", v)
	}
}

// unit:ntlm_flag_table (NLMP-2.2.2.5-1): what a challenge grants.
func TestFlagTable(t *testing.T) {
	always := ntlmssp.FlagRequestTarget | ntlmssp.FlagNTLM | ntlmssp.FlagAlwaysSign | ntlmssp.FlagTargetInfo | ntlmssp.FlagTargetDomain
	for _, row := range []struct{ asked, granted ntlmssp.Flags }{
		{ntlmssp.FlagUnicode, ntlmssp.FlagUnicode},
		{ntlmssp.FlagUnicode | ntlmssp.FlagOEM, ntlmssp.FlagUnicode},
		{ntlmssp.FlagOEM, ntlmssp.FlagOEM},
		{ntlmssp.FlagUnicode | ntlmssp.FlagSign | ntlmssp.FlagSeal | ntlmssp.FlagKeyExchange | ntlmssp.Flag128 | ntlmssp.Flag56, ntlmssp.FlagUnicode | ntlmssp.FlagSign | ntlmssp.FlagSeal | ntlmssp.FlagKeyExchange | ntlmssp.Flag128 | ntlmssp.Flag56},
		{ntlmssp.FlagUnicode | ntlmssp.Flag128 | ntlmssp.Flag56, ntlmssp.FlagUnicode | ntlmssp.Flag128 | ntlmssp.Flag56}, // as Windows
		{ntlmssp.FlagUnicode | ntlmssp.FlagKeyExchange, ntlmssp.FlagUnicode},
		{ntlmssp.FlagUnicode | ntlmssp.FlagESS | ntlmssp.FlagLMKey, ntlmssp.FlagUnicode | ntlmssp.FlagESS},
		{ntlmssp.FlagUnicode | ntlmssp.FlagLMKey | ntlmssp.FlagNonNTKey | ntlmssp.FlagDatagram | ntlmssp.FlagIdentify | 8, ntlmssp.FlagUnicode},
		{ntlmssp.FlagUnicode | ntlmssp.FlagVersion | ntlmssp.FlagOEMDomain, ntlmssp.FlagUnicode | ntlmssp.FlagVersion},
	} {
		a := step(t, mechanism(t, acceptorConfig).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: row.asked}.Append(nil)))}, gss.Continue)
		ch, fault := ntlmssp.ParseChallenge(a.Token.Bytes())
		if !fault.IsZero() || ch.Flags != always|row.granted || (ch.Version == ntlmssp.Version{}) != !row.asked.Has(ntlmssp.FlagVersion) {
			t.Errorf("asked %v, granted %v (%v)", row.asked, ch.Flags, fault)
		}
		requirement.Held(t, "unit:ntlm_flag_table")
	}
	a := take(t, mechanism(t, acceptorConfig).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: ntlmssp.FlagNTLM}.Append(nil)))})
	refused(t, a, gss.Malformed)
	alone := Config{Computer: "Ω"}
	a = step(t, mechanism(t, alone).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: ntlmssp.FlagOEM}.Append(nil)))}, gss.Continue)
	if ch, _ := ntlmssp.ParseChallenge(a.Token.Bytes()); !ch.Flags.Has(ntlmssp.FlagTargetServer) || ch.TargetName != "" {
		t.Errorf("%+v", ch)
	}
}

// golden:ntlm_weak_challenge (NLMP-3.1.5.1.2-1).
func TestWeakChallenge(t *testing.T) {
	without := func(f ntlmssp.Flags) func(int, string) string {
		return func(kind int, token string) string {
			if kind != ntlmssp.TypeChallenge {
				return token
			}
			m, _ := ntlmssp.ParseChallenge(token)
			m.Flags &^= f
			return string(m.Append(nil))
		}
	}
	for _, row := range []struct {
		name   string
		config Config
		want   gss.Flags
		mangle func(int, string) string
		code   gss.Code
	}{
		{"no character set", Config{}, 0, without(ntlmssp.FlagUnicode | ntlmssp.FlagOEM), gss.Malformed},
		{"no signing, asked for", Config{}, gss.Integrity, without(ntlmssp.FlagSign), gss.NotPermitted},
		{"no signing, for order", Config{}, gss.Sequence, without(ntlmssp.FlagSign), gss.NotPermitted},
		{"no sealing, asked for", Config{}, gss.Confidential, without(ntlmssp.FlagSeal), gss.NotPermitted},
		{"no 128 bits, demanded", Config{Require128: true}, 0, without(ntlmssp.Flag128), gss.NotPermitted},
		{"no 128 bits, signing asked for", Config{}, gss.Integrity, without(ntlmssp.Flag128), gss.NotPermitted},
		{"no extended session security, signing asked for", Config{}, gss.Integrity, without(ntlmssp.FlagESS), gss.NotPermitted},
		{"no extended session security, at that level", Config{Level: V1Session}, 0, without(ntlmssp.FlagESS), gss.NotPermitted},
		{"no names, signing asked for", Config{}, gss.Integrity, func(kind int, token string) string {
			if kind != ntlmssp.TypeChallenge {
				return token
			}
			m, _ := ntlmssp.ParseChallenge(token)
			m.TargetInfo = "\x00\x00\x00\x00"
			return string(m.Append(nil))
		}, gss.NotPermitted},
		{"no time at a level without one", Config{Level: V1, RequireMIC: true}, 0, nil, gss.NotPermitted},
		{"no room for a binding at that level", Config{Level: V1, ChannelBinding: gss.Require}, 0, nil, gss.NotPermitted},
	} {
		w := newWorld(t, row.config, acceptorConfig)
		w.clientTarget.Want = row.want
		w.mangle = row.mangle
		c, _ := w.run()
		if c.Fault.Code != row.code || c.Token.Present() {
			t.Errorf("%s: %v", row.name, c.Fault)
		}
		requirement.Held(t, "golden:ntlm_weak_challenge")
	}
	strong := acceptorConfig
	strong.Require128 = true
	a := take(t, mechanism(t, strong).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: ntlmssp.FlagUnicode | ntlmssp.FlagESS}.Append(nil)))})
	refused(t, a, gss.NotPermitted)
}

// prop:zero_seed_fails_closed (HTA-3), prop:nonce_fresh_per_seed.
func TestSeeds(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	c := w.greet()
	a := take(t, w.server.Accept(target), gss.Env{Now: 1}, gss.Input{Token: w.hello})
	refused(t, a, gss.NoEntropy)
	requirement.Held(t, "prop:zero_seed_fails_closed")
	seen := map[ntlmssp.Nonce]bool{}
	for n := range 50 {
		a = step(t, w.server.Accept(target), gss.Env{Seed: gss.Seed{byte(n + 1)}}, gss.Input{Token: w.hello}, gss.Continue)
		ch, _ := ntlmssp.ParseChallenge(a.Token.Bytes())
		if seen[ch.Server] {
			t.Fatal("a challenge comes twice")
		}
		seen[ch.Server] = true
		requirement.Held(t, "prop:nonce_fresh_per_seed", "NLMP-3.2.5.1.1-1")
	}
	for _, level := range []Level{V2, V1Session, V1} {
		w := newWorld(t, Config{Level: level}, acceptorConfig)
		g := w.greet()
		refused(t, take(t, g.Context, gss.Env{Now: 1}, gss.Input{Token: a.Token}), gss.NoEntropy)
	}
	tokens := map[string]bool{}
	for n := range 50 {
		r := step(t, c.Context, gss.Env{Seed: gss.Seed{byte(n + 1)}}, gss.Input{Token: a.Token}, gss.Complete)
		m, _ := ntlmssp.ParseAuthenticate(r.Token.Bytes())
		resp, _ := ntlmssp.ParseResponse(m.NT)
		if tokens[string(resp.Client[:])] || tokens[m.SessionKey] {
			t.Fatal("a client challenge or a session key comes twice")
		}
		tokens[string(resp.Client[:])], tokens[m.SessionKey] = true, true
	}
	w.login = External{User: "alice"}
	g := w.greet()
	d := step(t, g.Context, w.env(), gss.Input{Token: a.Token}, gss.Waiting)
	refused(t, take(t, d.Context, gss.Env{}, gss.Input{Answer: agent(d.Ask)}), gss.NoEntropy)
}

// Unknown user, empty password and anonymous are three refusals inside (V23), and
// one outside: no token, and the same state.
func TestRefusals(t *testing.T) {
	empty := ntowfv1("")
	pass := acceptorConfig
	pass.PassThrough = true
	old := acceptorConfig
	old.AllowAnonymous, old.AllowEmptyPassword = true, true
	answer := func(a gss.Answer) func(gss.Question) gss.Answer { return func(gss.Question) gss.Answer { return a } }
	for _, row := range []struct {
		name   string
		server Config
		login  gss.Answer
		users  func(gss.Question) gss.Answer
		want   gss.Code
	}{
		{"wrong password", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret("wrong")}, knowing("alice", userPassword), gss.BadCredentials},
		{"unknown user", acceptorConfig, gss.Password{User: "bob", Password: gss.NewSecret(userPassword)}, knowing("alice", userPassword), gss.UnknownUser},
		{"unknown user, empty password", acceptorConfig, Hash{User: "bob", NT: empty}, knowing("alice", userPassword), gss.UnknownUser}, // V23
		{"empty password", acceptorConfig, Hash{User: "alice", NT: empty}, knowing("alice", ""), gss.NotPermitted},
		{"empty password by hash", acceptorConfig, Hash{User: "alice", NT: empty}, answer(Hash{NT: empty}), gss.NotPermitted},
		{"empty password, wrong", acceptorConfig, Hash{User: "alice", NT: Key{1}}, knowing("alice", ""), gss.BadCredentials},
		{"empty password, allowed", old, Hash{User: "alice", NT: empty}, knowing("alice", ""), gss.NoFault},
		{"empty hash of the store", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(Hash{}), gss.Unanswered},
		{"anonymous", acceptorConfig, Anonymous{}, nil, gss.NoCredentials},
		{"anonymous, allowed", old, Anonymous{}, nil, gss.NoFault},
		{"store is down", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(gss.Unreachable{}), gss.Unavailable},
		{"one user's record is damaged", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(gss.Unverifiable{}), gss.Unanswered},
		{"store declines", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(gss.Declined{}), gss.Unanswered},
		{"controller refuses", pass, gss.Password{User: "alice", Password: gss.NewSecret("wrong")}, controller("alice", userPassword), gss.BadCredentials},
		{"controller knows nobody", pass, gss.Password{User: "bob", Password: gss.NewSecret("wrong")}, controller("alice", userPassword), gss.UnknownUser},
		{"controller is down", pass, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(gss.Unreachable{}), gss.Unavailable},
		{"guest", pass, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(Logon{Accepted: true, Guest: true, SessionKey: Key{1}}), gss.NotPermitted},
		{"controller without a key", pass, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(Logon{Accepted: true}), gss.NotAuthentic},
		{"controller with another key", pass, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(Logon{Accepted: true, SessionKey: Key{1}}), gss.NotAuthentic},
	} {
		w := newWorld(t, Config{}, row.server)
		w.clientTarget.Binding, w.serverTarget.Binding = gss.Binding{}, gss.Binding{}
		w.login, w.users = row.login, row.users
		c, a := w.run()
		if c.State != gss.Complete || a.Fault.Code != row.want || a.Token.Present() || (a.State == gss.Complete) != (row.want == gss.NoFault) {
			t.Errorf("%s: %v (%v)", row.name, a.Fault, c.Fault)
		}
		if info := a.Context.Info(); info.Anonymous != (row.name == "anonymous, allowed") {
			t.Errorf("%s: %+v", row.name, info)
		}
		if _, ok := a.Context.Session(); ok != (row.name == "empty password, allowed") {
			t.Errorf("%s: session %v", row.name, ok)
		}
	}
	// An anonymous client lacks what these require of all clients.
	for _, c := range []Config{{RequireMIC: true}, {ChannelBinding: gss.Require}, {Require128: true}} {
		c.Computer, c.AllowAnonymous = "WWW", true
		w := newWorld(t, Config{}, c)
		w.login = Anonymous{}
		if _, a := w.run(); (a.State == gss.Complete) != c.Require128 {
			t.Errorf("%+v: %v", c, a.Fault)
		}
	}
	for _, c := range []Config{{RequireMIC: true}, {ChannelBinding: gss.Require}} {
		w := newWorld(t, c, acceptorConfig)
		w.login = Anonymous{}
		r, _ := w.run()
		refused(t, r, gss.NotPermitted)
	}
	requirement.Held(t, "unit:ntlm_user_store", "NTHT-1.5-1")
}

// The initiator's own refusals.
func TestCredentials(t *testing.T) {
	secret := gss.NewSecret(userPassword)
	for _, row := range []struct {
		name   string
		level  Level
		answer gss.Answer
		want   gss.Code
	}{
		{"declined", V2, gss.Declined{}, gss.NoCredentials},
		{"unreachable", V2, gss.Unreachable{}, gss.Unanswered},
		{"nothing at all", V2, gss.Password{}, gss.NoCredentials},
		{"no user", V2, gss.Password{Password: secret}, gss.NoCredentials},
		{"a domain alone", V2, gss.Password{User: `EXAMPLE\`, Password: secret}, gss.NoCredentials},
		{"no password", V2, gss.Password{User: "alice"}, gss.NoCredentials},
		{"no hash", V2, Hash{User: "alice"}, gss.NoCredentials},
		{"hash without a user", V2, Hash{NT: Key{1}}, gss.NoCredentials},
		{"agent without a user", V2, External{}, gss.NoCredentials},
		{"agent at an old level", V1, External{User: "alice"}, gss.Unsupported},
		{"hash for LM", LM, Hash{User: "alice", NT: Key{1}}, gss.Unsupported},
		{"long password for LM", LM, gss.Password{User: "alice", Password: gss.NewSecret("fifteen letters")}, gss.Unsupported},
		{"password", V2, gss.Password{User: "alice", Password: secret}, gss.NoFault},
		{"hash", V1, Hash{User: "alice", NT: Key{1}}, gss.NoFault},
	} {
		w := newWorld(t, Config{Level: row.level}, acceptorConfig)
		w.login = row.answer
		if c := w.greet(); c.Fault.Code != row.want {
			t.Errorf("%s: %v", row.name, c.Fault)
		}
	}
	for _, row := range []struct {
		answer gss.Answer
		want   gss.Code
	}{{gss.Declined{}, gss.NoCredentials}, {gss.Unreachable{}, gss.Unanswered}, {Computed{}, gss.NoCredentials}, {Computed{Proof: Key{1}}, gss.NoCredentials}} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.login = External{User: "alice", Domain: "EXAMPLE"}
		c := w.greet()
		w.accept()
		c = step(t, c.Context, w.env(), gss.Input{Token: w.challenge}, gss.Waiting)
		refused(t, take(t, c.Context, w.env(), gss.Input{Answer: row.answer}), row.want)
	}
	// A server that chose OEM gets what fits.
	oem := func(kind int, token string) string {
		if kind == ntlmssp.TypeNegotiate {
			m, _ := ntlmssp.ParseNegotiate(token)
			m.Flags &^= ntlmssp.FlagUnicode
			return string(m.Append(nil))
		}
		return token
	}
	for user, want := range map[string]gss.State{"älice": gss.Complete, "жора": gss.Failed} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.mangle = oem
		w.login = gss.Password{User: user, Password: secret}
		if c, _ := w.run(); c.State != want {
			t.Errorf("%s: %v", user, c.Fault)
		}
	}
}

// Wget asks for OEM, claims UNICODE all the same, and writes its names in OEM: what
// the server granted says how they are read.
func TestUngrantedUnicode(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	w.login = gss.Password{User: "alice", Domain: "EXAMPLE", Password: gss.NewSecret(userPassword)}
	w.mangle = func(kind int, token string) string {
		switch kind {
		case ntlmssp.TypeNegotiate:
			m, _ := ntlmssp.ParseNegotiate(token)
			m.Flags &^= ntlmssp.FlagUnicode
			return string(m.Append(nil))
		case ntlmssp.TypeAuthenticate:
			m, _ := ntlmssp.ParseAuthenticate(token)
			if !m.Flags.Has(ntlmssp.FlagOEM) || m.User != "alice" {
				t.Fatalf("the client did not write OEM: %v", m.Flags)
			}
			m.Flags |= ntlmssp.FlagUnicode
			return string(m.Append(nil))
		}
		return token
	}
	var claimed gss.Question
	store := w.users
	w.users = func(q gss.Question) gss.Answer { claimed = q; return store(q) }
	w.run()
	if need, _ := claimed.(gss.NeedVerifier); need.User != "alice" || need.Realm != "EXAMPLE" {
		t.Errorf("the names were read in the wrong character set: %v", claimed)
	}
}

// A response of an old client is refused by default with the reason, and taken
// where policy allows it.
func TestLevels(t *testing.T) {
	for client := V2; client < levels; client++ {
		for server := V2; server < levels; server++ {
			c := acceptorConfig
			c.Level = server
			w := newWorld(t, Config{Level: client}, c)
			w.login = gss.Password{User: "alice", Password: gss.NewSecret("short")}
			w.users = knowing("alice", "short")
			_, a := w.run()
			want := gss.NotPermitted
			if client <= server || client == LM && server == V1 {
				want = gss.NoFault
			}
			if a.Fault.Code != want || want == gss.NotPermitted && !strings.Contains(a.Fault.Detail, "Config.Level") {
				t.Errorf("client %d, server %d: %v", client, server, a.Fault)
			}
			m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
			if (m.LM == m.NT) != (client == V1) || (len(m.NT) == ntlmssp.V1Size) != (client != V2) {
				t.Errorf("level %d sends LM %x, NT %x", client, m.LM, m.NT)
			}
		}
	}
	// LM alone is never taken.
	w := newWorld(t, Config{Level: LM}, Config{Computer: "WWW", Level: LM})
	w.login = gss.Password{User: "alice", Password: gss.NewSecret("short")}
	w.mangle = func(kind int, token string) string {
		if kind == ntlmssp.TypeAuthenticate {
			m, _ := ntlmssp.ParseAuthenticate(token)
			m.NT = ""
			token = string(m.Append(nil))
		}
		return token
	}
	_, a := w.run()
	refused(t, a, gss.NotPermitted)
}

// The half-duplex session of the versions before extended session security.
func TestOldSession(t *testing.T) {
	for _, level := range []Level{V1, LM} {
		c := acceptorConfig
		c.Level = level
		w := newWorld(t, Config{Level: level}, c)
		w.clientTarget.Want = gss.Confidential
		w.login, w.users = gss.Password{User: "alice", Password: gss.NewSecret("short")}, knowing("alice", "short")
		i, a := w.run()
		if a.State != gss.Complete {
			t.Fatal(i.Fault, a.Fault)
		}
		speak(t, i.Context, a.Context)
	}
}

// A recorded response is worth nothing on another connection, nor on the same one
// once more.
func TestReplay(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	_, a := w.run()
	token := w.token
	refused(t, take(t, a.Context, w.env(), gss.Input{Token: token}), gss.Unexpected)
	other := w.accept()
	refused(t, w.judge(other.Context), gss.BadCredentials)
	// The first message in place of a response, and the other way round.
	other = w.accept()
	refused(t, take(t, other.Context, w.env(), gss.Input{Token: w.hello}), gss.Unexpected)
	refused(t, take(t, w.server.Accept(target), w.env(), gss.Input{Token: token}), gss.Unexpected)
	refused(t, take(t, w.server.Accept(target), w.env(), gss.Input{Token: w.challenge}), gss.Unexpected)
	refused(t, take(t, other.Context, w.env(), gss.Input{Token: w.challenge}), gss.Unexpected)
}

// What is not NTLM at all (NTHT-1.3-1), what is missing, what comes too early.
func TestUnexpected(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	spnego := gss.TokenOf("\x60\x48\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x3e\x30\x3c\xa0\x0e\x30\x0c")
	refused(t, take(t, w.server.Accept(target), w.env(), gss.Input{Token: spnego}), gss.Malformed)
	requirement.Held(t, "prop:ntlm_scheme_refuses_spnego")
	refused(t, take(t, w.server.Accept(target), w.env(), gss.Input{Token: gss.TokenOf("")}), gss.Malformed)
	refused(t, take(t, w.server.Accept(target), w.env(), gss.Input{}), gss.Unexpected)
	refused(t, take(t, w.client.Initiate(target), w.env(), gss.Input{Token: spnego}), gss.Unexpected)
	c, a := w.greet(), w.accept()
	refused(t, take(t, c.Context, w.env(), gss.Input{}), gss.Refused)
	refused(t, take(t, c.Context, w.env(), gss.Input{Token: spnego}), gss.Malformed)
	refused(t, take(t, c.Context, w.env(), gss.Input{Token: w.hello}), gss.Unexpected)
	refused(t, take(t, a.Context, w.env(), gss.Input{}), gss.Unexpected)
	refused(t, take(t, a.Context, w.env(), gss.Input{Token: spnego}), gss.Malformed)
	done := w.respond(c.Context)
	refused(t, take(t, done.Context, w.env(), gss.Input{}), gss.Unexpected)
	// Failure absorbs.
	failed := take(t, c.Context, w.env(), gss.Input{})
	again := take(t, failed.Context, w.env(), gss.Input{Token: w.challenge})
	if again.Context != failed.Context || again.Fault != failed.Fault {
		t.Error("a failed context goes on")
	}
	// So do unusable ones: the zero mechanism, and one that is no acceptor.
	refused(t, take(t, Mechanism{}.Initiate(target), w.env(), gss.Input{}), gss.NotPermitted)
	refused(t, take(t, Mechanism{}.Accept(target), w.env(), gss.Input{Token: w.hello}), gss.NotPermitted)
	refused(t, take(t, w.client.Accept(target), w.env(), gss.Input{Token: w.hello}), gss.NotPermitted)
}

// What only the caller can do wrong is an error, and the state stays.
func TestMisuse(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	pass := acceptorConfig
	pass.PassThrough = true
	passing := mechanism(t, pass)
	start := w.client.Initiate(target)
	asking := take(t, start, w.env(), gss.Input{})
	c, a := w.greet(), w.accept()
	through := step(t, passing.Accept(target), gss.Env{Now: w.now, Seed: gss.Seed{9}}, gss.Input{Token: w.hello}, gss.Continue)
	done := w.respond(c.Context)
	judging := take(t, a.Context, w.env(), gss.Input{Token: w.token})
	logon := take(t, through.Context, w.env(), gss.Input{Token: w.token})
	w.login = External{User: "alice"}
	agentAsked := step(t, w.greet().Context, w.env(), gss.Input{Token: w.challenge}, gss.Waiting)
	failed := take(t, a.Context, w.env(), gss.Input{})
	answer := gss.Input{Answer: gss.Declined{}}
	for _, row := range []struct {
		name string
		c    gss.Context
		in   gss.Input
	}{
		{"answer to nothing: initiator", start, answer}, {"answer to nothing: greeted", c.Context, answer}, {"answer to nothing: acceptor", w.server.Accept(target), answer},
		{"answer to nothing: challenged", a.Context, answer}, {"answer to nothing: established", done.Context, answer}, {"answer to nothing: failed", failed.Context, answer},
		{"token while asking: initiator", asking.Context, gss.Input{Token: w.challenge}}, {"nothing while asking: initiator", asking.Context, gss.Input{}},
		{"token while asking: acceptor", judging.Context, gss.Input{Token: w.token}}, {"nothing while asking: acceptor", judging.Context, gss.Input{}},
		{"token while asking: agent", agentAsked.Context, gss.Input{Token: w.token}},
		{"both", c.Context, gss.Input{Token: w.challenge, Answer: gss.Declined{}}},
		{"another answer: initiator", asking.Context, gss.Input{Answer: gss.Unknown{}}}, {"another answer: agent", agentAsked.Context, gss.Input{Answer: gss.Password{}}},
		{"another answer: acceptor", judging.Context, gss.Input{Answer: gss.Verdict{Accepted: true}}}, {"a logon that was not asked for", judging.Context, gss.Input{Answer: Logon{Accepted: true}}},
		{"a verifier for a logon", logon.Context, gss.Input{Answer: gss.Password{}}}, {"a hash for a logon", logon.Context, gss.Input{Answer: Hash{}}},
	} {
		next, out, err := row.c.Step(w.env(), row.in)
		if !isMisuse(err) || next != row.c || out != (gss.Output{}) {
			t.Errorf("%s: %v, state %v", row.name, err, out.State)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, row := range []struct {
		host, service string
		targets       []string
		require       bool
		want          gss.Code
	}{
		{"www.example", "HTTP", nil, false, gss.NoFault},
		{"www.example", "HTTP", []string{"HTTP/www.example"}, true, gss.NoFault},
		{"www.example", "HTTP", []string{"host/x", "http/WWW.Example"}, true, gss.NoFault},
		{"www.example:8080", "HTTP", []string{"HTTP/www.example"}, true, gss.NoFault}, // Chromium adds the port
		{"www.example:80x", "HTTP", []string{"HTTP/www.example"}, true, gss.WrongResource},
		{"evil.example", "HTTP", []string{"HTTP/www.example"}, false, gss.WrongResource},
		{"www.example", "cifs", []string{"HTTP/www.example"}, false, gss.WrongResource},
		{"", "HTTP", []string{"HTTP/www.example"}, false, gss.NoFault},
		{"", "HTTP", []string{"HTTP/www.example"}, true, gss.NotPermitted},
		{strings.Repeat("h", ntlmssp.MaxName), "HTTP", []string{"HTTP/www.example"}, true, gss.NotPermitted},
	} {
		c := acceptorConfig
		c.Targets, c.RequireTarget = row.targets, row.require
		w := newWorld(t, Config{}, c)
		w.clientTarget.Host, w.clientTarget.Service = row.host, row.service
		if _, a := w.run(); a.Fault.Code != row.want {
			t.Errorf("%+v: %v", row, a.Fault)
		}
	}
	// A name from a source that the client does not trust counts as none.
	cfg := mechanism(t, Config{Computer: "WWW", Targets: []string{"HTTP/www.example"}, RequireTarget: true}).cfg
	pairs, _ := ntlmssp.ParseAVPairs("\x06\x00\x04\x00\x04\x00\x00\x00" + string(ntlmssp.AppendAVText(nil, ntlmssp.AVTargetName, "HTTP/www.example")) + "\x00\x00\x00\x00")
	p := proof{v2: true, response: ntlmssp.Response{Pairs: pairs}}
	if fault := cfg.judgeTarget(&p); fault.Code != gss.NotPermitted {
		t.Error(fault)
	}
}

func TestSkew(t *testing.T) {
	const hour = 3_600_000_000_000
	for _, row := range []struct {
		off  int64
		want gss.Code
	}{{0, gss.NoFault}, {hour - 1e9, gss.NoFault}, {-hour + 1e9, gss.NoFault}, {hour + 1e9, gss.ClockSkew}, {-hour - 1e9, gss.ClockSkew}} {
		c := acceptorConfig
		c.MaxSkew = hour
		w := newWorld(t, Config{}, c)
		w.hello = gss.TokenOf(string(ntlmssp.Negotiate{Flags: plainUnicode}.Append(nil)))
		a := w.accept()
		w.now += row.off
		token, _ := w.plain(w.challenge.Bytes(), plainUnicode, nil) // a client that sends its own time
		w.now -= row.off
		w.token = gss.TokenOf(token)
		if r := w.judge(a.Context); r.Fault.Code != row.want {
			t.Errorf("off by %d: %v", row.off, r.Fault)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{Level: levels}, {ChannelBinding: gss.Require + 1}, {MaxSkew: -1}, {Workstation: strings.Repeat("w", 256)}, {Computer: "C", DNSTree: strings.Repeat("w", 256)}} {
		_, err := New(c)
		if f, ok := err.(gss.Fault); !ok || f.Code != gss.NotPermitted {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// A slice of the caller's does not reach into the mechanism.
	targets := []string{"HTTP/a"}
	m := mechanism(t, Config{Computer: "C", Targets: targets})
	targets[0] = "HTTP/b"
	if !m.cfg.means("HTTP/a") || m.cfg.means("HTTP/b") {
		t.Error("the configuration changed under the mechanism")
	}
	traits := m.Traits()
	if m.Mech() != gss.NTLM || traits != (gss.Traits{ConnectionBound: true, Integrity: true, MaxLegs: 2}) {
		t.Errorf("%+v", traits)
	}
	// The longest names still make challenges that we take ourselves.
	long := strings.Repeat("ä", 127)
	w := newWorld(t, Config{}, Config{Computer: long, Domain: long, DNSComputer: long, DNSDomain: long, DNSTree: long})
	if _, a := w.run(); a.State != gss.Complete {
		t.Error(a.Fault)
	}
	// And names too long for a message are no panic.
	w.login = gss.Password{User: strings.Repeat("u", 4000), Password: gss.NewSecret(userPassword)}
	c, _ := w.run()
	refused(t, c, gss.TooMany)
}

// prop: with a MIC no flipped bit of any message lets a client in.
func TestPropertyBitFlips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.IntRange(ntlmssp.TypeNegotiate, ntlmssp.TypeAuthenticate).Draw(rt, "message")
		at := rapid.IntRange(0, 1<<20).Draw(rt, "bit")
		w := newWorld(t, Config{}, acceptorConfig)
		w.clientTarget.Want = gss.Confidential
		w.mangle = func(k int, token string) string {
			if k != kind {
				return token
			}
			b := []byte(token)
			bit := at % (8 * len(b))
			b[bit/8] ^= 1 << (bit % 8)
			return string(b)
		}
		if c, a := w.run(); a.State == gss.Complete {
			rt.Fatalf("let in after a flipped bit of message %d (client %v)", kind, c.State)
		}
	})
}

//go:embed acceptor.go
var acceptorSource string

// An unknown user, one without a hash, and a wrong password cost the same, whichever
// kind of store answers.
func TestEqualWork(t *testing.T) {
	equalwork.Before(t, acceptorSource, "compare", "ntowfv1", "gss.UnknownUser", "gss.BadCredentials", "gss.NotPermitted")
	equalwork.Before(t, acceptorSource, "compare", "p.verify", "gss.UnknownUser", "gss.BadCredentials", "gss.NotPermitted")
	// The dummy opens nothing, also where it is the user's password.
	for want, users := range map[gss.Code]gss.Answer{
		gss.UnknownUser: gss.Unknown{},
		gss.Unanswered:  Hash{},
		gss.NoFault:     gss.Password{Password: gss.NewSecret(dummy)},
	} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.login = gss.Password{User: "alice", Password: gss.NewSecret(dummy)}
		w.users = func(gss.Question) gss.Answer { return users }
		if _, a := w.run(); a.Fault.Code != want {
			t.Errorf("%T: %v, want %v", users, a.Fault, want)
		}
	}
	requirement.Held(t, "unit:equal_work", "HTA-30")
}

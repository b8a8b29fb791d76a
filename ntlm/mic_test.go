package ntlm

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

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
		for demand, want := range map[gss.Requirement]gss.Code{gss.IfAvailable: row.ifAvailable, gss.Ignore: row.ignore, gss.Require: row.require} {
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
	for name, exported := range map[string]func(sent Key) Key{
		"of zeros":              func(Key) Key { return Key{} },
		"sent, under that":      func(sent Key) Key { return rc4Once(Key{}, sent) },
		"sent, under no cipher": func(sent Key) Key { return sent },
	} {
		w.mangle = func(kind int, token string) string {
			if kind != ntlmssp.TypeAuthenticate {
				return token
			}
			m, _ := ntlmssp.ParseAuthenticate(token)
			var key Key
			copy(key[:], m.SessionKey)
			mic := micOf(exported(key), w.hello.Bytes(), w.challenge.Bytes(), token)
			copy(m.MIC[:], mic[:])
			return string(m.Append(nil))
		}
		if _, a := w.run(); a.Fault.Code != gss.NotAuthentic {
			t.Errorf("a MIC under the key %s: %v %v", name, a.State, a.Fault)
		}
	}
	w.mangle = nil // no MIC at all: accepted, but without a session
	a := w.plainRun(plainUnicode|ntlmssp.FlagSign|ntlmssp.Flag128|ntlmssp.FlagKeyExchange, nil, nil)
	if _, ok := a.Context.Session(); a.State != gss.Complete || ok {
		t.Errorf("session %v, %v", ok, a.Fault)
	}
}

// A MIC is there if the response says so, which is a part of the proof (MS-NLMP section
// 3.1.5.1.2). One that is not announced is none, however right it is.
func TestUnannouncedMIC(t *testing.T) {
	announce := func(pairs ntlmssp.AVPairs) string { return "\x06\x00\x04\x00\x02\x00\x00\x00" + pairs.Raw() }
	for _, row := range []struct {
		name  string
		echo  func(ntlmssp.AVPairs) string
		right bool
		// As it ends where a MIC is demanded, and where none is.
		demanded, free gss.Code
		mic            bool
	}{
		{"announced", announce, true, gss.NoFault, gss.NoFault, true},
		{"announced, and wrong", announce, false, gss.NotAuthentic, gss.NotAuthentic, false},
		{"not announced", nil, true, gss.NotPermitted, gss.NoFault, false},
		{"not announced, and wrong", nil, false, gss.NotPermitted, gss.NoFault, false},
	} {
		for demand, want := range map[bool]gss.Code{true: row.demanded, false: row.free} {
			server := acceptorConfig
			server.RequireMIC = demand
			w := newWorld(t, Config{}, server)
			w.mangle = func(kind int, token string) string {
				if kind != ntlmssp.TypeAuthenticate {
					return token
				}
				m, _ := ntlmssp.ParseAuthenticate(token)
				key := ntowfv2Of(ntowfv1(userPassword), "alice", "EXAMPLE")
				m.HasMIC, m.MIC = true, [16]byte{}
				token = string(m.Append(nil))
				m.MIC = micOf(hmacMD5(key, []byte(m.NT[:ntlmssp.ProofSize])), w.hello.Bytes(), w.challenge.Bytes(), token)
				if !row.right {
					m.MIC[0] ^= 1
				}
				return string(m.Append(nil))
			}
			a := w.plainRun(plainUnicode|ntlmssp.FlagSign, nil, row.echo)
			if a.Fault.Code != want {
				t.Errorf("a MIC that is %s, demanded %t: %v, want %v", row.name, demand, a.Fault, want)
			}
			if e, ok := a.Context.(established); ok && e.RequiresMechListMIC() != row.mic {
				t.Errorf("a MIC that is %s counts as one: %t", row.name, !row.mic)
			}
		}
	}
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

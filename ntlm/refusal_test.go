package ntlm

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

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
		a := step(t, newMechanism(t, acceptorConfig).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: row.asked}.Append(nil)))}, gss.Continue)
		ch, fault := ntlmssp.ParseChallenge(a.Token.Bytes())
		if !fault.IsZero() || ch.Flags != always|row.granted || (ch.Version == ntlmssp.Version{}) != !row.asked.Has(ntlmssp.FlagVersion) {
			t.Errorf("asked %v, granted %v (%v)", row.asked, ch.Flags, fault)
		}
		requirement.Held(t, "unit:ntlm_flag_table")
	}
	a := take(t, newMechanism(t, acceptorConfig).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: ntlmssp.FlagNTLM}.Append(nil)))})
	refused(t, a, gss.Malformed)
	alone := Config{Computer: "Ω"}
	a = step(t, newMechanism(t, alone).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: ntlmssp.FlagOEM}.Append(nil)))}, gss.Continue)
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
	a := take(t, newMechanism(t, strong).Accept(target), gss.Env{Seed: gss.Seed{1}}, gss.Input{Token: gss.TokenOf(string(ntlmssp.Negotiate{Flags: ntlmssp.FlagUnicode | ntlmssp.FlagESS}.Append(nil)))})
	refused(t, a, gss.NotPermitted)
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
		{"empty hash of the store", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(Hash{}), gss.QuestionFailed},
		{"anonymous", acceptorConfig, Anonymous{}, nil, gss.NoCredentials},
		{"anonymous, allowed", old, Anonymous{}, nil, gss.NoFault},
		{"store is down", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(gss.Unreachable{}), gss.Unavailable},
		{"one user's record is damaged", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(gss.Unverifiable{}), gss.QuestionFailed},
		{"store declines", acceptorConfig, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, answer(gss.Declined{}), gss.QuestionFailed},
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
		{"unreachable", V2, gss.Unreachable{}, gss.QuestionFailed},
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
	}{{gss.Declined{}, gss.NoCredentials}, {gss.Unreachable{}, gss.QuestionFailed}, {Computed{}, gss.NoCredentials}, {Computed{Proof: Key{1}}, gss.NoCredentials}} {
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

// A client that says nothing of flags in its last message, as very old ones, has all that
// it was granted: the character set, in which its names are read, and message protection.
func TestSilentAuthenticate(t *testing.T) {
	silent := func(kind int, token string) string {
		if kind == ntlmssp.TypeAuthenticate {
			m, _ := ntlmssp.ParseAuthenticate(token)
			m.Flags = 0
			return string(m.Append(nil))
		}
		return token
	}
	const protection = gss.Integrity | gss.ReplayDetect | gss.Sequence
	for _, row := range []struct {
		name  string
		asked ntlmssp.Flags
		want  gss.Flags
	}{
		{"no protection", plainUnicode, 0},
		{"no protection, OEM", plainOEM, 0},
		{"signing", plainUnicode | ntlmssp.FlagSign, protection},
		{"signing, OEM", plainOEM | ntlmssp.FlagSign, protection},
		{"sealing", plainUnicode | ntlmssp.FlagSign | ntlmssp.FlagSeal, protection | gss.Confidential},
	} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.mangle = silent
		a := w.plainRun(row.asked, nil, nil)
		if a.State != gss.Complete {
			t.Errorf("%s: %v", row.name, a.Fault)
			continue
		}
		if info := a.Context.Info(); info.Peer != "alice" || info.Domain != "EXAMPLE" || info.Flags != row.want {
			t.Errorf("%s: %+v", row.name, info)
		}
		if _, ok := a.Context.Session(); ok != (row.want != 0) {
			t.Errorf("%s: a session: %t", row.name, ok)
		}
	}
	// So it has to send a session key where it asked for the exchange of one.
	w := newWorld(t, Config{}, acceptorConfig)
	w.mangle = func(kind int, token string) string {
		if kind == ntlmssp.TypeAuthenticate {
			m, _ := ntlmssp.ParseAuthenticate(silent(kind, token))
			m.SessionKey = ""
			return string(m.Append(nil))
		}
		return token
	}
	refused(t, w.plainRun(plainUnicode|ntlmssp.FlagSign|ntlmssp.FlagKeyExchange, nil, nil), gss.Malformed)
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
		{"www.example:80x", "HTTP", []string{"HTTP/www.example"}, true, gss.WrongTarget},
		{"evil.example", "HTTP", []string{"HTTP/www.example"}, false, gss.WrongTarget},
		{"www.example", "cifs", []string{"HTTP/www.example"}, false, gss.WrongTarget},
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
	cfg := newMechanism(t, Config{Computer: "WWW", Targets: []string{"HTTP/www.example"}, RequireTarget: true}).cfg
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
	tooLong := strings.Repeat("w", maxServerName+1)
	misusetest.Run(t, "ntlm", func(c Config) error { _, err := New(c); return err }, []misusetest.Row[Config]{
		{Field: "Level", Config: Config{Level: levels}},
		{Field: "ChannelBinding", Config: Config{ChannelBinding: gss.Require + 1}},
		{Field: "MaxSkew", Config: Config{MaxSkew: -1}},
		{Field: "Workstation", Config: Config{Workstation: tooLong}},
		{Field: "Computer", Config: Config{Computer: tooLong}},
		{Field: "Domain", Config: Config{Computer: "C", Domain: tooLong}},
		{Field: "DNSComputer", Config: Config{Computer: "C", DNSComputer: tooLong}},
		{Field: "DNSDomain", Config: Config{Computer: "C", DNSDomain: tooLong}},
		{Field: "DNSTree", Config: Config{Computer: "C", DNSTree: tooLong}},
		{Field: "Targets[0]", Config: Config{Computer: "C", Targets: []string{""}}},
		{Field: "Targets[1]", Config: Config{Computer: "C", Targets: []string{"HTTP/a", "b"}}},
		{Field: "Targets[0]", Config: Config{Computer: "C", Targets: []string{"/a"}}},
		{Field: "Targets[0]", Config: Config{Computer: "C", Targets: []string{"HTTP/"}}},
	}, map[string]string{
		"RequireMIC": "both work", "Require128": "both work", "SingleHost": "40 bytes of any kind", "Version": "for debugging only",
		"RequireTarget": "both work, also without Targets", "PassThrough": "both work", "AllowAnonymous": "both work",
		"AllowEmptyPassword": "both work", "AllowUnechoed": "both work",
	})
	if err := newMechanism(t, Config{}).CheckInitiate(); err != nil {
		t.Errorf("the zero Config is no initiator: %v", err)
	}
	if err := newMechanism(t, Config{Computer: "C"}).CheckAccept(); err != nil {
		t.Errorf("with a Computer there is no acceptor: %v", err)
	}
	misusetest.Check(t, "ntlm", "Config.Computer", newMechanism(t, Config{Domain: "D"}).CheckAccept())
	// A slice of the caller's does not reach into the mechanism.
	targets := []string{"HTTP/a"}
	m := newMechanism(t, Config{Computer: "C", Targets: targets})
	targets[0] = "HTTP/b"
	if !m.cfg.means("HTTP/a") || m.cfg.means("HTTP/b") {
		t.Error("the configuration changed under the mechanism")
	}
	traits := m.Traits()
	if m.Mech() != gss.NTLM || traits != (gss.Traits{ConnectionBased: true, Integrity: true, MaxLegs: 2}) {
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
	refused(t, c, gss.LimitExceeded)
}

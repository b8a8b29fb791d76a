package ntlm

import (
	_ "embed"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/equalwork"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
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
	want := gss.Info{Mech: gss.NTLM, Peer: "alice", Domain: "EXAMPLE", ConnectionBased: true,
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
		client := Config{Level: Level(rapid.IntRange(0, 3).Draw(rt, "client level")), Require128: rarely(rt, "client 128"), RequireMIC: rarely(rt, "client MIC"),
			ChannelBinding: gss.Requirement(rapid.IntRange(0, 2).Draw(rt, "client binding"))}
		server := acceptorConfig
		server.Level = Level(rapid.IntRange(0, 3).Draw(rt, "server level"))
		server.Require128, server.RequireMIC = rarely(rt, "server 128"), rarely(rt, "server MIC")
		server.ChannelBinding = gss.Requirement(rapid.IntRange(0, 2).Draw(rt, "server binding"))
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
			w.client = newMechanism(t, client)
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

// rarely draws true once in five times: what makes most exchanges fail, so that others come to their end.
func rarely(rt *rapid.T, label string) bool { return rapid.IntRange(0, 4).Draw(rt, label) == 4 }

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
	// So does one that is no acceptor.
	refused(t, take(t, w.client.Accept(target), w.env(), gss.Input{Token: w.hello}), gss.NotPermitted)
}

// What only the caller can do wrong is an error, and the state stays.
func TestMisuse(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	pass := acceptorConfig
	pass.PassThrough = true
	passing := newMechanism(t, pass)
	start := w.client.Initiate(target)
	asking := take(t, start, w.env(), gss.Input{})
	c, a := w.greet(), w.accept()
	through := step(t, passing.Accept(target), gss.Env{Now: w.now, Seed: gss.Seed{9}}, gss.Input{Token: w.hello}, gss.Continue)
	done := w.respond(c.Context)
	verifying := take(t, a.Context, w.env(), gss.Input{Token: w.token})
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
		{"answer to nothing: initiator", start, answer}, {"answer to nothing: waiting for the CHALLENGE", c.Context, answer}, {"answer to nothing: acceptor", w.server.Accept(target), answer},
		{"answer to nothing: waiting for the AUTHENTICATE", a.Context, answer}, {"answer to nothing: established", done.Context, answer}, {"answer to nothing: failed", failed.Context, answer},
		{"token while asking: initiator", asking.Context, gss.Input{Token: w.challenge}}, {"nothing while asking: initiator", asking.Context, gss.Input{}},
		{"token while asking: acceptor", verifying.Context, gss.Input{Token: w.token}}, {"nothing while asking: acceptor", verifying.Context, gss.Input{}},
		{"token while asking: agent", agentAsked.Context, gss.Input{Token: w.token}},
		{"both", c.Context, gss.Input{Token: w.challenge, Answer: gss.Declined{}}},
		{"both: asking for credentials", asking.Context, gss.Input{Token: w.challenge, Answer: w.login}},
		{"both: agent", agentAsked.Context, gss.Input{Token: w.challenge, Answer: agent(agentAsked.Ask)}},
		{"both: acceptor", verifying.Context, gss.Input{Token: w.token, Answer: gss.Password{Password: gss.NewSecret(userPassword)}}},
		{"both: logon", logon.Context, gss.Input{Token: w.token, Answer: Logon{Accepted: true}}},
		{"another answer: initiator", asking.Context, gss.Input{Answer: gss.Unknown{}}}, {"another answer: agent", agentAsked.Context, gss.Input{Answer: gss.Password{}}},
		{"another answer: acceptor", verifying.Context, gss.Input{Answer: gss.Verdict{Accepted: true}}}, {"a logon that was not asked for", verifying.Context, gss.Input{Answer: Logon{Accepted: true}}},
		{"a verifier for a logon", logon.Context, gss.Input{Answer: gss.Password{}}}, {"a hash for a logon", logon.Context, gss.Input{Answer: Hash{}}},
	} {
		next, out, err := row.c.Step(w.env(), row.in)
		if !isMisuse(err) || next != row.c || out != (gss.Output{}) {
			t.Errorf("%s: %v, state %v", row.name, err, out.State)
		}
	}
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
		gss.UnknownUser:    gss.Unknown{},
		gss.QuestionFailed: Hash{},
		gss.NoFault:        gss.Password{Password: gss.NewSecret(dummy)},
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

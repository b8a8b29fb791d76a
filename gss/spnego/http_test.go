package spnego

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// world is a client and a server with HTTP between them, driven as a driver would:
// everything crosses as text. It writes down what crossed.
type world struct {
	t      testing.TB
	client machine.Client
	server machine.Server
	lease  machine.Lease
	status int // the handler's
	body   machine.Body
	env    func() gss.Env
	answer func(client bool, q gss.Question) gss.Answer
	// wire may change what the client receives: the status and the
	// WWW-Authenticate lines of the nth response, from 0.
	wire   func(n int, status int, lines []string) (int, []string)
	n      int
	script strings.Builder
	end    machine.Action
	ran    int // how often the handler ran
	sends  int
}

func traits(t testing.TB, name string) scheme.Traits {
	t.Helper()
	tr, ok := scheme.TraitsOf(name)
	if !ok {
		t.Fatal(name)
	}
	return tr
}

func newWorld(t testing.TB, c, s Config, names ...string) *world {
	t.Helper()
	cm, sm := mech(t, c), mech(t, s)
	var cc machine.ClientConfig
	var sc machine.ServerConfig
	for _, name := range names {
		cc.Schemes = append(cc.Schemes, scheme.MechanismClient(traits(t, name), cm))
		sc.Schemes = append(sc.Schemes, scheme.MechanismServer(traits(t, name), sm))
	}
	return worldOf(t, cc, sc)
}

func worldOf(t testing.TB, cc machine.ClientConfig, sc machine.ServerConfig) *world {
	t.Helper()
	client, err := machine.NewClient(cc)
	if err != nil {
		t.Fatal(err)
	}
	server, err := machine.NewServer(sc)
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t}
	return &world{t: t, client: client, server: server, status: 200, env: p.env}
}

var request = machine.Request{Method: "GET", URI: "/test.htm", Scheme: "https", Host: "www.example", Port: 443}

func (w *world) reply(client bool, q gss.Question) gss.Answer {
	if w.answer != nil {
		return w.answer(client, q)
	}
	return gss.Password{User: "alice", Password: gss.NewSecret("secret")}
}

// settle steps a machine and answers its questions.
func settle[M machine.Machine[M]](w *world, client bool, m *M, e machine.Event) machine.Action {
	w.t.Helper()
	for range 20 {
		next, acts, err := (*m).Step(w.env(), e)
		if err != nil {
			w.t.Fatalf("%T: %v\n%s", e, err, w.script.String())
		}
		*m = next
		ask, ok := acts.At(0).(machine.Ask)
		if !ok {
			return acts.At(0)
		}
		e = machine.Answered{ID: ask.ID, Answer: w.reply(client, ask.Question)}
	}
	w.t.Fatal("the questions do not end")
	return nil
}

// get does one request, and gives the client's last word.
func (w *world) get() machine.Action {
	w.t.Helper()
	act := settle(w, true, &w.client, machine.Begin{Request: request, Lease: w.lease, Body: w.body})
	for range 20 {
		send, ok := act.(machine.Send)
		if !ok {
			w.end = act
			switch a := act.(type) {
			case machine.Deliver:
				fmt.Fprintf(&w.script, "C delivers, authenticated %v, %v\n", a.Authenticated, a.Info.Mech)
			case machine.Fail:
				fmt.Fprintf(&w.script, "C fails[%v] tried %s\n", a.Fault.Code, a.Tried)
			default:
				fmt.Fprintf(&w.script, "C %T\n", a)
			}
			return act
		}
		w.sends++
		credentials := ""
		if send.Authorization.Present() {
			credentials = send.Authorization.Text()
			fmt.Fprintf(&w.script, "> %s\n", w.text(credentials))
		} else {
			w.script.WriteString("> GET\n")
		}
		status, lines, persist := w.serve(credentials)
		if w.wire != nil {
			status, lines = w.wire(w.n, status, lines)
		}
		w.n++
		fmt.Fprintf(&w.script, "< %d", status)
		for _, l := range lines {
			fmt.Fprintf(&w.script, " %s", w.text(l))
		}
		if persist != "" {
			fmt.Fprintf(&w.script, " Persistent-Auth: %s", persist)
		}
		w.script.WriteString("\n")
		fields := func(name string) []string {
			switch {
			case name == header.WWWAuthenticate:
				return lines
			case name == header.PersistentAuthField && persist != "":
				return []string{persist}
			}
			return nil
		}
		e := machine.Response{Status: status, Header: header.ParseResponse(fields)}
		if send.Body != machine.Omit {
			e.BodySent = machine.SentAll
		}
		act = settle(w, true, &w.client, e)
	}
	w.t.Fatalf("the exchange does not end\n%s", w.script.String())
	return nil
}

func (w *world) serve(credentials string) (status int, lines []string, persist string) {
	w.t.Helper()
	h := header.ParseRequest(func(name string) []string {
		if name == header.Authorization && credentials != "" {
			return []string{credentials}
		}
		return nil
	})
	var challenges header.Challenges
	switch a := settle(w, false, &w.server, machine.Received{Request: request, Header: h}).(type) {
	case machine.Reply:
		status, challenges = a.Status, a.Challenges
		if a.Fault.Code != gss.NoFault && a.Fault.Code != gss.NoCredentials {
			fmt.Fprintf(&w.script, "S refuses[%v]\n", a.Fault.Code)
		}
	case machine.Accept:
		w.ran++
		fmt.Fprintf(&w.script, "S accepts %s, %v\n", a.Info.Peer, a.Info.Mech)
		f := settle(w, false, &w.server, machine.Responding{Status: w.status}).(machine.Finish)
		status, challenges, persist = w.status, f.Challenges, f.PersistentAuth.Text()
	default:
		w.t.Fatalf("the server says %T", a)
	}
	for c := range challenges.All() {
		lines = append(lines, c.Text())
	}
	return status, lines, persist
}

// text shows a scheme and what its token is.
func (w *world) text(line string) string {
	name, token, ok := strings.Cut(line, " ")
	if !ok {
		return name
	}
	return name + " " + describe(unbase64(w.t, token))
}

// token68 is a line with another token.
func token68(name, token string) string { return header.TokenCredentials(name, token).Text() }

// change puts another message in place of the one in a line.
func change(t testing.TB, lines []string, f func(*negtoken.Resp)) []string {
	name, token, _ := strings.Cut(lines[0], " ")
	return []string{token68(name, resp(t, unbase64(t, token), f))}
}

func TestNotes6HTTP(t *testing.T) {
	for _, v := range []struct {
		name   string
		c, s   Config
		names  []string
		script string
	}{
		{"one leg, final token", over(final(kerberos(1))), over(final(kerberos(1))), []string{"Negotiate"}, `
			> GET
			< 401 Negotiate
			> Negotiate init [ MS-Kerberos Kerberos ] <toy/Kerberos:i1:u=alice:p=secret>
			S accepts alice, Kerberos
			< 200 Negotiate accept-completed (MS-Kerberos) <toy/Kerberos:f:u=alice:p=secret> Persistent-Auth: false
			C delivers, authenticated true, Kerberos`},
		// V7: the handler does not run before the last leg; the first one gets a token.
		{"V7: two legs", over(ntlmToy(2)), over(ntlmToy(2)), []string{"Negotiate"}, `
			> GET
			< 401 Negotiate
			> Negotiate init [ NTLM ] <toy/NTLM:i1:u=alice>
			< 401 Negotiate accept-incomplete (NTLM) <toy/NTLM:c1>
			> Negotiate accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
			S accepts alice, NTLM
			< 200 Negotiate accept-completed Persistent-Auth: false
			C delivers, authenticated true, NTLM`},
		{"V7: three legs, MICs", over(final(ntlmToy(3))), favourite(over(final(ntlmToy(3)))), []string{"Negotiate"}, `
			> GET
			< 401 Negotiate
			> Negotiate init [ NTLM ] <toy/NTLM:i1:u=alice>
			< 401 Negotiate request-mic (NTLM) <toy/NTLM:c1>
			> Negotiate accept-incomplete <toy/NTLM:i2:u=alice>
			< 401 Negotiate accept-incomplete <toy/NTLM:c2>
			> Negotiate accept-incomplete <toy/NTLM:i3:u=alice:p=secret>
			< 401 Negotiate accept-incomplete <toy/NTLM:f:u=alice:p=secret> +MIC
			> Negotiate accept-completed +MIC
			S accepts alice, NTLM
			< 200 Persistent-Auth: false
			C delivers, authenticated true, NTLM`},
		{"reselection", over(final(kerberos(1)), ntlmToy(2)), over(ntlmToy(2)), []string{"Negotiate"}, `
			> GET
			< 401 Negotiate
			> Negotiate init [ MS-Kerberos Kerberos NTLM ] <toy/Kerberos:i1:u=alice:p=secret>
			< 401 Negotiate request-mic (NTLM)
			> Negotiate accept-incomplete <toy/NTLM:i1:u=alice>
			< 401 Negotiate accept-incomplete <toy/NTLM:c1>
			> Negotiate accept-incomplete <toy/NTLM:i2:u=alice:p=secret> +MIC
			S accepts alice, NTLM
			< 200 Negotiate accept-completed +MIC Persistent-Auth: false
			C delivers, authenticated true, NTLM`},
		// golden:nego2_spec_example as a whole exchange: the first challenge has the
		// server's list, and what is spoken under Nego2 stays under Nego2.
		{"Nego2", over(final(kerberos(2))), over(final(kerberos(2)), ntlmToy(2)), []string{"Nego2", "Negotiate"}, `
			> GET
			< 401 Nego2 init [ MS-Kerberos Kerberos NTLM ] hint=not_defined_in_RFC4178@please_ignore Negotiate
			> Nego2 init [ MS-Kerberos Kerberos ] <toy/Kerberos:i1:u=alice>
			< 401 Nego2 accept-incomplete (MS-Kerberos) <toy/Kerberos:c1>
			> Nego2 accept-incomplete <toy/Kerberos:i2:u=alice:p=secret>
			S accepts alice, Kerberos
			< 200 Nego2 accept-completed <toy/Kerberos:f:u=alice:p=secret> Persistent-Auth: false
			C delivers, authenticated true, Kerberos`},
		// The server's list has nothing of ours: the Negotiate of the same 401 is tried,
		// and ends the same way, with its own reason.
		{"Nego2 without a common mechanism", over(final(kerberos(1))), over(ntlmToy(2)), []string{"Nego2", "Negotiate"}, `
			> GET
			< 401 Nego2 init [ NTLM ] hint=not_defined_in_RFC4178@please_ignore Negotiate
			> Negotiate init [ MS-Kerberos Kerberos ] <toy/Kerberos:i1:u=alice:p=secret>
			S refuses[unsupported]
			< 401 Nego2 init [ NTLM ] hint=not_defined_in_RFC4178@please_ignore Negotiate reject
			C fails[refused by the peer] tried Nego2, Negotiate`},
	} {
		t.Run(v.name, func(t *testing.T) {
			w := newWorld(t, v.c, v.s, v.names...)
			w.get()
			same(t, w.script.String(), v.script)
			if strings.Contains(v.script, "authenticated true") != (w.ran == 1) {
				t.Errorf("the handler ran %d times", w.ran)
			}
		})
	}
	requirement.Held(t, "unit:spnego_over_http", "N2HT-1.5-1", "N2HT-1.6-1", "N2HT-2.1-1")
}

// A whole Nego2 exchange with NTLM, kept for the connection: Persistent-Auth is true, and
// the next request needs nothing (N2HT-3.3.5-3, N2HT-3.2.5-5, C16).
func TestNotes6Nego2WithNTLM(t *testing.T) {
	c := Config{Mechanisms: []gss.Mechanism{realNTLM(t, ntlm.Config{})}}
	for _, name := range []string{"Nego2", "Negotiate"} {
		w := newWorld(t, c, c, name)
		first := "< 401 Negotiate"
		if name == "Nego2" {
			first = "< 401 Nego2 init [ NTLM ] hint=not_defined_in_RFC4178@please_ignore"
		}
		w.get()
		w.get()
		same(t, w.script.String(), strings.NewReplacer("FIRST", first, "SCHEME", name).Replace(`
			> GET
			FIRST
			> SCHEME init [ NTLM ] <NTLM 1>
			< 401 SCHEME accept-incomplete (NTLM) <NTLM 2>
			> SCHEME accept-incomplete <NTLM 3> +MIC
			S accepts alice, NTLM
			< 200 SCHEME accept-completed +MIC Persistent-Auth: true
			C delivers, authenticated true, NTLM
			> GET
			S accepts alice, NTLM
			< 200
			C delivers, authenticated true, NTLM`))
	}
}

// V6: a bare NTLMSSP message inside Negotiate goes to NTLM, and is answered in kind.
// Where NTLM is not configured, or policy wants SPNEGO, a bare challenge is the answer.
func TestV6RawNTLMInsideNegotiate(t *testing.T) {
	n := realNTLM(t, ntlm.Config{})
	client := machine.ClientConfig{Schemes: []scheme.Client{scheme.MechanismClient(traits(t, "Negotiate"), n)}}
	server := func(c Config) machine.ServerConfig {
		return machine.ServerConfig{Schemes: []scheme.Server{scheme.MechanismServer(traits(t, "Negotiate"), mech(t, c))}}
	}
	w := worldOf(t, client, server(Config{Mechanisms: []gss.Mechanism{final(kerberos(1)), n}}))
	w.get()
	same(t, w.script.String(), `
		> GET
		< 401 Negotiate
		> Negotiate <NTLM 1>
		< 401 Negotiate <NTLM 2>
		> Negotiate <NTLM 3>
		S accepts alice, NTLM
		< 200 Persistent-Auth: true
		C delivers, authenticated true, NTLM`)
	for _, c := range []Config{over(final(kerberos(1))), {Mechanisms: []gss.Mechanism{n}, RefuseRaw: true}} {
		w := worldOf(t, client, server(c))
		w.get()
		if got := w.script.String(); !strings.Contains(got, "> Negotiate <NTLM 1>\nS refuses") || !strings.Contains(got, "< 401 Negotiate\nC fails") || w.ran != 0 {
			t.Error(got)
		}
	}
}

// V14: endless challenges, bare or with tokens, end with a typed reason.
func TestV14EndlessChallenges(t *testing.T) {
	for name, lines := range map[string]func(n int, honest []string) []string{
		"bare":     func(int, []string) []string { return []string{"Negotiate"} },
		"the same": func(_ int, h []string) []string { return h },
		"incomplete": func(int, []string) []string {
			return []string{token68("Negotiate", negtoken.Resp{State: negtoken.AcceptIncomplete}.Encode())}
		},
		"request-mic": func(int, []string) []string {
			return []string{token68("Negotiate", negtoken.Resp{State: negtoken.RequestMIC}.Encode())}
		},
		"reject": func(int, []string) []string {
			return []string{token68("Negotiate", negtoken.Resp{State: negtoken.Reject}.Encode())}
		},
		"completed": func(int, []string) []string {
			return []string{token68("Negotiate", negtoken.Resp{State: negtoken.AcceptCompleted}.Encode())}
		},
		"another mech": func(int, []string) []string {
			return []string{token68("Negotiate", negtoken.Resp{State: negtoken.RequestMIC, SupportedMech: gss.NTLM}.Encode())}
		},
		"NegTokenInit2": func(int, []string) []string {
			return []string{token68("Negotiate", negtoken.Init{MechTypes: negtoken.MechTypesOf(gss.NTLM)}.Encode())}
		},
	} {
		c := over(asking(final(kerberos(1))), asking(ntlmToy(3)))
		w := newWorld(t, c, c, "Negotiate")
		w.wire = func(n, _ int, honest []string) (int, []string) {
			if n == 0 {
				return 401, []string{"Negotiate"}
			}
			return 401, lines(n, honest)
		}
		fail, ok := w.get().(machine.Fail)
		if !ok || fail.Fault.Code == gss.NoFault || w.sends > 8+1 {
			t.Errorf("%s: %d requests\n%s", name, w.sends, w.script.String())
		}
	}
	// A server with a mechanism that claims to never end.
	c := over(final(ntlmToy(3)))
	w := newWorld(t, c, c, "Negotiate")
	w.wire = func(n, status int, lines []string) (int, []string) { return 401, lines }
	if fail, ok := w.get().(machine.Fail); !ok || fail.Fault.Code != gss.Unexpected {
		t.Errorf("%s", w.script.String())
	}
}

// R4559-4.1-8, V20: the final token is verified on any status; without one where it is
// due nothing below 400 is believed.
func TestV20FinalToken(t *testing.T) {
	type wire = func(n, status int, lines []string) (int, []string)
	none := func(_ int, status int, lines []string) (int, []string) {
		if status != 401 {
			lines = nil
		}
		return status, lines
	}
	with := func(f func(*negtoken.Resp)) wire {
		return func(_ int, status int, lines []string) (int, []string) {
			if status != 401 {
				lines = change(t, lines, f)
			}
			return status, lines
		}
	}
	for _, v := range []struct {
		name      string
		statuses  []int
		wire      wire
		delivered bool
		proven    bool
		code      gss.Code
	}{
		{"as it should be", []int{200, 302, 403, 404, 500}, nil, true, true, gss.NoFault},
		{"no token", []int{200, 302}, none, false, false, gss.NotAuthentic},
		{"no token, an error", []int{403, 500}, none, true, false, gss.NoFault},
		{"accept-completed alone", []int{200, 403, 500}, with(func(m *negtoken.Resp) { m.ResponseToken = gss.Token{} }), false, false, gss.NotAuthentic},
		{"another token", []int{200, 403, 500}, with(func(m *negtoken.Resp) { m.ResponseToken = gss.TokenOf("toy/Kerberos:f:u=alice:p=guess") }), false, false, gss.NotAuthentic},
		{"no proof", []int{200, 403, 500}, with(func(m *negtoken.Resp) { m.ResponseToken = gss.TokenOf("toy/Kerberos:f") }), false, false, gss.NotAuthentic},
		{"nonsense", []int{200, 500}, with(func(m *negtoken.Resp) { m.ResponseToken = gss.TokenOf("nonsense") }), false, false, gss.Malformed},
		{"reject", []int{200, 500}, with(func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.Reject} }), false, false, gss.Refused},
		{"incomplete", []int{200}, with(func(m *negtoken.Resp) {
			*m = negtoken.Resp{State: negtoken.AcceptIncomplete, SupportedMech: gss.MSKerberos}
		}), false, false, gss.Unexpected},
		{"a MIC that nobody asked for, wrong", []int{200}, with(func(m *negtoken.Resp) { m.MechListMIC = gss.TokenOf("toy:m:a0:00000000") }), false, false, gss.NotAuthentic},
	} {
		for _, status := range v.statuses {
			c := over(final(kerberos(1)))
			w := newWorld(t, c, c, "Negotiate")
			w.status, w.wire = status, v.wire
			w.get()
			deliver, ok := w.end.(machine.Deliver)
			fail, _ := w.end.(machine.Fail)
			if ok != v.delivered || deliver.Authenticated != v.proven || fail.Fault.Code != v.code {
				t.Errorf("%s, %d:\n%s%v", v.name, status, w.script.String(), fail.Fault)
			}
		}
	}
	// Where the server may leave out its proof, the response is nobody's, and what is sent must be right all the same.
	alone := with(func(m *negtoken.Resp) { m.ResponseToken = gss.Token{} })
	for _, v := range []struct {
		name     string
		statuses []int
		wire     wire
		ntlm     bool // the favourite of the server, which knows nothing else
		unproven bool
		code     gss.Code
	}{
		{"proven", []int{200, 404}, nil, false, false, gss.NoFault},
		{"no token", []int{200, 302, 403}, none, false, true, gss.NoFault},
		{"accept-completed alone", []int{200, 302, 403, 500}, alone, false, true, gss.NoFault},
		{"another token", []int{200, 403}, with(func(m *negtoken.Resp) { m.ResponseToken = gss.TokenOf("toy/Kerberos:f:u=alice:p=guess") }), false, false, gss.NotAuthentic},
		{"reject", []int{200}, with(func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.Reject} }), false, false, gss.Refused},
		{"request-mic alone", []int{200}, with(func(m *negtoken.Resp) {
			*m = negtoken.Resp{State: negtoken.RequestMIC, SupportedMech: gss.MSKerberos}
		}), false, false, gss.Unexpected},
		{"second choice, no token", []int{200, 302}, none, true, false, gss.NotAuthentic},
		{"second choice, no token, an error", []int{403, 500}, none, true, true, gss.NoFault},
		{"second choice, no MIC", []int{200, 403}, with(func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} }), true, false, gss.NotAuthentic},
	} {
		for _, status := range v.statuses {
			n := realNTLM(t, ntlm.Config{})
			c := Config{Mechanisms: []gss.Mechanism{final(kerberos(1)), n}}
			s := c
			if v.ntlm {
				s = Config{Mechanisms: []gss.Mechanism{n}}
			}
			w := worldOf(t, machine.ClientConfig{Schemes: []scheme.Client{scheme.NegotiateClient(mech(t, c))}, MutualIfOffered: true},
				machine.ServerConfig{Schemes: []scheme.Server{scheme.NegotiateServer(mech(t, s))}})
			w.status, w.wire = status, v.wire
			w.get()
			d, ok := w.end.(machine.Deliver)
			fail, _ := w.end.(machine.Fail)
			if ok != (v.code == gss.NoFault) || d.Info.Unproven != v.unproven || d.Authenticated == (v.unproven || !ok) || d.Info.Flags.Has(gss.Mutual) != d.Authenticated ||
				(d.Context != nil) != d.Authenticated || fail.Fault.Code != v.code {
				t.Errorf("if offered, %s, %d: %+v\n%s%v", v.name, status, d, w.script.String(), fail.Fault)
			}
		}
	}
	requirement.Held(t, "unit:unproven_is_said", "PROOF-4")
	requirement.Held(t, "unit:unproven_owes_mic", "PROOF-5")
	// The same where the proof is a mechListMIC alone: NTLM, second choice.
	for _, status := range []int{200, 403, 500} {
		for name, f := range map[string]func(*negtoken.Resp){
			"wrong":   func(m *negtoken.Resp) { m.MechListMIC = flipped(m.MechListMIC) },
			"missing": func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} },
		} {
			n := realNTLM(t, ntlm.Config{})
			w := newWorld(t, Config{Mechanisms: []gss.Mechanism{final(kerberos(1)), n}}, Config{Mechanisms: []gss.Mechanism{n}}, "Negotiate")
			w.status, w.wire = status, with(f)
			if fail, ok := w.get().(machine.Fail); !ok || fail.Fault.Code != gss.NotAuthentic {
				t.Errorf("MIC %s, %d:\n%s", name, status, w.script.String())
			}
		}
	}
}

// A wrong password is asked for again, and the second try succeeds: the reject of the
// first is no token of a handshake that goes on.
func TestNotes6SecondPassword(t *testing.T) {
	n := Config{Mechanisms: []gss.Mechanism{realNTLM(t, ntlm.Config{})}}
	w := newWorld(t, n, n, "Negotiate")
	tries := 0
	w.answer = func(client bool, q gss.Question) gss.Answer {
		password := "secret"
		if client {
			if tries++; tries == 1 {
				password = "guess"
			}
		}
		return gss.Password{User: "alice", Password: gss.NewSecret(password)}
	}
	w.get()
	same(t, w.script.String(), `
		> GET
		< 401 Negotiate
		> Negotiate init [ NTLM ] <NTLM 1>
		< 401 Negotiate accept-incomplete (NTLM) <NTLM 2>
		> Negotiate accept-incomplete <NTLM 3> +MIC
		S refuses[bad credentials]
		< 401 Negotiate reject
		> Negotiate init [ NTLM ] <NTLM 1>
		< 401 Negotiate accept-incomplete (NTLM) <NTLM 2>
		> Negotiate accept-incomplete <NTLM 3> +MIC
		S accepts alice, NTLM
		< 200 Negotiate accept-completed +MIC Persistent-Auth: true
		C delivers, authenticated true, NTLM`)
}

// HTA-22, C26: SPNEGO may take Ready back. A body that went with the favourite's last
// token is spent when the acceptor wants another mechanism.
func TestNotes6ReselectionAfterBody(t *testing.T) {
	w := newWorld(t, over(final(kerberos(1)), ntlmToy(2)), over(ntlmToy(2)), "Negotiate")
	w.body = machine.Once
	w.lease = machine.Lease{Scheme: "Negotiate"}
	if fail, ok := w.get().(machine.Fail); !ok || fail.Fault.Code != gss.BodySpent {
		t.Errorf("%s", w.script.String())
	}
	w = newWorld(t, over(final(kerberos(1)), ntlmToy(2)), over(ntlmToy(2)), "Negotiate")
	w.body = machine.Replayable
	if _, ok := w.get().(machine.Deliver); !ok {
		t.Errorf("%s", w.script.String())
	}
}

package spnego

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// The other sections of the working notes.

// golden:spnego_framing (R4178-4.2-1): the first token of the initiator has it, and no
// other; both sides hold the other one to it.
func TestInitialTokenFraming(t *testing.T) {
	p := newPair(t, over(final(kerberos(1)), final(ntlmToy(3))), over(final(ntlmToy(3))))
	p.run(gss.Input{})
	p.mustComplete(gss.NTLM)
	for side := range 2 {
		for n, token := range p.sent[side] {
			if first := side == ours && n == 0; first != (token[0] == tagFramed) || !first && token[0] != tagResponse {
				t.Errorf("%s's token %d starts with %#x", sideNames[side], n, token[0])
			}
		}
		requirement.Held(t, "golden:spnego_framing")
	}
	for side := range 2 {
		p := newPair(t, over(ntlmToy(2)), over(ntlmToy(2)))
		p.mangle = func(s, n int, token string) string {
			if s == side && token[0] != tagFramed {
				return framed(gss.SPNEGO, token)
			}
			return token
		}
		p.run(gss.Input{})
		p.mustFail(1-side, gss.Unexpected)
	}
	// Without the framing, as some peers begin.
	p = newPair(t, over(ntlmToy(2)), over(ntlmToy(2)))
	p.mangle = func(s, n int, token string) string {
		if token[0] == tagFramed {
			return token[4+len(gss.SPNEGO):] // behind the framing and its OID, whose lengths are an octet each
		}
		return token
	}
	p.run(gss.Input{})
	p.mustComplete(gss.NTLM)
}

// prop:negtokenresp_rules (R4178-4.2.2-1, SPNG-3.3.5-1).
func TestNegTokenRespFields(t *testing.T) {
	for _, v := range []struct {
		name   string
		n      int // of the acceptor's tokens
		change func(*negtoken.Resp)
		code   gss.Code // NoFault: nothing changes
	}{
		{"no negState in the first reply", 0, func(m *negtoken.Resp) { m.State = negtoken.NoState }, gss.Malformed},
		{"no negState in a later one, as old Windows", 1, func(m *negtoken.Resp) { m.State = negtoken.NoState }, gss.NoFault},
		{"no negState in the last one", 2, func(m *negtoken.Resp) { m.State = negtoken.NoState }, gss.NoFault},
		{"no supportedMech", 0, func(m *negtoken.Resp) { m.SupportedMech = "" }, gss.NoFault},
		{"a mechanism that was not offered", 0, func(m *negtoken.Resp) { m.SupportedMech = gss.NegoEx }, gss.Unexpected},
		{"the same without a token", 0, func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.RequestMIC, SupportedMech: gss.NegoEx} }, gss.Unexpected},
		{"SPNEGO itself", 0, func(m *negtoken.Resp) { m.SupportedMech = gss.SPNEGO }, gss.Unexpected},
		{"another one that was, with a token", 0, func(m *negtoken.Resp) { m.SupportedMech = gss.Kerberos }, gss.Unexpected},
		{"another one that was, and it is accepted", 0, func(m *negtoken.Resp) {
			*m = negtoken.Resp{State: negtoken.AcceptCompleted, SupportedMech: gss.Kerberos}
		}, gss.Unexpected},
		{"another one that was, with a MIC", 0, func(m *negtoken.Resp) {
			*m = negtoken.Resp{State: negtoken.RequestMIC, SupportedMech: gss.Kerberos, MechListMIC: gss.TokenOf("mic")}
		}, gss.Unexpected},
		{"a supportedMech in a later reply", 1, func(m *negtoken.Resp) { m.SupportedMech = gss.NTLM }, gss.NoFault},
		{"another supportedMech in a later reply", 1, func(m *negtoken.Resp) { m.SupportedMech = gss.Kerberos }, gss.NoFault},
		{"one that was not offered in a later reply", 2, func(m *negtoken.Resp) { m.SupportedMech = gss.NegoEx }, gss.NoFault},
		{"request-mic in a later reply", 1, func(m *negtoken.Resp) { m.State = negtoken.RequestMIC }, gss.Unexpected},
		{"reject in the first reply", 0, func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.Reject} }, gss.Refused},
		{"reject in a later reply", 1, func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.Reject} }, gss.Refused},
		{"reject with a token", 1, func(m *negtoken.Resp) { m.State = negtoken.Reject }, gss.Refused},
		{"reject with the mechanism's own reason", 1, func(m *negtoken.Resp) {
			*m = negtoken.Resp{State: negtoken.Reject, ResponseToken: gss.TokenOf("nonsense")}
		}, gss.Malformed},
		{"accept-completed too early, without a token", 1, func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.AcceptCompleted} }, gss.NotAuthentic},
		{"accept-completed too early, with a token", 0, func(m *negtoken.Resp) { m.State = negtoken.AcceptCompleted }, gss.NotAuthentic},
		{"accept-incomplete, without a token", 1, func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.AcceptIncomplete} }, gss.Unexpected},
		{"an empty token where one is due", 1, func(m *negtoken.Resp) { m.ResponseToken = gss.TokenOf("") }, gss.Unexpected},
		{"accept-completed in place of the final token", 2, func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.AcceptCompleted} }, gss.NotAuthentic},
		{"nothing at all", 1, func(m *negtoken.Resp) { *m = negtoken.Resp{} }, gss.Unexpected},
	} {
		p := newPair(t, over(final(ntlmToy(3)), final(kerberos(1))), over(final(ntlmToy(3))))
		p.mangle = func(side, n int, token string) string {
			if side == theirs && n == v.n {
				return resp(t, token, v.change)
			}
			return token
		}
		p.run(gss.Input{})
		if v.code == gss.NoFault {
			p.mustComplete(gss.NTLM)
		} else if p.out[ours].Fault.Code != v.code {
			t.Errorf("%s: %v %v\n%s", v.name, p.out[ours].State, p.out[ours].Fault, p.script.String())
		}
		requirement.Held(t, "prop:negtokenresp_rules")
	}
	// What an initiator says of the state counts for nothing, but for its end.
	for state := range negtoken.RequestMIC + 1 {
		p := newPair(t, over(final(ntlmToy(3))), over(final(ntlmToy(3))))
		p.mangle = func(side, n int, token string) string {
			if side == ours && n > 0 {
				return resp(t, token, func(m *negtoken.Resp) { m.State, m.SupportedMech = state, gss.NegoEx })
			}
			return token
		}
		p.run(gss.Input{})
		switch state {
		case negtoken.Reject:
			p.mustFail(theirs, gss.Refused)
		case negtoken.RequestMIC:
			p.mustFail(theirs, gss.Unexpected)
		default:
			p.mustComplete(gss.NTLM)
		}
	}
}

// prop:reqflags_ignored (R4178-4.2.1-1, MS-SPNG 3.1.5.3), and the hints of a NegTokenInit2
// (MS-SPNG 3.2.5): whatever stands there, the acceptor does the same.
func TestIgnoredFields(t *testing.T) {
	honest := newPair(t, over(ntlmToy(2)), over(ntlmToy(2)))
	want := honest.run(gss.Input{})
	for name, change := range map[string]func(*negtoken.Init){
		"no flags":      func(m *negtoken.Init) {},
		"flags":         func(m *negtoken.Init) { m.ReqFlags = gss.TokenOf("\x01\xfe") },
		"flags, all 32": func(m *negtoken.Init) { m.ReqFlags = gss.TokenOf("\x00\xff\xff\xff\xff") },
		"broken flags":  func(m *negtoken.Init) { m.ReqFlags = gss.TokenOf("") },
		"hints": func(m *negtoken.Init) {
			m.Hints = negtoken.Hints{Present: true, Name: gss.TokenOf("somebody@else"), Address: gss.TokenOf("address")}
		},
	} {
		a := mech(t, over(ntlmToy(2))).Accept(target())
		_, out := lawful(t, a, gss.Env{}, gss.Input{Token: gss.TokenOf(initial(t, honest.sent[ours][0], change))})
		if out.Token.Bytes() != honest.sent[theirs][0] {
			t.Errorf("%s: %v %s, expected as in\n%s", name, out.State, describe(out.Token.Bytes()), want)
		}
		requirement.Held(t, "prop:reqflags_ignored")
	}
}

// prop:mechtypes_only_with_credentials (R4178-3.1-1): credentials are asked for before the
// list is written, and what has none is not on it.
func TestListedOnlyWithCredentials(t *testing.T) {
	three := over(asking(final(kerberos(1))), asking(final(toy("", 1))), asking(final(ntlmToy(1))))
	all := []gss.OID{gss.Kerberos, gsstoy.OID, gss.NTLM}
	for have := range 8 {
		p := newPair(t, three, over(asking(final(kerberos(1))), asking(final(toy("", 1))), asking(final(ntlmToy(1)))))
		var asked []gss.OID
		p.answer = func(side int, q gss.Question) gss.Answer {
			if n, ok := q.(gss.NeedCredential); ok {
				asked = append(asked, n.Mech)
				if have>>slices.Index(all, n.Mech)&1 == 0 {
					return gss.Declined{}
				}
			}
			return gss.Password{User: "alice", Password: gss.NewSecret("secret")}
		}
		p.run(gss.Input{})
		if !slices.Equal(asked, all) {
			t.Errorf("%03b: asked for %v", have, asked)
		}
		if have == 0 {
			p.mustFail(ours, gss.NoCredentials)
			for _, m := range all {
				if !strings.Contains(p.out[ours].Fault.Detail, m.String()) {
					t.Errorf("%v is not in %q", m, p.out[ours].Fault.Detail)
				}
			}
			continue
		}
		m, _ := negtoken.ParseInit(p.sent[ours][0])
		var want []gss.OID
		for i, mech := range all {
			if have>>i&1 == 1 {
				want = appendOIDs(want, mech)
			}
		}
		if got := slices.Collect(m.MechTypes.All()); !slices.Equal(got, want) || slices.Contains(got, gss.SPNEGO) {
			t.Errorf("%03b: listed %v", have, got)
		}
		p.mustComplete(proper(want[0]))
		requirement.Held(t, "prop:mechtypes_only_with_credentials")
	}
}

// C33, HTA-13: a mechanism that cannot begin for another reason than credentials, as
// Kerberos without access to a KDC, does not give way to a weaker one.
func TestBlockedMechanismIsNoDowngrade(t *testing.T) {
	unreachable := func(side int, q gss.Question) gss.Answer {
		if n, ok := q.(gss.NeedCredential); ok && n.Mech == gss.Kerberos {
			return gss.Unreachable{}
		}
		return gss.Password{User: "alice", Password: gss.NewSecret("secret")}
	}
	run := func(c Config) *pair {
		p := newPair(t, c, over(ntlmToy(1)))
		p.answer = unreachable
		p.run(gss.Input{})
		return p
	}
	c := over(asking(kerberos(1)), ntlmToy(1))
	if p := run(c); p.out[ours].Fault.Code != gss.QuestionFailed || len(p.sent[ours]) != 0 {
		t.Errorf("%v %v", p.out[ours].State, p.out[ours].Fault)
	}
	c.Fallback = true
	run(c).mustComplete(gss.NTLM)
	// A stronger one that has begun already is not given up for it.
	c = over(ntlmToy(1), asking(kerberos(1)))
	run(c).mustComplete(gss.NTLM)
	// All reasons are in the end, and the one that counts is its code.
	c = over(asking(kerberos(1)), asking(final(toy("", 1))))
	c.Fallback = true
	p := newPair(t, c, over(ntlmToy(1)))
	p.answer = func(side int, q gss.Question) gss.Answer {
		if n := q.(gss.NeedCredential); n.Mech == gss.Kerberos {
			return gss.Unreachable{}
		}
		return gss.Declined{}
	}
	p.run(gss.Input{})
	p.mustFail(ours, gss.QuestionFailed)
	if d := p.out[ours].Fault.Detail; !strings.Contains(d, "Kerberos") || !strings.Contains(d, gsstoy.OID.String()) {
		t.Error(d)
	}
	// Missing entropy is an error of the caller, and fails closed (HTA-3).
	fresh := ntlmToy(1)
	fresh.Fresh = true
	for _, c := range []Config{over(fresh), over(kerberos(1), fresh), {Mechanisms: []gss.Mechanism{kerberos(1), fresh}, Fallback: true}} {
		if _, out := lawful(t, mech(t, c).Initiate(target()), gss.Env{}, gss.Input{}); out.Fault.Code != gss.NoEntropy {
			t.Errorf("%v %v", out.State, out.Fault)
		}
	}
}

// prop:spnego_acceptor_choice (R4178-3.1-3).
func TestAcceptorChoice(t *testing.T) {
	k, n, o := kerberos(1), ntlmToy(1), toy("", 1)
	for _, v := range []struct {
		c, s   []gsstoy.Toy
		own    bool // OwnOrder
		state  negtoken.NegState
		chosen gss.OID
	}{
		{[]gsstoy.Toy{k, n}, []gsstoy.Toy{k, n}, false, negtoken.AcceptCompleted, gss.MSKerberos},
		{[]gsstoy.Toy{k, n}, []gsstoy.Toy{n, k}, false, negtoken.RequestMIC, gss.MSKerberos},
		{[]gsstoy.Toy{n, k}, []gsstoy.Toy{k, n}, false, negtoken.RequestMIC, gss.NTLM},
		{[]gsstoy.Toy{o, n, k}, []gsstoy.Toy{k, n}, false, negtoken.RequestMIC, gss.NTLM},
		{[]gsstoy.Toy{k, n}, []gsstoy.Toy{n, k}, true, negtoken.RequestMIC, gss.NTLM},
		{[]gsstoy.Toy{n, k}, []gsstoy.Toy{k, n}, true, negtoken.RequestMIC, gss.MSKerberos},
		{[]gsstoy.Toy{k, n}, []gsstoy.Toy{k, n}, true, negtoken.AcceptCompleted, gss.MSKerberos},
		{[]gsstoy.Toy{n}, []gsstoy.Toy{k, n}, true, negtoken.RequestMIC, gss.NTLM},
		// golden:spnego_no_common_mechanism
		{[]gsstoy.Toy{o}, []gsstoy.Toy{k, n}, false, negtoken.Reject, ""},
	} {
		s := over(v.s...)
		s.OwnOrder = v.own
		p := newPair(t, over(v.c...), s)
		p.step(ours, gss.Input{})
		out := p.step(theirs, gss.Input{Token: p.out[ours].Token})
		if m, _ := negtoken.ParseResp(out.Token.Bytes()); m.State != v.state || m.SupportedMech != v.chosen {
			t.Errorf("%v %v, expected %v %v\n%s", m.State, m.SupportedMech, v.state, v.chosen, p.script.String())
		}
		if !v.own && v.state == negtoken.RequestMIC && v.c[0].OID == p.side[theirs].Info().Mech { // without a favourite of its own
			s.Fallback = true
			_, out := lawful(t, mech(t, s).Accept(target()), gss.Env{}, gss.Input{Token: p.out[ours].Token})
			if m, _ := negtoken.ParseResp(out.Token.Bytes()); m.State != negtoken.AcceptCompleted || m.SupportedMech != v.chosen {
				t.Errorf("with Fallback: %v %v", m.State, m.SupportedMech)
			}
		}
		if v.state == negtoken.Reject {
			p.mustFail(theirs, gss.Unsupported)
			p.step(ours, gss.Input{Token: out.Token})
			p.mustFail(ours, gss.Refused)
			requirement.Held(t, "golden:spnego_no_common_mechanism")
		}
		requirement.Held(t, "prop:spnego_acceptor_choice")
	}
}

// golden:spnego_ms_krb5_oid (SPNG-3.2.5-1): section 4, the wrong OID is offered before the
// right one, taken for it, and echoed.
func TestWrongKerberosOID(t *testing.T) {
	p := newPair(t, over(final(kerberos(1))), over(final(kerberos(1))))
	same(t, p.run(gss.Input{}), `
		I ready init [ MS-Kerberos Kerberos ] <toy/Kerberos:i1:u=alice:p=secret>
		A complete accept-completed (MS-Kerberos) <toy/Kerberos:f:u=alice:p=secret>
		I complete`)
	p.mustComplete(gss.Kerberos)
	// Initiators that know one of the two only, like MIT's, get that one.
	for _, m := range []gss.OID{gss.Kerberos, gss.MSKerberos} {
		_, first := lawful(t, kerberos(1).Initiate(target()), gss.Env{}, gss.Input{})
		token := negtoken.Init{MechTypes: negtoken.MechTypesOf(m), MechToken: first.Token}.Encode()
		_, out := lawful(t, mech(t, over(kerberos(1))).Accept(target()), gss.Env{}, gss.Input{Token: gss.TokenOf(token)})
		if r, _ := negtoken.ParseResp(out.Token.Bytes()); r.SupportedMech != m || out.State != gss.Complete {
			t.Errorf("%v: %v %v", m, r.SupportedMech, out.State)
		}
		requirement.Held(t, "golden:spnego_ms_krb5_oid")
	}
	// An acceptor that calls the mechanism by its right name after all, with an answer
	// to our token: the same mechanism, and no reselection.
	as := func(change func(*negtoken.Resp)) *pair {
		p := newPair(t, over(final(kerberos(2))), over(final(kerberos(2))))
		p.mangle = func(side, n int, token string) string {
			if side == theirs && n == 0 {
				return resp(t, token, change)
			}
			return token
		}
		p.run(gss.Input{})
		return p
	}
	as(func(m *negtoken.Resp) { m.SupportedMech = gss.Kerberos }).mustComplete(gss.Kerberos)
	// One that does not know the wrong OID did not look at our token: it comes again.
	p = as(func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.RequestMIC, SupportedMech: gss.Kerberos} })
	if m, _ := negtoken.ParseResp(p.sent[ours][1]); m.ResponseToken.Bytes() != "toy/Kerberos:i1:u=alice" {
		t.Errorf("%s", p.script.String())
	}
	// And what it asks for on that occasion holds: with request-mic a MIC goes along, without it
	// none does, since it is no other mechanism that was chosen (RFC 4178 section 5).
	for state, mic := range map[negtoken.NegState]bool{negtoken.RequestMIC: true, negtoken.AcceptIncomplete: false} {
		p = newPair(t, over(kerberos(1)), over(kerberos(1)))
		p.step(ours, gss.Input{})
		p.step(ours, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: state, SupportedMech: gss.Kerberos}.Encode())})
		m, fault := negtoken.ParseResp(p.out[ours].Token.Bytes())
		if !fault.IsZero() || m.ResponseToken.Bytes() != "toy/Kerberos:i1:u=alice:p=secret" || m.MechListMIC.Present() != mic {
			t.Errorf("%v with the right OID alone: %v\n%s", state, p.out[ours].Fault, p.script.String())
		}
		if p.step(ours, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: negtoken.AcceptCompleted}.Encode())}); (p.out[ours].Fault == noMIC) != mic {
			t.Errorf("%v, and then accept-completed without a MIC: %v %v", state, p.out[ours].State, p.out[ours].Fault)
		}
	}
	p = newPair(t, over(kerberos(1)), over(kerberos(1)))
	p.step(ours, gss.Input{})
	p.step(ours, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: negtoken.AcceptCompleted, SupportedMech: gss.Kerberos}.Encode())})
	if p.out[ours].State != gss.Complete {
		t.Errorf("one token that was taken by the other name: %v", p.out[ours].Fault)
	}
}

// signed is a toy with tokens that look like those of a real mechanism, for code that
// identifies mechanisms by their first bytes.
type signed struct {
	gsstoy.Toy
	before string
}

func (s signed) Initiate(t gss.Target) gss.Context {
	return signedContext{s.Toy.Initiate(t), s.before}
}
func (s signed) Accept(t gss.Target) gss.Context { return signedContext{s.Toy.Accept(t), s.before} }

type signedContext struct {
	gss.Context
	before string
}

func (c signedContext) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if in.Token.Present() {
		in.Token = gss.TokenOf(strings.TrimPrefix(in.Token.Bytes(), c.before))
	}
	next, out, err := c.Context.Step(env, in)
	if out.Token.Present() {
		out.Token = gss.TokenOf(c.before + out.Token.Bytes())
	}
	return signedContext{next, c.before}, out, err
}

// Section 5, C33: a bare token is taken, and answered by bare tokens to the end.
func TestRawMechanismTokens(t *testing.T) {
	ntlm := signed{final(ntlmToy(2)), ntlmSignature}
	apreq := signed{final(kerberos(1)), "\x6e\x02\x30\x00"}
	s := Config{Mechanisms: []gss.Mechanism{apreq, ntlm}}
	i, a := ntlm.Initiate(target()), mech(t, s).Accept(target())
	var in gss.Input
	for {
		var out gss.Output
		i, out = lawful(t, i, gss.Env{}, in)
		if out.State == gss.Complete {
			break
		}
		if a, out = lawful(t, a, gss.Env{}, gss.Input{Token: out.Token}); !strings.HasPrefix(out.Token.Bytes(), ntlmSignature) {
			t.Fatalf("answered with %q: %v", out.Token.Bytes(), out.Fault)
		}
		in.Token = out.Token
	}
	if info := a.Info(); info.Peer != "alice" || info.Mech != gss.NTLM || Leaf(a) != a {
		t.Errorf("%+v", info)
	}
	if _, ok := a.Session(); !ok {
		t.Error("no session")
	}

	_, hello := lawful(t, ntlm.Initiate(target()), gss.Env{}, gss.Input{})
	_, request := lawful(t, apreq.Initiate(target()), gss.Env{}, gss.Input{})
	krb := framed(gss.Kerberos, "\x01\x00")
	with := func(change func(*Config)) Config {
		c := s
		change(&c)
		return c
	}
	only := Config{Mechanisms: []gss.Mechanism{toy("", 1)}}
	for _, v := range []struct {
		name, token string
		s           Config
		code        gss.Code
	}{
		{"NTLM", hello.Token.Bytes(), s, gss.NoFault},
		{"NTLM, RefuseRaw", hello.Token.Bytes(), with(func(c *Config) { c.RefuseRaw = true }), gss.NotPermitted},
		{"NTLM is not configured", hello.Token.Bytes(), only, gss.Unsupported},
		{"Kerberos", krb, s, gss.Malformed}, // which the toy says
		{"Kerberos, RefuseRaw", krb, with(func(c *Config) { c.RefuseRaw = true }), gss.NotPermitted},
		{"Kerberos is not configured", krb, only, gss.Unsupported},
		{"NEGOEX", "NEGOEXTS", s, gss.Unsupported},
		{"AP-REQ", request.Token.Bytes(), s, gss.NotPermitted},
		{"AP-REQ, TakeAPREQ", request.Token.Bytes(), with(func(c *Config) { c.TakeAPREQ = true }), gss.NoFault},
		{"AP-REQ, TakeAPREQ and RefuseRaw", request.Token.Bytes(), with(func(c *Config) { c.TakeAPREQ, c.RefuseRaw = true, true }), gss.NoFault},
		{"AP-REP", "\x6f\x02\x30\x00", s, gss.Malformed},
		{"a NegTokenResp first", negtoken.Resp{}.Encode(), s, gss.Unexpected},
		{"nonsense", "nonsense", s, gss.Malformed},
		{"nothing", "", s, gss.Malformed},
	} {
		_, out := lawful(t, mech(t, v.s).Accept(target()), gss.Env{}, gss.Input{Token: gss.TokenOf(v.token)})
		if out.Fault.Code != v.code {
			t.Errorf("%s: %v %v", v.name, out.State, out.Fault)
		}
		if f, _ := negtoken.FramingOf(out.Token.Bytes()); f == negtoken.Response {
			t.Errorf("%s: answered by SPNEGO", v.name)
		}
		requirement.Held(t, "golden:raw_kerberos_token")
	}
	// NTLM is refused by leaving it out, also inside SPNEGO.
	p := newPair(t, over(ntlmToy(2)), over(kerberos(1)))
	p.run(gss.Input{})
	p.mustFail(theirs, gss.Unsupported)

	// The framing does not change in mid-exchange.
	p = newPair(t, over(ntlmToy(2)), over(ntlmToy(2)))
	p.mangle = func(side, n int, token string) string {
		if side == theirs {
			return hello.Token.Bytes()
		}
		return token
	}
	p.run(gss.Input{})
	p.mustFail(ours, gss.Unexpected)
	p = newPair(t, over(ntlmToy(2)), over(ntlmToy(2)))
	p.mangle = func(side, n int, token string) string {
		if side == ours && n == 1 {
			return hello.Token.Bytes()
		}
		return token
	}
	p.run(gss.Input{})
	p.mustFail(theirs, gss.Unexpected)
}

// unit:negtokeninit2_bytes (SPNG-3.2.5.2-1, HTA-20): section 7, an acceptor that is asked
// first opens with what it has, and stays as it was.
func TestNegHints(t *testing.T) {
	a := mech(t, over(kerberos(1), ntlmToy(2))).Accept(target())
	next, out := lawful(t, a, gss.Env{}, gss.Input{})
	want := "605e06062b0601050502a0543052a024302206092a864882f71201020206092a864886f712010202060a2b06010401823702020a" +
		"a32a3028a0261b246e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265"
	if out.State != gss.Continue || out.Token.Bytes() != unhex(t, want) || next != a {
		t.Errorf("%v %x, kept %v", out.State, out.Token.Bytes(), next != a)
	}
	m, _ := negtoken.ParseInit(out.Token.Bytes())
	if m.Hints != (negtoken.Hints{Present: true, Name: gss.TokenOf("not_defined_in_RFC4178@please_ignore")}) {
		t.Errorf("%+v", m.Hints)
	}
	requirement.Held(t, "unit:negtokeninit2_bytes")
}

// SPNG-3.3.5.2-1 and section 7: the initiator answers with a NegTokenInit of its own,
// and the MICs cover the list in that one.
func TestNegHintsAsInput(t *testing.T) {
	hint := func(token gss.Token, mechs ...gss.OID) gss.Input {
		m := negtoken.Init{MechTypes: negtoken.MechTypesOf(mechs...), MechToken: token, Hints: negtoken.Hints{Present: true, Name: gss.TokenOf(negtoken.HintName)}}
		return gss.Input{Token: gss.TokenOf(m.Encode())}
	}
	c := over(final(kerberos(1)), final(ntlmToy(2)))
	plain := newPair(t, c, over(final(ntlmToy(2))))
	want := plain.run(gss.Input{})
	for name, in := range map[string]gss.Input{
		// golden:nego2_unknown_mechtoken
		"a token of a mechanism that we lack": hint(gss.TokenOf("NEGOEXTS"), gss.NegoEx, gss.NTLM),
		"in another order":                    hint(gss.Token{}, gss.NTLM, gss.Kerberos),
		// Nothing protects a hint. An attacker that strips Kerberos from it does not strip
		// it from the initiator's list (HTA-13).
		"a mechanism stripped": hint(gss.Token{}, gss.NTLM),
		"no list at all":       {Token: gss.TokenOf(negtoken.Init{Hints: negtoken.Hints{Present: true}}.Encode())},
	} {
		p := newPair(t, c, over(final(ntlmToy(2))))
		if got := p.run(in); got != want {
			t.Errorf("%s:\n%s\nexpected\n%s", name, got, want)
		}
		p.mustComplete(gss.NTLM)
		requirement.Held(t, "golden:nego2_unknown_mechtoken")
	}
	for name, v := range map[string]struct {
		in   gss.Input
		code gss.Code
	}{
		// Negotiate of the same 401 is tried then: no Unexpected, which would end it.
		"nothing in common":            {hint(gss.Token{}, gss.NegoEx, gsstoy.OID), gss.Unsupported},
		"a NegTokenResp":               {gss.Input{Token: gss.TokenOf(negtoken.Resp{}.Encode())}, gss.Malformed},
		"a bare token":                 {gss.Input{Token: gss.TokenOf(ntlmSignature + "\x02")}, gss.Malformed},
		"a token that is for us, bad":  {hint(gss.TokenOf("nonsense"), gss.Kerberos), gss.Malformed},
		"one for our second mechanism": {hint(gss.TokenOf("nonsense"), gss.NTLM), gss.NoFault},
	} {
		p := newPair(t, c, c)
		if p.run(v.in); p.out[ours].Fault.Code != v.code {
			t.Errorf("%s: %v %v", name, p.out[ours].State, p.out[ours].Fault)
		}
	}
	// A token for the favourite goes into it.
	p := newPair(t, c, c)
	p.step(ours, hint(gss.TokenOf("toy/Kerberos:h"), gss.MSKerberos, gss.Kerberos))
	if heard := gsstoy.Heard(p.side[ours].(offered).listed.a[0].leaf); !slices.Equal(heard, []string{"toy/Kerberos:h"}) {
		t.Errorf("%q", heard)
	}
	// The acceptor's own hint, and an acceptor that never gave one.
	p = newPair(t, c, c)
	p.step(theirs, gss.Input{})
	p.run(gss.Input{Token: p.out[theirs].Token})
	p.mustComplete(gss.Kerberos)
}

// doc:no_spnego_fragments (C27): section 8, a token that is shorter than its header says
// is refused, by either side and at every place.
func TestFragmentedTokens(t *testing.T) {
	honest := newPair(t, over(final(ntlmToy(2))), over(final(ntlmToy(2))))
	honest.run(gss.Input{})
	for side := range 2 {
		for n := range honest.sent[side] {
			for cut := 5; cut < len(honest.sent[side][n]); cut += 7 {
				p := newPair(t, over(final(ntlmToy(2))), over(final(ntlmToy(2))))
				p.mangle = func(s, i int, token string) string {
					if s == side && i == n {
						return token[:cut]
					}
					return token
				}
				p.run(gss.Input{})
				if p.out[1-side].Fault.Code != gss.Malformed {
					t.Errorf("%s's token %d, first %d bytes: %v", sideNames[side], n, cut, p.out[1-side].Fault)
				}
			}
		}
	}
}

// An acceptor does not take an acceptor's opening, nor a list of nothing.
func TestAcceptorRequiresList(t *testing.T) {
	a := mech(t, over(ntlmToy(1))).Accept(target())
	_, out := lawful(t, a, gss.Env{}, gss.Input{Token: gss.TokenOf(negtoken.Init{Hints: negtoken.Hints{Present: true}}.Encode())})
	if m, _ := negtoken.ParseResp(out.Token.Bytes()); out.Fault != negtoken.ErrNoMechs || m.State != negtoken.Reject {
		t.Errorf("%v %v", out.State, out.Fault)
	}
}

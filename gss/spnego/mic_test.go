package spnego

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/ntlm"
)

// RFC 4178 section 5: which side sends which MIC when. The toys have the OIDs of Kerberos and
// NTLM for their names only.

func kerberos(legs uint8) gsstoy.Toy { return toy(gss.Kerberos, legs) }
func ntlmToy(legs uint8) gsstoy.Toy  { return toy(gss.NTLM, legs) }

// favourite puts another mechanism before those of c on the acceptor's side.
func favourite(c Config) Config {
	c.Mechanisms = append([]gss.Mechanism{toy("", 1)}, c.Mechanisms...)
	c.OwnOrder = true
	return c
}

// section5 are the cases of RFC 4178 section 5 and appendix C, each as what the initiator and
// the acceptor say in turns.
var section5 = []struct {
	name   string
	c, s   Config
	mech   gss.OID
	script string
}{
	// golden:spnego_optimistic (R4178-3.2-2), and the compatibility of section 5 b
	// and c, appendix C: no MIC where none is required.
	{"preferred by both, odd, no final token", over(ntlmToy(2)), over(ntlmToy(2)), gss.NTLM, `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue accept-incomplete (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A complete accept-completed
		I complete`},
	{"preferred by both, even", over(final(ntlmToy(2))), over(final(ntlmToy(2))), gss.NTLM, `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue accept-incomplete (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A complete accept-completed <toy/NTLM:f:u=alice:p=secret>
		I complete`},
	{"preferred by both, one token", over(ntlmToy(1)), over(ntlmToy(1)), gss.NTLM, `
		I ready init [ NTLM ] <toy/NTLM:i1:u=alice:p=secret>
		A complete accept-completed (NTLM)
		I complete`},
	{"preferred by both, one token each", over(final(ntlmToy(1))), over(final(ntlmToy(1))), gss.NTLM, `
		I ready init [ NTLM ] <toy/NTLM:i1:u=alice:p=secret>
		A complete accept-completed (NTLM) <toy/NTLM:f:u=alice:p=secret>
		I complete`},
	// golden:spnego_request_mic (R4178-3.2-1): the second mechanism is taken.
	{"reselection, odd (c I)", over(final(kerberos(1)), ntlmToy(2)), over(ntlmToy(2)), gss.NTLM, `
		I ready init [ MS-Kerberos Kerberos NTLM ] <toy/Kerberos:i1:u=alice:p=secret>
		A continue request-mic (NTLM)
		I continue accept-incomplete <toy/NTLM:i1:u=alice>
		A continue accept-incomplete <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret> +MIC
		A complete accept-completed +MIC
		I complete`},
	{"reselection, even (b I)", over(final(kerberos(1)), final(ntlmToy(2))), over(final(ntlmToy(2))), gss.NTLM, `
		I ready init [ MS-Kerberos Kerberos NTLM ] <toy/Kerberos:i1:u=alice:p=secret>
		A continue request-mic (NTLM)
		I continue accept-incomplete <toy/NTLM:i1:u=alice>
		A continue accept-incomplete <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A continue accept-incomplete <toy/NTLM:f:u=alice:p=secret> +MIC
		I complete accept-completed +MIC
		A complete`},
	{"reselection, one token (c I)", over(final(kerberos(1)), ntlmToy(1)), over(ntlmToy(1)), gss.NTLM, `
		I ready init [ MS-Kerberos Kerberos NTLM ] <toy/Kerberos:i1:u=alice:p=secret>
		A continue request-mic (NTLM)
		I ready accept-incomplete <toy/NTLM:i1:u=alice:p=secret> +MIC
		A complete accept-completed +MIC
		I complete`},
	{"reselection, one token each (b I)", over(final(kerberos(1)), final(ntlmToy(1))), over(final(ntlmToy(1))), gss.NTLM, `
		I ready init [ MS-Kerberos Kerberos NTLM ] <toy/Kerberos:i1:u=alice:p=secret>
		A continue request-mic (NTLM)
		I ready accept-incomplete <toy/NTLM:i1:u=alice:p=secret>
		A continue accept-incomplete <toy/NTLM:f:u=alice:p=secret> +MIC
		I complete accept-completed +MIC
		A complete`},
	// R4178-3.2-1, the other half: taken, but not the acceptor's own favourite.
	{"not the acceptor's favourite, odd", over(ntlmToy(2)), favourite(over(ntlmToy(2))), gss.NTLM, `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue request-mic (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret> +MIC
		A complete accept-completed +MIC
		I complete`},
	{"not the acceptor's favourite, three legs", over(ntlmToy(3)), favourite(over(ntlmToy(3))), gss.NTLM, `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue request-mic (NTLM) <toy/NTLM:c1>
		I continue accept-incomplete <toy/NTLM:i2:u=alice>
		A continue accept-incomplete <toy/NTLM:c2>
		I ready accept-incomplete <toy/NTLM:i3:u=alice:p=secret> +MIC
		A complete accept-completed +MIC
		I complete`},
	{"not the acceptor's favourite, one token (c IV)", over(ntlmToy(1)), favourite(over(ntlmToy(1))), gss.NTLM, `
		I ready init [ NTLM ] <toy/NTLM:i1:u=alice:p=secret>
		A continue request-mic (NTLM) +MIC
		I complete accept-completed +MIC
		A complete`},
	{"not the acceptor's favourite, one token each (b)", over(final(ntlmToy(1))), favourite(over(final(ntlmToy(1)))), gss.NTLM, `
		I ready init [ NTLM ] <toy/NTLM:i1:u=alice:p=secret>
		A continue request-mic (NTLM) <toy/NTLM:f:u=alice:p=secret> +MIC
		I complete accept-completed +MIC
		A complete`},
	// Without integrity, no MIC at all.
	{"no integrity", over(bare(ntlmToy(2))), over(bare(ntlmToy(2))), gss.NTLM, `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue accept-incomplete (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A complete accept-completed
		I complete`},
	{"no integrity, not the acceptor's favourite", over(bare(ntlmToy(2))), favourite(over(bare(ntlmToy(2)))), gss.NTLM, `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue request-mic (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A complete accept-completed
		I complete`},
	{"no integrity, reselection by policy", Config{Mechanisms: []gss.Mechanism{final(kerberos(1)), bare(ntlmToy(1))}, Fallback: true}, over(bare(ntlmToy(1))), gss.NTLM, `
		I ready init [ MS-Kerberos Kerberos NTLM ] <toy/Kerberos:i1:u=alice:p=secret>
		A continue request-mic (NTLM)
		I ready accept-incomplete <toy/NTLM:i1:u=alice:p=secret>
		A complete accept-completed
		I complete`},
	// Questions in between change nothing.
	{"asking", over(asking(final(ntlmToy(2)))), favourite(over(asking(final(ntlmToy(2))))), gss.NTLM, `
		I asks
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue request-mic (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A asks
		A continue accept-incomplete <toy/NTLM:f:u=alice:p=secret> +MIC
		I complete accept-completed +MIC
		A complete`},
}

func TestRFC4178Section5(t *testing.T) {
	for _, v := range section5 {
		t.Run(v.name, func(t *testing.T) {
			p := newPair(t, v.c, v.s)
			same(t, p.run(gss.Input{}), v.script)
			p.mustComplete(v.mech)
			if strings.Contains(v.script, "request-mic") {
				requirement.Held(t, "golden:spnego_request_mic")
			} else {
				requirement.Held(t, "golden:spnego_optimistic")
			}
		})
	}
}

// A chosen mechanism without integrity cannot prove that the acceptor chose it: a
// man in the middle may have (HTA-13).
func TestReselectionWithoutIntegrityNeedsPolicy(t *testing.T) {
	for _, weak := range []gsstoy.Toy{bare(ntlmToy(1)), bare(ntlmToy(2)), bare(final(ntlmToy(2)))} {
		p := newPair(t, over(final(kerberos(1)), weak), over(weak))
		p.run(gss.Input{})
		if p.out[ours].State != gss.Failed || p.out[ours].Fault.Code != gss.NotPermitted {
			t.Errorf("%v %v\n%s", p.out[ours].State, p.out[ours].Fault, p.script.String())
		}
	}
}

// An initiator may send its MIC along with the only token of its favourite: it is
// verified, and answered at once.
func TestMICInNegTokenInit(t *testing.T) {
	one := ntlmToy(1)
	leaf, out := lawful(t, one.Initiate(target()), gss.Env{}, gss.Input{})
	list := negtoken.MechTypesOf(gss.NTLM)
	m := mics{list: list.DER()}
	m, mic, fault := m.make(leaf)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	for _, s := range []Config{over(one), favourite(over(one))} {
		token := negtoken.Init{MechTypes: list, MechToken: out.Token, MechListMIC: mic}
		a, reply := lawful(t, mech(t, s).Accept(target()), gss.Env{}, gss.Input{Token: gss.TokenOf(token.Encode())})
		r, _ := negtoken.ParseResp(reply.Token.Bytes())
		if reply.State != gss.Complete || r.State != negtoken.AcceptCompleted || !r.MechListMIC.Present() {
			t.Fatalf("%v %v %s", reply.State, reply.Fault, describe(reply.Token.Bytes()))
		}
		if _, fault := m.verify(leaf, r.MechListMIC.Bytes()); !fault.IsZero() {
			t.Error(fault)
		}
		_ = a
		token.MechListMIC = gss.TokenOf(mic.Bytes()[:len(mic.Bytes())-1] + "!")
		if _, reply := lawful(t, mech(t, s).Accept(target()), gss.Env{}, gss.Input{Token: gss.TokenOf(token.Encode())}); reply.Fault != wrongMIC {
			t.Errorf("a wrong one: %v %v", reply.State, reply.Fault)
		}
	}
	// One for a mechanism that is not complete yet, and for one without integrity.
	for _, toy := range []gsstoy.Toy{ntlmToy(2), bare(one)} {
		_, out := lawful(t, toy.Initiate(target()), gss.Env{}, gss.Input{})
		token := negtoken.Init{MechTypes: list, MechToken: out.Token, MechListMIC: mic}
		if _, reply := lawful(t, mech(t, over(toy)).Accept(target()), gss.Env{}, gss.Input{Token: gss.TokenOf(token.Encode())}); reply.Fault != earlyMIC {
			t.Errorf("%v %v", reply.State, reply.Fault)
		}
	}
}

// flipped is the token with its last byte changed.
func flipped(t gss.Token) gss.Token {
	b := []byte(t.Bytes())
	b[len(b)-1] ^= 1
	return gss.TokenOf(string(b))
}

// golden:spnego_mic_wrong, golden:spnego_mic_missing (R4178-5-3): whichever MIC it is,
// a wrong one ends the negotiation, and so does one that is not there.
func TestMICWrongOrMissing(t *testing.T) {
	both := func(toys ...gsstoy.Toy) [2]Config { return [2]Config{over(toys...), over(toys[len(toys)-1])} }
	for name, configs := range map[string][2]Config{
		"odd":                 both(final(kerberos(1)), ntlmToy(2)),
		"even":                both(final(kerberos(1)), final(ntlmToy(2))),
		"one token":           both(final(kerberos(1)), ntlmToy(1)),
		"favourite, one":      {over(ntlmToy(1)), favourite(over(ntlmToy(1)))},
		"favourite, odd":      {over(ntlmToy(2)), favourite(over(ntlmToy(2)))},
		"favourite, one each": {over(final(ntlmToy(1))), favourite(over(final(ntlmToy(1))))},
	} {
		honest := newPair(t, configs[0], configs[1])
		honest.run(gss.Input{})
		honest.mustComplete(gss.NTLM)
		for side := range 2 {
			for n, token := range honest.sent[side] {
				if m, fault := negtoken.ParseResp(token); !fault.IsZero() || !m.MechListMIC.Present() {
					continue
				}
				for how, change := range map[string]func(*negtoken.Resp){
					"wrong":   func(m *negtoken.Resp) { m.MechListMIC = flipped(m.MechListMIC) },
					"empty":   func(m *negtoken.Resp) { m.MechListMIC = gss.TokenOf("") },
					"missing": func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} },
					"the sender's own, reflected": func(m *negtoken.Resp) {
						m.MechListMIC = gss.TokenOf("toy:m:" + [2]string{"a", "i"}[side] + "0:00000000")
					},
					"missing, and all is well": func(m *negtoken.Resp) { m.MechListMIC, m.State = gss.Token{}, negtoken.AcceptCompleted },
				} {
					p := newPair(t, configs[0], configs[1])
					p.mangle = func(s, i int, token string) string {
						if s == side && i == n {
							return resp(t, token, change)
						}
						return token
					}
					p.run(gss.Input{})
					victim := 1 - side
					if how == "missing, and all is well" && victim == ours && n == 0 {
						// With request-mic gone as well, an initiator that got its favourite
						// has no reason to want a MIC. The acceptor has, and waits for it.
						if p.out[theirs].State != gss.Continue {
							t.Errorf("%s: the acceptor is %v", name, p.out[theirs].State)
						}
						continue
					}
					if p.out[victim].State != gss.Failed || p.out[victim].Fault.Code != gss.NotAuthentic && p.out[victim].Fault.Code != gss.Unexpected {
						t.Errorf("%s, %s's MIC %s: %v %v\n%s", name, sideNames[side], how, p.out[victim].State, p.out[victim].Fault, p.script.String())
					}
					requirement.Held(t, "prop:MICBeforeComplete")
					requirement.Held(t, "golden:spnego_mic_missing")
					requirement.Held(t, "golden:spnego_mic_wrong")
					if victim == theirs {
						if m, _ := negtoken.ParseResp(p.out[theirs].Token.Bytes()); m.State != negtoken.Reject {
							t.Errorf("%s: the acceptor ends without a reject", name)
						}
					}
				}
			}
		}
	}
}

// A MIC before the mechanism is complete proves nothing.
func TestEarlyMIC(t *testing.T) {
	for _, v := range []struct{ side, n int }{{theirs, 0}, {ours, 1}} {
		p := newPair(t, over(ntlmToy(3)), over(ntlmToy(3)))
		p.mangle = func(s, i int, token string) string {
			if s == v.side && i == v.n {
				return resp(t, token, func(m *negtoken.Resp) { m.MechListMIC = gss.TokenOf("mic") })
			}
			return token
		}
		p.run(gss.Input{})
		p.mustFail(1-v.side, gss.Unexpected)
	}
}

// R4178-5-1: the MIC is over the bytes as they stood, also where they are not DER.
func TestMICCoversListAsReceived(t *testing.T) {
	// The list with a length of more octets than it needs, as the initiator wrote it.
	c := over(final(kerberos(1)), ntlmToy(2))
	i, out := lawful(t, mech(t, c).Initiate(target()), gss.Env{}, gss.Input{})
	m, _ := negtoken.ParseInit(out.Token.Bytes())
	der := "\x30\x81" + m.MechTypes.DER()[1:]
	n := byte(len(der))
	long, fault := negtoken.ParseInit("\xa0" + string([]byte{n + 4, 0x30, n + 2, 0xa0, n}) + der)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	o := i.(offered)
	a, reply := lawful(t, mech(t, over(ntlmToy(2))).Accept(target()), gss.Env{}, gss.Input{Token: gss.TokenOf(negtoken.Init{MechTypes: long.MechTypes, MechToken: m.MechToken}.Encode())})
	if got := a.(accepting).mics.list; got != der {
		t.Fatalf("the acceptor keeps %x", got)
	}
	// An initiator that signs that very list is believed; ours signs DER.
	p := &pair{t: t, side: [2]gss.Context{o, a}, out: [2]gss.Output{out, reply}}
	j, out := lawful(t, o, gss.Env{}, gss.Input{Token: reply.Token})
	next := j.(initiating)
	if next.mics.list == der {
		t.Fatal("the initiator's list is the other one")
	}
	next.mics.list = der
	a, reply = lawful(t, a, gss.Env{}, gss.Input{Token: out.Token})
	j, out = lawful(t, next, gss.Env{}, gss.Input{Token: reply.Token})
	a, reply = lawful(t, a, gss.Env{}, gss.Input{Token: out.Token})
	j, out = lawful(t, j, gss.Env{}, gss.Input{Token: reply.Token})
	p.side, p.out = [2]gss.Context{j, a}, [2]gss.Output{out, reply}
	p.mustComplete(gss.NTLM)
	requirement.Held(t, "kit:SPNEGO/mechlistmic")
}

// kit:SPNEGO/mechlistmic: an acceptor that says accept-incomplete at the end, and
// sends no MIC, gets ours: it is all that is left to be said.
func TestAcceptIncompleteAtTheEnd(t *testing.T) {
	p := newPair(t, over(ntlmToy(1)), over(ntlmToy(1)))
	p.mangle = func(side, n int, token string) string {
		if side == theirs {
			return resp(t, token, func(m *negtoken.Resp) { m.State = negtoken.AcceptIncomplete })
		}
		return token
	}
	p.step(ours, gss.Input{})
	p.step(ours, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: negtoken.AcceptIncomplete, SupportedMech: gss.NTLM}.Encode())})
	same(t, p.script.String(), `
		I ready init [ NTLM ] <toy/NTLM:i1:u=alice:p=secret>
		I ready accept-incomplete +MIC`)
	// And then one of the acceptor's is due.
	before := p.side[ours]
	p.step(ours, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: negtoken.AcceptCompleted}.Encode())})
	p.mustFail(ours, gss.NotAuthentic)
	p.side[ours] = before
	p.step(ours, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: negtoken.AcceptCompleted, MechListMIC: gss.TokenOf("toy:m:a0:00000000")}.Encode())})
	p.mustFail(ours, gss.NotAuthentic)
	// Without integrity there is nothing left at all.
	for _, state := range []negtoken.NegState{negtoken.AcceptIncomplete, negtoken.RequestMIC} {
		p = newPair(t, over(bare(ntlmToy(1))), over(bare(ntlmToy(1))))
		p.step(ours, gss.Input{})
		p.step(ours, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: state, SupportedMech: gss.NTLM}.Encode())})
		p.mustFail(ours, gss.Unexpected)
		requirement.Held(t, "kit:SPNEGO/mechlistmic")
	}
}

// A mechListMIC that is the response token once more is none (appendix C): ignored
// where none is required, missing where one is.
func TestRepeatedResponseToken(t *testing.T) {
	repeat := func(p *pair) {
		p.mangle = func(side, n int, token string) string {
			if side == theirs {
				return resp(t, token, func(m *negtoken.Resp) { m.MechListMIC = m.ResponseToken })
			}
			return token
		}
	}
	p := newPair(t, over(final(ntlmToy(2))), over(final(ntlmToy(2))))
	repeat(p)
	p.run(gss.Input{})
	p.mustComplete(gss.NTLM)
	p = newPair(t, over(final(kerberos(1)), final(ntlmToy(2))), over(final(ntlmToy(2))))
	repeat(p)
	p.run(gss.Input{})
	p.mustFail(ours, gss.NotAuthentic)
}

// vista is a toy that behaves like NTLM since Windows Vista: its own messages are
// protected, and its session has a key stream.
type vista struct {
	gsstoy.Toy
	protects bool
}

func (v vista) Initiate(t gss.Target) gss.Context {
	return vistaContext{v.Toy.Initiate(t), v.protects}
}
func (v vista) Accept(t gss.Target) gss.Context { return vistaContext{v.Toy.Accept(t), v.protects} }

type vistaContext struct {
	gss.Context
	protects bool
}

func (c vistaContext) RequiresMechListMIC() bool { return c.protects }

func (c vistaContext) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	next, out, err := c.Context.Step(env, in)
	return vistaContext{next, c.protects}, out, err
}

func (c vistaContext) Session() (gss.Session, bool) {
	s, ok := c.Context.Session()
	if !ok {
		return nil, false
	}
	return vistaSession{Session: s}, true
}

// vistaSession counts how often its key stream was used since it began.
type vistaSession struct {
	gss.Session
	used   uint8
	resets uint8
}

func (s vistaSession) ResetCipher() gss.Session {
	s.used = 0
	s.resets++
	return s
}

func (s vistaSession) MIC(m string) (gss.Session, string, gss.Fault) {
	next, mic, fault := s.Session.MIC(m)
	s.Session, s.used = next, s.used+1
	return s, mic, fault
}

func (s vistaSession) VerifyMIC(m, mic string) (gss.Session, gss.Fault) {
	next, fault := s.Session.VerifyMIC(m, mic)
	s.Session, s.used = next, s.used+1
	return s, fault
}

// kit:SPNEGO/ntlm_mic_forces_mechlistmic (SPNG-3.1.5.1-1): although NTLM is the
// favourite of both, its own MIC makes mechListMIC compulsory, on both sides.
func TestMechanismForcesMIC(t *testing.T) {
	with := func(protects bool) Config {
		return Config{Mechanisms: []gss.Mechanism{vista{ntlmToy(2), protects}}}
	}
	p := newPair(t, with(true), with(true))
	same(t, p.run(gss.Input{}), `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue accept-incomplete (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret> +MIC
		A complete accept-completed +MIC
		I complete`)
	p.mustComplete(gss.NTLM)
	// An attacker that strips one of the two is detected.
	for side := range 2 {
		p := newPair(t, with(true), with(true))
		p.mangle = func(s, n int, token string) string {
			if s == side && n == 1 {
				return resp(t, token, func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} })
			}
			return token
		}
		p.run(gss.Input{})
		if p.out[1-side].Fault != noMIC {
			t.Errorf("%s's MIC stripped: %v", sideNames[side], p.out[1-side].Fault)
		}
		requirement.Held(t, "kit:SPNEGO/ntlm_mic_forces_mechlistmic")
	}
	// The same where the acceptor has the last token.
	even := Config{Mechanisms: []gss.Mechanism{vista{final(ntlmToy(2)), true}}}
	p = newPair(t, even, even)
	same(t, p.run(gss.Input{}), `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue accept-incomplete (NTLM) <toy/NTLM:c1>
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A continue accept-incomplete <toy/NTLM:f:u=alice:p=secret> +MIC
		I complete accept-completed +MIC
		A complete`)
	p.mustComplete(gss.NTLM)
	p = newPair(t, even, even)
	p.mangle = func(s, n int, token string) string {
		if s == theirs && n == 1 {
			return resp(t, token, func(m *negtoken.Resp) { m.MechListMIC, m.State = gss.Token{}, negtoken.AcceptCompleted })
		}
		return token
	}
	p.run(gss.Input{})
	if p.out[ours].Fault != noMIC {
		t.Errorf("the acceptor's MIC stripped: %v", p.out[ours].Fault)
	}
	// Windows 2003 and curl without one: none is required.
	p = newPair(t, with(false), with(false))
	p.run(gss.Input{})
	p.mustComplete(gss.NTLM)
	if m, _ := negtoken.ParseResp(p.sent[theirs][1]); m.MechListMIC.Present() {
		t.Error("a MIC that nobody asked for")
	}
}

// kit:SPNEGO/ntlm_rc4_reset (SPNG-3.2.5.1-1, MS-SPNG 3.3.5.1): the key stream begins
// anew after each MIC, the sequence number does not.
func TestMICCipherReset(t *testing.T) {
	c := Config{Mechanisms: []gss.Mechanism{vista{ntlmToy(2), true}}}
	p := newPair(t, c, c)
	p.run(gss.Input{})
	p.mustComplete(gss.NTLM)
	for side := range 2 {
		s, _ := p.side[side].Session()
		if v := s.(vistaSession); v.used != 0 || v.resets != 2 {
			t.Errorf("%s: stream used %d times, begun anew %d times", sideNames[side], v.used, v.resets)
		}
		_, mic, _ := s.MIC("first of the application")
		if want := "toy:m:" + [2]string{"i", "a"}[side] + "1:"; mic[:len(want)] != want {
			t.Errorf("%s: %s, expected sequence number 1", sideNames[side], mic)
		}
		requirement.Held(t, "kit:SPNEGO/ntlm_rc4_reset")
	}
	// No MIC, no reset, and number 0.
	c.Mechanisms[0] = vista{ntlmToy(2), false}
	p = newPair(t, c, c)
	p.run(gss.Input{})
	s, _ := p.side[ours].Session()
	if v := s.(vistaSession); v.resets != 0 {
		t.Error("begun anew although no MIC was exchanged")
	}
	if _, mic, _ := s.MIC("first"); mic[:9] != "toy:m:i0:" {
		t.Error(mic)
	}
}

// prop:spnego_no_wrap_before_complete (R4178-3.1-2, C26): the rig looks at it at every
// step; here is the moment that matters, when the mechanism is complete and SPNEGO
// is not.
func TestNoSessionBeforeComplete(t *testing.T) {
	p := newPair(t, over(ntlmToy(1)), favourite(over(ntlmToy(1))))
	p.step(ours, gss.Input{})
	if p.out[ours].State != gss.Ready {
		t.Errorf("%v", p.out[ours].State)
	}
	if _, ok := p.side[ours].(offered).listed.a[0].leaf.Session(); !ok {
		t.Fatal("the mechanism is not complete")
	}
	if _, ok := p.side[ours].Session(); ok {
		t.Error("the initiator gives its session away")
	}
	p.step(theirs, gss.Input{Token: p.out[ours].Token})
	if _, ok := p.side[theirs].(accepting).leaf.Session(); !ok {
		t.Fatal("the mechanism is not complete")
	}
	if _, ok := p.side[theirs].Session(); ok {
		t.Error("the acceptor gives its session away")
	}
	requirement.Held(t, "prop:spnego_no_wrap_before_complete")
}

// slow is a toy that asks a question about every token of its peer but the first one.
type slow struct{ gsstoy.Toy }

func (s slow) Initiate(t gss.Target) gss.Context { return slowContext{Context: s.Toy.Initiate(t)} }
func (s slow) Accept(t gss.Target) gss.Context   { return slowContext{Context: s.Toy.Accept(t)} }

type slowContext struct {
	gss.Context
	steps uint8
	held  gss.Token
}

func (c slowContext) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	switch in.Answer.(type) {
	case nil:
		if c.steps++; c.steps > 1 && !c.held.Present() {
			c.held = in.Token
			return c, gss.Output{State: gss.Waiting, Ask: gss.NeedExchange{Service: "oracle"}}, nil
		}
	case gss.Reply:
		in = gss.Input{Token: c.held}
		c.held = gss.Token{}
	case gss.Unreachable:
		return c, gss.Fail(gss.QuestionFailed, "the oracle is silent"), nil
	default:
		return c, gss.Output{}, gss.Misuse("slow: an oracle replies")
	}
	next, out, err := c.Context.Step(env, in)
	c.Context = next
	return c, out, err
}

// A question in mid-exchange, on either side, loses nothing of the message that it is
// about: neither its MIC nor what it says of the state.
func TestQuestionsInMidExchange(t *testing.T) {
	slowly := Config{Mechanisms: []gss.Mechanism{slow{final(ntlmToy(2))}}}
	run := func(answer gss.Answer) *pair {
		p := newPair(t, slowly, favourite(slowly))
		p.answer = func(int, gss.Question) gss.Answer { return answer }
		p.run(gss.Input{})
		return p
	}
	p := run(gss.Reply{})
	same(t, p.script.String(), `
		I continue init [ NTLM ] <toy/NTLM:i1:u=alice>
		A continue request-mic (NTLM) <toy/NTLM:c1>
		I asks
		I ready accept-incomplete <toy/NTLM:i2:u=alice:p=secret>
		A asks
		A continue accept-incomplete <toy/NTLM:f:u=alice:p=secret> +MIC
		I asks
		I complete accept-completed +MIC
		A complete`)
	p.mustComplete(gss.NTLM)
	p = run(gss.Unreachable{})
	p.mustFail(ours, gss.QuestionFailed)
	// An answer of a type that the mechanism does not take is the caller's mistake.
	p = newPair(t, slowly, slowly)
	p.step(ours, gss.Input{})
	p.step(theirs, gss.Input{Token: p.out[ours].Token})
	waiting, _ := lawful(t, p.side[ours], p.env(), gss.Input{Token: p.out[theirs].Token})
	if next, _, err := waiting.Step(p.env(), gss.Input{Answer: gss.Declined{}}); err == nil || next != waiting {
		t.Errorf("%v", err)
	}
}

// A MIC where there is no integrity cannot be checked, and is not taken for nothing.
func TestMICWithoutIntegrity(t *testing.T) {
	for side := range 2 {
		p := newPair(t, over(bare(ntlmToy(2))), over(bare(ntlmToy(2))))
		p.mangle = func(s, n int, token string) string {
			if s == side && n == 1 {
				return resp(t, token, func(m *negtoken.Resp) { m.MechListMIC = gss.TokenOf("mic") })
			}
			return token
		}
		p.run(gss.Input{})
		if p.out[1-side].Fault != earlyMIC {
			t.Errorf("%s's: %v %v", sideNames[side], p.out[1-side].State, p.out[1-side].Fault)
		}
	}
}

// An acceptor that is complete with its own MIC wants none of ours.
func TestCompletedWithMIC(t *testing.T) {
	p := newPair(t, over(final(kerberos(1)), final(ntlmToy(1))), over(final(ntlmToy(1))))
	p.mangle = func(s, n int, token string) string {
		if s == theirs && n == 1 {
			return resp(t, token, func(m *negtoken.Resp) { m.State = negtoken.AcceptCompleted })
		}
		return token
	}
	p.run(gss.Input{})
	if out := p.out[ours]; out.State != gss.Complete || out.Token.Present() {
		t.Errorf("%v %v\n%s", out.State, out.Fault, p.script.String())
	}
}

// NTLM without extended session security has one key stream and one sequence number for
// both directions, so that it matters which side's MIC was computed first.
func TestMICHalfDuplex(t *testing.T) {
	var leaves [2]done
	for side := range leaves {
		session, fault := ntlm.NewSession(uint32(ntlmssp.FlagSign|ntlmssp.FlagNTLM), ntlm.Key{1, 2, 3}, side == ours)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		leaves[side] = done{session: session}
	}
	for _, first := range []int{ours, theirs} {
		second := 1 - first
		m := [2]mics{{list: "list"}, {list: "list"}}
		for _, from := range []int{first, second} {
			next, mic, fault := m[from].make(leaves[from])
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			m[from] = next
			if m[1-from], fault = m[1-from].verify(leaves[1-from], mic.Bytes()); !fault.IsZero() {
				t.Fatalf("%s first, MIC of %s: %v", sideNames[first], sideNames[from], fault)
			}
		}
		a, _ := m[ours].session(leaves[ours])
		b, _ := m[theirs].session(leaves[theirs])
		byHand, _, _ := m[first].sign(leaves[first].session)
		if byHand, fault := m[first].check(byHand, m[first].theirs); !fault.IsZero() || byHand != [2]gss.Session{a, b}[first] {
			t.Errorf("%s first: another session than by hand, %v", sideNames[first], fault)
		}
		a, mic, _ := a.MIC("question")
		b, fault := b.VerifyMIC("question", mic)
		if !fault.IsZero() {
			t.Errorf("%s first: %v", sideNames[first], fault)
		}
		_, mic, _ = b.MIC("answer")
		if _, fault = a.VerifyMIC("answer", mic); !fault.IsZero() {
			t.Errorf("%s first: %v", sideNames[first], fault)
		}
	}
}

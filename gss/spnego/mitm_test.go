package spnego

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/ntlm"
)

// An attacker in the middle that cannot compute the proofs of the mechanisms.

func fresh(t gsstoy.Toy) gsstoy.Toy {
	t.Fresh = true
	return t
}

// Whatever he does to the list, both sides find out: none of the two is ever complete
// with a mechanism that is not the best that both have. An acceptor that has no
// favourite leaves that to the initiator.
func TestMITMAltersTheList(t *testing.T) {
	strong, weak, odd := fresh(final(kerberos(2))), fresh(final(ntlmToy(2))), fresh(ntlmToy(2))
	for name, second := range map[string]gsstoy.Toy{"even": weak, "odd": odd} {
		both := over(strong, second)
		for attack, with := range map[string]func(*negtoken.Init){
			"strips the stronger":           func(m *negtoken.Init) { m.MechTypes, m.MechToken = negtoken.MechTypesOf(gss.NTLM), gss.Token{} },
			"strips it and keeps its token": func(m *negtoken.Init) { m.MechTypes = negtoken.MechTypesOf(gss.NTLM) },
			"turns the list around": func(m *negtoken.Init) {
				m.MechTypes, m.MechToken = negtoken.MechTypesOf(gss.NTLM, gss.MSKerberos, gss.Kerberos), gss.Token{}
			},
			"renames the stronger":     func(m *negtoken.Init) { m.MechTypes = negtoken.MechTypesOf(gss.NegoEx, gss.KerberosU2U, gss.NTLM) },
			"renames one of its names": func(m *negtoken.Init) { m.MechTypes = negtoken.MechTypesOf(gss.MSKerberos, gss.KerberosU2U, gss.NTLM) },
			"strips the wrong OID":     func(m *negtoken.Init) { m.MechTypes = negtoken.MechTypesOf(gss.Kerberos, gss.NTLM) },
			"strips the weaker":        func(m *negtoken.Init) { m.MechTypes = negtoken.MechTypesOf(gss.MSKerberos, gss.Kerberos) },
			"adds one in front": func(m *negtoken.Init) {
				m.MechTypes = negtoken.MechTypesOf(gss.NegoEx, gss.MSKerberos, gss.Kerberos, gss.NTLM)
			},
			"adds one behind": func(m *negtoken.Init) {
				m.MechTypes = negtoken.MechTypesOf(gss.MSKerberos, gss.Kerberos, gss.NTLM, gss.NegoEx)
			},
		} {
			// And he makes the acceptor's words fit the initiator's expectations.
			for lie, change := range map[string]func(*negtoken.Resp){
				"and no more":             func(m *negtoken.Resp) {},
				"and takes MICs away":     func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} },
				"and says it is complete": func(m *negtoken.Resp) { m.MechListMIC, m.State = gss.Token{}, negtoken.AcceptCompleted },
				"and hides request-mic": func(m *negtoken.Resp) {
					if m.State == negtoken.RequestMIC {
						m.State = negtoken.AcceptIncomplete
					}
				},
				"and claims the favourite": func(m *negtoken.Resp) {
					if m.SupportedMech != "" {
						m.SupportedMech = gss.MSKerberos
					}
				},
			} {
				for _, easy := range []bool{false, true} { // an acceptor that has no favourite
					s := both
					s.Fallback = easy
					p := newPair(t, both, s)
					p.mangle = func(side, n int, token string) string {
						switch {
						case side == ours && n == 0:
							return initial(t, token, with)
						case side == theirs:
							return resp(t, token, change)
						}
						return token
					}
					p.run(gss.Input{})
					for side := range 2 {
						if p.out[side].State == gss.Complete && p.side[side].Info().Mech == gss.NTLM && !(easy && side == theirs) {
							t.Errorf("%s, %s, %s: %s completes with the weaker\n%s", name, attack, lie, sideNames[side], p.script.String())
						}
					}
				}
			}
		}
	}
}

// SPNG-3.1.5.1-1: nor does NTLM's being the favourite help, if its own MIC is there.
func TestMITMAgainstNTLM(t *testing.T) {
	c := Config{Mechanisms: []gss.Mechanism{realNTLM(t, ntlm.Config{})}}
	honest := newPair(t, c, c)
	honest.run(gss.Input{})
	honest.mustComplete(gss.NTLM)
	for name, v := range map[string]struct {
		side, n int
		change  func(*negtoken.Resp)
		code    gss.Code
	}{
		"initiator's MIC taken":   {ours, 1, func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} }, gss.NotAuthentic},
		"initiator's MIC altered": {ours, 1, func(m *negtoken.Resp) { m.MechListMIC = flipped(m.MechListMIC) }, gss.NotAuthentic},
		"AUTHENTICATE altered":    {ours, 1, func(m *negtoken.Resp) { m.ResponseToken = flipped(m.ResponseToken) }, gss.NotAuthentic},
		"acceptor's MIC taken":    {theirs, 1, func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} }, gss.NotAuthentic},
		"acceptor's MIC altered":  {theirs, 1, func(m *negtoken.Resp) { m.MechListMIC = flipped(m.MechListMIC) }, gss.NotAuthentic},
		"acceptor's last word cut short": {theirs, 1, func(m *negtoken.Resp) {
			*m = negtoken.Resp{State: negtoken.AcceptCompleted}
		}, gss.NotAuthentic},
		"CHALLENGE taken":   {theirs, 0, func(m *negtoken.Resp) { m.ResponseToken = gss.Token{} }, gss.Unexpected},
		"CHALLENGE altered": {theirs, 0, func(m *negtoken.Resp) { m.ResponseToken = flipped(m.ResponseToken) }, gss.Malformed},
	} {
		p := newPair(t, c, c)
		p.mangle = func(side, n int, token string) string {
			if side == v.side && n == v.n {
				return resp(t, token, v.change)
			}
			return token
		}
		p.run(gss.Input{})
		if victim := 1 - v.side; p.out[victim].State != gss.Failed || p.out[victim].Fault.Code != v.code {
			t.Errorf("%s: %v %v\n%s", name, p.out[victim].State, p.out[victim].Fault, p.script.String())
		}
	}
}

// A NegTokenResp of an earlier exchange, put in at any place, completes nothing.
func TestMITMReplays(t *testing.T) {
	for name, v := range map[string][2]Config{
		"even":        {over(fresh(final(ntlmToy(2)))), over(fresh(final(ntlmToy(2))))},
		"odd":         {over(fresh(ntlmToy(2))), favourite(over(fresh(ntlmToy(2))))},
		"reselection": {over(final(kerberos(1)), fresh(final(ntlmToy(3)))), over(fresh(final(ntlmToy(3))))},
	} {
		earlier := newPair(t, v[0], v[1])
		earlier.run(gss.Input{})
		earlier.mustComplete(gss.NTLM)
		for side := range 2 {
			for n := range earlier.sent[side] {
				for from := range earlier.sent[side] {
					p := newPair(t, v[0], v[1])
					p.seed = 1000 // other nonces
					differs := false
					p.mangle = func(s, i int, token string) string {
						if s == side && i == n {
							differs = token != earlier.sent[side][from]
							return earlier.sent[side][from]
						}
						return token
					}
					p.run(gss.Input{})
					if differs && p.complete() {
						t.Errorf("%s: %s's token %d of an earlier exchange as its %d\n%s", name, sideNames[side], from, n, p.script.String())
					}
				}
			}
		}
	}
}

// The same token twice, in one exchange.
func TestMITMRepeats(t *testing.T) {
	c := over(fresh(final(ntlmToy(3))))
	for side := range 2 {
		for n := 1; n < 3; n++ {
			p := newPair(t, c, c)
			p.mangle = func(s, i int, token string) string {
				if s == side && i == n {
					return p.sent[side][n-1]
				}
				return token
			}
			p.run(gss.Input{})
			if p.out[1-side].State != gss.Failed {
				t.Errorf("%s's token %d twice: %v\n%s", sideNames[side], n-1, p.out[1-side].State, p.script.String())
			}
		}
	}
}

package spnego

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// maxMechanisms can be negotiated, each with an OID of negtoken.MaxMech octets, and no more.
func TestConfigBounds(t *testing.T) {
	mechs := func(n, size int) (c Config) {
		for i := range n {
			c.Mechanisms = append(c.Mechanisms, toy(gss.OID(strings.Repeat("\x2a", size-1)+string(rune('a'+i))), 1))
		}
		return c
	}
	for _, test := range []struct {
		n, size int
		ok      bool
	}{
		{0, 1, false}, {1, 1, true}, {maxMechanisms, negtoken.MaxMech, true}, {maxMechanisms + 1, 1, false}, {1, negtoken.MaxMech + 1, false},
	} {
		m, err := New(mechs(test.n, test.size))
		if (err == nil) != test.ok {
			t.Errorf("%d mechanisms with OIDs of %d: %v", test.n, test.size, err)
		}
		if test.ok {
			list, fault := negtoken.ParseInit(m.(mechanism).cfg.hint)
			if !fault.IsZero() || len(slices.Collect(list.MechTypes.All())) != test.n {
				t.Errorf("%d mechanisms with OIDs of %d: the acceptor opens with %x: %v", test.n, test.size, m.(mechanism).cfg.hint, fault)
			}
		}
	}
}

// A mechanism's token fits as long as it has maxLeaf bytes: in the first message, in later
// ones of both sides, and in a reject. One more is refused before it is sent, and so is a
// mechanism that has nothing to say though it is not done.
func TestLeafTokens(t *testing.T) {
	at := func(n int) gss.Token { return gss.TokenOf(strings.Repeat("x", n)) }
	for n, code := range map[int]gss.Code{1: gss.NoFault, maxLeaf: gss.NoFault, maxLeaf + 1: gss.LimitExceeded, 0: gss.Unexpected} {
		c := Config{Mechanisms: []gss.Mechanism{ntlmToy(1)}}
		m := mech(t, c)
		for _, token := range []gss.Token{at(n), {}} {
			if n != 0 && !token.Present() {
				continue
			}
			a := accepting{leaf: ntlmToy(1).Accept(target())}
			_, out, err := a.stepped(a.leaf, gss.Output{State: gss.Continue, Token: token})
			if err != nil || out.Fault.Code != code || len(out.Token.Bytes()) > bound.Token {
				t.Errorf("the acceptor's mechanism says %d bytes: %v %v", n, out.Fault, err)
			}
			i := initiating{leaf: ntlmToy(1).Initiate(target()), cfg: m.cfg}
			_, out, err = i.stepped(i.leaf, gss.Output{State: gss.Continue, Token: token})
			if err != nil || out.Fault.Code != code || len(out.Token.Bytes()) > bound.Token {
				t.Errorf("the initiator's mechanism says %d bytes: %v %v", n, out.Fault, err)
			}
			g := gathering{cfg: m.cfg, target: target()}
			_, out, err = g.began(gss.Env{Now: 1}, ntlmToy(1).Initiate(target()), gss.Output{State: gss.Continue, Token: token})
			want := code
			if want != gss.NoFault {
				want = gss.Unsupported
			}
			if err != nil || out.Fault.Code != want || len(out.Token.Bytes()) > bound.Token {
				t.Errorf("the mechanism begins with %d bytes: %v %v", n, out.Fault, err)
			}
		}
		_, out, _ := reject(wrongMIC, at(n))
		m2, fault := negtoken.ParseResp(out.Token.Bytes())
		if !fault.IsZero() || m2.State != negtoken.Reject || m2.ResponseToken.Present() != (code == gss.NoFault) {
			t.Errorf("a reject with a last word of %d bytes: %+v %v", n, m2.State, fault)
		}
	}
}

// complains is a mechanism's context that fails at whatever comes.
type complains struct{ gss.Context }

func (c complains) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return c, gss.Fail(gss.BadBinding, "it was asked"), nil
}

// A rejection is the end: the mechanism's word on it counts while that is still at work, and
// is not asked for once it is complete.
func TestRejectAsksNoCompleteMechanism(t *testing.T) {
	token := gss.TokenOf(negtoken.Resp{State: negtoken.Reject, ResponseToken: gss.TokenOf("why")}.Encode())
	for state, want := range map[gss.State]gss.Code{gss.Continue: gss.BadBinding, gss.Ready: gss.BadBinding, gss.Complete: gss.Refused} {
		c := initiating{cfg: mech(t, over(ntlmToy(1))).cfg, leaf: complains{ntlmToy(1).Initiate(target())}, state: state}
		if _, out, err := c.Step(gss.Env{Now: 1}, gss.Input{Token: token}); err != nil || out.Fault.Code != want {
			t.Errorf("%v: rejected with %v, want %v: %v", state, out.Fault, want, err)
		}
	}
	// Without a word of the mechanism's it is a refusal in any case.
	c := initiating{cfg: mech(t, over(ntlmToy(1))).cfg, leaf: complains{ntlmToy(1).Initiate(target())}, state: gss.Continue}
	if _, out, _ := c.Step(gss.Env{Now: 1}, gss.Input{Token: gss.TokenOf(negtoken.Resp{State: negtoken.Reject}.Encode())}); out.Fault.Code != gss.Refused {
		t.Errorf("a bare reject: %v", out.Fault)
	}
}

// A weaker mechanism that cannot prove that both sides wanted it is given up before its
// last token is sent (HTA-13).
func TestWeakerMechanismSendsNothing(t *testing.T) {
	p := newPair(t, over(kerberos(1), bare(ntlmToy(1))), over(bare(ntlmToy(1))))
	p.run(gss.Input{})
	p.mustFail(ours, gss.NotPermitted)
	if len(p.sent[ours]) != 1 {
		t.Errorf("%d tokens were sent, the first message alone may be:\n%s", len(p.sent[ours]), p.script.String())
	}
}

// An initiator that goes on without a token is no peer that refused.
func TestInitiatorWithoutAToken(t *testing.T) {
	p := newPair(t, over(ntlmToy(2)), over(ntlmToy(2)))
	p.step(ours, gss.Input{})
	p.step(theirs, gss.Input{Token: p.out[ours].Token})
	if out := p.step(theirs, gss.Input{}); out.Fault.Code != gss.Unexpected || out.Token.Present() {
		t.Errorf("%v, and the token %x", out.Fault, out.Token.Bytes())
	}
}

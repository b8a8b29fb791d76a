package spnego

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// fuzzConfigs are the two sides of a fuzzed exchange: every way to go through section
// 5, by the bits of kind.
func fuzzConfigs(kind uint8) (c, s Config) {
	leaf := ntlmToy(1 + kind&3%3)
	if kind&4 != 0 {
		leaf = final(leaf)
	}
	if kind&8 != 0 {
		leaf = bare(leaf)
	}
	if kind&16 != 0 {
		leaf = asking(leaf)
	}
	leaf = fresh(leaf)
	c, s = over(leaf), over(leaf)
	if kind&32 != 0 { // a stronger one, which the acceptor lacks
		c = over(final(kerberos(1)), leaf)
	}
	if kind&64 != 0 {
		s = favourite(s)
	}
	if kind&128 != 0 {
		v := vista{leaf, true}
		c.Mechanisms[len(c.Mechanisms)-1], s.Mechanisms[len(s.Mechanisms)-1] = v, v
	}
	return c, s
}

// mutate changes a token as the fuzzer says: how, where and what with.
func mutate(token string, how, where uint8, with []byte) string {
	at := min(int(where), len(token))
	switch how % 5 {
	case 0:
		return string(with)
	case 1:
		return token[:at]
	case 2:
		return token[:at] + string(with) + token[at:]
	case 3:
		return token[:at] + string(with) + token[min(len(token), at+len(with)):]
	}
	m, fault := negtoken.ParseResp(token) // a field at a time
	if !fault.IsZero() {
		return token + string(with)
	}
	switch where % 4 {
	case 0:
		m.State = negtoken.NegState(how/5) % (negtoken.RequestMIC + 1)
	case 1:
		m.SupportedMech = gss.OID(with)
	case 2:
		m.ResponseToken = gss.TokenOf(string(with))
	case 3:
		m.MechListMIC = gss.TokenOf(string(with))
	}
	return m.Encode()
}

// fuzzExchange runs an exchange in which one side's nth token is altered. The oracle is
// the rig's lawful, and that neither side completes with a mechanism that was not negotiated.
func fuzzExchange(t *testing.T, side int, kind, n, how, where uint8, with []byte) {
	c, s := fuzzConfigs(kind)
	p := newPair(t, c, s)
	p.mangle = func(from, i int, token string) string {
		if from == side && i == int(n%4) {
			return mutate(token, how, where, with)
		}
		return token
	}
	p.run(gss.Input{})
	for i := range p.side {
		if p.out[i].State != gss.Complete {
			continue
		}
		if mech := p.side[i].Info().Mech; mech != gss.NTLM {
			t.Fatalf("%s completes with %v\n%s", sideNames[i], mech, p.script.String())
		}
		if _, ok := p.side[i].Session(); ok != (kind&8 == 0) {
			t.Fatalf("%s completes with session %v\n%s", sideNames[i], ok, p.script.String())
		}
		next, out := lawful(t, p.side[i], p.env(), gss.Input{Token: gss.TokenOf(string(with))})
		if out.State != gss.Failed {
			t.Fatalf("%s goes on after the end\n%s", sideNames[i], p.script.String())
		}
		if again, out := lawful(t, next, p.env(), gss.Input{}); again != next || out.State != gss.Failed {
			t.Fatal("a failure does not stay")
		}
	}
}

func seedExchanges(f *testing.F) {
	for kind := range 16 {
		f.Add(uint8(kind*37), uint8(kind%3), uint8(kind), uint8(kind*5), []byte("toy/NTLM:x"))
	}
	f.Add(uint8(36), uint8(1), uint8(4+5), uint8(0), []byte{})
	f.Add(uint8(37), uint8(2), uint8(4), uint8(3), []byte("toy:m:a0:00000000"))
	f.Add(uint8(96), uint8(0), uint8(4), uint8(1), []byte(gss.Kerberos))
}

// FuzzInitiator alters what an acceptor says to it.
func FuzzInitiator(f *testing.F) {
	seedExchanges(f)
	f.Fuzz(func(t *testing.T, kind, n, how, where uint8, with []byte) {
		fuzzExchange(t, theirs, kind, n, how, where, with)
		// And as the first challenge of Nego2.
		c, _ := fuzzConfigs(kind)
		hint := mutate(mech(t, c).cfg.hint, how, where, with)
		lawful(t, mech(t, c).Initiate(target()), (&pair{}).env(), gss.Input{Token: gss.TokenOf(hint)})
	})
}

// FuzzAcceptor alters what an initiator says to it.
func FuzzAcceptor(f *testing.F) {
	seedExchanges(f)
	f.Fuzz(func(t *testing.T, kind, n, how, where uint8, with []byte) {
		fuzzExchange(t, ours, kind, n, how, where, with)
		_, s := fuzzConfigs(kind)
		s.TakeAPREQ = kind&1 != 0
		lawful(t, mech(t, s).Accept(target()), (&pair{}).env(), gss.Input{Token: gss.TokenOf(string(with))})
	})
}

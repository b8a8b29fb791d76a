package spnego

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/ntlm"
)

// broken is a mechanism that cannot be held.
type broken struct {
	gsstoy.Toy
	_ []int
}

// half is a mechanism with contexts that cannot be compared.
type half struct{ gsstoy.Toy }

func (h half) Accept(t gss.Target) gss.Context { return slicy{Context: h.Toy.Accept(t)} }

type slicy struct {
	gss.Context
	_ []int
}

func TestNew(t *testing.T) {
	var nine []gss.Mechanism
	for i := range 9 {
		nine = append(nine, toy(gss.OID(rune('a'+i)), 1))
	}
	for _, v := range []struct {
		mechs []gss.Mechanism
		ok    bool
	}{
		{nil, false}, {nine, false}, {nine[:8], true}, {[]gss.Mechanism{nil}, false}, {[]gss.Mechanism{broken{}}, false}, {[]gss.Mechanism{half{}}, false},
		{[]gss.Mechanism{toy(gss.SPNEGO, 1)}, false}, {[]gss.Mechanism{toy(gss.MSKerberos, 1)}, false}, {[]gss.Mechanism{kerberos(1), kerberos(2)}, false},
		{[]gss.Mechanism{toy(gss.OID(strings.Repeat("x", negtoken.MaxMech+1)), 1)}, false},
		{[]gss.Mechanism{mech(t, over(kerberos(1)))}, false}, {[]gss.Mechanism{kerberos(1), ntlmToy(1)}, true},
	} {
		m, err := New(Config{Mechanisms: v.mechs})
		if _, misuse := err.(gss.Misuse); v.ok != (err == nil) || !v.ok && (!misuse || m != nil) {
			t.Errorf("%d mechanisms: %v", len(v.mechs), err)
		}
	}
	misusetest.Run(t, "spnego", func(c Config) error { _, err := New(c); return err }, []misusetest.Row[Config]{
		{Field: "Mechanisms"},
		{Field: "Mechanisms", Config: Config{Mechanisms: nine}},
		{Field: "Mechanisms[1]", Config: Config{Mechanisms: []gss.Mechanism{kerberos(1), nil}}},
		{Field: "Mechanisms[0]", Config: Config{Mechanisms: []gss.Mechanism{broken{}}}},
		{Field: "Mechanisms[0]", Config: Config{Mechanisms: []gss.Mechanism{mech(t, over(kerberos(1)))}}},
		{Field: "Mechanisms[1]", Config: over(kerberos(1), kerberos(2))},
	}, map[string]string{"Fallback": "both work", "OwnOrder": "both work", "RefuseRaw": "both work", "TakeAPREQ": "both work"})
	// A mechanism that cannot run on a side leaves SPNEGO unable to.
	for _, v := range []struct {
		mech             gss.Mechanism
		initiate, accept string
	}{
		{mech(t, over(kerberos(1), ntlmToy(1))), "", ""},
		{mech(t, Config{Mechanisms: []gss.Mechanism{kerberos(1), oneSided{ntlmToy(1), "", "no acceptor"}}}), "", "Config.Mechanisms[1]: no acceptor"},
		{mech(t, Config{Mechanisms: []gss.Mechanism{oneSided{kerberos(1), "no initiator", ""}, ntlmToy(1)}}), "Config.Mechanisms[0]: no initiator", ""},
	} {
		c := v.mech.(gss.Checker)
		for want, err := range map[*string]error{&v.initiate: c.CheckInitiate(), &v.accept: c.CheckAccept()} {
			if *want != "" && err != nil {
				misusetest.Check(t, "spnego", *want, err)
			} else if *want != "" || err != nil {
				t.Errorf("%v: %v, want %q", v.mech, err, *want)
			}
		}
	}
	// The configuration is copied.
	list := []gss.Mechanism{kerberos(1)}
	m := mech(t, Config{Mechanisms: list})
	list[0] = nil
	if _, out := lawful(t, m.Initiate(target()), gss.Env{}, gss.Input{}); out.State != gss.Ready {
		t.Errorf("%v", out)
	}
	// N2HT-1.3-1: any mechanism may run; traits are the largest of all.
	m = mech(t, over(gsstoy.Toy{OID: gss.Kerberos, Legs: 1, Mutual: true}, gsstoy.Toy{OID: gss.NTLM, Legs: 3, Bound: true, Integrity: true}))
	if got := m.Traits(); got != (gss.Traits{ConnectionBased: true, Mutual: true, Integrity: true, MaxLegs: 5}) || m.Mech() != gss.SPNEGO {
		t.Errorf("%+v", got)
	}
}

// oneSided is a mechanism that says of each side what is wrong with it.
type oneSided struct {
	gss.Mechanism
	initiate, accept string
}

func misuseOf(s string) error {
	if s == "" {
		return nil
	}
	return gss.Misuse(s)
}

func (o oneSided) CheckInitiate() error { return misuseOf(o.initiate) }
func (o oneSided) CheckAccept() error   { return misuseOf(o.accept) }

// states are one context of each type.
func states(t *testing.T, secret string) []gss.Context {
	leaf := final(fresh(asking(ntlmToy(2))))
	strong := asking(final(kerberos(1)))
	c, s := over(strong, leaf), over(leaf)
	p := newPair(t, c, s)
	answer := gss.Input{Answer: gss.Password{User: "alice", Password: gss.NewSecret(secret)}}
	var all []gss.Context
	step := func(side int, in gss.Input) gss.Output {
		p.side[side], p.out[side] = lawful(t, p.side[side], p.env(), in)
		all = append(all, p.side[side])
		return p.out[side]
	}
	all = append(all, p.side[ours], p.side[theirs])
	step(ours, gss.Input{})
	step(ours, answer)
	out := step(ours, answer)
	for range 10 {
		for side := 1; side >= 0; side-- {
			if !out.Token.Present() {
				return append(all, failed{wrongMIC}, mech(t, c).Initiate(target()))
			}
			if out = step(side, gss.Input{Token: out.Token}); out.State == gss.Waiting {
				out = step(side, answer)
			}
		}
	}
	t.Fatal("it does not end")
	return nil
}

// HTA-12, V24: no state, output or message shows a secret, whatever the verb.
func TestRedaction(t *testing.T) {
	const canary = "c4nary-s3cret"
	types := map[reflect.Type]bool{}
	for _, c := range states(t, canary) {
		types[reflect.TypeOf(c)] = true
		b, err := json.Marshal(c)
		if err != nil {
			t.Errorf("%T: %v", c, err)
		}
		texts := []string{string(b)}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			texts = append(texts, fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c), fmt.Sprintf(verb, []any{c}))
		}
		for _, text := range texts {
			if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) || strings.Contains(text, fmt.Sprintf("%X", canary)) {
				t.Errorf("%T shows its secret: %s", c, text)
			}
		}
	}
	if len(types) != 8 {
		t.Errorf("%d types of state: %v", len(types), types)
	}
	m := negtoken.Resp{ResponseToken: gss.TokenOf(canary), MechListMIC: gss.TokenOf(canary)}
	i := negtoken.Init{MechToken: gss.TokenOf(canary)}
	for _, text := range []string{fmt.Sprintf("%+v %#v", m, m), fmt.Sprintf("%+v %#v", i, i), fmt.Sprint(mech(t, over(gsstoy.Toy{OID: gss.NTLM, Legs: 1, Secret: gss.NewSecret(canary)})))} {
		if strings.Contains(text, canary) {
			t.Error(text)
		}
	}
	if got := fmt.Sprint(mech(t, over(kerberos(1), ntlmToy(1)))); got != "spnego mechanism(Kerberos, NTLM)" {
		t.Error(got)
	}
}

// What only the caller can do wrong is an error, and changes nothing.
func TestMisuse(t *testing.T) {
	for _, c := range states(t, "secret") {
		_, out, err := c.Step(gss.Env{Seed: gss.Seed{1}}, gss.Input{})
		waiting := err != nil
		ins := []gss.Input{{Token: gss.TokenOf("x"), Answer: gss.Declined{}}}
		if waiting {
			ins = append(ins, gss.Input{}, gss.Input{Token: gss.TokenOf("x")}, gss.Input{Answer: gss.ReplayVerdict{}})
		} else {
			ins = append(ins, gss.Input{Answer: gss.Declined{}})
		}
		for _, in := range ins {
			next, got, err := c.Step(gss.Env{Seed: gss.Seed{1}}, in)
			if _, ok := err.(gss.Misuse); !ok || next != c || got != (gss.Output{}) {
				t.Errorf("%v: %v, %v", c, err, out)
			}
		}
	}
}

// R4178-3.1-2: Leaf is the context inside, once complete, and the context itself before.
func TestLeaf(t *testing.T) {
	p := ntlmPair(t, ntlm.Config{})
	before := p.side[theirs]
	if Leaf(before) != before {
		t.Error("a leaf before there is one")
	}
	p.run(gss.Input{})
	if l := Leaf(p.side[theirs]); l == p.side[theirs] || l.Info() != p.side[theirs].Info() || Leaf(l) != l {
		t.Errorf("%v", l)
	}
}

// SPNG-3.3.3-1, N2HT-5.1-1: mutual authentication is requested whatever the caller wants.
func TestRequestsMutual(t *testing.T) {
	c := mech(t, over(ntlmToy(1))).Initiate(gss.Target{}).(initiator)
	if !c.target.Want.Has(gss.Mutual) {
		t.Error("it is not")
	}
	requirement.Held(t, "unit:default_flags")
}

// A token that does not fit into one of ours is refused before it is sent.
func TestTooLong(t *testing.T) {
	long := strings.Repeat("x", maxLeaf+1)
	for _, c := range []Config{{Mechanisms: []gss.Mechanism{signed{ntlmToy(1), long}}}} {
		p := newPair(t, c, c)
		p.run(gss.Input{})
		p.mustFail(ours, gss.Unsupported)
	}
	a := accepting{leaf: ntlmToy(1).Accept(target())}
	_, out, _ := a.stepped(a.leaf, gss.Output{State: gss.Continue, Token: gss.TokenOf(long)})
	if out.Fault.Code != gss.LimitExceeded || len(out.Token.Bytes()) > 20 {
		t.Errorf("%v", out.Fault)
	}
	i := initiating{leaf: ntlmToy(1).Initiate(target()), cfg: &config{}}
	if _, out, _ := i.stepped(i.leaf, gss.Output{State: gss.Continue, Token: gss.TokenOf(long)}); out.Fault.Code != gss.LimitExceeded {
		t.Errorf("%v", out.Fault)
	}
	_, out, _ = reject(wrongMIC, gss.TokenOf(long))
	if len(out.Token.Bytes()) > 20 {
		t.Error("a reject with it")
	}
}

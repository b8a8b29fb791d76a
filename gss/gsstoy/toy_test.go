package gsstoy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
)

var (
	target = gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443}
	secret = gss.NewSecret("c4nary-s3cret")
	env    = gss.Env{Now: 1_000, Seed: gss.Seed{1}}
)

// talk is a conversation between two contexts, as far as it went.
type talk struct {
	t        testing.TB
	env      gss.Env
	answers  map[string]gss.Answer // by the question's type, without package
	i, a     gss.Context
	iState   gss.State
	aState   gss.State
	iFault   gss.Fault
	aFault   gss.Fault
	iTokens  []string
	aTokens  []string
	asked    []gss.Question
	readyAt  []int // number of initiator tokens when it said Ready
	tampered func(n int, token string) gss.Token
}

func newTalk(t testing.TB, initiator, acceptor Toy) *talk {
	return &talk{t: t, env: env, i: initiator.Initiate(target), a: acceptor.Accept(target),
		answers: map[string]gss.Answer{
			"NeedCredential": gss.Password{User: "alice", Password: secret},
			"NeedVerifier":   gss.Password{Password: secret},
		}}
}

// step steps c, checks the laws on it, and answers questions.
func (c *talk) step(ctx gss.Context, in gss.Input) (gss.Context, gss.Output) {
	c.t.Helper()
	for {
		next, out := lawful(c.t, c.env, ctx, in)
		if out.State != gss.Waiting {
			return next, out
		}
		c.asked = append(c.asked, out.Ask)
		name := reflect.TypeOf(out.Ask).Name()
		answer, ok := c.answers[name]
		if !ok {
			c.t.Fatalf("a question that the test has no answer for: %s", name)
		}
		ctx, in = next, gss.Input{Answer: answer}
	}
}

// lawful is one step that must be no misuse, with the laws checked: pure (L1),
// comparable (L2), the old value unchanged, outputs in shape.
func lawful(t testing.TB, env gss.Env, ctx gss.Context, in gss.Input) (gss.Context, gss.Output) {
	t.Helper()
	old := ctx
	next, out, err := ctx.Step(env, in)
	again, out2, err2 := ctx.Step(env, in)
	if err != nil || err2 != nil {
		t.Fatalf("step is misuse: %v", err)
	}
	if next != again || out != out2 {
		t.Fatalf("the same step gave two results:\n%+v %+v\n%+v %+v", next, out, again, out2)
	}
	if old != ctx {
		t.Fatal("step changed the old value")
	}
	if !reflect.ValueOf(next).Comparable() {
		t.Fatalf("%T is not comparable", next)
	}
	if (out.State == gss.Failed) == out.Fault.IsZero() {
		t.Fatalf("state %v with fault %v", out.State, out.Fault)
	}
	if (out.State == gss.Waiting) != (out.Ask != nil) {
		t.Fatalf("state %v with question %v", out.State, out.Ask)
	}
	if (out.State == gss.Continue || out.State == gss.Ready) && !out.Token.Present() {
		t.Fatalf("state %v without a token", out.State)
	}
	if len(out.Token.Bytes()) > maxToken {
		t.Fatalf("a token of %d bytes", len(out.Token.Bytes()))
	}
	if _, ok := next.Session(); ok && out.State != gss.Complete {
		t.Fatalf("a session in state %v (R4178-3.1-2)", out.State)
	}
	return next, out
}

// run talks until neither side has anything to say.
func (c *talk) run(first gss.Token) *talk {
	c.t.Helper()
	token := first
	for turn := 0; ; turn++ {
		if turn > maxLegs+1 {
			c.t.Fatal("the conversation does not end")
		}
		var out gss.Output
		c.i, out = c.step(c.i, gss.Input{Token: token})
		c.iState, c.iFault = out.State, out.Fault
		if !out.Token.Present() {
			return c
		}
		c.iTokens = append(c.iTokens, out.Token.Bytes())
		if out.State == gss.Ready {
			c.readyAt = append(c.readyAt, len(c.iTokens))
		}
		token = out.Token
		if c.tampered != nil {
			token = c.tampered(turn, token.Bytes())
		}
		c.a, out = c.step(c.a, gss.Input{Token: token})
		c.aState, c.aFault = out.State, out.Fault
		if !out.Token.Present() {
			return c
		}
		c.aTokens = append(c.aTokens, out.Token.Bytes())
		token = out.Token
	}
}

// each yields every configuration of both sides that goes together.
func each(f func(Toy)) {
	for legs := uint8(1); legs <= maxLegs; legs++ {
		for bits := range 1 << 9 {
			on := func(i int) bool { return bits>>i&1 == 1 }
			toy := Toy{Legs: legs, Final: on(0), Bound: on(1), Mutual: on(2), Integrity: on(3), Asks: on(4),
				OpensWithToken: on(5), Early: on(6), Fresh: on(7), Identity: "alice", Secret: secret}
			if on(8) {
				toy.OID = gss.NTLM
			}
			f(toy)
		}
	}
}

func TestEveryConfigurationCompletes(t *testing.T) {
	each(func(toy Toy) {
		c := newTalk(t, toy, toy)
		var hint gss.Token
		if toy.OpensWithToken {
			next, out := lawful(t, env, c.a, gss.Input{})
			if next != c.a || out.State != gss.Continue {
				t.Fatalf("%+v: the hint left something half open (HTA-20)", toy)
			}
			hint = out.Token
		}
		c.run(hint)
		if c.iState != gss.Complete || c.aState != gss.Complete {
			t.Fatalf("%+v: initiator %v %v, acceptor %v %v", toy, c.iState, c.iFault, c.aState, c.aFault)
		}
		if len(c.iTokens) != int(toy.Legs) {
			t.Fatalf("%+v: %d tokens of the initiator", toy, len(c.iTokens))
		}
		if want := int(toy.Legs) - 1 + btoi(toy.Final); len(c.aTokens) != want {
			t.Fatalf("%+v: %d tokens of the acceptor, expected %d", toy, len(c.aTokens), want)
		}
		wantReady := []int(nil)
		if toy.Early && toy.Legs > 1 {
			wantReady = append(wantReady, int(toy.Legs)-1)
		}
		if toy.Final {
			wantReady = append(wantReady, int(toy.Legs))
		}
		if !reflect.DeepEqual(c.readyAt, wantReady) {
			t.Fatalf("%+v: ready after %v, expected %v", toy, c.readyAt, wantReady)
		}
		heard := c.aTokens
		if hint.Present() {
			heard = append([]string{hint.Bytes()}, heard...)
		}
		if got := Heard(c.i); !sameStrings(got, heard) {
			t.Fatalf("%+v: the initiator heard %q of %q", toy, got, heard)
		}
		if got := Heard(c.a); !sameStrings(got, c.iTokens) {
			t.Fatalf("%+v: the acceptor heard %q of %q", toy, got, c.iTokens)
		}
		if len(c.asked) != 2*btoi(toy.Asks) {
			t.Fatalf("%+v: %d questions", toy, len(c.asked))
		}
		checkInfo(t, toy, c)
	})
}

func checkInfo(t *testing.T, toy Toy, c *talk) {
	t.Helper()
	i, a := c.i.Info(), c.a.Info()
	if a.Peer != "alice" || a.Mech != toy.Mech() || i.Mech != toy.Mech() {
		t.Fatalf("%+v: info %+v, %+v", toy, i, a)
	}
	if i.ConnectionBased != toy.Bound || a.ConnectionBased != toy.Bound {
		t.Fatalf("%+v: connection-bound %v %v", toy, i.ConnectionBased, a.ConnectionBased)
	}
	mutual := toy.Mutual && toy.Final
	if i.Flags.Has(gss.Mutual) != mutual || a.Flags.Has(gss.Mutual) != mutual || (i.Peer != "") != mutual {
		t.Fatalf("%+v: mutual %v %v, peer %q", toy, i.Flags, a.Flags, i.Peer)
	}
	_, iOK := c.i.Session()
	_, aOK := c.a.Session()
	if iOK != toy.Integrity || aOK != toy.Integrity || i.Flags.Has(gss.Integrity) != toy.Integrity {
		t.Fatalf("%+v: sessions %v %v", toy, iOK, aOK)
	}
}

func TestTokensAsDocumented(t *testing.T) {
	plainSecret := gss.NewSecret("secret")
	toy := Toy{Legs: 2, Final: true, Mutual: true, Identity: "alice", Secret: plainSecret}
	c := newTalk(t, toy, toy).run(gss.Token{})
	if want := []string{"toy:i1:u=alice", "toy:i2:u=alice:p=secret"}; !sameStrings(c.iTokens, want) {
		t.Errorf("initiator said %q, expected %q", c.iTokens, want)
	}
	if want := []string{"toy:c1", "toy:f:u=alice:p=secret"}; !sameStrings(c.aTokens, want) {
		t.Errorf("acceptor said %q, expected %q", c.aTokens, want)
	}
	toy = Toy{OID: gss.NTLM, Legs: 1, Final: true, Refuses: true, Identity: "a:b%\n", Secret: plainSecret}
	c = newTalk(t, toy, toy).run(gss.Token{})
	if want := []string{"toy/NTLM:i1:u=a%3ab%25%0a:p=secret"}; !sameStrings(c.iTokens, want) {
		t.Errorf("posing initiator said %q, expected %q", c.iTokens, want)
	}
	if want := []string{"toy/NTLM:x"}; !sameStrings(c.aTokens, want) {
		t.Errorf("refusing acceptor said %q, expected %q", c.aTokens, want)
	}
	if OID.Dotted() != "1.3.6.1.4.1.32473.1" {
		t.Errorf("OID is %s", OID.Dotted())
	}
}

func TestRefusals(t *testing.T) {
	base := Toy{Legs: 2, Identity: "alice", Secret: secret}
	with := func(change func(*Toy)) Toy { toy := base; change(&toy); return toy }
	ask := with(func(t *Toy) { t.Asks = true })
	final := with(func(t *Toy) { t.Final = true })
	mutual := with(func(t *Toy) { t.Final, t.Mutual = true, true })
	other := gss.NewSecret("another")
	for _, test := range []struct {
		name     string
		i, a     Toy
		answers  map[string]gss.Answer
		first    gss.Token
		tampered func(int, string) gss.Token
		seedless bool
		iWant    gss.Code
		aWant    gss.Code
	}{
		{name: "dead initiator", i: Toy{}, a: base, iWant: gss.NotPermitted},
		{name: "dead acceptor", i: base, a: Toy{}, aWant: gss.NotPermitted},
		{name: "four legs", i: with(func(t *Toy) { t.Legs = 4 }), a: base, iWant: gss.NotPermitted},
		{name: "no name", i: with(func(t *Toy) { t.Identity = "" }), a: base, iWant: gss.NoCredentials},
		{name: "no secret", i: with(func(t *Toy) { t.Secret = gss.Secret{} }), a: base, iWant: gss.NoCredentials},
		{name: "long name", i: with(func(t *Toy) { t.Identity = strings.Repeat("a", maxName+1) }), a: base, iWant: gss.NoCredentials},
		{name: "acceptor without a secret", i: base, a: with(func(t *Toy) { t.Secret = gss.Secret{} }), aWant: gss.NotPermitted},
		{name: "wrong secret", i: base, a: with(func(t *Toy) { t.Secret = other }), aWant: gss.BadCredentials},
		{name: "wrong secret, last token", i: final, a: with(func(t *Toy) { t.Final = true; t.Secret = other }), aWant: gss.BadCredentials, iWant: gss.Refused},
		{name: "refusing", i: base, a: with(func(t *Toy) { t.Refuses = true }), aWant: gss.NotPermitted},
		{name: "credentials declined", i: ask, a: ask, answers: map[string]gss.Answer{"NeedCredential": gss.Declined{}}, iWant: gss.NoCredentials},
		{name: "credentials unreachable", i: ask, a: ask, answers: map[string]gss.Answer{"NeedCredential": gss.Unreachable{}}, iWant: gss.QuestionFailed},
		{name: "empty password", i: ask, a: ask, answers: map[string]gss.Answer{"NeedCredential": gss.Password{User: "alice"}}, iWant: gss.NoCredentials},
		{name: "unknown user", i: base, a: ask, answers: map[string]gss.Answer{"NeedVerifier": gss.Unknown{}}, aWant: gss.UnknownUser},
		{name: "store away", i: base, a: ask, answers: map[string]gss.Answer{"NeedVerifier": gss.Unreachable{}}, aWant: gss.Unavailable},
		{name: "store has one user's record damaged", i: base, a: ask, answers: map[string]gss.Answer{"NeedVerifier": gss.Unverifiable{}}, aWant: gss.QuestionFailed},
		{name: "store declines", i: base, a: ask, answers: map[string]gss.Answer{"NeedVerifier": gss.Declined{}}, aWant: gss.QuestionFailed},
		{name: "empty verifier", i: base, a: ask, answers: map[string]gss.Answer{"NeedVerifier": gss.Password{}}, aWant: gss.BadCredentials},
		{name: "acceptor does not prove itself", i: mutual, a: final, iWant: gss.NotAuthentic},
		{name: "acceptor with another secret proves itself", i: mutual, a: with(func(t *Toy) { t.Final, t.Mutual, t.Asks = true, true, true }),
			tampered: func(n int, s string) gss.Token {
				return gss.TokenOf(strings.Replace(s, secret.Reveal(), "another", 1))
			},
			answers: map[string]gss.Answer{"NeedVerifier": gss.Password{Password: other}}, iWant: gss.NotAuthentic},
		{name: "name changed", i: base, a: base, tampered: func(n int, s string) gss.Token {
			if n == 1 {
				s = strings.Replace(s, "alice", "bob", 1)
			}
			return gss.TokenOf(s)
		}, aWant: gss.Unexpected},
		{name: "absent first token", i: base, a: base, tampered: func(int, string) gss.Token { return gss.Token{} }, aWant: gss.Malformed},
		{name: "empty token", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("") }, aWant: gss.Malformed},
		{name: "long token", i: base, a: base, tampered: func(_ int, s string) gss.Token { return gss.TokenOf(s + strings.Repeat("a", maxToken)) }, aWant: gss.Malformed},
		{name: "garbled token", i: base, a: base, tampered: func(_ int, s string) gss.Token { return gss.TokenOf(s + ":") }, aWant: gss.Malformed},
		{name: "upper-case escape", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:i1:u=%0A") }, aWant: gss.Malformed},
		{name: "broken escape", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:i1:u=%0") }, aWant: gss.Malformed},
		{name: "fields out of order", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:i1:n=aa:u=alice") }, aWant: gss.Malformed},
		{name: "leg zero", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:i0:u=alice") }, aWant: gss.Malformed},
		{name: "no name in the token", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:i1") }, aWant: gss.Malformed},
		{name: "reflected", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:c1") }, aWant: gss.Unexpected},
		{name: "leg left out", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:i2:u=alice:p=x") }, aWant: gss.Unexpected},
		{name: "leg again", i: base, a: base, tampered: func(int, string) gss.Token { return gss.TokenOf("toy:i1:u=alice") }, aWant: gss.Replayed},
		{name: "early proof", i: with(func(t *Toy) { t.Legs = 1 }), a: base, aWant: gss.Unexpected},
		{name: "missing proof", i: base, a: with(func(t *Toy) { t.Legs = 1 }), aWant: gss.BadCredentials},
		{name: "another mechanism", i: with(func(t *Toy) { t.OID = gss.NTLM }), a: base, aWant: gss.Malformed},
		{name: "no entropy, initiator", i: with(func(t *Toy) { t.Fresh = true }), a: base, seedless: true, iWant: gss.NoEntropy},
		{name: "no entropy, acceptor", i: base, a: with(func(t *Toy) { t.Fresh = true }), seedless: true, aWant: gss.NoEntropy},
		{name: "token of another context", i: base, a: with(func(t *Toy) { t.Fresh = true }), tampered: func(n int, s string) gss.Token {
			if n == 1 {
				s = "toy:i2:u=alice:r=0000:p=" + secret.Reveal()
			}
			return gss.TokenOf(s)
		}, aWant: gss.Replayed},
		{name: "hint garbled", i: base, a: base, first: gss.TokenOf("toy:H"), iWant: gss.Malformed},
		{name: "no hint", i: base, a: base, first: gss.TokenOf("toy:c1"), iWant: gss.Unexpected},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTalk(t, test.i, test.a)
			for name, a := range test.answers {
				c.answers[name] = a
			}
			c.tampered = test.tampered
			if test.seedless {
				c.env.Seed = gss.Seed{}
			}
			c.run(test.first)
			if c.iFault.Code != test.iWant || c.aFault.Code != test.aWant {
				t.Errorf("initiator %v (%v), expected %v; acceptor %v (%v), expected %v",
					c.iState, c.iFault, test.iWant, c.aState, c.aFault, test.aWant)
			}
			absorbs(t, c.i, test.iWant)
			absorbs(t, c.a, test.aWant)
		})
	}
}

// absorbs checks that a failed context stays failed, and knows nothing.
func absorbs(t *testing.T, c gss.Context, want gss.Code) {
	t.Helper()
	if want == gss.NoFault {
		return
	}
	for _, in := range []gss.Token{{}, gss.TokenOf("toy:i1:u=alice"), gss.TokenOf("toy:c1"), gss.TokenOf("toy:f")} {
		next, out := lawful(t, env, c, gss.Input{Token: in})
		if next != c || out.State != gss.Failed || out.Fault.Code != want {
			t.Errorf("a failed context went on to %v with %v", out.State, out.Fault)
		}
	}
	if info := c.Info(); info.Peer != "" || info.Flags != 0 {
		t.Errorf("a failed context knows %+v", info)
	}
}

func TestInitiatorUnexpected(t *testing.T) {
	toy := Toy{Legs: 2, Final: true, Fresh: true, Identity: "alice", Secret: secret}
	first, out := lawful(t, env, toy.Initiate(target), gss.Input{})
	_, nonce, _ := strings.Cut(out.Token.Bytes(), ":n=")
	second, out := lawful(t, env, first, gss.Input{Token: gss.TokenOf("toy:c1:n=beef")})
	if out.Token.Bytes() != "toy:i2:u=alice:r=beef:p="+secret.Reveal() {
		t.Fatalf("the answer to a challenge is %q", out.Token.Bytes())
	}
	for _, test := range []struct {
		name string
		from gss.Context
		in   gss.Token
		want gss.Code
	}{
		{"bare challenge in the middle", first, gss.Token{}, gss.Refused},
		{"final token too early", first, gss.TokenOf("toy:f"), gss.Unexpected},
		{"hint in the middle", first, gss.TokenOf("toy:h"), gss.Unexpected},
		{"reflected", first, gss.TokenOf("toy:i1:u=alice"), gss.Unexpected},
		{"challenge left out", first, gss.TokenOf("toy:c2"), gss.Unexpected},
		{"refused", first, gss.TokenOf("toy:x"), gss.Refused},
		{"refused after the last", second, gss.TokenOf("toy:x"), gss.Refused},
		{"challenge again", second, gss.TokenOf("toy:c1:n=beef"), gss.Replayed},
		{"one more leg", second, gss.TokenOf("toy:c2"), gss.Unexpected},
		{"final token of another context", second, gss.TokenOf("toy:f:r=0000"), gss.Replayed},
		{"final token with junk", second, gss.TokenOf("toy:f:b=x"), gss.Unexpected},
		{"final token with a name and no proof", second, gss.TokenOf("toy:f:u=alice:r=" + nonce), gss.NotAuthentic},
		{"not ours", second, gss.TokenOf("NTLMSSP\x00"), gss.Malformed},
	} {
		_, out := lawful(t, env, test.from, gss.Input{Token: test.in})
		if out.Fault.Code != test.want {
			t.Errorf("%s: %v, expected %v", test.name, out.Fault, test.want)
		}
	}
}

// A token after the end comes from the peer, so it is an outcome, and what was
// established is lost with it.
func TestTokenAfterTheEnd(t *testing.T) {
	toy := Toy{Legs: 1, Integrity: true, Identity: "alice", Secret: secret}
	c := newTalk(t, toy, toy).run(gss.Token{})
	for _, ctx := range []gss.Context{c.i, c.a} {
		for _, in := range []gss.Token{{}, gss.TokenOf("toy:f")} {
			next, out := lawful(t, env, ctx, gss.Input{Token: in})
			if out.Fault.Code != gss.Unexpected {
				t.Errorf("%v, expected unexpected", out.Fault)
			}
			if _, ok := next.Session(); ok {
				t.Error("a session survived the failure")
			}
		}
	}
}

func TestMisuse(t *testing.T) {
	plainToy := Toy{Legs: 2, Identity: "alice", Secret: secret}
	asks := plainToy
	asks.Asks = true
	asked, _ := lawful(t, env, asks.Initiate(target), gss.Input{})
	one := asks
	one.Legs = 1
	judging, out := lawful(t, env, one.Accept(target), gss.Input{Token: gss.TokenOf("toy:i1:u=alice:p=x")})
	if out.State != gss.Waiting {
		t.Fatal("the acceptor does not ask")
	}
	done := newTalk(t, plainToy, plainToy).run(gss.Token{})
	for _, test := range []struct {
		name string
		from gss.Context
		in   gss.Input
	}{
		{"answer at the start, initiator", plainToy.Initiate(target), gss.Input{Answer: gss.Declined{}}},
		{"answer at the start, acceptor", plainToy.Accept(target), gss.Input{Answer: gss.Declined{}}},
		{"answer to nothing at the end", done.i, gss.Input{Answer: gss.Declined{}}},
		{"answer to the zero context", initiator{}, gss.Input{Answer: gss.Declined{}}},
		{"both", asked, gss.Input{Answer: gss.Declined{}, Token: gss.TokenOf("toy:h")}},
		{"nothing while a question is open", asked, gss.Input{}},
		{"token while a question is open", judging, gss.Input{Token: gss.TokenOf("toy:i1:u=alice:p=x")}},
		{"wrong kind of answer, initiator", asked, gss.Input{Answer: gss.Verdict{Accepted: true}}},
		{"wrong kind of answer, acceptor", judging, gss.Input{Answer: gss.Verdict{Accepted: true}}},
	} {
		next, out, err := test.from.Step(env, test.in)
		if _, ok := err.(gss.Misuse); !ok {
			t.Errorf("%s: error %v, expected misuse", test.name, err)
		}
		if next != test.from || out != (gss.Output{}) {
			t.Errorf("%s: misuse moved the context", test.name)
		}
	}
}

// prop:binding_three_values (HTA-19, C30), as far as the toy knows policy.
func TestChannel(t *testing.T) {
	one, two := gss.BindingOf("tls-server-end-point:one"), gss.BindingOf("tls-server-end-point:two")
	toy := Toy{Legs: 1, Identity: "alice", Secret: secret}
	for _, test := range []struct {
		name  string
		i, a  gss.Binding
		want  gss.Code
		bound bool
	}{
		{"same", one, one, gss.NoFault, true},
		{"different", one, two, gss.BadBinding, false},
		{"none at an acceptor that has one", gss.NoBinding(), one, gss.BadBinding, false},
		{"unavailable at an acceptor that has one", gss.Binding{}, one, gss.NoFault, false},
		{"acceptor none", one, gss.NoBinding(), gss.NoFault, false},
		{"acceptor unavailable", one, gss.Binding{}, gss.NoFault, false},
		{"both none", gss.NoBinding(), gss.NoBinding(), gss.NoFault, false},
	} {
		c := newTalk(t, toy, toy)
		mine, theirs := target, target
		mine.Binding, theirs.Binding = test.i, test.a
		c.i, c.a = toy.Initiate(mine), toy.Accept(theirs)
		c.run(gss.Token{})
		if c.aFault.Code != test.want || c.a.Info().Flags.Has(gss.ChannelBound) != test.bound {
			t.Errorf("%s: %v, bound %v", test.name, c.aFault, c.a.Info().Flags)
		}
	}
}

func TestTraits(t *testing.T) {
	got := Toy{Legs: 2, Bound: true, Mutual: true}.Traits()
	if want := (gss.Traits{ConnectionBased: true, Mutual: true, MaxLegs: 2}); got != want {
		t.Errorf("%+v", got)
	}
	if Heard(nil) != nil {
		t.Error("nobody heard something")
	}
	if m := gss.Mechanism(Toy{Legs: 1}); m != gss.Mechanism(Toy{Legs: 1}) || m.Initiate(target) != m.Initiate(target) {
		t.Error("equal toys, different values")
	}
}

func TestExpiry(t *testing.T) {
	toy := Toy{Legs: 1, Final: true, Lasts: 5, Identity: "alice", Secret: secret}
	c := newTalk(t, toy, toy).run(gss.Token{})
	if i, a := c.i.Info().Expires, c.a.Info().Expires; i != 1_005 || a != 1_005 {
		t.Errorf("expires %d %d", i, a)
	}
}

func TestQuestions(t *testing.T) {
	toy := Toy{OID: gss.Kerberos, Legs: 1, Asks: true}
	c := newTalk(t, toy, toy).run(gss.Token{})
	want := []gss.Question{gss.NeedCredential{Mech: gss.Kerberos, Target: target}, gss.NeedVerifier{User: "alice", Kind: "toy"}}
	if !reflect.DeepEqual(c.asked, want) {
		t.Errorf("asked %+v", c.asked)
	}
}

// The secret shows nowhere, at no stage (L10).
func TestRedaction(t *testing.T) {
	toy := Toy{Legs: 2, Final: true, Mutual: true, Integrity: true, Asks: true, Identity: "alice", Secret: secret}
	var all []any
	all = append(all, toy)
	i, a := toy.Initiate(target), toy.Accept(target)
	i, out := lawful(t, env, i, gss.Input{})
	all = append(all, i, out)
	i, out = lawful(t, env, i, gss.Input{Answer: gss.Password{User: "alice", Password: secret}})
	all = append(all, i, out)
	a, out = lawful(t, env, a, gss.Input{Token: out.Token})
	all = append(all, a, out)
	i, out = lawful(t, env, i, gss.Input{Token: out.Token})
	all = append(all, i, out)
	a, out = lawful(t, env, a, gss.Input{Token: out.Token})
	all = append(all, a, out)
	a, out = lawful(t, env, a, gss.Input{Answer: gss.Password{Password: secret}})
	all = append(all, a, out)
	s, _ := a.Session()
	all = append(all, s)
	for _, v := range all {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			show := fmt.Sprintf(verb, v)
			if strings.Contains(show, "c4nary") || strings.Contains(show, fmt.Sprintf("%x", "c4nary")) {
				t.Errorf("%s of %T shows the secret: %s", verb, v, show)
			}
		}
	}
}

func genToy(t *rapid.T, label string) Toy {
	on := func(name string) bool { return rapid.Bool().Draw(t, label+" "+name) }
	return Toy{
		OID:  rapid.SampledFrom([]gss.OID{"", gss.NTLM, gss.Kerberos}).Draw(t, label+" oid"),
		Legs: uint8(rapid.IntRange(0, maxLegs+1).Draw(t, label+" legs")), Final: on("final"), Bound: on("bound"),
		Mutual: on("mutual"), Integrity: on("integrity"), Asks: on("asks"), Refuses: rapid.IntRange(0, 4).Draw(t, label+" refuses") == 0,
		OpensWithToken: on("opens"), Early: on("early"), Fresh: on("fresh"),
		Identity: rapid.SampledFrom([]string{"alice", "bob", "", "a:b=%\x00\xff"}).Draw(t, label+" identity"),
		Secret:   gss.NewSecret(rapid.SampledFrom([]string{"one", "two", ""}).Draw(t, label+" secret")),
	}
}

// For any two sides, answers of the driver and changes of tokens by the network: the laws
// hold, the exchange ends, and an acceptor completes only for an initiator with its secret.
func TestAnyTwoSides(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		it, at := genToy(rt, "initiator"), genToy(rt, "acceptor")
		if rapid.Bool().Draw(rt, "same") {
			at = it
		}
		answer := gss.Password{User: "carol", Password: gss.NewSecret(rapid.SampledFrom([]string{"one", "two", ""}).Draw(rt, "answer"))}
		verifier := gss.Password{Password: gss.NewSecret(rapid.SampledFrom([]string{"one", "two", ""}).Draw(rt, "verifier"))}
		c := newTalk(t, it, at)
		c.answers = map[string]gss.Answer{"NeedCredential": answer, "NeedVerifier": verifier}
		tampered := false
		c.tampered = func(_ int, s string) gss.Token {
			if rapid.IntRange(0, 9).Draw(rt, "tamper") > 0 {
				return gss.TokenOf(s)
			}
			tampered = true
			at := rapid.IntRange(0, len(s)-1).Draw(rt, "where")
			return gss.TokenOf(s[:at] + rapid.StringN(0, 3, -1).Draw(rt, "what") + s[at+1:])
		}
		c.run(gss.Token{})
		user, knows := it.Identity, it.Secret
		if it.Asks {
			user, knows = answer.User, answer.Password
		}
		wants := at.Secret
		if at.Asks {
			wants = verifier.Password
		}
		if c.aState != gss.Complete {
			return
		}
		if !tampered && (!knows.Equal(wants) || c.a.Info().Peer != user) {
			rt.Fatalf("accepted %q without the secret", c.a.Info().Peer)
		}
		if wants.IsEmpty() || at.Refuses || !at.alive() {
			rt.Fatal("completed what must not complete")
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sameStrings(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

package spnego

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// A pair of contexts that talk to each other, and a man in the middle. It holds
// the laws at every step, and writes down what was said.
type pair struct {
	t      testing.TB
	side   [2]gss.Context // initiator, acceptor
	out    [2]gss.Output
	answer func(side int, q gss.Question) gss.Answer
	// mangle may put something else in place of the nth token (from 0) of a side. "-"
	// stops it.
	mangle func(side, n int, token string) string
	sent   [2][]string
	script strings.Builder
	seed   uint64
}

const (
	ours   = 0 // the initiator
	theirs = 1
)

var sideNames = [2]string{"I", "A"}

func target() gss.Target {
	return gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443}
}

// newPair lets an initiator of c and an acceptor of s meet.
func newPair(t testing.TB, c, s Config) *pair {
	t.Helper()
	return &pair{t: t, side: [2]gss.Context{mech(t, c).Initiate(target()), mech(t, s).Accept(target())}}
}

func mech(t testing.TB, c Config) mechanism {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m.(mechanism)
}

// over is a Config over toys.
func over(toys ...gsstoy.Toy) Config {
	var c Config
	for _, toy := range toys {
		c.Mechanisms = append(c.Mechanisms, toy)
	}
	return c
}

// The toys: one for each name, which they have in common on both sides.
func toy(mech gss.OID, legs uint8) gsstoy.Toy {
	return gsstoy.Toy{OID: mech, Legs: legs, Integrity: true, Identity: "alice", Secret: gss.NewSecret("secret")}
}

func final(t gsstoy.Toy) gsstoy.Toy {
	t.Final, t.Mutual = true, true
	return t
}

func bare(t gsstoy.Toy) gsstoy.Toy {
	t.Integrity = false
	return t
}

func asking(t gsstoy.Toy) gsstoy.Toy {
	t.Asks = true
	return t
}

func (p *pair) env() gss.Env {
	p.seed++
	e := gss.Env{Now: 1e9 + int64(p.seed)}
	binary.BigEndian.PutUint64(e.Seed[:], p.seed)
	return e
}

// lawful is one step of c, with the laws checked: pure (L1), comparable (L2), the
// old context as it was, no error from what a peer can do (L3).
func lawful(t testing.TB, c gss.Context, env gss.Env, in gss.Input) (gss.Context, gss.Output) {
	t.Helper()
	next, out, err := c.Step(env, in)
	again, out2, err2 := c.Step(env, in)
	switch {
	case err != nil || err2 != nil:
		t.Fatalf("%v: error %v", c, err)
	case !reflect.ValueOf(next).Comparable() || !reflect.ValueOf(out).Comparable():
		t.Fatalf("%v does not compare", next)
	case next != again || out != out2:
		t.Fatalf("%v: one step gave two results", c)
	case (out.State == gss.Failed) == out.Fault.IsZero():
		t.Fatalf("%v with fault %v", out.State, out.Fault)
	}
	if s, ok := next.Session(); ok != (s != nil) || ok && out.State != gss.Complete {
		t.Fatalf("%v: a session before Complete (R4178-3.1-2)", next)
	}
	if info := next.Info(); out.State != gss.Complete && info != (gss.Info{Mech: info.Mech, ConnectionBased: info.ConnectionBased}) {
		t.Fatalf("%v: Info says %+v before Complete", next, info)
	}
	return next, out
}

// step feeds one side and answers what it asks.
func (p *pair) step(side int, in gss.Input) gss.Output {
	p.t.Helper()
	for range 20 {
		p.side[side], p.out[side] = lawful(p.t, p.side[side], p.env(), in)
		out := p.out[side]
		if out.State != gss.Waiting {
			word := ""
			if out.Token.Present() {
				p.sent[side] = append(p.sent[side], out.Token.Bytes())
				word = " " + describe(out.Token.Bytes())
			}
			fmt.Fprintf(&p.script, "%s %v%s\n", sideNames[side], p.says(out), word)
			return out
		}
		in = gss.Input{Answer: gss.Password{User: "alice", Password: gss.NewSecret("secret")}}
		if p.answer != nil {
			in.Answer = p.answer(side, out.Ask)
		}
		fmt.Fprintf(&p.script, "%s asks\n", sideNames[side])
	}
	p.t.Fatal("the questions do not end")
	return gss.Output{}
}

func (p *pair) says(out gss.Output) string {
	if out.State == gss.Failed {
		return fmt.Sprintf("failed[%v]", out.Fault.Code)
	}
	return out.State.String()
}

// run plays the exchange to its end. in is the initiator's first input.
func (p *pair) run(in gss.Input) string {
	p.t.Helper()
	side := ours
	for range 20 {
		out := p.step(side, in)
		if !out.Token.Present() {
			break
		}
		token := out.Token.Bytes()
		if p.mangle != nil {
			if token = p.mangle(side, len(p.sent[side])-1, token); token == "-" {
				break
			}
			if token != out.Token.Bytes() {
				fmt.Fprintf(&p.script, "  becomes %s\n", describe(token))
			}
		}
		side = 1 - side
		if p.out[side].State == gss.Failed && p.side[side] != nil && p.failed(side) {
			break
		}
		in = gss.Input{Token: gss.TokenOf(token)}
	}
	return p.script.String()
}

func (p *pair) failed(side int) bool { return p.out[side].Fault.Code != gss.NoFault }

// complete reports whether both sides are, and agree.
func (p *pair) complete() bool {
	return p.out[ours].State == gss.Complete && p.out[theirs].State == gss.Complete
}

// mustComplete checks that both sides are complete with the mechanism, and that
// their sessions fit together after whatever MICs they exchanged.
func (p *pair) mustComplete(mech gss.OID) {
	p.t.Helper()
	if !p.complete() {
		p.t.Fatalf("not complete:\n%s%v\n%v", p.script.String(), p.out[ours].Fault, p.out[theirs].Fault)
	}
	for side := range 2 {
		if got := p.side[side].Info().Mech; got != mech {
			p.t.Errorf("%s ends in %v, expected %v", sideNames[side], got, mech)
		}
	}
	a, okA := p.side[ours].Session()
	b, okB := p.side[theirs].Session()
	if okA != okB {
		p.t.Fatal("one side has a session")
	}
	for range 2 {
		if !okA {
			return
		}
		var mic string
		var fault gss.Fault
		a, mic, _ = a.MIC("question")
		if b, fault = b.VerifyMIC("question", mic); !fault.IsZero() {
			p.t.Fatalf("the sessions do not fit: %v\n%s", fault, p.script.String())
		}
		b, mic, _ = b.MIC("answer")
		if a, fault = a.VerifyMIC("answer", mic); !fault.IsZero() {
			p.t.Fatalf("the sessions do not fit: %v\n%s", fault, p.script.String())
		}
	}
}

// mustFail checks that a side failed with the code, and that the other one is not
// complete unless it may be.
func (p *pair) mustFail(side int, code gss.Code) {
	p.t.Helper()
	if p.out[side].State != gss.Failed || p.out[side].Fault.Code != code {
		p.t.Errorf("%s is %v %v, expected %v:\n%s", sideNames[side], p.out[side].State, p.out[side].Fault, code, p.script.String())
	}
	if p.out[1-side].State == gss.Complete {
		p.t.Errorf("and the other side is complete:\n%s", p.script.String())
	}
}

// says that a script reads as expected.
func same(t testing.TB, got, want string) {
	t.Helper()
	trim := func(s string) string {
		var b strings.Builder
		for l := range strings.Lines(s) {
			if l = strings.TrimLeft(l, " \t\n"); l != "" {
				b.WriteString(l)
			}
		}
		return strings.TrimSpace(b.String())
	}
	if got, want = trim(got), trim(want); got != want {
		t.Errorf("got\n%s\nexpected\n%s", got, want)
	}
}

// describe is a token in words.
func describe(token string) string {
	switch f, _ := negtoken.FramingOf(token); f {
	case negtoken.Initial:
		m, fault := negtoken.ParseInit(token)
		if !fault.IsZero() {
			return "broken"
		}
		s := "init ["
		for mech := range m.MechTypes.All() {
			s += " " + mech.String()
		}
		s += " ]" + word(" ", m.MechToken) + micWord(m.MechListMIC)
		if m.Hints.Present {
			s += " hint=" + m.Hints.Name.Bytes()
		}
		return s
	case negtoken.Response:
		m, fault := negtoken.ParseResp(token)
		if !fault.IsZero() {
			return "broken"
		}
		s := m.State.String()
		if m.SupportedMech != "" {
			s += " (" + m.SupportedMech.String() + ")"
		}
		return s + word(" ", m.ResponseToken) + micWord(m.MechListMIC)
	}
	return plain(token)
}

func word(before string, t gss.Token) string {
	if !t.Present() {
		return ""
	}
	return before + plain(t.Bytes())
}

func micWord(t gss.Token) string {
	if !t.Present() {
		return ""
	}
	return " +MIC"
}

// plain shows a toy's token as it is, and others by what they are.
func plain(s string) string {
	if strings.HasPrefix(s, ntlmSignature) && len(s) > 8 {
		return fmt.Sprintf("<NTLM %d>", s[8])
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return fmt.Sprintf("<%d bytes>", len(s))
		}
	}
	return "<" + s + ">"
}

// resp reads a NegTokenResp, changes it and writes it again.
func resp(t testing.TB, token string, change func(*negtoken.Resp)) string {
	t.Helper()
	m, fault := negtoken.ParseResp(token)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	change(&m)
	return m.Encode()
}

// initial does the same with a NegTokenInit.
func initial(t testing.TB, token string, change func(*negtoken.Init)) string {
	t.Helper()
	m, fault := negtoken.ParseInit(token)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	change(&m)
	return m.Encode()
}

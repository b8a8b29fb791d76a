package scheme

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
)

func toyClient(t testing.TB, name string, toy gsstoy.Toy) Client {
	tr, ok := TraitsOf(name)
	if !ok {
		t.Fatal(name)
	}
	return MechanismClient(tr, toy)
}

func toyOf(legs uint8) gsstoy.Toy {
	return gsstoy.Toy{Legs: legs, Final: true, Identity: "alice", Secret: gss.NewSecret("secret")}
}

// b64 is a challenge of the named scheme with the text's base64.
func b64(name, text string) string { return header.TokenCredentials(name, text).Text() }

// inv:ChallengeTokenReachesMechanism (N2HT-2.2.3-3, R4559-4.2-5): the token of the
// challenge, and nothing else, is what the mechanism hears.
func TestChallengeReachesMechanism(t *testing.T) {
	i := toyClient(t, Negotiate, toyOf(2)).Initiate(Exchange{})
	steps := []struct {
		event Event
		offer string
		sends string
		state gss.State
	}{
		{Challenged, "Negotiate", "toy:i1:u=alice", gss.Continue},
		{Challenged, "NTLM AAAA, " + b64(Negotiate, "toy:c1") + ", Negotiate", "toy:i2:u=alice:p=secret", gss.Ready},
		{Concluded, b64(Negotiate, "toy:f"), "", gss.Complete},
	}
	for _, s := range steps {
		next, out, err := i.Step(env, InitiatorInput{Event: s.event, Offer: offers(s.offer)})
		if err != nil {
			t.Fatal(err)
		}
		token, _ := out.Credentials.Token()
		if token != s.sends || out.State != s.state || s.sends != "" && !out.Credentials.Is(Negotiate) {
			t.Errorf("%q: %q %v %v", s.offer, token, out.State, out.Fault)
		}
		i = next
	}
	if heard := gsstoy.Heard(i.Context()); fmt.Sprint(heard) != "[toy:c1 toy:f]" {
		t.Errorf("the mechanism heard %q", heard)
	}
}

// C6, NTHT-3.1.5.1-1: which of a field's tokens counts.
func TestPeerToken(t *testing.T) {
	long := b64("X", strings.Repeat("a", bound.Token))
	longer := b64("X", strings.Repeat("a", bound.Token+1))
	for _, test := range []struct {
		lines []string
		want  string // "-" for absent
		code  gss.Code
	}{
		{nil, "-", 0}, {[]string{"X"}, "-", 0}, {[]string{"Y AAAA"}, "-", 0},
		{[]string{b64("X", "a")}, "a", 0}, {[]string{"x " + strings.TrimPrefix(b64("X", "a"), "X ")}, "a", 0},
		{[]string{b64("X", "a"), b64("X", "a")}, "a", 0}, {[]string{"X", b64("X", "a")}, "a", 0}, {[]string{b64("X", "a"), "X"}, "a", 0},
		{[]string{b64("X", "a"), b64("X", "b")}, "", gss.Unexpected},
		{[]string{"X @"}, "", gss.Malformed}, {[]string{"X p=q"}, "", gss.Malformed}, {[]string{b64("X", "a"), "X @"}, "", gss.Malformed},
		{[]string{"X AAAA BBBB"}, "", gss.Malformed},
		{[]string{long}, strings.Repeat("a", bound.Token), 0}, {[]string{longer}, "", gss.Malformed},
	} {
		token, fault := peerToken(offers(test.lines...), "X")
		if fault.Code != test.code || test.want == "-" && token.Present() || test.want != "-" && token.Bytes() != test.want {
			t.Errorf("%.40q: %v %v", test.lines, token, fault)
		}
	}
}

// What a final response's token may do to a context (R4559-5-9, C2).
func TestConclude(t *testing.T) {
	for _, test := range []struct {
		name  string
		legs  uint8
		offer string
		state gss.State
		code  gss.Code
	}{
		{"it completes", 1, b64(Negotiate, "toy:f"), gss.Complete, 0},
		{"none: the machine judges", 1, "", gss.Ready, 0},
		{"bare is none", 1, "Negotiate", gss.Ready, 0},
		{"another scheme's", 1, b64(NTLM, "toy:f"), gss.Ready, 0},
		{"a challenge", 1, b64(Negotiate, "toy:c1"), gss.Failed, gss.Unexpected},
		{"one more leg", 2, b64(Negotiate, "toy:c1"), gss.Failed, gss.Unexpected},
		{"none in mid-handshake", 2, "", gss.Continue, 0},
		{"a refusal", 1, b64(Negotiate, "toy:x"), gss.Failed, gss.Refused},
		{"malformed", 1, "Negotiate @", gss.Failed, gss.Malformed},
	} {
		i, _, err := toyClient(t, Negotiate, toyOf(test.legs)).Initiate(Exchange{}).Step(env, InitiatorInput{Event: Challenged, Offer: offers("Negotiate")})
		if err != nil {
			t.Fatal(err)
		}
		_, out, err := i.Step(env, InitiatorInput{Event: Concluded, Offer: offers(test.offer), Status: 200})
		if err != nil || out.State != test.state || out.Fault.Code != test.code {
			t.Errorf("%s: %v %v %v", test.name, err, out.State, out.Fault)
		}
	}
	// A token after a context that needs none.
	toy := toyOf(1)
	toy.Final = false
	i, _, _ := toyClient(t, Negotiate, toy).Initiate(Exchange{}).Step(env, InitiatorInput{Event: Start})
	if _, out, _ := i.Step(env, InitiatorInput{Event: Concluded, Offer: offers(b64(Negotiate, "toy:f"))}); out.Fault.Code != gss.Unexpected {
		t.Errorf("%v", out)
	}
}

// The first offers have no token, except for a scheme that opens with one and leaves no
// state (HTA-20). A scheme without a usable mechanism is not offered.
func TestOffer(t *testing.T) {
	opens := toyOf(1)
	opens.OpensWithToken = true
	for _, test := range []struct {
		name string
		toy  gsstoy.Toy
		want string
	}{
		{Negotiate, opens, "Negotiate"}, {NTLM, opens, "NTLM"}, {Nego2, opens, b64(Nego2, "toy:h")}, {Nego2, toyOf(1), ""}, {Nego2, gsstoy.Toy{}, ""},
	} {
		tr, _ := TraitsOf(test.name)
		cs, fault := MechanismServer(tr, test.toy).Offer(gss.Env{}, Exchange{})
		text := ""
		for c := range cs.All() {
			text += c.Text()
		}
		if text != test.want || fault.IsZero() != (test.want != "") {
			t.Errorf("%s: %q %v", test.name, text, fault)
		}
	}
}

// Credentials without exactly one token are refused (C6, R4559-5-3); what is refused
// may carry a last token; nothing but a complete context has a name.
func TestMechanismAcceptor(t *testing.T) {
	tr, _ := TraitsOf(Negotiate)
	for _, test := range []struct {
		creds, challenge string
		state            gss.State
		code             gss.Code
		peer             string
	}{
		{b64(Negotiate, "toy:i1:u=alice:p=secret"), b64(Negotiate, "toy:f"), gss.Complete, 0, "alice"},
		{b64(Negotiate, "toy:i1:u=alice:p=wrong"), b64(Negotiate, "toy:x"), gss.Failed, gss.BadCredentials, ""},
		{"Negotiate", "", gss.Failed, gss.Malformed, ""},
		{"Negotiate @", "", gss.Failed, gss.Malformed, ""},
		{"Negotiate p=q", "", gss.Failed, gss.Malformed, ""},
		{b64(Negotiate, strings.Repeat("a", bound.Token+1)), "", gss.Failed, gss.Malformed, ""},
	} {
		a, out, err := MechanismServer(tr, toyOf(1)).Accept(Exchange{}).Step(env, AcceptorInput{Event: Presented, Credentials: header.ParseCredentials(test.creds)})
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for c := range out.Challenges.All() {
			text += c.Text()
		}
		if text != test.challenge || out.State != test.state || out.Fault.Code != test.code || a.Info().Peer != test.peer {
			t.Errorf("%.60q: %q %v %v %q", test.creds, text, out.State, out.Fault, a.Info().Peer)
		}
	}
	if _, _, err := MechanismServer(tr, toyOf(1)).Accept(Exchange{}).Step(env, AcceptorInput{}); err == nil {
		t.Error("an event that is none is no misuse")
	}
	if _, _, err := toyClient(t, Negotiate, toyOf(1)).Initiate(Exchange{}).Step(env, InitiatorInput{}); err == nil {
		t.Error("an event that is none is no misuse")
	}
}

// A mechanism that wants more and says nothing cannot go on, and no context waits
// for it: base64 of nothing is no token.
func TestSilentMechanism(t *testing.T) {
	tr, _ := TraitsOf(Negotiate)
	for _, token := range []gss.Token{{}, gss.TokenOf("")} {
		_, out, _ := MechanismClient(tr, silent{token}).Initiate(Exchange{}).Step(env, InitiatorInput{Event: Start})
		if out.Fault.Code != gss.Bug {
			t.Errorf("initiator: %v", out)
		}
		_, ao, _ := MechanismServer(tr, silent{token}).Accept(Exchange{}).Step(env, AcceptorInput{Event: Presented, Credentials: header.TokenCredentials(Negotiate, "x")})
		if ao.Fault.Code != gss.Bug {
			t.Errorf("acceptor: %v", ao)
		}
	}
}

type silent struct{ token gss.Token }

func (silent) Mech() gss.OID                     { return gsstoy.OID }
func (silent) Traits() gss.Traits                { return gss.Traits{} }
func (s silent) Initiate(gss.Target) gss.Context { return s }
func (s silent) Accept(gss.Target) gss.Context   { return s }
func (silent) Info() gss.Info                    { return gss.Info{} }
func (silent) Session() (gss.Session, bool)      { return nil, false }
func (s silent) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return s, gss.Output{State: gss.Continue, Token: s.token}, nil
}

// A mechanism may ask also about the final token: nothing is complete before the
// answer.
func TestQuestionAtTheEnd(t *testing.T) {
	tr, _ := TraitsOf(Negotiate)
	i, _, _ := MechanismClient(tr, late{}).Initiate(Exchange{}).Step(env, InitiatorInput{Event: Start})
	i, out, err := i.Step(env, InitiatorInput{Event: Concluded, Offer: offers(b64(Negotiate, "final"))})
	if err != nil || out.State != gss.Waiting || out.Ask == nil {
		t.Fatalf("%v %v", err, out)
	}
	if _, out, err = i.Step(env, InitiatorInput{Event: Answered, Answer: gss.Verdict{Accepted: true}}); err != nil || out.State != gss.Complete {
		t.Errorf("%v %v", err, out)
	}
	if _, out, err = i.Step(env, InitiatorInput{Event: Answered, Answer: gss.Declined{}}); err != nil || out.Fault.Code != gss.NotAuthentic {
		t.Errorf("%v %v", err, out)
	}
}

// late asks whether to believe the final token.
type late struct{ n int }

func (late) Mech() gss.OID                     { return gsstoy.OID }
func (late) Traits() gss.Traits                { return gss.Traits{} }
func (l late) Initiate(gss.Target) gss.Context { return l }
func (l late) Accept(gss.Target) gss.Context   { return l }
func (late) Info() gss.Info                    { return gss.Info{} }
func (late) Session() (gss.Session, bool)      { return nil, false }
func (l late) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	l.n++
	switch {
	case l.n == 1:
		return l, gss.Output{State: gss.Ready, Token: gss.TokenOf("first")}, nil
	case l.n == 2:
		return l, gss.Output{State: gss.Waiting, Ask: gss.NeedVerdict{}}, nil
	case in.Answer == gss.Answer(gss.Verdict{Accepted: true}):
		return l, gss.Output{State: gss.Complete}, nil
	}
	return l, gss.Fail(gss.NotAuthentic, "the driver does not believe it"), nil
}

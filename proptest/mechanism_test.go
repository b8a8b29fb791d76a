package proptest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/broken"
)

const canary = "c4nary-of-the-kit"

// toyPair is a pair of toys for which every rule has its occasion.
func toyPair(legs uint8) Pair {
	toy := gsstoy.Toy{Legs: legs, Final: true, Mutual: true, Integrity: true, Fresh: true, Asks: true, OpensWithToken: true, Bound: true}
	return Pair{
		Initiator: toy, Acceptor: toy, Stranger: toy, Peer: "alice", Secrets: []string{canary},
		Target:  gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
		Answers: Answers("alice", canary, canary), StrangerAnswers: Answers("alice", "guess", canary),
		Binding: true, Opens: true,
	}
}

func TestMechanismKitPasses(t *testing.T) {
	for _, legs := range []uint8{2, 3} {
		Mechanism(t, func() Pair { return toyPair(legs) })
	}
}

// trips are the rules by which the mechanism kit catches each defect; more
// may fall with them.
var trips = [broken.Defects][]rule{
	broken.ExtraLeg:              {completes},
	broken.EmptyFinalToken:       {shape},
	broken.FailsAtSecond:         {completes},
	broken.Errs:                  {noError},
	broken.Panics:                {noPanic},
	broken.AsksTwice:             {asksOnce},
	broken.AsksForever:           {terminates, asksOnce},
	broken.LiesAboutCompletion:   {completes},
	broken.TalksForever:          {terminates, maxLegs},
	broken.NotComparable:         {compares},
	broken.Impure:                {pure, oldStates},
	broken.Ages:                  {oldStates},
	broken.UsesZeroSeed:          {zeroSeed},
	broken.ShowsSecret:           {redacted},
	broken.EchoesPeer:            {faultQuiet},
	broken.Revives:               {absorbs},
	broken.TakesAnything:         {garbage, tampering, stranger, declined, emptyToken, absentToken, reflected, replayed, bounded, bindingMismatch},
	broken.EmptyIsAbsent:         {emptyToken},
	broken.AbsentIsIgnored:       {absentToken},
	broken.GoesOnAfterComplete:   {afterComplete},
	broken.TakesReflection:       {reflected},
	broken.HugeToken:             {bounded},
	broken.FaultWithoutWords:     {shape},
	broken.SessionTooEarly:       {sessionEarly},
	broken.NotMutual:             {requestsMutual},
	broken.IgnoresBinding:        {bindingMismatch},
	broken.TakesAnyBinding:       {bindingThree},
	broken.HintKeepsState:        {openingHint},
	broken.Nameless:              {infoHonest},
	broken.MisuseMoves:           {misuseKeeps},
	broken.MisuseFails:           {misuseIsError},
	broken.SessionTakesAnyOrder:  {sessionSequence},
	broken.SessionMovesOnForgery: {sessionForged},
	broken.SessionTellsRefused:   {sessionForged, sessionSequence},
	broken.SessionSealsNothing:   {sessionSeals},
	broken.OwnsNothing:           {ownerNamed},
}

// The kit catches every defect, by the rule that is meant for it.
func TestMechanismKitCatches(t *testing.T) {
	for how := range broken.Defects {
		t.Run(how.String(), func(t *testing.T) {
			var r report
			mechanism(&r, func() Pair {
				p := toyPair(2)
				p.Initiator, p.Acceptor = broken.Mechanism(p.Initiator, how), broken.Mechanism(p.Acceptor, how)
				return p
			})
			if len(trips[how]) == 0 {
				t.Fatal("no rule is named")
			}
			for _, rule := range trips[how] {
				if len(r.found[rule]) == 0 {
					t.Errorf("%s was not found", book[rule].name)
					for rule := range rules {
						if text := r.text(rule); text != "" {
							t.Log(text)
						}
					}
				}
			}
		})
	}
}

// Every rule of the kit falls at least once: a check that nothing trips is one
// that cannot fail.
func TestMechanismRulesCanFail(t *testing.T) {
	var fallen []rule
	for _, rules := range trips {
		fallen = append(fallen, rules...)
	}
	fallen = append(fallen, initialFraming) // by TestFraming
	for _, rule := range mechanismRules {
		if !slices.Contains(fallen, rule) {
			t.Errorf("no defect trips %s", book[rule].name)
		}
	}
}

func TestFraming(t *testing.T) {
	for token, want := range map[string]bool{
		"\x60\x0b\x06\x09" + string(gss.Kerberos) + "\x01\x00":   true,
		"\x60\x82\x01\x00\x06\x06" + string(gss.SPNEGO) + "\xa0": false, // another mechanism
		"\x60\x82\x01\x00\x06\x09" + string(gss.Kerberos):        true,
		"\x6e\x82\x01\x00" + string(gss.Kerberos):                false, // a bare AP-REQ
		"\x60": false, "\x60\xff\x00\x00": false, "": false, "\x60\x03\x06\x09\x2a": false,
	} {
		if framed(token, gss.Kerberos) != want {
			t.Errorf("%x: %v", token, !want)
		}
	}
	var r report
	mechanism(&r, func() Pair {
		p := toyPair(1)
		p.Framed = gss.Kerberos
		return p
	})
	if len(r.found[initialFraming]) == 0 {
		t.Error("a toy's token passed for a framed one")
	}
}

// The random events find defects by themselves.
func TestMechanismEventsCatch(t *testing.T) {
	for how, want := range map[broken.Defect]rule{
		broken.Errs: noError, broken.Panics: noPanic, broken.NotComparable: compares, broken.Impure: pure, broken.Revives: absorbs, broken.MisuseMoves: misuseKeeps,
		broken.TakesAnything: stranger, broken.ShowsSecret: redacted, broken.SessionTooEarly: sessionEarly,
	} {
		t.Run(how.String(), func(t *testing.T) {
			var r report
			rapid.Check(t, func(t *rapid.T) {
				mechanismEvents(t, &r, func() Pair {
					p := toyPair(2)
					p.Initiator, p.Acceptor, p.Stranger = broken.Mechanism(p.Initiator, how), broken.Mechanism(p.Acceptor, how), broken.Mechanism(p.Stranger, how)
					return p
				})
			})
			if len(r.found[want]) == 0 {
				t.Errorf("%s was not found", book[want].name)
			}
		})
	}
}

// A pair that never gets anywhere passes no rule.
func TestMechanismKitIsNotVacuous(t *testing.T) {
	var r report
	mechanism(&r, func() Pair {
		p := toyPair(2)
		p.Initiator, p.Acceptor = gsstoy.Toy{}, gsstoy.Toy{}
		return p
	})
	if len(r.found[completes]) == 0 {
		t.Error("two zero toys, which must fail, completed")
	}
}

func FuzzMechanism(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(MechanismProperty(func() Pair { return toyPair(3) })))
}

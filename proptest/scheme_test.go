package proptest

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/broken"
	"github.com/countersign-auth/countersign/scheme"
)

var testExchange = scheme.Exchange{
	Method: "GET", URI: "/a/b?c", Authority: "www.example",
	Target: gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
}

// toyScheme is a pair for which every rule but those of OpeningParams has its
// occasion. bend bends the mechanism.
func toyScheme(bend func(gss.Mechanism) gss.Mechanism) SchemePair {
	toy := gsstoy.Toy{Legs: 2, Final: true, Mutual: true, Fresh: true, Asks: true, OpensWithToken: true}
	return SchemePair{
		Client: scheme.Nego2Client(bend(toy)), Server: scheme.Nego2Server(bend(toy)),
		Exchange: testExchange, Peer: "alice", Secrets: []string{canary},
		Answers: Answers("alice", canary, canary), StrangerAnswers: Answers("alice", "guess", canary),
	}
}

func straight(m gss.Mechanism) gss.Mechanism { return m }

// digestScheme is a pair that remembers.
func digestScheme(tb testing.TB) SchemePair {
	s, err := digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	return SchemePair{
		Client: c, Server: s, Exchange: testExchange, Peer: "alice", Secrets: []string{canary},
		Answers:         Answers("alice", canary, canary),
		StrangerAnswers: Answers("alice", "guess", canary),
	}
}

func TestSchemeKitPasses(t *testing.T) {
	t.Run("mechanism", func(t *testing.T) { Scheme(t, func() SchemePair { return toyScheme(straight) }) })
	t.Run("digest", func(t *testing.T) { Scheme(t, func() SchemePair { return digestScheme(t) }) })
}

// schemeTrips are the rules by which the scheme kit catches what a scheme does
// wrong, and mechanismTrips those for what its mechanism does.
var schemeTrips = [broken.SchemeDefects][]rule{
	broken.OthersName:       {ownName},
	broken.OtherFirst:       {firstOffer},
	broken.BreaksLine:       {fitsOnWire},
	broken.CountsOffers:     {offerStateless},
	broken.ForgetsItself:    {memoryOpens},
	broken.TellsUnknown:     {refusalsAlike},
	broken.NeverGivesUp:     {refusalEnds},
	broken.BelievesAnything: {concluded},
	broken.PrintsSecret:     {redacted},
	broken.MistakeMoves:     {misuseKeeps},
	broken.AnswerMoves:      {misuseKeeps},
	broken.MistakeFails:     {misuseIsError},
	broken.NamesEarly:       {infoHonest},
	broken.ForgetsFailure:   {absorbs},
	broken.NamesNoOwner:     {ownerNamed},
	broken.RemembersEarly:   {ownerNamed},
}

var mechanismTrips = map[broken.Defect][]rule{
	broken.EmptyFinalToken:     {},
	broken.FailsAtSecond:       {completes},
	broken.Errs:                {noError},
	broken.Panics:              {noPanic},
	broken.AsksTwice:           {asksOnce},
	broken.AsksForever:         {terminates},
	broken.LiesAboutCompletion: {completes},
	broken.TalksForever:        {terminates},
	broken.NotComparable:       {compares},
	broken.Impure:              {pure},
	broken.Ages:                {oldStates},
	broken.UsesZeroSeed:        {zeroSeed},
	broken.EchoesPeer:          {faultQuiet},
	broken.TakesAnything:       {garbage, tampering, stranger, declined, replayed},
	broken.HugeToken:           {bounded},
	broken.FaultWithoutWords:   {shape},
	broken.Nameless:            {infoHonest},
}

func wantTrips(t *testing.T, r *report, want []rule) {
	t.Helper()
	for _, rule := range want {
		if len(r.found[rule]) == 0 {
			t.Errorf("%s was not found", book[rule].name)
		}
	}
	if t.Failed() {
		for rule := range rules {
			if text := r.text(rule); text != "" {
				t.Log(text)
			}
		}
	}
}

func TestSchemeKitCatches(t *testing.T) {
	for how := range broken.SchemeDefects {
		t.Run(how.String(), func(t *testing.T) {
			if len(schemeTrips[how]) == 0 {
				t.Fatal("no rule is named")
			}
			var r report
			schemes(&r, func() SchemePair {
				p := toyScheme(straight)
				if how == broken.ForgetsItself || how == broken.NamesNoOwner || how == broken.RemembersEarly {
					p = digestScheme(t)
				}
				p.Client, p.Server = broken.Client(p.Client, how), broken.Server(p.Server, how)
				return p
			})
			wantTrips(t, &r, schemeTrips[how])
		})
	}
	for how, want := range mechanismTrips {
		t.Run(how.String(), func(t *testing.T) {
			var r report
			schemes(&r, func() SchemePair {
				return toyScheme(func(m gss.Mechanism) gss.Mechanism { return broken.Mechanism(m, how) })
			})
			wantTrips(t, &r, want)
		})
	}
}

// An empty final token cannot be seen in a field, which is why the adapter for
// mechanisms leaves it out; the mechanism kit finds it.
func TestSchemeRulesCanFail(t *testing.T) {
	fallen := []rule{absorbs}
	for _, rules := range schemeTrips {
		fallen = append(fallen, rules...)
	}
	for _, rules := range mechanismTrips {
		fallen = append(fallen, rules...)
	}
	for _, rule := range schemeRules {
		if !slices.Contains(fallen, rule) {
			t.Errorf("no defect trips %s", book[rule].name)
		}
	}
}

// The random events find defects by themselves.
func TestSchemeEventsCatch(t *testing.T) {
	for how, want := range map[broken.Defect]rule{
		broken.Errs: noError, broken.Panics: noPanic, broken.NotComparable: compares, broken.Impure: pure, broken.TakesAnything: stranger, broken.FaultWithoutWords: shape,
	} {
		t.Run(how.String(), func(t *testing.T) {
			var r report
			rapid.Check(t, func(t *rapid.T) {
				schemeEvents(t, &r, func() SchemePair {
					return toyScheme(func(m gss.Mechanism) gss.Mechanism { return broken.Mechanism(m, how) })
				})
			})
			wantTrips(t, &r, []rule{want})
		})
	}
}

func FuzzScheme(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(SchemeProperty(func() SchemePair { return toyScheme(straight) })))
}

func FuzzDigestScheme(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(SchemeProperty(func() SchemePair { return digestScheme(f) })))
}

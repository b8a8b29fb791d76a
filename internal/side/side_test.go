package side

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// scripted is a scheme with contexts that do one word after another, whatever they are told.
type scripted struct{ name, words string }

func (s scripted) Traits() scheme.Traits {
	t, _ := scheme.TraitsOf(s.name)
	return t
}

func (s scripted) Initiate(scheme.Exchange) scheme.Initiator { return s }
func (s scripted) Context() gss.Context                      { return nil }

func (s scripted) Info() gss.Info {
	if s.name == scheme.NTLM {
		return gss.Info{Mech: gss.NTLM, ConnectionBased: true}
	}
	return gss.Info{Mech: gss.Kerberos}
}

func (s scripted) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	word, rest, _ := strings.Cut(s.words, " ")
	s.words = rest
	var out scheme.InitiatorOutput
	if in.Event != scheme.Concluded {
		out.Credentials = header.TokenCredentials(s.name, word)
	}
	switch word {
	case "continue":
		out.State = gss.Continue
	case "ready":
		out.State = gss.Ready
	case "complete":
		out.State = gss.Complete
	case "remember":
		out.State, out.Memory.Offer = gss.Complete, header.TokenChallenge(s.name, "")
	case "ask":
		out = scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedCredential{}}
	case "refused":
		out = scheme.InitiatorOutput{State: gss.Failed, Fault: gss.Fault{Code: gss.Refused}}
	case "none":
		out = scheme.InitiatorOutput{State: gss.Failed, Fault: gss.Fault{Code: gss.NoCredentials}}
	case "wrong":
		out = scheme.InitiatorOutput{State: gss.Failed, Fault: gss.Fault{Code: gss.NotAuthentic}}
	default:
		return nil, out, gss.Misuse("nothing to do")
	}
	return s, out, nil
}

// A story is a run of one side: its schemes as "Name word word", and the events, each with
// what must come of it: "event argument -> verdict stage", with "and" what the side must
// show after it.
type story struct {
	name    string
	schemes []string
	about   func(*About)
	steps   string
}

// stories have every row of the table, each one in a place where it makes a difference.
var stories = []story{
	{"a lease, a leg, and what the connection keeps", []string{"NTLM continue ready complete"}, nil, `
		open NTLM -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		challenged NTLM dG9rZW4= -> go on halfway
		take up -> go on halfway
		prepare -> go on halfway
		sent -> go on halfway and bound=true scheme=1 state=ready legs=2
		passed -> go on proven and persistent=true
		renew -> go on proven
		end -> go on unused and persistent=true
		open NTLM -> go on unused
		passed -> go on unused
		challenged NTLM -> go on unused and persistent=false
		take up -> go on starting
		end -> go on unused
		challenged Unknown -> go on unused
		take up -> fail unused`},
	{"history ends with the exchange", []string{"NTLM continue"}, func(a *About) { a.Config.MaxLegs = 1 }, `
		challenged Unknown -> go on unused
		take up -> fail unused
		end -> go on unused
		challenged NTLM -> go on unused
		challenged NTLM -> fail unused`},
	{"questions before a request", []string{"Negotiate ask ask continue ask ready", "NTLM ask none"}, func(a *About) { a.Policy.Fallback = true }, `
		challenged Negotiate -> go on unused
		take up -> go on starting
		prepare -> ask starting
		answered -> ask starting
		answered -> go on starting
		sent -> go on halfway
		challenged Negotiate dG9rZW4=, NTLM -> go on halfway
		take up -> go on halfway
		prepare -> ask halfway
		answered -> go on halfway
		sent -> go on halfway
		challenged NTLM -> go on halfway
		take up -> go on starting
		prepare -> ask starting
		answered -> fail unused`},
	{"a pre-emptive run fails, at once", []string{"Negotiate none"}, nil, `
		open Negotiate -> go on starting
		prepare -> go on unused
		sent -> go on unused
		challenged Negotiate -> go on unused
		take up -> go on starting
		prepare -> fail unused`},
	{"a pre-emptive run fails, after its question", []string{"Negotiate ask none"}, nil, `
		open Negotiate -> go on starting
		prepare -> ask starting
		answered -> go on unused`},
	{"a later leg fails, and other credentials follow", []string{"NTLM ask continue refused"}, nil, `
		challenged NTLM -> go on unused
		take up -> go on starting
		prepare -> ask starting
		answered -> go on starting
		sent -> go on halfway
		challenged NTLM dG9rZW4= -> go on halfway
		take up -> go on halfway
		prepare -> ask starting`},
	{"a later leg fails, and nothing follows", []string{"NTLM continue refused"}, nil, `
		challenged NTLM -> go on unused
		take up -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		challenged NTLM dG9rZW4= -> go on halfway
		take up -> go on halfway
		prepare -> fail unused`},
	{"a later leg asks and fails, and other credentials follow", []string{"NTLM ask continue ask refused"}, nil, `
		challenged NTLM -> go on unused
		take up -> go on starting
		prepare -> ask starting
		answered -> go on starting
		sent -> go on halfway
		challenged NTLM dG9rZW4= -> go on halfway
		take up -> go on halfway
		prepare -> ask halfway
		answered -> go on starting`},
	{"a later leg asks and fails, and nothing follows", []string{"NTLM continue ask none"}, nil, `
		challenged NTLM -> go on unused
		take up -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		challenged NTLM dG9rZW4= -> go on halfway
		take up -> go on halfway
		prepare -> ask halfway
		answered -> fail unused
		end -> go on unused`},
	{"a later leg asks twice", []string{"NTLM continue ask ask ready"}, nil, `
		open NTLM -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		challenged NTLM dG9rZW4= -> go on halfway
		take up -> go on halfway
		prepare -> ask halfway
		answered -> ask halfway
		answered -> go on halfway
		end -> go on unused`},
	{"refused", []string{"Basic ready"}, nil, `
		challenged Basic realm="r" -> go on unused
		take up -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		challenged Unknown -> go on halfway
		take up -> fail unused`},
	{"questions about the response, and a proof that verifies", []string{"Digest ready ask ask remember"}, nil, `
		open Digest -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> ask judging
		answered -> ask judging
		answered -> go on proven
		renew -> go on starting`},
	{"questions about the response, and no proof", []string{"Negotiate ready ask ready"}, nil, `
		open Negotiate -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> ask judging
		answered -> go on concluded
		renew -> go on starting`},
	{"questions about the response, and a wrong proof", []string{"Negotiate ready ask wrong"}, nil, `
		open Negotiate -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> ask judging
		answered -> fail judging
		end -> go on unused`},
	{"a response without the proof, and a challenge after it", []string{"Negotiate ready ready"}, nil, `
		open Negotiate -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on concluded
		challenged Negotiate -> go on concluded
		take up -> go on starting`},
	{"a response without the proof, and a challenge that cannot be answered", []string{"Negotiate ready ready"}, nil, `
		open Negotiate -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on concluded
		challenged Unknown -> go on concluded
		take up -> fail unused`},
	{"a response in the middle of a handshake", []string{"Negotiate continue continue"}, nil, `
		open Negotiate -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on concluded
		renew -> go on unused`},
	{"the exchange ends without the proof", []string{"Negotiate ready ready"}, nil, `
		open Negotiate -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on concluded
		end -> go on unused`},
	{"each request proves itself, and a stronger scheme comes up", []string{"Digest ready", "Basic ready remember"}, nil, `
		open Basic -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on proven
		challenged Basic realm="r" -> go on proven
		take up -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on proven
		challenged Digest realm="r", Basic realm="r" -> go on proven
		take up -> go on starting`},
	{"what passed is challenged without an offer", []string{"Basic ready complete"}, nil, `
		open Basic -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on proven
		challenged Unknown -> go on proven
		take up -> fail unused`},
	{"Nego2 is not renewed", []string{"Nego2 ready complete"}, func(a *About) { a.Persist = header.PersistFalse }, `
		challenged Nego2 dG9rZW4= -> go on unused
		take up -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on proven
		renew -> go on unused`},
	{"the connection is lost", []string{"Basic ready complete"}, nil, `
		challenged Basic realm="r" -> go on unused
		take up -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		repeat -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		passed -> go on proven
		end -> go on unused`},
	{"an offer on a connection that closes", []string{"Nego2 ready", "NTLM ready"}, func(a *About) { a.Closes = true }, `
		challenged Nego2 dG9rZW4= -> go on unused
		take up -> reopen unused
		end -> go on unused`},
	{"a handshake whose connection closes", []string{"NTLM continue ready"}, func(a *About) { a.Closes = true }, `
		challenged NTLM -> go on unused
		take up -> go on starting
		prepare -> go on starting
		sent -> go on halfway
		challenged NTLM dG9rZW4= -> go on halfway
		take up -> reopen halfway
		end -> go on unused`},
	{"a connection with other requests", []string{"NTLM continue"}, func(a *About) { a.Multiplexed = true }, `
		challenged NTLM -> go on unused
		take up -> reopen http/1.1 unused`},
	{"a mechanism with several legs and other requests", []string{"Negotiate continue"}, func(a *About) { a.Multiplexed = true }, `
		challenged Negotiate -> go on unused
		take up -> go on starting
		prepare -> reopen http/1.1 starting`},
}

var doNames = [...]string{GoOn: "go on", Ask: "ask", Fail: "fail", Reopen: "reopen", ReopenHTTP11: "reopen http/1.1"}

// circumstances returns those of a story.
func (st *story) circumstances() About {
	a := About{Config: &Config{Policy: &scheme.Policy{}, MaxLegs: 8, MaxAttempts: 2}, Identity: "alice"}
	a.Secure, a.Affine = true, true
	for _, s := range st.schemes {
		name, words, _ := strings.Cut(s, " ")
		a.Schemes = append(a.Schemes, scripted{name, words})
	}
	if st.about != nil {
		st.about(&a)
	}
	return a
}

// event reads an event of a story.
func event(text string) (e Event, err error) {
	for kind := Open; kind <= End; kind++ {
		arg, ok := strings.CutPrefix(text, kind.String())
		if !ok {
			continue
		}
		arg = strings.TrimSpace(arg)
		e.Kind, e.Scheme, e.Answer = kind, arg, gss.Declined{}
		e.Offers, e.Status = header.ParseChallenges(arg), 200
		if kind == Open && (arg == scheme.Digest || arg == scheme.Basic) {
			e.Memory.Offer = header.TokenChallenge(arg, "")
		}
		return e, nil
	}
	return e, errors.New(text + " is no event")
}

// row is one transition that the table declares.
type row struct {
	from  Stage
	event Kind
	to    Stage
}

func (r row) String() string { return fmt.Sprintf("%v, %v -> %v", r.from, r.event, r.to) }

// rows returns the whole table.
func rows() (all []row) {
	for from := Unused; from <= Proven; from++ {
		for kind := Open; kind <= End; kind++ {
			for to := Unused; to <= Proven; to++ {
				if Leads(from, kind, to) {
					all = append(all, row{from, kind, to})
				}
			}
		}
	}
	return all
}

// run follows a story, tells walked of each step, and returns where it went another way.
func (st *story) run(walked func(row)) error {
	var s Side
	a := st.circumstances()
	for line := range strings.Lines(strings.TrimSpace(st.steps)) {
		line = strings.TrimSpace(line)
		said, want, _ := strings.Cut(line, " -> ")
		e, err := event(said)
		if err != nil {
			return err
		}
		next, v, err := s.Step(gss.Env{}, a, e)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		outcome, shows, _ := strings.Cut(want, " and ")
		if got := doNames[v.Do] + " " + next.Stage.String(); got != outcome || !strings.Contains(fmt.Sprint(next), shows) || v.Fault == undeclared {
			return fmt.Errorf("%s: %s, %v (%v)", line, got, next, v.Fault)
		}
		walked(row{s.Stage, e.Kind, next.Stage})
		s = next
	}
	return nil
}

func TestStories(t *testing.T) {
	seen := map[row]bool{}
	for _, st := range stories {
		if err := st.run(func(r row) { seen[r] = true }); err != nil {
			t.Errorf("%s: %v", st.name, err)
		}
	}
	for _, r := range rows() {
		if !seen[r] {
			t.Errorf("no story has %v", r)
		}
	}
}

// The table is what a side goes by: without any one row of it some story goes another way.
func TestEachRowCounts(t *testing.T) {
	for _, r := range rows() {
		entry := &table[r.from][r.event]
		was := *entry
		*entry = slices.DeleteFunc(slices.Clone(was), func(s Stage) bool { return s == r.to })
		noticed := false
		for _, st := range stories {
			noticed = noticed || st.run(func(row) {}) != nil
		}
		*entry = was
		if !noticed {
			t.Errorf("no story notices that the table lacks %v", r)
		}
	}
}

// A stage that the table does not have for an event ends the exchange, and nothing is
// proven by it.
func TestUndeclared(t *testing.T) {
	entry := &table[Halfway][Passed]
	was := *entry
	defer func() { *entry = was }()
	*entry = []Stage{Judging, Concluded}
	st := story{schemes: []string{"NTLM ready complete"}}
	a, s := st.circumstances(), Side{}
	for _, text := range []string{"open NTLM", "prepare", "sent", "passed"} {
		e, err := event(text)
		if err != nil {
			t.Fatal(err)
		}
		next, v, err := s.Step(gss.Env{}, a, e)
		if err != nil {
			t.Fatal(err)
		}
		if s = next; text == "passed" && (v.Do != Fail || s.Stage != Unused || s.Kept() || !s.Broken()) {
			t.Errorf("%v, %v", s, v)
		}
	}
	if ok, _, _ := s.Result(); ok {
		t.Error("it is authenticated")
	}
}

// A scheme's misuse leaves the side as it was.
func TestMisuse(t *testing.T) {
	st := story{schemes: []string{"NTLM"}}
	a := st.circumstances()
	s, _, err := Side{}.Step(gss.Env{}, a, Event{Kind: Open, Scheme: scheme.NTLM})
	if err != nil {
		t.Fatal(err)
	}
	next, v, err := s.Step(gss.Env{}, a, Event{Kind: Prepare})
	var misuse gss.Misuse
	if !errors.As(err, &misuse) || next != s || v != (Verdict{}) {
		t.Errorf("%v, %v, %v", next, v, err)
	}
}

package digest

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// What is missing for one user costs what a wrong password costs, and says no more: as
// many questions, HA1 and the proof computed, as much memory. And the memory of nonces
// hears of none of them.
func TestMissingVerifierIsAlike(t *testing.T) {
	for _, qop := range []QOP{Auth, AuthInt} {
		type work struct {
			questions int
			computed  bool
			allocs    float64
			outcome   scheme.AcceptorOutput
		}
		var want work
		for i, c := range []struct {
			name   string
			answer gss.Answer
			code   gss.Code
		}{
			{"a wrong password", gss.Password{User: user, Password: gss.NewSecret("a wrong password, in length")}, gss.BadCredentials},
			{"an unknown user", gss.Unknown{}, gss.UnknownUser},
			{"a damaged record", gss.Unverifiable{}, gss.QuestionFailed},
			{"no record of that kind", gss.Declined{}, gss.QuestionFailed},
			{"a record without this hash", HA1{User: user}, gss.QuestionFailed},
		} {
			w, x := newWorld(t), exchange("GET", "/")
			s := newServer(t, ServerConfig{QOPs: []QOP{qop}, Algorithms: []Algorithm{SHA256}})
			offer := w.offer(s, x)
			_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), offer)
			a, out, err := s.Accept(x).Step(w.env(), scheme.AcceptorInput{Event: scheme.Presented, Credentials: sent.Credentials})
			var got work
			for err == nil && out.State == gss.Waiting {
				got.questions++
				answer := c.answer
				switch out.Ask.(type) {
				case gss.NeedReplayCheck:
					t.Errorf("%s: the memory of nonces is asked", c.name)
				case NeedBodyHash:
					got.computed = a.(acceptor).key.sum.n != 0
					answer = w.answer(out.Ask)
				}
				at, in, env := a, scheme.AcceptorInput{Event: scheme.Answered, Answer: answer}, w.env()
				got.allocs += testing.AllocsPerRun(20, func() { at.Step(env, in) })
				a, out, err = a.Step(env, in)
			}
			if err != nil || out.Fault.Code != c.code {
				t.Errorf("%s: %v %v", c.name, out.Fault, err)
			}
			out.Fault = gss.Fault{}
			got.outcome = out
			if i == 0 {
				want = got
			}
			if got != want || got.computed != (qop == AuthInt) {
				t.Errorf("%s: %+v, for a wrong password %+v", c.name, got, want)
			}
		}
	}
	requirement.Held(t, "unit:missing_verifier_is_alike")
}

// The question about a nonce names the user of the valid proof, and no other. All
// spellings of a name that a store may treat as the same have one owner.
func TestReplayQuestionNamesTheUser(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	s := newServer(t, ServerConfig{})
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
	a, _, _ := s.Accept(x).Step(w.env(), scheme.AcceptorInput{Event: scheme.Presented, Credentials: sent.Credentials})
	env := w.env()
	_, out, err := a.Step(env, scheme.AcceptorInput{Event: scheme.Answered, Answer: gss.Password{Password: gss.NewSecret(password)}})
	need, ok := out.Ask.(gss.NeedReplayCheck)
	if !ok || err != nil {
		t.Fatalf("%+v %v", out, err)
	}
	if need.Owner != gss.OwnerOf(user, realm) || need.Scope != realm || need.Now != env.Now || need.Made == 0 || need.Until != need.Made+int64(defaultLifetime) || !need.Forgettable {
		t.Errorf("%+v", need)
	}
	requirement.Held(t, "unit:replay_question_names_user")
}

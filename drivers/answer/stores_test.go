package answer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/ntlm"
)

// counted is a store that counts what it is asked.
type counted struct {
	answer gss.Answer
	asked  int
}

func (c *counted) Answer(context.Context, gss.Question) gss.Answer {
	c.asked++
	return c.answer
}

// askStores returns what stores with the given answers say, and how many of them were asked, each
// once.
func askStores(t *testing.T, q gss.Question, answers ...gss.Answer) (gss.Answer, int) {
	t.Helper()
	stores := make([]answer.Source, 0, 2*len(answers))
	for _, a := range answers {
		stores = append(stores, nil, &counted{answer: a})
	}
	got := answer.Stores(stores...).Answer(t.Context(), q)
	asked := 0
	for i, s := range stores {
		if s == nil {
			continue
		}
		n := s.(*counted).asked
		if asked += n; n > 1 || n == 1 && asked <= i/2 {
			t.Errorf("%T, %T: store %d was asked %d times, after %d others", q, answers, i/2+1, n, asked-n)
		}
	}
	return got, asked
}

var (
	unknown, declined         gss.Answer = gss.Unknown{}, gss.Declined{}
	unreachable, unverifiable gss.Answer = gss.Unreachable{RetryAfter: 7}, gss.Unverifiable{}
	inFirst, inSecond         gss.Answer = gss.Password{User: "first"}, gss.Password{User: "second"}
	right, wrong              gss.Answer = gss.Verdict{Accepted: true}, gss.Verdict{}
)

// TestStoresFirstThatKnows: the first store that knows the user counts, and one that cannot say so
// ends the search.
func TestStoresFirstThatKnows(t *testing.T) {
	for _, c := range []struct {
		answers []gss.Answer
		want    gss.Answer
	}{
		{nil, declined},
		{[]gss.Answer{nil, declined}, declined},
		{[]gss.Answer{declined, unknown}, unknown},
		{[]gss.Answer{unknown, nil, declined}, unknown},
		{[]gss.Answer{unknown, declined, inSecond}, inSecond},
		{[]gss.Answer{declined, inFirst, inSecond}, inFirst},
		{[]gss.Answer{inFirst, unknown, declined}, inFirst},
		{[]gss.Answer{wrong, right}, wrong},
		{[]gss.Answer{unknown, unreachable, inSecond}, unreachable},
		{[]gss.Answer{unknown, unverifiable, inSecond}, unverifiable},
		{[]gss.Answer{inFirst, unreachable, unverifiable}, inFirst},
		{[]gss.Answer{unverifiable, unreachable}, unverifiable},
	} {
		for _, q := range []gss.Question{gss.NeedVerifier{}, gss.NeedVerdict{}, ntlm.NeedLogon{}, gss.NeedReplayCheck{}} {
			if got, _ := askStores(t, q, c.answers...); got != c.want {
				t.Errorf("%T of stores with %T: %v, want %v", q, c.answers, got, c.want)
			}
		}
	}
	chained := answer.Chain(answer.Stores(fixed(unknown), fixed(unknown)), fixed(inSecond))
	if got := ask(chained, gss.NeedVerifier{}); got != unknown {
		t.Errorf("stores in a chain: %v, want %v", got, unknown)
	}
	requirement.Held(t, "unit:first_store_counts", "HTA-34")
}

// TestStoresEqualWork: a question about a user is asked of every store, unless it is the user, and
// any other question as long as there is no answer.
func TestStoresEqualWork(t *testing.T) {
	verifier, verdict, logon := gss.NeedVerifier{}, gss.NeedVerdict{}, ntlm.NeedLogon{}
	for _, c := range []struct {
		q       gss.Question
		answers []gss.Answer
		asked   int
	}{
		{verifier, []gss.Answer{unknown, unknown, unknown}, 3},
		{verifier, []gss.Answer{inFirst, inSecond, unknown}, 3},
		{verifier, []gss.Answer{unknown, unreachable, inSecond}, 3},
		{verdict, []gss.Answer{unknown, unknown, unknown}, 3},
		{verdict, []gss.Answer{wrong, right, unknown}, 3},
		{verdict, []gss.Answer{unverifiable, unknown, unknown}, 3},
		{verdict, []gss.Answer{unknown, right, unknown}, 2},
		{logon, []gss.Answer{ntlm.Logon{}, unknown, unknown}, 3},
		{logon, []gss.Answer{ntlm.Logon{Accepted: true}, unknown, unknown}, 1},
		{gss.NeedReplayCheck{}, []gss.Answer{declined, gss.ReplayVerdict{}, gss.ReplayVerdict{}}, 2},
		{gss.NeedExchange{}, []gss.Answer{unknown, unreachable, unknown}, 2},
	} {
		if _, asked := askStores(t, c.q, c.answers...); asked != c.asked {
			t.Errorf("%T of stores with %T: %d were asked, want %d", c.q, c.answers, asked, c.asked)
		}
	}
	requirement.Held(t, "unit:equal_work", "HTA-30")
}

// TestStoresNameTheBroken: the store that keeps a user out is named, by its place and type.
func TestStoresNameTheBroken(t *testing.T) {
	for _, a := range []gss.Answer{unreachable, unverifiable} {
		var said []string
		ctx := answer.Explaining(t.Context(), func(err error) { said = append(said, err.Error()) })
		answer.Stores(fixed(unknown), &counted{answer: a}, &counted{answer: a}).Answer(ctx, gss.NeedVerifier{})
		want := fmt.Sprintf("answer: user store 2 of 3 (*answer_test.counted) has no answer: %T", a)
		if !slices.Equal(said, []string{want}) {
			t.Errorf("%q is said, want %q", said, want)
		}
	}
}

package answer_test

import (
	"context"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

func fixed(a gss.Answer) answer.Source {
	return answer.Func(func(context.Context, gss.Question) gss.Answer { return a })
}

func ask(s answer.Source, q gss.Question) gss.Answer { return s.Answer(context.Background(), q) }

func TestChainTakesTheFirstAnswer(t *testing.T) {
	unknown, declined := gss.Unknown{}, gss.Declined{}
	for _, c := range []struct {
		name string
		s    answer.Source
		want gss.Answer
	}{
		{"none", answer.Chain(), declined},
		{"nil sources", answer.Chain(nil, nil), declined},
		{"all decline", answer.Chain(fixed(declined), fixed(nil)), declined},
		{"the second knows", answer.Chain(fixed(declined), fixed(unknown), fixed(gss.Unreachable{})), unknown},
		{"unreachable is an answer", answer.Chain(fixed(gss.Unreachable{}), fixed(unknown)), gss.Unreachable{}},
		{"a chain in a chain", answer.Chain(answer.Chain(), answer.Chain(fixed(unknown))), unknown},
	} {
		if got := ask(c.s, gss.NeedCredential{}); got != c.want {
			t.Errorf("%s: %T, want %T", c.name, got, c.want)
		}
	}
}

func TestOnAnswersOneType(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(context.Background(), key{}, "the caller's")
	s := answer.On(func(ctx context.Context, q gss.NeedVerifier) gss.Answer {
		if ctx.Value(key{}) != "the caller's" {
			t.Error("the function got another context than the source")
		}
		switch q.User {
		case "alice":
			return gss.Password{User: q.User, Password: gss.NewSecret(q.Realm)}
		case "bob":
			return nil
		}
		return gss.Unknown{}
	})
	for _, c := range []struct {
		q    gss.Question
		want gss.Answer
	}{
		{gss.NeedVerifier{User: "alice", Realm: "staff"}, gss.Password{User: "alice", Password: gss.NewSecret("staff")}},
		{gss.NeedVerifier{User: "mallory"}, gss.Unknown{}},
		{gss.NeedVerifier{User: "bob"}, nil},
		{gss.NeedVerdict{User: "alice"}, gss.Declined{}},
		{nil, gss.Declined{}},
	} {
		if got := s.Answer(ctx, c.q); got != c.want {
			t.Errorf("%T: %T %v, want %T %v", c.q, got, got, c.want, c.want)
		}
	}
	next := gss.Verdict{Accepted: true}
	if got := answer.Chain(s, fixed(next)).Answer(ctx, gss.NeedVerifier{User: "bob"}); got != next {
		t.Errorf("a nil answer in a chain: %v, want the next source's, %v", got, next)
	}
}

// TestOnInterface checks that a function can take all questions that implement an interface.
func TestOnInterface(t *testing.T) {
	s := answer.On(func(_ context.Context, q gss.Derived) gss.Answer { return gss.Unreachable{} })
	if got := ask(s, gss.NeedExchange{}); got != (gss.Unreachable{}) {
		t.Errorf("a derived question: %v, want %v", got, gss.Unreachable{})
	}
	if got := ask(s, gss.NeedVerifier{}); got != (gss.Declined{}) {
		t.Errorf("another question: %v, want %v", got, gss.Declined{})
	}
}

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

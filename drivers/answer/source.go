package answer

import (
	"context"

	"github.com/countersign-auth/countersign/gss"
)

// Source answers questions. It is called by several goroutines at once, and may
// block until the context ends. A nil answer counts as gss.Declined.
//
// A client's Source may be asked a question that it has answered before, to find
// whether a connection which that answer opened belongs to another request's user.
// Answers are compared by their content; one that holds pointers has to be a
// gss.Subject to be found the same. The answer is used for nothing else.
type Source interface {
	Answer(context.Context, gss.Question) gss.Answer
}

// Func is a function as a [Source].
type Func func(context.Context, gss.Question) gss.Answer

// Answer implements [Source].
func (f Func) Answer(ctx context.Context, q gss.Question) gss.Answer { return f(ctx, q) }

// On returns a source that answers the questions of one type, with a function that takes
// that type, and declines all others. [Chain] joins the sources of several types:
//
//	source := answer.Chain(answer.On(findUser), answer.On(checkPassword), memory)
//
// A nil answer of the function counts as gss.Declined. The questions that exist, and the
// answers that each takes, are listed in docs/questions.md.
func On[Q gss.Question](f func(context.Context, Q) gss.Answer) Source {
	return Func(func(ctx context.Context, q gss.Question) gss.Answer {
		if q, ok := q.(Q); ok {
			return f(ctx, q)
		}
		return gss.Declined{}
	})
}

// Chain asks one source after the other, and gives the first answer that is not
// gss.Declined. Nil sources are left out; an empty chain declines everything.
//
// It joins sources of different questions. The word of a user store is final, also where it
// is gss.Unknown: behind it in a chain no other store is asked about users. Join user stores
// with [Stores].
func Chain(sources ...Source) Source {
	var c []Source // behind a function, into which no printer looks
	for _, s := range sources {
		if s != nil {
			c = append(c, s)
		}
	}
	return Func(func(ctx context.Context, q gss.Question) gss.Answer {
		for _, s := range c {
			if a := s.Answer(ctx, q); a != nil && a != (gss.Declined{}) {
				return a
			}
		}
		return gss.Declined{}
	})
}

type explainKey struct{}

// Explain tells what asks a source why the source has no answer: which file does not exist,
// which server did not respond. The context is that of Answer. Drivers of clients put the
// error into theirs, where errors.Is and errors.As find it, and those of servers and proxies
// into drive.Result.Err, for their logs; otherwise it is dropped. It must hold no secret.
func Explain(ctx context.Context, err error) {
	if f, ok := ctx.Value(explainKey{}).(func(error)); ok && err != nil {
		f(err)
	}
}

// Explaining returns a context for questions, in which f receives what sources pass to
// [Explain], from any goroutine. It is for drivers.
func Explaining(ctx context.Context, f func(error)) context.Context {
	return context.WithValue(ctx, explainKey{}, f)
}

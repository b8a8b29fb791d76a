package answer

import (
	"context"

	"github.com/countersign-auth/countersign/gss"
)

// Source answers questions. It is called by several goroutines at once, and may
// block until the context ends. A nil answer counts as gss.Declined.
type Source interface {
	Answer(context.Context, gss.Question) gss.Answer
}

// Func is a function as a [Source].
type Func func(context.Context, gss.Question) gss.Answer

// Answer implements [Source].
func (f Func) Answer(ctx context.Context, q gss.Question) gss.Answer { return f(ctx, q) }

// Chain asks one source after the other, and gives the first answer that is not
// gss.Declined. Nil sources are left out; an empty chain declines everything.
func Chain(sources ...Source) Source {
	var c chain
	for _, s := range sources {
		if s != nil {
			c = append(c, s)
		}
	}
	return c
}

type chain []Source

func (c chain) Answer(ctx context.Context, q gss.Question) gss.Answer {
	for _, s := range c {
		if a := s.Answer(ctx, q); a != nil && a != (gss.Declined{}) {
			return a
		}
	}
	return gss.Declined{}
}

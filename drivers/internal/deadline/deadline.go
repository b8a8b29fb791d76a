// Package deadline marks the contexts of connections whose server sets deadlines for
// unauthenticated requests.
package deadline

import "context"

// Lift tells which deadlines of a request to remove when it has authenticated.
type Lift struct{ Read, Write bool }

type key struct{}

// With returns a context for the connections of a server that sets deadlines.
func With(ctx context.Context, l Lift) context.Context { return context.WithValue(ctx, key{}, l) }

// From returns what With put into a context.
func From(ctx context.Context) Lift {
	l, _ := ctx.Value(key{}).(Lift)
	return l
}

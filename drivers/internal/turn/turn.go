// Package turn serializes requests, each for as long as its context allows.
package turn

import "context"

// Mutex serializes the requests on a connection. net/http reads the next request only
// after the handler has returned, but a middleware may return before the handler that
// it called.
type Mutex chan struct{}

// New returns a Mutex that is unlocked.
func New() Mutex { return make(Mutex, 1) }

// Lock waits for the turn. It reports false if the context ended first.
func (t Mutex) Lock(ctx context.Context) bool {
	select {
	case t <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// Unlock passes the turn on.
func (t Mutex) Unlock() { <-t }

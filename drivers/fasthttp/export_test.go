package fasthttp

// Guests returns the number of connections that have a state.
func (a *Authenticator) Guests() (n int) {
	a.states.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}

// Idle returns the number of idle connections.
func (t *Transport) Idle() int { return t.client.Idle() }

package fasthttp

// Guests is how many connections have a state.
func (a *Authenticator) Guests() (n int) {
	a.guests.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}

// Idle is how many connections are kept.
func (t *Transport) Idle() int { return t.client.Pool.Idle() }

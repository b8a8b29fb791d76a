package nethttp

// Idle returns how many idle connections t has.
func Idle(t *Transport) int { return t.client.Idle() }

package nethttp

// Idle is how many connections t keeps.
func Idle(t *Transport) int { return t.client.Pool.Idle() }

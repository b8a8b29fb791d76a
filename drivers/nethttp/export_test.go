package nethttp

// Idle is how many connections t keeps.
func Idle(t *Transport) int {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	return len(t.pool.idle)
}

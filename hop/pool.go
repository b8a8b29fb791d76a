package hop

// Fit is how well an idle connection serves a request.
type Fit uint8

const (
	// Unfit: it leads elsewhere, or belongs to another client.
	Unfit Fit = iota
	// Fits means that it leads where the request goes.
	Fits
	// FitsBest means that it also served the same origin last. A connection to a plain
	// proxy may be bound to that.
	FitsBest
)

// Pick returns which of n idle connections a request gets, -1 for none. They are in the
// order in which they became idle. The best fit goes first, and among equals the one that
// was used last, which has had the least time to be closed.
func Pick(n int, fit func(i int) Fit) int { // CONN-1
	at, best := -1, Unfit
	for i := range n {
		if f := fit(i); f != Unfit && f >= best {
			at, best = i, f
		}
	}
	return at
}

// Evict returns which of n idle connections, in the order in which they became idle,
// makes room for one more: the oldest of its own key where there are perKey of those, else
// the oldest of all where there are most; -1 where there is room.
func Evict(n int, same func(i int) bool, most, perKey int) int {
	count, oldest := 0, -1
	for i := n - 1; i >= 0; i-- {
		if same(i) {
			count, oldest = count+1, i
		}
	}
	switch {
	case oldest >= 0 && count >= perKey:
		return oldest
	case n > 0 && n >= most:
		return 0
	}
	return -1
}

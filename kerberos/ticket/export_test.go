package ticket

// The bounds, for tests.
const (
	MaxExchanges  = maxExchanges
	MaxReferrals  = maxReferrals
	MaxIterations = maxIterations
)

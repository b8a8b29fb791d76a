package krb

import (
	"math"
	"time"
)

// Time is a KerberosTime (RFC 4120 section 5.2.3): seconds since the Unix epoch. The
// zero Time is absent where a time is optional, and the epoch where it is not, which
// KDCs write for "no such time".
type Time int64

// TimeOf rounds nanoseconds since the Unix epoch down.
func TimeOf(ns int64) Time { return Time(floor(ns, int64(time.Second))) }

// Nano returns t in nanoseconds since the Unix epoch. Times before 1677 and after 2262,
// which these cannot count, are the first and the last that they can: they compare as they should.
func (t Time) Nano() int64 { // R4120-5.2.3-1
	const first, last = math.MinInt64 / int64(time.Second), math.MaxInt64 / int64(time.Second)
	switch {
	case t > Time(last):
		return math.MaxInt64
	case t < Time(first):
		return math.MinInt64
	}
	return int64(t) * int64(time.Second)
}

// String returns t in UTC by RFC 3339, "never" for the zero Time.
func (t Time) String() string {
	if t == 0 {
		return "never"
	}
	return time.Unix(int64(t), 0).UTC().Format(time.RFC3339)
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

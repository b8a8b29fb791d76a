package krb_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// A later Time is never an earlier number of nanoseconds, and sums end at the ends of what can
// be counted.
func TestTimesKeepTheirOrder(t *testing.T) {
	any := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64, 9223372036, 9223372037, 18446744073}))
	rapid.Check(t, func(rt *rapid.T) {
		a, b := any.Draw(rt, "a"), any.Draw(rt, "b")
		if x, y := krb.Time(a), krb.Time(b); x < y && x.Nano() > y.Nano() {
			rt.Errorf("%d before %d, as nanoseconds %d and %d", a, b, x.Nano(), y.Nano())
		}
		if back := krb.TimeOf(krb.Time(a).Nano()); back != krb.Time(a) && a >= -9223372036 && a <= 9223372036 {
			rt.Errorf("%d comes back as %d", a, back)
		}
		sum := message.Add(a, b)
		if b >= 0 && sum < a || b <= 0 && sum > a || sum != a+b && sum != math.MaxInt64 && sum != math.MinInt64 {
			rt.Errorf("%d + %d = %d", a, b, sum)
		}
		apart := message.Apart(a, b)
		if apart < 0 || apart != message.Apart(b, a) || apart != math.MaxInt64 && apart != max(a, b)-min(a, b) || (apart == 0) != (a == b) {
			rt.Errorf("%d and %d are %d apart", a, b, apart)
		}
		requirement.Held(t, "prop:times_saturate", "R4120-5.2.3-1")
	})
}

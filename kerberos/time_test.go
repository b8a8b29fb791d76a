package kerberos

import (
	"math"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// wrapped is the time that 64 bits of nanoseconds cannot tell from t: 584 years later.
func wrapped(t krb.Time) krb.Time { return t + 18_446_744_073 }

// RFC 4120 section 5.2.3: times go to the year 9999. Those that nanoseconds cannot count are
// later than all that they can, and not earlier ones again.
func TestTimesBeyondNanoseconds(t *testing.T) {
	at := krb.TimeOf(now)
	const last = krb.Time(253402300799) // the end of 9999
	for _, row := range []struct {
		name string
		do   func(*forger)
		want gss.Code
	}{
		{"a ticket until 9999", func(f *forger) { f.ticket.EndTime, f.ticket.RenewTill = last, last }, gss.NoFault},
		{"a ticket until 2262", func(f *forger) { f.ticket.EndTime = 9223372037 }, gss.NoFault},
		{"a ticket that starts in 2611", func(f *forger) { f.ticket.StartTime = wrapped(at) }, gss.Expired},
		{"a ticket that starts in 9999", func(f *forger) { f.ticket.StartTime = last }, gss.Expired},
		{"first authenticated in 2611", func(f *forger) { f.ticket.AuthTime = wrapped(at) }, gss.Expired},
		{"an authenticator of 2611", func(f *forger) { f.auth.Time = wrapped(at) }, gss.ClockSkew},
		{"an authenticator of 9999", func(f *forger) { f.auth.Time = last; f.auth.Micro = 999_999 }, gss.ClockSkew},
		{"an authenticator of the year 0", func(f *forger) { f.auth.Time = -62167219200 }, gss.ClockSkew},
		{"a ticket of the year 0", func(f *forger) { f.ticket.AuthTime, f.ticket.EndTime = -62167219200, -62167219200 }, gss.Expired},
	} {
		f := newForger(t, krb.AES256SHA1)
		row.do(f)
		r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token())
		if r.Fault.Code != row.want {
			t.Errorf("%s: %v", row.name, r.Fault)
		}
		if row.want == gss.NoFault && r.Info().Expires != math.MaxInt64 {
			t.Errorf("%s: expires at %d", row.name, r.Info().Expires)
		}
		requirement.Held(t, "unit:krb_times_saturate", "R4120-5.2.3-1")
	}
	// Clocks at both ends of what can be counted, and the widest skew that can be asked for.
	f := newForger(t, krb.AES256SHA1)
	for _, clock := range []int64{math.MinInt64, 0, math.MaxInt64} {
		for _, skew := range []time.Duration{0, 1, math.MaxInt64} {
			c := Config{Keys: f.keys, MaxSkew: skew}
			r := take(t, newMechanism(t, c).Accept(gss.Target{}), gss.Env{Now: clock, Seed: gss.Seed{1}}, gss.Input{Token: f.token()})
			if r.Fault.Code != gss.ClockSkew {
				t.Errorf("at %d with a skew of %v: %v", clock, skew, r.Fault)
			}
		}
	}
}

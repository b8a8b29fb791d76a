package gss

import "testing"

// The contract of Step: nothing or a token while no question is open, and exactly
// an answer while one is.
func TestInputCheck(t *testing.T) {
	for _, row := range []struct {
		in     Input
		asking bool
		ok     bool
	}{
		{Input{}, false, true},
		{Input{Token: TokenOf("")}, false, true},
		{Input{Answer: Declined{}}, false, false},
		{Input{Token: TokenOf("x"), Answer: Declined{}}, false, false},
		{Input{}, true, false},
		{Input{Token: TokenOf("x")}, true, false},
		{Input{Answer: Declined{}}, true, true},
		{Input{Token: TokenOf("x"), Answer: Declined{}}, true, false},
	} {
		err := row.in.Check("mech", row.asking)
		if _, misuse := err.(Misuse); (err == nil) != row.ok || err != nil && !misuse {
			t.Errorf("%+v while asking is %t: %v", row.in, row.asking, err)
		}
	}
}

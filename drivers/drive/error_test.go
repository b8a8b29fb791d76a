package drive

import (
	"io"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// Only the 401 or 407 of the side that refused takes the place of an error: nothing of a peer that is not authentic, of a proxy that opens
// no tunnel, or from before a connection was lost.
func TestErrorDeliverable(t *testing.T) {
	refused, unproven := gss.Fault{Code: gss.Refused}, gss.Fault{Code: gss.NotAuthentic}
	for _, test := range []struct {
		name string
		e    Error
		want bool
	}{
		{"origin", Error{Side: gss.Origin, Status: 401, Fault: refused}, true},
		{"proxy", Error{Side: gss.Proxy, Status: 407, Fault: refused}, true},
		{"explained by a source", Error{Side: gss.Origin, Status: 401, Fault: refused, Err: io.EOF}, true},
		{"another status", Error{Side: gss.Origin, Status: 200, Fault: refused}, false},
		{"the other side's", Error{Side: gss.Origin, Status: 407, Fault: refused}, false},
		{"not authentic", Error{Side: gss.Origin, Status: 401, Fault: unproven}, false},
		{"a tunnel", Error{Side: gss.Proxy, Status: 407, Fault: refused, tunnel: true}, false},
		{"lost", Error{Side: gss.Origin, Status: 401, Fault: refused, Err: errorList{io.EOF, &Loss{Err: io.EOF}}}, false},
	} {
		if got := test.e.Deliverable(); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
	requirement.Held(t, "unit:error_deliverable", "LEG-5")
}

package nethttp

import (
	"errors"

	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
)

// Error says why an exchange ended without a response that may be used.
type Error = drive.Error

// tunnelError turns a tunnel's authentication failure into the same type as all
// others. A proxy that refused a tunnel as such is no authentication failure.
func tunnelError(err error) error {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || e.Fault.IsZero() {
		return err
	}
	return &Error{Side: gss.Proxy, Fault: e.Fault, Tried: e.Tried, Reasons: e.Reasons, Status: e.Status, Err: e.Err}
}

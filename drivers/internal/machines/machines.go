// Package machines numbers the machines that drivers run, and reports what they cannot do.
package machines

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

var lastID atomic.Uint64

// NextID returns a new number for a machine, for observers.
func NextID() uint64 { return lastID.Add(1) }

// NeedConnection reports whether one of the schemes may be bound to its connection.
func NeedConnection(schemes []scheme.Server) bool {
	return slices.ContainsFunc(schemes, func(s scheme.Server) bool {
		return s != nil && (s.Traits().Affinity == scheme.PerConnection || s.Traits().ConnectionBased)
	})
}

// Defect returns the fault for what cannot happen: the machine refused an event (err), a
// scheme asked without an end, or err is nil and the machine gave no action that a driver
// of this kind can do. No peer brings it about, so its class is gss.Internal.
func Defect(driver string, err error) gss.Fault {
	if err == nil {
		return gss.Fault{Code: gss.Bug, Detail: driver + ": the machine gave no action that this driver can do"}
	}
	if f, ok := errors.AsType[gss.FaultError](err); ok {
		return f.Fault
	}
	return gss.Fault{Code: gss.Bug, Detail: driver + ": " + err.Error()}
}

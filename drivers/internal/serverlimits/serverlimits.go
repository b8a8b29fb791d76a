// Package serverlimits checks the limits of a server's configuration.
package serverlimits

import (
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// Check returns a gss.Misuse for limits that cannot work: those that are negative. pkg and
// field say in the error whose limits they are.
func Check(pkg, field string, l drive.Limits) error {
	for _, d := range [...]struct {
		name  string
		value time.Duration
	}{{"Header", l.Header}, {"Idle", l.Idle}, {"Request", l.Request}} {
		if err := misuse.NotNegative(pkg, field+"."+d.name, d.value); err != nil {
			return err
		}
	}
	return misuse.NotNegative(pkg, field+".HeaderBytes", l.HeaderBytes)
}

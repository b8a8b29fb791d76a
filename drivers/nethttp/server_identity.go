package nethttp

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/drive"
)

// identityKey is the context key of a request's *Identity.
type identityKey struct{}

// IdentityFrom returns the identity of a request with this context. It reports whether
// the identity is authenticated and not anonymous; the fields of Identity distinguish
// the other cases.
func IdentityFrom(ctx context.Context) (drive.Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*drive.Identity)
	if !ok {
		return drive.Identity{}, false
	}
	return *id, id.Named()
}

package nethttp

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/drive"
)

// Identity is the identity of a request's user.
type Identity = drive.Identity

// identityKey is the context key of a request's *Identity.
type identityKey struct{}

// IdentityFrom returns the identity of a request with this context. It reports whether
// the identity is authenticated and not anonymous; the fields of Identity distinguish
// the other cases.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*Identity)
	if !ok {
		return Identity{}, false
	}
	return *id, id.Named()
}

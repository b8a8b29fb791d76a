package nethttp

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/drive"
)

// Identity is who made a request.
type Identity = drive.Identity

// identityKey is where a request's context holds its *Identity.
type identityKey struct{}

// IdentityFrom is who made the request with this context. It is true only for
// somebody with a name: not for who was let in anonymously, nor for who
// authenticated as nobody in particular; the Identity tells these apart.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*Identity)
	if !ok {
		return Identity{}, false
	}
	return *id, id.Named()
}

package nethttp

import (
	"context"

	"github.com/countersign-auth/countersign/gss"
)

// Identity is who made a request.
type Identity struct {
	// Scheme is the scheme that proved it, as registered; "" for nobody.
	Scheme string
	// Info describes the proof: Info.Peer is the name, Info.Domain its realm.
	Info gss.Info
	// Anonymous: the request did not authenticate, and Auth.Optional let it in.
	Anonymous bool
	// Context is the established context, for message protection and delegated
	// credentials; nil where the scheme has none.
	Context gss.Context
}

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
	return *id, !id.Anonymous && !id.Info.Anonymous && id.Info.Peer != ""
}

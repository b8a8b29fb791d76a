package nethttp

import (
	"context"
	"net/http"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/session"
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

// ContextWithIdentity returns a context from which [IdentityFrom] returns id. Use it where
// something else than an [Authenticator] has authenticated the request, such as a session
// that a login began, and in tests of handlers.
func ContextWithIdentity(ctx context.Context, id drive.Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, &id)
}

// sessionKey is the context key of a request's *session.Visit.
type sessionKey struct{}

// Logout ends the session of the request with this context, and what its connection proved. Call
// it before the response is sent, which removes the client's cookie. Without
// [ServerConfig].Session it does nothing; without a session.Store it only makes the client forget,
// see package session. The error is that of the Store: the session may still be used by one that
// has its cookie.
//
// It does not log a client out that sends credentials with each request, or answers the next
// challenge by itself, as browsers do with a ticket.
func Logout(ctx context.Context) error {
	v, _ := ctx.Value(sessionKey{}).(*session.Visit)
	return v.Logout(ctx)
}

// Require returns middleware that calls the next handler for requests with an identity that
// allowed reports true for; a nil allowed admits every named identity. It answers requests
// without a named identity with 401, which an [Authenticator] around it makes a challenge,
// and all others with 403. One Authenticator with Auth.Optional around all routes, and
// Require around some of them, make a policy for each route.
func Require(allowed func(drive.Identity) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, named := IdentityFrom(r.Context())
			switch {
			case !named:
				plain(w, http.StatusUnauthorized)
			case allowed != nil && !allowed(id):
				plain(w, http.StatusForbidden)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

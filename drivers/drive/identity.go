package drive

import (
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
)

// Identity describes the user that made a request.
type Identity struct {
	// Scheme is the scheme that authenticated the user, as registered; "" if the
	// request did not authenticate.
	Scheme string
	// Info describes the authentication: Info.Peer is the name, Info.Domain its realm.
	// See Name.
	Info gss.Info
	// Anonymous says that the request did not authenticate, and Auth.Optional admitted
	// it.
	Anonymous bool
	// Context is the established context, for message protection and delegated
	// credentials. It is nil if the scheme has none.
	Context gss.Context
	// Session is the session that the request belongs to, if it authenticated by that; the
	// identity is then the one that logged in, and there is no Context. It is nil otherwise.
	Session *session.Session
}

// Name returns the name to show, log and compare: user@REALM for Kerberos, DOMAIN\user
// for NTLM, see gss.Info.Name. It is empty for an identity that is not Named.
func (id Identity) Name() string {
	if !id.Named() {
		return ""
	}
	return id.Info.Name()
}

// Named reports whether the identity is authenticated and not anonymous.
func (id Identity) Named() bool { return !id.Anonymous && !id.Info.Anonymous && id.Info.Peer != "" }

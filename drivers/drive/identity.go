package drive

import "github.com/countersign-auth/countersign/gss"

// Identity is who made a request.
type Identity struct {
	// Scheme is the scheme that proved it, as registered; "" for nobody.
	Scheme string
	// Info describes the proof: Info.Peer is the name, Info.Domain its realm. See Name.
	Info gss.Info
	// Anonymous: the request did not authenticate, and Auth.Optional let it in.
	Anonymous bool
	// Context is the established context, for message protection and delegated
	// credentials; nil where the scheme has none.
	Context gss.Context
}

// Name returns the name to greet, log and compare: for Kerberos with its realm, see
// gss.Info.Name. It is empty for an identity that is not Named.
func (id *Identity) Name() string {
	if !id.Named() {
		return ""
	}
	return id.Info.Name()
}

// Named reports whether it is somebody with a name: not who was let in anonymously, nor who
// authenticated as nobody in particular.
func (id *Identity) Named() bool { return !id.Anonymous && !id.Info.Anonymous && id.Info.Peer != "" }

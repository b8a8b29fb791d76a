package drive

import "github.com/countersign-auth/countersign/gss"

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

// Named reports whether it is somebody with a name: not who was let in anonymously, nor who
// authenticated as nobody in particular.
func (id *Identity) Named() bool { return !id.Anonymous && !id.Info.Anonymous && id.Info.Peer != "" }

package drive

import (
	"context"
	"crypto/tls"
	"sync/atomic"

	"github.com/countersign-auth/countersign/gss"
)

var lastID atomic.Uint64

// NextID returns a new number for a machine, for observers.
func NextID() uint64 { return lastID.Add(1) }

// Mutex serializes the requests on a connection. net/http reads the next request only
// after the handler has returned, but a middleware may return before the handler that
// it called.
type Mutex chan struct{}

// NewMutex returns a Mutex that is unlocked.
func NewMutex() Mutex { return make(Mutex, 1) }

// Lock waits for the turn. It reports false if the context ended first.
func (t Mutex) Lock(ctx context.Context) bool {
	select {
	case t <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// Give passes the turn on.
func (t Mutex) Unlock() { <-t }

// BindingOf returns, on a client's side, the tls-server-end-point binding of a
// connection for the certificate that the function certificate returns. If it is nil
// the binding is unavailable, which is not the same as a connection without TLS.
// Servers use [Channel.Binding].
func BindingOf(state *tls.ConnectionState, certificate func(*tls.ConnectionState) []byte) gss.Binding {
	switch {
	case state == nil:
		return gss.NoBinding()
	case certificate == nil:
		return gss.Binding{} // HTA-19
	}
	return gss.EndPoint(string(certificate(state)))
}

// PeerCertificate returns the certificate that the channel binding of a client's
// connection is computed from.
func PeerCertificate(s *tls.ConnectionState) []byte {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	return s.PeerCertificates[0].Raw // C31
}

package drive

import (
	"context"
	"crypto/tls"
	"sync/atomic"

	"github.com/countersign-auth/countersign/gss"
)

var lastID atomic.Uint64

// NextID numbers machines, for observers.
func NextID() uint64 { return lastID.Add(1) }

// Turn lets one request at a time have a connection. net/http reads the next one
// only after the handler has returned, but a handler may live on behind a
// middleware that did not wait for it.
type Turn chan struct{}

// NewTurn is a turn that nobody has.
func NewTurn() Turn { return make(Turn, 1) }

// Take waits for the turn; false if the request ended before.
func (t Turn) Take(ctx context.Context) bool {
	select {
	case t <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// Give hands it on.
func (t Turn) Give() { <-t }

// BindingOf returns, on a client's side, the tls-server-end-point binding of a
// connection for the certificate that certificate finds in its state (C31). TLS
// without it is unavailable, never none (HTA-19). Servers use [Channel.Binding].
func BindingOf(state *tls.ConnectionState, certificate func(*tls.ConnectionState) []byte) gss.Binding {
	switch {
	case state == nil:
		return gss.NoBinding()
	case certificate == nil:
		return gss.Binding{}
	}
	return gss.EndPoint(string(certificate(state)))
}

// PeerCertificate is what channel bindings are made of on a client's side (C31).
func PeerCertificate(s *tls.ConnectionState) []byte {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	return s.PeerCertificates[0].Raw
}

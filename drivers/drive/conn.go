package drive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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

// Binder knows the channel binding of one connection, once its TLS handshake is
// over: that is, with its first request.
type Binder struct {
	known bool
	b     gss.Binding
}

// Binding is that of the connection with this state.
func (x *Binder) Binding(state *tls.ConnectionState, certificate func(*tls.ConnectionState) []byte) gss.Binding {
	if !x.known {
		x.b, x.known = BindingOf(state, certificate), true
	}
	return x.b
}

// BindingOf is tls-server-end-point for the certificate that was served (C31).
// TLS without it is unavailable, never none (HTA-19).
func BindingOf(state *tls.ConnectionState, certificate func(*tls.ConnectionState) []byte) gss.Binding {
	switch {
	case state == nil:
		return gss.NoBinding()
	case certificate == nil:
		return gss.Binding{}
	}
	return gss.EndPoint(string(certificate(state)))
}

// Served tells which certificate was shown on a connection, for servers with a fixed list of
// certificates. A single one was served whatever was asked for. Of several it was
// the one whose names match the server name that the client asked for; if that
// is not exactly one, nobody can say, and the binding is unavailable.
func Served(certificates ...tls.Certificate) func(*tls.ConnectionState) []byte {
	if len(certificates) == 1 && len(certificates[0].Certificate) > 0 {
		der := certificates[0].Certificate[0]
		return func(*tls.ConnectionState) []byte { return der }
	}
	var leaves []*x509.Certificate
	for _, c := range certificates {
		if len(c.Certificate) == 0 {
			continue
		}
		if leaf, err := x509.ParseCertificate(c.Certificate[0]); err == nil {
			leaves = append(leaves, leaf)
		}
	}
	return func(state *tls.ConnectionState) []byte {
		var der []byte
		for _, leaf := range leaves {
			if state.ServerName == "" || leaf.VerifyHostname(state.ServerName) != nil {
				continue
			}
			if der != nil {
				return nil
			}
			der = leaf.Raw
		}
		return der
	}
}

// PeerCertificate is what channel bindings are made of on a client's side (C31).
func PeerCertificate(s *tls.ConnectionState) []byte {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	return s.PeerCertificates[0].Raw
}

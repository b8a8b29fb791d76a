package nethttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"

	"github.com/countersign-auth/countersign/gss"
)

var lastID atomic.Uint64

// nextID numbers machines, for observers.
func nextID() uint64 { return lastID.Add(1) }

// turn lets one request at a time have a connection. net/http reads the next one
// only after the handler has returned, but a handler may live on behind a
// middleware that did not wait for it.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn; false if the request ended before.
func (t turn) take(ctx context.Context) bool {
	select {
	case t <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t turn) give() { <-t }

// binder knows the channel binding of one connection, once its TLS handshake is
// over: that is, with its first request.
type binder struct {
	known bool
	b     gss.Binding
}

func (x *binder) binding(state *tls.ConnectionState, certificate func(*tls.ConnectionState) []byte) gss.Binding {
	if !x.known {
		x.b, x.known = bindingOf(state, certificate), true
	}
	return x.b
}

// bindingOf is tls-server-end-point for the certificate that was served (C31).
// TLS without it is unavailable, never none (HTA-19).
func bindingOf(state *tls.ConnectionState, certificate func(*tls.ConnectionState) []byte) gss.Binding {
	switch {
	case state == nil:
		return gss.NoBinding()
	case certificate == nil:
		return gss.Binding{}
	}
	return gss.EndPoint(string(certificate(state)))
}

// Served is for [ServerConfig].Certificate, for servers with a fixed list of
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

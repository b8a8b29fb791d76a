package drive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// Certificates are the certificates that a server may show, for servers that do not
// know which of them a connection showed: a login is compared with each of them. They
// are made by [CertificatesOf] and [CertificatesFrom]. With the zero Certificates the bindings of TLS
// connections are unavailable, and logins bound to other servers' certificates are
// admitted, unless the connections come from a configuration of [BindTLS].
type Certificates struct {
	opaque[Certificates] // no output shows what is in it

	binding gss.Binding
	err     error
}

// CertificatesOf returns the certificates of a server with a fixed list of them: all that it
// shows, whatever clients ask for. If certificates are renewed while the server runs,
// also list the old one for as long as connections and tickets of it are valid, or use
// [BindTLS].
//
// An empty list and an invalid certificate are errors, which are returned by the
// constructor that receives the Certificates.
func CertificatesOf(list ...tls.Certificate) Certificates {
	if len(list) == 0 {
		return Certificates{binding: gss.Undefined(), err: misuse.Errorf("drive", "no certificate to bind to: list all certificates that the server shows")}
	}
	bindings := make([]gss.Binding, len(list))
	for i, c := range list {
		if err := readable(c); err != nil {
			return Certificates{binding: gss.Undefined(), err: misuse.Errorf("drive", "certificate %d of %d cannot be bound to: %v", i+1, len(list), err)}
		}
		bindings[i] = endPoint(c)
	}
	among, err := gss.BindingAmong(bindings...) // BIND-1
	return Certificates{binding: among, err: err}
}

// CertificatesFrom returns the certificates that a server with this configuration shows. With
// GetCertificate or GetConfigForClient they cannot be known, which is an error as with
// [CertificatesOf]; use [BindTLS] then.
func CertificatesFrom(c *tls.Config) Certificates {
	switch {
	case c == nil:
		return CertificatesOf()
	case c.GetCertificate != nil || c.GetConfigForClient != nil: // BIND-3
		return Certificates{binding: gss.Undefined(), err: misuse.Errorf("drive", "the certificates of a tls.Config with GetCertificate or GetConfigForClient are not known in advance: use BindTLS, which records the one of each connection")}
	}
	return CertificatesOf(allOf(c)...)
}

// Err returns why the certificates cannot be bound to, a gss.Misuse, nil if they can.
func (c Certificates) Err() error { return c.err }

// Undefined reports whether no client can be bound to any of the certificates (RFC 5929
// section 4.1), as is the case if they are signed with Ed25519. Bindings cannot be
// required of clients then.
func (c Certificates) Undefined() bool { return c.binding == gss.Undefined() }

// allOf returns the fixed certificates of a configuration.
func allOf(c *tls.Config) []tls.Certificate {
	list := c.Certificates[:len(c.Certificates):len(c.Certificates)]
	//lint:ignore SA1019 crypto/tls still uses it
	for _, named := range c.NameToCertificate {
		list = append(list, *named)
	}
	return list
}

// readable returns an error if the certificate that c shows is missing or invalid.
func readable(c tls.Certificate) error {
	if len(c.Certificate) == 0 {
		return errors.New("it is empty")
	}
	_, err := x509.ParseCertificate(c.Certificate[0])
	return err
}

// endPoint returns the binding of a channel on which the server shows c.
func endPoint(c tls.Certificate) gss.Binding {
	if len(c.Certificate) == 0 {
		return gss.Undefined()
	}
	if b := gss.EndPoint(string(c.Certificate[0])); b != (gss.Binding{}) {
		return b
	}
	return gss.Undefined()
}

// BindingOf returns, on a client's side, the tls-server-end-point binding of a connection
// with the TLS state, which is nil without TLS. If the server showed no certificate the
// binding is unavailable, which is not the same as a connection without TLS.
// Servers use [Channel.Binding].
func BindingOf(state *tls.ConnectionState) gss.Binding {
	switch {
	case state == nil:
		return gss.NoBinding()
	case len(state.PeerCertificates) == 0:
		return gss.Binding{} // HTA-19
	}
	return gss.EndPoint(string(state.PeerCertificates[0].Raw)) // C31
}

// Channel records which certificate a connection showed, if its TLS configuration was
// made by [BindTLS]. A driver makes one for each connection with [WithChannel] or
// [NoteListener]. All methods may be called on a nil Channel, in which nothing is
// recorded, and by several goroutines at once.
type Channel struct {
	mu      sync.Mutex
	shown   noted // in a full handshake, if there was one
	resumed noted // in the handshake of the session in the last ticket
}

// noted is a binding that may be unknown.
type noted struct {
	known   bool
	binding gss.Binding
}

// Binding returns the channel binding of a server's connection with the TLS state,
// which is nil without TLS: that of the certificate which this connection showed, if
// [BindTLS] recorded it, otherwise one that matches any certificate in served. A nil
// Channel has recorded nothing.
func (c *Channel) Binding(state *tls.ConnectionState, served Certificates) gss.Binding {
	if state == nil {
		return gss.NoBinding()
	}
	if b, ok := c.of(state.DidResume); ok {
		return b
	}
	return served.binding
}

// of returns the binding recorded for a connection that resumed a session or did not.
// It reports false if none is recorded.
func (c *Channel) of(resumed bool) (gss.Binding, bool) {
	if c == nil {
		return gss.Binding{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	is := c.shown
	if resumed { // its client has the certificate of the session (RFC 8446 section 2.2, RFC 5246 section 7.3)
		is = c.resumed
	}
	if !is.known && (c.shown.known || c.resumed.known) { // unreachable
		return gss.Undefined(), true
	}
	return is.binding, is.known
}

func (c *Channel) note(b gss.Binding, resumed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if resumed {
		c.resumed = noted{true, b}
	} else {
		c.shown = noted{true, b}
	}
}

type channelKey struct{}

// WithChannel returns a context with a Channel, or ctx itself if it has one. It is for
// the context that a connection's TLS handshake and its requests have in common.
func WithChannel(ctx context.Context) context.Context {
	if ChannelFrom(ctx) != nil {
		return ctx
	}
	return context.WithValue(ctx, channelKey{}, new(Channel))
}

// ChannelFrom returns the Channel in the context of a connection or request, nil if
// there is none.
func ChannelFrom(ctx context.Context) *Channel {
	c, _ := ctx.Value(channelKey{}).(*Channel)
	return c
}

// NoteListener returns a listener with a [Channel] for each connection, which
// [ChannelOf] returns. It is for libraries without a context for connections. Pass it
// directly to tls.NewListener, or to a function that calls it.
func NoteListener(l net.Listener) net.Listener { return noteListener{l} }

type noteListener struct{ net.Listener }

// Accept implements net.Listener.
func (l noteListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &noteConn{Conn: c}, nil
}

// noteConn is a connection below TLS with its Channel.
type noteConn struct {
	net.Conn
	channel Channel
}

// ChannelOf returns the Channel of a connection accepted by a [NoteListener], otherwise
// nil. It also looks below TLS.
func ChannelOf(c net.Conn) *Channel {
	for range 4 { // nested wrappers
		switch below := c.(type) {
		case *noteConn:
			return &below.channel
		case interface{ NetConn() net.Conn }:
			c = below.NetConn()
		default:
			return nil
		}
	}
	return nil
}

// BindTLS returns a copy of a server's TLS configuration that records, for each
// connection, which certificate it showed, so that a login is compared with this one
// alone. This works with several certificates, with GetCertificate and
// GetConfigForClient, with no server name or an unknown one, after a renewal, and on
// resumed sessions: a client that resumes a session saw the certificate of the full
// handshake, so that its hash is stored in the session's ticket. Tickets without such a
// hash are not resumed.
//
// The connection needs a [Channel] to record the certificate in. In a server of
// net/http it is set by ConnContext of package nethttp's Authenticator or by Install of
// its Proxy, in an HTTP/3 server by package http3's ConnContext, in other servers by
// [NoteListener] or [WithChannel]. Without a Channel the handshake fails, because
// logins on the connection could not be bound.
//
// The copy has ticket keys of its own, which crypto/tls makes and rotates. Keys that
// were set on c before are kept, and SetSessionTicketKeys may be called on the copy at
// any time. A configuration returned by GetConfigForClient uses its own keys: its
// sessions are resumed only if it is the same *tls.Config each time, or has keys set.
// WrapSession and UnwrapSession of c are called as before. Set NextProtos on c, or on
// the copy before it serves.
//
// The error is a gss.Misuse and says what is wrong with c: it has no certificate, or an
// invalid one.
func BindTLS(c *tls.Config) (*tls.Config, error) {
	if c == nil || len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return nil, misuse.Errorf("drive", "BindTLS: the tls.Config has no certificate and no function that returns one; set Certificates or GetCertificate")
	}
	for i, own := range c.Certificates {
		if err := readable(own); err != nil {
			return nil, misuse.Errorf("drive", "BindTLS: certificate %d of %d cannot be bound to: %v", i+1, len(c.Certificates), err)
		}
	}
	bound, choose := c.Clone(), c.GetConfigForClient
	bound.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		channel, err := placeFor(hello)
		if err != nil {
			return nil, err
		}
		from := bound
		if choose != nil {
			switch chosen, err := choose(hello); {
			case err != nil:
				return nil, err
			case chosen != nil:
				from = chosen
			}
		}
		return channel.config(from), nil
	}
	return bound, nil
}

// placeFor returns the Channel of the connection that a handshake is for.
func placeFor(hello *tls.ClientHelloInfo) (*Channel, error) {
	ctx := hello.Context()
	if ctx == nil { // not called by a handshake
		ctx = context.Background()
	}
	if c := ChannelFrom(ctx); c != nil {
		return c, nil
	}
	// A request of net/http has no connection, but a context.
	if ctx.Value(http.ServerContextKey) == nil && hello.Conn != nil {
		if c := ChannelOf(hello.Conn); c != nil {
			return c, nil
		}
	}
	return nil, errors.New("drive: BindTLS: the connection has no Channel to record its certificate in, so that its logins could not be bound: set http.Server.ConnContext, call Install, or use drive.NoteListener, see drive.BindTLS")
}

// config returns a copy of from, for one connection, that records which certificate it
// shows.
func (c *Channel) config(from *tls.Config) *tls.Config {
	conf := from.Clone()
	conf.GetConfigForClient = nil
	// Certificates must be empty, since otherwise GetCertificate is called only if
	// there is a server name.
	//lint:ignore SA1019 crypto/tls still uses it
	conf.Certificates, conf.NameToCertificate = nil, nil
	conf.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := certificateFor(from, hello)
		if cert != nil && err == nil {
			c.note(endPoint(*cert), false) // BIND-2
		}
		return cert, err
	}
	wrap, unwrap := from.WrapSession, from.UnwrapSession
	if wrap == nil {
		wrap = from.EncryptTicket
	}
	if unwrap == nil {
		unwrap = from.DecryptTicket
	}
	conf.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		b, ok := c.of(state.DidResume)
		if ok {
			session.Extra = append(session.Extra, extra(b))
		}
		return wrap(state, session)
	}
	conf.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := unwrap(ticket, state)
		if err != nil || session == nil {
			return session, err
		}
		b, ok := fromExtra(session.Extra)
		if !ok { // of another configuration: a full handshake
			return nil, nil
		}
		// A ticket may be opened but not used, because of its age or cipher suite.
		// crypto/tls then continues with the next one or with a full handshake, so that
		// a resumed session is that of the ticket that was opened last.
		c.note(b, true)
		return session, nil
	}
	return conf
}

// certificateFor returns the certificate that crypto/tls chooses with a configuration:
// by name, then by what the client can verify, otherwise the first one. It returns nil
// if there is none.
func certificateFor(c *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.GetCertificate != nil && (len(c.Certificates) == 0 || hello.ServerName != "") {
		if cert, err := c.GetCertificate(hello); cert != nil || err != nil {
			return cert, err
		}
	}
	if len(c.Certificates) == 0 {
		return nil, nil
	}
	if len(c.Certificates) == 1 {
		return &c.Certificates[0], nil
	}
	if name := strings.ToLower(hello.ServerName); name != "" {
		_, parent, _ := strings.Cut(name, ".")
		for _, name := range [...]string{name, "*." + parent} {
			//lint:ignore SA1019 crypto/tls still uses it
			if cert, ok := c.NameToCertificate[name]; ok {
				return cert, nil
			}
		}
	}
	for i := range c.Certificates {
		if hello.SupportsCertificate(&c.Certificates[i]) == nil {
			return &c.Certificates[i], nil
		}
	}
	return &c.Certificates[0], nil
}

// extraPrefix begins the entry in a session's ticket that holds the binding of its
// client. The binding's application data follow, or nothing if no binding is defined.
// The last byte is a version.
const extraPrefix = "countersign channel\x01"

func extra(b gss.Binding) []byte {
	data, _ := b.Data()
	return []byte(extraPrefix + data)
}

// fromExtra returns the binding in the entries of a ticket, if there is one.
func fromExtra(entries [][]byte) (gss.Binding, bool) {
	for _, e := range entries {
		if data, ok := strings.CutPrefix(string(e), extraPrefix); ok {
			if data == "" {
				return gss.Undefined(), true
			}
			return gss.BindingOf(data), true
		}
	}
	return gss.Binding{}, false
}

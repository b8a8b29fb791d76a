package drive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/gss"
)

// Certificates are those that a server may show, for a server that does not know
// which of them a connection showed: a login is compared with each of them
// (BIND-1). [Served] and [ServedBy] make them. With the zero Certificates the
// bindings of TLS connections are unavailable, and logins that are bound to other
// servers' certificates are admitted, unless the connections come from a
// configuration of [BindTLS].
type Certificates struct {
	binding gss.Binding
	err     error
}

// Served returns the certificates of a server with a fixed list of them: all that
// it shows, whatever clients ask for. Where certificates are renewed while the
// server runs, list the old one too for as long as connections and tickets of it
// live, or use [BindTLS].
//
// A list that is empty, or that holds what is no certificate, is an error, which
// the constructor that the Certificates are handed to returns.
func Served(list ...tls.Certificate) Certificates {
	if len(list) == 0 {
		return Certificates{gss.Undefined(), errors.New("drive: there is no certificate to bind to: list all those that the server shows")}
	}
	bindings := make([]gss.Binding, len(list))
	for i, c := range list {
		if err := readable(c); err != nil {
			return Certificates{gss.Undefined(), fmt.Errorf("drive: certificate %d of %d cannot be bound to: %w", i+1, len(list), err)}
		}
		bindings[i] = endPoint(c)
	}
	among, err := gss.BindingAmong(bindings...)
	return Certificates{among, err}
}

// ServedBy returns the certificates that a server with this configuration shows.
// With GetCertificate or GetConfigForClient they cannot be known, which is an
// error as with [Served]; use [BindTLS] then.
func ServedBy(c *tls.Config) Certificates {
	switch {
	case c == nil:
		return Served()
	case c.GetCertificate != nil || c.GetConfigForClient != nil: // BIND-3
		return Certificates{gss.Undefined(), errors.New("drive: which certificates a tls.Config with GetCertificate or GetConfigForClient shows cannot be known: use BindTLS, which notes it for each connection")}
	}
	return Served(allOf(c)...)
}

// Err returns why the certificates cannot be bound to, nil if they can.
func (c Certificates) Err() error { return c.err }

// Undefined reports whether no client can be bound to any of the certificates
// (RFC 5929 section 4.1), as with those that are signed by Ed25519. Bindings cannot
// be required of clients then.
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

// readable reports what is wrong with the certificate that c shows.
func readable(c tls.Certificate) error {
	if len(c.Certificate) == 0 {
		return errors.New("it is empty")
	}
	_, err := x509.ParseCertificate(c.Certificate[0])
	return err
}

// endPoint returns the binding of a channel whose server shows c.
func endPoint(c tls.Certificate) gss.Binding {
	if len(c.Certificate) == 0 {
		return gss.Undefined()
	}
	if b := gss.EndPoint(string(c.Certificate[0])); b != (gss.Binding{}) {
		return b
	}
	return gss.Undefined()
}

// Channel is where a TLS configuration made by [BindTLS] notes which certificate a
// connection showed. A driver makes one for each connection, by [WithChannel] or
// [NoteListener]. All methods may be called on a nil Channel, which knows nothing,
// and by several goroutines at once.
type Channel struct {
	mu      sync.Mutex
	shown   noted // by a full handshake, if there was one
	resumed noted // by the handshake whose session the last ticket held
}

// noted is a binding, if it is known.
type noted struct {
	known   bool
	binding gss.Binding
}

// Binding returns the channel binding of a server's connection, whose TLS state is
// nil if there is no TLS (C30, C31): that of the certificate which this very
// connection showed where [BindTLS] noted it, else one among served.
func (c *Channel) Binding(state *tls.ConnectionState, served Certificates) gss.Binding {
	if state == nil {
		return gss.NoBinding()
	}
	if b, ok := c.of(state.DidResume); ok {
		return b
	}
	return served.binding
}

// of returns what is noted, for a connection that resumed a session or that did
// not. It reports false if nothing is.
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
	if !is.known && (c.shown.known || c.resumed.known) { // cannot be
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

// WithChannel returns a context with a Channel, ctx itself if it has one. It is for
// the context that a connection's TLS handshake and its requests have in common.
func WithChannel(ctx context.Context) context.Context {
	if ChannelFrom(ctx) != nil {
		return ctx
	}
	return context.WithValue(ctx, channelKey{}, new(Channel))
}

// ChannelFrom returns the Channel of a connection's or a request's context, nil if
// there is none.
func ChannelFrom(ctx context.Context) *Channel {
	c, _ := ctx.Value(channelKey{}).(*Channel)
	return c
}

// NoteListener returns a listener whose connections each have a [Channel], which
// [ChannelOf] finds, for libraries that have no context for a connection. Hand it
// to tls.NewListener, or to what calls that, without another one in between.
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

// noteConn is a connection below TLS with its note.
type noteConn struct {
	net.Conn
	channel Channel
}

// ChannelOf returns the Channel of a connection of [NoteListener], nil if it is
// none. It looks below TLS.
func ChannelOf(c net.Conn) *Channel {
	for range 4 { // wrappers within wrappers
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

// BindTLS returns a copy of a server's TLS configuration that notes, for each
// connection, which certificate it showed, so that a login is compared with this
// one alone (BIND-2). That holds with several certificates, with GetCertificate and
// GetConfigForClient, without a server name or with an unknown one, after a renewal,
// and on resumed sessions: a client that resumes one has the certificate of the
// handshake that began it, so its hash is kept in the session's ticket, and tickets
// without it are not resumed.
//
// The connection needs a place for the note: a server of net/http has it by the
// ConnContext of package nethttp's Authenticator or by its Proxy's Install, one of
// HTTP/3 by package http3's ConnContext, any other one by [NoteListener] or
// [WithChannel]. Where there is none the handshake fails, rather than that logins go
// unbound (BIND-3).
//
// The copy has ticket keys of its own, which crypto/tls makes and rotates; those
// that were set on c before are kept, and SetSessionTicketKeys may be called on the
// copy at any time. A configuration that GetConfigForClient returns uses its own
// keys, so that its sessions are only resumed if it is the same *tls.Config each
// time, or has keys set. WrapSession and UnwrapSession of c are called as before.
// Set NextProtos on c, or on the copy before it serves.
//
// The error says what is wrong with c: no certificates at all, or one that cannot
// be read.
func BindTLS(c *tls.Config) (*tls.Config, error) {
	if c == nil || len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return nil, errors.New("drive: BindTLS: the tls.Config has no certificate, and nothing to get one from")
	}
	for i, own := range c.Certificates {
		if err := readable(own); err != nil {
			return nil, fmt.Errorf("drive: BindTLS: certificate %d of %d cannot be bound to: %w", i+1, len(c.Certificates), err)
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

// placeFor finds the Channel of the connection that a handshake is on.
func placeFor(hello *tls.ClientHelloInfo) (*Channel, error) {
	ctx := hello.Context()
	if ctx == nil { // not of a handshake
		ctx = context.Background()
	}
	if c := ChannelFrom(ctx); c != nil {
		return c, nil
	}
	// A request of net/http is not seen with its connection, but with its context.
	if ctx.Value(http.ServerContextKey) == nil && hello.Conn != nil {
		if c := ChannelOf(hello.Conn); c != nil {
			return c, nil
		}
	}
	return nil, errors.New("drive: BindTLS: there is no place to note which certificate this connection shows, so its logins could not be bound: set http.Server.ConnContext, call Install, or use drive.NoteListener, see drive.BindTLS")
}

// config returns a copy of from, for one connection, that notes what it shows.
func (c *Channel) config(from *tls.Config) *tls.Config {
	conf := from.Clone()
	conf.GetConfigForClient = nil
	// GetCertificate is only asked if there are no others, or if there is a name.
	//lint:ignore SA1019 crypto/tls still uses it
	conf.Certificates, conf.NameToCertificate = nil, nil
	conf.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := certificateFor(from, hello)
		if cert != nil && err == nil {
			c.note(endPoint(*cert), false)
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
		// A ticket may be opened and not be used, for its age or its cipher suite.
		// crypto/tls goes on with the next one or with a full handshake, so that where
		// a session is resumed it is that of the last one opened.
		c.note(b, true)
		return session, nil
	}
	return conf
}

// certificateFor returns the certificate that crypto/tls chooses with a
// configuration, nil if there is none: the name, then what the client can verify,
// then the first one.
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

// extraPrefix begins the entry of a session's ticket that says to which
// certificate its client is bound; the binding's application data follow, or
// nothing where none is defined. The last byte is a version.
const extraPrefix = "countersign channel\x01"

func extra(b gss.Binding) []byte {
	data, _ := b.Data()
	return []byte(extraPrefix + data)
}

// fromExtra finds the entry in those of a ticket.
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

package nethttp

import (
	"cmp"
	"context"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/internal/deadline"
	"github.com/countersign-auth/countersign/drivers/internal/serverlimits"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/machine"
)

// The defaults of a [ServerConfig].
const (
	defaultMaxDrain  = 1 << 20
	defaultMaxBody   = 1 << 20
	defaultDrainTime = 10 * time.Second
)

// ServerConfig configures an [Authenticator].
type ServerConfig struct {
	opaque[ServerConfig] // no output shows what is in it

	// Auth configures the schemes and the policy. Auth.Schemes is required.
	Auth machine.ServerConfig
	// Source answers the schemes' questions: users, verdicts, replay checks. It is
	// called with the request's context. A nil Source declines every question, so that
	// every scheme that asks one rejects all clients.
	Source answer.Source
	// Certificate lists the certificates that this server may show (see drive.CertificatesOf).
	// Channel bindings are computed from them, and crypto/tls does not tell which one a
	// connection showed. With a TLS configuration made by drive.BindTLS a login is
	// compared with the certificate that the connection showed, on others with each of
	// the list. Without either the binding of a TLS connection is unavailable, and
	// bound logins are admitted whatever they are bound to.
	Certificate drive.Certificates
	// SharedFront reports whether a request came from an intermediary that sends the
	// requests of several clients on one connection. Requests with Via, Forwarded,
	// X-Forwarded-For or X-Real-Ip are always treated so. No identity is kept for them
	// unless Auth.PinnedFront is set.
	SharedFront func(*http.Request) bool
	// Session, if not nil, keeps logins in sealed cookies: a request with one needs no
	// credentials. See package session.
	Session *session.Config
	// AnyScheme accepts requests with another scheme in their absolute form than that
	// of their connection, as a front server that terminates TLS may send them. Without
	// it such requests are answered with 421 (Misdirected Request). The connection's
	// scheme is used in either case.
	AnyScheme bool
	// MaxDrain bounds, in bytes, how much of a request's body is read and discarded
	// before the challenge for another leg, so that the handshake's connection is kept;
	// net/http itself closes a connection with more than 256 KiB unread. 0 means
	// 1 MiB.
	MaxDrain int64
	// DrainTime bounds how long to wait for the rest of a request's body if the request
	// is answered without its handler; a shorter Limits.Request takes precedence. When
	// the time is over the connection is closed. It is not used if
	// http.Server.ReadTimeout, which bounds the whole request, was not set by Install.
	// 0 means 10 seconds.
	DrainTime time.Duration
	// MaxBody bounds, in bytes, the request and response bodies that are held in memory
	// for Digest's qop=auth-int. A request with a longer body is refused; a longer
	// response is sent without proof. 0 means 1 MiB.
	MaxBody int64
	// Limits bounds what unauthenticated clients may cost, on servers prepared by
	// Install.
	Limits drive.Limits
	// Log, if not nil, is called with the result of each request, after its handler.
	Log func(*http.Request, drive.Result)
	// Observer, if not nil, is called for every step of every machine.
	Observer drive.Observer
}

// Authenticator is server middleware that rejects unauthenticated requests. It must be
// made by [NewAuthenticator]; the zero Authenticator refuses every request with 500.
//
// Install prepares the http.Server for it:
//
//	server := &http.Server{Handler: auth.Wrap(app)}
//	auth.Install(server)
//
// Without Install the server has only the limits that were set on it, by default none.
// Without ConnContext, which Install sets, requests are not associated with
// connections: a connection-bound scheme is not offered (500 if there is no other), and
// a handshake cannot go beyond its first leg. If such a scheme is configured, the first
// request without a connection is reported once, to http.Server.ErrorLog. HTTP/2 requests are not associated with
// connections either; there connection-bound schemes are still offered, for clients
// that then retry over HTTP/1.1.
type Authenticator struct {
	opaque[Authenticator] // no output shows what is in it

	conf     *ServerConfig
	server   drive.Server
	sessions *session.Sessions
	apart    sync.Once // guards the message about a missing Install
}

// NewAuthenticator returns an Authenticator. The error is a gss.Misuse and says what in the
// configuration cannot work.
func NewAuthenticator(c ServerConfig) (*Authenticator, error) {
	if err := cmp.Or(
		c.Certificate.Err(),
		misuse.NotNegative("nethttp", "ServerConfig.MaxDrain", c.MaxDrain),
		misuse.NotNegative("nethttp", "ServerConfig.DrainTime", c.DrainTime),
		misuse.NotNegative("nethttp", "ServerConfig.MaxBody", c.MaxBody),
		serverlimits.Check("nethttp", "ServerConfig.Limits", c.Limits),
	); err != nil {
		return nil, err
	}
	server, err := drive.NewServer(c.Auth, c.Observer)
	if err != nil {
		return nil, err
	}
	sessions, err := session.New(c.Session, entropy.Env())
	if err != nil {
		return nil, err
	}
	if c.MaxDrain == 0 {
		c.MaxDrain = defaultMaxDrain
	}
	c.DrainTime = drainTime(c.DrainTime, c.Limits)
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	return &Authenticator{conf: &c, server: server, sessions: sessions}, nil
}

// serverKey is the context key of a connection's state. Each Authenticator has its own.
type serverKey struct{ *Authenticator }

// Install prepares a server for a handler returned by Wrap. Call it after the server's
// fields are set and before the server serves.
//
//   - It sets ConnContext, and calls the function that was set before.
//   - It sets ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout and
//     MaxHeaderBytes to [ServerConfig].Limits where they are 0. If it set ReadTimeout
//     and WriteTimeout, they are lifted for requests that Wrap passes on with a named
//     identity. The handler of other requests can extend them by
//     http.ResponseController.
//   - It sets Protocols to HTTP/1.1 alone if it is nil and a scheme may be bound to its
//     connection: NTLM, and Negotiate with NTLM among its mechanisms. Over HTTP/2
//     their handshakes cannot complete, and not all clients that prefer HTTP/2 (curl)
//     retry over HTTP/1.1. If another server, on HTTP/1.1, handles these logins, set
//     Protocols.
func (a *Authenticator) Install(s *http.Server) {
	if a == nil || a.conf == nil { // refuses every request
		return
	}
	before := s.ConnContext
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return a.ConnContext(ctx, c)
	}
	guard(s, a.conf.Limits, a.server.NeedsConnection)
}

// ConnContext returns a context with the authentication state of a connection and the
// Channel in which drive.BindTLS records its certificate. Install sets it as
// http.Server.ConnContext; a server with limits of its own may set it or call it from
// its own function. The state is discarded with the connection.
func (a *Authenticator) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(drive.WithChannel(ctx), serverKey{a}, a.server.Connection())
}

// conn returns the state that r belongs to. HTTP/2 and HTTP/3 run the streams of a
// connection concurrently, so that no request continues another one's handshake
// (HTA-4). HTTP/3 clients have no HTTP/1.1 connection to retry on.
func (a *Authenticator) conn(r *http.Request) *drive.ServerConn {
	c, ok := r.Context().Value(serverKey{a}).(*drive.ServerConn)
	switch {
	case r.ProtoMajor == 2:
		c = a.server.Stream()
	case !ok || r.ProtoMajor > 2:
		if r.ProtoMajor < 2 && a.server.NeedsConnection {
			a.apart.Do(func() { notInstalled(r) })
		}
		c = a.server.Detached()
	}
	return c
}

// notInstalled says that an Authenticator does not know the connections of its server.
func notInstalled(r *http.Request) {
	const text = "nethttp: a request came without the state of its connection, so that no connection-bound scheme (NTLM, or Negotiate with NTLM) " +
		"is offered: pass the http.Server to Authenticator.Install before it serves"
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
		s.ErrorLog.Print(text)
		return
	}
	log.Print(text)
}

// Wrap returns a handler that calls next for authenticated requests and, with
// Auth.Optional, for requests without credentials. [IdentityFrom] returns the identity
// to next.
//
// The Authenticator sets the response fields Persistent-Auth and Authentication-Info
// and the challenges of the configured schemes: what next sets there is removed. So it does
// with the cookie of [ServerConfig].Session; see package session for its Cache-Control.
// Challenges of other schemes are kept. A 401 response of next becomes a challenge. The
// request keeps its Authorization field and the session's cookie; handlers must not log them,
// nor send them to another server.
//
// If next returns without a response, none is sent: the header has the fields of a
// response with status 200, which net/http sends if nothing else does. A framework that
// renders errors after its middleware may still send another status through the writer
// that next was called with; the fields then become those of that status, and a 401
// becomes a challenge. A status that it sends through a writer of its own is not seen: the
// fields stay those of a 200, and a 401 is no challenge. [Authenticator.Begin] is for such
// frameworks. Log is called when next has returned, before a response that is sent later.
func (a *Authenticator) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if next == nil { // refuse every request
			plain(w, http.StatusInternalServerError)
			return
		}
		v := a.Begin(w, r)
		if v.nested {
			next.ServeHTTP(w, r)
			return
		}
		defer v.End()
		if v.Refused() {
			v.Refuse()
			return
		}
		v.serve(next)
	})
}

// passedKey marks requests that an Authenticator has passed on.
type passedKey struct{ *Authenticator }

func (a *Authenticator) sharedFront(r *http.Request) bool {
	return a.conf.SharedFront != nil && a.conf.SharedFront(r) || forwarded(r.Header)
}

// forwarded reports whether the fields show an intermediary. Not all intermediaries
// send Via.
func forwarded(h http.Header) bool {
	for _, field := range [...]string{"Via", "Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if len(h[field]) > 0 {
			return true
		}
	}
	return false
}

// writeReply answers a request without its handler. Another leg of a handshake needs
// the same connection: see [ServerConfig].MaxDrain. The rest of the body is read by
// net/http, which bounds its size but not the time. The deadline set here covers both,
// and ends with the request.
func writeReply(w http.ResponseWriter, r *http.Request, act machine.Reply, maxDrain int64, within time.Duration) {
	s, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	bounded := ok && s.ReadTimeout > 0 && !deadline.From(r.Context()).Read
	if r.Body != nil && r.Body != http.NoBody && !bounded { // RELAY-6
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(within))
	}
	if act.Fault.IsZero() && !act.Close {
		drive.Drain(r.Body, maxDrain)
	}
	hop.ApplyReply(w.Header(), act)
	withoutConnection(w.Header(), r)
	http.Error(w, drive.ReplyText(act, http.StatusText(act.Status)), act.Status)
}

// withoutConnection removes the field Connection, which HTTP/3 forbids (RFC 9114
// section 4.2). For HTTP/2 net/http removes it.
func withoutConnection(h http.Header, r *http.Request) {
	if r.ProtoMajor > 2 {
		h.Del("Connection")
	}
}

// plain writes a response with no more than its status.
func plain(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}

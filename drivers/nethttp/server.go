package nethttp

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// The default bounds of a [ServerConfig], in bytes.
const (
	DefaultMaxDrain = 1 << 20
	DefaultMaxBody  = 1 << 20
)

// DefaultDrainTime bounds how long the rest of a request's body is waited for.
const DefaultDrainTime = 10 * time.Second

// ServerConfig configures an [Authenticator].
type ServerConfig struct {
	_ struct{}

	// Auth are the schemes and the policy. Auth.Schemes is required.
	Auth machine.ServerConfig
	// Source answers what the schemes ask: users, verdicts, the memory of what was
	// seen. It is called with the request's context. Nil declines everything, which
	// refuses everybody whose scheme has a question.
	Source answer.Source
	// Certificate are the certificates that this server may show ([Served]): what
	// channel bindings are made of, and crypto/tls does not tell. Logins are compared
	// with each of them, on connections whose TLS configuration is not of
	// drive.BindTLS; on others with the one that the connection showed. Without
	// either the binding of a TLS connection is unavailable (HTA-19), and bound
	// logins are admitted whatever they are bound to.
	Certificate drive.Certificates
	// SharedFront tells that a request came from an intermediary that carries
	// several clients' requests on one connection. Requests with Via, Forwarded,
	// X-Forwarded-For or X-Real-Ip are taken for such ones in any case, and no
	// identity is kept for them (HTA-18) unless Auth.PinnedFront says that it may.
	SharedFront func(*http.Request) bool
	// AnyScheme takes requests whose absolute form names another scheme than their
	// connection has, as a front that ends TLS may send them. Otherwise they are
	// answered with 421 (Misdirected Request). The scheme that counts is the
	// connection's in any case.
	AnyScheme bool
	// MaxDrain bounds, in bytes, how much of a request's body is read and thrown
	// away before the challenge of a further leg, to keep the connection that the
	// handshake belongs to; net/http itself closes a connection with more than 256
	// KiB unread. 0 is DefaultMaxDrain.
	MaxDrain int64
	// DrainTime bounds how long the rest of a request's body is waited for that is
	// answered without its handler, or Limits.Request where that is shorter. The
	// connection closes when it is over. It is not used where http.Server.ReadTimeout
	// is set by another than Install, which bounds the whole request. 0 is
	// DefaultDrainTime.
	DrainTime time.Duration
	// MaxBody bounds, in bytes, the bodies that are held in memory for Digest's
	// qop=auth-int, a request's and a response's. A request with a larger one is
	// refused; a response goes out without proof. 0 is DefaultMaxBody.
	MaxBody int64
	// Limits bound what Install lets clients cost that are not authenticated.
	Limits Limits
	// Log, if not nil, is told what became of each request, after its handler.
	Log func(*http.Request, Result)
	// Observer, if not nil, sees every step of every machine.
	Observer Observer
}

// Observer sees the steps of a machine as they happen.
type Observer = drive.Observer

// Result is what became of one request.
type Result = drive.Result

// Authenticator is a server middleware that lets nobody in who does not
// authenticate. Make it with [NewAuthenticator]; the zero Authenticator refuses
// everything with 500.
//
// Install prepares the http.Server for it:
//
//	server := &http.Server{Handler: auth.Wrap(app)}
//	auth.Install(server)
//
// Without Install the server has the limits that it was given, which are none by
// default, and without ConnContext, which Install sets, no request has anything to
// do with another one: a scheme that is bound to its connection is not offered
// (500 if there is no other), and a handshake cannot go beyond its first leg. So
// it is on HTTP/2 as well, where bound schemes are still offered, to clients that
// then come back over HTTP/1.1.
type Authenticator struct {
	conf *ServerConfig
	door drive.Door
}

// NewAuthenticator makes an Authenticator. The error says what is wrong with the
// schemes, and then is a gss.Misuse, or with the certificates.
func NewAuthenticator(c ServerConfig) (*Authenticator, error) {
	if err := c.Certificate.Err(); err != nil {
		return nil, err
	}
	door, err := drive.NewDoor(c.Auth, c.Observer)
	if err != nil {
		return nil, err
	}
	if c.MaxDrain <= 0 {
		c.MaxDrain = DefaultMaxDrain
	}
	c.DrainTime = drainTime(c.DrainTime, c.Limits)
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	return &Authenticator{&c, door}, nil
}

// serverKey is where a connection's state is found in its context: each
// Authenticator has its own.
type serverKey struct{ *Authenticator }

// Install prepares a server whose handler is behind Wrap. Call it before the server
// serves, and after its fields are set.
//
//   - It sets ConnContext, on top of the one that is there.
//   - It sets ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout and
//     MaxHeaderBytes to [ServerConfig].Limits where they are 0. ReadTimeout and
//     WriteTimeout, if it set them, are lifted from requests that Wrap lets pass with a
//     name. A handler of other requests that needs longer says so by
//     http.ResponseController.
//   - It sets Protocols to HTTP/1.1 alone where it is nil and a scheme may be bound to its
//     connection: NTLM, and Negotiate with NTLM among its mechanisms. Over HTTP/2
//     their handshakes cannot end, and clients that prefer HTTP/2 (curl) do not all come
//     back over HTTP/1.1. Where another server on HTTP/1.1 takes these logins, set
//     Protocols.
func (a *Authenticator) Install(s *http.Server) {
	if a == nil || a.conf == nil { // lets nothing in
		return
	}
	before := s.ConnContext
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return a.ConnContext(ctx, c)
	}
	guard(s, a.conf.Limits, a.door.NeedsConnection)
}

// ConnContext gives a connection its authentication state, and the place where
// drive.BindTLS notes its certificate. Install sets it; a server with limits of its
// own may take it as http.Server.ConnContext, or call it from there. The state goes
// when the connection does.
func (a *Authenticator) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(drive.WithChannel(ctx), serverKey{a}, a.door.Connection())
}

// conn is the state that r belongs to. HTTP/2 runs the streams of a connection at
// the same time, so that none of them is another one's sequel (HTA-4); so does HTTP/3, whose
// clients have no HTTP/1.1 to come back on.
func (a *Authenticator) conn(r *http.Request) *drive.Guest {
	c, ok := r.Context().Value(serverKey{a}).(*drive.Guest)
	switch {
	case r.ProtoMajor == 2:
		c = a.door.Stream()
	case !ok || r.ProtoMajor > 2:
		c = a.door.Lone()
	}
	return c
}

// Wrap is next behind a door that opens for who authenticates, or with
// Auth.Optional for everybody who tries nothing else. next finds out who it was
// by [IdentityFrom].
//
// Of the response's fields, Persistent-Auth and Authentication-Info are ours, and
// so are the challenges of the configured schemes: what next writes there is
// removed. Challenges of other schemes stay beside ours. A 401 of next becomes a
// challenge. The request is passed on as it came, Authorization included: a
// handler that writes it down writes down a secret.
func (a *Authenticator) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case a == nil || a.conf == nil || next == nil: // deny all
			plain(w, http.StatusInternalServerError)
		case r.Context().Value(passedKey{a}) != nil: // a Wrap within a Wrap
			next.ServeHTTP(w, r)
		default:
			a.serve(w, r, next)
		}
	})
}

// passedKey marks requests that an Authenticator has let pass.
type passedKey struct{ *Authenticator }

func (a *Authenticator) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	c := a.conn(r)
	if !c.Enter(r.Context()) {
		plain(w, http.StatusServiceUnavailable)
		return
	}
	c.Channel = drive.ChannelFrom(r.Context())
	x := &exchange{a: a, c: c, r: r, w: w, body: heldBody{limit: a.conf.MaxBody}}
	defer x.close()
	in := incoming(r, c.Binding(r.TLS, a.conf.Certificate))
	in.AnyScheme = a.conf.AnyScheme
	q, status := in.AtOrigin() // TARGET-1, TARGET-2
	if status != 0 {
		x.reply(drive.Refusal(in, status))
		x.ended = true
		return
	}
	q.Multiplexed = q.Multiplexed || c.Alone
	act, err := x.run(machine.Received{Request: q, Header: requestHeader(r.Header), SharedFront: a.sharedFront(r)})
	switch act := act.(type) {
	case machine.Reply:
		x.reply(act)
	case machine.Accept:
		x.handle(act, next)
	default: // a misuse, or an action that no server has
		x.deny(err)
	}
	x.ended = true
}

// Served returns the certificates of a server with a fixed list of them, for
// [ServerConfig].Certificate: see drive.Served.
func Served(certificates ...tls.Certificate) drive.Certificates {
	return drive.Served(certificates...)
}

func (a *Authenticator) sharedFront(r *http.Request) bool {
	return a.conf.SharedFront != nil && a.conf.SharedFront(r) || forwarded(r.Header)
}

// forwarded reports whether an intermediary left its mark. Not all of them send
// Via.
func forwarded(h http.Header) bool {
	for _, field := range [...]string{"Via", "Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if len(h[field]) > 0 {
			return true
		}
	}
	return false
}

// exchange is one request on its way through the door.
type exchange struct {
	a      *Authenticator
	c      *drive.Guest
	r      *http.Request
	w      http.ResponseWriter
	body   heldBody
	ours   responseBody // what the handler wrote, for auth-int
	sealed bool         // the response's body belongs to its proof
	last   bool         // the machine had its last word on this response
	ended  bool         // everything went its way
	result Result
}

// run tells the machine an event, and gives the action that it came to.
func (x *exchange) run(e machine.Event) (machine.Action, error) { return x.c.Run(e, x.answerTo) }

// close ends the exchange.
func (x *exchange) close() {
	x.c.Leave(x.ended)
	if x.a.conf.Log != nil {
		x.a.conf.Log(x.r, x.result)
	}
}

// reply answers in place of the handler.
func (x *exchange) reply(act machine.Reply) {
	x.result.Status, x.result.Fault = act.Status, act.Fault
	writeReply(x.w, x.r, act, x.a.conf.MaxDrain, x.a.conf.DrainTime)
}

// writeReply answers a request without its handler. One more leg of a handshake
// needs this very connection: see [ServerConfig].MaxDrain. What is not read here of the
// body net/http reads, up to a bound of its own, and without one in time: the deadline
// is for both, and ends with the request.
func writeReply(w http.ResponseWriter, r *http.Request, act machine.Reply, maxDrain int64, within time.Duration) {
	s, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	bounded := ok && s.ReadTimeout > 0 && !liftable(r).read
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

// deny is for what cannot happen, and opens nothing if it does.
func (x *exchange) deny(err error) {
	f := gss.Fault{Code: gss.Unexpected, Detail: "nethttp: the machine gave no action that a server can do"}
	if err != nil {
		f.Detail = err.Error()
	}
	x.result.Status, x.result.Fault = http.StatusInternalServerError, f
	x.c.Reset()
	x.w.Header().Set("Connection", "close")
	withoutConnection(x.w.Header(), x.r)
	plain(x.w, http.StatusInternalServerError)
}

// handle runs the handler.
func (x *exchange) handle(act machine.Accept, next http.Handler) {
	x.result.Identity = drive.IdentityOf(act)
	if x.result.Identity.Named() {
		lift(x.w, x.r) // FRONT-3
	}
	ctx := context.WithValue(x.r.Context(), identityKey{}, &x.result.Identity)
	ctx = context.WithValue(ctx, passedKey{x.a}, true)
	r := x.r.WithContext(ctx)
	r.Body = x.body.reader(x.r.Body)
	w := &response{x: x, w: x.w, hold: x.sealed}
	next.ServeHTTP(w, r)
	w.end()
}

// finish lets the machine have the last word on a response that is about to leave
// with status.
func (x *exchange) finish(status int) {
	x.result.Status = status
	if x.last {
		return
	}
	x.last = true
	h := x.w.Header()
	h.Del("Persistent-Auth")
	h.Del("Authentication-Info")
	hop.StripChallenges(h, x.a.door.Names)
	act, err := x.run(machine.Responding{Status: status})
	if f, ok := act.(machine.Finish); ok && err == nil {
		hop.ApplyFinish(h, f)
		withoutConnection(h, x.r)
		return
	}
	x.c.Reset() // cannot happen; nobody stays logged in if it does
	h.Set("Connection", "close")
	withoutConnection(h, x.r)
}

// withoutConnection takes out what HTTP/3 has no place for (RFC 9114 section 4.2); for HTTP/2 net/http does.
func withoutConnection(h http.Header, r *http.Request) {
	if r.ProtoMajor > 2 {
		h.Del("Connection")
	}
}

// plain writes a response that says nothing beyond its status.
func plain(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}

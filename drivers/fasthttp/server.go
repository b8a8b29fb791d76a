package fasthttp

import (
	"cmp"
	"context"
	"net"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/internal/machines"
	"github.com/countersign-auth/countersign/drivers/internal/serverlimits"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/machine"
)

// The defaults of a [ServerConfig].
const (
	defaultMaxDrain = 1 << 20 // bytes
	defaultMaxBody  = 1 << 20 // bytes
	defaultTimeout  = 30 * time.Second
)

// ServerConfig configures an [Authenticator].
type ServerConfig struct {
	opaque[ServerConfig] // no output shows what is in it

	// Auth configures the schemes and the policy. Auth.Schemes is required.
	Auth machine.ServerConfig
	// Source answers the schemes' questions. A nil Source declines every question.
	Source answer.Source
	// Certificate lists the certificates that this server may show, see drive.CertificatesOf.
	// With a TLS configuration made by drive.BindTLS (which needs drive.NoteListener
	// here) a login is compared with the certificate that the connection showed,
	// otherwise with each of the list. Without either, bindings are unavailable, and
	// bound logins are admitted whatever they are bound to.
	Certificate drive.Certificates
	// SharedFront reports whether a request came from an intermediary that sends the
	// requests of several clients on one connection. Requests with Via, Forwarded,
	// X-Forwarded-For or X-Real-Ip are always treated so.
	SharedFront func(*fast.RequestCtx) bool
	// Session, if not nil, keeps logins in sealed cookies: a request with one needs no
	// credentials. See package session. Server.ReadBufferSize has to have room for the
	// cookie, which is 4 KiB at most; its default has none for one of that size.
	Session *session.Config
	// AnyScheme accepts requests with another scheme in their absolute form than that
	// of their connection, as a front server that terminates TLS may send them. Without
	// it such requests are answered with 421 (Misdirected Request).
	AnyScheme bool
	// MaxDrain bounds, in bytes, how much of an unwanted streamed body is read:
	// fasthttp would take the rest of it for the connection's next request. If there is
	// more the connection is closed after the response. 0 means 1 MiB.
	MaxDrain int64
	// MaxBody bounds, in bytes, the bodies that are held in memory for Digest's
	// qop=auth-int before the request is authenticated. A request with a longer body is
	// refused. 0 means 1 MiB.
	MaxBody int64
	// Limits bounds what unauthenticated clients may cost, on servers prepared by
	// Install. HeaderBytes is not used: fasthttp's bound is Server.ReadBufferSize, 4
	// KiB by default, which tickets exceed.
	Limits drive.Limits
	// Timeout bounds the questions of one request, since fasthttp does not report when
	// a client has disconnected. 0 means 30 seconds.
	Timeout time.Duration
	// Log, if not nil, is called with the result of each request, after its handler.
	Log func(*fast.RequestCtx, drive.Result)
	// Observer, if not nil, is called for every step of every machine.
	Observer drive.Observer
}

// Authenticator is server middleware that rejects unauthenticated requests. It must be
// made by [NewAuthenticator]; the zero Authenticator refuses every request with 500.
//
// Schemes with a handshake or identity that belongs to a connection (NTLM, Negotiate)
// need Install. Without it requests are not associated with connections, and these
// schemes are not offered, which is reported once, to fast.Server.Logger. Without it the server also has only the limits that were set
// on it, by default none, and reads and holds bodies of up to 4 MB before any request
// is judged.
type Authenticator struct {
	opaque[Authenticator] // no output shows what is in it

	conf     *ServerConfig
	server   drive.Server
	sessions *session.Sessions
	states   sync.Map  // by net.Conn
	apart    sync.Once // guards the message about a missing Install
}

// NewAuthenticator makes an Authenticator. The error is a gss.Misuse and says what of the
// configuration cannot work.
func NewAuthenticator(c ServerConfig) (*Authenticator, error) {
	if err := cmp.Or(
		c.Certificate.Err(),
		misuse.NotNegative("fasthttp", "ServerConfig.MaxDrain", c.MaxDrain),
		misuse.NotNegative("fasthttp", "ServerConfig.MaxBody", c.MaxBody),
		misuse.NotNegative("fasthttp", "ServerConfig.Timeout", c.Timeout),
		serverlimits.Check("fasthttp", "ServerConfig.Limits", c.Limits),
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
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return &Authenticator{conf: &c, server: server, sessions: sessions}, nil
}

// connState is the state of a connection with one connection number. An entry for the same
// net.Conn with another number belongs to another connection.
type connState struct {
	*drive.ServerConn
	bounds  *bounds
	limited atomic.Bool // Authenticator set a write deadline on the connection

	mu      sync.Mutex
	id      uint64 // 0 until the first request
	pending *visit // judged, and not yet in Wrap
}

// stateOf returns the state that a request belongs to.
func (a *Authenticator) stateOf(ctx *fast.RequestCtx) *connState {
	detached := func() *connState { return &connState{ServerConn: a.server.Detached(), bounds: new(bounds)} }
	c := ctx.Conn()
	if c == nil || !reflect.ValueOf(c).Comparable() {
		return detached()
	}
	v, ok := a.states.Load(c)
	if !ok {
		if a.server.NeedsConnection {
			a.apart.Do(func() { notInstalled(ctx) })
		}
		return detached()
	}
	g, _ := v.(*connState)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.id == 0 {
		g.id = ctx.ConnID()
	}
	if g.id != ctx.ConnID() {
		return detached()
	}
	return g
}

// notInstalled says that an Authenticator does not know the connections of its server.
func notInstalled(ctx *fast.RequestCtx) {
	ctx.Logger().Printf("countersign: a request came without the state of its connection, so that no connection-bound scheme (NTLM, or Negotiate with NTLM) " +
		"is offered: pass the fasthttp.Server to Authenticator.Install before it serves")
}

type identityKey struct{}

// IdentityFrom returns the identity of the request. It reports whether the identity is
// authenticated and not anonymous.
func IdentityFrom(ctx *fast.RequestCtx) (drive.Identity, bool) {
	id, ok := ctx.UserValue(identityKey{}).(*drive.Identity)
	if !ok {
		return drive.Identity{}, false
	}
	return *id, id.Named()
}

type sessionKey struct{}

// Logout ends the session of the request, and what its connection proved. The response removes
// the client's cookie. Without [ServerConfig].Session it does nothing; without a session.Store it
// only makes the client forget, see package session. The error is that of the Store.
func Logout(ctx *fast.RequestCtx) error {
	v, ok := ctx.UserValue(sessionKey{}).(*visit)
	if !ok {
		return nil
	}
	within, cancel := v.within()
	defer cancel()
	return v.session.Logout(within)
}

// Wrap returns a handler that calls next for authenticated requests and, with
// Auth.Optional, for requests without credentials.
//
// The Authenticator sets the response fields Persistent-Auth and Authentication-Info
// and the challenges of the configured schemes. A 401 response of next becomes a
// challenge. The response must have its status when next returns: where Wrap is
// middleware of a framework that renders errors after its middleware, as fiber does,
// next renders them itself. A panic of next passes through, and leaves the fields of a
// response with status 500 to what recovers from it.
func (a *Authenticator) Wrap(next fast.RequestHandler) fast.RequestHandler {
	return func(ctx *fast.RequestCtx) {
		if a == nil || a.conf == nil || next == nil { // refuse every request
			plain(ctx, fast.StatusInternalServerError)
			return
		}
		a.serve(ctx, next)
	}
}

// visit is the state of one request.
type visit struct {
	a       *Authenticator
	g       *connState
	ctx     *fast.RequestCtx
	act     machine.Action  // the machine's decision
	err     error           // or why there is none
	last    bool            // the connection is closed without reading the body
	handed  bool            // the handler received the body as a stream
	asking  context.Context // set once a question was asked
	cancel  context.CancelFunc
	ended   bool
	result  drive.Result
	session *session.Visit
}

func (a *Authenticator) serve(ctx *fast.RequestCtx, next fast.RequestHandler) {
	v := a.resume(ctx)
	if v == nil {
		plain(ctx, fast.StatusServiceUnavailable)
		return
	}
	defer v.close()
	switch act := v.act.(type) {
	case machine.Reply:
		v.reply(act)
	case machine.Accept:
		v.result.Identity = drive.IdentityOf(act)
		v.result.Identity.Session = v.session.Session(act)
		if v.result.Identity.Named() {
			v.lift()
		}
		ctx.SetUserValue(identityKey{}, &v.result.Identity)
		if v.session != nil {
			ctx.SetUserValue(sessionKey{}, v)
		}
		if status := v.fetch(); status != 0 {
			plain(ctx, status)
		} else {
			v.handed = ctx.Request.IsBodyStream()
			v.run(next)
		}
		v.finish()
	default:
		v.deny(v.err)
	}
	v.ended = true
}

// received returns the event of the request, which does not point into fasthttp's
// buffers, and 0; or the status to refuse the request with.
func (v *visit) received() (machine.Received, int) {
	r := &v.ctx.Request
	state := v.ctx.TLSConnectionState()
	in := machine.Incoming{
		Method: string(v.ctx.Method()), Target: string(r.Header.RequestURI()), Authority: string(r.Header.Host()),
		Secure: state != nil, AnyScheme: v.a.conf.AnyScheme, Binding: drive.ChannelOf(v.ctx.Conn()).Binding(state, v.a.conf.Certificate),
		EarlyData: state != nil && !state.HandshakeComplete, // RFC 8470 section 3
	}
	q, status := in.AtOrigin() // TARGET-1, TARGET-2
	if status != 0 || !v.agree(q) {
		return machine.Received{}, max(status, 400)
	}
	q.Multiplexed = v.g.Alone
	values := requestFields{&r.Header}.Values
	shared := v.a.conf.SharedFront != nil && v.a.conf.SharedFront(v.ctx)
	for _, field := range [...]string{"Via", "Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		shared = shared || len(values(field)) > 0
	}
	return machine.Received{Request: q, Header: header.ParseRequest(values), SharedFront: shared}, 0
}

// agree makes the handler see the target that the machine judges. fasthttp parses the
// request-target itself: if "://" follows, or Host is missing, it takes the start of a
// path with two slashes for a host.
func (v *visit) agree(q machine.Request) bool {
	if !strings.HasPrefix(q.URI, "//") {
		return true
	}
	var u fast.URI
	if u.Parse(v.ctx.Host(), []byte(q.Scheme+"://"+net.JoinHostPort(q.Host, strconv.Itoa(int(q.Port)))+q.URI)) != nil {
		return false
	}
	v.ctx.Request.SetURI(&u)
	return true
}

// answer answers a question: body hashes are computed here; all other questions are
// passed to the Source.
func (v *visit) answer(q gss.Question) gss.Answer {
	need, ok := q.(digest.NeedBodyHash)
	switch {
	case !ok:
		return v.result.Ask(v.context(), v.a.conf.Source, q)
	case !need.Response && v.g.bounds.whole && v.ctx.Request.IsBodyStream() && v.hold(min(v.a.conf.MaxBody, v.maxBody())) != 0:
		return gss.Declined{}
	case !need.Response && !v.ctx.Request.IsBodyStream():
		return drive.BodyHash(need.Algorithm, v.ctx.Request.Body())
	case need.Response && !v.ctx.Response.IsBodyStream():
		return drive.BodyHash(need.Algorithm, v.content())
	}
	return gss.Declined{}
}

// context returns the context of the request's questions.
func (v *visit) context() context.Context {
	if v.asking == nil {
		v.asking, v.cancel = v.within()
	}
	return v.asking
}

// within returns a context that ends with the time for questions, which begins now.
func (v *visit) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), v.a.conf.Timeout)
}

// apply adds the fields of the session to a response with status. The handler may have taken longer
// than questions may.
func (v *visit) apply(status int) {
	if v.session == nil {
		return
	}
	within, cancel := v.within()
	defer cancel()
	v.session.Apply(within, responseFields{&v.ctx.Response.Header}, status, entropy.Env)
}

// judge asks the machine about the request, after the sessions.
func (v *visit) judge(e machine.Received) {
	run := func(e machine.Event) (machine.Action, error) { return v.g.Run(e, v.answer) }
	if v.a.sessions == nil {
		v.act, v.err = run(e)
		return
	}
	q := session.Request{Received: e, Cookies: requestFields{&v.ctx.Request.Header}.Values("Cookie"), Now: entropy.Env().Now}
	if state := v.ctx.TLSConnectionState(); state != nil && len(state.PeerCertificates) > 0 {
		q.Certificate = state.PeerCertificates[0].Raw
	}
	v.session, v.act, v.err = v.a.sessions.Receive(v.context(), q, run)
}

// content returns the response's body as the client receives it (RFC 9110 section
// 6.4.1).
func (v *visit) content() []byte {
	status := v.ctx.Response.StatusCode()
	if v.ctx.IsHead() || status == fast.StatusNoContent || status == fast.StatusNotModified {
		return nil
	}
	return v.ctx.Response.Body()
}

// reply sends a response in place of the handler.
func (v *visit) reply(act machine.Reply) {
	v.result.Status, v.result.Fault = act.Status, act.Fault
	v.ctx.Error(drive.ReplyText(act, fast.StatusMessage(act.Status)), act.Status)
	hop.ApplyReply(responseFields{&v.ctx.Response.Header}, act)
	if act.Close || !v.drain() {
		v.ctx.SetConnectionClose()
	}
}

// drain reads the rest of a streamed body. It reports whether the connection can be
// kept. A body that is known to be too long is not read at all. Nor are chunks after
// those that the handler read: it is not known here whether a chunk was malformed,
// after which the start of the next request is unknown.
func (v *visit) drain() bool {
	if v.handed && v.ctx.Request.Header.ContentLength() < 0 { // R9112-8-1
		return false
	}
	if v.ctx.Hijacked() || !v.ctx.Request.IsBodyStream() {
		return !v.last
	}
	fits := int64(v.ctx.Request.Header.ContentLength()) <= v.a.conf.MaxDrain
	return !v.last && fits && drive.Drain(v.ctx.RequestBodyStream(), v.a.conf.MaxDrain)
}

// run runs the handler. Where a framework recovers from its panic, the response that it
// sends is as authentic as any other (FRONT-9).
func (v *visit) run(next fast.RequestHandler) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if f, err := v.g.Preview(fast.StatusInternalServerError, v.answer); err == nil {
			hop.ApplyFinish(v.strip(), f)
			v.apply(fast.StatusInternalServerError)
		}
	}()
	next(v.ctx)
	returned = true
}

// strip removes from the response's fields those that are the machine's, and returns them.
func (v *visit) strip() responseFields {
	h := responseFields{&v.ctx.Response.Header}
	h.Del(header.PersistentAuthField)
	h.Del(header.AuthenticationInfo)
	hop.StripChallenges(h, v.a.server.Names)
	return h
}

// finish asks the machine for the fields to add to the handler's response.
func (v *visit) finish() {
	v.result.Status = v.ctx.Response.StatusCode()
	h := v.strip()
	act, err := v.g.Run(machine.Responding{Status: v.result.Status}, v.answer)
	if f, ok := act.(machine.Finish); ok && err == nil {
		hop.ApplyFinish(h, f)
		v.apply(v.result.Status)
		if v.session.Over() { // SESS-6: what the connection proved ends, too
			v.g.Reset()
			h.Del(header.PersistentAuthField)
		}
		if f.Close || !v.drain() {
			v.ctx.SetConnectionClose()
		}
		return
	}
	v.g.Reset() // unreachable; if it is reached, no login is kept
	v.ctx.SetConnectionClose()
}

// deny refuses a request after a bug in the machine, which is the only case to call it.
func (v *visit) deny(err error) {
	v.result.Status, v.result.Fault = fast.StatusInternalServerError, machines.Defect("fasthttp", err)
	v.g.Reset()
	plain(v.ctx, fast.StatusInternalServerError)
	v.ctx.SetConnectionClose()
}

// close ends the request, also after a panic of its handler.
func (v *visit) close() {
	v.release()
	v.result.Err = cmp.Or(v.result.Err, v.session.Err())
	if !v.result.Identity.Named() {
		v.limit()
	}
	if f := framed(&v.ctx.Request.Header); f.length && f.coded {
		v.ctx.SetConnectionClose() // R9112-6.1-1
	}
	if v.a.conf.Log != nil {
		v.a.conf.Log(v.ctx, v.result)
	}
}

// release releases the connection for the next request.
func (v *visit) release() {
	v.g.Unlock(v.ended)
	if v.cancel != nil {
		v.cancel()
	}
}

// plain writes a response with no more than its status.
func plain(ctx *fast.RequestCtx, status int) { ctx.Error(fast.StatusMessage(status), status) }

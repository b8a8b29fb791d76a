package fasthttp

import (
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
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// The defaults of a [ServerConfig].
const (
	DefaultMaxDrain = 1 << 20 // bytes
	DefaultMaxBody  = 1 << 20 // bytes
	DefaultTimeout  = 30 * time.Second
)

// ServerConfig configures an [Authenticator].
type ServerConfig struct {
	_ struct{}

	// Auth are the schemes and the policy. Auth.Schemes is required.
	Auth machine.ServerConfig
	// Source answers what the schemes ask. Nil declines everything.
	Source answer.Source
	// Certificate are the certificates that this server may show, see drive.Served. Logins are compared
	// with each of them, on connections whose TLS configuration is not of drive.BindTLS (which needs
	// drive.NoteListener here); on others with the one that the connection showed. Without either
	// bindings are unavailable (HTA-19), and bound logins are admitted whatever they are bound to.
	Certificate drive.Certificates
	// SharedFront tells that a request came from an intermediary that carries several clients'
	// requests on one connection, beside those that say so themselves (Via, Forwarded,
	// X-Forwarded-For, X-Real-Ip).
	SharedFront func(*fast.RequestCtx) bool
	// AnyScheme takes requests whose absolute form names another scheme than their connection has, as
	// a front that ends TLS may send them. Otherwise they are answered with 421 (Misdirected
	// Request).
	AnyScheme bool
	// MaxDrain bounds, in bytes, what is read of a streamed body that nobody wants: fasthttp would take the
	// rest of it for the connection's next request. Beyond it the connection closes with the response. 0
	// is DefaultMaxDrain.
	MaxDrain int64
	// MaxBody bounds, in bytes, the bodies that are held in memory for Digest's qop=auth-int before
	// the request is authenticated. A request with a larger one is refused. 0 is DefaultMaxBody.
	MaxBody int64
	// Limits bound what Install lets clients cost that are not authenticated. HeaderBytes is not
	// used: fasthttp's bound is Server.ReadBufferSize, 4 KiB by default, which tickets exceed.
	Limits drive.Limits
	// Timeout bounds the questions of one request: fasthttp does not tell when a client has gone. 0 is
	// DefaultTimeout.
	Timeout time.Duration
	// Log, if not nil, is told what became of each request, after its handler.
	Log func(*fast.RequestCtx, drive.Result)
	// Observer, if not nil, sees every step of every machine.
	Observer drive.Observer
}

// Authenticator is a server middleware that lets nobody in who does not authenticate. Make it
// with [NewAuthenticator]; the zero Authenticator refuses everything with 500.
//
// Schemes whose handshake or identity belongs to a connection (NTLM, Negotiate) need Install;
// without it no request has anything to do with another one, and they are not offered. Without it
// the server has the limits that it was given, too, which are none by default, and reads and
// holds bodies of up to 4 MB before anything is judged.
type Authenticator struct {
	hidden.In[Authenticator] // no output shows what is in it

	conf   *ServerConfig
	door   drive.Door
	guests sync.Map // by net.Conn
}

// NewAuthenticator makes an Authenticator. The error says what is wrong with the schemes, and then
// is a gss.Misuse, or with the certificates.
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
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	return &Authenticator{conf: &c, door: door}, nil
}

// guest is the state of a connection, made for one connection number: what is found under the
// same net.Conn with another one is somebody else's.
type guest struct {
	*drive.Guest
	bounds  *bounds
	limited atomic.Bool // the connection has a write deadline of ours

	mu      sync.Mutex
	id      uint64 // 0 until the first request
	pending *visit // judged, and not yet in Wrap
}

// guestOf is the state that a request belongs to.
func (a *Authenticator) guestOf(ctx *fast.RequestCtx) *guest {
	lone := func() *guest { return &guest{Guest: a.door.Lone(), bounds: new(bounds)} }
	c := ctx.Conn()
	if c == nil || !reflect.ValueOf(c).Comparable() {
		return lone()
	}
	v, ok := a.guests.Load(c)
	if !ok {
		return lone()
	}
	g, _ := v.(*guest)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.id == 0 {
		g.id = ctx.ConnID()
	}
	if g.id != ctx.ConnID() {
		return lone()
	}
	return g
}

type identityKey struct{}

// IdentityFrom is who made the request. It is true only for somebody with a name.
func IdentityFrom(ctx *fast.RequestCtx) (drive.Identity, bool) {
	id, ok := ctx.UserValue(identityKey{}).(*drive.Identity)
	if !ok {
		return drive.Identity{}, false
	}
	return *id, id.Named()
}

// Wrap is next behind a door that opens for who authenticates, or with Auth.Optional for
// everybody who tries nothing else.
//
// Of the response's fields, Persistent-Auth and Authentication-Info are ours, and so are the
// challenges of the configured schemes. A 401 of next becomes a challenge.
func (a *Authenticator) Wrap(next fast.RequestHandler) fast.RequestHandler {
	return func(ctx *fast.RequestCtx) {
		if a == nil || a.conf == nil || next == nil { // deny all
			plain(ctx, fast.StatusInternalServerError)
			return
		}
		a.serve(ctx, next)
	}
}

// visit is one request on its way through the door.
type visit struct {
	a      *Authenticator
	g      *guest
	ctx    *fast.RequestCtx
	act    machine.Action  // the machine's judgement
	err    error           // or why there is none
	last   bool            // the connection closes without the body having been read
	handed bool            // the handler had the body as a stream
	asking context.Context // once something was asked
	cancel context.CancelFunc
	ended  bool
	result drive.Result
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
		if v.result.Identity.Named() {
			v.lift()
		}
		ctx.SetUserValue(identityKey{}, &v.result.Identity)
		if status := v.fetch(); status != 0 {
			plain(ctx, status)
		} else {
			v.handed = ctx.Request.IsBodyStream()
			next(ctx)
		}
		v.finish()
	default:
		v.deny(v.err)
	}
	v.ended = true
}

// received is the event of the request, of which nothing points into fasthttp's buffers, and 0; or the
// status to refuse it with.
func (v *visit) received() (machine.Received, int) {
	r := &v.ctx.Request
	state := v.ctx.TLSConnectionState()
	v.g.Channel = drive.ChannelOf(v.ctx.Conn())
	in := machine.Incoming{
		Method: string(v.ctx.Method()), Target: string(r.Header.RequestURI()), Authority: string(r.Header.Host()),
		Secure: state != nil, AnyScheme: v.a.conf.AnyScheme, Binding: v.g.Binding(state, v.a.conf.Certificate),
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

// agree makes the handler see what the machine judges. fasthttp reads a request-target by itself, and
// takes the start of a path with two slashes for a host where "://" follows, or Host is missing.
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

// answer answers a question: body hashes are made here, everything else is the source's.
func (v *visit) answer(q gss.Question) gss.Answer {
	need, ok := q.(digest.NeedBodyHash)
	switch {
	case !ok:
		if v.asking == nil {
			v.asking, v.cancel = context.WithTimeout(context.Background(), v.a.conf.Timeout)
		}
		return drive.Ask(v.asking, v.a.conf.Source, q)
	case !need.Response && v.g.bounds.whole && v.ctx.Request.IsBodyStream() && v.hold(min(v.a.conf.MaxBody, v.maxBody())) != 0:
		return gss.Declined{}
	case !need.Response && !v.ctx.Request.IsBodyStream():
		return drive.BodyHash(need.Algorithm, v.ctx.Request.Body())
	case need.Response && !v.ctx.Response.IsBodyStream():
		return drive.BodyHash(need.Algorithm, v.content())
	}
	return gss.Declined{}
}

// content is the response's body as the client gets it (RFC 9110 section 6.4.1).
func (v *visit) content() []byte {
	status := v.ctx.Response.StatusCode()
	if v.ctx.IsHead() || status == fast.StatusNoContent || status == fast.StatusNotModified {
		return nil
	}
	return v.ctx.Response.Body()
}

// reply answers in place of the handler.
func (v *visit) reply(act machine.Reply) {
	v.result.Status, v.result.Fault = act.Status, act.Fault
	v.ctx.Error(drive.ReplyText(act, fast.StatusMessage(act.Status)), act.Status)
	hop.ApplyReply(responseFields{&v.ctx.Response.Header}, act)
	if act.Close || !v.drain() {
		v.ctx.SetConnectionClose()
	}
}

// drain reads what was not read of a streamed body. It reports whether the connection can go on. A body
// that is known to be too long is not begun with. Chunks that the handler read are not gone on with: whether it
// met a broken one, behind which no request can be found, is not to be seen from here.
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

// finish lets the machine have the last word on the handler's response.
func (v *visit) finish() {
	v.result.Status = v.ctx.Response.StatusCode()
	h := responseFields{&v.ctx.Response.Header}
	h.Del(header.PersistentAuthField)
	h.Del(header.AuthenticationInfo)
	hop.StripChallenges(h, v.a.door.Names)
	act, err := v.g.Run(machine.Responding{Status: v.result.Status}, v.answer)
	if f, ok := act.(machine.Finish); ok && err == nil {
		hop.ApplyFinish(h, f)
		if f.Close || !v.drain() {
			v.ctx.SetConnectionClose()
		}
		return
	}
	v.g.Reset() // cannot happen; nobody stays logged in if it does
	v.ctx.SetConnectionClose()
}

// deny is for what cannot happen, and opens nothing if it does.
func (v *visit) deny(err error) {
	f := gss.Fault{Code: gss.Unexpected, Detail: "fasthttp: the machine gave no action that a server can do"}
	if err != nil {
		f.Detail = err.Error()
	}
	v.result.Status, v.result.Fault = fast.StatusInternalServerError, f
	v.g.Reset()
	plain(v.ctx, fast.StatusInternalServerError)
	v.ctx.SetConnectionClose()
}

// close ends the request, also where its handler panicked.
func (v *visit) close() {
	v.release()
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

// release hands the connection on.
func (v *visit) release() {
	v.g.Leave(v.ended)
	if v.cancel != nil {
		v.cancel()
	}
}

// plain writes a response that says nothing beyond its status.
func plain(ctx *fast.RequestCtx, status int) { ctx.Error(fast.StatusMessage(status), status) }

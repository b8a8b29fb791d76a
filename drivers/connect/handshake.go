package connect

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// handshake is one tunnel on its way, over as many connections as it takes.
type handshake struct {
	dialer    *Dialer
	network   string
	authority string // of the tunnel's other end
	request   machine.Request

	client  machine.Client
	observe func(gss.Env, machine.Event, machine.Actions)
	link    *link
	resume  machine.Resume
	status  int   // of the last final response
	broken  error // what became of the last connection
}

// run opens connections until the machine is content, or gives up.
func (h *handshake) run(ctx context.Context) (net.Conn, error) {
	for {
		tunnel, again, err := h.attempt(ctx)
		if !again {
			return tunnel, err
		}
	}
}

// attempt runs the exchange on one connection. again: it is to go on over
// another one.
func (h *handshake) attempt(ctx context.Context) (tunnel net.Conn, again bool, err error) {
	h.broken = nil
	if err := h.open(ctx); err != nil {
		return nil, false, err
	}
	tunnel, again, err = h.drive(ctx)
	h.link.release()
	if ctx.Err() != nil {
		tunnel, again, err = nil, false, context.Cause(ctx)
	}
	if tunnel == nil {
		h.link.close()
	}
	return tunnel, again, err
}

// drive does what the machine says, from Begin to the exchange's end on this
// connection.
func (h *handshake) drive(ctx context.Context) (tunnel net.Conn, again bool, err error) {
	d := h.dialer
	h.client = d.client
	if d.config.Observe != nil {
		h.observe = d.config.Observe()
	}
	h.request.Binding = h.link.binding
	acts, err := h.step(machine.Begin{
		Request: h.request, Via: d.proxy, Identity: d.config.Identity,
		ProxyLease: d.lease(h.authority), Resume: h.resume,
	})
	for err == nil {
		var next machine.Event
		switch a := acts.At(0).(type) {
		case machine.Ask:
			next = machine.Answered{ID: a.ID, Answer: h.answer(ctx, a.Question)}
		case machine.Send:
			next, err = h.send(ctx, a)
		case machine.Deliver:
			d.learn(a.LearnProxy)
			if h.status/100 != 2 {
				return nil, false, &Error{Status: h.status} // its page is the proxy's word, not the origin's
			}
			return h.link.tunnel(), false, nil
		case machine.Fail:
			d.learn(a.LearnProxy)
			return nil, false, &Error{Status: h.status, Fault: a.Fault, Tried: a.Tried, Reasons: a.Reasons, Err: h.broken}
		case machine.Reopen:
			d.learn(a.LearnProxy)
			h.resume = a.Resume
			return nil, true, nil
		default:
			return nil, false, fmt.Errorf("connect: no way to do a %T", a)
		}
		if err == nil {
			err = ctx.Err() // or a cancelled handshake would reconnect
		}
		if err == nil {
			acts, err = h.step(next)
		}
	}
	return nil, false, err
}

// step tells the machine an event.
func (h *handshake) step(e machine.Event) (machine.Actions, error) {
	env := entropy.Env()
	next, acts, err := h.client.Step(env, e)
	if err != nil {
		return acts, err
	}
	h.client = next
	if h.observe != nil {
		h.observe(env, e, acts)
	}
	return acts, nil
}

// answer answers what the machine asks. A CONNECT has no content, and neither has
// the response that opens a tunnel.
func (h *handshake) answer(ctx context.Context, q gss.Question) gss.Answer {
	if need, ok := q.(digest.NeedBodyHash); ok {
		f, err := digest.For(need.Algorithm)
		if err != nil || need.Response && h.status/100 != 2 {
			return gss.Declined{}
		}
		return digest.BodyHash{Sum: f.BodyHash(nil).String()}
	}
	if a := h.dialer.source.Answer(ctx, q); a != nil {
		return a
	}
	return gss.Declined{}
}

// send sends the CONNECT once more, and tells what came of it. A request that no
// handshake ties to its connection may go out on a fresh one; CONNECT may be
// repeated, so it does, too, where the proxy turns out to have closed the
// connection after its last response.
func (h *handshake) send(ctx context.Context, a machine.Send) (machine.Event, error) {
	for {
		if h.link.spent {
			if a.Pinned { // HTA-5
				return machine.Closed{}, nil
			}
			if same, err := h.replace(ctx); err != nil || !same {
				return machine.Closed{}, err
			}
		}
		again := h.link.served && !a.Pinned
		response, err := h.link.exchange(h.connect(a))
		if err == nil {
			h.broken, h.status = nil, response.StatusCode
			h.link.served, h.link.spent = true, response.Close
			return machine.Response{
				Status: response.StatusCode, Header: header.ParseResponse(response.Header.Values), Close: response.Close,
			}, nil
		}
		h.broken, h.link.spent = err, true
		if !again || ctx.Err() != nil {
			return machine.Closed{}, nil
		}
	}
}

// connect is the request.
func (h *handshake) connect(a machine.Send) *http.Request {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: h.authority}, Host: h.authority, Header: h.dialer.config.Header.Clone()}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Del(header.ProxyAuthorization)
	if a.ProxyAuthorization.Present() {
		r.Header.Set(header.ProxyAuthorization, a.ProxyAuthorization.Text())
	}
	return r
}

// open gives the handshake a connection, which is closed when the context ends.
func (h *handshake) open(ctx context.Context) error {
	l, err := h.dialer.open(ctx, h.network)
	if err != nil {
		return err
	}
	l.release = context.AfterFunc(ctx, func() { l.conn.Close() })
	h.link = l
	return nil
}

// replace puts a fresh connection under the same machine, and reports whether
// the machine can tell no difference.
func (h *handshake) replace(ctx context.Context) (bool, error) {
	old := h.link
	old.close()
	if err := h.open(ctx); err != nil {
		return false, err
	}
	return h.link.binding == old.binding, nil
}

// link is a connection to the proxy.
type link struct {
	conn    net.Conn
	limit   *io.LimitedReader
	buffer  *bufio.Reader
	binding gss.Binding
	release func() bool // ends the context's power over it
	served  bool        // a response came on it
	spent   bool        // no request can go out any more
}

func (l *link) close() {
	l.release()
	l.conn.Close()
}

// open connects to the proxy, and speaks TLS to it if that is wanted.
func (d *Dialer) open(ctx context.Context, network string) (*link, error) {
	conn, err := d.config.Dial(ctx, network, d.address)
	if err != nil {
		return nil, fmt.Errorf("connect: the proxy cannot be reached: %w", err)
	}
	l := &link{conn: conn, binding: gss.NoBinding()}
	if d.proxy.Scheme == "https" {
		secure, err := d.secure(ctx, conn)
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("connect: TLS to the proxy: %w", err)
		}
		l.conn, l.binding = secure, gss.Binding{}
		if certs := secure.ConnectionState().PeerCertificates; len(certs) > 0 {
			l.binding = gss.EndPoint(string(certs[0].Raw)) // C31
		}
	}
	l.limit = &io.LimitedReader{R: l.conn}
	l.buffer = bufio.NewReader(l.limit)
	return l, nil
}

func (d *Dialer) secure(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	config := d.config.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = d.config.Proxy.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	secure := tls.Client(conn, config)
	return secure, secure.HandshakeContext(ctx)
}

// errTooMany is the end of a proxy that sends 1xx for ever.
var errTooMany = errors.New("connect: the proxy sent too many informational responses")

// exchange sends a request and reads the head of its final response. What is
// left of one that is no tunnel is read as far as MaxBody; Close then tells
// whether another request can follow.
func (l *link) exchange(r *http.Request) (*http.Response, error) {
	if err := r.Write(l.conn); err != nil {
		return nil, err
	}
	for range maxInformational {
		l.limit.N = MaxHeader
		response, err := http.ReadResponse(l.buffer, r)
		if err != nil {
			if l.limit.N <= 0 {
				err = fmt.Errorf("connect: the proxy's response header is longer than %d bytes", MaxHeader)
			}
			return nil, err
		}
		switch {
		case response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols: // HTA-11
			continue
		case response.StatusCode/100 == 2: // RFC 9110 section 9.3.6: no content, whatever its header says
			response.Close = false
		default:
			l.limit.N = MaxBody
			_, err := io.Copy(io.Discard, response.Body)
			response.Close = response.Close || err != nil || l.limit.N <= 0
		}
		return response, nil
	}
	return nil, errTooMany
}

// tunnel is the connection from the first byte after the response on.
func (l *link) tunnel() net.Conn {
	n := l.buffer.Buffered()
	if n == 0 {
		return l.conn
	}
	left, _ := l.buffer.Peek(n)
	return &early{Conn: l.conn, left: left}
}

// early is a tunnel of which the first bytes came with the proxy's response.
type early struct {
	net.Conn
	left []byte
}

// Read implements net.Conn.
func (e *early) Read(p []byte) (int, error) {
	if len(e.left) == 0 || len(p) == 0 {
		return e.Conn.Read(p)
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

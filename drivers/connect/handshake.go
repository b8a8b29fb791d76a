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
	"github.com/countersign-auth/countersign/drivers/drive"
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

	status int   // of the last final response
	broken error // what became of the last connection
}

// run opens connections until the machine is content, or gives up.
func (h *handshake) run(ctx context.Context) (net.Conn, error) {
	d := h.dialer
	x := drive.Exchange{
		Begin:   machine.Begin{Request: h.request, Via: d.proxy, Identity: d.config.Identity},
		Lease:   func() (origin, proxy machine.Lease) { return machine.Lease{}, d.lease(h.authority) },
		Answer:  func(q gss.Question) gss.Answer { return h.answer(ctx, q) },
		Connect: h.connect,
		Learn:   func(_, proxy machine.Facts) { d.learn(proxy) },
	}
	end, on, _, err := x.Run(ctx)
	l, _ := on.(*link)
	if l != nil {
		l.release()
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	switch a := end.(type) {
	case machine.Deliver:
		if err == nil && h.status/100 == 2 {
			return l.tunnel(), nil
		}
		if err == nil { // its page is the proxy's word, not the origin's
			err = &Error{Status: h.status}
		}
	case machine.Fail:
		if err == nil {
			err = &Error{Status: h.status, Fault: a.Fault, Tried: a.Tried, Reasons: a.Reasons, Err: h.broken}
		}
	}
	if l != nil {
		l.Close()
	}
	return nil, err
}

// answer answers what the machine asks. A CONNECT has no content, and neither has
// the response that opens a tunnel.
func (h *handshake) answer(ctx context.Context, q gss.Question) gss.Answer {
	if need, ok := q.(digest.NeedBodyHash); ok {
		if need.Response && h.status/100 != 2 {
			return gss.Declined{}
		}
		return drive.BodyHash(need.Algorithm, nil)
	}
	return drive.Ask(ctx, h.dialer.source, q)
}

// connect gives the handshake a connection, which is closed when the context ends.
func (h *handshake) connect(ctx context.Context, _, _ bool) (drive.Carrier, error) {
	h.broken = nil
	l, err := h.dialer.open(ctx, h.network)
	if err != nil {
		return nil, err
	}
	l.handshake = h
	l.release = context.AfterFunc(ctx, func() { l.conn.Close() })
	l.runner = drive.Runner[machine.Client]{Machine: h.dialer.client}
	if h.dialer.config.Observe != nil {
		see := h.dialer.config.Observe()
		l.runner.Observer = func(_ uint64, env gss.Env, e machine.Event, a machine.Actions) { see(env, e, a) }
	}
	return l, nil
}

// link is a connection to the proxy.
type link struct {
	handshake *handshake
	runner    drive.Runner[machine.Client]
	conn      net.Conn
	limit     *io.LimitedReader
	buffer    *bufio.Reader
	binding   gss.Binding
	release   func() bool // ends the context's power over it
	served    bool        // a response came on it
	spent     bool        // no request can go out any more
}

// Runner implements drive.Carrier.
func (l *link) Runner() *drive.Runner[machine.Client] { return &l.runner }

// Begun implements drive.Carrier.
func (l *link) Begun(q machine.Request) machine.Request {
	q.Binding = l.binding
	return q
}

// Send implements drive.Carrier: the CONNECT once more.
func (l *link) Send(_ context.Context, a machine.Send) (machine.Response, error) {
	response, err := l.exchange(l.handshake.connectRequest(a))
	if err != nil {
		l.handshake.broken, l.spent = err, true
		return machine.Response{}, err
	}
	l.handshake.broken, l.handshake.status = nil, response.StatusCode
	l.served, l.spent = true, response.Close
	return machine.Response{Status: response.StatusCode, Header: header.ParseResponse(response.Header.Values), Close: response.Close}, nil
}

// Renew implements drive.Carrier. CONNECT may be repeated, so it goes out on a fresh connection
// where the proxy turns out to have closed this one after its last response.
func (l *link) Renew(ctx context.Context) bool {
	if !l.served || ctx.Err() != nil {
		return false
	}
	l.Close()
	next, err := l.handshake.dialer.open(ctx, l.handshake.network)
	if err != nil {
		l.handshake.broken = err
		return false
	}
	same := next.binding == l.binding
	l.conn, l.limit, l.buffer, l.served, l.spent = next.conn, next.limit, next.buffer, false, !same
	l.release = context.AfterFunc(ctx, func() { next.conn.Close() })
	return same
}

// Spent implements drive.Carrier.
func (l *link) Spent() bool { return l.spent }

// Close implements drive.Carrier.
func (l *link) Close() {
	l.release()
	l.conn.Close()
}

// connectRequest is the request.
func (h *handshake) connectRequest(a machine.Send) *http.Request {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: h.authority}, Host: h.authority, Header: h.dialer.config.Header.Clone()}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Del(header.ProxyAuthorization)
	drive.ApplySend(r.Header, machine.Send{ProxyAuthorization: a.ProxyAuthorization})
	return r
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

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
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// handshake is one tunnel on its way, over as many connections as it takes.
type handshake struct {
	dialer    *Dialer
	network   string
	authority string // of the tunnel's other end
	keys      drive.Keys
	status    int // of the last final response
}

// run opens connections until the machine is content, or gives up.
func (h *handshake) run(ctx context.Context) (net.Conn, error) {
	x := drive.Exchange[*link]{
		Client: &h.dialer.client, Keys: h.keys, Method: http.MethodConnect, URI: h.authority,
		Source: h.dialer.config.Source, BodyHash: h.sum, Dial: h.dial, Send: h.send,
	}
	_, on, err := x.Run(ctx)
	if on != nil {
		on.Conn.release()
	}
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == nil && h.status/100 == 2:
		return on.Conn.tunnel(), nil
	case err == nil: // its page is the proxy's word, not the origin's
		err = &drive.Error{Side: gss.Proxy, Proxy: h.dialer.address, Status: h.status}
	}
	if on != nil {
		on.Close()
	}
	return nil, err
}

// sum answers what a scheme asks about content. A CONNECT has none, and neither has
// the response that opens a tunnel.
func (h *handshake) sum(need digest.NeedBodyHash) gss.Answer {
	if need.Response && h.status/100 != 2 {
		return gss.Declined{}
	}
	return drive.BodyHash(need.Algorithm, nil)
}

// dial gives the handshake a connection, which is closed when the context ends.
func (h *handshake) dial(ctx context.Context, _ bool) (*link, error) {
	l, err := h.dialer.open(ctx, h.network)
	if err != nil {
		return nil, err
	}
	l.release = context.AfterFunc(ctx, func() { l.conn.Close() })
	return l, nil
}

// send sends the CONNECT once more.
func (h *handshake) send(_ context.Context, l *link, a machine.Send) (machine.Response, error) {
	if l.spent {
		return machine.Response{}, &drive.Loss{Err: errSpent, Unsent: true}
	}
	response, err := l.exchange(h.connectRequest(a))
	if err != nil {
		l.spent = true
		return machine.Response{}, &drive.Loss{Err: err, Unsent: l.wrote == 0, Heard: l.heard}
	}
	h.status, l.spent = response.StatusCode, response.Close
	return machine.Response{Status: response.StatusCode, Header: header.ParseResponse(response.Header.Values), Close: response.Close}, nil
}

// link is a connection to the proxy. It implements drive.Conn.
type link struct {
	conn    net.Conn
	limit   *io.LimitedReader
	buffer  *bufio.Reader
	binding gss.Binding
	release func() bool // ends the context's power over it
	spent   bool        // no request can go out any more
	wrote   int         // bytes of the last request
	heard   bool        // something of a response to it came
}

// Write implements io.Writer.
func (l *link) Write(p []byte) (int, error) {
	n, err := l.conn.Write(p)
	l.wrote += n
	return n, err
}

// Describe implements drive.Conn.
func (l *link) Describe(q machine.Request) machine.Request {
	q.Binding = l.binding
	return q
}

// Usable implements drive.Conn.
func (l *link) Usable() bool { return !l.spent }

// Close implements drive.Conn.
func (l *link) Close() {
	l.release()
	l.conn.Close()
}

// Streams implements drive.Conn.
func (l *link) Streams() drive.Streams { return nil }

// connectRequest returns the CONNECT with the credentials of a.
func (h *handshake) connectRequest(a machine.Send) *http.Request {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: h.authority}, Host: h.authority, Header: h.dialer.config.Header.Clone()}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Del(header.ProxyAuthorization)
	hop.ApplySend(r.Header, machine.Send{ProxyAuthorization: a.ProxyAuthorization})
	return r
}

// open connects to the proxy, and speaks TLS to it if that is wanted.
func (d *Dialer) open(ctx context.Context, network string) (*link, error) {
	conn, err := d.config.Dial(ctx, network, d.address)
	if err != nil {
		return nil, fmt.Errorf("connect: the proxy cannot be reached: %w", err)
	}
	l := &link{conn: conn, binding: gss.NoBinding()}
	if d.secure {
		secure, err := d.handshake(ctx, conn)
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

func (d *Dialer) handshake(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	config := d.config.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = d.host
	}
	config.NextProtos = []string{"http/1.1"}
	secure := tls.Client(conn, config)
	return secure, secure.HandshakeContext(ctx)
}

var errSpent = errors.New("connect: the proxy closed the connection after its response")

// errTooMany is the end of a proxy that sends 1xx for ever.
var errTooMany = errors.New("connect: the proxy sent too many informational responses")

// exchange sends a request and reads the head of its final response. What is
// left of one that is no tunnel is read as far as maxBody; Close then tells
// whether another request can follow.
func (l *link) exchange(r *http.Request) (*http.Response, error) {
	l.wrote, l.heard = 0, false
	if err := r.Write(l); err != nil {
		return nil, err
	}
	for range maxInformational {
		l.limit.N = maxHeader
		_, silent := l.buffer.Peek(1)
		l.heard = l.heard || silent == nil
		response, err := http.ReadResponse(l.buffer, r)
		if err != nil {
			if l.limit.N <= 0 {
				err = fmt.Errorf("connect: the proxy's response header is longer than %d bytes", maxHeader)
			}
			return nil, err
		}
		switch {
		case response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols: // HTA-11
			continue
		case response.StatusCode/100 == 2: // RFC 9110 section 9.3.6: no content, whatever its header says
			response.Close = false
		default:
			l.limit.N = maxBody
			_, err := io.Copy(io.Discard, response.Body)
			response.Close = response.Close || err != nil || l.limit.N <= 0
		}
		return response, nil
	}
	return nil, errTooMany
}

// tunnel returns the connection from the first byte after the response on.
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

package line

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

const (
	maxDrain     = 1 << 20 // bytes of a body that is read and discarded
	maxHeld      = 1 << 20 // bytes of a body that is held for its hash
	questionTime = 30 * time.Second
)

// Server serves authenticated requests.
type Server struct {
	Source  answer.Source
	Limits  drive.Limits
	Handler func(user drive.Identity, w http.ResponseWriter, r *http.Request)

	server  drive.Server
	mu      sync.Mutex
	conns   map[net.Conn]bool // nil after Stop
	running sync.WaitGroup
}

// Start serves the connections of a listener, with TLS if a configuration is given, until
// stop is called.
func (s *Server) Start(config machine.ServerConfig, l net.Listener, secure *tls.Config) (stop func(), err error) {
	if s.server, err = drive.NewServer(config, nil); err != nil {
		return nil, err
	}
	if secure != nil {
		bound, err := drive.BindTLS(secure)
		if err != nil {
			return nil, err
		}
		l = tls.NewListener(drive.NoteListener(l), bound)
	}
	s.Limits = s.Limits.WithDefaults()
	s.conns = map[net.Conn]bool{}
	s.running.Go(func() {
		for patient := drive.RetryAccept(l, nil); ; {
			c, err := patient.Accept()
			if err != nil {
				return
			}
			if s.enter(c) {
				s.running.Go(func() { defer s.leave(c); s.serve(c) })
			}
		}
	})
	return func() {
		l.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.conns = nil
		s.mu.Unlock()
		s.running.Wait()
	}, nil
}

func (s *Server) enter(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		c.Close()
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Server) leave(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// visit is a request on a connection.
type visit struct {
	server  *Server
	conn    net.Conn
	auth    *drive.ServerConn
	channel *drive.Channel
	request *http.Request
	body    *requestBody
	recorder
	closing bool
}

func (s *Server) serve(c net.Conn) {
	auth := s.server.Connection()
	defer auth.Closed()
	channel := drive.ChannelOf(c)
	c.SetDeadline(time.Now().Add(s.Limits.Header))
	var state *tls.ConnectionState
	if secure, ok := c.(*tls.Conn); ok {
		if secure.Handshake() != nil {
			return
		}
		now := secure.ConnectionState()
		state = &now
	}
	head := &io.LimitedReader{R: c}
	in := bufio.NewReaderSize(head, s.Limits.HeaderBytes)
	for {
		c.SetDeadline(time.Now().Add(s.Limits.Idle))
		head.N = int64(s.Limits.HeaderBytes)
		if _, err := in.Peek(1); err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(s.Limits.Header))
		text, err := peekHeader(in)
		var r *http.Request
		if err == nil {
			r, err = http.ReadRequest(in)
		}
		if err != nil || r.ProtoMajor != 1 || r.ProtoAtLeast(1, 1) && r.Host == "" || !validNames(r.Header) {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			return
		}
		c.SetDeadline(time.Now().Add(s.Limits.Request))
		head.N = math.MaxInt64
		v := &visit{server: s, conn: c, auth: auth, channel: channel, request: r, recorder: recorder{header: http.Header{}}}
		v.body = &requestBody{ReadCloser: r.Body, conn: c, waits: r.ProtoAtLeast(1, 1) && r.Header.Get("Expect") != "" && r.ContentLength != 0}
		r.Body = v.body
		v.closing = r.Close || ambiguous(text)
		if !v.run(state) || v.closing {
			return
		}
	}
}

var errHeader = errors.New("line: the header has a character that is not allowed")

// peekHeader returns the header of the next request.
func peekHeader(in *bufio.Reader) ([]byte, error) {
	for {
		text, _ := in.Peek(in.Buffered())
		if i := bytes.Index(text, []byte("\r\n\r\n")); i >= 0 {
			text = text[:i]
			for i, b := range text {
				if b == '\r' && text[i+1] == '\n' || b == '\n' && i > 0 && text[i-1] == '\r' || b == '\t' {
					continue
				}
				if b < ' ' || b == 0x7f {
					return nil, errHeader
				}
			}
			return text, nil
		}
		if _, err := in.Peek(len(text) + 1); err != nil {
			return nil, err
		}
	}
}

// validNames reports whether the names of the fields are tokens. http.ReadRequest takes
// others, such as one with a space before the colon.
func validNames(fields http.Header) bool {
	for name := range fields {
		for _, b := range []byte(name) {
			if b <= ' ' || b >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, b) >= 0 {
				return false
			}
		}
	}
	return true
}

// ambiguous reports whether a header has Content-Length and Transfer-Encoding (RFC 9112
// section 6.1).
func ambiguous(text []byte) bool {
	lower := bytes.ToLower(text)
	return bytes.Contains(lower, []byte("\ncontent-length:")) && bytes.Contains(lower, []byte("\ntransfer-encoding:"))
}

// run serves a request. It reports whether the connection is in order.
func (v *visit) run(state *tls.ConnectionState) bool {
	r := v.request
	incoming := machine.Incoming{
		Method: r.Method, Target: r.RequestURI, Authority: r.Host, Secure: state != nil,
		Binding: v.channel.Binding(state, drive.Certificates{}),
	}
	q, refused := incoming.AtOrigin()
	if refused != 0 {
		return v.reply(drive.Refusal(incoming, refused))
	}
	received := machine.Received{Request: q, Header: header.ParseRequest(r.Header.Values)}
	for _, field := range []string{"Via", "Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		received.SharedFront = received.SharedFront || len(r.Header.Values(field)) > 0
	}
	act, err := v.auth.Run(received, v.answer)
	switch a := act.(type) {
	case machine.Reply:
		if err == nil {
			return v.reply(a)
		}
	case machine.Accept:
		if err == nil {
			return v.handle(drive.IdentityOf(a))
		}
	}
	v.auth.Reset()
	v.closing = true
	return v.reply(machine.Reply{Status: http.StatusInternalServerError})
}

// answer answers a question.
func (v *visit) answer(q gss.Question) gss.Answer {
	need, ok := q.(digest.NeedBodyHash)
	switch {
	case ok && need.Response:
		return drive.BodyHash(need.Algorithm, v.content.Bytes())
	case ok:
		b, err := io.ReadAll(io.LimitReader(v.body, maxHeld+1))
		if err != nil || len(b) > maxHeld {
			v.closing = true
			return gss.Declined{}
		}
		v.request.Body = io.NopCloser(bytes.NewReader(b))
		return drive.BodyHash(need.Algorithm, b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), questionTime)
	defer cancel()
	return drive.Ask(ctx, v.server.Source, q)
}

// reply responds in place of the handler.
func (v *visit) reply(a machine.Reply) bool {
	hop.ApplyReply(v.header, a)
	v.status, v.closing = a.Status, v.closing || a.Close
	v.content.WriteString(drive.ReplyText(a, http.StatusText(a.Status)))
	if a.Fault.IsZero() { // a further leg follows
		v.closing = !drive.Drain(v.body, maxDrain) || v.closing
		return v.write()
	}
	v.closing = v.closing || v.body.waits
	return v.write() && drive.Drain(v.body, maxDrain)
}

// handle calls the handler and sends its response.
func (v *visit) handle(user drive.Identity) bool {
	if user.Named() {
		v.conn.SetDeadline(time.Time{})
	}
	v.server.Handler(user, v, v.request)
	if v.status == 0 {
		v.status = http.StatusOK
	}
	v.header.Del(header.PersistentAuthField)
	v.header.Del(header.AuthenticationInfo)
	hop.StripChallenges(v.header, v.server.server.Names)
	act, err := v.auth.Run(machine.Responding{Status: v.status}, v.answer)
	finish, ok := act.(machine.Finish)
	if err != nil || !ok {
		return false
	}
	hop.ApplyFinish(v.header, finish)
	v.closing = v.closing || finish.Close || v.body.waits
	if !v.write() {
		return false
	}
	v.conn.SetDeadline(time.Now().Add(v.server.Limits.Request))
	return v.closing || drive.Drain(v.body, maxDrain)
}

// write sends the response.
func (v *visit) write() bool {
	v.header.Set("Content-Length", fmt.Sprint(v.content.Len()))
	if v.closing {
		v.header.Set("Connection", "close")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", v.status, http.StatusText(v.status))
	v.header.Write(&b)
	b.WriteString("\r\n")
	if v.request.Method != http.MethodHead {
		b.Write(v.content.Bytes())
	}
	_, err := v.conn.Write(b.Bytes())
	return err == nil
}

// recorder is an http.ResponseWriter that keeps the response.
type recorder struct {
	header  http.Header
	status  int
	content bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.content.Write(b)
}

// requestBody is the body of a request. Where the client waits for 100 (Continue), reading
// sends it.
type requestBody struct {
	io.ReadCloser
	conn  net.Conn
	waits bool
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.waits {
		b.waits = false
		if _, err := io.WriteString(b.conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return 0, err
		}
	}
	return b.ReadCloser.Read(p)
}

package demo

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
)

// The participants.
const (
	client = "client"
	proxy  = "proxy"
	origin = "origin"
)

// message is one HTTP message, as the receiver of the request saw it on the wire.
type message struct {
	from, to string
	line     string // method and request-target
	status   int    // 0 for a request
	request  header.Request
	response header.Response
	fields   http.Header
	body     int64 // bytes of a request's body that were read
	secure   bool
}

// tape records one row: its messages and the steps of its machines.
type tape struct {
	mu       sync.Mutex
	messages []*message
	steps    []trace.Record
	machines map[uint64]string // names, counted from 1 in each row
}

func (t *tape) add(m *message) *message {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.messages = append(t.messages, m)
	return m
}

// all returns a copy of the messages so far.
func (t *tape) all() []message {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []message
	for _, m := range t.messages {
		out = append(out, *m)
	}
	return out
}

// record appends one step of a machine.
func (t *tape) record(conn uint64, r trace.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.machines == nil {
		t.machines = make(map[uint64]string)
	}
	if t.machines[conn] == "" {
		t.machines[conn] = strconv.Itoa(len(t.machines) + 1)
	}
	r.Name, r.Seq = t.machines[conn], uint64(len(t.steps))+1
	t.steps = append(t.steps, r)
}

// lines returns the steps, redacted.
func (t *tape) lines() []trace.Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []trace.Line
	for _, r := range t.steps {
		switch r.Event.(type) {
		case machine.Closed, machine.Lost: // ends of connections, which no message shows
		default:
			out = append(out, trace.Redact(r))
		}
	}
	return out
}

// observe returns a handler that records the messages of participant me and calls next.
func (t *tape) observe(me string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := client
		if len(r.Header["Via"]) > 0 {
			peer = proxy
		}
		m := t.add(&message{
			from: peer, to: me, line: r.Method + " " + r.RequestURI, secure: r.TLS != nil,
			request: header.ParseRequest(r.Header.Values), fields: r.Header.Clone(),
		})
		r = r.WithContext(r.Context())
		r.Body = &counted{r.Body, t, m}
		o := &observed{ResponseWriter: w, t: t, from: me, to: peer, secure: r.TLS != nil}
		next.ServeHTTP(o, r)
		o.begin()
	})
}

// counted counts the bytes that are read of a request's body.
type counted struct {
	io.ReadCloser
	t *tape
	m *message
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.t.mu.Lock()
	c.m.body += int64(n)
	c.t.mu.Unlock()
	return n, err
}

// observed records a response when its header is written.
type observed struct {
	http.ResponseWriter
	t        *tape
	from, to string
	secure   bool
	seen     bool
}

func (o *observed) note(status int, h http.Header) {
	if o.seen || status < 200 {
		return
	}
	o.seen = true
	o.t.add(&message{from: o.from, to: o.to, status: status, secure: o.secure,
		response: header.ParseResponse(h.Values), fields: h.Clone()})
}

// Unwrap returns the ResponseWriter for http.ResponseController.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (o *observed) WriteHeader(status int) {
	o.note(status, o.Header())
	o.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (o *observed) Write(p []byte) (int, error) {
	o.begin()
	return o.ResponseWriter.Write(p)
}

func (o *observed) begin() { o.note(http.StatusOK, o.Header()) }

// Hijack returns the connection. It records the response that is written to the connection
// directly, as a proxy does to open a tunnel.
func (o *observed) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(o.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	s := &sniffed{Conn: conn, o: o}
	return s, bufio.NewReadWriter(rw.Reader, bufio.NewWriter(s)), nil
}

// sniffed parses the header of the first response that is written.
type sniffed struct {
	net.Conn
	o    *observed
	head bytes.Buffer
}

func (s *sniffed) Write(p []byte) (int, error) {
	if !s.o.seen {
		s.head.Write(p)
		r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(s.head.Bytes())), nil)
		if err == nil {
			s.o.note(r.StatusCode, r.Header)
		}
	}
	return s.Conn.Write(p)
}

// CloseWrite closes the sending half, as proxies do at a tunnel's end.
func (s *sniffed) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return s.Conn.Close()
}

// observer returns an observer that records the machines of one role.
func (t *tape) observer(role trace.Role) drive.Observer {
	return func(conn uint64, env gss.Env, e machine.Event, a machine.Actions) {
		t.record(conn, trace.Record{Role: role, Env: env, Event: e, Actions: a})
	}
}

package drivertest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"strings"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

func env() gss.Env { return entropy.Env() }

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// caller is the kit's own client: one bare connection, with a machine.
type caller struct {
	k      *kit
	conn   net.Conn // nil over HTTP/3
	r      *bufio.Reader
	http3  HTTP3Conn // nil over HTTP/1.1
	client machine.Client
	source answer.Source
	to     machine.Request // the target of requests, without a method
	sent   func()          // called when a request has been sent, before its response
	legs   func()          // called after each 401
	lease  machine.Lease   // for the next request
	fields []string        // the fields of the last authentication
	tls    *tls.Config     // for an https server under test, nil for the usual configuration
	peer   []byte          // the certificate that the server showed, in DER
	last   *http.Response  // the last response, its body read
}

// dial connects to a server under test.
func (k *kit) dial(url, user string, ps ...pair) *caller {
	c, err := k.tryDial(url, user, ps...)
	if err != nil {
		k.fatalf("the server does not take a connection: %v", err)
	}
	return c
}

func (k *kit) tryDial(url, user string, ps ...pair) (*caller, error) {
	return k.tryDialTLS(url, user, nil, ps...)
}

// tryDialTLS connects like tryDial, with a configuration for https, nil for the usual
// one.
func (k *kit) tryDialTLS(url, user string, secure *tls.Config, ps ...pair) (*caller, error) {
	c := &caller{k: k, tls: secure, to: machine.Request{URI: "/a?b", Binding: gss.NoBinding()}}
	c.to.Scheme, c.to.Host, c.to.Port = place(url)
	err := c.connect()
	k.goesOn()
	if err != nil {
		return nil, err
	}
	k.cleanup(c.close)
	stop := context.AfterFunc(k.ctx, c.close)
	k.cleanup(func() { stop() })
	conf := machine.ClientConfig{Policy: scheme.Policy{Cleartext: true}, Bodies: machine.Optimistic}
	for _, p := range ps {
		conf.Schemes = append(conf.Schemes, p.client)
	}
	if c.client, err = machine.NewClient(conf); err != nil {
		panic(err)
	}
	c.source = answer.Func(func(context.Context, gss.Question) gss.Answer {
		return gss.Password{User: user, Password: gss.NewSecret(people[user])}
	})
	return c, nil
}

func (c *caller) connect() (err error) {
	to := net.JoinHostPort(c.to.Host, fmt.Sprint(c.to.Port))
	switch {
	case c.k.pipes != nil:
		c.conn = c.k.pipes.dial()
	case c.k.d.HTTP3 == nil:
		c.conn, err = net.Dial("tcp", to)
	}
	config := c.tls
	if config == nil {
		config = callerTLS()
	}
	if c.conn != nil && c.to.Scheme == "https" {
		secured := tls.Client(c.conn, config)
		c.conn = secured
		if err = secured.HandshakeContext(c.k.ctx); err == nil {
			c.showed(secured.ConnectionState())
		}
	}
	if err != nil || c.conn != nil {
		c.r = bufio.NewReader(c.conn)
		return err
	}
	if c.http3, err = c.k.d.HTTP3.Dial(c.k.ctx, to, config, 0); err == nil {
		c.showed(c.http3.TLS())
	}
	c.to.Multiplexed, c.to.Binding = true, gss.Binding{}
	return err
}

// callerTLS returns the usual configuration for https.
func callerTLS() *tls.Config { return &tls.Config{RootCAs: certificate().roots} }

// showed records the certificate of an https server, and binds to none yet.
func (c *caller) showed(state tls.ConnectionState) {
	c.to.Binding = gss.Binding{}
	if len(state.PeerCertificates) > 0 {
		c.peer = state.PeerCertificates[0].Raw
	}
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
	} else {
		c.http3.Close()
	}
}

// exchange sends one request and reads the response.
func (c *caller) exchange(method, body string, fields ...string) (*http.Response, outcome) {
	defer c.k.goesOn()
	trip := c.message
	if c.http3 != nil {
		trip = c.stream
	}
	response, err := trip(method, body, fields)
	if err != nil {
		c.close()
		return nil, outcome{err: err}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<24))
	if err != nil || response.Close {
		c.close()
	}
	if err != nil {
		return nil, outcome{err: err}
	}
	c.last = response
	return response, outcome{status: response.StatusCode, body: string(text)}
}

// message sends an HTTP/1.1 request, byte by byte.
func (c *caller) message(method, body string, fields []string) (*http.Response, error) {
	var b strings.Builder
	target := c.to.URI
	if c.k.d.Absolute {
		target = fmt.Sprintf("http://%s:%d%s", c.to.Host, c.to.Port, target)
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s:%d\r\n", method, target, c.to.Host, c.to.Port)
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	go io.WriteString(c.conn, b.String()+body) // a server may respond before it has read all of it
	if c.sent != nil {
		c.sent()
	}
	return http.ReadResponse(c.r, &http.Request{Method: method})
}

// stream sends an HTTP/3 request.
func (c *caller) stream(method, body string, fields []string) (*http.Response, error) {
	ctx := c.k.ctx
	if c.sent != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: c.sent})
	}
	to := fmt.Sprintf("%s://%s:%d%s", c.to.Scheme, c.to.Host, c.to.Port, c.to.URI)
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for f := range strings.SplitSeq(strings.Join(fields, "\r\n"), "\r\n") {
		if name, value, ok := strings.Cut(f, ": "); ok {
			r.Header.Add(name, value)
		}
	}
	return c.http3.RoundTrip(r)
}

// flood posts a body of up to enough bytes, as long as the server reads it. It returns
// the status, 0 for none, and how much was sent.
func (c *caller) flood(enough int64) (status int, sent int64) {
	defer c.close()
	body := &endless{left: enough}
	if c.http3 != nil {
		r, err := http.NewRequestWithContext(c.k.ctx, "POST", fmt.Sprintf("https://%s:%d/", c.to.Host, c.to.Port), io.NopCloser(body))
		if err != nil {
			panic(err)
		}
		response, err := c.http3.RoundTrip(r)
		if err != nil {
			return 0, body.read.Load()
		}
		io.Copy(io.Discard, response.Body)
		return response.StatusCode, body.read.Load()
	}
	done := make(chan error, 1)
	go func() {
		fmt.Fprintf(c.conn, "POST / HTTP/1.1\r\nHost: %s:%d\r\nTransfer-Encoding: chunked\r\n\r\n", c.to.Host, c.to.Port)
		w := httputil.NewChunkedWriter(c.conn)
		_, err := io.Copy(w, body)
		done <- err
	}()
	if response, err := http.ReadResponse(c.r, nil); err == nil {
		status = response.StatusCode
		io.Copy(io.Discard, response.Body)
	}
	// A server that has responded may continue to read until it closes.
	<-done
	return status, body.read.Load()
}

// endless is a long body.
type endless struct {
	left int64
	read atomic.Int64
}

func (e *endless) Read(b []byte) (int, error) {
	n := min(int64(len(b)), e.left-e.read.Load())
	if n == 0 {
		return 0, io.EOF
	}
	e.read.Add(n)
	return int(n), nil
}

// request authenticates a request, with as many legs as that takes.
func (c *caller) request(method, body string) outcome {
	begin := machine.Begin{Request: c.to, Lease: c.lease}
	begin.Request.Method = method
	if body != "" {
		begin.Body = machine.Replayable
	}
	var e machine.Event = begin
	var last outcome
	for range most {
		next, acts, err := c.client.Step(env(), e)
		if err != nil { // the connection has closed since an earlier request
			return outcome{err: err}
		}
		c.client = next
		switch a := acts.At(0).(type) {
		case machine.Ask:
			e = machine.Answered{ID: a.ID, Answer: c.source.Answer(c.k.ctx, a.Question)}
		case machine.Send:
			var fields []string
			if a.Authorization.Present() {
				fields = append(fields, "Authorization: "+a.Authorization.Text())
			}
			send := body
			if a.Body == machine.Omit {
				send = ""
			}
			c.fields = fields
			response, o := c.exchange(method, send, fields...)
			if last = o; o.err != nil {
				return o
			}
			if c.legs != nil && o.status == 401 {
				c.legs()
			}
			e = machine.Response{Status: o.status, Header: header.ParseResponse(response.Header.Values), Close: response.Close, BodySent: machine.SentAll}
		case machine.Deliver:
			return last
		case machine.Fail:
			return outcome{status: last.status, err: fmt.Errorf("after status %d: %w", last.status, a.Fault.Err())}
		case machine.Reopen:
			return outcome{status: last.status, err: fmt.Errorf("after status %d the server closed the connection", last.status)}
		default:
			return outcome{err: fmt.Errorf("the kit's client returned %T", a)}
		}
	}
	return outcome{err: fmt.Errorf("no end after %d steps", most)}
}

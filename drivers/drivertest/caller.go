package drivertest

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

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
	conn   net.Conn
	r      *bufio.Reader
	client machine.Client
	source answer.Source
	host   string
	port   uint16
	sent   func()        // called when a request has been sent, before its response
	legs   func()        // called after each 401
	lease  machine.Lease // to open with
}

// dial connects to a server under test.
func (k *kit) dial(url, user string, ps ...pair) (*caller, bool) {
	host, port := place(url)
	c, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		k.errorf("the server does not take a connection: %v", err)
		return nil, false
	}
	k.cleanup(func() { c.Close() })
	stop := context.AfterFunc(k.ctx, func() { c.Close() })
	k.cleanup(func() { stop() })
	conf := machine.ClientConfig{Policy: scheme.Policy{Cleartext: true}, Bodies: machine.Optimistic}
	for _, p := range ps {
		conf.Schemes = append(conf.Schemes, p.client)
	}
	client, err := machine.NewClient(conf)
	if err != nil {
		panic(err)
	}
	return &caller{k: k, conn: c, r: bufio.NewReader(c), client: client, host: host, port: port,
		source: answer.Func(func(context.Context, gss.Question) gss.Answer {
			return gss.Password{User: user, Password: gss.NewSecret(people[user])}
		})}, true
}

// exchange sends one request, and reads the response.
func (c *caller) exchange(method, body string, fields ...string) (*http.Response, outcome) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s /a?b HTTP/1.1\r\nHost: %s:%d\r\n", method, c.host, c.port)
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	sent := make(chan error, 1)
	go func() { // a server may answer before it has read all
		_, err := io.WriteString(c.conn, b.String()+body)
		sent <- err
	}()
	if c.sent != nil {
		c.sent()
	}
	response, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.conn.Close()
		<-sent
		return nil, outcome{err: err}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<24))
	if err != nil || response.Close {
		c.conn.Close()
	}
	if err2 := <-sent; err == nil && err2 != nil && response.StatusCode < 400 {
		err = err2
	}
	if err != nil {
		return nil, outcome{err: err}
	}
	return response, outcome{status: response.StatusCode, body: string(text)}
}

// request authenticates a request by as many as it takes.
func (c *caller) request(method, body string) outcome {
	q := machine.Request{Method: method, URI: "/a?b", Scheme: "http", Host: c.host, Port: c.port, Binding: gss.NoBinding()}
	begin := machine.Begin{Request: q, Lease: c.lease}
	if body != "" {
		begin.Body = machine.Replayable
	}
	var e machine.Event = begin
	var last outcome
	for range most {
		next, acts, err := c.client.Step(env(), e)
		if err != nil { // its connection is gone since an earlier request
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
			return outcome{status: last.status, err: fmt.Errorf("after status %d: %w", last.status, a.Fault)}
		case machine.Reopen:
			return outcome{status: last.status, err: fmt.Errorf("after status %d the server closed the connection", last.status)}
		default:
			return outcome{err: fmt.Errorf("the kit's client came to %T", a)}
		}
	}
	return outcome{err: fmt.Errorf("%d steps without an end", most)}
}

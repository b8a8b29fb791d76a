package drive_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// line is a bare connection: the drive.Conn of a custom transport.
type line struct {
	net.Conn
	in     *bufio.Reader
	body   []byte // of the last response
	closed bool
}

func (l *line) Usable() bool           { return !l.closed }
func (l *line) Close()                 { l.Conn.Close() }
func (l *line) Streams() drive.Streams { return nil } // one request at a time

func (l *line) Describe(q machine.Request) machine.Request {
	q.Binding = gss.NoBinding() // no TLS here
	return q
}

// send sends one leg and reads the response.
func send(_ context.Context, l *line, a machine.Send) (machine.Response, error) {
	if l.closed {
		return machine.Response{}, &drive.Loss{Err: io.EOF, Unsent: true}
	}
	fields := http.Header{"Host": {"www.example"}}
	hop.ApplySend(fields, a)
	io.WriteString(l, "GET /secret HTTP/1.1\r\n")
	fields.Write(l)
	io.WriteString(l, "\r\n")
	_, silent := l.in.Peek(1)
	r, err := http.ReadResponse(l.in, nil)
	if err == nil {
		l.body, err = io.ReadAll(io.LimitReader(r.Body, 1<<20))
	}
	if err != nil {
		return machine.Response{}, &drive.Loss{Err: err, Heard: silent == nil}
	}
	l.closed = r.Close
	return machine.Response{Status: r.StatusCode, Header: header.ParseResponse(r.Header.Values), Close: r.Close}, nil
}

// A client over a custom transport: it dials and sends, and the exchange does the rest.
func Example_client() {
	origin := exampleOrigin() // see the server's example
	defer origin.Close()
	login, _ := answer.For("http://www.example", "alice", "wonder")
	var client drive.Client[*line]
	client.Machine, _ = machine.NewClient(machine.ClientConfig{
		Schemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}, // on loopback
	})
	keys, _ := drive.NewKeys(drive.Destination{Scheme: "http", Authority: "www.example"})
	x := drive.Exchange[*line]{
		Client: &client, Keys: keys, Method: "GET", URI: "/secret", Source: login,
		Dial: func(context.Context, bool) (*line, error) {
			c, err := net.Dial("tcp", origin.Addr().String())
			return &line{Conn: c, in: bufio.NewReader(c)}, err
		},
		Send: send,
	}
	d, on, err := x.Run(context.Background())
	if err != nil {
		fmt.Println(err) // a *drive.Error with the reason
		return
	}
	fmt.Printf("authenticated: %v, %s", d.Authenticated, on.Conn.body)
	on.Keep(0) // for the next request with these keys
	client.CloseIdle()
	// Output:
	// authenticated: true, hello alice
}

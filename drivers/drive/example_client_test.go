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
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// line is a bare connection with its machine: drive.Carrier for a transport of one's own.
type line struct {
	net.Conn
	in     *bufio.Reader
	runner drive.Runner[machine.Client]
	body   []byte // of the last response
	closed bool
}

func (l *line) Runner() *drive.Runner[machine.Client] { return &l.runner }
func (l *line) Spent() bool                           { return l.closed }
func (l *line) Renew(context.Context) bool            { return false } // the machine asks for another one
func (l *line) Close()                                { l.Conn.Close() }

func (l *line) Begun(q machine.Request) machine.Request {
	q.Binding = gss.NoBinding() // no TLS here
	return q
}

func (l *line) Send(_ context.Context, a machine.Send) (machine.Response, error) {
	fields := http.Header{"Host": {"www.example"}}
	drive.ApplySend(fields, a)
	io.WriteString(l, "GET /secret HTTP/1.1\r\n")
	fields.Write(l)
	io.WriteString(l, "\r\n")
	r, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return machine.Response{}, err
	}
	l.body, err = io.ReadAll(io.LimitReader(r.Body, 1<<20))
	l.closed = r.Close
	return machine.Response{Status: r.StatusCode, Header: header.ParseResponse(r.Header.Values), Close: r.Close}, err
}

// A client over a transport of one's own: connect, send, and let the exchange do the rest.
func Example_client() {
	origin := exampleOrigin() // see the server's example
	defer origin.Close()
	ctx := context.Background()
	login, _ := answer.For("http://www.example", "alice", "wonder")
	client, _ := machine.NewClient(machine.ClientConfig{
		Schemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}, // on loopback
	})
	x := drive.Exchange{
		Begin:  machine.Begin{Request: machine.Request{Method: "GET", URI: "/secret", Scheme: "http", Host: "www.example", Port: 80}},
		Answer: func(q gss.Question) gss.Answer { return drive.Ask(ctx, login, q) },
		Connect: func(context.Context, bool, bool) (drive.Carrier, error) {
			c, err := net.Dial("tcp", origin.Addr().String())
			return &line{Conn: c, in: bufio.NewReader(c), runner: drive.Runner[machine.Client]{Machine: client}}, err
		},
	}
	end, on, _, err := x.Run(ctx)
	if d, ok := end.(machine.Deliver); ok {
		fmt.Printf("authenticated: %v, %s", d.Authenticated, on.(*line).body)
		on.Close()
	} else {
		fmt.Println(end, err) // machine.Fail says why
	}
	// Output:
	// authenticated: true, hello alice
}

package drive_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// serveConn serves one connection: it has one state, and serves one request after the
// other.
func serveConn(c net.Conn, server *drive.Server, users answer.Source) {
	defer c.Close()
	limits := drive.Limits{}.WithDefaults() // for unauthenticated clients
	head := &io.LimitedReader{R: c}
	conn, in := server.Connection(), bufio.NewReader(head)
	for {
		c.SetDeadline(time.Now().Add(limits.Idle))
		head.N = int64(limits.HeaderBytes)
		if _, err := in.Peek(1); err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(limits.Request))
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		head.N = math.MaxInt64 // a body has other bounds
		ask := func(q gss.Question) gss.Answer { return drive.Ask(context.Background(), users, q) }
		var act machine.Action
		// Without TLS. A request with an invalid target is refused first.
		in := machine.Incoming{Method: r.Method, Target: r.RequestURI, Authority: r.Host, Binding: gss.NoBinding()}
		if q, refused := in.AtOrigin(); refused != 0 {
			act = drive.Refusal(in, refused)
		} else {
			act, err = conn.Run(machine.Received{Request: q, Header: header.ParseRequest(r.Header.Values)}, ask)
		}
		fields, status, body := http.Header{}, http.StatusInternalServerError, ""
		switch a := act.(type) {
		case machine.Reply:
			status = a.Status
			hop.ApplyReply(fields, a)
		case machine.Accept: // call the handler, then tell the machine the status
			c.SetDeadline(time.Time{})
			status, body = http.StatusOK, fmt.Sprintln("hello", a.Info.Name())
			act, err = conn.Run(machine.Responding{Status: status}, ask)
			if finish, ok := act.(machine.Finish); ok {
				hop.ApplyFinish(fields, finish)
			}
		}
		fields.Set("Content-Length", fmt.Sprint(len(body)))
		fmt.Fprintf(c, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
		fields.Write(c)
		fmt.Fprintf(c, "\r\n%s", body)
		whole := drive.Drain(r.Body, 1<<20) // the rest of the body is not the next request
		if err != nil || !whole || fields.Get("Connection") == "close" {
			return
		}
	}
}

// exampleOrigin is a server over a custom transport, with the user alice.
func exampleOrigin() net.Listener {
	server, err := drive.NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("www", scheme.AskVerdict)}}, nil)
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for l := drive.RetryAccept(l, nil); ; {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveConn(c, &server, answer.NewUsers(map[string]string{"alice": "wonder"}))
		}
	}()
	return l
}

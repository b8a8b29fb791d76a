package nethttp_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// pipes is a listener whose connections are net.Pipe's: no kernel in the way.
type pipes struct{ accept chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// BenchmarkServer is one request over a connection that stays open: the floor is
// the same request, with the same fields, to a handler that nobody guards.
func BenchmarkServer(b *testing.B) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{toyServer(toy), scheme.BasicServer("test", scheme.AskVerifier)}},
		Source: users,
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name    string
		handler http.Handler
		login   []string
		line    string
	}{
		{"kept/impl=floor", app, nil, ""},
		{"kept/impl=ours", auth.Wrap(app), []string{first("alice"), second("alice")}, ""},
		{"basic/impl=floor", app, nil, basic("alice", "secret") + "\r\n"},
		{"basic/impl=ours", auth.Wrap(app), nil, basic("alice", "secret") + "\r\n"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			l := pipes{make(chan net.Conn, 1)}
			s := &http.Server{Handler: bench.handler, ConnContext: auth.ConnContext}
			go s.Serve(l)
			defer s.Close()
			near, far := net.Pipe()
			defer near.Close()
			l.accept <- far
			close(l.accept)
			in := bufio.NewReader(near)
			send := func(line string) int {
				if _, err := io.WriteString(near, "GET / HTTP/1.1\r\nHost: h\r\n"+line+"\r\n"); err != nil {
					b.Fatal(err)
				}
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, res.Body)
				return res.StatusCode
			}
			for _, line := range bench.login {
				send(line + "\r\n")
			}
			b.ReportAllocs()
			for b.Loop() {
				if status := send(bench.line); status != 200 {
					b.Fatalf("status %d", status)
				}
			}
		})
	}
}

package drivertest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// wire is a server of bytes, for responses that net/http would not write.
type wire struct {
	url      string
	requests atomic.Int32 // requests with a complete header
}

// wire starts a server. say answers the nth request, from 1, and then the connection is
// closed.
func (k *kit) wire(say func(conn net.Conn, n int)) *wire {
	return k.wired(func(w *wire, conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			say(conn, int(w.requests.Add(1)))
		}
	})
}

// script starts a server on which a connection continues as long as say returns true.
func (k *kit) script(say func(conn io.Writer, r *http.Request) bool) *wire {
	return k.wired(func(w *wire, conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			w.requests.Add(1)
			if !say(conn, r) {
				return
			}
		}
	})
}

// wired starts a server that calls serve for each connection.
func (k *kit) wired(serve func(*wire, net.Conn)) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.fatalf("no listener: %v", err)
	}
	w := &wire{url: "http://" + l.Addr().String()}
	var open sync.Map
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(conn, nil)
			all.Go(func() {
				defer conn.Close()
				defer open.Delete(conn)
				serve(w, conn)
			})
		}
	})
	k.cleanup(func() {
		l.Close()
		open.Range(func(conn, _ any) bool {
			conn.(net.Conn).Close()
			return true
		})
		all.Wait()
	})
	return w
}

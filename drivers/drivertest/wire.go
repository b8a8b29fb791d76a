package drivertest

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// wire is a server of bytes, for responses that net/http would not write.
type wire struct {
	url      string
	requests atomic.Int32 // whose heads came whole
}

// wire starts one. say answers a request by its number, from 1, and the connection is closed
// after it.
func (k *kit) wire(say func(conn net.Conn, n int)) *wire {
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
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					say(conn, int(w.requests.Add(1)))
				}
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

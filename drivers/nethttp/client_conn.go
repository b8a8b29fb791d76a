package nethttp

import (
	"net"
	"net/http"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// clientConn is the library's side of a connection: an http.ClientConn or a
// [Multiplexed].
type clientConn interface {
	http.RoundTripper
	drive.Streams
	Available() int
	Err() error
	Close() error
}

// conn is a connection of a client's. It implements drive.Conn.
type conn struct {
	cc          clientConn
	multiplexed bool
	binding     gss.Binding
	wire        *wire
}

// Describe implements drive.Conn.
func (c *conn) Describe(q machine.Request) machine.Request {
	q.Binding, q.Multiplexed = c.binding, c.multiplexed
	return q
}

// Usable implements drive.Conn.
func (c *conn) Usable() bool {
	if c.multiplexed {
		return c.cc.Err() == nil
	}
	return c.cc.Available() > 0
}

// Close implements drive.Conn.
func (c *conn) Close() { c.cc.Close() }

// Streams implements drive.Conn.
func (c *conn) Streams() drive.Streams {
	if c.multiplexed {
		return c.cc
	}
	return nil
}

// wire holds what this package needs to know about the network connection below
// http.Transport.
type wire struct {
	wrote  atomic.Int64           // bytes written
	upload atomic.Pointer[upload] // HTTP/1: the body that is being sent
}

// countingConn is a network connection that counts the bytes written to it.
type countingConn struct {
	net.Conn
	wire *wire
}

// Write implements net.Conn.
func (w countingConn) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.wire.wrote.Add(int64(n))
	return n, err
}

// Close implements net.Conn. It ends an upload that is held back: http.Transport waits
// for the goroutine that sends the body, which waits for the machine.
func (w countingConn) Close() error {
	if u := w.wire.upload.Load(); u != nil {
		u.resolve(halted)
	}
	return w.Conn.Close()
}

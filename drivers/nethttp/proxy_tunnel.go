package nethttp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// tunnel serves CONNECT. What passes through the tunnel is not inspected (HTA-15).
func (x *proxyExchange) tunnel() {
	ctx, cancel := context.WithTimeout(x.r.Context(), dialTimeout)
	far, err := x.p.pool.dialRaw(ctx, x.to.addr)
	cancel()
	var e hop.Event = hop.Response{Response: machine.Response{Status: http.StatusOK, BodySent: machine.SentAll}}
	if err != nil {
		x.result.Err = hidden.Error(err) // LEG-4
		e = hop.Lost{Unsent: true}
	} else {
		defer far.Close()
	}
	h := x.w.Header()
	switch do := x.step(e).(type) {
	case hop.Reply:
		x.answer(do.Reply)
		return
	case hop.Pass:
		do.Apply(h, "")
	default:
		panic(http.ErrAbortHandler)
	}
	x.result.Status = http.StatusOK
	h.Del("Connection") // no HTTP connection remains
	if x.r.ProtoMajor > 1 {
		x.stream(far)
		return
	}
	near, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.answer(broken(err))
		return
	}
	defer near.Close()
	fmt.Fprint(rw, "HTTP/1.1 200 Connection established\r\n")
	h.Write(rw)
	fmt.Fprint(rw, "\r\n")
	if rw.Flush() == nil {
		join(near, rw.Reader, far, x.p.conf.TunnelIdle)
	}
}

// idle ends a tunnel or connection that transfers nothing.
type idle struct {
	timer *time.Timer
	after time.Duration
}

// newIdle returns a timer that calls end after a period without transfer; a negative
// period means never.
func newIdle(after time.Duration, end func()) *idle { // RELAY-6
	if after < 0 {
		return &idle{}
	}
	return &idle{time.AfterFunc(after, end), after}
}

// passed restarts the timer.
func (i *idle) passed(n int) {
	if i.timer != nil && n > 0 {
		i.timer.Reset(i.after)
	}
}

func (i *idle) stop() {
	if i.timer != nil {
		i.timer.Stop()
	}
}

// passing is a reader that restarts an idle timer.
type passing struct {
	io.Reader
	idle *idle
}

// Read implements io.Reader.
func (p passing) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.idle.passed(n)
	return n, err
}

// upgraded is the upstream side of a connection that changed its protocol. When the
// idle timer expires it is closed, and the client's side with it.
type upgraded struct {
	io.ReadWriteCloser
	idle *idle
}

func newUpgraded(c io.ReadWriteCloser, after time.Duration) *upgraded {
	return &upgraded{c, newIdle(after, func() { c.Close() })}
}

// Read implements io.Reader.
func (u *upgraded) Read(b []byte) (int, error) {
	n, err := u.ReadWriteCloser.Read(b)
	u.idle.passed(n)
	return n, err
}

// Write implements io.Writer.
func (u *upgraded) Write(b []byte) (int, error) {
	n, err := u.ReadWriteCloser.Write(b)
	u.idle.passed(n)
	return n, err
}

// CloseWrite signals to the upstream that no more data follows. If that is not possible
// its error ends both sides.
func (u *upgraded) CloseWrite() error {
	if half, ok := u.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements io.Closer.
func (u *upgraded) Close() error {
	u.idle.stop()
	return u.ReadWriteCloser.Close()
}

// join copies in both directions until both ends are done. If one end closes its half,
// the other's half is closed; an error, or silence, ends both.
func join(near net.Conn, ahead *bufio.Reader, far net.Conn, after time.Duration) {
	idle := newIdle(after, func() {
		near.Close()
		far.Close()
	})
	defer idle.stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(far, passing{io.MultiReader(io.LimitReader(ahead, int64(ahead.Buffered())), near), idle}, near)
	}()
	copyHalf(near, passing{far, idle}, far)
	<-done
}

// copyHalf copies src, which reads from from, to dst.
func copyHalf(dst net.Conn, src io.Reader, from net.Conn) {
	_, err := io.Copy(dst, src)
	if half, ok := dst.(interface{ CloseWrite() error }); ok && err == nil {
		half.CloseWrite()
		return
	}
	dst.Close()
	from.Close()
}

// stream serves a tunnel on an HTTP/2 stream (RFC 9113 section 8.5).
func (x *proxyExchange) stream(far net.Conn) {
	x.w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(x.w)
	if flush.Flush() != nil {
		return
	}
	idle := newIdle(x.p.conf.TunnelIdle, func() { far.Close() })
	defer idle.stop()
	go func() {
		io.Copy(far, passing{x.r.Body, idle})
		if half, ok := far.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := far.Read(buf)
		idle.passed(n)
		if n > 0 {
			if _, werr := x.w.Write(buf[:n]); werr != nil || flush.Flush() != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

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

	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// tunnel runs a CONNECT: what goes through it is not ours (HTA-15).
func (x *passage) tunnel() {
	ctx, cancel := context.WithTimeout(x.r.Context(), DefaultDialTimeout)
	far, err := x.p.pool.dialRaw(ctx, x.to.addr)
	cancel()
	var e hop.Event = hop.Response{Response: machine.Response{Status: http.StatusOK, BodySent: machine.SentAll}}
	if err != nil {
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
	h.Del("Connection") // there is no HTTP connection any more
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

// idle ends something through which nothing passes.
type idle struct {
	timer *time.Timer
	after time.Duration
}

// newIdle has end called when nothing was passed for so long; less than 0 is never.
func newIdle(after time.Duration, end func()) *idle { // RELAY-6
	if after < 0 {
		return &idle{}
	}
	return &idle{time.AfterFunc(after, end), after}
}

// passed puts the end off.
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

// passing is a reader that puts an end off.
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

// upgraded is the upstream's end of a connection that changed its protocol. It closes
// when nothing has passed for long, and the client's end with it.
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

// CloseWrite tells the upstream that nothing more comes. Where that cannot be told its
// error ends both.
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

// join copies both ways until both ends have said all they had to say. An end that
// closes its half closes the other's half; one that fails, and silence, end both.
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

// copyHalf copies src, which reads from, to dst.
func copyHalf(dst net.Conn, src io.Reader, from net.Conn) {
	_, err := io.Copy(dst, src)
	if half, ok := dst.(interface{ CloseWrite() error }); ok && err == nil {
		half.CloseWrite()
		return
	}
	dst.Close()
	from.Close()
}

// stream is a tunnel on a stream of HTTP/2 (RFC 9113 section 8.5).
func (x *passage) stream(far net.Conn) {
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

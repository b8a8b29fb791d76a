package nethttp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/machine"
)

// tunnel runs a CONNECT: what goes through it is not ours (HTA-15).
func (x *passage) tunnel() {
	ctx, cancel := context.WithTimeout(x.r.Context(), DefaultDialTimeout)
	far, err := x.p.pool.dialRaw(ctx, x.to.addr)
	cancel()
	if err != nil {
		x.answer(x.gone())
		return
	}
	defer far.Close()
	act, err := x.run(machine.Response{Status: http.StatusOK, BodySent: machine.SentAll})
	relay, ok := act.(machine.Relay)
	if !ok {
		reply, ok := act.(machine.Reply)
		if !ok {
			reply = broken(err)
		}
		x.answer(reply)
		return
	}
	x.result.Status = http.StatusOK
	h := x.w.Header()
	drive.ApplyRelay(h, relay, nil)
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
		join(near, rw.Reader, far)
	}
}

// join copies both ways until both ends have said all they had to say. An end that
// closes its half closes the other's half; one that fails ends both.
func join(near net.Conn, ahead *bufio.Reader, far net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(far, io.MultiReader(io.LimitReader(ahead, int64(ahead.Buffered())), near), near)
	}()
	copyHalf(near, far, far)
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
	go func() {
		io.Copy(far, x.r.Body)
		if half, ok := far.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := far.Read(buf)
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

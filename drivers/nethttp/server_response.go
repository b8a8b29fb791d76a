package nethttp

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
)

// response is the handler's http.ResponseWriter. It tells the machine of the response
// before the header is sent, and holds the body back if the fields that the machine
// adds depend on it.
type response struct {
	x      *Visit
	w      http.ResponseWriter
	status int    // the handler's, 0 until it sets one
	hold   bool   // hold header and body back
	held   []byte // at most MaxBody
	left   bool   // the handler has returned
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.w.Header() }

// Unwrap returns the original for http.ResponseController, which needs it for deadlines
// and full duplex.
func (w *response) Unwrap() http.ResponseWriter { return w.w }

// WriteHeader implements http.ResponseWriter. Informational responses pass
// through and change nothing (HTA-11).
func (w *response) WriteHeader(status int) {
	switch {
	case informational(status):
		if w.status == 0 {
			w.w.WriteHeader(status)
		}
	case w.status != 0:
		if !w.hold {
			w.w.WriteHeader(status) // net/http logs a second one
		}
	default:
		w.status = status
		if !w.hold {
			w.release(false)
		}
	}
}

// release sends the header and what was held back. whole says that this is the complete
// body.
func (w *response) release(whole bool) {
	w.x.ours = responseBody{w.held, whole}
	w.hold = false
	w.finish(w.status)
	w.w.WriteHeader(w.status)
	if len(w.held) > 0 {
		w.w.Write(w.held) // an error is returned by the handler's next Write
		w.held = nil
	}
}

// finish adds the machine's fields for a response with status.
func (w *response) finish(status int) {
	if w.left {
		w.x.late(status)
	} else {
		w.x.finish(status)
	}
}

// Write implements io.Writer.
func (w *response) Write(p []byte) (int, error) {
	w.begin()
	if w.hold {
		if int64(len(w.held))+int64(len(p)) <= w.x.a.conf.MaxBody {
			w.held = append(w.held, p...)
			return len(p), nil
		}
		w.release(false)
	}
	return w.w.Write(p)
}

// begin sets the status of a response without one to 200.
func (w *response) begin() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
}

// ReadFrom implements io.ReaderFrom, for sendfile below.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	if w.hold {
		return io.Copy(struct{ io.Writer }{w}, src)
	}
	return io.Copy(w.w, src)
}

// Flush implements http.Flusher.
func (w *response) Flush() { w.FlushError() }

// FlushError sends what is held back: a response that is flushed is no longer held.
func (w *response) FlushError() error {
	w.begin()
	if w.hold {
		w.release(false)
	}
	return http.NewResponseController(w.w).Flush()
}

// Hijack passes the connection to the handler. Header already contains the fields that
// the machine adds to the response.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.finish(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(w.w).Hijack()
	if err == nil {
		w.x.c.Closed()
		w.status, w.hold = http.StatusSwitchingProtocols, false
	}
	return conn, rw, err
}

// CloseNotify implements http.CloseNotifier, which frameworks assert.
func (w *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.x.r.Context(), func() { gone <- true })
	return gone
}

// end completes a response after its handler has returned. If the handler has written
// nothing, neither does this: a framework may still send a response (FRONT-9).
func (w *response) end() {
	switch {
	case w.status == 0:
		w.x.ours, w.hold = responseBody{whole: true}, false
		w.x.suppose(http.StatusOK)
	case w.hold:
		w.release(true)
	}
}

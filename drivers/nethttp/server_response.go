package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// response is the handler's http.ResponseWriter. It tells the machine of the response
// before the header is sent, and holds the body back if the fields that the machine
// adds depend on it.
type response struct {
	x      *serverExchange
	w      http.ResponseWriter
	status int    // the handler's, 0 until it sets one
	hold   bool   // hold header and body back
	held   []byte // at most MaxBody
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
	case status < 200 && status != http.StatusSwitchingProtocols:
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
	w.x.finish(w.status)
	w.w.WriteHeader(w.status)
	if len(w.held) > 0 {
		w.w.Write(w.held) // an error is returned by the handler's next Write
		w.held = nil
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
	w.x.finish(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(w.w).Hijack()
	if err == nil {
		w.x.c.Closed()
		w.status, w.hold = http.StatusSwitchingProtocols, false
	}
	return conn, rw, err
}

// end completes a response after its handler has returned.
func (w *response) end() {
	switch {
	case w.status == 0:
		w.status = http.StatusOK
		w.release(true)
	case w.hold:
		w.release(true)
	}
}

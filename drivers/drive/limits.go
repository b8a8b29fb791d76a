package drive

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// The defaults of [Limits].
const (
	defaultHeader      = 10 * time.Second
	defaultIdle        = time.Minute
	defaultRequest     = 30 * time.Second
	defaultHeaderBytes = 128 << 10 // a Kerberos ticket with its authorization data may have 64 KiB in base64
)

// Limits bounds what a server spends on unauthenticated clients. A driver's Install
// applies them to a server of its library, where the server has no limit of its own. In
// a field, 0 means the default.
//
// An authenticated request is not subject to Request: its handler decides how long its
// body and its response may take.
type Limits struct {
	_ struct{}

	// Header bounds the TLS handshake, and the time from the start of a request to the
	// end of its header: 10 seconds by default.
	Header time.Duration
	// Idle bounds the time between two requests on a connection, and with it how long
	// an unfinished handshake, or an identity bound to the connection, is kept: a minute
	// by default.
	Idle time.Duration
	// Request bounds the time from the start of a request to the end of its body, and
	// the time to send its response, until the request is authenticated: 30 seconds by
	// default.
	Request time.Duration
	// HeaderBytes bounds a request's header, in bytes: 128 KiB by default.
	HeaderBytes int
}

// WithDefaults returns l with each field that is 0 or negative replaced by its default.
func (l Limits) WithDefaults() Limits {
	for _, d := range []struct {
		at    *time.Duration
		value time.Duration
	}{{&l.Header, defaultHeader}, {&l.Idle, defaultIdle}, {&l.Request, defaultRequest}} {
		if *d.at <= 0 {
			*d.at = d.value
		}
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = defaultHeaderBytes
	}
	return l
}

// The first delay of a patient listener, which doubles each time, and the longest.
const (
	firstDelay = 5 * time.Millisecond
	lastDelay  = time.Second
)

// RetryAccept returns l as a listener on which Accept waits and retries after a temporary
// error: the process or system has run out of descriptors (EMFILE, ENFILE), or the
// client has disconnected (ECONNABORTED). The delays grow from 5 milliseconds to a
// second; Close ends them. waits, if not nil, is called before each.
//
// net/http retries by itself. fasthttp's Serve returns, so that a client which opens
// more connections than there are descriptors would end the service.
func RetryAccept(l net.Listener, waits func(err error, delay time.Duration)) net.Listener {
	return &patient{Listener: l, waits: waits, closed: make(chan struct{})}
}

type patient struct {
	net.Listener
	waits  func(error, time.Duration)
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (p *patient) Accept() (net.Conn, error) {
	for delay := firstDelay; ; delay = min(2*delay, lastDelay) {
		c, err := p.Listener.Accept()
		if err == nil || !temporary(err) { // FRONT-1
			return c, err
		}
		if p.waits != nil {
			p.waits(err, delay)
		}
		select {
		case <-time.After(delay):
		case <-p.closed:
			return nil, net.ErrClosed
		}
	}
}

// Close implements net.Listener.
func (p *patient) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Listener.Close()
}

// temporary reports whether Accept may succeed when it is called again. Package net
// calls these errors temporary, and for Accept that is reliable: net/http depends on
// it, too.
func temporary(err error) bool {
	t, ok := err.(interface{ Temporary() bool })
	return ok && t.Temporary() || errors.Is(err, syscall.ECONNABORTED)
}

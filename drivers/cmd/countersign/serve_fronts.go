package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	quichttp3 "github.com/quic-go/quic-go/http3"
	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
)

// front accepts connections: it is the server library below a driver.
type front interface {
	// listen listens on an address and returns the actual one.
	listen(addr string) (net.Addr, error)
	// serve serves until shutdown is called, and then returns nil.
	serve() error
	shutdown(ctx context.Context) error
}

// transports are the libraries that serve can use.
var transports = []string{"nethttp", "fasthttp", "http3"}

// overHTTP is the front of net/http.
type overHTTP struct {
	*http.Server
	l net.Listener
}

func (f *overHTTP) listen(addr string) (net.Addr, error) {
	var err error
	if f.l, err = net.Listen("tcp", addr); err != nil {
		return nil, err
	}
	return f.l.Addr(), nil
}

func (f *overHTTP) serve() (err error) {
	if f.TLSConfig != nil {
		err = f.ServeTLS(f.l, "", "")
	} else {
		err = f.Serve(f.l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (f *overHTTP) shutdown(ctx context.Context) error {
	if err := f.Shutdown(ctx); err != nil {
		return f.Close()
	}
	return nil
}

// overQUIC is the front of HTTP/3.
type overQUIC struct {
	*quichttp3.Server
	limits drive.Limits
	conn   net.PacketConn
	ctx    context.Context
	stop   context.CancelFunc
}

func newQUIC(s *quichttp3.Server, limits drive.Limits) *overQUIC {
	f := &overQUIC{Server: s, limits: limits}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

func (f *overQUIC) listen(addr string) (net.Addr, error) {
	var err error
	if f.conn, err = net.ListenPacket("udp", addr); err != nil {
		return nil, err
	}
	return f.conn.LocalAddr(), nil
}

func (f *overQUIC) serve() error {
	defer f.conn.Close()
	return http3.Serve(f.ctx, f.conn, f.Server, f.limits, grace)
}

func (f *overQUIC) shutdown(context.Context) error {
	f.stop() // serve waits, for grace at most
	return nil
}

// overFast is the front of fasthttp.
type overFast struct {
	*fast.Server
	tls *tls.Config
	log *slog.Logger
	l   net.Listener
}

func (f *overFast) listen(addr string) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	patient := drive.RetryAccept(l, func(err error, delay time.Duration) {
		f.log.Warn("cannot accept a connection", slog.String("error", err.Error()), slog.Duration("again after", delay))
	})
	if f.l = patient; f.tls != nil {
		f.l = tls.NewListener(drive.NoteListener(patient), f.tls)
	}
	return l.Addr(), nil
}

func (f *overFast) serve() error { return f.Serve(f.l) }

func (f *overFast) shutdown(ctx context.Context) error { return f.ShutdownWithContext(ctx) }

// fastBuffer is the maximum size of a request header with fasthttp, in bytes, as package drive has it for other
// libraries: a token of 64 KiB has 87,384 characters.
const fastBuffer = 128 << 10

// newFast returns a front with an origin of fasthttp.
func newFast(c fasthttp.ServerConfig, log *slog.Logger, secure *tls.Config) (front, error) {
	c.Log = func(ctx *fast.RequestCtx, res drive.Result) {
		log.LogAttrs(context.Background(), levelOf(res.Fault), "request", attributes(string(ctx.Method()), string(ctx.Path()), res)...)
	}
	a, err := fasthttp.NewAuthenticator(c)
	if err != nil {
		return nil, err
	}
	s := &fast.Server{Handler: a.Wrap(helloFast), ReadBufferSize: fastBuffer, CloseOnShutdown: true, Logger: fastLog{log}}
	a.Install(s)
	return &overFast{Server: s, tls: secure, log: log}, nil
}

// helloFast does for fasthttp what hello does for net/http.
func helloFast(ctx *fast.RequestCtx) {
	id, ok := fasthttp.IdentityFrom(ctx)
	if !ok { // cannot be: the driver passes on authenticated requests alone
		ctx.Error("forbidden", fast.StatusForbidden)
		return
	}
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.Response.Header.Set("X-Body-Length", strconv.Itoa(len(ctx.Request.Body())))
	io.WriteString(ctx, greeting(id))
}

// greeting returns the text for an authenticated client. It has the user of a domain without the
// domain, as the user writes it; the log has both.
func greeting(id drive.Identity) string {
	name := id.Name()
	if id.Info.Mech == gss.NTLM {
		name = id.Info.Peer
	}
	return fmt.Sprintf("hello %s via %s\n", name, id.Scheme)
}

// fastLog is fasthttp's logger.
type fastLog struct{ log *slog.Logger }

func (l fastLog) Printf(format string, args ...any) { l.log.Warn(fmt.Sprintf(format, args...)) }

// hello answers authenticated requests with the client's name and scheme.
func hello(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, "the request body is incomplete", http.StatusBadRequest)
		return
	}
	id, ok := nethttp.IdentityFrom(r.Context())
	if !ok { // cannot be: the driver passes on authenticated requests alone
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Body-Length", strconv.FormatInt(n, 10))
	io.WriteString(w, greeting(id))
}

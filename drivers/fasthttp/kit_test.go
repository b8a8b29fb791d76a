package fasthttp_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/internal/long"
)

// kitDriver returns this package as a driver for the kit.
func kitDriver() drivertest.Driver {
	return drivertest.Driver{Client: kitClient, Server: kitServer, NoDisconnectNotice: true, Binds: true, Thorough: long.Form()}
}

func kitClient(s drivertest.ClientSetup) (drivertest.Client, error) {
	var identities sync.Map // by request
	tr, err := fasthttp.NewTransport(fasthttp.ClientConfig{
		Machine: s.Machine, Source: s.Source,
		Identity: func(r *fast.Request) string {
			name, _ := identities.Load(r)
			text, _ := name.(string)
			return text
		},
	})
	if err != nil {
		return drivertest.Client{}, err
	}
	do := func(identity string, r *http.Request) (*http.Response, error) {
		hc := &fast.HostClient{Addr: r.URL.Host, IsTLS: r.URL.Scheme == "https", TLSConfig: s.TLS, ReadBufferSize: 64 << 10}
		req, resp := new(fast.Request), new(fast.Response)
		identities.Store(req, identity)
		defer identities.Delete(req)
		req.Header.SetMethod(r.Method)
		req.SetRequestURI(r.URL.String())
		for name, values := range r.Header {
			for _, v := range values {
				req.Header.Add(name, v)
			}
		}
		if r.Body != nil && r.Body != http.NoBody {
			if r.GetBody != nil {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				req.SetBody(body)
			} else {
				n := int(r.ContentLength)
				if n == 0 {
					n = -1
				}
				req.SetBodyStream(r.Body, n)
			}
			defer r.Body.Close()
		}
		if _, err := tr.Do(r.Context(), hc, req, resp); err != nil {
			return nil, err
		}
		out := &http.Response{StatusCode: resp.StatusCode(), Status: http.StatusText(resp.StatusCode()), ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r}
		for name, value := range resp.Header.All() {
			out.Header.Add(string(name), string(value))
		}
		body := bytes.Clone(resp.Body())
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return out, nil
	}
	return drivertest.Client{Do: do, Close: tr.CloseIdleConnections}, nil
}

func kitServer(s drivertest.ServerSetup) (func(), error) {
	if s.TLS != nil {
		bound, err := drive.BindTLS(s.TLS)
		if err != nil {
			return nil, err
		}
		s.Listener = tls.NewListener(drive.NoteListener(s.Listener), bound)
	}
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits})
	if err != nil {
		return nil, err
	}
	return kitServe(s, auth.Install, auth.Wrap), nil
}

// streaming is kitServer with bodies that the handler reads as they arrive.
func streaming(s drivertest.ServerSetup) (func(), error) {
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits})
	if err != nil {
		return nil, err
	}
	return kitServe(s, func(f *fast.Server) {
		f.StreamRequestBody, f.MaxRequestBodySize = true, 1000
		auth.Install(f)
	}, auth.Wrap), nil
}

// kitServe serves the kit's handler, wrapped by wrap.
func kitServe(s drivertest.ServerSetup, install func(*fast.Server), wrap func(fast.RequestHandler) fast.RequestHandler) (stop func()) {
	app := func(ctx *fast.RequestCtx) {
		id, _ := fasthttp.IdentityFrom(ctx)
		user := strings.Clone(id.Info.Peer)
		stream := ctx.RequestBodyStream()
		if stream != nil { // the adaptor would take an error's text for the body
			body, err := io.ReadAll(stream)
			stream = &broken{bytes.NewReader(body), err}
			ctx.Request.SetBodyRaw(nil)
		}
		fasthttpadaptor.NewFastHTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if stream != nil {
				r.Body = io.NopCloser(stream)
			}
			s.Handler(user, w, r)
		})(ctx)
	}
	server := &fast.Server{Handler: wrap(app), ReadBufferSize: 64 << 10, MaxRequestBodySize: 4 << 20, CloseOnShutdown: true, Logger: quiet{},
		MaxIdleWorkerDuration: 50 * time.Millisecond}
	install(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(s.Listener)
	}()
	return func() {
		server.Shutdown()
		<-served
	}
}

// broken is a reader that ends with an error, if it is not nil.
type broken struct {
	io.Reader
	err error
}

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF && b.err != nil {
		err = b.err
	}
	return n, err
}

// quiet is a logger that discards its output.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

func TestKit(t *testing.T) {
	warm(t)
	drivertest.Run(t, kitDriver)
}

func TestKitStreaming(t *testing.T) {
	warm(t)
	drivertest.Run(t, func() drivertest.Driver { return drivertest.Driver{Server: streaming, NoDisconnectNotice: true} })
}

// BenchmarkServer measures P14.
func BenchmarkServer(b *testing.B) {
	drivertest.Benchmark(b, kitDriver(), func(s drivertest.ServerSetup) (func(), error) {
		return kitServe(s, func(*fast.Server) {}, func(h fast.RequestHandler) fast.RequestHandler { return h }), nil
	})
}

// warm starts the goroutines that fasthttp keeps for the whole process, so that they
// are not reported as leaks: one for the time, one for cached addresses.
func warm(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fast.Server{Handler: func(*fast.RequestCtx) {}, CloseOnShutdown: true, MaxIdleWorkerDuration: 50 * time.Millisecond}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	c, err := fast.DialTimeout(l.Addr().String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, c)
	c.Close()
	server.Shutdown()
	<-done
}

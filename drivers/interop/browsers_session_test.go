package interop

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// session is one session of a browser: the servers that are up for it, and the requests that came to the one that
// asks for credentials.
type session struct {
	testing.TB
	*browser
	by      string // the scheme that is asked for
	mu      sync.Mutex
	legs    []*leg         // in the order in which they came
	pending sync.WaitGroup // those without a status: a tunnel has one when it has closed
	servers []func()       // what closes each
}

// leg is a request as a server saw it, and what the server made of it.
type leg struct {
	inner         bool   // it came through a tunnel, to a server that asks for nothing
	conn, version string // the connection, and the version of HTTP
	method        string
	credentials   string
	result        drive.Result
}

type legKey struct{}

// note notes the requests to h, beside those for the icon, which a browser sends when it likes.
func (s *session) note(h http.Handler, inner bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			http.NotFound(w, r)
			return
		}
		l := &leg{inner: inner, conn: r.RemoteAddr, method: r.Method, credentials: credentialsIn(r.Header)}
		l.version = strings.TrimSuffix(strings.TrimPrefix(r.Proto, "HTTP/"), ".0")
		s.mu.Lock()
		s.legs = append(s.legs, l)
		s.pending.Add(1)
		s.mu.Unlock()
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), legKey{}, l)))
	})
}

// log is the Log of a handler that is behind note.
func (s *session) log(r *http.Request, res drive.Result) {
	if l, ok := r.Context().Value(legKey{}).(*leg); ok {
		l.result = res
		s.pending.Done()
	}
}

// sent is how many requests have come.
func (s *session) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.legs)
}

// end closes the servers, and waits until all requests have their results.
func (s *session) end() {
	for _, stop := range s.servers {
		stop()
	}
	done := make(chan struct{})
	go func() {
		s.pending.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		s.Fatalf("%v after the end there are requests without a response", patience)
	}
}

// closing has end close a server, or at the latest the end of the test.
func (s *session) closing(stop func()) {
	stop = sync.OnceFunc(stop)
	s.servers = append(s.servers, stop)
	s.Cleanup(stop)
}

// between writes down the requests from the one of a number to that of another. " · " stands before one on the
// connection of the one before it, " ‖ " before one on another.
func (s *session) between(from, to int) string {
	var b strings.Builder
	for i, l := range s.legs[from:to] {
		switch {
		case i == 0: // where the one before it was refused, the icon may have its connection
		case l.inner || l.conn == s.legs[from+i-1].conn:
			b.WriteString(" · ")
		default:
			b.WriteString(" ‖ ")
		}
		if l.inner {
			fmt.Fprintf(&b, "(%s %d)", l.method, l.result.Status)
		} else {
			fmt.Fprintf(&b, "%s %s %d", l.method, l.credentials, l.result.Status)
		}
	}
	return b.String()
}

// versions are those of HTTP in which credentials were asked for.
func (s *session) versions() string {
	var all []string
	for _, l := range s.legs {
		if !l.inner && !slices.Contains(all, l.version) {
			all = append(all, l.version)
		}
	}
	return strings.Join(all, ", ")
}

// credentialsIn says which credentials are in a header.
func credentialsIn(h http.Header) string {
	var all []string
	for _, v := range append(h.Values("Proxy-Authorization"), h.Values("Authorization")...) {
		name, text, _ := strings.Cut(v, " ")
		switch name {
		case scheme.Digest:
			name += " " + digestParam(v, "algorithm") + " nc=" + strings.TrimLeft(digestParam(v, "nc"), "0")
		case scheme.NTLM:
			name += " " + ntlmKind(text)
		case scheme.Negotiate:
			name = tokens([]string{v})
		}
		all = append(all, name)
	}
	return cmp.Or(strings.Join(all, ", "), "–")
}

// ntlmKind is the number of an NTLM message.
func ntlmKind(text string) string {
	const signature = "NTLMSSP\x00"
	raw, err := decode64(text)
	if err != nil || !strings.HasPrefix(raw, signature) || len(raw) == len(signature) {
		return "?"
	}
	return strconv.Itoa(int(raw[len(signature)]))
}

// serve serves h on loopback, and returns the URL.
func (s *session) serve(h http.Handler, secure bool, install func(*http.Server)) string {
	server := &http.Server{Handler: h, TLSConfig: serverTLS(), ErrorLog: log.New(io.Discard, "", 0)}
	install(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	name, serve := "http", server.Serve
	if secure {
		name, serve = "https", func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	var served sync.WaitGroup
	served.Go(func() { serve(listener) })
	s.closing(func() {
		server.Close()
		served.Wait()
	})
	return name + "://" + localhost(listener.Addr())
}

// localhost is an address of loopback, by the name that Kerberos has for it.
func localhost(a net.Addr) string { return strings.Replace(a.String(), "127.0.0.1", "localhost", 1) }

func uninstalled(*http.Server) {}

// document is whoami as a page that needs no icon.
var document = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintln(w, `<link rel="icon" href="data:,"><pre>`)
	whoami.ServeHTTP(w, r)
})

// asking is the document where credentials are asked for, bound to the TLS channel or not.
func (s *session) asking(binding gss.Requirement) (http.Handler, func(*http.Server)) {
	return s.askingWith(machine.ServerConfig{Schemes: asked(s, s.by, binding)})
}

func (s *session) askingWith(c machine.ServerConfig) (http.Handler, func(*http.Server)) {
	a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth: c, Source: askedSource(s), Certificate: drive.CertificatesOf(pki.cert), Log: s.log,
	})
	if err != nil {
		s.Fatal(err)
	}
	return s.note(a.Wrap(document), false), a.Install
}

func (s *session) origin(secure bool, binding gss.Requirement) string {
	h, install := s.asking(binding)
	return s.serve(h, secure, install)
}

// multiplexed is an origin that offers HTTP/2 whatever its schemes are.
func (s *session) multiplexed() string {
	h, install := s.asking(gss.IfAvailable)
	return s.serve(h, true, func(server *http.Server) {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetHTTP2(true)
		install(server)
	})
}

// quic is an origin that speaks HTTP/3 and nothing else.
func (s *session) quic() string {
	h, _ := s.asking(gss.IfAvailable)
	ctx, stop := context.WithCancel(s.Context())
	var served sync.WaitGroup
	served.Go(func() {
		http3.Serve(ctx, s.socket, &quichttp3.Server{Handler: h, TLSConfig: serverTLS()}, drive.Limits{}, 0)
	})
	s.closing(func() {
		stop()
		served.Wait()
	})
	return "https://" + s.quicHost()
}

// joined has all challenges on one line, as RFC 9110 section 11.6.1 lets servers write them.
func (s *session) joined() string {
	h, install := s.asking(gss.IfAvailable)
	return s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(joining{w}, r) }), false, install)
}

type joining struct{ http.ResponseWriter }

func (j joining) WriteHeader(status int) {
	if all := j.Header().Values("WWW-Authenticate"); len(all) > 1 {
		j.Header().Set("WWW-Authenticate", strings.Join(all, ", "))
	}
	j.ResponseWriter.WriteHeader(status)
}

func (j joining) Unwrap() http.ResponseWriter { return j.ResponseWriter }

// forward is a proxy to what is on loopback.
func (s *session) forward(c nethttp.ProxyConfig, note func(http.Handler) http.Handler) string {
	c.Allow = func(string, string, uint16) bool { return true }
	c.Transport = &http.Transport{DialContext: dialLoopback}
	p, err := nethttp.NewProxy(c)
	if err != nil {
		s.Fatal(err)
	}
	s.closing(p.CloseIdleConnections)
	return s.serve(note(p), false, p.Install)
}

func unnoted(h http.Handler) http.Handler { return h }

// dialLoopback finds each host there.
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
}

// proxied is the document behind a proxy that asks for credentials, where with TLS a tunnel leads.
func (s *session) proxied(secure bool) string {
	proxy := s.forward(nethttp.ProxyConfig{
		Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: asked(s, s.by, gss.IfAvailable)}}, Source: askedSource(s), Log: s.log,
	}, func(h http.Handler) http.Handler { return s.note(h, false) })
	h := http.Handler(document)
	if secure {
		h = s.note(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			document(w, r)
			s.log(r, drive.Result{Status: http.StatusOK})
		}), true)
	}
	return s.via(proxy, s.serve(h, secure, uninstalled))
}

// via is a URL of loopback by a name for which the browser takes a proxy.
func (s *session) via(proxy, at string) string {
	p, err := url.Parse(proxy)
	if err != nil {
		s.Fatal(err)
	}
	return strings.Replace(at, "localhost", "via-"+p.Port()+".interop.test", 1)
}

// reversed is an origin behind a reverse proxy, which it knows for one that keeps clients apart or not.
func (s *session) reversed(pinned bool) string {
	h, install := s.askingWith(machine.ServerConfig{Schemes: asked(s, s.by, gss.IfAvailable), PinnedFront: pinned})
	upstream, err := url.Parse(s.serve(h, false, install))
	if err != nil {
		s.Fatal(err)
	}
	return s.forward(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: upstream}, unnoted)
}

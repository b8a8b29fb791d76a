package attack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// pki is a certificate for 127.0.0.1, of the servers and of the relay.
var pki = sync.OnceValues(func() (*tls.Config, *tls.Config) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots}
})

// quicServer serves HTTP/3, and returns how to stop it.
func quicServer(h http.Handler) (addr string, stop func()) {
	packets := must(net.ListenPacket("udp", "127.0.0.1:0"))
	conf, _ := pki()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		http3.Serve(ctx, packets, &quichttp3.Server{TLSConfig: conf.Clone(), Handler: h}, drive.Limits{}, 0)
	}()
	return packets.LocalAddr().String(), func() {
		cancel()
		<-done
		packets.Close()
	}
}

func quicAuthenticator(t testing.TB, m method, v *verdict) string {
	auth := must(nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}}, Source: m.source}))
	addr, stop := quicServer(auth.Wrap(http.HandlerFunc(v.handler)))
	t.Cleanup(stop)
	return addr
}

func quicClient(m method, user, addr string) doer {
	_, conf := pki()
	dialer := &http3.Dialer{TLS: conf.Clone()}
	return transport(m, user, nethttp.ClientConfig{Multiplexed: dialer.Connect, OnlyMultiplexed: true}, "https://"+addr)
}

// fieldRelay is a relay for HTTP/3, between two connections of QUIC: what it changes are fields.
type fieldRelay struct {
	m     mutation
	to    string
	up    *quichttp3.Transport
	made  atomic.Bool
	mu    sync.Mutex
	count int
}

func newFieldRelay(_ testing.TB, to string, m mutation) between {
	_, conf := pki()
	f := &fieldRelay{m: m, to: to, up: &quichttp3.Transport{TLSClientConfig: conf.Clone()}}
	addr, stop := quicServer(f)
	return between{addr: addr, made: &f.made, close: func() {
		stop()
		f.up.Close()
	}}
}

// ServeHTTP implements http.Handler.
func (f *fieldRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	send := func() *http.Response {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "https", f.to
		res, err := f.up.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		return res
	}
	rnd := rand.New(rand.NewPCG(f.m.seed, 7))
	again := false
	if !f.m.response && f.turn(r.Header) {
		again = f.change(rnd, w, r.Header)
	}
	res := send()
	if again {
		res.Body.Close()
		res = send()
	}
	defer res.Body.Close()
	if f.m.response && f.turn(res.Header) {
		if f.m.op == opStatus {
			text, _, _ := strings.Cut(pick(rnd, statuses...), " ")
			if n, err := strconv.Atoi(text); err == nil && n >= 200 {
				res.StatusCode = n
			}
		} else {
			f.change(rnd, w, res.Header)
		}
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	io.Copy(w, res.Body)
}

// turn reports whether it is the turn of a message.
func (f *fieldRelay) turn(h http.Header) bool {
	carries := false
	for name := range h {
		_, _, ok := authenticates(name + ":")
		carries = carries || ok
	}
	if !carries {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.count-1 != f.m.nth%2 { // there are fewer legs here
		return false
	}
	f.made.Store(true)
	return true
}

// change changes the fields. It reports whether the message is to go twice.
func (f *fieldRelay) change(rnd *rand.Rand, w http.ResponseWriter, h http.Header) (again bool) {
	switch {
	case f.m.op == opNever, f.m.op == opBreaks:
		panic(http.ErrAbortHandler)
	case f.m.op == opInterim:
		w.WriteHeader(http.StatusEarlyHints)
		return false
	case f.m.op >= opStatus:
		return true
	}
	var lines []string
	for name, values := range h {
		for _, v := range values {
			lines = append(lines, fmt.Sprintf("%s: %s", name, v))
		}
	}
	changed := f.m.lines(rnd, lines)
	clear(h)
	for _, line := range changed {
		name, value, _ := strings.Cut(line, ":")
		name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
		h[name] = append(h[name], strings.TrimSpace(value))
	}
	return false
}

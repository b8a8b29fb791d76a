package attack

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// most is how many requests a hostile proxy may get for one of a client's.
const most = 64

// enough is more than any client is to read of what has no end.
const enough = 32 << 20

// endless writes a text again and again, and reports how much of it was taken.
func endless(w io.Writer, text string) int64 {
	var wrote int64
	for block := strings.Repeat(text, 1+(32<<10)/len(text)); wrote < enough; {
		n, err := io.WriteString(w, block)
		if wrote += int64(n); err != nil {
			break
		}
	}
	return wrote
}

// hostileProxy does not keep to the rules.
type hostileProxy struct {
	name string
	// says answers the nth request of all; the connection goes on if it reports so.
	says func(w io.Writer, r *http.Request, n int) bool
	// quiet: the failure is not the proxy's response, and need not name it.
	quiet bool
	// tunnels: only what is said to CONNECT.
	tunnels bool
}

func always(text string) func(io.Writer, *http.Request, int) bool {
	return func(w io.Writer, _ *http.Request, n int) bool {
		io.WriteString(w, strings.ReplaceAll(text, "@N", fmt.Sprint(n)))
		return true
	}
}

func without(text string) func(io.Writer, *http.Request, int) bool {
	return func(w io.Writer, _ *http.Request, n int) bool {
		endless(w, text)
		return false
	}
}

func begins(head, text string) func(io.Writer, *http.Request, int) bool {
	return func(w io.Writer, _ *http.Request, n int) bool {
		io.WriteString(w, head)
		endless(w, text)
		return false
	}
}

const proxy407 = "HTTP/1.1 407 No\r\nContent-Length: 0\r\nProxy-Authenticate: "

var hostileProxies = []hostileProxy{
	{name: "407 with NTLM for ever", says: always(proxy407 + "NTLM\r\n\r\n")},
	{name: "407 with a token for ever", says: always(proxy407 + "NTLM " + base64.StdEncoding.EncodeToString([]byte("NTLMSSP\x00\x02")) + "\r\n\r\n")},
	{name: "407 with Negotiate for ever", says: always(proxy407 + "Negotiate " + base64.StdEncoding.EncodeToString([]byte("x")) + "\r\n\r\n")},
	{name: "407 with new nonces for ever", says: always(proxy407 + "Digest realm=\"r\", nonce=\"@N\", qop=\"auth\", stale=true\r\n\r\n")},
	{name: "407 with new realms for ever", says: always(proxy407 + "Basic realm=\"@N\"\r\n\r\n")},
	{name: "407 with one scheme after the other", says: func(w io.Writer, r *http.Request, n int) bool {
		return always(proxy407+[]string{"NTLM", "Basic realm=\"r\"", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"", "Negotiate"}[n%4]+"\r\n\r\n")(w, r, n)
	}},
	{name: "407 with thousands of challenges", says: always("HTTP/1.1 407 No\r\nContent-Length: 0\r\n" + strings.Repeat("Proxy-Authenticate: Basic realm=\"r\"\r\n", 3000) + "\r\n")},
	{name: "407 without a challenge", says: always("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")},
	{name: "407 with an endless body", says: begins("HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nContent-Length: 99999999999\r\n\r\n", "x")},
	{name: "407 with endless chunks", says: begins("HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")},
	{name: "407 with an endless header", says: begins("HTTP/1.1 407 No\r\n", "X-Field: x\r\n"), quiet: true},
	{name: "407 with an endless challenge", says: begins("HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM ", "AAAA"), quiet: true},
	{name: "interim responses without end", says: without("HTTP/1.1 103 Early\r\nX: y\r\n\r\n"), quiet: true},
	{name: "401 in place of 407", says: always("HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Basic realm=\"r\"\r\nWWW-Authenticate: NTLM\r\n\r\n"), tunnels: true},
	{name: "401 and 407 in one", says: always(proxy407 + "NTLM\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\r\n")},
	{name: "a redirection", says: always("HTTP/1.1 307 There\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), tunnels: true},
	{name: "another protocol", says: always("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), quiet: true},
	{name: "a tunnel with a body", says: always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), tunnels: true, quiet: true},
	{name: "a tunnel of chunks", says: always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), tunnels: true, quiet: true},
	{name: "a tunnel of junk", says: begins("HTTP/1.1 200 OK\r\n\r\n", "junk"), tunnels: true, quiet: true},
	{name: "what is no response", says: always("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), quiet: true},
	{name: "a status that is none", says: always("HTTP/1.1 99999 What\r\n\r\n"), quiet: true},
	{name: "nothing", says: func(io.Writer, *http.Request, int) bool { return false }, quiet: true},
}

// cuts returns proxies with a 407 that is cut, after each of its bytes.
func cuts() (list []hostileProxy) {
	const text = proxy407 + "NTLM\r\n\r\n"
	for i := range len(text) {
		list = append(list, hostileProxy{name: fmt.Sprintf("407 that breaks off behind %d bytes", i), quiet: true, says: func(w io.Writer, _ *http.Request, _ int) bool {
			io.WriteString(w, text[:i])
			return false
		}})
	}
	return list
}

// server serves a hostile proxy, and says what came of it.
type server struct {
	addr     string
	requests atomic.Int32
	strays   atomic.Int32 // requests with credentials of the origin's
	most     atomic.Int64 // bytes taken of one response
}

type measured struct {
	io.Writer
	n *int64
}

func (m measured) Write(b []byte) (int, error) {
	n, err := m.Writer.Write(b)
	*m.n += int64(n)
	return n, err
}

func (p hostileProxy) serve(t testing.TB) *server {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	s := &server{addr: l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(bound))
				in := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if r.Header.Get("Authorization") != "" {
						s.strays.Add(1)
					}
					var wrote int64
					goes := p.says(measured{c, &wrote}, r, int(s.requests.Add(1)))
					if s.most.Load() < wrote {
						s.most.Store(wrote)
					}
					if !goes {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return s
}

// proxied are our clients of a proxy. They all have credentials for the proxy, and others for origins.
var proxied = []struct {
	name    string
	tunnels bool
	do      func(ctx context.Context, proxy *url.URL, conf machine.ClientConfig, source answer.Source) error
}{
	{"connect", true, func(ctx context.Context, proxy *url.URL, conf machine.ClientConfig, source answer.Source) error {
		d := must(connect.New(connect.Config{Proxy: proxy, Machine: conf, Source: source}))
		c, err := d.DialContext(ctx, "tcp", "origin.test:443")
		if err == nil { // the tunnel's content is its user's to judge
			c.Close()
			return errTunnel
		}
		return err
	}},
	{"nethttp, a tunnel", true, func(ctx context.Context, proxy *url.URL, conf machine.ClientConfig, source answer.Source) error {
		return roundTrip(ctx, "https://origin.test/", proxy, conf, source)
	}},
	{"nethttp, forwarded", false, func(ctx context.Context, proxy *url.URL, conf machine.ClientConfig, source answer.Source) error {
		return roundTrip(ctx, "http://origin.test/", proxy, conf, source)
	}},
}

var errTunnel = errors.New("the proxy opened a tunnel, and it is closed again")

func roundTrip(ctx context.Context, to string, proxy *url.URL, conf machine.ClientConfig, source answer.Source) error {
	tr := must(nethttp.NewTransport(nethttp.ClientConfig{Machine: conf, Source: source, Base: &http.Transport{}, Proxy: http.ProxyURL(proxy)}))
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(must(http.NewRequestWithContext(ctx, "GET", to, nil)))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols { // the body is the connection
		return errors.New("the peer changes the protocol")
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, enough)); err != nil {
		return err
	}
	if res.StatusCode/100 == 2 {
		return nil
	}
	return fmt.Errorf("the proxy, or the origin behind it, answers %d", res.StatusCode)
}

// TestHostileProxies: a proxy that does not keep to the rules gets a bounded number of requests, of which none has
// the origin's credentials, and the client an error that tells where it comes from.
func TestHostileProxies(t *testing.T) {
	conf := machine.ClientConfig{Policy: scheme.Policy{Cleartext: true}, Schemes: []scheme.Client{
		scheme.NTLMClient(must(ntlm.New(ntlm.Config{}))), must(digest.NewClient(digest.ClientConfig{})), scheme.BasicClient(),
	}}
	source := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
			return gss.Password{User: "alice", Password: gss.NewSecret("of the " + need.Side.String())}
		}
		return gss.Declined{}
	})
	for _, p := range append(cuts(), hostileProxies...) {
		for _, c := range proxied {
			if p.tunnels && !c.tunnels {
				continue
			}
			s := p.serve(t)
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			err := c.do(ctx, &url.URL{Scheme: "http", Host: s.addr}, conf, source)
			switch {
			case err == nil:
				t.Errorf("%s, %s: a success", c.name, p.name)
			case ctx.Err() != nil:
				t.Errorf("%s, %s: there is no end: %v", c.name, p.name, err)
			case !p.quiet && !strings.Contains(err.Error(), "proxy"):
				t.Errorf("%s, %s: %q does not name the proxy", c.name, p.name, err)
			case strings.Contains(err.Error(), "of the"):
				t.Errorf("%s, %s: %q shows a password", c.name, p.name, err)
			}
			cancel()
			if n := s.requests.Load(); n == 0 || n > most {
				t.Errorf("%s, %s: %d requests", c.name, p.name, n)
			}
			if s.strays.Load() > 0 {
				t.Errorf("%s, %s: the proxy got credentials of the origin's", c.name, p.name)
			}
			if n := s.most.Load(); n >= enough {
				t.Errorf("%s, %s: %d bytes of one response were read", c.name, p.name, n)
			}
		}
	}
	// One that says its response a byte at a time is left with the request's context.
	slow := hostileProxy{says: func(w io.Writer, _ *http.Request, _ int) bool {
		for range 1000 {
			if _, err := io.WriteString(w, "H"); err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	}}
	for _, c := range proxied {
		s := slow.serve(t)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		done := make(chan error, 1)
		go func() { done <- c.do(ctx, &url.URL{Scheme: "http", Host: s.addr}, conf, source) }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s, a byte at a time: a success", c.name)
			}
		case <-time.After(bound):
			t.Errorf("%s, a byte at a time: the context does not end the request", c.name)
		}
		cancel()
	}
}

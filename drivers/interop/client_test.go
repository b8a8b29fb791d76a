package interop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// client is our client with a tap on its connections and a count of how often it
// asked for credentials.
type client struct {
	http  *http.Client
	tap   tap
	mu    sync.Mutex
	asked int
}

// newClient returns a client with Digest and Basic, and the logins for their origins
// and proxies. options change its configuration.
func newClient(t testing.TB, options func(*nethttp.ClientConfig), logins ...answer.Source) *client {
	t.Helper()
	c := new(client)
	known := answer.Chain(logins...)
	conf := nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{digestClient(t, digest.ClientConfig{}), scheme.BasicClient()}},
		Base:    &http.Transport{TLSClientConfig: clientTLS(), DialContext: c.tap.dial},
		Source: answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			if _, ok := q.(gss.NeedCredential); ok {
				c.mu.Lock()
				c.asked++
				c.mu.Unlock()
			}
			return known.Answer(ctx, q)
		}),
	}
	if options != nil {
		options(&conf)
	}
	transport, err := nethttp.NewTransport(conf)
	if err != nil {
		t.Fatal(err)
	}
	c.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if t.Failed() {
			t.Log(c.tap.dump())
		}
	})
	return c
}

func digestClient(t testing.TB, c digest.ClientConfig) scheme.Client {
	t.Helper()
	d, err := digest.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// utf8Names is for peers that do not say charset=UTF-8 and know no username*
// (Apache, Squid): they get names that are not ASCII as every other client sends
// them.
func utf8Names(t testing.TB) func(*nethttp.ClientConfig) {
	return func(conf *nethttp.ClientConfig) {
		conf.Machine.Schemes = []scheme.Client{digestClient(t, digest.ClientConfig{Names: digest.UTF8Names})}
	}
}

// loginFor returns the login for an origin, "http://host:port".
func loginFor(t testing.TB, origin, name, password string) answer.Source {
	t.Helper()
	s, err := answer.For(origin, name, password)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// loginForProxy returns the login for a proxy.
func loginForProxy(t testing.TB, proxy, name, password string) answer.Source {
	t.Helper()
	s, err := answer.ForProxy(proxy, name, password)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answered is a response that was read to its end.
type answered struct {
	status    int
	header    http.Header
	body      string
	delivered machine.Deliver
}

// do sends a request that must get a response.
func (c *client) do(t testing.TB, method, url string, body io.Reader) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return c.send(t, r)
}

func (c *client) send(t testing.TB, r *http.Request) answered {
	t.Helper()
	res, err := c.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := nethttp.Delivered(res)
	return answered{res.StatusCode, res.Header, string(text), d}
}

// get gets url and gives what the echo there says.
func (c *client) get(t testing.TB, url string) report {
	t.Helper()
	return c.do(t, http.MethodGet, url, nil).report(t)
}

// report is what the echo says.
func (a answered) report(t testing.TB) report {
	t.Helper()
	r, err := parseReport(a.body)
	if a.status != http.StatusOK || err != nil {
		t.Fatalf("status %d, want 200 and an echo\n%s", a.status, a.body)
	}
	return r
}

// fault sends a request that must end in an authentication failure, and gives it.
func (c *client) fault(t testing.TB, url string) *drive.Error {
	t.Helper()
	res, err := c.http.Get(url)
	if err == nil {
		res.Body.Close()
		t.Fatalf("status %d, want an authentication failure", res.StatusCode)
	}
	e, ok := errors.AsType[*drive.Error](err)
	if !ok {
		t.Fatalf("%v (%T), want a *drive.Error", err, err)
	}
	return e
}

// wantLegs checks what went over the wire, for each leg its status, " stale" where
// the challenge said so, and what the request had carried, first for the proxy and
// then for the origin: nothing, Digest's nc or another scheme's name.
func (c *client) wantLegs(t testing.TB, want ...string) {
	t.Helper()
	var got []string
	for _, l := range c.tap.legs(t) {
		got = append(got, l.String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("over the wire went\n%q\nwant\n%q", got, want)
	}
}

// wantAsked checks how often credentials were asked for.
func (c *client) wantAsked(t testing.TB, n int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked != n {
		t.Errorf("asked for credentials %d times, want %d", c.asked, n)
	}
}

// tap sees what goes over connections.
type tap struct {
	mu    sync.Mutex
	conns []*tapped
}

// tapped is one connection and its bytes.
type tapped struct {
	net.Conn
	mu      sync.Mutex
	out, in bytes.Buffer
}

func (t *tap) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n := &tapped{Conn: c}
	t.mu.Lock()
	t.conns = append(t.conns, n)
	t.mu.Unlock()
	return n, nil
}

func (c *tapped) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.out.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.in.Write(p[:n])
	c.mu.Unlock()
	return n, err
}

// bytes are copies of what went out and came in.
func (c *tapped) bytes() (out, in []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.out.Bytes()), bytes.Clone(c.in.Bytes())
}

// wireLeg is a request and its response as they went over a connection.
type wireLeg struct {
	conn     int // from 0
	request  *http.Request
	sent     int // bytes of body
	response *http.Response
}

// legs are all legs, connection by connection, as far as they can be read: not
// under TLS, nor in a tunnel.
func (t *tap) legs(tb testing.TB) []wireLeg {
	tb.Helper()
	legs, err := t.parse()
	if err != nil {
		tb.Fatal(err)
	}
	return legs
}

func (t *tap) parse() ([]wireLeg, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var legs []wireLeg
	for n, c := range t.conns {
		out, in := c.bytes()
		requests, responses := bufio.NewReader(bytes.NewReader(out)), bufio.NewReader(bytes.NewReader(in))
		for {
			r, err := http.ReadRequest(requests)
			if err == io.EOF {
				break
			} else if err != nil {
				return legs, fmt.Errorf("connection %d: a request that does not parse: %w", n, err)
			}
			body, _ := io.ReadAll(r.Body) // cut short where the server did not want all of it
			l := wireLeg{conn: n, request: r, sent: len(body)}
			for l.response == nil || l.response.StatusCode < 200 {
				if l.response, err = http.ReadResponse(responses, r); err != nil {
					return legs, fmt.Errorf("connection %d: a response that does not parse: %w", n, err)
				}
			}
			legs = append(legs, l)
			if r.Method == http.MethodConnect && l.response.StatusCode == http.StatusOK {
				break // a tunnel
			}
			io.Copy(io.Discard, l.response.Body)
		}
	}
	return legs, nil
}

// String is how wantLegs writes a leg.
func (l wireLeg) String() string {
	s := fmt.Sprint(l.response.StatusCode)
	for _, field := range []string{"Www-Authenticate", "Proxy-Authenticate"} {
		if strings.Contains(strings.Join(l.response.Header[field], ", "), "stale=true") {
			s += " stale"
		}
	}
	for _, field := range []string{"Proxy-Authorization", "Authorization"} {
		s += credentials(l.request.Header.Get(field))
	}
	return s
}

// credentials are a field's in short.
func credentials(value string) string {
	name, _, _ := strings.Cut(value, " ")
	switch name {
	case "":
		return ""
	case scheme.Digest:
		return " nc=" + strings.TrimLeft(digestParam(value, "nc"), "0")
	}
	return " " + name
}

// digestParam is a parameter of a Digest header, without quotes. The values here
// hold no commas.
func digestParam(value, name string) string {
	_, params, _ := strings.Cut(value, " ")
	for part := range strings.SplitSeq(params, ",") {
		n, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n == name {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// dump is the legs without their bodies.
func (t *tap) dump() string {
	var b strings.Builder
	legs, err := t.parse()
	for _, l := range legs {
		out, _ := httputil.DumpRequest(l.request, false)
		in, _ := httputil.DumpResponse(l.response, false)
		fmt.Fprintf(&b, "---- connection %d, body of %d bytes\n%s%s", l.conn, l.sent, out, in)
	}
	if err != nil {
		fmt.Fprintln(&b, "----", err)
	}
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

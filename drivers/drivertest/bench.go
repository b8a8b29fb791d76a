package drivertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/scheme"
)

// Benchmark measures requests to a driver's server, one after the other on one
// connection, against the same server without authentication: open serves as d.Server
// does, and runs Handler for every request. Connections are made with net.Pipe, to
// exclude the kernel, or for HTTP/3 on the loopback interface. Replays are accepted, so
// that a request can be repeated.
func Benchmark(b *testing.B, d Driver, open func(ServerSetup) (stop func(), err error)) {
	for _, c := range []struct {
		name string
		pair pair
		bare bool // without credentials, for comparison
	}{
		{"Negotiate", kerberosPair(), false},
		{"Digest", digestPair(), true},
		{"Basic", basic(), true},
		{"kept", twoLegs(), true}, // the connection keeps the identity, requests carry no credentials
	} {
		if d.HTTP3 != nil && c.pair.bound {
			continue
		}
		b.Run(c.name+"/impl=floor", func(b *testing.B) { measure(b, Driver{Server: open, HTTP3: d.HTTP3}, d, c.pair, c.bare) })
		b.Run(c.name+"/impl=ours", func(b *testing.B) { measure(b, d, d, c.pair, false) })
	}
}

// measure sends to server, over and over, the request that authenticates at ours.
func measure(b *testing.B, server, ours Driver, p pair, bare bool) {
	fields := credentials(b, ours, p)
	if bare {
		fields = nil
	}
	k := benchKit(server)
	defer k.end()
	c := k.benchCaller(b, p)
	if p.bound {
		c.request("GET", "")
		fields = nil
	}
	raw := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s:%d\r\n%s\r\n\r\n", c.to.URI, c.to.Host, c.to.Port, strings.Join(append(fields, "Accept: */*"), "\r\n"))
	send := func() (*http.Response, error) {
		if _, err := io.WriteString(c.conn, raw); err != nil {
			return nil, err
		}
		return http.ReadResponse(c.r, nil)
	}
	if server.HTTP3 != nil {
		send = func() (*http.Response, error) { return c.stream("GET", "", fields) }
	}
	b.ReportAllocs()
	for b.Loop() {
		response, err := send()
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != 200 {
			b.Fatalf("status %d", response.StatusCode)
		}
	}
}

// credentials returns the fields with which alice authenticates.
func credentials(b *testing.B, d Driver, p pair) []string {
	k := benchKit(d)
	defer k.end()
	c := k.benchCaller(b, p)
	if o := c.request("GET", ""); !o.ok("alice", "") {
		b.Fatal(o)
	}
	return c.fields
}

func benchKit(d Driver) *kit {
	again := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedReplayCheck); ok {
			return gss.ReplayVerdict{First: true}
		}
		return gss.Declined{}
	})
	k := &kit{d: d, ctx: context.Background(), goesOn: func() {}, source: answer.Chain(answer.NewUsers(people), again)}
	if d.HTTP3 == nil {
		k.pipes = newPipes()
	}
	return k
}

func (k *kit) benchCaller(b *testing.B, p pair) *caller {
	k.stop = func() { b.Fatal(k.found) }
	s := k.serve(func(s *ServerSetup) {
		if k.pipes != nil {
			s.Listener.Close()
			s.Listener = k.pipes
		}
	}, p)
	c := k.dial(s.url, "alice", p)
	if p.source != nil {
		c.source = p.source
	}
	return c
}

// pipes is a listener with connections of net.Pipe.
type pipes struct {
	conns chan net.Conn
	end   context.Context
	stop  context.CancelFunc
}

func newPipes() *pipes {
	end, stop := context.WithCancel(context.Background())
	return &pipes{make(chan net.Conn, 1), end, stop}
}

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.end.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.stop()
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// kerberosPair returns Negotiate with a ticket.
func kerberosPair() pair {
	const service = "HTTP/127.0.0.1"
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: people["alice"]}, {Name: service, Password: "service"},
	}}}})
	if err != nil {
		panic(err)
	}
	over := func(c kerberos.Config) gss.Mechanism {
		m, err := kerberos.New(c)
		if err != nil {
			panic(err)
		}
		s, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{m}})
		if err != nil {
			panic(err)
		}
		return s
	}
	login := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedCredential); ok {
			return gss.Password{User: "alice", Domain: "A.TEST", Password: gss.NewSecret(people["alice"])}
		}
		return gss.Declined{}
	})
	return pair{
		name:   "Kerberos",
		client: scheme.NegotiateClient(over(kerberos.Config{Realm: "A.TEST"})),
		server: scheme.NegotiateServer(over(kerberos.Config{Keys: realm.Keytab(service + "@A.TEST")})),
		source: answer.Chain(login, krb5.InProcess(realm), &krb5.Tickets{}),
	}
}

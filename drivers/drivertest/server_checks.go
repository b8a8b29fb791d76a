package drivertest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

var serverChecks = []check{
	{"server_completes", "every scheme, of one leg or of several, reaches the handler under the user's name, and its final token reaches the client", (*kit).serverCompletes, nil},
	{"server_refuses", "without credentials, or with wrong ones, the response is 401 with a challenge of each scheme that is possible there, and the handler does not run", (*kit).serverRefuses, nil},
	{"server_unavailable", "while no client can be judged the response is 503 with Retry-After and without a challenge, missing data of one user results in a 401, and afterwards clients are served again", (*kit).serverUnavailable, nil},
	{"server_handler_waits", "the handler does not run before the last leg", (*kit).serverWaits, overHTTP1},
	{"server_legs_stay", "a leg counts on the connection of its handshake only", (*kit).serverLegs, overHTTP1},
	{"server_identity_stays", "an identity bound to a connection is used on that connection only", (*kit).serverIdentity, overHTTP1},
	{"server_identities_apart", "no request runs under another user's name, however many connections there are at once", (*kit).serverCrowd, nil},
	{"server_body_once", "a body sent with every leg reaches the handler completely and once, over the handshake's connection", (*kit).serverBody, nil},
	{"server_body_stays_one", "a body that consists of requests is never read as requests, however long it is and whatever credentials come with it", (*kit).serverSmuggling, overHTTP1},
	{"server_one_reading", "what a request is and where it ends follows RFC 9112, whatever its body and credentials: no handler sees another request, under any user, and a refused message is answered once", (*kit).serverReadings, overHTTP1},
	{"server_one_reading_http3", "what a request is over HTTP/3 follows RFC 9114: no handler sees a malformed request, or an incomplete body as a complete one", (*kit).serverStreams, overHTTP3},
	{"server_takes_nonsense", "malformed credentials are refused, and the server continues", (*kit).serverNonsense, nil},
	{"server_half_requests", "requests that break off or stall prevent no other request from being served, and reach no handler", (*kit).serverHalves, overHTTP1},
	{"server_header_bounded", "a request with ten megabytes of header is refused, and the server continues", (*kit).serverHeader, nil},
	{"server_drain_bounded", "an endless body without credentials is not read to the end, and the server continues", (*kit).serverDrain, nil},
	{"server_ends", "a connection that does not authenticate ends within the limits, whatever it does, and an authenticated request may take longer", (*kit).serverEnds, limiting},
	{"server_ends_streams", "a stream that does not authenticate ends within the limits, and so does a connection without one", (*kit).serverEndsStreams, overHTTP3},
	{"server_one_resource", "an invalid request-target is answered with 400 and reaches no handler; of a valid one the handler sees the path as it was sent", (*kit).serverTargets, ownTargets},
	{"server_too_early", "a request in early data with credentials, or with an unsafe method, is answered with 425, without a challenge, and the connection remains open", (*kit).serverTooEarly, nil},
	{"server_context", "a question's context ends when the client disconnects", (*kit).serverContext, hearing},
	{"server_soak", "a hundred clients that close their connections at random get no response for another user, are served when the faults end, and leave no connection", (*kit).serverSoak, nil},
	{"server_binding", "a login bound to another server's certificate is refused, whatever server name the client sends and whichever of its certificates the server shows; a login bound to the certificate shown is accepted", (*kit).serverBinding, binding},
}

// served is a server under test.
type served struct {
	url     string
	handled atomic.Int32
	heard   func(user, body string) // called for each body that reached the handler completely, if not nil
}

// serve starts a server.
func (k *kit) serve(tune func(*ServerSetup), ps ...pair) *served {
	s := &served{}
	setup := ServerSetup{Source: k.source, Handler: s.handle, Limits: unlimited}
	var err error
	if k.d.HTTP3 != nil {
		setup.Packets, err = net.ListenPacket("udp", "127.0.0.1:0")
		setup.TLS = &tls.Config{Certificates: certificate().certificates}
	} else {
		setup.Listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	switch {
	case err != nil:
		k.fatalf("no listener: %v", err)
	case k.d.HTTP3 != nil:
		k.cleanup(func() { setup.Packets.Close() })
		s.url = "https://" + setup.Packets.LocalAddr().String()
	default:
		s.url = "http://" + setup.Listener.Addr().String()
	}
	for _, p := range ps {
		setup.Machine.Schemes = append(setup.Machine.Schemes, p.server)
	}
	if tune != nil {
		tune(&setup)
	}
	if setup.TLS != nil && k.d.HTTP3 == nil {
		s.url = "https://" + setup.Listener.Addr().String()
	}
	stop, err := k.d.Server(setup)
	if err != nil {
		if l := setup.Listener; l != nil {
			l.Close()
		}
		k.fatalf("the server could not be made: %v", err)
	}
	k.cleanup(stop)
	return s
}

// handle responds with the user and the body.
func (s *served) handle(user string, w http.ResponseWriter, r *http.Request) {
	s.handled.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	if s.heard != nil {
		s.heard(user, string(body))
	}
	fmt.Fprintf(w, "%s:%s", user, body)
}

func (k *kit) serverCompletes() {
	for _, p := range k.offered() {
		s := k.serve(nil, p)
		c := k.dial(s.url, "alice", p)
		for n := range 3 {
			if o := c.request("GET", ""); !o.ok("alice", "") {
				k.errorf("%s, request %d: %v", p.name, n+1, o)
				break
			}
		}
	}
}

func (k *kit) serverRefuses() {
	all := pairs()[:3] // schemes of different names
	s := k.serve(nil, all...)
	c := k.dial(s.url, "alice")
	response, o := c.exchange("GET", "")
	if o.err != nil || o.status != 401 {
		k.errorf("no credentials: %v, want 401", o)
	} else {
		field := strings.Join(response.Header.Values("WWW-Authenticate"), ", ")
		for _, p := range all {
			name := p.server.Traits().Name
			if want := !(p.bound && k.d.HTTP3 != nil); strings.Contains(field, name) != want {
				k.errorf("no credentials: a challenge of %s: %v, want %v", name, !want, want)
			}
		}
	}
	for _, p := range k.offered() {
		s := k.serve(nil, p)
		for who, source := range map[string]gss.Answer{
			"a wrong password": gss.Password{User: "alice", Password: gss.NewSecret("guess")},
			"an unknown user":  gss.Password{User: "nobody", Password: gss.NewSecret("guess")},
		} {
			c := k.dial(s.url, "alice", p)
			c.source = answer.Func(func(context.Context, gss.Question) gss.Answer { return source })
			if o := c.request("GET", ""); o.status != 401 {
				k.errorf("%s, %s: %v, want 401", p.name, who, o)
			}
		}
		if n := s.handled.Load(); n != 0 {
			k.errorf("%s: the handler ran for a wrong password, or an unknown user", p.name)
		}
	}
	if s.handled.Load() != 0 {
		k.errorf("the handler ran without credentials")
	}
}

func (k *kit) serverUnavailable() {
	for _, p := range k.offered() {
		var store atomic.Pointer[gss.Answer] // its answer, if it is not the usual one
		var known atomic.Bool                // and only for the users that it knows
		answers := func(a gss.Answer) { store.Store(&a) }
		s := k.serve(func(setup *ServerSetup) {
			usual := setup.Source
			setup.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
				if need, ok := q.(gss.NeedVerifier); ok {
					if a := store.Load(); a != nil && (people[need.User] != "" || !known.Load()) {
						return *a
					}
				}
				return usual.Answer(ctx, q)
			})
		}, p)
		c := k.dial(s.url, "alice", p)
		for _, want := range []struct {
			after uint16
			field string
		}{{7, "7"}, {0, fmt.Sprint(gss.DefaultRetryAfter)}, {65535, "65535"}} {
			answers(gss.Unreachable{RetryAfter: want.after})
			o := c.request("GET", "")
			if o.err != nil || o.status != 503 {
				k.errorf("%s, the store is down: %v, want 503", p.name, o)
				break
			}
			if got := c.last.Header.Values("Retry-After"); len(got) != 1 || got[0] != want.field {
				k.errorf("%s, the store is down: Retry-After %q, want %s", p.name, got, want.field)
			}
			if got := c.last.Header.Values("WWW-Authenticate"); len(got) > 0 {
				k.errorf("%s, the store is down: there is a challenge, so that clients consider their password wrong", p.name)
			}
			if _, o := c.exchange("GET", ""); o.err != nil || o.status != 401 {
				k.errorf("%s, the connection's next request, without credentials: %v, want 401", p.name, o)
				break
			}
			c = k.dial(s.url, "alice", p)
		}
		known.Store(true)
		for _, a := range []gss.Answer{gss.Unverifiable{}, gss.Unreachable{}} {
			answers(a)
			if o := k.dial(s.url, "alice", p).request("GET", ""); o.status != 401 {
				k.errorf("%s, the store has %T for one user: %v, want 401", p.name, a, o)
			}
		}
		if s.handled.Load() != 0 {
			k.errorf("%s: the handler ran", p.name)
		}
		store.Store(nil)
		if o := k.dial(s.url, "alice", p).request("GET", ""); !o.ok("alice", "") {
			k.errorf("%s, the store is up again: %v", p.name, o)
		}
	}
}

func (k *kit) serverWaits() {
	for _, p := range []pair{twoLegs(), threeLegs(), mutual()} {
		s := k.serve(nil, p)
		c := k.dial(s.url, "alice", p)
		legs := 0
		c.legs = func() {
			legs++
			if s.handled.Load() != 0 {
				k.errorf("%s: the handler ran before leg %d was answered by 401", p.name, legs)
			}
		}
		if o := c.request("GET", ""); !o.ok("alice", "") {
			k.errorf("%s: %v", p.name, o)
		}
		if legs < 2 {
			k.errorf("%s: %d legs were answered by 401", p.name, legs)
		}
	}
}

func (k *kit) serverLegs() {
	for _, p := range []pair{twoLegs(), threeLegs(), mutual()} {
		s := k.serve(nil, p)
		a := k.dial(s.url, "alice", p)
		b := k.dial(s.url, "alice", p)
		here, there, legs := a.conn, b.conn, 0
		a.legs = func() { // after the second 401, which answers the first token, it continues on another connection
			if legs++; legs == 2 {
				a.conn, a.r = b.conn, b.r
			}
			if legs <= 3 && s.handled.Load() != 0 {
				k.errorf("%s: the handler ran", p.name)
			}
		}
		// If that is refused, the client may start again on the new connection.
		if o := a.request("GET", ""); legs < 3 {
			k.errorf("%s: the second leg was sent on another connection and not refused: %v", p.name, o)
		}
		here.Close()
		there.Close()
	}
}

func (k *kit) serverIdentity() {
	p := twoLegs()
	s := k.serve(nil, p)
	a := k.dial(s.url, "alice", p)
	if o := a.request("GET", ""); !o.ok("alice", "") {
		k.errorf("alice: %v", o)
		return
	}
	if _, o := a.exchange("GET", ""); !o.ok("alice", "") {
		k.errorf("the connection that alice authenticated, without credentials: %v; NTLM belongs to its connection", o)
	}
	before := s.handled.Load()
	b := k.dial(s.url, "bob", p)
	if _, o := b.exchange("GET", ""); o.status != 401 {
		k.errorf("another connection, without credentials: %v, want 401", o)
	}
	if s.handled.Load() != before {
		k.errorf("the handler ran for an unauthenticated connection")
	}
	if o := b.request("GET", ""); !o.ok("bob", "") {
		k.errorf("bob on a connection of his own: %v", o)
	}
	if _, o := a.exchange("GET", ""); o.err == nil && !o.ok("alice", "") {
		k.errorf("alice's connection after bob came over another one: %v", o)
	}
}

func (k *kit) serverCrowd() {
	for _, p := range k.offered() {
		s := k.serve(nil, p)
		crowd(4, func(user string) {
			c := k.dial(s.url, user, p)
			for range 3 {
				if o := c.request("GET", ""); !o.ok(user, "") {
					k.errorf("%s: a request of %s: %v", p.name, user, o)
					return
				}
			}
		})
	}
}

func (k *kit) serverBody() {
	text := strings.Repeat("0123456789abcdef", 1<<15) // 512 KiB, more than net/http reads by itself
	for _, p := range k.offered() {
		s := k.serve(nil, p)
		c := k.dial(s.url, "alice", p)
		body := "a small body"
		if p.bound {
			// It starts with a token: a server may close the connection after a first
			// 401 rather than read so much, but not after the answer to a leg.
			body, c.lease = text, machine.Lease{Scheme: p.client.Traits().Name}
		}
		if o := c.request("POST", body); !o.ok("alice", body) {
			k.errorf("%s: %v", p.name, o)
		}
		if n := s.handled.Load(); n != 1 {
			k.errorf("%s: the handler ran %d times", p.name, n)
		}
	}
}

func (k *kit) serverSmuggling() {
	request := "GET /a?b HTTP/1.1\r\nHost: h\r\nAuthorization: Basic " + base64Of("alice:"+people["alice"]) + "\r\n\r\n"
	for _, times := range []int{1, 1000, 40_000} { // 100 bytes to 4 MB
		body := strings.Repeat(request, times)
		for _, framing := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		} {
			s := k.serve(nil, basic(), twoLegs())
			c := k.dial(s.url, "alice")
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				io.WriteString(c.conn, "POST /a?b HTTP/1.1\r\nHost: h\r\n"+framing)
				c.conn.(*net.TCPConn).CloseWrite()
			}()
			said, _ := io.ReadAll(c.r)
			<-sent
			if n := strings.Count(string(said), "HTTP/1.1 "); n > 1 {
				k.errorf("%d requests in a body, %.10q: the server answered %d times", times, framing, n)
			}
			if s.handled.Load() != 0 {
				k.errorf("%d requests in a body, %.10q: the handler ran", times, framing)
			}
			c.close()
		}
	}
}

func (k *kit) serverNonsense() {
	s := k.serve(nil, pairs()[:3]...)
	for _, value := range []string{
		`Digest username="`, "Digest", "Digest ,,,", "Digest =", "Basic", "Basic =", "Basic Og==", "Basic !!!", "NTLM", "NTLM AAAA", "NTLM ====",
		"Unknown x", "=", ",", `Digest username="a", realm="a realm", nonce="n", uri="/", response="0"`, "Basic " + base64Of("alice"), "Basic " + base64Of("alice:"),
		"NTLM " + strings.Repeat("A", 1<<17), "NTLM " + base64Of("toy/NTLM:i2:u=alice:p=wonder"),
	} {
		c := k.dial(s.url, "alice", basic())
		_, o := c.exchange("GET", "", "Authorization: "+value)
		if o.status != 401 && o.status != 400 && o.status != 431 {
			k.errorf("%.40s: %v, want 401 or 400", value, o)
		}
		c.close()
	}
	if s.handled.Load() != 0 {
		k.errorf("the handler ran")
	}
	c := k.dial(s.url, "alice", basic())
	if o := c.request("GET", ""); !o.ok("alice", "") {
		k.errorf("afterwards, with the right password: %v", o)
	}
}

func (k *kit) serverHalves() {
	p := twoLegs()
	s := k.serve(nil, p)
	for n, half := range []string{
		"",
		"GE",
		"GET / HTTP/1.1\r\nHost: h\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NT",
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM " + base64Of("toy/NTLM:i") + "\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nabc",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
		"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	} {
		for _, then := range []func(*caller){
			func(*caller) {},                   // it stalls
			func(c *caller) { c.conn.Close() }, // it disconnects
			func(c *caller) { c.conn.(*net.TCPConn).CloseWrite() },
			func(c *caller) { c.conn.(*net.TCPConn).SetLinger(0); c.conn.Close() },
		} {
			c := k.dial(s.url, "alice", p)
			io.WriteString(c.conn, half)
			then(c)
		}
		if n := s.handled.Load(); n != 0 {
			k.errorf("the handler ran for %.40q", half)
		}
		c := k.dial(s.url, "alice", p)
		if o := c.request("GET", ""); !o.ok("alice", "") {
			k.errorf("a whole request beside %d broken ones, the last of which said %.40q: %v", 4*(n+1), half, o)
		}
		s.handled.Store(0)
	}
}

func (k *kit) serverHeader() {
	s := k.serve(nil, basic())
	rightly := "Authorization: Basic " + base64Of("alice:"+people["alice"])
	for _, h := range []struct{ name, fields string }{
		{"fields", strings.Repeat("X-Field: "+strings.Repeat("v", 1000)+"\r\n", 10<<10) + rightly},
		{"credentials", strings.Repeat(rightly+"\r\n", 10<<20/len(rightly)) + rightly},
		{"a token", "Authorization: NTLM " + strings.Repeat("A", 10<<20)},
	} {
		c := k.dial(s.url, "alice", basic())
		if _, o := c.exchange("GET", "", h.fields); o.err == nil && o.status < 400 {
			k.errorf("ten megabytes of %s: %v", h.name, o)
		}
		if n := s.handled.Load(); n != 0 {
			k.errorf("ten megabytes of %s: the handler ran", h.name)
		}
		c = k.dial(s.url, "alice", basic())
		if o := c.request("GET", ""); !o.ok("alice", "") {
			k.errorf("after ten megabytes of %s: %v", h.name, o)
		}
		s.handled.Store(0)
	}
}

func (k *kit) serverDrain() {
	const enough = 32 << 20
	var all sync.WaitGroup // a server may take its time to close, so that the client reads the response
	for _, p := range k.offered() {
		s := k.serve(nil, p)
		all.Go(func() {
			c := k.dial(s.url, "alice", p)
			status, sent := c.flood(enough)
			if status != 0 && status < 400 {
				k.errorf("%s: status %d", p.name, status)
			}
			if sent >= enough {
				k.errorf("%s: %d bytes were read", p.name, sent)
				return
			}
			if s.handled.Load() != 0 {
				k.errorf("%s: the handler ran", p.name)
			}
			c = k.dial(s.url, "alice", p)
			if o := c.request("GET", ""); !o.ok("alice", "") {
				k.errorf("%s: a request afterwards: %v", p.name, o)
			}
		})
	}
	all.Wait()
}

func (k *kit) serverContext() {
	asked, ended := make(chan struct{}, 8), make(chan struct{}, 8)
	s := k.serve(func(s *ServerSetup) {
		s.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			asked <- struct{}{}
			select {
			case <-ctx.Done():
				ended <- struct{}{}
			case <-k.ctx.Done():
			}
			return gss.Unreachable{}
		})
	}, basic())
	c := k.dial(s.url, "alice", basic())
	go c.exchange("GET", "", "Authorization: Basic "+base64Of("alice:wonder"))
	select {
	case <-asked:
	case <-k.ctx.Done():
		k.errorf("it did not ask")
		return
	}
	c.close()
	select {
	case <-ended:
	case <-k.ctx.Done():
		k.errorf("the client has disconnected, but the question's context has not ended")
	}
}

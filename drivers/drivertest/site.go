package drivertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// site is the kit's own server: net/http's, with a machine for each connection.
type site struct {
	*httptest.Server
	k      *kit
	fresh  machine.Server
	source answer.Source

	// Its faults, and strict behavior.
	closeAfter int         // closes a connection with its nth response, 0 never
	rough      atomic.Bool // closes connections at random
	noProof    bool        // omits the final token
	closing    atomic.Bool // closes instead of answering a proof, or a user that has authenticated
	http2      bool

	// heard is called for a body that reached the handler. By default it records the
	// body.
	heard  func(user, body string, err error)
	open   atomic.Int64 // connections of TCP
	proofs atomic.Int32 // received while it was closing

	mu     sync.Mutex
	visits []visit
	bodies []string // what the handler received
	faults []string // legs on the wrong connection
}

// visit is a request as it was received.
type visit struct {
	conn  string
	proto int
	auth  string // the scheme
}

// connState is the state of a connection.
type connState struct {
	mu       sync.Mutex
	server   machine.Server
	requests int
}

type connKey struct{}

// aborter closes a connection of HTTP/3.
type aborter func()

// site starts a server that offers the schemes. tune may change it first.
func (k *kit) site(tune func(*site), ps ...pair) *site {
	var conf machine.ServerConfig
	for _, p := range ps {
		conf.Schemes = append(conf.Schemes, p.server)
	}
	fresh, err := machine.NewServer(conf)
	if err != nil {
		panic(err)
	}
	s := &site{k: k, fresh: fresh, source: k.source}
	s.heard = s.keep
	if tune != nil {
		tune(s)
	}
	s.start(http.HandlerFunc(s.serve))
	return s
}

// raw starts a server with a handler of the check.
func (k *kit) raw(h http.HandlerFunc) *site {
	s := &site{k: k}
	s.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		h(w, r)
	}))
	return s
}

func (s *site) start(h http.Handler) {
	s.Server = httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: certificate().certificates}
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, &connState{server: s.fresh})
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the checks find what clients do wrong
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.open.Add(-1)
		}
	}
	s.k.cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	switch {
	case s.k.d.HTTP3 != nil:
		s.startHTTP3(h)
	case s.http2:
		s.EnableHTTP2 = true
		s.StartTLS()
	default:
		s.Start()
	}
}

// startHTTP3 serves HTTP/3 and, on the same port, HTTP/1.1.
func (s *site) startHTTP3(h http.Handler) {
	var packets net.PacketConn
	err := errors.New("not tried")
	for range 100 { // a free port of one protocol may be in use in the other
		if packets, err = net.ListenPacket("udp", s.Listener.Addr().String()); err == nil {
			break
		}
		s.Listener.Close()
		if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			break
		}
	}
	if err != nil {
		panic(err)
	}
	s.StartTLS()
	stop := s.k.d.HTTP3.Serve(packets, s.TLS.Clone(), h, func(ctx context.Context, abort func()) context.Context {
		return context.WithValue(ctx, connKey{}, aborter(abort))
	})
	s.k.cleanup(func() {
		stop()
		packets.Close()
	})
}

// note records the request.
func (s *site) note(r *http.Request) {
	auth, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits = append(s.visits, visit{r.RemoteAddr, r.ProtoMajor, auth})
}

// seen returns the number of requests received.
func (s *site) seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.visits)
}

// handled returns the bodies that the handler received.
func (s *site) handled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// keep records a body.
func (s *site) keep(_, body string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, body)
	if err != nil {
		s.k.errorf("the server could not read the body: %v", err)
	}
}

// stumbles reports whether a fault should happen now.
func (s *site) stumbles() bool { return s.rough.Load() && rand.IntN(12) == 0 }

// abort closes the request's connection, or its stream.
func abort(r *http.Request) {
	if abort, ok := r.Context().Value(connKey{}).(aborter); ok && rand.IntN(2) == 0 {
		abort()
	}
	panic(http.ErrAbortHandler)
}

// serve authenticates, and then responds with the user and the body.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	s.note(r)
	c, ok := r.Context().Value(connKey{}).(*connState)
	if !ok || r.ProtoMajor > 1 { // the stream's own
		c = &connState{server: s.fresh}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.stumbles() {
		abort(r)
	}
	if c.requests++; r.ProtoMajor == 1 && (c.requests == s.closeAfter || s.stumbles()) {
		w.Header().Set("Connection", "close")
	}
	in := machine.Incoming{Method: r.Method, Target: r.RequestURI, Authority: r.Host, Binding: gss.NoBinding(), Multiplexed: r.ProtoMajor > 1}
	if r.TLS != nil {
		in.Secure, in.Binding = true, gss.Binding{}
	}
	q, refused := in.AtOrigin()
	if refused != 0 {
		s.k.errorf("%s %q is an invalid request-target", r.Method, r.RequestURI)
		http.Error(w, "no", refused)
		return
	}
	act := s.run(r, c, machine.Received{Request: q, Header: header.ParseRequest(r.Header.Values)})
	if s.stumbles() {
		abort(r)
	}
	if s.closing.Load() && judged(act) {
		if r.Header.Get("Authorization") != "" {
			s.proofs.Add(1)
		}
		abort(r)
	}
	if reply, ok := act.(machine.Reply); ok {
		if f := reply.Fault; !f.IsZero() && f.Code != gss.NoCredentials {
			s.mu.Lock()
			s.faults = append(s.faults, f.String())
			s.mu.Unlock()
		}
		io.Copy(io.Discard, io.LimitReader(r.Body, 1<<22))
		challenge(w, "WWW-Authenticate", reply.Challenges)
		http.Error(w, "no", reply.Status)
		return
	}
	accept, ok := act.(machine.Accept)
	if !ok {
		http.Error(w, "the kit's machine failed", 500)
		return
	}
	body, err := io.ReadAll(r.Body)
	s.heard(accept.Info.Peer, string(body), err)
	if f, ok := s.run(r, c, machine.Responding{Status: 200}).(machine.Finish); ok {
		if !s.noProof {
			challenge(w, "WWW-Authenticate", f.Challenges)
		}
		if f.Info.Present() && !s.noProof {
			w.Header().Set("Authentication-Info", f.Info.Text())
		}
		if v := f.PersistentAuth.Text(); v != "" {
			w.Header().Set("Persistent-Auth", v)
		}
	}
	fmt.Fprintf(w, "%s:%s", accept.Info.Peer, body)
	if s.stumbles() {
		http.NewResponseController(w).Flush()
		abort(r)
	}
}

// judged reports whether credentials were accepted or refused.
func judged(act machine.Action) bool {
	switch a := act.(type) {
	case machine.Accept:
		return true
	case machine.Reply:
		return a.Fault.Code == gss.BadCredentials
	}
	return false
}

func challenge(w http.ResponseWriter, field string, cs header.Challenges) {
	for c := range cs.All() {
		w.Header().Add(field, c.Text())
	}
}

// run steps the connection's machine, and answers its questions.
func (s *site) run(r *http.Request, c *connState, e machine.Event) machine.Action {
	for range 16 {
		next, acts, err := c.server.Step(entropy.Env(), e)
		if err != nil {
			s.k.errorf("the kit's server: %v", err)
			return nil
		}
		c.server = next
		ask, ok := acts.At(0).(machine.Ask)
		if !ok {
			return acts.At(0)
		}
		e = machine.Answered{ID: ask.ID, Answer: s.source.Answer(r.Context(), ask.Question)}
	}
	return nil
}

// identity is the kit's own identity for TLS.
type identity struct {
	certificates []tls.Certificate
	roots        *x509.CertPool
}

// certificate returns the certificate that the kit's servers show, and its callers and
// clients trust. Its key signs quickly, because the soaks make thousands of handshakes.
var certificate = sync.OnceValue(func() identity {
	c, err := selfSigned("127.0.0.1", "localhost")
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	return identity{[]tls.Certificate{c}, roots}
})

package drivertest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/scheme"
)

func (k *kit) clientLegs() {
	for _, p := range []pair{twoLegs(), threeLegs(), mutual()} {
		s := k.site(nil, p)
		c := k.client(nil, p)
		for range 2 {
			crowd(3, func(user string) {
				if o := k.do(k.ctx, c, user, "POST", s.URL, strings.NewReader("a body")); !o.ok(user, "a body") {
					k.errorf("%s: a request of %s: %v", p.name, user, o)
				}
			})
		}
		s.mu.Lock()
		for _, f := range s.faults {
			k.errorf("%s: a leg did not fit its connection: %s", p.name, f)
		}
		s.mu.Unlock()
	}
}

func (k *kit) clientClosing() {
	for _, p := range pairs() {
		for after := 1; after <= 4; after++ {
			s := k.site(func(s *site) { s.closeAfter = after }, p)
			c := k.client(nil, p)
			for n := range 2 {
				before := s.seen()
				o := k.do(k.ctx, c, "", "GET", s.URL, nil)
				if o.err == nil && o.status < 400 && !o.ok("alice", "") {
					k.errorf("%s, closed after %d: %v", p.name, after, o)
				}
				if !p.bound && !o.ok("alice", "") {
					k.errorf("%s, which needs no connection of its own, closed after %d: %v", p.name, after, o)
				}
				if took := s.seen() - before; took > most {
					k.errorf("%s, closed after %d: request %d took %d requests", p.name, after, n+1, took)
				}
			}
		}
	}
}

func (k *kit) clientHalves() {
	p := twoLegs()
	sound := k.site(nil, p)
	c := k.client(nil, p)
	first := "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
	for _, h := range []struct {
		name string
		says []string // the responses to the first request, the second, …; the last one to all that follow
	}{
		{"nothing", []string{""}},
		{"half a status line", []string{"HTTP/1.1 401 Un"}},
		{"half a header", []string{"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\n"}},
		{"half a challenge", []string{"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NT"}},
		{"a challenge and half its content", []string{"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 99\r\n\r\nabc"}},
		{"half a token", []string{first, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM dG95"}},
		{"nothing for a token", []string{first, ""}},
		{"half the content", []string{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nalice:"}},
		{"half a chunk", []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nalice:"}},
		{"a chunk and no end", []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nalice:\r\n"}},
		{"an interim response only", []string{"HTTP/1.1 100 Continue\r\n\r\n"}},
		{"what is no response", []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"}},
	} {
		w := k.wire(func(conn net.Conn, n int) { io.WriteString(conn, h.says[min(n, len(h.says))-1]) })
		for _, method := range []string{"GET", "POST"} {
			before := w.requests.Load()
			if o := k.do(k.ctx, c, "", method, w.url, strings.NewReader("a body")); o.err == nil && o.status < 400 {
				k.errorf("%s: %v", h.name, o)
			}
			if n := w.requests.Load() - before; n == 0 || n > most {
				k.errorf("%s: %d requests", h.name, n)
			}
		}
		if o := k.do(k.ctx, c, "", "GET", sound.URL, nil); !o.ok("alice", "") {
			k.errorf("%s: a request to another server afterwards: %v", h.name, o)
		}
	}
}

func (k *kit) clientContext() {
	p := oneLeg()
	arrived := make(chan struct{}, 8)
	silent := k.raw(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-k.ctx.Done():
		}
	})
	c := k.client(nil, p)
	wantCancelled := func(what string, o outcome) {
		if !errors.Is(o.err, context.Canceled) {
			k.errorf("%s: %v, want context.Canceled", what, o)
		}
	}
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	wantCancelled("cancelled before it began", k.do(ctx, c, "", "GET", silent.URL, nil))
	if silent.seen() > 0 {
		k.errorf("cancelled before it began: a request was sent")
	}

	wantCancelled("cancelled while the server is silent", k.do(k.until(arrived), c, "", "GET", silent.URL, nil))

	s := k.site(nil, p)
	asked, ended := make(chan struct{}, 8), make(chan struct{}, 8)
	slow := k.client(func(c *ClientSetup) {
		c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			asked <- struct{}{}
			select {
			case <-ctx.Done():
				ended <- struct{}{}
			case <-k.ctx.Done():
			}
			return gss.Unreachable{}
		})
	}, p)
	wantCancelled("cancelled while a question is open", k.do(k.until(asked), slow, "", "GET", s.URL, nil))
	if len(ended) == 0 {
		k.errorf("a question's context did not end with the request's")
	}
}

// until returns a context that is canceled when something happens.
func (k *kit) until(happens <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancel(k.ctx)
	go func() {
		select {
		case <-happens:
		case <-k.ctx.Done():
		}
		cancel()
	}()
	return ctx
}

func (k *kit) clientLeavesHTTP2() { k.clientLeaves(2, func(s *site) { s.http2 = true }) }

func (k *kit) clientLeavesHTTP3() { k.clientLeaves(3, nil) }

// clientLeaves tests with sites of an HTTP version, which speak HTTP/1.1 as well.
func (k *kit) clientLeaves(version int, tune func(*site)) {
	for _, p := range []pair{digestPair(), oneLeg(), mechanism("bound", scheme.NTLM, gsstoy.Toy{Legs: 2, Fresh: true, Bound: true})} {
		s := k.site(tune, p)
		c := k.client(nil, p)
		for range 2 {
			if o := k.do(k.ctx, c, "", "POST", s.URL, strings.NewReader("a body")); !o.ok("alice", "a body") {
				k.errorf("%s: %v", p.name, o)
			}
		}
		s.mu.Lock()
		if !slices.ContainsFunc(s.visits, func(v visit) bool { return v.proto == version }) {
			k.errorf("%s: no request came over HTTP/%d", p.name, version)
		}
		if v := s.visits[len(s.visits)-1]; p.bound != (v.proto == 1) {
			k.errorf("%s: the last request came over HTTP/%d", p.name, v.proto)
		}
		s.mu.Unlock()
	}
}

package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// If a connection closes in any leg but the last, another connection is used and the
// request succeeds. The proof of the last leg may have been counted, and is sent once
// (PROOF-1).
func TestClientConnectionCloses(t *testing.T) {
	for _, legs := range []uint8{2, 3} {
		bound, client := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: legs})
		for at := 1; at <= int(legs)+1; at++ {
			t.Run(fmt.Sprintf("%d legs, closed at request %d", legs, at), func(t *testing.T) {
				var n atomic.Int32
				s := newSite(t, hello, nil, bound)
				inner := s.Config.Handler
				s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if int(n.Add(1)) == at {
						c, _, err := w.(http.Hijacker).Hijack()
						if err != nil {
							t.Error(err)
							return
						}
						c.Close()
						return
					}
					inner.ServeHTTP(w, r)
				})
				c := newClient(t, nil, client)
				if at == int(legs)+1 {
					_, err := do(c, "", "GET", s.URL, nil)
					if wantFault(t, err, gss.QuestionFailed); int(n.Load()) != at {
						t.Errorf("%d requests, want %d", n.Load(), at)
					}
				} else if r, body := get(t, c, "", s.URL); r.StatusCode != 200 || body != "hello alice" {
					t.Errorf("%d %q", r.StatusCode, body)
				}
			})
		}
	}
}

// If a server closes the connection after its challenge without announcing it, the
// challenge is still answered.
func TestClientSilentClose(t *testing.T) {
	_, client := digestPair(t)
	for range 10 {
		s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				return
			}
			c, b, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			b.WriteString("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n")
			b.Flush()
			c.Close()
		}), nil)
		if r, _ := get(t, newClient(t, nil, client), "", s.URL); r.StatusCode != 200 {
			t.Errorf("status %d", r.StatusCode)
		}
		if vs := s.take(); len(vs) != 2 {
			t.Errorf("requests %v", vs)
		}
	}
}

// If the connection breaks while the answer to a challenge is being sent, another
// connection replaces it in the same exchange, unless the scheme is connection-bound.
func TestClientBreaksAtAnswer(t *testing.T) {
	server, client := digestPair(t)
	var n atomic.Int32
	s := newSite(t, hello, nil, server)
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 2 {
			s.note(r)
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
			return
		}
		inner.ServeHTTP(w, r)
	})
	if r, body := get(t, newClient(t, nil, client), "", s.URL); r.StatusCode != 200 || body != "hello alice" {
		t.Errorf("%d %q", r.StatusCode, body)
	}
	if vs := s.take(); len(vs) != 3 || vs[2].authorization != scheme.Digest {
		t.Errorf("requests %v", vs)
	}
}

// HTA-5: a leg is sent on the connection of its challenge, or not at all.
func TestClientLegsStayOnConnection(t *testing.T) {
	bound, client := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 3})
	var mu sync.Mutex
	var ours []net.Conn
	first := map[string]string{} // token of each connection
	s := newSite(t, hello, nil, bound)
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token, ok := header.ParseRequest(r.Header.Values).Authorization.Token(); ok {
			mu.Lock()
			if first[r.RemoteAddr] == "" {
				first[r.RemoteAddr] = token
			}
			mu.Unlock()
		}
		inner.ServeHTTP(w, r)
	})
	breaks := 0
	for range 20 {
		c := newClient(t, func(c *nethttp.ClientConfig) {
			c.Base = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				ours = append(ours, conn)
				return conn, err
			}}
			broken := 0
			c.Observer = func(_ uint64, _ gss.Env, _ machine.Event, a machine.Actions) {
				if send, ok := a.At(0).(machine.Send); ok && send.Pinned && broken < 2 {
					broken++
					breaks++
					ours[len(ours)-1].Close()
				}
			}
		}, client)
		if r, body := get(t, c, "", s.URL); r.StatusCode != 200 || body != "hello alice" {
			t.Errorf("%d %q", r.StatusCode, body)
		}
	}
	if breaks != 40 {
		t.Errorf("%d connections broken", breaks)
	}
	for conn, token := range first {
		if !strings.Contains(token, ":i1:") {
			t.Errorf("connection %s began with %q", conn, token)
		}
	}
}

// A connection is not reused if the application does not want it, nor after an
// unfinished handshake.
func TestClientDoesNotReuseConnection(t *testing.T) {
	bound, client := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	s := newSite(t, hello, nil, bound)
	c := newClient(t, nil, client)
	for range 2 {
		r, _ := http.NewRequest("GET", s.URL, nil)
		r.Close = true
		response, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text(t, response)
	}
	if vs := s.take(); len(vs) != 5 || conns(vs) != 2 {
		t.Errorf("%d requests on %d connections", len(vs), conns(vs))
	}

	halfway := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(503)
			return
		}
		w.Header().Set("WWW-Authenticate", "NTLM")
		w.WriteHeader(401)
	}), nil)
	for range 2 {
		r, _ := get(t, c, "", halfway.URL)
		if d, _ := nethttp.Delivered(r); r.StatusCode != 503 || d.Authenticated {
			t.Errorf("status %d, authenticated %t", r.StatusCode, d.Authenticated)
		}
	}
	if vs := halfway.take(); conns(vs) != 2 {
		t.Errorf("%d connections", conns(vs))
	}
}

// A request to a server that closes every connection ends with the transport's error.
func TestClientAlwaysClosed(t *testing.T) {
	_, client := digestPair(t)
	var n atomic.Int32
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		c, _, _ := w.(http.Hijacker).Hijack()
		c.Close()
	}), nil)
	_, err := do(newClient(t, nil, client), "", "GET", s.URL, nil)
	e, ok := errors.AsType[*drive.Error](err)
	if !ok || e.Err == nil || !errors.Is(err, io.EOF) {
		t.Fatalf("error %v", err)
	}
	if n := n.Load(); n > 3+1 {
		t.Errorf("%d requests", n)
	}
}

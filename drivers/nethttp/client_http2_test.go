package nethttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/scheme"
)

// HTTP/2 carries schemes that authenticate each request. Connection-bound schemes
// continue over HTTP/1.1 (HTA-4), and later requests use it at once.
func TestClientHTTP2(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	bound, boundClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	h2 := func(s *httptest.Server) { s.EnableHTTP2 = true }
	for _, c := range []struct {
		name   string
		server scheme.Server
		client scheme.Client
		protos []string // of two requests
	}{
		{"Digest", digestServer, digestClient, []string{"HTTP/2.0 HTTP/2.0", "HTTP/2.0"}},
		{"bound", bound, boundClient, []string{"HTTP/2.0 HTTP/1.1 HTTP/1.1 HTTP/1.1", "HTTP/1.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, hello, h2, c.server)
			client := newClient(t, func(cfg *nethttp.ClientConfig) {
				cfg.Base = &http.Transport{TLSClientConfig: s.Client().Transport.(*http.Transport).TLSClientConfig}
			}, c.client)
			for i, want := range c.protos {
				if r, body := get(t, client, "", s.URL); r.StatusCode != 200 || body != "hello alice" {
					t.Fatalf("%d %q", r.StatusCode, body)
				}
				if got := protos(s.take()); got != want {
					t.Errorf("request %d: %s, want %s", i+1, got, want)
				}
			}
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					if i%4 == 3 { // has no password
						if _, err := do(client, "nobody", "GET", s.URL, nil); err == nil {
							t.Error("no request was authenticated")
						}
						return
					}
					r, err := do(client, "bob", "PUT", s.URL, strings.NewReader("."))
					if err != nil {
						t.Error(err)
						return
					}
					defer r.Body.Close()
					if b, _ := io.ReadAll(r.Body); string(b) != "hello bob." {
						t.Errorf("got %q", b)
					}
				})
			}
			wg.Wait()
			s.take()
			client.CloseIdleConnections()
			get(t, client, "", s.URL)
			if got := protos(s.take()); strings.Contains(got, "HTTP/2.0") == strings.Contains(c.protos[1], "HTTP/1.1") {
				t.Errorf("after its connection closed: %s", got)
			}
		})
	}
}

func protos(vs []visit) string {
	var all []string
	for _, v := range vs {
		all = append(all, v.proto)
	}
	return strings.Join(all, " ")
}

// A question contains the channel binding (HTA-19, C31).
func TestClientChannelBinding(t *testing.T) {
	server, client := digestPair(t)
	for _, mode := range []string{"http", "https", "http2"} {
		s := newSite(t, hello, func(s *httptest.Server) {
			switch mode {
			case "https":
				s.TLS = new(tlsConfig)
			case "http2":
				s.EnableHTTP2 = true
			}
		}, server)
		want := gss.NoBinding()
		if mode != "http" {
			want = gss.EndPoint(string(s.Certificate().Raw))
			if _, ok := want.Data(); !ok {
				t.Fatal("the test's certificate has no binding")
			}
		}
		var got atomic.Value
		c := newClient(t, func(c *nethttp.ClientConfig) {
			c.Base = s.Client().Transport.(*http.Transport)
			c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
				if need, ok := q.(gss.NeedCredential); ok {
					got.Store(need.Target.Binding)
				}
				return logins().Answer(ctx, q)
			})
		}, client)
		get(t, c, "", s.URL)
		if got.Load() != want {
			t.Errorf("%s: binding %v, want %v", mode, got.Load(), want)
		}
	}
}

package nethttp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
)

// A challenge's content is read up to the bound, so that its connection can be reused.
func TestClientDrains(t *testing.T) {
	_, client := digestPair(t)
	for _, c := range []struct {
		size, conns int
	}{{1000, 1}, {100_000, 1}, {400_000, 2}} {
		s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				return
			}
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			w.WriteHeader(401)
			w.Write(make([]byte, c.size))
		}), nil)
		r, _ := get(t, newClient(t, nil, client), "", s.URL)
		vs := s.take()
		if r.StatusCode != 200 || len(vs) != 2 || conns(vs) != c.conns {
			t.Errorf("%d bytes: status %d, %d requests on %d connections, want %d", c.size, r.StatusCode, len(vs), conns(vs), c.conns)
		}
	}
}

// V16: the context ends an exchange with a server that never finishes its response.
func TestClientContextEndsDrain(t *testing.T) {
	_, client := digestPair(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n"`)
		w.WriteHeader(401)
		w.Write([]byte("one moment"))
		w.(http.Flusher).Flush()
		cancel(errStopped)
		<-r.Context().Done() // the client has disconnected
	}), nil)
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if _, err := newClient(t, nil, client).Transport.RoundTrip(r); !errors.Is(err, errStopped) {
		t.Fatalf("error %v, want the context's", err)
	}
}

var errStopped = errors.New("stopped by the test")

// The context ends a question, too.
func TestClientContextEndsQuestion(t *testing.T) {
	server, client := digestPair(t)
	s := newSite(t, hello, nil, server)
	ctx, cancel := context.WithCancelCause(context.Background())
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			cancel(errStopped)
			<-ctx.Done()
			return gss.Unreachable{}
		})
	}, client)
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if _, err := c.Transport.RoundTrip(r); !errors.Is(err, errStopped) {
		t.Fatalf("error %v, want the context's", err)
	}
}

package krb5

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// The two addresses of a realm in the tests below, as Dial is given them: the first one is gone, the second one answers.
const gone, good = "192.0.2.1:88", "192.0.2.2:88"

// net2 dials for a client that knows gone and good, and counts what it asks of each.
type net2 struct {
	t      *testing.T
	first  string // what becomes of gone: "refuses", "is silent", "filtered", "busy"
	good   *front
	busy   *front
	asked  [2]atomic.Int32
	closed atomic.Int32
	opened atomic.Int32
}

// counted counts how often it is closed.
type counted struct {
	net.Conn
	closed *atomic.Int32
}

func (c counted) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}

func (n *net2) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to := ""
	switch address {
	case good:
		n.asked[1].Add(1)
		to = n.good.address
	case gone:
		n.asked[0].Add(1)
		switch n.first {
		case "refuses":
			return nil, errors.New("connection refused")
		case "filtered":
			n.opened.Add(1)
			defer n.closed.Add(1)
			<-ctx.Done()
			time.Sleep(10 * time.Millisecond) // a try that outlives the answer shows
			return nil, ctx.Err()
		case "is silent":
			ours, theirs := net.Pipe()
			go io.Copy(io.Discard, theirs) // until ours is closed
			n.opened.Add(1)
			return counted{ours, &n.closed}, nil
		}
		to = n.busy.address
	default:
		n.t.Errorf("dials %s", address)
	}
	c, err := new(net.Dialer).DialContext(ctx, network, to)
	if err == nil {
		n.opened.Add(1)
		c = counted{c, &n.closed}
	}
	return c, err
}

// firstRequest is what login asks a KDC first.
func firstRequest(t *testing.T) []byte {
	t.Helper()
	alice, _ := krb.ParsePrincipal("alice@A.TEST", "")
	_, r, err := ticket.New(ticket.Request{Client: alice, Password: gss.NewSecret("wonder"), Types: krb.ETypesOf(krb.AES256SHA1)}).Step(entropy.Env(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(r.Ask.(gss.NeedExchange).Request)
}

// TestKDCsThatAreGone: with a first KDC that does not answer, in whatever way and however the KDCs are found, the second one does
// after one patience, and is asked alone the next time.
func TestKDCsThatAreGone(t *testing.T) {
	k := newKDC(t)
	unavailable := func([]byte) []byte { return krbError(message.ErrServiceUnavail, nil) }
	answers := listen(t, k, nil, nil)
	busy := listen(t, k, unavailable, func([]byte) []byte { return frame(unavailable(nil)) })
	request := firstRequest(t)
	record := func(host string) []*net.SRV { return []*net.SRV{{Target: host + ".", Port: 88}} }
	for _, found := range []struct {
		name string
		set  func(t *testing.T, c *Client, more string)
	}{
		{"by two lines", func(t *testing.T, c *Client, more string) { c.Config = config(t, more, gone, good) }},
		{"by one line", func(t *testing.T, c *Client, more string) { c.Config = config(t, more, gone+" "+good) }},
		{"by one name", func(t *testing.T, c *Client, more string) {
			c.Config = config(t, more, "kdc.a.test")
			c.LookupHost = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1", "192.0.2.2"}, nil }
		}},
		{"by SRV", func(t *testing.T, c *Client, more string) {
			c.Config = config(t, more)
			c.Lookup = func(context.Context, string, string, string) (string, []*net.SRV, error) {
				return "", append(record("192.0.2.1"), record("192.0.2.2")...), nil
			}
		}},
		{"by SRV, the good one under _udp alone", func(t *testing.T, c *Client, more string) {
			c.Config = config(t, more)
			c.Lookup = func(_ context.Context, _, proto, _ string) (string, []*net.SRV, error) {
				return "", record(map[string]string{"tcp": "192.0.2.1", "udp": "192.0.2.2"}[proto]), nil
			}
		}},
	} {
		for _, more := range []string{"", "udp_preference_limit = 1"} {
			for _, first := range []string{"refuses", "is silent", "filtered", "busy"} {
				t.Run(found.name+"/"+first+"/"+more, func(t *testing.T) {
					t.Parallel()
					n := &net2{t: t, first: first, good: answers, busy: busy}
					// What ends a try at a KDC that is silent is the answer of the other one, long before its time.
					c := &Client{Dial: n.dial, Timeout: 5 * time.Second, patience: 20 * time.Millisecond}
					found.set(t, c, more)
					if _, err := c.roundTrip(t.Context(), "A.TEST", request); err != nil {
						t.Fatal(err)
					}
					first, second := n.asked[0].Load(), n.asked[1].Load()
					want := int32(1)
					if n.first == "refuses" && more == "" { // by UDP, and then by TCP
						want = 2
					}
					if first != want || second != 1 {
						t.Errorf("asked %d and %d times", first, second)
					}
					if opened, closed := n.opened.Load(), n.closed.Load(); opened != closed {
						t.Errorf("%d tries, %d have ended", opened, closed)
					}
					c.patience, n.first = time.Hour, "refuses" // which the counts below tell at once
					if r := login(t, c); !r.Done() || n.asked[0].Load() != first || n.asked[1].Load() != second+2 {
						t.Errorf("%v; asked %d and %d times", r.Fault, n.asked[0].Load(), n.asked[1].Load())
					}
					requirement.Held(t, "unit:kdcs_that_are_gone", "KRB-23")
				})
			}
		}
	}
}

// TestProxiesThatAreGone: likewise with proxies.
func TestProxiesThatAreGone(t *testing.T) {
	k := newKDC(t)
	var asked [2]atomic.Int32
	silent := make(chan struct{})
	of := func(i int) *httptest.Server {
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked[i].Add(1)
			body, _ := io.ReadAll(r.Body)
			if i == 0 {
				select {
				case <-silent:
				case <-r.Context().Done():
				}
				return
			}
			request, _ := parseProxyMessage(body)
			reply, _ := proxyMessage(frame([]byte(k.Answer(entropy.Env(), "A.TEST", string(request)))), "A.TEST")
			w.Write(reply)
		}))
		t.Cleanup(s.Close)
		return s
	}
	first, second := of(0), of(1)
	defer close(silent)
	pool := x509.NewCertPool()
	pool.AddCert(first.Certificate())
	pool.AddCert(second.Certificate())
	c := &Client{Config: config(t, "", first.URL, second.URL), TLS: &tls.Config{RootCAs: pool}, Timeout: 5 * time.Second, patience: 20 * time.Millisecond}
	if _, err := c.roundTrip(t.Context(), "A.TEST", firstRequest(t)); err != nil {
		t.Fatal(err)
	}
	c.patience = time.Hour
	if r := login(t, c); !r.Done() {
		t.Fatal(r.Fault)
	}
	if asked[0].Load() > 1 || asked[1].Load() != 3 {
		t.Errorf("asked %d and %d times", asked[0].Load(), asked[1].Load())
	}
}

// TestNoKDCAnswers: the error names the realm, each address and what became of it; one that is busy answers if none is better.
func TestNoKDCAnswers(t *testing.T) {
	n := &net2{t: t, first: "refuses", good: listen(t, newKDC(t), func([]byte) []byte { return []byte("garbage") }, func([]byte) []byte { return nil })}
	c := &Client{Dial: n.dial, Config: config(t, "", gone, good, gone), Timeout: time.Minute, patience: time.Hour}
	alice, _ := krb.ParsePrincipal("alice@A.TEST", "")
	_, err := c.Get(t.Context(), ticket.Request{Client: alice, Password: gss.NewSecret("wonder")})
	if !errors.Is(err, gss.QuestionFailed) {
		t.Error(err)
	}
	for _, want := range []string{`"A.TEST"`, gone + ": UDP: connection refused; TCP: connection refused", good + ": UDP: the answer is no KDC's; TCP: EOF"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if n.asked[0].Load() != 2 || n.asked[1].Load() != 2 {
		t.Errorf("asked %d and %d times", n.asked[0].Load(), n.asked[1].Load())
	}
	requirement.Held(t, "unit:no_kdc_answers", "KRB-24")
	unavailable := krbError(message.ErrServiceUnavail, nil)
	n = &net2{t: t, first: "busy", busy: listen(t, newKDC(t), func([]byte) []byte { return unavailable }, nil), good: n.good}
	c.Dial = n.dial
	if reply, err := c.roundTrip(t.Context(), "A.TEST", []byte("x")); string(reply) != string(unavailable) {
		t.Errorf("%q, %v", reply, err)
	}
}

// TestClientRemembersFew: the realms whose KDC is remembered are bounded.
func TestClientRemembersFew(t *testing.T) {
	var c Client
	for i := range 10 * maxRealms {
		c.remember(strings.Repeat("R", i), good)
		if len(c.answered) > maxRealms {
			t.Fatalf("%d realms", len(c.answered))
		}
	}
}

// TestContextEndsTries: the context ends what is waited for, whichever KDCs there are.
func TestContextEndsTries(t *testing.T) {
	for _, first := range []string{"is silent", "filtered"} {
		n := &net2{t: t, first: first}
		c := &Client{Dial: n.dial, Config: config(t, "", gone), Timeout: time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := c.roundTrip(ctx, "A.TEST", []byte("x")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), gone) {
			t.Error(err)
		}
		if opened, closed := n.opened.Load(), n.closed.Load(); opened != closed {
			t.Errorf("%d connections, %d are closed", opened, closed)
		}
	}
}

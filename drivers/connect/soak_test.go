package connect_test

import (
	"context"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// brittle is a listener that counts its connections and, while it is rough, closes them
// at random.
type brittle struct {
	net.Listener
	rough atomic.Bool
	open  atomic.Int64
}

func (l *brittle) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &glass{Conn: c, l: l, end: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type glass struct {
	net.Conn
	l   *brittle
	end func()
}

func (g *glass) Write(b []byte) (int, error) {
	if g.l.rough.Load() {
		switch rand.IntN(12) {
		case 0: // nothing
			g.Close()
		case 1: // a part
			g.Conn.Write(b[:rand.IntN(len(b)+1)])
			g.Close()
		}
	}
	return g.Conn.Write(b)
}

func (g *glass) Close() error {
	g.end()
	return g.Conn.Close()
}

// TestDialerSoak: a hundred tunnels at once of each scheme, through a proxy that closes
// connections at random. Each asks for a host named after its user. No user gets
// another one's tunnel, all get one after the closes stop, and no connection or
// goroutine is left.
func TestDialerSoak(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	passwords := map[string]string{"alice": "wonder", "bob": "builder", "carol": "carrel", "dave": "diver"}
	digestServer, digestClient := digestPair(t)
	two, twoClient := toy(2)
	three, threeClient := toy(3)
	for _, s := range []struct {
		name   string
		server scheme.Server
		client scheme.Client
	}{
		{"Basic", scheme.BasicServer("r", scheme.AskVerdict), scheme.BasicClient()},
		{"Digest", digestServer, digestClient},
		{"two legs", two, twoClient},
		{"three legs", three, threeClient},
	} {
		t.Run(s.name, func(t *testing.T) {
			far, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var echoing sync.WaitGroup
			echoing.Go(func() {
				for {
					c, err := far.Accept()
					if err != nil {
						return
					}
					echoing.Go(func() {
						io.Copy(c, c)
						c.Close()
					})
				}
			})
			anywhere := func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, far.Addr().String())
			}
			p, err := nethttp.NewProxy(nethttp.ProxyConfig{
				Proxy:     machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{s.server}}},
				Source:    answer.Chain(answer.NewUsers(passwords), &answer.ReplayCache{Max: 10_000}),
				Transport: &http.Transport{DialContext: anywhere},
				Log: func(r *http.Request, res drive.Result) {
					if user := res.Identity.Info.Peer; user != "" && !strings.HasPrefix(r.Host, user+".example:") {
						t.Errorf("%s was let through to %s", user, r.Host)
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			proxy := httptest.NewUnstartedServer(p)
			p.Install(proxy.Config)
			proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
			l := &brittle{Listener: proxy.Listener}
			l.rough.Store(true)
			proxy.Listener = l
			proxy.Start()

			dialers := map[string]*connect.Dialer{}
			for user, password := range passwords {
				dialers[user] = newDialer(t, proxy.URL, func(c *connect.Config) {
					c.Source = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
						if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
							return gss.Password{User: user, Password: gss.NewSecret(password)}
						}
						return gss.Declined{}
					})
				}, s.client)
			}
			var tunnels atomic.Int64
			through := func(user string) bool {
				c, err := dialers[user].DialContext(t.Context(), "tcp", user+".example:443")
				if err != nil {
					return false
				}
				defer c.Close()
				tunnels.Add(1)
				c.SetDeadline(time.Now().Add(30 * time.Second))
				if _, err := io.WriteString(c, user); err != nil {
					return false
				}
				got := make([]byte, len(user))
				_, err = io.ReadFull(c, got)
				return err == nil && string(got) == user
			}
			var all sync.WaitGroup
			for user := range passwords {
				for range 25 {
					all.Go(func() {
						for range 4 {
							through(user)
						}
					})
				}
			}
			all.Wait()
			if tunnels.Load() == 0 {
				t.Error("no tunnel came about: it is rougher than anybody could bear")
			}
			l.rough.Store(false)
			for user := range passwords {
				if !through(user) {
					t.Errorf("%s got no tunnel when it was calm", user)
				}
			}
			for end := time.Now().Add(10 * time.Second); l.open.Load() > 0 && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			if n := l.open.Load(); n > 0 {
				t.Errorf("%d connections are open after the end", n)
			}
			proxy.Close()
			far.Close()
			echoing.Wait()
		})
	}
}

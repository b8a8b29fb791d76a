package nethttp_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/internal/smuggle"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// kitUser is the field that tells an origin behind a gate the user of a request.
const kitUser = "Kit-User"

// kitOrigin serves h on a connection of its own. Its address stays the same for the
// proxy.
func kitOrigin(h http.Handler, install func(*http.Server)) (addr string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h}
	if install != nil {
		install(server)
	}
	return l.Addr().String(), running(server, l), nil
}

// running serves until stop is called.
func running(server *http.Server, l net.Listener) (stop func()) {
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(l)
	}()
	return func() {
		server.Close()
		server.Shutdown(context.Background())
		<-served
	}
}

// kitTransport connects to the origin, whichever server a request names: the kit's
// requests name the proxy. Its connections break when rough returns true.
func kitTransport(origin string, rough func() bool) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, origin)
		if err == nil && rough != nil {
			c = brittle{c, rough}
		}
		return c, err
	}}
}

// brittle is a connection that breaks now and then.
type brittle struct {
	net.Conn
	breaks func() bool
}

func (c brittle) Write(b []byte) (int, error) {
	if c.breaks() {
		n, _ := c.Conn.Write(b[:len(b)/2])
		c.Close()
		return n, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (c brittle) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.breaks() {
		c.Close()
		return n / 2, net.ErrClosed
	}
	return n, err
}

// gated is a reverse proxy behind an Authenticator. A field tells the origin the user
// of a request.
func gated(s drivertest.ServerSetup) (func(), error) {
	origin, stopOrigin, err := kitOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Handler(r.Header.Get(kitUser), w, r)
	}), nil)
	if err != nil {
		return nil, err
	}
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy: machine.ProxyConfig{Reverse: true}, Upstream: &url.URL{Scheme: "http", Host: origin}, Limits: s.Limits,
		Transport: kitTransport(origin, s.Rough),
	})
	if err != nil {
		return nil, err
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits})
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		r = r.Clone(r.Context())
		r.Header.Del("Authorization") // the gate's, not the origin's
		r.Header.Set(kitUser, id.Info.Peer)
		p.ServeHTTP(w, r)
	}))}
	auth.Install(server)
	p.Install(server)
	stop := running(server, s.Listener)
	return func() {
		stop()
		p.CloseIdleConnections()
		stopOrigin()
	}, nil
}

// relayed is a proxy that lets the origin behind it authenticate, and keeps an upstream
// connection for each client that does.
func relayed(reverse bool) func(drivertest.ServerSetup) (func(), error) {
	return func(s drivertest.ServerSetup) (func(), error) {
		s.Machine.PinnedFront = true
		auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits})
		if err != nil {
			return nil, err
		}
		origin, stopOrigin, err := kitOrigin(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := nethttp.IdentityFrom(r.Context())
			s.Handler(id.Info.Peer, w, r)
		})), auth.Install)
		if err != nil {
			return nil, err
		}
		conf := nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: reverse}, Limits: s.Limits, Transport: kitTransport(origin, s.Rough)}
		if reverse {
			conf.Upstream = &url.URL{Scheme: "http", Host: origin}
		} else {
			conf.Allow = func(string, string, uint16) bool { return true }
		}
		p, err := nethttp.NewProxy(conf)
		if err != nil {
			return nil, err
		}
		server := &http.Server{Handler: p}
		p.Install(server)
		stop := running(server, s.Listener)
		return func() {
			stop()
			p.CloseIdleConnections()
			stopOrigin()
		}, nil
	}
}

// TestKitReverseGate: the reverse proxy forwards the requests that an Authenticator in
// front of it passed on.
func TestKitReverseGate(t *testing.T) {
	drivertest.Run(t, func() drivertest.Driver { return drivertest.Driver{Server: gated, Thorough: long.Form()} })
}

// TestKitRelayed: the origin behind the proxy authenticates. The short form tests the
// reverse proxy, the long one the forward proxy, too.
func TestKitRelayed(t *testing.T) {
	for _, p := range []struct {
		name    string
		reverse bool
	}{{"reverse", true}, {"forward", false}}[:long.Of(1, 2)] {
		t.Run(p.name, func(t *testing.T) {
			drivertest.Run(t, func() drivertest.Driver {
				return drivertest.Driver{Server: relayed(p.reverse), Absolute: !p.reverse, Unlimited: true, Thorough: long.Form()}
			})
		})
	}
}

// proxyPassword is a user's password at the proxy. At origins it is another one.
func proxyPassword(user string) gss.Secret { return gss.NewSecret("proxy's " + user) }

// throughProxy is this package's client behind a forward proxy that requires
// credentials of its own, by NTLM if the check does not use it, otherwise by Basic. It
// calls wrong for a request that came under another name at the proxy than it has at
// the origin.
func throughProxy(wrong func(format string, args ...any)) func(drivertest.ClientSetup) (drivertest.Client, error) {
	return func(s drivertest.ClientSetup) (drivertest.Client, error) {
		own := gsstoy.Toy{OID: gss.NTLM, Legs: 2, Bound: true, Fresh: true, Asks: true}
		client, server := scheme.NTLMClient(own), scheme.NTLMServer(own)
		has := func(name string) bool {
			return slices.ContainsFunc(s.Machine.Schemes, func(c scheme.Client) bool { return c.Traits().Name == name })
		}
		if has(scheme.NTLM) {
			client, server = scheme.BasicClient(), scheme.BasicServer("a proxy", scheme.AskVerifier)
		}
		if !has(client.Traits().Name) {
			s.Machine.Schemes = append(slices.Clone(s.Machine.Schemes), client)
		}
		passwords := map[string]string{}
		for _, name := range []string{"alice", "bob", "carol", "dave"} {
			passwords[name] = proxyPassword(name).Reveal()
		}
		p, err := nethttp.NewProxy(nethttp.ProxyConfig{
			Proxy:  machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{server}}},
			Source: answer.NewUsers(passwords),
			Log: func(r *http.Request, result drive.Result) {
				if asked, was := r.Header.Get(kitUser), result.Identity.Info.Peer; was != "" && was != asked {
					wrong("a request of %s came in the name of %s at the proxy", asked, was)
				}
			},
		})
		if err != nil {
			return drivertest.Client{}, err
		}
		addr, stop, err := kitOrigin(p, p.Install)
		if err != nil {
			return drivertest.Client{}, err
		}
		tr, err := nethttp.NewTransport(nethttp.ClientConfig{
			Machine: s.Machine,
			Source: answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
				need, ok := q.(gss.NeedCredential)
				if !ok || need.Side != gss.Proxy {
					return s.Source.Answer(ctx, q)
				}
				user, _ := ctx.Value(kitUserKey{}).(string)
				return gss.Password{User: user, Password: proxyPassword(user)}
			}),
			Base:  &http.Transport{TLSClientConfig: s.TLS},
			Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: addr}),
		})
		if err != nil {
			stop()
			return drivertest.Client{}, err
		}
		return drivertest.Client{
			Do: func(identity string, r *http.Request) (*http.Response, error) {
				user := identity
				if user == "" {
					user = "alice"
				}
				ctx := context.WithValue(nethttp.ActAs(r.Context(), identity), kitUserKey{}, user)
				r = r.Clone(ctx)
				r.Header.Set(kitUser, user)
				return tr.RoundTrip(r)
			},
			Close: func() {
				tr.CloseIdleConnections()
				stop()
				p.CloseIdleConnections()
			},
		}, nil
	}
}

type kitUserKey struct{}

// TestKitThroughProxy: requests are sent through a forward proxy, and both proxy and
// origin authenticate.
func TestKitThroughProxy(t *testing.T) {
	drivertest.Run(t, func() drivertest.Driver { return drivertest.Driver{Client: throughProxy(t.Errorf), Proxied: true} })
}

// TestForwardProxyReadings: a forward proxy that requires credentials reads requests as
// RFC 9112 says, and the origin sees the same requests.
func TestForwardProxyReadings(t *testing.T) {
	var seen smuggle.Sightings
	origin, stop, err := kitOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen.Handle("proxy", w, r) }), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	addr := startProxy(t, nethttp.ProxyConfig{
		Proxy:     machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("a proxy", scheme.AskVerifier), toyServer(toy)}}},
		Source:    answer.NewUsers(map[string]string{"alice": "wonder"}),
		Transport: kitTransport(origin, nil),
	})
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+password))
	}
	rightly := "Proxy-Authorization: " + basic("wonder") + "\r\n"
	setting := smuggle.Setting{Basic: basic("wonder"), Next: rightly, NextUser: "proxy", Authority: "h"}
	tries := 0
	for i, c := range []struct{ name, fields, user string }{
		{"no credentials", "Authorization: " + basic("wonder") + "\r\n", ""},
		{"a wrong password", "Proxy-Authorization: " + basic("guess") + "\r\n", ""},
		{"the first leg of a handshake", toyLeg("Proxy-Authorization", "toy:i1:u=alice") + "\r\n", ""},
		{"a right password", rightly, "proxy"},
	} {
		setting.Fields, setting.User = c.fields, c.user
		for n := range setting.Cases() {
			for m, method := range smuggle.Methods {
				if !long.Form() && m != (n+i)%len(smuggle.Methods) {
					continue
				}
				tries++
				setting.Method, setting.Tag = method, fmt.Sprint(tries)
				w := dialWire(t, addr)
				for _, f := range setting.Cases()[n].Try(w.Conn, w.r, setting, &seen) {
					t.Errorf("%s %s, %s: %s", method, setting.Cases()[n].Name, c.name, f)
				}
			}
		}
	}
	t.Logf("%d messages", tries)
}

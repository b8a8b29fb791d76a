package attack

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// users are the users that log in, with their passwords.
var users = map[string]string{"alice": "wonder", "bob": "builder", "carol": "carrel"}

// method is a scheme as both sides have it.
type method struct {
	name   string
	server scheme.Server
	client scheme.Client
	source answer.Source              // the server's
	login  func(string) answer.Source // a user's
	mutual bool                       // the client wants a proof of the server
}

// methods are the real ones. Kerberos service is named by IP address, which is what connections go to.
var methods = sync.OnceValue(func() []method {
	principals := []kdctest.Principal{{Name: "HTTP/127.0.0.1", Password: "service"}}
	for user, password := range users {
		principals = append(principals, kdctest.Principal{Name: user, Password: password})
	}
	realm := must(kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: principals}}}))
	password := func(user string) answer.Source {
		return answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
			if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
				return gss.Password{User: user, Password: gss.NewSecret(users[user])}
			}
			return gss.Declined{}
		})
	}
	hashes := must(answer.NewNTHashes(users))
	raw := func(c ntlm.Config) gss.Mechanism { return must(ntlm.New(c)) }
	over := func(m gss.Mechanism) gss.Mechanism {
		return must(spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{m}}))
	}
	tickets := map[string]*krb5.Tickets{}
	for user := range users {
		tickets[user] = &krb5.Tickets{}
	}
	return []method{
		{"NTLM", scheme.NTLMServer(raw(ntlm.Config{Computer: "WWW"})), scheme.NTLMClient(raw(ntlm.Config{})), hashes, password, false},
		{"Negotiate with NTLM", scheme.NegotiateServer(over(raw(ntlm.Config{Computer: "WWW"}))), scheme.NegotiateClient(over(raw(ntlm.Config{}))), hashes, password, false},
		{
			"Kerberos", scheme.NegotiateServer(over(must(kerberos.New(kerberos.Config{Keys: realm.Keytab("HTTP/127.0.0.1@A.TEST")})))),
			scheme.NegotiateClient(over(must(kerberos.New(kerberos.Config{Realm: "A.TEST"})))), krb5.NewReplayCache(1<<18, 0),
			func(user string) answer.Source {
				return answer.Chain(password(user), krb5.InProcess(realm), tickets[user])
			}, true,
		},
		{
			"Digest", must(digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}})),
			must(digest.NewClient(digest.ClientConfig{})), answer.Chain(answer.NewUsers(users), &answer.ReplayCache{Max: 1 << 18}), password, true,
		},
	}
})

// verdict records each request that a server accepted: its identity, and the user that
// sent it.
type verdict struct {
	mu    sync.Mutex
	wrong []string
	ran   atomic.Int64
}

func (v *verdict) in(user, path string) {
	v.ran.Add(1)
	if !strings.HasPrefix(path, "/"+user+"/") || user == "" {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.wrong = append(v.wrong, fmt.Sprintf("the request %s came in as %q", path, user))
	}
}

// take returns what was wrong since the last call.
func (v *verdict) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := v.wrong
	v.wrong = nil
	return list
}

func (v *verdict) handler(w http.ResponseWriter, r *http.Request) {
	id, _ := nethttp.IdentityFrom(r.Context())
	v.in(id.Info.Peer, r.URL.Path)
	fmt.Fprintf(w, "%s %s", id.Info.Peer, r.URL.Path)
}

func serve(t testing.TB, h http.Handler, install func(*http.Server)) (addr string) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	s := &http.Server{Handler: h, ErrorLog: log.New(panics{t}, "", 0)}
	install(s)
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

// panics is a log in which a panic is a failure.
type panics struct{ t testing.TB }

func (p panics) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "panic") {
		p.t.Errorf("%s", b)
	}
	return len(b), nil
}

// doer sends requests as one user, to a path.
type doer struct {
	do     func(ctx context.Context, path string) (status int, body string, err error)
	close  func()
	proven *atomic.Bool // the last response was delivered as one of a server that has authenticated
}

// watch returns an observer that knows how the last exchange ended.
func watch() (*atomic.Bool, drive.Observer) {
	var proven atomic.Bool
	return &proven, func(_ uint64, _ gss.Env, _ machine.Event, acts machine.Actions) {
		for a := range acts.All() {
			if d, ok := a.(machine.Deliver); ok {
				proven.Store(d.Authenticated)
			}
		}
	}
}

// way is a server, and clients that reach it by an address, behind which there may be a relay.
type way struct {
	name   string
	server func(testing.TB, method, *verdict) (addr string)
	client func(m method, user, addr string) doer
	behind func(testing.TB, string) (addr string) // stands between the client and the relay, or nil
	relay  func(testing.TB, string, mutation) between
}

func netServer(t testing.TB, m method, v *verdict) string {
	auth := must(nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}, PinnedFront: true}, Source: m.source}))
	return serve(t, auth.Wrap(http.HandlerFunc(v.handler)), auth.Install)
}

func transport(m method, user string, conf nethttp.ClientConfig, base string) doer {
	conf.Machine = machine.ClientConfig{Schemes: []scheme.Client{m.client}, Policy: scheme.Policy{Cleartext: true}}
	conf.Source = m.login(user)
	conf.Base = &http.Transport{}
	proven, observer := watch()
	conf.Observer = observer
	tr := must(nethttp.NewTransport(conf))
	return doer{func(ctx context.Context, path string) (int, string, error) {
		res, err := tr.RoundTrip(must(http.NewRequestWithContext(ctx, "GET", base+path, nil)))
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
		return res.StatusCode, string(body), err
	}, tr.CloseIdleConnections, proven}
}

func netClient(m method, user, addr string) doer {
	return transport(m, user, nethttp.ClientConfig{}, "http://"+addr)
}

func fastServer(t testing.TB, m method, v *verdict) string {
	auth := must(fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}}, Source: m.source}))
	s := &fast.Server{Logger: log.New(panics{t}, "", 0), CloseOnShutdown: true, Handler: auth.Wrap(func(ctx *fast.RequestCtx) {
		id, _ := fasthttp.IdentityFrom(ctx)
		v.in(id.Info.Peer, string(ctx.Path()))
		fmt.Fprintf(ctx, "%s %s", id.Info.Peer, ctx.Path())
	})}
	auth.Install(s)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Shutdown(); <-done })
	return l.Addr().String()
}

func fastClient(m method, user, addr string) doer {
	proven, observer := watch()
	tr := must(fasthttp.NewTransport(fasthttp.ClientConfig{
		Observer: observer, Machine: machine.ClientConfig{Schemes: []scheme.Client{m.client}, Policy: scheme.Policy{Cleartext: true}}, Source: m.login(user),
	}))
	hc := &fast.HostClient{Addr: addr, ReadBufferSize: 64 << 10}
	return doer{func(ctx context.Context, path string) (int, string, error) {
		req, resp := new(fast.Request), new(fast.Response)
		req.SetRequestURI("http://" + addr + path)
		_, err := tr.Do(ctx, hc, req, resp)
		return resp.StatusCode(), string(resp.Body()), err
	}, tr.CloseIdleConnections, proven}
}

// reverse is a reverse proxy in front of an origin.
func reverse(t testing.TB, origin string) string {
	p := must(nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: &url.URL{Scheme: "http", Host: origin}}))
	t.Cleanup(p.CloseIdleConnections)
	return serve(t, p, p.Install)
}

// forward is a forward proxy with the method's credentials, before an origin of its own. It lets CONNECT through as
// well.
func forward(t testing.TB, m method, v *verdict) string {
	origin := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "origin %s", r.URL.Path) }), func(*http.Server) {})
	p := must(nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}}}, Source: m.source,
		Allow: func(string, string, uint16) bool { return true },
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, origin)
		}},
		Log: func(r *http.Request, result drive.Result) {
			if result.Identity.Named() {
				path := r.URL.Path
				if r.Method == http.MethodConnect {
					path = "/" + strings.TrimSuffix(r.Host, ".test:443") + "/"
				}
				v.in(result.Identity.Info.Peer, path)
			}
		},
	}))
	t.Cleanup(p.CloseIdleConnections)
	return serve(t, p, p.Install)
}

func forwardClient(m method, user, addr string) doer {
	return transport(m, user, nethttp.ClientConfig{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: addr})}, "http://origin.test:8080")
}

func tunnelClient(m method, user, addr string) doer {
	d := must(connect.New(connect.Config{
		Proxy:   &url.URL{Scheme: "http", Host: addr},
		Machine: machine.ClientConfig{Schemes: []scheme.Client{m.client}, Policy: scheme.Policy{Cleartext: true}}, Source: m.login(user),
	}))
	return doer{func(ctx context.Context, _ string) (int, string, error) {
		c, err := d.DialContext(ctx, "tcp", user+".test:443")
		if err != nil {
			return 0, "", err
		}
		return 200, "", c.Close()
	}, func() {}, new(atomic.Bool)}
}

var ways = []way{
	{"nethttp", netServer, netClient, nil, newRelay},
	{"fasthttp", fastServer, fastClient, nil, newRelay},
	{"before a reverse proxy", func(t testing.TB, m method, v *verdict) string { return reverse(t, netServer(t, m, v)) }, netClient, nil, newRelay},
	{"behind a reverse proxy", netServer, netClient, reverse, newRelay},
	{"a forward proxy", forward, forwardClient, nil, newRelay},
	{"a tunnel", forward, tunnelClient, nil, newRelay},
	{"HTTP3", quicAuthenticator, quicClient, nil, newFieldRelay},
}

// bound is how long an exchange may take, whatever happens to its messages.
const bound = 20 * time.Second

// TestMutatedHandshakes: whatever becomes of a message between our clients and our servers, there is an end,
// no panic, and no request that comes in as another user than its own.
func TestMutatedHandshakes(t *testing.T) {
	log.SetOutput(io.Discard) // net/http speaks of responses that come twice
	defer log.SetOutput(os.Stderr)
	each := long.Of(12, 1050) // of 26: 312, and 27,300, some of which find no message
	var made, succeeded, failed atomic.Int64
	for i, w := range ways {
		for j, m := range methods() {
			if w.name == "HTTP3" && !m.mutual { // NTLM needs a connection of its own
				continue
			}
			t.Run(w.name+"/"+m.name, func(t *testing.T) {
				var v verdict
				addr := w.server(t, m, &v)
				var wg sync.WaitGroup
				turns := make(chan struct{}, 24)
				for n := range each {
					turns <- struct{}{}
					wg.Go(func() {
						defer func() { <-turns }()
						mu := drawn(uint64(n*len(ways)*8 + i*8 + j))
						r := w.relay(t, addr, mu)
						defer r.close()
						ok, bad := w.exchange(t, m, r, mu)
						if r.made.Load() {
							made.Add(1)
						}
						succeeded.Add(ok)
						failed.Add(bad)
					})
				}
				wg.Wait()
				for _, wrong := range v.take() {
					t.Error(wrong)
				}
			})
		}
	}
	t.Logf("%d messages changed; of the requests %d came to a 200, %d did not", made.Load(), succeeded.Load(), failed.Load())
	if made.Load() < int64(each)*10 || succeeded.Load() == 0 || failed.Load() == 0 {
		t.Error("too little happened for this to say anything")
	}
}

// exchange sends two requests of two users at once through a relay.
func (w way) exchange(t *testing.T, m method, r between, mu mutation) (succeeded, failed int64) {
	addr := r.addr
	if w.behind != nil {
		addr = w.behind(t, addr)
	}
	var wg sync.WaitGroup
	var good, bad atomic.Int64
	for _, user := range []string{"alice", "bob"}[:1+min(1, max(0, mu.op-opSwaps+1))] {
		wg.Go(func() {
			d := w.client(m, user, addr)
			defer d.close()
			for n := range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), bound)
				path := fmt.Sprintf("/%s/%d/%d", user, mu.seed, n)
				status, body, err := d.do(ctx, path)
				if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%v: there is no end", mu)
				}
				cancel()
				if err != nil || status != 200 {
					bad.Add(1)
					continue
				}
				good.Add(1)
				// Without TLS a relay may say anything in the server's name, but for what the server proved.
				if m.mutual && d.proven.Load() && strings.Contains(body, " /") && !strings.Contains(body, "/"+user+"/") {
					t.Errorf("%v: %s got the response %q", mu, path, body)
				}
			}
		})
	}
	wg.Wait()
	return good.Load(), bad.Load()
}

// TestMutatedProofs: a client that requires a proof delivers nothing if the proof was
// changed.
func TestMutatedProofs(t *testing.T) {
	for _, w := range ways[:4] {
		for _, m := range methods() {
			if !m.mutual {
				continue
			}
			t.Run(w.name+"/"+m.name, func(t *testing.T) {
				var v verdict
				proof := &proofBreaker{to: w.server(t, m, &v)}
				addr := proof.start(t)
				if w.behind != nil {
					addr = w.behind(t, addr)
				}
				d := w.client(m, "alice", addr)
				defer d.close()
				for n := range long.Of(40, 400) {
					proof.at.Store(int64(n))
					status, body, err := d.do(t.Context(), fmt.Sprintf("/alice/%d", n))
					if err == nil {
						t.Errorf("bit %d from the end of the proof: delivered with %d, %q", n, status, body)
					}
				}
				if proof.broken.Load() == 0 {
					t.Error("no proof was sent")
				}
			})
		}
	}
}

// proofBreaker flips a bit of the proofs that pass, counted from their end.
type proofBreaker struct {
	to     string
	at     atomic.Int64
	broken atomic.Int64
}

func (p *proofBreaker) start(t *testing.T) string {
	client := &http.Transport{}
	t.Cleanup(client.CloseIdleConnections)
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", p.to
		res, err := client.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer res.Body.Close()
		for name, values := range res.Header {
			for _, v := range values {
				if _, _, ok := authenticates(name + ": "); ok && res.StatusCode == 200 {
					p.broken.Add(1)
					v = p.flip(v)
				}
				w.Header().Add(name, v)
			}
		}
		w.WriteHeader(res.StatusCode)
		io.Copy(w, res.Body)
	}), func(*http.Server) {})
}

// flip changes the AP-REP's last bytes, which are its checksum's, or a digit of rspauth.
func (p *proofBreaker) flip(v string) string {
	n := int(p.at.Load())
	if as, text, ok := strings.Cut(v, " "); ok && strings.EqualFold(as, "Negotiate") {
		b := must(base64.StdEncoding.DecodeString(text))
		b[len(b)-1-n/8%64] ^= 1 << (n % 8)
		return as + " " + base64.StdEncoding.EncodeToString(b)
	}
	before, after, ok := strings.Cut(v, `rspauth="`)
	if !ok {
		return v
	}
	b := []byte(after)
	i := n % strings.IndexByte(after, '"')
	b[i] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", b[i])]
	return before + `rspauth="` + string(b)
}

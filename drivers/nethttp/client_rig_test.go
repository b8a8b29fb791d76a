package nethttp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// toyScheme returns the toy mechanism under the name of a registered scheme, for server
// and client. It is connection-bound, and asks for credentials.
func toyScheme(name string, t gsstoy.Toy) (scheme.Server, scheme.Client) {
	traits, _ := scheme.TraitsOf(name)
	t.Asks, t.Bound = true, true
	if name == scheme.NTLM {
		t.OID = gss.NTLM
	}
	return scheme.MechanismServer(traits, t), scheme.MechanismClient(traits, t)
}

// digestPair returns Digest for server and client.
func digestPair(t *testing.T, qops ...digest.QOP) (scheme.Server, scheme.Client) {
	t.Helper()
	s, err := digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}, QOPs: qops})
	if err != nil {
		t.Fatal(err)
	}
	c, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func basicPair() (scheme.Server, scheme.Client) {
	return scheme.BasicServer("r", scheme.AskVerifier), scheme.BasicClient()
}

var people = map[string]string{"alice": "wonder", "bob": "builder", "carol": "carrel"}

// logins answers for every origin: identity "" is alice, every other identity is its
// own user name.
func logins() answer.Source {
	return answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		need, ok := q.(gss.NeedCredential)
		if !ok || need.Rejected {
			return gss.Declined{}
		}
		name := need.Target.Identity
		if name == "" {
			name = "alice"
		}
		return gss.Password{User: name, Password: gss.NewSecret(people[name])}
	})
}

// visit is a request as a server saw it.
type visit struct {
	conn          string // the client's address: one for each connection
	method        string
	authorization string // scheme only
	proto         string
}

// site is a server that records every request, authenticated or not.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	visits []visit
}

func (s *site) note(r *http.Request) {
	name, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits = append(s.visits, visit{r.RemoteAddr, r.Method, name, r.Proto})
}

// take returns the visits since the last call.
func (s *site) take() []visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.visits
	s.visits = nil
	return v
}

// conns returns the number of connections among visits.
func conns(vs []visit) int {
	seen := map[string]bool{}
	for _, v := range vs {
		seen[v.conn] = true
	}
	return len(seen)
}

// hello responds with the user's name and the request's body.
func hello(w http.ResponseWriter, r *http.Request) {
	id, _ := nethttp.IdentityFrom(r.Context())
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "hello %s%s", id.Info.Peer, body)
}

// newSite starts a server of this package that offers the schemes. tune may change it
// before it starts.
func newSite(t *testing.T, h http.HandlerFunc, tune func(*httptest.Server), schemes ...scheme.Server) *site {
	t.Helper()
	users := answer.NewUsers(people)
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: schemes},
		Source: answer.Chain(users, &answer.ReplayCache{Max: 1 << 16}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return rawSite(t, auth.Wrap(h), func(s *httptest.Server) {
		s.Config.ConnContext = auth.ConnContext
		if tune != nil {
			tune(s)
		}
	})
}

// rawSite starts a server with a handler of the test.
func rawSite(t *testing.T, h http.Handler, tune func(*httptest.Server)) *site {
	t.Helper()
	s := new(site)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		h.ServeHTTP(w, r)
	}))
	if tune != nil {
		tune(s.Server)
	}
	if s.TLS != nil || s.EnableHTTP2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// newClient returns an http.Client over a Transport with the given schemes. Its source
// is logins unless tune sets another one.
func newClient(t *testing.T, tune func(*nethttp.ClientConfig), schemes ...scheme.Client) *http.Client {
	t.Helper()
	c := nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: schemes, Policy: scheme.Policy{Cleartext: true}},
		Source:  logins(),
	}
	if tune != nil {
		tune(&c)
	}
	tr, err := nethttp.NewTransport(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// get fetches a URL under an identity and returns the response and its text.
func get(t *testing.T, c *http.Client, identity, url string) (*http.Response, string) {
	t.Helper()
	r, err := do(c, identity, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, text(t, r)
}

func do(c *http.Client, identity, method, url string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(nethttp.ActAs(context.Background(), identity), method, url, body)
	if err != nil {
		return nil, err
	}
	return c.Do(r)
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantFault fails the test unless the exchange failed with the code.
func wantFault(t *testing.T, err error, code gss.Code) *drive.Error {
	t.Helper()
	e, ok := errors.AsType[*drive.Error](err)
	if !ok || e.Fault.Code != code {
		t.Fatalf("error %v, want one of kind %v", err, code)
	}
	if f, ok := errors.AsType[gss.FaultError](err); !ok || f.Fault != e.Fault || !errors.Is(err, f.Code) || !errors.Is(err, f.Code.Class()) {
		t.Errorf("the error does not unwrap to its fault")
	}
	return e
}

// once hides every method of a reader but Read, so that it can be read only once.
type once struct{ io.Reader }

// closer records that it was closed.
type closer struct {
	io.Reader
	mu     sync.Mutex
	closed chan struct{}
}

func newCloser(r io.Reader) *closer { return &closer{Reader: r, closed: make(chan struct{})} }

func (c *closer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

type tlsConfig = tls.Config

func dialNothing(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("not called")
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

package nethttp_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// hangUpOn closes a request's connection without a response.
func hangUpOn(t *testing.T, w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	c.Close()
}

// To a server that locks accounts, NTLM's third message is a guess at a password. If
// the server closes the connection instead of answering, it receives only one of them,
// with NTLM itself and inside Negotiate.
func TestNTLMProofGoesOutOnce(t *testing.T) {
	bare := realNTLM(t, ntlm.Config{})
	inside := negotiated(t, spnego.Config{}, realNTLM(t, ntlm.Config{}))
	for name, p := range map[string]struct {
		as   string
		mech gss.Mechanism
	}{"NTLM": {scheme.NTLM, bare}, "Negotiate": {scheme.Negotiate, inside}} {
		servers, clients := under(p.mech, p.mech, p.as)
		for _, password := range []string{"wonder", "a guess"} {
			var proofs atomic.Int32
			s := newSite(t, hello, nil, servers...)
			inner := s.Config.Handler
			s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
				if text, _ := base64.StdEncoding.DecodeString(token); strings.Contains(string(text), "NTLMSSP\x00\x03") {
					proofs.Add(1)
					hangUpOn(t, w)
					return
				}
				inner.ServeHTTP(w, r)
			})
			c := newClient(t, func(c *nethttp.ClientConfig) {
				c.Source = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
					if _, ok := q.(gss.NeedCredential); ok {
						return gss.Password{User: "alice", Password: gss.NewSecret(password)}
					}
					return gss.Declined{}
				})
			}, clients...)
			_, err := do(c, "", "GET", s.URL, nil)
			wantFault(t, err, gss.QuestionFailed)
			if n := proofs.Load(); n != 1 {
				t.Errorf("%s, %q: %d proofs, want 1", name, password, n)
			}
			requirement.Held(t, "unit:ntlm_proof_goes_out_once", "PROOF-1")
		}
	}
}

// A proxy that closes the connection instead of answering a proof receives at most two,
// or one of a handshake, whether it forwards or tunnels. The failure is reported as the
// proxy's.
func TestProxyClosesInsteadOfAnswering(t *testing.T) {
	_, digests := digestPair(t)
	_, basics := basicPair()
	_, bound := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	for name, p := range map[string]struct {
		client     scheme.Client
		challenges []string // one after the other, then it closes the connection
		most       int32
	}{
		"Basic":  {basics, []string{`Basic realm="r"`}, 2},
		"Digest": {digests, []string{`Digest realm="r", nonce="n", qop="auth"`}, 2},
		"NTLM":   {bound, []string{"NTLM", "NTLM " + base64.StdEncoding.EncodeToString([]byte("toy/NTLM:c1"))}, 1},
	} {
		for _, to := range []string{"http://origin.example/", "https://origin.example/"} {
			var proofs atomic.Int32
			proxy := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := 0
				if v := r.Header.Get("Proxy-Authorization"); v != "" {
					text, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(v, "NTLM "))
					if n = 1; strings.Contains(string(text), ":p=") {
						n = 2
					}
				}
				if n >= len(p.challenges) {
					proofs.Add(1)
					hangUpOn(t, w)
					return
				}
				w.Header().Set("Proxy-Authenticate", p.challenges[n])
				w.WriteHeader(407)
			}), nil)
			c := newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = through(t, proxy.URL) }, p.client)
			_, err := do(c, "", "GET", to, nil)
			code := gss.LimitExceeded
			if p.most == 1 {
				code = gss.QuestionFailed
			}
			if e := wantFault(t, err, code); e.Side != gss.Proxy || e.Status != 407 {
				t.Errorf("%s, %s: %+v", name, to, e)
			}
			if n := proofs.Load(); n != p.most {
				t.Errorf("%s, %s: %d proofs, want %d", name, to, n, p.most)
			}
			requirement.Held(t, "unit:proxy_closes_instead_of_answering", "PROOF-1", "PROOF-2")
		}
	}
}

type userKey struct{}

// byContext is a source that answers by the request's context and counts the questions.
func byContext(asked *atomic.Int32) answer.Source {
	return answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
		asked.Add(1)
		user, _ := ctx.Value(userKey{}).(string)
		if need, ok := q.(gss.NeedCredential); !ok || need.Rejected || user == "" {
			return gss.Declined{}
		}
		return gss.Password{User: user, Password: gss.NewSecret(people[user])}
	})
}

func getAs(t *testing.T, c *http.Client, ctx context.Context, user, to string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithValue(ctx, userKey{}, user), "GET", to, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, text(t, response)
}

// If a source answers by the request's context, no request is sent under another user's
// name, neither to an origin nor through a proxy that forwards or tunnels. A connection
// of the same user is reused, for one more question.
func TestSourceByContext(t *testing.T) {
	bound, boundClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	basic, basicClient := basicPair()
	for _, where := range []string{"origin", "forwarding proxy", "tunnel"} {
		var asked atomic.Int32
		var s *site
		users := make(chan string, 100)  // the users under which requests were forwarded
		logins := make(chan string, 100) // the users that authenticated to the proxy
		tune := func(c *nethttp.ClientConfig) { c.Source = byContext(&asked) }
		client := boundClient
		switch where {
		case "origin":
			s = newSite(t, hello, nil, bound)
		default:
			server := bound
			if where == "tunnel" { // where even Basic is asked for once
				server, client = basic, basicClient
			}
			p, err := nethttp.NewProxy(nethttp.ProxyConfig{
				Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{server}}},
				Source: answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
					if need, ok := q.(gss.NeedVerifier); ok {
						logins <- need.User
					}
					return answer.NewUsers(people).Answer(ctx, q)
				}),
				Allow: func(string, string, uint16) bool { return true },
				Log: func(_ *http.Request, r drive.Result) {
					if r.Identity.Info.Peer != "" {
						users <- r.Identity.Info.Peer
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			proxy := rawSite(t, p, func(s *httptest.Server) { p.Install(s.Config) })
			s = rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello")) }), func(s *httptest.Server) {
				if where == "tunnel" {
					s.TLS = new(tlsConfig)
				}
			})
			tune = func(c *nethttp.ClientConfig) {
				c.Source, c.Proxy = byContext(&asked), through(t, proxy.URL)
				c.Base = s.Client().Transport.(*http.Transport)
			}
		}
		c := newClient(t, tune, client)
		for i, user := range []string{"alice", "bob", "alice", "bob", "carol", "alice", ""} {
			status, body := getAs(t, c, t.Context(), user, s.URL)
			switch {
			case user == "" && status == 200:
				t.Errorf("%s: a request without a user got %d %q", where, status, body)
			case user == "":
			case status != 200:
				t.Errorf("%s, request %d of %s: %d %q", where, i, user, status, body)
			case where == "origin" && body != "hello "+user:
				t.Errorf("%s: a request of %s was served as %q", where, user, body)
			case where == "forwarding proxy":
				if got := <-users; got != user {
					t.Errorf("%s: a request of %s was forwarded as %s", where, user, got)
				}
			}
		}
		before := asked.Load()
		for range 3 {
			if status, body := getAs(t, c, t.Context(), "alice", s.URL); status != 200 {
				t.Errorf("%s: %d %q", where, status, body)
			}
		}
		if n := asked.Load() - before; n > 12 { // of the idle connections of four users three are tried in vain
			t.Errorf("%s: %d questions for three requests of one user", where, n)
		}
		visits := s.take()
		own := map[string]bool{}
		for _, v := range visits {
			own[v.conn] = true
		}
		if len(own) > 4 {
			t.Errorf("%s: %d connections of three users", where, len(own))
		}
		if where == "tunnel" { // the users for which the connections to the origin were opened
			seen := map[string]int{}
			for range len(logins) {
				seen[<-logins]++
			}
			if seen["alice"] != 1 || seen["bob"] != 1 || seen["carol"] != 1 {
				t.Errorf("tunnels %v, want one of each user", seen)
			}
		}
		requirement.Held(t, "unit:source_by_context", "CONN-3")
	}
}

// With an identity no question is repeated: the name says that it is one user.
func TestIdentityIsNotAskedAgain(t *testing.T) {
	bound, client := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	s := newSite(t, hello, nil, bound)
	for _, identity := range []string{"", "alice"} {
		var asked atomic.Int32
		c := newClient(t, func(c *nethttp.ClientConfig) { c.Source = byContext(&asked) }, client)
		for range 4 {
			if status, body := getAs(t, c, nethttp.ActAs(t.Context(), identity), "alice", s.URL); status != 200 {
				t.Errorf("%d %q", status, body)
			}
		}
		if got, want := asked.Load(), map[string]int32{"": 4, "alice": 1}[identity]; got != want {
			t.Errorf("identity %q: %d questions for four requests, want %d", identity, got, want)
		}
		requirement.Held(t, "unit:source_by_context", "CONN-3")
	}
}

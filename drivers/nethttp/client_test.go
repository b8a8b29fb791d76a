package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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

// Every scheme authenticates, and a second request takes as many messages as its scheme
// needs.
func TestClientSchemes(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	basicServer, basicClient := basicPair()
	two, twoClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	three, threeClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 3})
	mutual, mutualClient := toyScheme(scheme.Negotiate, gsstoy.Toy{Legs: 1, Final: true, Mutual: true})
	for _, c := range []struct {
		name          string
		server        scheme.Server
		client        scheme.Client
		first, second int // requests
	}{
		{"Basic", basicServer, basicClient, 2, 1},
		{"Digest", digestServer, digestClient, 2, 1},
		{"two legs", two, twoClient, 3, 1},
		{"three legs", three, threeClient, 4, 1},
		{"mutual", mutual, mutualClient, 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, hello, nil, c.server)
			client := newClient(t, nil, c.client)
			for i, want := range []int{c.first, c.second} {
				r, body := get(t, client, "", s.URL)
				if r.StatusCode != 200 || body != "hello alice" {
					t.Fatalf("request %d: %d %q", i+1, r.StatusCode, body)
				}
				d, ok := nethttp.Delivered(r)
				if !ok || !d.Authenticated {
					t.Errorf("request %d: not delivered as authenticated", i+1)
				}
				vs := s.take()
				if len(vs) != want {
					t.Errorf("request %d took %d requests, want %d", i+1, len(vs), want)
				}
				if conns(vs) != 1 {
					t.Errorf("request %d used %d connections", i+1, conns(vs))
				}
			}
		})
	}
}

// A wrong password results in a typed fault, after as many attempts as the policy
// allows.
func TestClientWrongPassword(t *testing.T) {
	server, client := digestPair(t)
	s := newSite(t, hello, nil, server)
	var asked atomic.Int32
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Source = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
			if need, ok := q.(gss.NeedCredential); ok {
				asked.Add(1)
				if need.Rejected != (need.Attempt > 0) {
					t.Errorf("attempt %d rejected=%t", need.Attempt, need.Rejected)
				}
				return gss.Password{User: "alice", Password: gss.NewSecret("looking-glass")}
			}
			return gss.Declined{}
		})
	}, client)
	_, err := do(c, "", "GET", s.URL, nil)
	e := wantFault(t, err, gss.Refused)
	if e.Status != 401 || e.Side != gss.Origin || e.Tried != scheme.Digest || e.Err != nil {
		t.Errorf("error %+v", e)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	if strings.Contains(err.Error(), "looking-glass") {
		t.Errorf("the error shows the password: %v", err)
	}
}

// Identities never mix, however many requests run at once (HTA-9).
func TestClientIdentitiesNeverCross(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	bound, boundClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	for name, c := range map[string]struct {
		server scheme.Server
		client scheme.Client
	}{"Digest": {digestServer, digestClient}, "bound": {bound, boundClient}} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			owner := map[string]string{}
			s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
				id, _ := nethttp.IdentityFrom(r.Context())
				mu.Lock()
				if o, ok := owner[r.RemoteAddr]; ok && o != id.Info.Peer {
					t.Errorf("a connection of %s served %s", o, id.Info.Peer)
				}
				owner[r.RemoteAddr] = id.Info.Peer
				mu.Unlock()
				hello(w, r)
			}, nil, c.server)
			client := newClient(t, nil, c.client)
			var wg sync.WaitGroup
			for person := range people {
				for range 4 {
					wg.Go(func() {
						for range 10 {
							r, err := do(client, person, "POST", s.URL, strings.NewReader("!"))
							if err != nil {
								t.Error(err)
								return
							}
							b, _ := io.ReadAll(r.Body)
							r.Body.Close()
							if want := "hello " + person + "!"; string(b) != want {
								t.Errorf("got %q, want %q", b, want)
							}
						}
					})
				}
			}
			wg.Wait()
			if len(owner) == 0 {
				t.Error("the handler never ran")
			}
		})
	}
}

// V14: an exchange with endless challenges ends with a reason.
func TestClientEndlessChallenges(t *testing.T) {
	_, client := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	for challenge, want := range map[string][]gss.Code{
		"NTLM":                       {gss.Refused, gss.LimitExceeded, gss.NotPermitted},
		"NTLM dG95L05UTE06YzE=":      {gss.Unexpected, gss.LimitExceeded, gss.Refused, gss.Malformed},
		"NTLM, NTLM dG95":            {gss.Unexpected, gss.LimitExceeded, gss.Refused, gss.Malformed},
		"Bearer realm=\"elsewhere\"": {gss.Unsupported},
		"":                           {gss.Unsupported},
	} {
		t.Run(challenge, func(t *testing.T) {
			s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(401)
			}), nil)
			_, err := do(newClient(t, nil, client), "", "GET", s.URL, nil)
			e, ok := errors.AsType[*drive.Error](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			found := false
			for _, code := range want {
				found = found || e.Fault.Code == code
			}
			if !found {
				t.Errorf("fault %v, want one of %v", e.Fault, want)
			}
			if n := len(s.take()); n > 12 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// Endless Digest challenges, each with a new nonce and stale=true, reach the bound.
func TestClientEndlessStale(t *testing.T) {
	_, client := digestPair(t)
	var n atomic.Int32
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="n%d", qop="auth", algorithm=SHA-256, stale=true`, n.Add(1)))
		w.WriteHeader(401)
	}), nil)
	_, err := do(newClient(t, nil, client), "", "GET", s.URL, nil)
	if _, ok := errors.AsType[*drive.Error](err); !ok {
		t.Fatalf("error %v", err)
	}
	if n := n.Load(); n < 2 || n > 8+2 {
		t.Errorf("%d requests", n)
	}
}

// V17: a redirect to another origin takes no credentials along.
func TestClientRedirectTakesNoCredentials(t *testing.T) {
	server, client := digestPair(t)
	_, basic := basicPair()
	var leaked atomic.Bool
	other := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		w.Header().Add("WWW-Authenticate", `Digest realm="r", nonce="n"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="r"`)
		w.WriteHeader(401)
	}), nil)
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }, nil, server)
	login, err := answer.For(s.URL, "alice", people["alice"])
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Source = login
		c.Machine.Policy.Fallback = true
	}, client, basic)
	_, err = do(c, "", "GET", s.URL, nil)
	wantFault(t, err, gss.NoCredentials)
	if leaked.Load() || len(other.take()) == 0 {
		t.Errorf("leaked %t", leaked.Load())
	}
}

// An Authorization field set by the application is sent unchanged, and so is the
// response.
func TestClientPassesAuthorizationThrough(t *testing.T) {
	server, client := digestPair(t)
	s := newSite(t, hello, nil, server)
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Source = answer.Func(func(context.Context, gss.Question) gss.Answer {
			t.Error("asked for credentials")
			return gss.Declined{}
		})
	}, client)
	var got atomic.Value
	open := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.Store(r.Header.Get("Authorization")) }), nil)
	for _, url := range []string{s.URL, open.URL} {
		r, _ := http.NewRequest("GET", url, nil)
		r.Header.Set("Authorization", "Bearer of.good.news")
		response, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text(t, response)
		if url == s.URL && (response.StatusCode != 401 || !strings.Contains(response.Header.Get("WWW-Authenticate"), "Digest")) {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	if got.Load() != "Bearer of.good.news" {
		t.Errorf("the server got %q", got.Load())
	}
	if vs := s.take(); len(vs) != 1 {
		t.Errorf("%d requests", len(vs))
	}
}

// Replaying the steps that an observer sees gives the same actions.
func TestClientObserver(t *testing.T) {
	bound, boundClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	s := newSite(t, hello, nil, bound)
	type step struct {
		env gss.Env
		e   machine.Event
		a   machine.Actions
	}
	var mu sync.Mutex
	steps := map[uint64][]step{}
	cfg := machine.ClientConfig{Schemes: []scheme.Client{boundClient}}
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Machine = cfg
		c.Observer = func(id uint64, env gss.Env, e machine.Event, a machine.Actions) {
			mu.Lock()
			defer mu.Unlock()
			steps[id] = append(steps[id], step{env, e, a})
		}
	})
	for _, person := range []string{"alice", "alice", "bob"} {
		get(t, c, person, s.URL)
	}
	if len(steps) != 2 {
		t.Fatalf("%d machines, want one for each identity", len(steps))
	}
	fresh, err := machine.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for id, all := range steps {
		m := fresh
		for i, st := range all {
			next, acts, err := m.Step(st.env, st.e)
			if err != nil {
				t.Fatal(err)
			}
			if acts != st.a {
				t.Fatalf("machine %d step %d: replayed %v, was %v", id, i, acts, st.a)
			}
			m = next
		}
	}
}

// A proof over the content is verified, and the content still arrives.
func TestClientAuthInt(t *testing.T) {
	server, client := digestPair(t, digest.AuthInt)
	s := newSite(t, hello, nil, server)
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Base = &http.Transport{DisableCompression: true}
	}, client)
	for _, body := range []string{"", "a body"} {
		r, err := do(c, "", "POST", s.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, r); got != "hello alice"+body {
			t.Errorf("got %q", got)
		}
		if d, _ := nethttp.Delivered(r); !d.Authenticated {
			t.Error("not authenticated")
		}
	}
	_, err := do(c, "", "POST", s.URL, once{strings.NewReader("a body that is read once")})
	wantFault(t, err, gss.QuestionFailed)
}

// NewTransport returns an error for a wrong configuration.
func TestNewTransportRefuses(t *testing.T) {
	for name, c := range map[string]nethttp.ClientConfig{
		"a nil scheme":        {Machine: machine.ClientConfig{Schemes: []scheme.Client{nil}}},
		"a custom TLS dialer": {Base: &http.Transport{DialTLSContext: (&http.Transport{}).DialContext}},
	} {
		if name == "a custom TLS dialer" {
			c.Base.DialTLSContext = dialNothing
		}
		if tr, err := nethttp.NewTransport(c); err == nil || tr != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

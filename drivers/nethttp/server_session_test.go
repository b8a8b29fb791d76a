package nethttp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// negotiateOnce is Negotiate with a mechanism of one leg, as Kerberos has one, and its credentials.
func negotiateOnce(user string) (scheme.Server, string) {
	toy := gsstoy.Toy{Legs: 1, Secret: gss.NewSecret("secret")}
	return scheme.NegotiateServer(toy), "Negotiate " + base64.StdEncoding.EncodeToString([]byte("toy:i1:u="+user+":p=secret"))
}

// sessionPage names the user of the request and the scheme, and logs out at /logout.
func sessionPage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/logout" {
		if err := nethttp.Logout(r.Context()); err != nil {
			http.Error(w, "the session may still be used", http.StatusServiceUnavailable)
			return
		}
	}
	id, _ := nethttp.IdentityFrom(r.Context())
	fmt.Fprintf(w, "%s by %s, session %t", id.Name(), id.Scheme, id.Session != nil)
}

// cookieOf returns the cookie that a response sets, "" for none; it fails if there are two.
func cookieOf(t *testing.T, h http.Header) string {
	t.Helper()
	all := h["Set-Cookie"]
	if len(all) > 1 {
		t.Errorf("%d cookies", len(all))
	}
	line, _, _ := strings.Cut(strings.Join(all, ""), ";")
	return line
}

// With a session the second request has no Authorization field, gets 200 and costs no exchange,
// over HTTP/1.1 and over HTTP/2, where Negotiate is an exchange for each request otherwise. After a
// logout a copy of the cookie is refused.
func TestSession(t *testing.T) {
	server, credentials := negotiateOnce("alice")
	for _, h2 := range []bool{false, true} {
		var mu sync.Mutex
		exchanges := 0
		conf := nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{server}}, Session: &session.Config{Store: new(session.Memory)}}
		conf.Observer = func(_ uint64, _ gss.Env, e machine.Event, _ machine.Actions) {
			mu.Lock()
			defer mu.Unlock()
			if r, ok := e.(machine.Received); ok && r.Header.Authorization.Present() {
				exchanges++
			}
		}
		a, err := nethttp.NewAuthenticator(conf)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(a.Wrap(http.HandlerFunc(sessionPage)))
		s.EnableHTTP2 = h2
		s.Config.ConnContext = a.ConnContext
		s.StartTLS()
		t.Cleanup(s.Close)
		ask := func(path, field, value string) (*http.Response, string) {
			t.Helper()
			r, err := http.NewRequest("GET", s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(field, value)
			res, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.ProtoMajor == 2 != h2 {
				t.Fatalf("%s, %v", res.Proto, err)
			}
			return res, fmt.Sprint(res.StatusCode, " ", strings.TrimSpace(string(body)))
		}
		want := func(res *http.Response, got, text string, challenged bool) {
			t.Helper()
			if got != text || (res.Header.Get("WWW-Authenticate") != "") != challenged {
				t.Errorf("HTTP/2 %t: %q, challenge %q; want %q", h2, got, res.Header["Www-Authenticate"], text)
			}
		}
		res, got := ask("/", "X", "")
		want(res, got, "401 Unauthorized", true)
		res, got = ask("/", "Authorization", credentials)
		want(res, got, "200 alice by Negotiate, session false", false)
		c := cookieOf(t, res.Header)
		for range 3 {
			res, got = ask("/", "Cookie", c)
			want(res, got, "200 alice by Negotiate, session true", false)
		}
		if exchanges != 1 {
			t.Errorf("HTTP/2 %t: %d exchanges", h2, exchanges)
		}
		res, got = ask("/logout", "Cookie", c)
		want(res, got, "200 alice by Negotiate, session true", false)
		if left := cookieOf(t, res.Header); left != "__Host-countersign=" {
			t.Errorf("after the logout the cookie is %q", left)
		}
		res, got = ask("/", "Cookie", c)
		want(res, got, "401 Unauthorized", true)
		requirement.Held(t, "unit:second_request_by_cookie", "SESS-1", "SESS-6")
	}
}

// A session is for a client, and an identity of NTLM for its connection: a cookie logs in on another
// connection, takes the place of the connection's identity, and a logout ends both.
func TestSessionAndConnection(t *testing.T) {
	conf := toyConfig()
	conf.Session = &session.Config{Insecure: true, Store: new(session.Memory)}
	addr := start(t, conf, sessionPage)
	login := func(user string) (*wire, string) {
		t.Helper()
		c := dialWire(t, addr)
		c.do("GET", "/", first(user)).want(t, 401, "")
		r := c.do("GET", "/", second(user))
		r.want(t, 200, user+" by NTLM, session false")
		return c, "Cookie: " + cookieOf(t, r.Header)
	}
	c, cookie := login("alice")
	c.do("GET", "/").want(t, 200, "alice by NTLM, session false")
	dialWire(t, addr).do("GET", "/", cookie).want(t, 200, "alice by NTLM, session true")
	other, _ := login("bob")
	other.do("GET", "/", cookie).want(t, 200, "alice by NTLM, session true")
	other.do("GET", "/").want(t, 401, "")

	r := c.do("GET", "/logout") // without a cookie: the connection's identity
	r.want(t, 200, "alice by NTLM, session false")
	if r.Header.Get("Persistent-Auth") != "" || cookieOf(t, r.Header) != "countersign=" {
		t.Errorf("a logout: %v", r.Header)
	}
	c.do("GET", "/").want(t, 401, "")
	c.do("GET", "/", cookie).want(t, 200, "alice by NTLM, session true") // another session than what was logged out
	c = dialWire(t, addr)
	c.do("GET", "/", first("alice")).want(t, 401, "")
	r = c.do("GET", "/logout", second("alice"))
	if r.Header.Get("Persistent-Auth") != "" || cookieOf(t, r.Header) != "countersign=" {
		t.Errorf("a logout of the login: %v", r.Header)
	}
	c.do("GET", "/").want(t, 401, "")
	requirement.Held(t, "unit:session_and_connection", "SESS-1", "SESS-6")
}

// A session is set on the response that is sent, once, whatever sends it; not on a 401.
func TestSessionOfLateResponses(t *testing.T) {
	server, credentials := negotiateOnce("alice")
	line := "Authorization: " + credentials
	conf := nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{server}}, Session: &session.Config{Insecure: true}}
	var status int
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic(http.ErrAbortHandler)
		case "/forged":
			w.Header()["Set-Cookie"] = []string{"a=b", "countersign=forged"}
		case "/logout":
			nethttp.Logout(r.Context())
		}
	}
	a, err := nethttp.NewAuthenticator(conf)
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, http.HandlerFunc(func(outer http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(outer, "recovered", http.StatusInternalServerError)
			}
		}()
		var inner http.ResponseWriter
		a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner = w; handler(w, r) })).ServeHTTP(outer, r)
		if inner != nil && status != 0 {
			inner.WriteHeader(status)
		}
	}), func(s *http.Server) { s.ConnContext = a.ConnContext })
	for _, row := range []struct {
		path   string
		status int
		want   string
	}{
		{"/", 0, "sealed"}, {"/", 404, "sealed"}, {"/", 401, ""}, {"/panic", 0, "sealed"}, {"/forged", 0, "a=b sealed"}, {"/forged", 500, "a=b sealed"},
		{"/logout", 0, "removed"}, {"/logout", 404, "removed"}, {"/logout", 401, "removed"},
	} {
		status = row.status
		r := dialWire(t, addr).do("GET", row.path, line)
		var got []string
		for _, c := range r.Cookies() {
			switch {
			case c.Name != "countersign":
				got = append(got, c.Name+"="+c.Value)
			case c.MaxAge < 0:
				got = append(got, "removed")
			case len(c.Value) > 40:
				got = append(got, "sealed")
			default:
				got = append(got, c.Value)
			}
		}
		if text := strings.Join(got, " "); text != row.want {
			t.Errorf("%s, then %d: %q, want %q (status %d)", row.path, row.status, text, row.want, r.StatusCode)
		}
	}
	requirement.Held(t, "unit:session_of_late_responses", "SESS-1")
}

// fullStore is a Store that takes no session.
type fullStore struct{ session.Memory }

var errFull = errors.New("the store of sessions at redis.example is full")

func (*fullStore) Begin(context.Context, session.ID, string, int64, int64) error { return errFull }

// A login whose session does not begin is one without a session, and the log hears why.
func TestLogsHearSessions(t *testing.T) {
	server, credentials := negotiateOnce("alice")
	var last lastResult
	conf := nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{server}}, Session: &session.Config{Insecure: true, Store: new(fullStore)}, Log: last.log}
	r := dialWire(t, start(t, conf, sessionPage)).do("GET", "/", "Authorization: "+credentials)
	r.want(t, 200, "alice by Negotiate, session false")
	if err := last.get().Err; !errors.Is(err, errFull) || cookieOf(t, r.Header) != "" {
		t.Errorf("cookie %q, error %v; want none, and that of the store", cookieOf(t, r.Header), err)
	}
}

package nethttp_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// finalConfig has a mechanism with a final token.
func finalConfig() nethttp.ServerConfig {
	conf := toyConfig()
	final := toy
	final.Final, final.Mutual = true, true
	conf.Auth.Schemes = []scheme.Server{toyServer(final)}
	return conf
}

// finalToken is the field of a response that completes a handshake of alice.
const finalToken = "NTLM dG95OmY6dT1hbGljZTpwPXNlY3JldA=="

// fieldsOf returns the machine's fields in a response.
func fieldsOf(r reply) [2]string {
	return [2]string{strings.Join(r.Header.Values("WWW-Authenticate"), ","), strings.Join(r.Header.Values("Persistent-Auth"), ",")}
}

// A framework that sends its response after the handler has returned, as echo does for
// errors, sends its own status, with the machine's fields for that (FRONT-9).
func TestLateResponses(t *testing.T) {
	final, challenge := [2]string{finalToken, "true"}, [2]string{"NTLM"}
	inner := func(w, _ http.ResponseWriter, status int) { w.WriteHeader(status) }
	for name, row := range map[string]struct {
		status int // 0: none is sent
		send   func(inner, outer http.ResponseWriter, status int)
		want   [2]string
		kept   bool
	}{
		"nothing":      {want: final, kept: true},
		"200":          {200, inner, final, true},
		"404":          {404, inner, final, true},
		"500":          {500, inner, final, true},
		"401":          {401, inner, challenge, false},
		"content":      {200, func(w, _ http.ResponseWriter, _ int) { io.WriteString(w, "x") }, final, true},
		"flush":        {200, func(w, _ http.ResponseWriter, _ int) { w.(http.Flusher).Flush() }, final, true},
		"hints before": {404, func(w, _ http.ResponseWriter, status int) { w.WriteHeader(103); w.WriteHeader(status) }, final, true},
		"forged": {404, func(w, _ http.ResponseWriter, status int) {
			w.Header().Set("WWW-Authenticate", "NTLM eA==")
			w.WriteHeader(status)
		}, final, true},
		"a writer not seen": {404, func(_, w http.ResponseWriter, status int) { w.WriteHeader(status) }, final, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := nethttp.NewAuthenticator(finalConfig())
			if err != nil {
				t.Fatal(err)
			}
			addr := serve(t, http.HandlerFunc(func(outer http.ResponseWriter, r *http.Request) {
				var inner http.ResponseWriter
				a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { inner = w })).ServeHTTP(outer, r)
				if row.send != nil && inner != nil && r.URL.Path == "/late" {
					row.send(inner, outer, row.status)
				}
			}), func(s *http.Server) { s.ConnContext = a.ConnContext })
			c := dialWire(t, addr)
			c.do("GET", "/late", first("alice")).want(t, 401, "")
			r := c.do("GET", "/late", second("alice"))
			for r.StatusCode < 200 {
				r = c.read("GET")
			}
			want := row.status
			if want == 0 {
				want = 200
			}
			r.want(t, want, "")
			if got := fieldsOf(r); got != row.want {
				t.Errorf("the fields are %q, want %q", got, row.want)
			}
			r = c.do("GET", "/") // the machine was told of the response that was sent
			if kept := r.StatusCode == 200; kept != row.kept {
				t.Errorf("the next request has status %d; the identity is kept: %t, want %t", r.StatusCode, kept, row.kept)
			}
			if kept := fieldsOf(r); row.kept && kept != [2]string{} {
				t.Errorf("the next response has the fields %q", kept)
			}
			requirement.Held(t, "unit:late_response", "FRONT-9")
		})
	}
}

// The handler's writer, kept beyond its request, changes nothing for the next.
func TestWriterOfAnEndedRequest(t *testing.T) {
	a, err := nethttp.NewAuthenticator(finalConfig())
	if err != nil {
		t.Fatal(err)
	}
	var old http.ResponseWriter
	addr := serve(t, http.HandlerFunc(func(outer http.ResponseWriter, r *http.Request) {
		a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if r.URL.Path == "/keep" {
				old = w
				return
			}
			old.WriteHeader(401)
			w.WriteHeader(404)
		})).ServeHTTP(outer, r)
	}), func(s *http.Server) { s.ConnContext, s.ErrorLog = a.ConnContext, log.New(io.Discard, "", 0) })
	c := dialWire(t, addr)
	c.do("GET", "/keep", first("alice")).want(t, 401, "")
	c.do("GET", "/keep", second("alice")).want(t, 200, "")
	for range 2 {
		r := c.do("GET", "/")
		r.want(t, 404, "")
		if got := fieldsOf(r); got != [2]string{} {
			t.Errorf("the fields are %q, want none", got)
		}
	}
}

// After a panic of the handler a response that a framework sends in its place is as
// authentic as any other, and the connection's identity is dropped.
func TestRecoveredPanicIsAuthentic(t *testing.T) {
	a, err := nethttp.NewAuthenticator(finalConfig())
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int][2]string{500: {finalToken, "true"}, 401: {}} {
		for _, seen := range []bool{true, false} {
			if status == 401 && !seen {
				continue
			}
			addr := serve(t, http.HandlerFunc(func(outer http.ResponseWriter, r *http.Request) {
				send := outer
				defer func() {
					if recover() != nil {
						send.WriteHeader(status)
					}
				}()
				a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if seen {
						send = w
					}
					panic("handler")
				})).ServeHTTP(outer, r)
			}), func(s *http.Server) { s.ConnContext = a.ConnContext })
			c := dialWire(t, addr)
			c.do("GET", "/", first("alice")).want(t, 401, "")
			r := c.do("GET", "/", second("alice"))
			r.want(t, status, "")
			if got := fieldsOf(r); got != want {
				t.Errorf("%d, through our writer %t: the fields are %q, want %q", status, seen, got, want)
			}
			c.do("GET", "/").want(t, 401, "")
			requirement.Held(t, "unit:recovered_panic", "FRONT-9")
		}
	}
}

// With auth-int a response that is sent late has no proof, since its content is not known
// when the handler returns; without content the proof is that of none.
func TestLateResponseWithAuthInt(t *testing.T) {
	a, err := nethttp.NewAuthenticator(digestConfig(t, digest.AuthInt))
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, http.HandlerFunc(func(outer http.ResponseWriter, r *http.Request) {
		var inner http.ResponseWriter
		a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { inner = w })).ServeHTTP(outer, r)
		if inner != nil && r.URL.Path == "/late" {
			http.Error(inner, "late", http.StatusTeapot)
		}
	}), nil)
	for uri, want := range map[string]int{"/": 200, "/late": 418} {
		c := dialWire(t, addr)
		r := c.do("GET", uri, digestOf(t, "", c.do("GET", uri), "GET", uri, "alice", "secret", "", nil))
		r.want(t, want, "")
		_, proven := header.ParseInfo(r.Header.Values("Authentication-Info")...).Param("rspauth")
		if proven != (want == 200) {
			t.Errorf("%s: status %d, rspauth %t", uri, r.StatusCode, proven)
		}
	}
}

// Begin, Finish and End do without a wrapped writer what Wrap does (FRONT-9).
func TestVisit(t *testing.T) {
	conf := finalConfig()
	var last lastResult
	conf.Log = last.log
	a, err := nethttp.NewAuthenticator(conf)
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(500)
			}
		}()
		v := a.Begin(w, r)
		defer v.End()
		if v.Refused() {
			if v.Request() != nil || v.Status() != 401 {
				t.Errorf("refused: request %v, status %d", v.Request(), v.Status())
			}
			v.Finish(200) // no response but the refusal
			v.Refuse()
			return
		}
		v.Refuse() // nothing to refuse
		again := a.Begin(w, v.Request())
		if again.Refused() || again.Request() != v.Request() {
			t.Error("a request that was passed on is judged again")
		}
		again.Finish(401)
		again.End()
		w.Header().Set("WWW-Authenticate", "NTLM eA==")
		v.Finish(103)
		switch r.URL.Path {
		case "/panic":
			panic("handler")
		case "/401":
			v.Finish(401)
			v.Finish(200)
			w.WriteHeader(401)
		default:
			v.Finish(404)
			w.WriteHeader(404)
			whoami(w, v.Request())
		}
		if v.Status() == 0 {
			t.Error("no status after Finish")
		}
		v.End() // as the deferred one, which counts no more
	}), func(s *http.Server) { a.Install(s) })
	for _, row := range []struct {
		path   string
		status int
		want   [2]string
		kept   bool
	}{
		{"/", 404, [2]string{finalToken, "true"}, true},
		{"/401", 401, [2]string{"NTLM"}, false},
		{"/panic", 500, [2]string{"NTLM eA=="}, false},
	} {
		c := dialWire(t, addr)
		c.do("GET", row.path, first("alice")).want(t, 401, "Unauthorized")
		r := c.do("GET", row.path, second("alice"))
		r.want(t, row.status, "")
		if got := fieldsOf(r); got != row.want {
			t.Errorf("%s: the fields are %q, want %q", row.path, got, row.want)
		}
		if row.path == "/" && r.body != "alice by NTLM" {
			t.Errorf("the handler saw %q", r.body)
		}
		if got := last.get().Status; row.path != "/panic" && got != row.status {
			t.Errorf("%s: logged %d", row.path, got)
		}
		r = c.do("GET", "/")
		if kept := r.StatusCode == 404; kept != row.kept {
			t.Errorf("%s: the next request has status %d; the identity is kept: %t, want %t", row.path, r.StatusCode, kept, row.kept)
		}
		requirement.Held(t, "unit:visit", "FRONT-9")
	}
	for name, none := range map[string]*nethttp.Authenticator{"nil": nil, "zero": {}} {
		w := httptest.NewRecorder()
		v := none.Begin(w, httptest.NewRequest("GET", "/", nil))
		v.Refuse()
		v.End()
		if !v.Refused() || w.Code != 500 {
			t.Errorf("%s Authenticator: refused %t, status %d", name, v.Refused(), w.Code)
		}
	}
}

// An Authenticator that cannot offer a configured scheme, since the server was not
// prepared for it, says so once.
func TestNotInstalledIsSaid(t *testing.T) {
	for name, row := range map[string]struct {
		conf    nethttp.ServerConfig
		install bool
		want    int
	}{
		"bound":     {toyConfig(), false, 1},
		"installed": {toyConfig(), true, 0},
		"unbound":   {digestConfig(t), false, 0},
	} {
		a, err := nethttp.NewAuthenticator(row.conf)
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		addr := serve(t, a.Wrap(http.HandlerFunc(whoami)), func(s *http.Server) {
			s.ErrorLog = log.New(&said, "", 0)
			if row.install {
				a.Install(s)
			}
		})
		for range 3 {
			dialWire(t, addr).do("GET", "/")
		}
		if got := strings.Count(said.String(), "Authenticator.Install"); got != row.want {
			t.Errorf("%s: said %d times, want %d: %q", name, got, row.want, said.String())
		}
	}
}

// Frameworks assert http.CloseNotifier, which tells that the client has gone.
func TestCloseNotify(t *testing.T) {
	gone := make(chan bool, 1)
	addr := start(t, digestConfig(t), func(w http.ResponseWriter, _ *http.Request) {
		n, ok := w.(interface{ CloseNotify() <-chan bool })
		if !ok {
			t.Error("no CloseNotify")
			gone <- false
			return
		}
		http.NewResponseController(w).Flush()
		gone <- <-n.CloseNotify()
	})
	c := dialWire(t, addr)
	line := digestOf(t, "", c.do("GET", "/"), "GET", "/", "alice", "secret", "", nil)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n"+line+"\r\n\r\n")
	c.r.Peek(1)
	c.Close()
	if !<-gone {
		t.Error("not told that the client has gone")
	}
}

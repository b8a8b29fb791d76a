package nethttp_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// With DeliverRefused the last challenge is a response with its page, and its connection is used again.
func TestClientDeliversWhatWasRefused(t *testing.T) {
	_, digestClient := digestPair(t)
	deliver := func(c *nethttp.ClientConfig) { c.DeliverRefused, c.MaxDrain = true, 4096 }
	for _, challenges := range [][]string{{`Digest realm="r", nonce="n"`}, {"Bearer"}, {`Digest realm="r" nonce="n"`}, nil} {
		s := challenger(t, 401, challenges...)
		r, err := do(newClient(t, deliver, digestClient), "", "GET", s.URL, nil)
		if err != nil {
			t.Errorf("%q: %v", challenges, err)
			continue
		}
		page, err := io.ReadAll(r.Body)
		r.Body.Close()
		why, ok := nethttp.Refusal(r)
		if d, _ := nethttp.Delivered(r); r.StatusCode != 401 || string(page) != "page of the 401" || err != nil || !ok || why.Status != 401 || d.Authenticated {
			t.Errorf("%q: %d %q, %v, %v", challenges, r.StatusCode, page, err, why)
		}
	}

	s := challenger(t, 407, `Digest realm="r", nonce="n"`)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, func(c *nethttp.ClientConfig) { deliver(c); c.Proxy = http.ProxyURL(u) }, digestClient)
	if r, page := get(t, c, "", "http://origin.example/"); r.StatusCode != 407 || page != "page of the 407" {
		t.Errorf("proxy: %d %q", r.StatusCode, page)
	}
	if _, err := do(c, "", "GET", "https://origin.example/", nil); err == nil { // the origin did not say it
		t.Error("the page of a proxy that opens no tunnel was delivered")
	}

	var conns atomic.Int32
	long := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(401)
		io.WriteString(w, strings.Repeat("x", len(r.URL.Path)*len(r.URL.Path)))
	}))
	long.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	long.Start()
	defer long.Close()
	c = newClient(t, deliver, digestClient)
	for range 3 {
		get(t, c, "", long.URL+"/short")
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections, want 1", conns.Load())
	}
	r, err := do(c, "", "GET", long.URL+"/"+strings.Repeat("l", 200), nil)
	if err != nil {
		t.Fatal(err)
	}
	if page, err := io.ReadAll(r.Body); err != io.ErrUnexpectedEOF || len(page) > 4097 {
		t.Errorf("a page beyond the bound: %d bytes, %v", len(page), err)
	}

	_, unproven := toyScheme(scheme.Negotiate, gsstoy.Toy{Legs: 1, Mutual: true, Final: true})
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", "Negotiate")
			w.WriteHeader(401)
		}
	}))
	defer fake.Close()
	if _, err := do(newClient(t, deliver, unproven), "", "GET", fake.URL, nil); err == nil {
		t.Error("a response without the server's proof was delivered")
	} else {
		wantFault(t, err, gss.NotAuthentic)
	}
	requirement.Held(t, "unit:client_delivers_refused", "LEG-5")
}

// Cookies that a 401 sets go with the next leg if there is a jar, and only then.
func TestClientCookiesOfChallenges(t *testing.T) {
	server, digestClient := digestPair(t)
	for _, with := range []bool{true, false} {
		var got []string
		s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header.Get("Cookie"))
			fmt.Fprint(w, "in")
		}, nil, server)
		handler := s.Config.Handler
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				http.SetCookie(w, &http.Cookie{Name: "node", Value: "7", Path: "/"})
				http.SetCookie(w, &http.Cookie{Name: "old", Value: "new", Path: "/"})
				http.SetCookie(w, &http.Cookie{Name: "gone", MaxAge: -1, Path: "/"})
			}
			handler.ServeHTTP(w, r)
		})
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, func(c *nethttp.ClientConfig) {
			if with {
				c.Jar = jar
			}
		}, digestClient)
		r, err := http.NewRequest("GET", s.URL+"/p", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "mine=1; old=old; gone=here")
		response, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		want := "mine=1; old=old; gone=here"
		if with {
			want = "mine=1; node=7; old=new"
		}
		if len(got) != 1 || got[0] != want || r.Header.Get("Cookie") != "mine=1; old=old; gone=here" {
			t.Errorf("jar %t: cookies %q, want %q", with, got, want)
		}
	}
	requirement.Held(t, "unit:client_cookies", "LEG-6")
}

package drivertest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/answer"
)

// The checks of what a request is: for which resource, and whether it may be a replay.

// notTargets are invalid request-targets (RFC 9112 section 3.2), by method. A second
// reader may take them for something else.
var notTargets = []struct{ method, target string }{
	{"GET", "https:/secret"}, {"GET", "x:/secret"}, {"GET", "http:/a://b/c"}, {"GET", "x:/public/y://h/admin"}, {"GET", "http:/public/a://b/admin/delete?all=1"},
	{"GET", "http:secret"}, {"GET", "http://"}, {"GET", "http:///secret"}, {"GET", "http://:80/"}, {"GET", "http://user@h/"}, {"GET", "http://u:p@h/secret"}, {"GET", "ftp://h/secret"},
	{"GET", "*"}, {"GET", "secret"}, {"GET", "/a#b"}, {"GET", "http://h/a#b"}, {"GET", "http://h:99999/"}, {"GET", "http://[::1/"}, {"GET", "/%zz"}, {"POST", "x:/secret"},
	{"CONNECT", "/secret"}, {"CONNECT", "h"}, {"CONNECT", "http://h:443/"}, {"OPTIONS", "*?q"},
}

func (k *kit) serverTargets() {
	var path atomic.Value
	s := k.serve(func(s *ServerSetup) {
		usual := s.Handler
		s.Handler = func(user string, w http.ResponseWriter, r *http.Request) {
			path.Store(r.URL.Path)
			usual(user, w, r)
		}
	}, basic())
	send := func(method, target string) outcome {
		c := k.dial(s.url, "alice", basic())
		defer c.close()
		c.to.URI = target
		// A server that attributes the request to a front server proves nothing, so that each
		// request has a connection of its own.
		_, o := c.exchange(method, "", "Authorization: Basic "+base64Of("alice:"+people["alice"]), "Connection: close")
		return o
	}
	for _, bad := range notTargets {
		if o := send(bad.method, bad.target); o.status != 400 {
			k.errorf("%s %s: %v, want 400", bad.method, bad.target, o)
		}
		if s.handled.Swap(0) != 0 {
			k.errorf("%s %s: the handler ran", bad.method, bad.target)
		}
	}
	for _, good := range []struct{ target, path string }{
		{"/a%20b?c=d", "/a b"}, {"/a://b/c", "/a://b/c"}, {"//host/path", "//host/path"}, {"http://h/p?q", "/p"}, {"HTTP://h/a://b/c", "/a://b/c"}, {"http://h:8080//d/e", "//d/e"},
	} {
		if o := send("GET", good.target); o.status != 200 {
			k.errorf("GET %s: %v, want 200", good.target, o)
		} else if got, _ := path.Load().(string); got != good.path {
			k.errorf("GET %s: the handler saw the path %q, want %q", good.target, got, good.path)
		}
	}
	if o := send("GET", "https://h/p"); o.status != 421 && o.status != 400 {
		k.errorf("an https resource over a connection without TLS: %v, want 421", o)
	}
}

func (k *kit) serverTooEarly() {
	s := k.serve(func(s *ServerSetup) { s.Machine.Optional = true }, basic())
	rightly := "Authorization: Basic " + base64Of("alice:"+people["alice"])
	c := k.dial(s.url, "alice", basic())
	for _, early := range []struct{ method, fields string }{
		{"GET", rightly + "\r\nEarly-Data: 1"},
		{"GET", "Early-Data: 0\r\n" + rightly},
		{"GET", "Early-Data: 1\r\nEarly-Data: 1\r\n" + rightly},
		{"POST", "Early-Data: 1"},
		{"DELETE", "Early-Data: 1"},
	} {
		response, o := c.exchange(early.method, "", strings.Split(early.fields, "\r\n")...)
		if o.status != 425 {
			k.errorf("%s in early data, as a front says: %v, want 425", early.method, o)
		} else if response.Header.Get("WWW-Authenticate") != "" {
			k.errorf("%s in early data: the 425 carries a challenge", early.method)
		}
		if s.handled.Swap(0) != 0 {
			k.errorf("%s in early data: the handler ran", early.method)
		}
		if o.err != nil {
			return
		}
	}
	if _, o := c.exchange("GET", "", "Early-Data: 1"); !o.ok("", "") {
		k.errorf("a safe request without credentials, in early data, where anonymous is allowed: %v", o)
	}
	if _, o := c.exchange("GET", "", rightly); !o.ok("alice", "") {
		k.errorf("the same connection afterwards: %v", o)
	}
}

func (k *kit) clientTooEarly() {
	for _, method := range []string{"GET", "POST"} {
		var requests atomic.Int32
		s := k.raw(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch n := requests.Add(1); {
			case n == 1 || r.URL.Path == "/always":
				w.WriteHeader(425)
			default:
				fmt.Fprintf(w, "%d:%s", n, body)
			}
		})
		c := k.client(func(s *ClientSetup) { s.Source = answer.Chain() }, basic())
		body := ""
		if method == "POST" {
			body = "again"
		}
		if o := k.do(k.ctx, c, "", method, s.URL+"/once", strings.NewReader(body)); o.err != nil || o.status != 200 || o.body != "2:"+body {
			k.errorf("%s, one 425 and then 200: %v", method, o)
		}
		requests.Store(0)
		if o := k.do(k.ctx, c, "", method, s.URL+"/always", strings.NewReader(body)); o.err != nil || o.status != 425 {
			k.errorf("%s, nothing but 425: %v, want the second one delivered", method, o)
		}
		if n := requests.Load(); n != 2 {
			k.errorf("%s, nothing but 425: %d requests, want 2", method, n)
		}
	}
}

package nethttp_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

func digestConfig(t *testing.T, qops ...digest.QOP) nethttp.ServerConfig {
	return nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{digestScheme(t, qops...)}},
		Source: source(),
	}
}

func TestDigest(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	const uri = "/a/b%20c?x=1&y=%2f"
	line := digestOf(t, "", c.do("GET", uri), "GET", uri, "alice", "secret", "", nil)
	r := c.do("GET", uri, line)
	r.want(t, 200, "alice by Digest")
	if info := header.ParseInfo(r.Header.Values("Authentication-Info")...); !info.Present() || info.Malformed() {
		t.Error("no Authentication-Info with the server's proof")
	} else if _, ok := info.Param("rspauth"); !ok {
		t.Error("Authentication-Info without rspauth")
	}
	if r := c.do("GET", uri, line); r.StatusCode != 401 {
		t.Errorf("the same count again: %d, want 401", r.StatusCode)
	}
	line = digestOf(t, "", c.do("GET", uri), "GET", uri, "alice", "secret", "", nil)
	c.do("POST", uri, line).want(t, 401, "") // another method

	// The absolute form is the same resource (C29).
	line = digestOf(t, "", c.do("GET", "/p"), "GET", "/p", "alice", "secret", "", nil)
	c.do("GET", "http://origin.test/p", line).want(t, 200, "alice by Digest")
}

// V1: malformed credentials are refused.
func TestBrokenCredentials(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	for _, v := range []string{`Digest username="`, `Digest`, `Digest ,,,`, `Digest =`, ``, `,`, `Digest a=1, a=2`, "Digest \xff", `Digest nonce`, `Digest ` + strings.Repeat(`x=y,`, 5000)} {
		if r := c.do("GET", "/", "Authorization: "+v); r.StatusCode != 401 && r.StatusCode != 400 {
			t.Errorf("%.30q: status %d, want 401 or 400", v, r.StatusCode)
		}
	}
}

// V2: an empty HA1 never matches, whatever the user name.
func TestEmptyHashOpensNothing(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	for _, user := range []string{"carol", "", "alice"} {
		r := c.do("GET", "/")
		c.do("GET", "/", digestOf(t, "", r, "GET", "/", user, "", "", nil)).want(t, 401, "")
	}
}

// V3: the uri is the request's, whole.
func TestOtherURIIsRefused(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	const uri = "/secret/file?id=7"
	for _, other := range []string{"", "/", "/secret", "/secret/file", "/secret/", "/secret/file?id=70", "/SECRET/file?id=7", "//secret/file?id=7", "http://other.test" + uri, "https://origin.test" + uri} {
		r := c.do("GET", uri)
		line := digestOf(t, "", r, "GET", uri, "alice", "secret", "", func(p *digest.Params) { p.URI = other })
		if got := c.do("GET", uri, line); got.StatusCode != 401 && got.StatusCode != 400 {
			t.Errorf("uri=%q for %s: status %d", other, uri, got.StatusCode)
		}
	}
	line := digestOf(t, "", c.do("GET", uri), "GET", uri, "alice", "secret", "", nil)
	c.do("GET", uri, line).want(t, 200, "alice")
}

// With auth-int both bodies are covered by a proof: the handler reads the request's,
// the client verifies the response's.
func TestAuthInt(t *testing.T) {
	conf := digestConfig(t, digest.AuthInt)
	conf.MaxBody = 1000
	var last lastResult
	conf.Log = last.log
	addr := start(t, conf, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/stream" {
			io.WriteString(w, "part ")
			http.NewResponseController(w).Flush()
		}
		if r.URL.Path == "/large" {
			io.WriteString(w, strings.Repeat("x", 2000))
		}
		w.Write(body)
	})
	c := dialWire(t, addr)
	post := func(uri, signed, sent string) reply {
		t.Helper()
		line := digestOf(t, "", c.exchange("POST", uri, sent), "POST", uri, "alice", "secret", signed, nil)
		return c.exchange("POST", uri, sent, line)
	}
	rspauth := func(r reply) bool {
		_, ok := header.ParseInfo(r.Header.Values("Authentication-Info")...).Param("rspauth")
		return ok
	}
	r := post("/", "hello", "hello")
	r.want(t, 200, "hello")
	if !rspauth(r) {
		t.Error("no rspauth on a response that was held back")
	}
	if result := last.get(); result.Status != 200 || result.Identity.Info.Peer != "alice" {
		t.Errorf("logged %+v", result)
	}
	post("/", "hello", "jello").want(t, 401, "")
	long := strings.Repeat("y", 1001)
	post("/", long, long).want(t, 401, "")
	if got := last.get().Fault.Code; got != gss.QuestionFailed {
		t.Errorf("a body beyond MaxBody: %v, want %v", got, gss.QuestionFailed)
	}
	for _, uri := range []string{"/stream", "/large"} { // no proof after the header was sent
		r := post(uri, "hello", "hello")
		if r.StatusCode != 200 || !strings.HasSuffix(r.body, "hello") || rspauth(r) {
			t.Errorf("%s: status %d, %d bytes, rspauth %t; want 200, all of it, none", uri, r.StatusCode, len(r.body), rspauth(r))
		}
	}
	line := digestOf(t, "", c.do("HEAD", "/"), "HEAD", "/", "alice", "secret", "", nil)
	if r := c.do("HEAD", "/", line); r.StatusCode != 200 || !rspauth(r) {
		t.Errorf("HEAD: status %d, rspauth %t", r.StatusCode, rspauth(r))
	}
}

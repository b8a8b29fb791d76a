package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// echo answers with what it got, or with the status that the path names.
func echo(w http.ResponseWriter, r *http.Request) {
	var status int
	if fmt.Sscanf(r.URL.Path, "/status/%d", &status); status != 0 {
		w.WriteHeader(status)
	}
	if r.URL.Path == "/hang" {
		<-r.Context().Done()
		return
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s body=%s type=%s auth=%t", r.Method, r.Host, r.Header.Get("X-Test"), body, r.Header.Get("Content-Type"), r.Header.Get("Authorization") != "")
}

func TestGetCodes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	u := server.URL
	call(t, "", "get", u).want(t, 0, "GET", "")
	call(t, "", "get", u+"/status/302").want(t, 0, "GET", "")
	call(t, "", "get", u+"/status/404").want(t, exitStatus, "GET", "404 Not Found")
	call(t, "", "get", u+"/status/500").want(t, exitStatus, "GET", "500")
	call(t, "", "get", u+"/status/404", u).want(t, exitStatus, "GET", "404 Not Found")
	call(t, "", "get", u+"/hang", "--max-time", "0.05").want(t, exitTransport, "", "deadline")
	call(t, "", "get", "http://127.0.0.1:1").want(t, exitTransport, "", "refused")
	call(t, "", "get").want(t, exitUsage, "", "get --help")
	call(t, "", "get", "http://").want(t, exitUsage, "", "invalid URL")
	call(t, "", "get", "-u", ":secret", u).want(t, exitUsage, "", "NAME:PASSWORD")
	call(t, "", "get", "-U", "bob:pw", u).want(t, exitUsage, "", "needs --proxy")
	call(t, "", "get", "--scheme", "magic", u).want(t, exitUsage, "", "no scheme")
	call(t, "", "get", "-H", "nothing", u).want(t, exitUsage, "", "Name: value")
	call(t, "", "get", "-d", "@/does/not/exist", u).want(t, exitTransport, "", "exist")
	call(t, "", "get", "--cacert", "/does/not/exist", u).want(t, exitTransport, "", "exist")
	call(t, "", "get", "--cacert", file(t, "x", "no pem"), u).want(t, exitUsage, "", "no certificate")
}

func TestGetRequest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	u := server.URL
	call(t, "", "get", strings.TrimPrefix(u, "http://")).want(t, 0, "GET", "")
	call(t, "", "get", "-X", "PUT", "-d", "x", u).want(t, 0, "PUT", "")
	call(t, "", "get", "-d", "a=b", u).want(t, 0, "POST", "")
	call(t, "", "get", "-d", "a=b", u).want(t, 0, "body=a=b type=application/x-www-form-urlencoded", "")
	call(t, "", "get", "-d", "@"+file(t, "body", "from file"), u).want(t, 0, "body=from file", "")
	call(t, "from stdin", "get", "-d", "@-", u).want(t, 0, "body=from stdin", "")
	call(t, "", "get", "-H", "X-Test: yes", "-H", "Host: other.example", u).want(t, 0, "GET other.example yes", "")
	call(t, "", "get", "-I", u).want(t, 0, "HTTP/1.1 200 OK\r\n", "")
	// what is in the URL is a login, and no reason to send it unasked
	call(t, "", "get", strings.Replace(u, "http://", "http://alice:secret@", 1)).want(t, 0, "auth=false", "")
	out := filepath.Join(t.TempDir(), "out")
	if r := call(t, "", "get", "-o", out, u, u); r.code != 0 || r.stdout != "" {
		t.Errorf("-o: %+v", r)
	}
	if b, err := os.ReadFile(out); err != nil || strings.Count(string(b), "GET") != 2 {
		t.Errorf("-o wrote %q, %v", b, err)
	}
}

// TestGetVerbose: all URLs are one client's, and no password shows.
func TestGetVerbose(t *testing.T) {
	s := serve(t, "--scheme", "digest,basic", "--user", "alice:Canary-4711")
	r := call(t, "", "get", "-v", "-u", "alice:Canary-4711", s.url+"/one", s.url+"/two")
	r.want(t, 0, "hello alice via Digest\nhello alice via Digest\n", "> GET")
	for _, want := range []string{
		"> GET /one\n", "< 401 Unauthorized\n", "< WWW-Authenticate: Digest realm=", "< WWW-Authenticate: Basic realm=",
		"* Digest needs credentials for the origin", "nc=00000001", "* authenticated\n",
		"> GET /two\n", "nc=00000002", "< Authentication-Info: ",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("-v lacks %q:\n%s", want, r.stderr)
		}
	}
	if n := strings.Count(r.stderr, "< 401"); n != 1 {
		t.Errorf("%d challenges, want one", n)
	}
	r = call(t, "", "get", "-v", "--scheme", "basic", "--allow-cleartext", "-u", "alice:Canary-4711", s.url)
	if !strings.Contains(r.stderr, "> Authorization: Basic ***\n") || strings.Contains(r.stderr, "Canary") || strings.Contains(r.stderr, "YWxpY2U6") {
		t.Errorf("Basic with -v:\n%s", r.stderr)
	}
	r = call(t, "", "get", "-v", "--scheme", "basic", "-u", "alice:Canary-4711", s.url)
	r.want(t, exitPolicy, "", "not permitted by policy")
	r.want(t, exitPolicy, "", "--allow-cleartext")
	if strings.Contains(r.stderr, "> Authorization") {
		t.Errorf("Basic went out without TLS:\n%s", r.stderr)
	}
	call(t, "", "get", "-d", "@"+file(t, "big", strings.Repeat("x", 64<<10)), "-I", "-X", "POST", "-u", "alice:Canary-4711", s.url).
		want(t, 0, "X-Body-Length: 65536", "")
}

func TestGetTLS(t *testing.T) {
	cert, key := certificate(t)
	s := serve(t, "--scheme", "basic", "--user", "alice:secret", "--tls-cert", cert, "--tls-key", key)
	call(t, "", "get", "-u", "alice:secret", s.url).want(t, exitTransport, "", "certificate")
	call(t, "", "get", "-u", "alice:secret", "--cacert", cert, s.url).want(t, 0, "hello alice via Basic", "")
	call(t, "", "get", "-u", "alice:secret", "-k", s.url).want(t, 0, "hello alice via Basic", "")
	call(t, "", "get", "-u", "alice:wrong", "-k", s.url).want(t, exitRefused, "", "refused by the peer")
	call(t, "", "get", "-k", s.url).want(t, exitPolicy, "", "no credentials")
}

// TestGetMutual: the failure of a server that did not prove itself names the option, and its words are known.
func TestGetMutual(t *testing.T) {
	for word, want := range map[string]bool{"": false, "require": false, "if-offered": true, "off": false} {
		m := setup.Machine{Mutual: word}
		if c, err := m.Client(); err != nil || c.MutualIfOffered != want {
			t.Errorf("--mutual %q: %v, %v", word, c.MutualIfOffered, err)
		}
	}
	call(t, "", "get", "--mutual", "never", "http://127.0.0.1:1/").want(t, exitUsage, "", "expected require, if-offered, off")
	toy := gsstoy.Toy{OID: gss.Kerberos, Legs: 1, Final: true, Mutual: true, Asks: true}
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", "Negotiate")
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer silent.Close()
	source := answer.Func(func(context.Context, gss.Question) gss.Answer {
		return gss.Password{User: "alice", Password: gss.NewSecret("p")}
	})
	for _, ifOffered := range []bool{false, true} {
		tr, err := nethttp.NewTransport(nethttp.ClientConfig{
			Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.NegotiateClient(toy)}, MutualIfOffered: ifOffered}, Source: source,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.CloseIdleConnections()
		r, err := http.NewRequest("GET", silent.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := tr.RoundTrip(r)
		if !ifOffered {
			if err == nil || !strings.Contains(new(getOptions).failure(err).Error(), "--mutual if-offered") {
				t.Errorf("%v does not name the option", new(getOptions).failure(err))
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if d, _ := nethttp.Delivered(response); unproven(d) == "" || d.Authenticated {
			t.Errorf("%+v is not said to be unproven", d)
		}
	}
	requirement.Held(t, "unit:failure_names_flag", "FRONT-7")
}

// TestGetNamesCache: a server that wants a ticket makes get name the cache in which there is none.
func TestGetNamesCache(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", r.URL.Query().Get("offer"))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	t.Setenv("KRB5CCNAME", "FILE:/nonexistent/cache")
	t.Setenv("KRB5_CONFIG", "/nonexistent/krb5.conf")
	for _, args := range [][]string{{"--scheme", "negotiate"}, nil} {
		call(t, "", append(append([]string{"get"}, args...), s.URL+"/?offer=Negotiate")...).
			want(t, exitPolicy, "", "no ticket in the credential cache FILE:/nonexistent/cache")
	}
	if r := call(t, "", "get", s.URL+"/?offer=NTLM"); strings.Contains(r.stderr, "cache") {
		t.Errorf("NTLM wants no ticket: %s", r.stderr)
	}
	requirement.Held(t, "unit:get_names_cache", "LEG-3")
}

// TestGetPrintsPage: the page of a refusal is on standard output, and the exit code stays that of the refusal.
func TestGetPrintsPage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n"`)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "ask for an account\n")
	}))
	defer s.Close()
	call(t, "", "get", "-u", "alice:wrong", s.URL).want(t, exitRefused, "ask for an account\n", "refused by the peer")
	requirement.Held(t, "unit:get_prints_page", "LEG-5")
}

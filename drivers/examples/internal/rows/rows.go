// Package rows checks what each framework's server must do, with a client of this project
// and with curl.
package rows

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/examples/internal/app"
	"github.com/countersign-auth/countersign/drivers/internal/realmtest"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// request is one of a client's.
type request struct {
	path, user string
	by         string // the scheme; "" does not log in
	body       []byte // of a POST
	upgrade    bool   // to a websocket
	lines      int    // how many lines of an endless response to read
}

// reply is the last response to a request.
type reply struct {
	status int
	header http.Header
	body   string
}

// site is a server with its realm.
type site struct {
	url  string
	kdcs answer.Source
}

// all are the rows. A program of CI counts them.
var all = []struct {
	name string
	run  func(t *testing.T, do func(request) reply)
}{
	{"Digest", func(t *testing.T, do func(request) reply) {
		do(request{path: "/private", user: "alice", by: "Digest"}).want(t, 200, "hello alice by Digest\n")
	}},
	{"NTLM with a POST of 300 KB", func(t *testing.T, do func(request) reply) {
		do(request{path: "/upload", user: "alice", by: "NTLM", body: bytes.Repeat([]byte("b"), 300<<10)}).want(t, 200, "307200 bytes of alice by NTLM\n")
	}},
	{"Kerberos with the final token", func(t *testing.T, do func(request) reply) {
		r := do(request{path: "/private", user: "alice", by: "Negotiate"})
		r.want(t, 200, "hello alice by Negotiate\n")
		r.wantFinal(t)
	}},
	{"a handler's own 401", func(t *testing.T, do func(request) reply) {
		r := do(request{path: "/again", user: "alice", by: "Digest"})
		r.want(t, 401, "")
		offers := header.ParseChallenges(r.header.Values("WWW-Authenticate")...)
		for _, name := range []string{"Negotiate", "NTLM", "Digest"} {
			found := false
			for range offers.Of(name) {
				found = true
			}
			if !found {
				t.Errorf("the handler's 401 does not offer %s: %q", name, r.header.Values("WWW-Authenticate"))
			}
		}
	}},
	{"an error rendered late", func(t *testing.T, do func(request) reply) {
		r := do(request{path: "/error", user: "alice", by: "Negotiate"})
		r.want(t, 418, "")
		if !strings.Contains(r.body, "no tea") {
			t.Errorf("the error is %q", r.body)
		}
		r.wantFinal(t)
	}},
	{"an anonymous route", func(t *testing.T, do func(request) reply) {
		r := do(request{path: "/public"})
		r.want(t, 200, "hello nobody by \n")
		if got := r.header.Values("WWW-Authenticate"); got != nil {
			t.Errorf("challenges %q", got)
		}
	}},
	{"an upgrade to a websocket", func(t *testing.T, do func(request) reply) {
		r := do(request{path: "/socket", user: "alice", by: "NTLM", upgrade: true})
		r.want(t, 101, "\x81\x05alice")
		if got := r.header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455 section 1.3
			t.Errorf("Sec-WebSocket-Accept is %q", got)
		}
	}},
	{"streaming", func(t *testing.T, do func(request) reply) {
		r := do(request{path: "/stream", user: "alice", by: "Negotiate", lines: 3})
		r.want(t, 200, "tick\ntick\ntick\n")
		r.wantFinal(t)
	}},
	{"an optional login", func(t *testing.T, do func(request) reply) {
		do(request{path: "/optional"}).want(t, 200, "hello nobody by \n")
		do(request{path: "/optional", user: "alice", by: "Negotiate"}).want(t, 200, "hello ")
	}},
	{"a group", func(t *testing.T, do func(request) reply) {
		do(request{path: "/admin", user: "bob", by: "Digest"}).want(t, 403, "")
		do(request{path: "/admin", user: "alice", by: "Digest"}).want(t, 200, "hello alice by Digest\n")
	}},
	{"a handler's panic, recovered", func(t *testing.T, do func(request) reply) {
		r := do(request{path: "/panic", user: "alice", by: "Negotiate"})
		r.want(t, 500, "")
		r.wantFinal(t)
		do(request{path: "/private", user: "alice", by: "Negotiate"}).want(t, 200, "hello alice by Negotiate\n")
	}},
}

// Run checks a framework's server, which start starts, on 127.0.0.1.
func Run(t *testing.T, start func(t *testing.T, auth machine.ServerConfig, source answer.Source) (address string)) {
	files := realmtest.Start(t, "localhost")
	config, err := preset.Server{Users: app.Users, NTLM: true, Keytab: files.Keytab, Optional: true}.Config()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(start(t, config.Auth, config.Source))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := krb5.ReadConfig(files.Config)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{url: "http://localhost:" + port, kdcs: &krb5.Client{Config: conf}}
	for _, row := range all {
		t.Run(row.name+"/ours", func(t *testing.T) {
			row.run(t, func(q request) reply { return ours(t, s, q) })
		})
	}
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("INTEROP") == "required" {
			t.Fatal(err)
		}
		t.Skip("curl is not installed")
	}
	files.Kinit(t, "alice")
	for _, row := range all {
		t.Run(row.name+"/curl", func(t *testing.T) {
			row.run(t, func(q request) reply { return curl(t, s, q) })
		})
	}
}

// NetHTTP checks a framework whose server is net/http's.
func NetHTTP(t *testing.T, server func(*nethttp.Authenticator) *http.Server) {
	Run(t, func(t *testing.T, auth machine.ServerConfig, source answer.Source) string {
		a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: auth, Source: source})
		if err != nil {
			t.Fatal(err)
		}
		s := server(a)
		l := Listen(t)
		go s.Serve(l)
		t.Cleanup(func() { s.Close() })
		return l.Addr().String()
	})
}

// Listen listens on 127.0.0.1 until the test ends.
func Listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// want fails the test unless the reply has the status, and a body that starts with text.
func (r reply) want(t *testing.T, status int, text string) {
	t.Helper()
	if r.status != status || !strings.HasPrefix(r.body, text) {
		t.Errorf("status %d, %q; want %d, %q", r.status, shown(r.body), status, text)
	}
}

// wantFinal fails the test unless the reply has the final token of Negotiate.
func (r reply) wantFinal(t *testing.T) {
	t.Helper()
	values := r.header.Values("WWW-Authenticate")
	if len(values) != 1 || !strings.HasPrefix(values[0], "Negotiate ") {
		t.Errorf("the final token is missing: %q", values)
	}
}

// shown is the start of a long text.
func shown(text string) string {
	if len(text) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", text[:200], len(text))
	}
	return text
}

package fasthttp_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

const (
	rightly = "Authorization: Basic YWxpY2U6d29uZGVy" // alice:wonder
	wrongly = "Authorization: Basic YWxpY2U6Z3Vlc3M=" // alice:guess
)

// TestFramedTwice: a request with Content-Length and Transfer-Encoding is answered, and
// its connection closed; one of them alone changes nothing.
func TestFramedTwice(t *testing.T) {
	for _, path := range []string{"installed", "bare"} {
		h := newHost(t, nil, false, scheme.BasicServer("r", scheme.AskVerifier))
		url := h.url
		if path == "bare" {
			url = start(t, &fast.Server{CloseOnShutdown: true, Logger: quiet{}, MaxIdleWorkerDuration: 50 * time.Millisecond, Handler: h.auth.Wrap(func(ctx *fast.RequestCtx) {
				fmt.Fprintf(ctx, "alice %d", len(ctx.Request.Body()))
			})}, false)
		}
		for _, auth := range []string{rightly, wrongly, "X: y"} {
			for framing, closes := range map[string]bool{
				"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":  true,
				"transfer-encoding: chunked\r\nCONTENT-LENGTH: 40\r\n\r\n3\r\nabc\r\n0\r\n\r\n": true,
				"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":                       false,
				"Content-Length: 3\r\n\r\nabc":                                                  false,
				"\r\n":                                                                          false,
			} {
				l := dialLine(t, url)
				fmt.Fprintf(l, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n%s", auth, framing)
				res, err := http.ReadResponse(l.r, nil)
				if err != nil {
					t.Fatalf("%s, %q: %v", path, framing, err)
				}
				if _, err := io.ReadAll(res.Body); err != nil || res.Close != closes || (res.StatusCode == 200) != (auth == rightly) {
					t.Errorf("%s, %s, %q: status %d, closes %v, want %v; %v", path, auth, framing, res.StatusCode, res.Close, closes, err)
				}
				if closes && res.Close {
					if n, err := l.r.ReadByte(); err != io.EOF {
						t.Errorf("%s, %q: the connection goes on with %q, %v", path, framing, n, err)
					}
				}
			}
		}
	}
	requirement.Held(t, "unit:framed_twice", "R9112-6.1-1")
}

// until100 sends a request that waits for 100 (Continue), and the body after it. It
// returns the final response, and whether there was a 100.
func (l *line) until100(body string, fields ...string) (res *http.Response, text string, continued bool) {
	l.t.Helper()
	fmt.Fprintf(l, "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n%s\r\n", len(body), strings.Join(append(fields, ""), "\r\n"))
	for {
		res, err := http.ReadResponse(l.r, nil)
		if err != nil {
			l.t.Fatal(err)
		}
		if res.StatusCode == http.StatusContinue {
			continued = true
			io.WriteString(l, body)
			continue
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			l.t.Fatal(err)
		}
		return res, string(text), continued
	}
}

// TestContinue: a client that waits for 100 (Continue) gets it when it is
// authenticated, or when a handshake continues, and otherwise gets a challenge at once.
func TestContinue(t *testing.T) {
	two, _ := toys()
	leg := func(s string) string { return "Authorization: NTLM " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, streamed := range []bool{false, true} {
		h := newHost(t, func(_ *fasthttp.ServerConfig, s *fast.Server) { s.StreamRequestBody = streamed }, false, two, scheme.BasicServer("r", scheme.AskVerifier))
		body := strings.Repeat("x", 100_000)
		for _, row := range []struct {
			name, field      string
			status           int
			continued, close bool
		}{
			{"no credentials", "X: y", 401, false, true},
			{"a wrong password", wrongly, 401, false, true},
			{"the right one", rightly, 200, true, false},
			{"a first leg", leg("toy/NTLM:i1:u=alice"), 401, true, false},
		} {
			l := dialLine(t, h.url)
			res, text, continued := l.until100(body, row.field)
			if res.StatusCode != row.status || continued != row.continued || res.Close != row.close {
				t.Errorf("%s: status %d, 100 (Continue) %v, closes %v; want %d, %v, %v", row.name, res.StatusCode, continued, res.Close, row.status, row.continued, row.close)
			}
			switch row.status {
			case 200:
				if text != "alice 100000" {
					t.Errorf("%s: %q", row.name, text)
				}
			case 401:
				if len(res.Header.Values("Www-Authenticate")) == 0 {
					t.Errorf("%s: no challenge", row.name)
				}
			}
			if row.name == "a first leg" {
				if res, text, _ := l.until100(body, leg("toy/NTLM:i2:u=alice:p=wonder")); res.StatusCode != 200 || text != "alice 100000" {
					t.Errorf("the second leg: status %d, %q", res.StatusCode, text)
				}
				if res, text := l.do("GET /"); res.StatusCode != 200 || text != "alice 0" {
					t.Errorf("behind it: status %d, %q", res.StatusCode, text)
				}
			}
		}
	}
	requirement.Held(t, "unit:continue_when_judged", "FRONT-6")

	// A body that the proof covers must be read before the request is judged.
	covered, client := digests(t, digest.AuthInt)
	h := newHost(t, nil, false, covered)
	c := newClient(t, client)
	req, err := http.NewRequest("PUT", h.url, strings.NewReader("a body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 || string(text) != "alice 6" {
		t.Errorf("auth-int: status %d, %q, %v", res.StatusCode, text, err)
	}
}

// TestContinueElsewhere: a server with unauthenticated paths handles Expect itself, and
// a request that was judged but handled elsewhere does not keep its connection.
func TestContinueElsewhere(t *testing.T) {
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerifier)}}, Source: users})
	if err != nil {
		t.Fatal(err)
	}
	app := func(ctx *fast.RequestCtx) { fmt.Fprintf(ctx, "%d", len(ctx.Request.Body())) }
	guarded := auth.Wrap(app)
	route := func(ctx *fast.RequestCtx) {
		if string(ctx.Path()) == "/open" {
			app(ctx)
			return
		}
		guarded(ctx)
	}
	for _, own := range []bool{true, false} {
		s := &fast.Server{Handler: route, CloseOnShutdown: true, Logger: quiet{}, MaxIdleWorkerDuration: 50 * time.Millisecond}
		if own {
			s.ContinueHandler = func(h *fast.RequestHeader) bool { return string(h.RequestURI()) == "/open" }
		}
		auth.Install(s)
		l := dialLine(t, start(t, s, false))
		for range 2 {
			fmt.Fprintf(l, "PUT /open HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n%s\r\n\r\n", rightly)
			if line, err := l.r.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
				t.Fatalf("own handler %v: %q, %v", own, line, err)
			}
			l.r.ReadString('\n')
			io.WriteString(l, "abc")
			res, err := http.ReadResponse(l.r, nil)
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("own handler %v: %v, %v", own, res, err)
			}
			if body, _ := io.ReadAll(res.Body); string(body) != "3" {
				t.Errorf("own handler %v: %q", own, body)
			}
			if res, body := l.do("GET /", rightly); res.StatusCode != 200 || body != "0" {
				t.Errorf("own handler %v, then: status %d, %q", own, res.StatusCode, body)
			}
		}
	}
}

// TestBodiesBehind: the handler gets bodies as its server is configured, within its
// server's bound.
func TestBodiesBehind(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		h := newHost(t, func(_ *fasthttp.ServerConfig, s *fast.Server) {
			s.StreamRequestBody, s.MaxRequestBodySize = streamed, 1000
			s.HeaderReceived = func(h *fast.RequestHeader) (c fast.RequestConfig) {
				if string(h.RequestURI()) == "/large" {
					c.MaxRequestBodySize = 5000
				}
				return c
			}
			s.Handler = func(ctx *fast.RequestCtx) {
				fmt.Fprintf(ctx, "%v %d", ctx.Request.IsBodyStream(), len(ctx.Request.Body()))
			}
		}, false, scheme.BasicServer("r", scheme.AskVerifier))
		for _, row := range []struct {
			path          string
			size          int
			chunked, fits bool
		}{{"/", 0, false, true}, {"/", 1000, false, true}, {"/", 1000, true, true}, {"/", 1001, false, false}, {"/", 1001, true, false}, {"/large", 5000, true, true}} {
			l := dialLine(t, h.url)
			body, framing := strings.Repeat("x", row.size), fmt.Sprintf("Content-Length: %d", row.size)
			if row.chunked {
				body, framing = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", row.size, body), "Transfer-Encoding: chunked"
			}
			fmt.Fprintf(l, "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n%s\r\n\r\n%s", row.path, rightly, framing, body)
			res, err := http.ReadResponse(bufio.NewReader(l), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			status, want := 200, fmt.Sprintf("%v %d", streamed, row.size)
			if !streamed && !row.fits {
				status, want = 413, "Request Entity Too Large"
			}
			if res.StatusCode != status || string(text) != want {
				t.Errorf("streamed %v, %+v: status %d, %q; want %d, %q", streamed, row, res.StatusCode, text, status, want)
			}
		}
	}
}

// TestInstallTwice: two Authenticators of one server do not take each other's settings
// for the owner's.
func TestInstallTwice(t *testing.T) {
	var doors [2]fast.RequestHandler
	s := &fast.Server{CloseOnShutdown: true, Logger: quiet{}, MaxIdleWorkerDuration: 50 * time.Millisecond}
	for i := range doors {
		auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer(fmt.Sprint(i), scheme.AskVerifier)}}, Source: users})
		if err != nil {
			t.Fatal(err)
		}
		auth.Install(s)
		doors[i] = auth.Wrap(func(ctx *fast.RequestCtx) {
			fmt.Fprintf(ctx, "%d %v %s", i, ctx.Request.IsBodyStream(), ctx.Request.Body())
		})
	}
	s.Handler = func(ctx *fast.RequestCtx) { doors[ctx.Path()[1]-'0'](ctx) }
	url := start(t, s, false)
	for i := range doors {
		l := dialLine(t, url)
		if res, body := l.do(fmt.Sprintf("GET /%d", i), rightly, "Content-Length: 0"); res.StatusCode != 200 || body != fmt.Sprintf("%d false ", i) {
			t.Errorf("%d: status %d, %q", i, res.StatusCode, body)
		}
	}
	new(fasthttp.Authenticator).Install(s) // refuses every request
}

// TestAnnouncedBody: a request is answered before its announced body has arrived.
func TestAnnouncedBody(t *testing.T) {
	h := newHost(t, nil, false, scheme.BasicServer("r", scheme.AskVerifier))
	for name, says := range map[string]string{
		"4 MB":    "Content-Length: 4000000\r\n\r\na",
		"100 GB":  "Content-Length: 100000000000\r\n\r\na",
		"a form":  "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 4000000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\na",
		"it all":  "Content-Length: 1\r\n\r\na",
		"nothing": "Content-Length: 0\r\n\r\n",
	} {
		l := dialLine(t, h.url)
		l.SetDeadline(time.Now().Add(15 * time.Second))
		fmt.Fprintf(l, "POST / HTTP/1.1\r\nHost: h\r\n%s", says)
		if res, err := http.ReadResponse(l.r, nil); err != nil || res.StatusCode != 401 {
			t.Errorf("%s: %v, %v", name, res, err)
		}
	}
	requirement.Held(t, "unit:announced_body", "FRONT-5")
}

// TestInstallLimits: limits set by the server's owner take precedence.
func TestInstallLimits(t *testing.T) {
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerifier)}},
		Limits: drive.Limits{Idle: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	var s fast.Server
	auth.Install(&s)
	if s.ReadTimeout != 30*time.Second || s.IdleTimeout != time.Hour {
		t.Errorf("%v, %v", s.ReadTimeout, s.IdleTimeout)
	}
	own := fast.Server{ReadTimeout: time.Minute, IdleTimeout: -1}
	auth.Install(&own)
	if own.ReadTimeout != time.Minute || own.IdleTimeout != -1 {
		t.Errorf("%v, %v", own.ReadTimeout, own.IdleTimeout)
	}
}

package fasthttp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// One login is enough here, too; the cookies of the handler stay, and a logout ends the session.
func TestSession(t *testing.T) {
	server := scheme.NegotiateServer(gsstoy.Toy{Legs: 1, Secret: gss.NewSecret("secret")})
	credentials := "Negotiate " + base64.StdEncoding.EncodeToString([]byte("toy:i1:u=alice:p=secret"))
	h := newHost(t, func(c *fasthttp.ServerConfig, s *fast.Server) {
		c.Session = &session.Config{Store: new(session.Memory)}
		s.Handler = func(ctx *fast.RequestCtx) {
			ctx.Response.Header.Add("Set-Cookie", "a=b")
			ctx.Response.Header.Add("Set-Cookie", "__Host-countersign=forged")
			switch string(ctx.Path()) {
			case "/logout":
				if err := fasthttp.Logout(ctx); err != nil {
					t.Error(err)
				}
			case "/401":
				ctx.Error("other credentials, please", fast.StatusUnauthorized)
			}
			id, _ := fasthttp.IdentityFrom(ctx)
			fmt.Fprintf(ctx, "%s by %s, session %t", id.Name(), id.Scheme, id.Session != nil)
		}
	}, true, server)
	client := hostOf(h.url)
	ask := func(path, field, value string) (string, string) {
		t.Helper()
		r, w := new(fast.Request), new(fast.Response)
		r.SetRequestURI(h.url + path)
		r.Header.Set(field, value)
		if err := client.Do(r, w); err != nil {
			t.Fatal(err)
		}
		var cookies []string
		for _, line := range w.Header.Cookies() {
			c, _, _ := strings.Cut(string(line), ";")
			cookies = append(cookies, c)
		}
		return fmt.Sprintf("%d %s; %t", w.StatusCode(), w.Body(), len(w.Header.Peek("WWW-Authenticate")) > 0), strings.Join(cookies, " ")
	}
	want := func(got, text string) {
		t.Helper()
		if got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
	got, cookies := ask("/", "X", "")
	want(got, "401 Unauthorized; true")
	want(cookies, "")
	got, cookies = ask("/", "Authorization", credentials)
	want(got, "200 alice by Negotiate, session false; false")
	sealed, ok := strings.CutPrefix(cookies, "a=b ")
	if !ok || len(sealed) < 100 {
		t.Fatalf("the login sets %q", cookies)
	}
	got, cookies = ask("/", "Cookie", "x=y; "+sealed)
	want(got, "200 alice by Negotiate, session true; false")
	want(cookies, "a=b")
	if got, _ = ask("/401", "Cookie", sealed); !strings.HasPrefix(got, "401 ") || !strings.HasSuffix(got, "; true") {
		t.Errorf("a handler's 401: %q", got)
	}
	got, cookies = ask("/logout", "Cookie", sealed)
	want(got, "200 alice by Negotiate, session true; false")
	want(cookies, "a=b __Host-countersign=")
	got, _ = ask("/", "Cookie", sealed)
	want(got, "401 Unauthorized; true")
	requirement.Held(t, "unit:second_request_by_cookie", "SESS-1", "SESS-6")
}

// fullStore is a Store that takes no session.
type fullStore struct{ session.Memory }

var errFull = errors.New("the store of sessions at redis.example is full")

func (*fullStore) Begin(context.Context, session.ID, string, int64, int64) error { return errFull }

// A login whose session does not begin is one without a session, and the log hears why.
func TestLogsHearSessions(t *testing.T) {
	logged := make(chan error, 1)
	h := newHost(t, func(c *fasthttp.ServerConfig, _ *fast.Server) {
		c.Session = &session.Config{Store: new(fullStore)}
		c.Log = func(_ *fast.RequestCtx, r drive.Result) { logged <- r.Err }
	}, true, scheme.NegotiateServer(gsstoy.Toy{Legs: 1, Secret: gss.NewSecret("secret")}))
	r, w := new(fast.Request), new(fast.Response)
	r.SetRequestURI(h.url)
	r.Header.Set("Authorization", "Negotiate "+base64.StdEncoding.EncodeToString([]byte("toy:i1:u=alice:p=secret")))
	if err := hostOf(h.url).Do(r, w); err != nil {
		t.Fatal(err)
	}
	cookie := w.Header.Peek("Set-Cookie")
	if err := <-logged; w.StatusCode() != 200 || !errors.Is(err, errFull) || len(cookie) != 0 {
		t.Errorf("status %d, cookie %q, error %v; want none, and that of the store", w.StatusCode(), cookie, err)
	}
}

package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// challenger responds with a status, its challenges and a page to every request.
func challenger(t *testing.T, status int, challenges ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		field := "WWW-Authenticate"
		if status == http.StatusProxyAuthRequired {
			field = "Proxy-Authenticate"
		}
		w.Header()[field] = challenges
		w.WriteHeader(status)
		fmt.Fprintf(w, "page of the %d", status)
	}))
	t.Cleanup(s.Close)
	return s
}

// An error names each scheme that was offered with the reason why it was passed over, once, and nothing else.
func TestClientSaysWhyEachSchemeWasPassedOver(t *testing.T) {
	_, digestClient := digestPair(t)
	_, negotiate := toyScheme(scheme.Negotiate, gsstoy.Toy{Legs: 1})
	declines := answer.Func(func(context.Context, gss.Question) gss.Answer { return gss.Declined{} })
	for _, test := range []struct {
		offered []string
		source  answer.Source
		want    string
	}{
		{[]string{`Digest realm="r" nonce="n" qop="auth"`}, logins(),
			"malformed message: Digest is offered, but its challenge is not readable: byte 18: want a comma"},
		{[]string{`Digest realm="r", nonce="n", Realm="s"`}, logins(),
			"malformed message: Digest is offered, but its challenge is not readable: byte 30: a parameter comes twice"},
		{[]string{"NTLM", "Bearer", "Secret-Scheme x=y"}, logins(),
			"unsupported: NTLM is offered, but not configured here; Bearer is offered, but not implemented here; a scheme is offered whose name is not registered"},
		{[]string{"Negotiate", `Digest realm="r", nonce="n"`, `Basic realm="r"`}, logins(),
			"Negotiate: refused by the peer: Negotiate: the peer refused the credentials; Digest is weaker, and tried only with Policy.Fallback; " +
				"Basic is weaker, and tried only with Policy.Fallback"},
		{[]string{"Negotiate", `Digest realm="r", nonce="n"`, "Bearer"}, declines,
			"Negotiate: no credentials: toy: the credential question was declined; Digest: no credentials: digest: no user name and password for this realm; Bearer is offered, but not implemented here"},
		{[]string{`Digest realm="r", nonce="n"`}, declines, "no credentials: digest: no user name and password for this realm"},
	} {
		s := challenger(t, 401, test.offered...)
		_, err := do(newClient(t, func(c *nethttp.ClientConfig) { c.Source = test.source }, negotiate, digestClient, scheme.BasicClient()), "", "GET", s.URL, nil)
		failed, ok := errors.AsType[*drive.Error](err)
		if !ok {
			t.Errorf("%q: %v", test.offered, err)
			continue
		}
		if got := failed.Error(); got != "origin authentication: "+test.want+" (status 401)" {
			t.Errorf("%q:\n got %s\nwant %s", test.offered, got, test.want)
		}
	}
	requirement.Held(t, "unit:client_says_why", "LEG-1")
}

// The refusal of a proxy is said to be the proxy's, with its address.
func TestClientNamesTheProxyThatRefused(t *testing.T) {
	_, digestClient := digestPair(t)
	s := challenger(t, 407, `Digest realm="r", nonce="n"`)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{"http://origin.example/", "https://origin.example/"} {
		_, err := do(newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = http.ProxyURL(u) }, digestClient), "", "GET", origin, nil)
		failed, ok := errors.AsType[*drive.Error](err)
		if want := "proxy authentication at " + u.Host + ": refused by the peer"; !ok || failed.Side != gss.Proxy || !strings.HasPrefix(failed.Error(), want) {
			t.Errorf("%s: %v, want %s", origin, err, want)
		}
	}
	closed := challenger(t, 403)
	if u, err = url.Parse(closed.URL); err != nil {
		t.Fatal(err)
	}
	_, err = do(newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = http.ProxyURL(u) }, digestClient), "", "GET", "https://origin.example/", nil)
	if err == nil || !strings.Contains(err.Error(), "the proxy at "+u.Host+" answered 403") {
		t.Errorf("no tunnel: %v", err)
	}
	requirement.Held(t, "unit:client_names_proxy", "LEG-2")
}

// What a source explains, and how a connection was lost, are reached by errors.Is and errors.As.
func TestClientKeepsWhatSourcesExplain(t *testing.T) {
	_, digestClient := digestPair(t)
	explains := answer.Func(func(ctx context.Context, _ gss.Question) gss.Answer {
		for range 3 { // which is kept once
			answer.Explain(ctx, fmt.Errorf("the store: %w", fs.ErrNotExist))
		}
		return gss.Declined{}
	})
	config := func(c *nethttp.ClientConfig) { c.Source = explains }
	s := challenger(t, 401, `Digest realm="r", nonce="n"`)
	_, err := do(newClient(t, config, digestClient), "", "GET", s.URL, nil)
	if failed, ok := errors.AsType[*drive.Error](err); !ok || !errors.Is(err, gss.NoCredentials) || !errors.Is(err, fs.ErrNotExist) ||
		!strings.HasSuffix(failed.Error(), "(status 401): the store: file does not exist") {
		t.Errorf("declined: %v", err)
	}
	lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		c.Close()
	}))
	defer lossy.Close()
	_, err = do(newClient(t, config, digestClient), "", "GET", lossy.URL, nil)
	if lost, ok := errors.AsType[*drive.Loss](err); !ok || lost.Err == nil {
		t.Errorf("lost: %v", err)
	}
	requirement.Held(t, "unit:source_explains", "LEG-3")
}

// A proxy tells its Log why no upstream server was reached.
func TestProxyLogsWhyNoUpstream(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, method := range []string{"GET", "CONNECT"} {
		var result drive.Result
		done := make(chan struct{})
		p, err := nethttp.NewProxy(nethttp.ProxyConfig{
			Allow: func(string, string, uint16) bool { return true },
			Log:   func(_ *http.Request, r drive.Result) { result = r; close(done) },
		})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(p)
		p.Install(s.Config)
		s.Start()
		u, _ := url.Parse(s.URL)
		target := gone.URL
		if method == "CONNECT" {
			target = strings.Replace(target, "http:", "https:", 1)
		}
		c := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
		if r, err := c.Get(target); err == nil {
			r.Body.Close()
		}
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the proxy logged nothing")
		}
		if result.Status != 502 || result.Err == nil || !strings.Contains(result.Err.Error(), "refused") || strings.Contains(result.Fault.Detail, "connection closed") {
			t.Errorf("%s: %d, %v, %v", method, result.Status, result.Fault, result.Err)
		}
		s.Close()
	}
	requirement.Held(t, "unit:proxy_says_why", "LEG-4")
}

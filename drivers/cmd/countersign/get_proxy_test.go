package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// proxyNames are the variables that name proxies, and the one that a CGI program has.
var proxyNames = []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"}

// asked is a proxy that answers every request itself, and notes what it was asked for.
type asked struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newAsked(t *testing.T) *asked {
	a := &asked{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.seen = append(a.seen, r.Method+" "+r.Host)
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// take returns what the proxy was asked for since the last call.
func (a *asked) take() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := strings.Join(a.seen, ", ")
	a.seen = nil
	return text
}

// TestGetProxyOfEnvironment: get takes the proxy that curl takes.
func TestGetProxyOfEnvironment(t *testing.T) {
	one, two := newAsked(t), newAsked(t)
	const plain, secure = "http://origin.invalid/", "https://origin.invalid/"
	curl, _ := exec.LookPath("curl")
	for name, row := range map[string]struct {
		env      []string
		args     []string
		one, two string
		error    string // of get, where it is not that of a host that does not exist
		not      string // why curl differs
	}{
		"none":                 {nil, []string{plain}, "", "", "", ""},
		"http":                 {[]string{"http_proxy=" + one.URL}, []string{plain}, "GET origin.invalid", "", "", ""},
		"without a scheme":     {[]string{"http_proxy=" + strings.TrimPrefix(one.URL, "http://")}, []string{plain}, "GET origin.invalid", "", "", ""},
		"http in upper case":   {[]string{"HTTP_PROXY=" + one.URL}, []string{plain}, "GET origin.invalid", "", "", "it fears CGI everywhere"},
		"https":                {[]string{"https_proxy=" + one.URL}, []string{secure}, "CONNECT origin.invalid:443", "", "", ""},
		"https in upper case":  {[]string{"HTTPS_PROXY=" + one.URL}, []string{secure}, "CONNECT origin.invalid:443", "", "", ""},
		"lower before upper":   {[]string{"https_proxy=" + one.URL, "HTTPS_PROXY=" + two.URL}, []string{secure}, "CONNECT origin.invalid:443", "", "", ""},
		"of the other scheme":  {[]string{"http_proxy=" + one.URL}, []string{secure}, "", "", "", ""},
		"each its own":         {[]string{"http_proxy=" + one.URL, "https_proxy=" + two.URL}, []string{plain, secure}, "GET origin.invalid", "CONNECT origin.invalid:443", "", ""},
		"all":                  {[]string{"ALL_PROXY=" + one.URL}, []string{plain, secure}, "GET origin.invalid, CONNECT origin.invalid:443", "", "", ""},
		"all in lower case":    {[]string{"all_proxy=" + one.URL}, []string{plain}, "GET origin.invalid", "", "", ""},
		"all for the rest":     {[]string{"all_proxy=" + one.URL, "https_proxy=" + two.URL}, []string{plain, secure}, "GET origin.invalid", "CONNECT origin.invalid:443", "", ""},
		"excepted":             {[]string{"all_proxy=" + one.URL, "no_proxy=other.invalid,origin.invalid"}, []string{plain}, "", "", "", ""},
		"excepted by domain":   {[]string{"all_proxy=" + one.URL, "NO_PROXY=invalid"}, []string{plain}, "", "", "", ""},
		"all excepted":         {[]string{"all_proxy=" + one.URL, "NO_PROXY=*"}, []string{plain}, "", "", "", ""},
		"another excepted":     {[]string{"all_proxy=" + one.URL, "NO_PROXY=gin.invalid"}, []string{plain}, "GET origin.invalid", "", "", ""},
		"the flag before":      {[]string{"all_proxy=" + one.URL}, []string{"-x", two.URL, plain}, "", "GET origin.invalid", "", ""},
		"the flag for none":    {[]string{"all_proxy=" + one.URL}, []string{"-x", "", plain}, "", "", "", ""},
		"an empty variable":    {[]string{"http_proxy=", "HTTP_PROXY="}, []string{plain}, "", "", "", ""},
		"CGI":                  {[]string{"HTTP_PROXY=" + one.URL, "REQUEST_METHOD=GET"}, []string{plain}, "", "", "HTTP_PROXY is refused in a CGI program", ""},
		"CGI and https":        {[]string{"HTTPS_PROXY=" + one.URL, "REQUEST_METHOD=GET"}, []string{secure}, "CONNECT origin.invalid:443", "", "", ""},
		"CGI and all":          {[]string{"ALL_PROXY=" + one.URL, "REQUEST_METHOD=GET"}, []string{plain}, "GET origin.invalid", "", "", ""},
		"CGI and the flag":     {[]string{"HTTP_PROXY=" + one.URL, "REQUEST_METHOD=GET"}, []string{"-x", two.URL, plain}, "", "GET origin.invalid", "", ""},
		"no URL":               {[]string{"https_proxy=http://u:" + canary + "@:x"}, []string{secure}, "", "", "https_proxy: invalid URL", ""},
		"no URL, but the flag": {[]string{"https_proxy=http://u:" + canary + "@:x"}, []string{"-x", two.URL, plain}, "", "GET origin.invalid", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			env := []string{"PATH=" + os.Getenv("PATH")}
			for _, name := range proxyNames {
				t.Setenv(name, "")
			}
			for _, v := range row.env {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
				env = append(env, v)
			}
			got := call(t, "", append([]string{"get", "--max-time", "10"}, row.args...)...)
			if a, b := one.take(), two.take(); a != row.one || b != row.two {
				t.Errorf("the proxies were asked for %q and %q, want %q and %q\n%s", a, b, row.one, row.two, got.stderr)
			}
			if !strings.Contains(got.stderr, row.error) || strings.Contains(got.stderr, canary) {
				t.Errorf("standard error: %s", got.stderr)
			}
			if curl == "" || row.not != "" {
				return
			}
			cmd := exec.Command(curl, append([]string{"--disable", "--silent", "--max-time", "10"}, row.args...)...)
			cmd.Env = env
			out, _ := cmd.CombinedOutput()
			if a, b := one.take(), two.take(); a != row.one || b != row.two {
				t.Errorf("curl asked the proxies for %q and %q, want %q and %q\n%s", a, b, row.one, row.two, out)
			}
		})
	}
}

// TestGetProxyUser: the proxy of the environment gets the credentials of its URL or of
// --proxy-user when it asks, and no output shows them.
func TestGetProxyUser(t *testing.T) {
	for _, name := range proxyNames {
		t.Setenv(name, "")
	}
	proxy := serve(t, "--proxy", "--scheme", "digest", "--user", "bob:"+canary)
	with := strings.Replace(proxy.url, "http://", "http://bob:"+canary+"@", 1)
	for name, row := range map[string]struct {
		variable string
		args     []string
		code     int
		stderr   string
	}{
		"in its URL":         {with, nil, exitStatus, "502"}, // the proxy let it pass, and there is no such host
		"by the flag":        {proxy.url, []string{"-U", "bob:" + canary}, exitStatus, "502"},
		"wrong":              {strings.Replace(with, "bob", "eve", 1), nil, exitRefused, "refused by the peer"},
		"none":               {proxy.url, nil, exitPolicy, "no credentials"},
		"a proxy of no use":  {"socks5://127.0.0.1:1", []string{"-U", "bob:" + canary}, exitUsage, "--proxy-user needs --proxy"},
		"a proxy not there":  {strings.Replace("http://bob:pw@127.0.0.1:1", "pw", canary, 1), nil, exitTransport, "127.0.0.1:1"},
		"a proxy of no kind": {strings.Replace("ftp://bob:pw@127.0.0.1:1", "pw", canary, 1), nil, exitTransport, "socks5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("http_proxy", row.variable)
			got := call(t, "", append([]string{"get", "-v", "http://origin.invalid/"}, row.args...)...)
			if got.code != row.code || !strings.Contains(got.stderr, row.stderr) || strings.Contains(got.stderr, canary) {
				t.Errorf("exit code %d, want %d and %q\n%s", got.code, row.code, row.stderr, got.stderr)
			}
		})
	}
}

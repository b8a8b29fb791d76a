package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// newPaths starts a server whose pages redirect: /to?STATUS&URL, and /loop to itself. Others
// tell what they got.
func newPaths(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		if where, ok := strings.CutPrefix(r.URL.RawQuery, "30"); ok && strings.HasPrefix(r.URL.Path, "/to") {
			fmt.Sscanf("30"+where[:1], "%d", &status)
			w.Header().Set("Location", where[2:])
			w.WriteHeader(status)
			return
		}
		if r.URL.Path == "/loop" {
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		}
		fmt.Fprintf(w, "%s %s auth=%s cookie=%s referer=%s x=%s", r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Referer(), r.Header.Get("X-Test"))
	}))
	t.Cleanup(s.Close)
	return s
}

// TestGetLocation: get follows redirects as curl does, and what was meant for one origin stays
// there.
func TestGetLocation(t *testing.T) {
	a, b := newPaths(t), newPaths(t)
	mine := []string{"-H", "Authorization: Own " + canary, "-H", "Cookie: c=1", "-H", "X-Test: y"}
	for name, row := range map[string]struct {
		args   []string
		code   int // of get
		curl   int
		stdout string
	}{
		"without the flag":     {[]string{a.URL + "/to?302&/end"}, 0, 0, ""},
		"within the origin":    {append(mine, "-L", a.URL+"/to?302&/end"), 0, 0, "GET /end auth=Own " + canary + " cookie=c=1 referer= x=y"},
		"to another port":      {append(mine, "-L", a.URL+"/to?302&"+b.URL+"/end"), 0, 0, "GET /end auth= cookie= referer= x=y"},
		"there by 307":         {append(mine, "-L", a.URL+"/to?307&"+b.URL+"/end"), 0, 0, "GET /end auth= cookie= referer= x=y"},
		"a form by 302":        {[]string{"-L", "-d", "x=y", a.URL + "/to?302&/end"}, 0, 0, "GET /end auth="},
		"a form by 303":        {[]string{"-L", "-d", "x=y", a.URL + "/to?303&/end"}, 0, 0, "GET /end auth="},
		"a form by 307":        {[]string{"-L", "-d", "x=y", a.URL + "/to?307&/end"}, 0, 0, "POST /end auth="},
		"a form by 308":        {[]string{"-L", "-d", "x=y", a.URL + "/to?308&/end"}, 0, 0, "POST /end auth="},
		"two, as many as may":  {[]string{"-L", "--max-redirs", "2", a.URL + "/to?302&/to?302&/end"}, 0, 0, "GET /end"},
		"two, one more":        {[]string{"-L", "--max-redirs", "1", a.URL + "/to?302&/to?302&/end"}, exitTransport, 47, ""},
		"none may":             {[]string{"-L", "--max-redirs", "0", a.URL + "/to?302&/end"}, exitTransport, 47, ""},
		"a loop":               {[]string{"-L", a.URL + "/loop"}, exitTransport, 47, ""},
		"to another protocol":  {[]string{"-L", a.URL + "/to?302&file:///etc/passwd"}, exitTransport, 1, ""},
		"with -w":              {[]string{"-L", "-w", "|%{num_redirects} %{http_code} %{size_download} %{url_effective}", a.URL + "/to?302&/none"}, 0, 0, "|1 200 35 " + a.URL + "/none"},
		"not followed with -w": {[]string{"-w", "|%{num_redirects} %{http_code} %{redirect_url}", a.URL + "/to?302&/none"}, 0, 0, "|0 302 " + a.URL + "/none"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, row.args, func(t *testing.T, r result, _ string) {
				if want := []int{row.code, row.curl}; r.code != want[0] && strings.HasSuffix(t.Name(), "/get") || r.code != want[1] && strings.HasSuffix(t.Name(), "/curl") {
					t.Errorf("exit code %d, want that of %d\n%s", r.code, want, r.stderr)
				}
				if !strings.Contains(r.stdout, row.stdout) || row.stdout == "" && r.stdout != "" {
					t.Errorf("got %q, want %q", r.stdout, row.stdout)
				}
			})
		})
	}
	// What a URL of a redirect says of users is another server's word, and what went to another
	// origin does not come home.
	with := strings.Replace(a.URL, "http://", "http://eve:"+canary+"@", 1)
	call(t, "", "get", "-L", b.URL+"/to?302&"+with+"/end").want(t, 0, "GET /end auth= ", "")
	call(t, "", append(append([]string{"get"}, mine...), "-L", a.URL+"/to?302&"+b.URL+"/to?302&"+a.URL+"/end")...).want(t, 0, "GET /end auth= cookie= referer= x=y", "")
	call(t, "", "get", "-L", "--max-redirs", "-1", a.URL).want(t, exitUsage, "", "--max-redirs")
	requirement.Held(t, "unit:redirect_takes_none")
}

// TestGetLocationLogin: the login is for the origins of the URLs: a redirect to another server
// gets none, and that server's challenge fails.
func TestGetLocationLogin(t *testing.T) {
	s := serve(t, "--scheme", "digest", "--user", "alice:"+canary)
	front := newPaths(t)
	call(t, "", "get", "-L", "-u", "alice:"+canary, front.URL+"/to?302&"+s.url+"/").want(t, exitPolicy, "", "no credentials")
	call(t, "", "get", "-L", "-u", "alice:"+canary, front.URL+"/to?302&"+s.url+"/", s.url).want(t, 0, "hello alice", "")
	call(t, "", "get", "-L", "-w", "|%{auth_scheme}", "-u", "alice:"+canary, s.url).want(t, 0, "|Digest", "")
}

// TestGetRemoteName: -O writes where curl writes, and nowhere else.
func TestGetRemoteName(t *testing.T) {
	s := newPaths(t)
	for name, row := range map[string]struct{ path, file string }{
		"plain":       {"/a/b.txt", "b.txt"},
		"with query":  {"/b.txt?x=/c", "b.txt"},
		"escaped":     {"/a/b%20c", "b%20c"},
		"separators":  {"/a/..%2f..%2fb", "..%2f..%2fb"},
		"none":        {"/a/", ""},
		"no path":     {"", ""},
		"a redirect":  {"/to?302&/other", "to"},
		"with colons": {"/a/12:30", "12:30"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, []string{"-L", "-O", s.URL + row.path}, func(t *testing.T, r result, folder string) {
				files, err := os.ReadDir(folder)
				if err != nil || len(files) > 1 || (len(files) == 1) != (row.file != "") || len(files) == 1 && files[0].Name() != row.file {
					t.Errorf("the folder has %v (%v), want %q", files, err, row.file)
				}
				if (r.code == 0) != (row.file != "") || r.stdout != "" {
					t.Errorf("exit code %d, standard output %q", r.code, r.stdout)
				}
			})
		})
	}
	t.Chdir(t.TempDir())
	for _, path := range []string{"/..", "/.", `/a%5Cb/`, `/a\b`} {
		r := call(t, "", "get", "--silent", "-O", s.URL+path)
		if files, _ := os.ReadDir("."); len(files) > 0 && files[0].Name() != "a%5Cb" {
			t.Errorf("%q wrote %v (%+v)", path, files, r)
		}
	}
	outside := file(t, "outside", "kept")
	if err := os.Symlink(outside, "link"); err != nil {
		t.Skip(err)
	}
	call(t, "", "get", "-O", s.URL+"/link").want(t, exitTransport, "", "--remote-name")
	if b, _ := os.ReadFile(outside); string(b) != "kept" {
		t.Error("-O wrote through a symbolic link")
	}
	call(t, "", "get", "-O", "-o", filepath.Join(t.TempDir(), "x"), s.URL+"/x").want(t, exitUsage, "", "exclude")
}

// TestGetSilent: -s hides why a transfer failed, -S shows it, and the exit code tells.
func TestGetSilent(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		says bool
	}{
		"-s":    {[]string{"-s"}, false},
		"-s -S": {[]string{"-s", "-S"}, true},
		"-sS":   {[]string{"-sS"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, append(row.args, "http://127.0.0.1:1/"), func(t *testing.T, r result, _ string) {
				if (r.stderr != "") != row.says || r.code == 0 {
					t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
				}
			})
		})
	}
	call(t, "", "get", "-s", "http://127.0.0.1:1/", "http://127.0.0.1:1/").want(t, exitTransport, "", "")
	call(t, "", "get", "-s", "http://").want(t, exitUsage, "", "invalid URL")
}

// TestGetWriteOut: the variables are curl's.
func TestGetWriteOut(t *testing.T) {
	s := newPaths(t)
	for format, want := range map[string]string{
		`%{http_code} %{response_code}\n`:             "200 200\n",
		`%{size_download}%%\t%{num_redirects}`:        "31%\t0",
		`%{method} %{http_version} %{content_type}`:   "GET 1.1 text/plain; charset=utf-8",
		`%{url_effective} [%{redirect_url}]`:          s.URL + "/ []",
		`%{exitcode} %{urlnum} %{filename_effective}`: "0 0 out",
		`%{scheme}`: "http",
		`100% \q`:   `100% \q`,
		`%`:         `%`,
	} {
		t.Run(format, func(t *testing.T) {
			both(t, []string{"-o", "out", "-w", format, s.URL}, func(t *testing.T, r result, _ string) {
				if got := r.stdout; !strings.EqualFold(got, want) || r.code != 0 {
					t.Errorf("wrote %q, want %q", got, want)
				}
			})
		})
	}
	both(t, []string{"-w", "%{http_code}", "http://127.0.0.1:1/"}, func(t *testing.T, r result, _ string) {
		if r.stdout != "000" {
			t.Errorf("without a response: %q", r.stdout)
		}
	})
	for _, format := range []string{"%{nonsense}", "%{http_code"} {
		call(t, "", "get", "-w", format, s.URL).want(t, exitUsage, "", "--write-out: unknown variable")
	}
	call(t, "", "get", "-w", "%{url_effective}", strings.Replace(s.URL, "//", "//alice:"+canary+"@", 1)).want(t, 0, s.URL, "")
	for _, name := range writeOutNames() {
		if !strings.Contains(newGet().Long, " "+name) {
			t.Errorf("the help does not name %s", name)
		}
	}
}

// TestGetResolve: a host and port is where the flag says.
func TestGetResolve(t *testing.T) {
	s := newPaths(t)
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	at := "http://Origin.invalid:" + port + "/x"
	for name, row := range map[string]struct {
		value string
		ok    bool
	}{
		"an address":     {"origin.invalid:" + port + ":127.0.0.1", true},
		"in upper case":  {"ORIGIN.invalid:" + port + ":127.0.0.1", true},
		"two addresses":  {"origin.invalid:" + port + ":127.0.0.1,[::1]", true},
		"another port":   {"origin.invalid:1:127.0.0.1", false},
		"another host":   {"other.invalid:" + port + ":127.0.0.1", false},
		"no address":     {"origin.invalid:" + port + ":", false},
		"no port":        {"origin.invalid", false},
		"no IP address":  {"origin.invalid:" + port + ":localhost", false},
		"no port number": {"origin.invalid:x:127.0.0.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, []string{"--resolve", row.value, at}, func(t *testing.T, r result, _ string) {
				if (r.code == 0) != row.ok {
					t.Errorf("exit code %d: %s", r.code, r.stderr)
				}
			})
		})
	}
	call(t, "", "get", "--resolve", "origin.invalid:80:", at).want(t, exitUsage, "", "--resolve: expected an IP address")
	call(t, "", "get", "--resolve", "origin.invalid", at).want(t, exitUsage, "", "--resolve: expected HOST:PORT")
	call(t, "", "get", "--http3", "--resolve", "origin.invalid:80:127.0.0.1", at).want(t, exitUsage, "", "--http3")
}

// TestGetTicketsStay: what has credentials for any origin, as a credential cache has, is asked for
// those of the URLs and for proxies alone.
func TestGetTicketsStay(t *testing.T) {
	home, err := url.Parse("https://Home.example/")
	if err != nil {
		t.Fatal(err)
	}
	s := within([]*url.URL{home, {Scheme: "https"}}, answer.Func(func(context.Context, gss.Question) gss.Answer { return gss.Password{User: "alice"} }))
	for name, row := range map[string]struct {
		side   gss.Side
		target gss.Target
		want   bool
	}{
		"the URL's":       {gss.Origin, gss.Target{Scheme: "https", Host: "home.example", Port: 443}, true},
		"another host":    {gss.Origin, gss.Target{Scheme: "https", Host: "sub.home.example", Port: 443}, false},
		"another port":    {gss.Origin, gss.Target{Scheme: "https", Host: "home.example", Port: 8443}, false},
		"without TLS":     {gss.Origin, gss.Target{Scheme: "http", Host: "home.example", Port: 443}, false},
		"none":            {gss.Origin, gss.Target{}, false},
		"that of a proxy": {gss.Proxy, gss.Target{Scheme: "http", Host: "proxy.example", Port: 3128}, true},
	} {
		if got := s.Answer(t.Context(), gss.NeedCredential{Side: row.side, Target: row.target}); (got != gss.Declined{}) != row.want {
			t.Errorf("%s: %T", name, got)
		}
	}
	requirement.Held(t, "unit:tickets_stay")
}

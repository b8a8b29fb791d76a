package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newCookieServer starts a server that sets the cookies of its query and tells those that it got.
func newCookieServer(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, set := range r.URL.Query()["set"] {
			w.Header().Add("Set-Cookie", set)
		}
		names := strings.Split(strings.ReplaceAll(r.Header.Get("Cookie"), " ", ""), ";") // curl joins several -b without a space
		slices.Sort(names)
		fmt.Fprintf(w, "[%s]", strings.Join(names, "; "))
	}))
	t.Cleanup(s.Close)
	return s
}

// lines returns the lines of a cookie file that are no comments, sorted.
func lines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && (!strings.HasPrefix(line, "#") || strings.HasPrefix(line, httpOnlyMark)) {
			all = append(all, strings.Replace(line, "/x/\t", "/x\t", 1)) // curl 7 ends a default path with a slash
		}
	}
	slices.Sort(all)
	return all
}

// TestGetCookies: get sends and writes the cookies that curl does.
func TestGetCookies(t *testing.T) {
	s := newCookieServer(t)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	set := func(path string, cookies ...string) string {
		return s.URL + path + "?" + url.Values{"set": cookies}.Encode()
	}
	host := "www.example.com:" + u.Port()
	named := []string{"--resolve", host + ":127.0.0.1", "--resolve", "sub." + host + ":127.0.0.1"}
	far := time.Now().Add(time.Hour).Unix()
	saved := file(t, "saved", strings.Join([]string{
		"# Netscape HTTP Cookie File",
		"127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t1",
		fmt.Sprintf("#HttpOnly_127.0.0.1\tFALSE\t/sub\tFALSE\t%d\tdeep\t2", far),
		"127.0.0.1\tFALSE\t/\tFALSE\t1\told\t3",
		"127.0.0.1\tFALSE\t/\tTRUE\t0\tsecret\t4",
		"127.0.0.2\tFALSE\t/\tFALSE\t0\tother\t5",
		"no cookie",
		"",
	}, "\n"))
	for name, row := range map[string]struct {
		args   []string
		stdout string
		file   []string // of --cookie-jar
	}{
		"given":            {[]string{"-b", "a=1; b=2", s.URL}, "[a=1; b=2]", nil},
		"given twice":      {[]string{"-b", "a=1", "-b", "b=2", s.URL}, "[a=1; b=2]", nil},
		"not kept":         {[]string{set("/", "a=1"), s.URL}, "[][]", nil},
		"kept":             {[]string{"-c", "jar", set("/", "a=1"), s.URL}, "[][a=1]", []string{"127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1"}},
		"kept in memory":   {[]string{"-b", "", set("/", "a=1"), s.URL}, "[][a=1]", nil},
		"replaced":         {[]string{"-c", "jar", set("/", "a=1"), set("/", "a=2"), s.URL}, "[][a=1][a=2]", []string{"127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t2"}},
		"removed":          {[]string{"-c", "jar", set("/", "a=1"), set("/", "a=; Max-Age=0"), s.URL}, "[][a=1][]", nil},
		"of a path":        {[]string{"-c", "jar", set("/x/y", "a=1"), s.URL + "/x/z", s.URL}, "[][a=1][]", []string{"127.0.0.1\tFALSE\t/x\tFALSE\t0\ta\t1"}},
		"HttpOnly":         {[]string{"-c", "jar", set("/", "a=1; HttpOnly; Path=/q")}, "[]", []string{"#HttpOnly_127.0.0.1\tFALSE\t/q\tFALSE\t0\ta\t1"}},
		"of another host":  {[]string{"-c", "jar", set("/", "a=1; Domain=example.org"), s.URL}, "[][]", nil},
		"of a prefix":      {[]string{"-c", "jar", set("/", "__Host-a=1", "__Secure-b=1"), s.URL}, "[][]", nil},
		"a file":           {[]string{"-b", saved, s.URL, s.URL + "/sub/x"}, "[secret=4; session=1][deep=2; secret=4; session=1]", nil},
		"a file, written":  {[]string{"-b", saved, "-c", "jar", s.URL}, "[secret=4; session=1]", []string{"127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t1", "127.0.0.1\tFALSE\t/\tTRUE\t0\tsecret\t4", "127.0.0.2\tFALSE\t/\tFALSE\t0\tother\t5", fmt.Sprintf("#HttpOnly_127.0.0.1\tFALSE\t/sub\tFALSE\t%d\tdeep\t2", far)}},
		"no file":          {[]string{"-b", "nofile", "-c", "jar", set("/", "a=1")}, "[]", []string{"127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1"}},
		"of a domain":      {append(named, "-c", "jar", "http://"+host+"/?set=a%3D1%3B+Domain%3Dwww.example.com", "http://sub."+host+"/"), "[][a=1]", []string{".www.example.com\tTRUE\t/\tFALSE\t0\ta\t1"}},
		"of a host":        {append(named, "-c", "jar", "http://"+host+"/?set=a%3D1", "http://sub."+host+"/"), "[][]", []string{"www.example.com\tFALSE\t/\tFALSE\t0\ta\t1"}},
		"of a suffix":      {append(named, "-c", "jar", "http://"+host+"/?set=a%3D1%3B+Domain%3Dcom", "http://"+host+"/"), "[][]", nil},
		"on the output":    {[]string{"-c", "-", set("/", "a=1")}, "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1", nil},
		"with the flag -L": {[]string{"-L", "-b", "", set("/", "a=1"), s.URL}, "[][a=1]", nil},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, row.args, func(t *testing.T, r result, folder string) {
				if r.code != 0 || !strings.Contains(r.stdout, row.stdout) {
					t.Errorf("exit code %d, got %q, want %q\n%s", r.code, r.stdout, row.stdout, r.stderr)
				}
				if !slices.Contains(row.args, "jar") {
					return
				}
				want := slices.Sorted(slices.Values(row.file))
				if got := lines(t, filepath.Join(folder, "jar")); !slices.Equal(got, want) {
					t.Errorf("the file has %q, want %q", got, want)
				}
			})
		})
	}
	call(t, "", "get", "-c", "/nonexistent/jar", s.URL).want(t, exitTransport, "[]", "--cookie-jar: ")
	call(t, "", "get", "-b", t.TempDir(), s.URL).want(t, exitTransport, "", "--cookie: ")
	jar := filepath.Join(t.TempDir(), "jar")
	call(t, "", "get", "-c", jar, s.URL).want(t, 0, "[]", "")
	if i, err := os.Stat(jar); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("others can read the cookies: %v, %v", i.Mode(), err)
	}
}

// TestCookieBounds: no server fills the jar or writes lines of its own, and no printer shows it.
func TestCookieBounds(t *testing.T) {
	u := &url.URL{Scheme: "http", Host: "www.example.com", Path: "/"}
	c := newCookies()
	var many []*http.Cookie
	for i := range maxSetCookies + 1 {
		many = append(many, &http.Cookie{Name: fmt.Sprint("n", i), Value: canary})
	}
	c.SetCookies(u, many)
	if n := len(c.Cookies(u)); n != maxSetCookies {
		t.Errorf("one response set %d cookies", n)
	}
	for i := range maxCookies {
		c.SetCookies(&url.URL{Scheme: "http", Host: fmt.Sprintf("h%d.example", i), Path: "/"}, []*http.Cookie{{Name: "n", Value: "v"}})
	}
	if n := len(c.known); n != maxCookies {
		t.Errorf("the jar has %d cookies", n)
	}
	if got := fmt.Sprintf("%v %+v", c, c); strings.Contains(got, canary) {
		t.Error("the cookies show")
	}
	c = newCookies()
	c.SetCookies(u, []*http.Cookie{
		{Name: "long", Value: strings.Repeat("x", maxCookie)}, {Name: "a", Value: "1", Path: "/\tTRUE\t0\tb\t2"}, {Name: "a", Value: "1", Path: "/\nx"}, {Name: "s", Value: "1", Secure: true},
	})
	if got := c.text(); got != cookieFileHead {
		t.Errorf("the file is %q", got)
	}
	secure := &url.URL{Scheme: "https", Host: u.Host, Path: "/"}
	c.SetCookies(secure, []*http.Cookie{{Name: "s", Value: "1", Secure: true, Path: "/"}})
	c.SetCookies(u, []*http.Cookie{{Name: "s", Value: "2", Path: "/"}})
	if got := c.Cookies(secure); len(got) != 1 || got[0].Value != "1" {
		t.Errorf("a server without TLS replaced a cookie of TLS: %v", got)
	}
	if err := newCookies().read(strings.NewReader(strings.Repeat("#\n", maxCookieFile))); err == nil {
		t.Error("a file of any length is read")
	}
	if err := newCookies().read(strings.NewReader(strings.Repeat("x", 5*maxCookie))); err == nil {
		t.Error("a line of any length is read")
	}
}

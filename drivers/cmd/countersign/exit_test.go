package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestExitCodes: every failure ends with the code that the help gives for its kind, and its error
// names the flag or the URL that it is about.
func TestExitCodes(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(echo))
	defer page.Close()
	s := serve(t, "--scheme", "digest", "--user", "alice:secret")
	garbled := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", "Digest realm=")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer garbled.Close()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	t.Setenv("KRB5_CONFIG", file(t, "krb5.conf", "[libdefaults]\ndefault_realm = NOWHERE.INVALID\ndns_lookup_kdc = false\n"))
	t.Setenv("KRB5CCNAME", "FILE:"+t.TempDir()+"/none")
	const none = "/nonexistent/file"
	for command, row := range map[string]struct {
		code  int
		error string
	}{
		"get " + page.URL: {0, ""},
		"get " + page.URL + "/status/404?token=" + canary:               {exitStatus, page.URL + "/status/404: the server answered 404 Not Found"},
		"get -u alice:secret " + s.url:                                  {0, ""},
		"get -u alice:wrong " + s.url + "/page":                         {exitRefused, s.url + "/page: "},
		"get " + s.url:                                                  {exitPolicy, s.url + "/: "},
		"get --scheme basic -u alice:secret " + s.url:                   {exitPolicy, s.url + "/: "},
		"get -u alice:secret " + garbled.URL:                            {exitPeer, garbled.URL + "/: "},
		"get http://127.0.0.1:1/":                                       {exitTransport, "http://127.0.0.1:1/: "},
		"get -m 0.05 " + page.URL + "/hang":                             {exitTransport, page.URL + "/hang: "},
		"get -x http://127.0.0.1:1 " + page.URL:                         {exitTransport, page.URL + "/: "},
		"get --resolve origin.invalid:80:127.0.0.1":                     {exitUsage, "get --help"},
		"get htp://foo":                                                 {exitUsage, "htp://foo/: expected a URL of scheme http or https"},
		"get --nonsense " + page.URL:                                    {exitUsage, "--nonsense"},
		"get -m x " + page.URL:                                          {exitUsage, "--max-time"},
		"get --mutual never " + page.URL:                                {exitUsage, "never"},
		"get --cacert " + none + " " + page.URL:                         {exitTransport, "--cacert: open " + none},
		"get --ccache " + none + " " + page.URL:                         {exitTransport, "--ccache: "},
		"get --keytab " + none + " --principal a@B " + page.URL:         {exitTransport, "--keytab: "},
		"get --keytab " + none + " " + page.URL:                         {exitUsage, "--keytab needs --principal"},
		"get --netrc-file " + none + " " + page.URL:                     {exitTransport, "--netrc-file: open " + none},
		"get -u alice:@" + none + " " + page.URL:                        {exitTransport, "--user: "},
		"get -o " + none + " " + page.URL:                               {exitTransport, "--output: open " + none},
		"get -d @" + none + " " + page.URL:                              {exitTransport, "--data: open " + none},
		"get -O " + page.URL + "/":                                      {exitUsage, page.URL + "/: --remote-name"},
		"get -c " + none + " " + page.URL:                               {exitTransport, "--cookie-jar: " + none},
		"get -w %{no} " + page.URL:                                      {exitUsage, "--write-out: "},
		"serve --addr " + busy.Addr().String() + " --user alice:secret": {exitTransport, "--addr: "},
		"serve --addr 127.0.0.1:0 --keytab " + none:                     {exitTransport, "--keytab: "},
		"serve --addr 127.0.0.1:0 --user alice:@" + none:                {exitTransport, "--user: "},
		"serve --addr 127.0.0.1:0 --scheme magic --user alice:secret":   {exitUsage, "magic"},
		"kinit":                           {exitUsage, "user@REALM"},
		"kinit alice":                     {exitUsage, "COUNTERSIGN_PASSWORD"},
		"kinit --keytab " + none + " a@B": {exitTransport, "--keytab: "},
		"klist -k " + none:                {exitTransport, "--keytab: "},
		"klist":                           {exitTransport, "none"},
		"kinit --renew":                   {exitTransport, "none"},
		"replay " + none:                  {exitTransport, none},
		"explain --keytab " + none + " x": {exitTransport, "--keytab: "},
	} {
		t.Run(fmt.Sprintf("%.60s", command), func(t *testing.T) {
			r := call(t, "", strings.Fields(command)...)
			if r.code != row.code || !strings.Contains(r.stderr, row.error) || (r.stderr == "") != (row.error == "") {
				t.Errorf("%s\nexit code %d and %q, want %d and %q", command, r.code, r.stderr, row.code, row.error)
			}
			if strings.Contains(r.stderr, canary) || strings.Contains(r.stderr, "secret") {
				t.Error("a secret is on standard error")
			}
		})
	}
}

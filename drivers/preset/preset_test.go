package preset_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/internal/realmtest"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
)

// site serves a handler behind a preset on localhost, and reports the user, the scheme and the
// mechanism of each request.
func site(t *testing.T, s preset.Server) *httptest.Server {
	t.Helper()
	auth, err := s.Authenticator()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		mech := ""
		switch id.Info.Mech {
		case gss.NTLM:
			mech = " NTLM"
		case gss.Kerberos:
			mech = " Kerberos"
		}
		groups, err := krb5.Groups(id.Context)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "%v by %s%s, %d groups", id, id.Scheme, mech, len(groups))
	})))
	auth.Install(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	server.URL = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return server
}

// fetch returns what a client gets, or its error.
func fetch(t *testing.T, c preset.Client, url string) string {
	t.Helper()
	transport, err := c.Transport()
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(r.StatusCode, " ", string(b))
}

// Each preset of a client is let in by each preset of a server that can verify it, by the
// strongest scheme that both have.
func TestPresets(t *testing.T) {
	realm := realmtest.Start(t, "localhost")
	realm.Kinit(t, "bob")
	htdigest := filepath.Join(t.TempDir(), "users")
	// H("alice:staff:wonder") by MD5 and SHA-256, from md5sum and sha256sum
	weak, lines := htdigest+".md5", "alice:staff:bdbd7861bbd12cf229b306dc06b29f9b\nalice:staff:a288d6dd98bb82ebfc923369b5669073391187f212bff85b5ba64140d6d16b2f\n"
	for name, text := range map[string]string{htdigest: lines, weak: lines[:len("alice:staff:")+32]} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	users := map[string]string{"alice": "wonder"}
	servers := map[string]preset.Server{
		"users":           {Users: users},
		"htdigest":        {Htdigest: htdigest},
		"MD5":             {Htdigest: weak},
		"MD5 and users":   {Htdigest: weak, Users: map[string]string{"bob": "builder"}},
		"keytab":          {Keytab: realm.Keytab, Groups: true},
		"users and NTLM":  {Users: users, NTLM: true, Domain: "STAFF"},
		"keytab and NTLM": {Keytab: realm.Keytab, Users: users, NTLM: true},
		"keytab, users":   {Keytab: realm.Keytab, Users: users},
	}
	for _, row := range []struct {
		name   string
		client preset.Client
		server string
		want   string
	}{
		{"password", preset.Client{User: "alice", Password: "wonder"}, "users", "200 alice by Digest, 0 groups"},
		{"password", preset.Client{User: "alice", Password: "wonder"}, "htdigest", "200 alice by Digest, 0 groups"},
		{"password", preset.Client{User: "alice", Password: "wonder"}, "MD5", "200 alice by Digest, 0 groups"},
		{"password", preset.Client{User: "alice", Password: "wonder"}, "MD5 and users", "200 alice by Digest, 0 groups"},
		{"password", preset.Client{User: "bob", Password: "builder"}, "MD5 and users", "200 bob by Digest, 0 groups"},
		{"password", preset.Client{User: "alice", Password: "wonder"}, "users and NTLM", `200 STAFF\alice by Nego2 NTLM, 0 groups`},
		{"password and domain", preset.Client{User: `STAFF\alice`, Password: "wonder"}, "users and NTLM", `200 STAFF\alice by Nego2 NTLM, 0 groups`},
		{"password", preset.Client{User: "alice", Password: "wonder"}, "keytab and NTLM", "200 alice by Nego2 NTLM, 0 groups"},
		{"password of a realm", preset.Client{User: "alice@REALM.TEST", Password: "wonder"}, "keytab", "200 alice@REALM.TEST by Nego2 Kerberos, 2 groups"},
		{"tickets", preset.Client{Tickets: true}, "keytab", "200 bob@REALM.TEST by Nego2 Kerberos, 1 groups"},
		{"tickets", preset.Client{Tickets: true}, "keytab and NTLM", "200 bob@REALM.TEST by Nego2 Kerberos, 0 groups"},
		{"both", preset.Client{Tickets: true, User: "alice", Password: "wonder"}, "keytab, users", "200 bob@REALM.TEST by Nego2 Kerberos, 0 groups"},
		{"both", preset.Client{Tickets: true, User: "alice", Password: "wonder"}, "users", "200 alice by Digest, 0 groups"},
		{"both", preset.Client{Tickets: true, User: "alice", Password: "wonder"}, "users and NTLM", `200 STAFF\alice by Nego2 NTLM, 0 groups`},
	} {
		t.Run(row.name+" at "+row.server, func(t *testing.T) {
			s := site(t, servers[row.server])
			if row.client.User != "" {
				row.client.Origin = s.URL
			}
			if got := fetch(t, row.client, s.URL); got != row.want {
				t.Errorf("%s; want %s", got, row.want)
			}
		})
	}
}

// With Session a user who logged in with a ticket comes back by the cookie alone, with the groups of
// the ticket where Groups is set.
func TestPresetSession(t *testing.T) {
	realm := realmtest.Start(t, "localhost")
	member, err := krb5.MemberOf(nil, "S-1-5-21-1-2-3-513")
	if err != nil {
		t.Fatal(err)
	}
	for _, groups := range []bool{false, true} {
		conf := session.Config{Insecure: true}
		auth, err := preset.Server{Keytab: realm.Keytab, Groups: groups, Session: &conf}.Authenticator()
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := nethttp.IdentityFrom(r.Context())
			fmt.Fprintf(w, "%v, session %t, member %t", id, id.Session != nil, member(id))
		})))
		auth.Install(server.Config)
		server.Start()
		defer server.Close()
		url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
		transport, err := preset.Client{Origin: url, User: "alice@REALM.TEST", Password: "wonder"}.Transport()
		if err != nil {
			t.Fatal(err)
		}
		defer transport.CloseIdleConnections()
		ask := func(c http.RoundTripper, cookies ...*http.Cookie) (string, []*http.Cookie) {
			t.Helper()
			r, err := http.NewRequest("GET", url, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cookies {
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			}
			res, err := c.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(b), res.Cookies()
		}
		got, cookies := ask(transport)
		if want := fmt.Sprintf("alice@REALM.TEST, session false, member %t", groups); got != want || len(cookies) != 1 {
			t.Fatalf("%q with %d cookies, want %q", got, len(cookies), want)
		}
		if got, _ := ask(http.DefaultTransport, cookies...); got != fmt.Sprintf("alice@REALM.TEST, session true, member %t", groups) {
			t.Errorf("by the cookie: %q", got)
		}
		if conf.Groups != nil {
			t.Error("the caller's configuration was changed")
		}
	}
}

// The proxy's login is the one in its URL, and the origin's is not shown to it.
func TestPresetProxy(t *testing.T) {
	origin := site(t, preset.Server{Users: map[string]string{"alice": "wonder"}})
	config, err := preset.Server{Realm: "proxy", Users: map[string]string{"bob": "builder"}}.Config()
	if err != nil {
		t.Fatal(err)
	}
	conf := nethttp.ProxyConfig{Source: config.Source, Allow: func(string, string, uint16) bool { return true }}
	conf.Proxy.Auth = config.Auth
	p, err := nethttp.NewProxy(conf)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(p)
	p.Install(front.Config)
	front.Start()
	defer front.Close()
	c := preset.Client{Origin: origin.URL, User: "alice", Password: "wonder", Proxy: strings.Replace(front.URL, "://", "://bob:builder@", 1)}
	if got := fetch(t, c, origin.URL); got != "200 alice by Digest, 0 groups" {
		t.Error(got)
	}
	c.Proxy = strings.Replace(front.URL, "://", "://bob:wrong@", 1)
	if got := fetch(t, c, origin.URL); !strings.Contains(got, "proxy") || strings.Contains(got, "wrong@") {
		t.Error(got)
	}
	c.Proxy = front.URL
	if got := fetch(t, c, origin.URL); strings.HasPrefix(got, "200") {
		t.Error("the proxy was shown the origin's login: ", got)
	}
}

// A preset that cannot work says which field to set.
func TestPresetMisuse(t *testing.T) {
	for want, make := range map[string]func() error{
		"has nothing to log on with": func() error { _, err := preset.Client{}.Config(); return err },
		"no Origin":                  func() error { _, err := preset.Client{User: "alice", Password: "x"}.Config(); return err },
		"no User":                    func() error { _, err := preset.Client{Origin: "http://a.test", Password: "x"}.Config(); return err },
		"Client.Proxy":               func() error { _, err := preset.Client{Tickets: true, Proxy: "alice:secret@"}.Config(); return err },
		"the scheme must be http":    func() error { _, err := preset.Client{Origin: "ftp://a.test", User: "alice"}.Config(); return err },
		"nothing to verify clients":  func() error { _, err := preset.Server{}.Config(); return err },
		"NTLM is not set":            func() error { _, err := preset.Server{NTHashes: "x"}.Config(); return err },
		"without users that NTLM":    func() error { _, err := preset.Server{Keytab: "x", NTLM: true}.Config(); return err },
		"without a Keytab":           func() error { _, err := preset.Server{Htdigest: "x", Groups: true}.Config(); return err },
		"without a password":         func() error { _, err := preset.Server{Users: map[string]string{"alice": ""}}.Config(); return err },
		"no/such/users":              func() error { _, err := preset.Server{Htdigest: "no/such/users"}.Config(); return err },
		"no/such/keytab":             func() error { _, err := preset.Server{Keytab: "no/such/keytab"}.Config(); return err },
		"no/such/hashes":             func() error { _, err := preset.Server{NTHashes: "no/such/hashes", NTLM: true}.Config(); return err },
	} {
		if err := make(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

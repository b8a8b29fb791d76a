package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// TestClock: the cache has the difference between this clock and the KDC's.
func TestClock(t *testing.T) {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{{Name: "alice", Password: "wonder"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	early := answer.On(func(_ context.Context, need gss.NeedExchange) gss.Answer {
		env := entropy.Env()
		env.Now -= int64(20 * time.Minute)
		return gss.Reply{Data: realm.Answer(env, need.Realm, need.Request)}
	})
	path := filepath.Join(t.TempDir(), "cache")
	if err := run(t.Context(), early, strings.NewReader("wonder\n"), io.Discard, []string{"get", "alice@A.TEST", path}); err != nil {
		t.Fatal(err)
	}
	cache, err := (&krb5.Cache{Name: path}).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if offset := cache.Offset(); offset.Round(time.Minute) != -20*time.Minute {
		t.Errorf("the cache has %v, want -20m", offset)
	}
}

func TestTickets(t *testing.T) {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{
		Name: "A.TEST", Types: []krb.EType{krb.AES256SHA384, krb.AES128SHA1},
		Principals: []kdctest.Principal{{Name: "alice", Password: "wonder"}, {Name: "HTTP/www.a.test", Password: "service"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cache, keytab := filepath.Join(dir, "cache"), filepath.Join(dir, "keytab")
	if err := krb5.WriteKeytab(keytab, realm.Keytab("HTTP/www.a.test@A.TEST")); err != nil {
		t.Fatal(err)
	}
	tickets := func(in string, args ...string) (string, error) {
		var out strings.Builder
		err := run(t.Context(), krb5.InProcess(realm), strings.NewReader(in), &out, args)
		return out.String(), err
	}
	if _, err := tickets("guess\n", "get", "alice@A.TEST", cache); !errors.Is(err, gss.BadCredentials) {
		t.Errorf("with a wrong password: %v, want %v", err, gss.BadCredentials)
	}
	if _, err := tickets("wonder\n", "get", "alice@A.TEST", cache); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(cache)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tickets("", "renew", cache); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(cache); err != nil || string(after) == string(before) {
		t.Errorf("the ticket is not renewed: %v", err)
	}
	for _, row := range []struct{ command, file, want string }{
		{"list", cache, `(?s)^Principal: alice@A\.TEST
krbtgt/A\.TEST@A\.TEST +20\S+ \S+ +20\S+ \S+ +20\S+ \S+ +aes256-cts-hmac-sha384-192 +aes256-cts-hmac-sha384-192 +.*forwardable.*renewable.*
$`},
		{"keys", keytab, `^1 \S+( \S+)? HTTP/www\.a\.test@A\.TEST aes256-cts-hmac-sha384-192
1 \S+( \S+)? HTTP/www\.a\.test@A\.TEST aes128-cts-hmac-sha1-96
$`},
	} {
		got, err := tickets("", row.command, row.file)
		if err != nil || !regexp.MustCompile(row.want).MatchString(got) {
			t.Errorf("%s: %v\n%s", row.command, err, got)
		}
	}
}

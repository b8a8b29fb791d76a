package hidden

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

type secretive struct {
	In[secretive]

	Open   string
	closed []string
}

// TestIn: no verb and no encoding shows what is in a type that embeds In, by value or by
// pointer, alone or within others.
func TestIn(t *testing.T) {
	s := secretive{Open: "canary", closed: []string{"canary"}}
	for _, v := range []any{s, &s, []any{s}, map[string]any{"a": &s}, struct{ S any }{s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
				t.Errorf("%s of a %T: %s", verb, v, text)
			}
		}
		if b, err := json.Marshal(v); err != nil || strings.Contains(string(b), "canary") {
			t.Errorf("JSON of a %T: %s, %v", v, b, err)
		}
	}
	requirement.Held(t, "unit:drivers_show_no_secrets", "SECRET-1")
}

// TestRedact: no text shows a password of a URL, whether the URL parses or not, and
// what is none stays.
func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		`dial tcp 127.0.0.1:80: connect: connection refused`:                            "",
		`kerberos: alice@A.TEST is not known`:                                           "",
		`Get "http://user:***@h/": dial tcp: lookup h`:                                  "",
		`Get "http://user:xxxxx@h/": dial tcp: lookup h`:                                "",
		`parse "http://user:pa%zz@h/": invalid URL escape "%zz"`:                        `parse "http://***@h/": invalid URL escape "***"`,
		`proxyconnect http://user:pw@h:80/ failed`:                                      `proxyconnect http://***@h:80/ failed`,
		`invalid proxy address "user:pw@h:80:80": parse "http://user:pw@h:80:80": done`: `invalid proxy address "***@h:80:80": parse "http://***@h:80:80": done`,
		`parse "http://user:pa/ss@h": invalid port ":pa" after host`:                    `parse "http://***@h": invalid port "***" after host`,
		`parse "http://user:p w@h": net/url: invalid userinfo`:                          `parse "http://***@h": net/url: invalid userinfo`,
		`parse "http://user:p\"w@h": net/url: invalid userinfo`:                         `parse "http://***@h": net/url: invalid userinfo`,
		`socks5://user:p@w@h`:                                                           `socks5://***@h`,
	} {
		if want == "" {
			want = in
		}
		if got := Redact(in); got != want {
			t.Errorf("%s\n gives %s\n want  %s", in, got, want)
		}
	}
	requirement.Held(t, "unit:errors_show_no_secrets", "SECRET-2")
}

// TestErrors: real errors of net/url and net/http.
func TestErrors(t *testing.T) {
	for _, raw := range []string{"http://user:canary@h:80:80", "http://user:can%zzary@h", "http://user:canary/x@h", "http://user:canary x@h", "http://user:canary\x7f@h", "http://user:canary@[::1"} {
		_, parse := url.Parse(raw)
		if parse == nil {
			t.Errorf("%q parses", raw)
			continue
		}
		for _, err := range []error{parse, fmt.Errorf("proxy: %w", parse), fmt.Errorf("invalid proxy address %q: %v", raw, parse), &url.Error{Op: "Get", URL: "http://origin/", Err: parse}} {
			clean := Error(err)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				if text := fmt.Sprintf(verb, clean); strings.Contains(text, "canary") || strings.Contains(text, "zzary") {
					t.Errorf("%s of %T: %s", verb, err, text)
				}
			}
			if b, _ := json.Marshal(clean); strings.Contains(string(b), "canary") {
				t.Errorf("JSON: %s", b)
			}
			if _, ok := errors.AsType[*url.Error](err); ok && !errors.Is(clean, parse) {
				t.Error("what was wrapped is not found")
			}
		}
		requirement.Held(t, "unit:errors_show_no_secrets", "SECRET-2")
	}
	if err := Error(http.ErrServerClosed); err != http.ErrServerClosed || Error(nil) != nil {
		t.Error("an error without a URL is another one")
	}
}

package show

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/header"
)

func TestCredentials(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"Basic YWxpY2U6c2VjcmV0", "Basic ***"},
		{"basic YWxpY2U6c2VjcmV0", "basic ***"},
		{"Bearer secret=secret", "Bearer ***"},
		{"secret", "***"},
		{"Digest secret", "Digest ***"},
		{`Digest username="a", uri="/"`, `Digest username="a", uri="/"`},
		{"NTLM TlRMTVNTUAA=", "NTLM TlRMTVNTUAA="},
		{"Digest username=\"\u009b31m\"", "Digest username=\"\ufffd31m\""},
	} {
		if got := Credentials(header.ParseCredentials(test.line)); got != test.want {
			t.Errorf("%s: %s, want %s", test.line, got, test.want)
		}
	}
}

func TestFields(t *testing.T) {
	got := Response(header.ParseResponse(func(name string) []string {
		return map[string][]string{
			header.WWWAuthenticate:         {`Negotiate, Digest realm="`},
			header.ProxyAuthenticate:       {"NTLM"},
			header.AuthenticationInfo:      {"nextnonce=x"},
			header.PersistentAuthField:     {"true"},
			header.ProxySupportField:       {header.SessionBased},
			header.ProxyAuthenticationInfo: {"nextnonce=y"},
		}[name]
	}))
	var b strings.Builder
	for _, f := range got {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	const want = `Proxy-Authenticate: NTLM
WWW-Authenticate: Negotiate
WWW-Authenticate: Digest (malformed)
Proxy-Authentication-Info: nextnonce=y
Authentication-Info: nextnonce=x
Persistent-Auth: true
Proxy-Support: Session-Based-Authentication
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestStatus(t *testing.T) {
	for code, want := range map[int]string{200: "200 OK", 407: "407 Proxy Authentication Required", 999: "999", 0: "no status", 1 << 20: "no status"} {
		if got := Status(code); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}

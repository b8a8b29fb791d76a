package interop

import (
	"strings"
	"testing"
)

// TestServeConnectionBoundTLS: over TLS, where curl prefers HTTP/2, "countersign serve" completes NTLM
// under each of its names. Schemes that run on HTTP/2 are served there.
func TestServeConnectionBoundTLS(t *testing.T) {
	t.Parallel()
	needCurl(t)
	ntlm := gssUser(t, alice, password) // NTLM_USER_FILE, for --negotiate
	login := []string{"--user", alice + ":" + password}
	ambient := []string{"--user", ":"}
	for _, row := range []struct {
		name, schemes string
		args          []string
		by, version   string
	}{
		{"Negotiate", "negotiate", append(ambient, "--negotiate"), "Negotiate", "1.1"},
		{"Negotiate, any", "nego2,negotiate", append(ambient, "--anyauth"), "Negotiate", "1.1"},
		{"NTLM", "ntlm", append(login, "--ntlm"), "NTLM", "1.1"},
		{"NTLM, any", "ntlm,basic", append(login, "--anyauth"), "NTLM", "1.1"},
		{"Digest beside NTLM, any", "digest,ntlm", append(login, "--digest"), "Digest", "1.1"},
		{"Digest", "digest", append(login, "--anyauth"), "Digest", "2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := startServe(t, "--scheme", row.schemes, "--domain", domain, "--user", alice+":"+password, "--tls-cert", pki.file, "--tls-key", pki.key)
			c := curlWith(t, ntlm, append(row.args, "--cacert", pki.file, s.url)...)
			c.want(t, 200)
			if !strings.Contains(c.bodies, "hello alice via "+row.by) {
				t.Errorf("curl got %q", c.bodies)
			}
			if len(c.transfers) == 1 && c.transfers[0].version != row.version {
				t.Errorf("over HTTP/%s, want %s", c.transfers[0].version, row.version)
			}
		})
	}
}

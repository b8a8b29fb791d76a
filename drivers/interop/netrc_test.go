package interop

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/internal/netrc"
)

// TestNetrc: what curl takes from a netrc file, the command takes.
func TestNetrc(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	t.Cleanup(s.Close)
	const host = "127.0.0.1"
	for name, text := range map[string]string{
		"one line":         "machine 127.0.0.1 login alice password secret\n",
		"several lines":    "machine 127.0.0.1\n\tlogin alice\n\tpassword secret\n",
		"quotes":           `machine 127.0.0.1 login alice password "a \"secret\" with \\ and spaces"` + "\n",
		"keys of any case": "MACHINE 127.0.0.1 LOGIN alice PASSWORD secret\n",
		"a comment":        "# machine 127.0.0.1 login bob password no\nmachine 127.0.0.1 login alice password secret\n",
		"a number sign":    "machine 127.0.0.1 login alice password \"#secret\" # or not\n",
		"another host":     "machine other.example login bob password no\nmachine 127.0.0.1 login alice password secret\n",
		"the first":        "machine 127.0.0.1 login alice password secret\nmachine 127.0.0.1 login bob password no\n",
		"the default":      "machine other.example login bob password no\ndefault login alice password secret\n",
		"a macro":          "macdef init\nmachine 127.0.0.1 login bob password no\n\nmachine 127.0.0.1 login alice password secret\n",
		"no end of line":   "machine 127.0.0.1 login alice password secret",
	} {
		file := filepath.Join(t.TempDir(), "netrc")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := netrc.Parse(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		user, password, _ := f.Find(host, "")
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		want := r.Header.Get("Authorization")
		if got := curl(t, "--basic", "--netrc-file", file, s.URL).sent("Authorization"); len(got) != 1 || got[0] != want {
			t.Errorf("%s: curl sends %q, and the login is %q", name, got, want)
		}
	}
}

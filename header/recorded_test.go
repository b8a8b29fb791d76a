package header

import (
	"os"
	"strings"
	"testing"
)

// What deployed peers send is sound, and comes out as it went in.
func TestRecordedFields(t *testing.T) {
	text, err := os.ReadFile("testdata/recorded.txt")
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	for line := range strings.Lines(string(text)) {
		name, val, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			continue // the comment
		}
		fields++
		var got string
		switch name {
		case WWWAuthenticate, ProxyAuthenticate:
			for c := range ParseChallenges(val).All() {
				got += c.Text()
			}
		case Authorization, ProxyAuthorization:
			got = ParseCredentials(val).Text()
		case AuthenticationInfo:
			got = ParseInfo(val).Text()
		case ProxySupportField:
			if parseProxySupport(val) {
				got = val
			}
		}
		if got != val {
			t.Errorf("%s: %q comes out as %q", name, val, got)
		}
	}
	if fields < 20 {
		t.Errorf("%d fields", fields)
	}
}

package reqtarget

import "testing"

// The grammar of a host and its port has these edges.
func TestAuthorityEdges(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port uint16
		ok   bool
	}{
		"[::]":                {"::", 0, true},
		"[::]:443":            {"::", 443, true},
		"a:65535":             {"a", 65535, true},
		"a:65536":             {},
		"a:655350":            {},
		"[::1.2.3.4]":         {"::1.2.3.4", 0, true},
		"[::1.2.3]":           {},
		"[::1.2.3:4]":         {},
		"[::1.2-3.4]":         {},
		"[::1.2.3.4.5]":       {},
		"[1:2:3:4:5:6:7:8]":   {"1:2:3:4:5:6:7:8", 0, true},
		"[1:2:3:4:5:6:7:8:9]": {},
		"[1:2:3:4:5:6:7:8::]": {},
	} {
		host, port, ok := ParseAuthority(text)
		if host != want.host || port != want.port || ok != want.ok {
			t.Errorf("%s is %q, %d, %t, want %q, %d, %t", text, host, port, ok, want.host, want.port, want.ok)
		}
	}
}

package authority

import (
	"net/url"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// TestSplit: what is no host and port is an error, rather than another host or port.
func TestSplit(t *testing.T) {
	for _, test := range []struct {
		scheme, authority, host string
		port                    uint16 // 0: none
	}{
		{"http", "Host.example", "host.example", 80},
		{"https", "host.example", "host.example", 443},
		{"HTTPS", "host.example", "host.example", 443},
		{"socks5", "host.example", "host.example", 1080},
		{"http", "host.example:", "host.example", 80}, // RFC 3986 section 3.2.3
		{"https", "[2001:DB8::1]:", "2001:db8::1", 443},
		{"http", "host.example:8080", "host.example", 8080},
		{"http", "host.example:00080", "host.example", 80},
		{"http", "host.example:65535", "host.example", 65535},
		{"http", "[::1]", "::1", 80},
		{"http", "[::1]:81", "::1", 81},
		{"http", "[fe80::1%eth0]:81", "fe80::1%eth0", 81},
		{"http", "", "", 80},
		{"http", "host.example:65536", "", 0},
		{"http", "host.example:99999", "", 0},
		{"http", "host.example:18446744073709551697", "", 0},
		{"http", "host.example:0", "", 0},
		{"http", "host.example:-1", "", 0},
		{"http", "host.example:+80", "", 0},
		{"http", "host.example:0x50", "", 0},
		{"http", "host.example:8_0", "", 0},
		{"http", "host.example: 80", "", 0},
		{"http", "host.example:80 ", "", 0},
		{"http", "host.example:http", "", 0},
		{"http", "host.example:８０", "", 0},
		{"http", "::1", "", 0},
		{"http", "a:b:80", "", 0},
		{"http", "[::1", "", 0},
		{"http", "[::1]80", "", 0},
		{"http", "::1]", "", 0},
		{"http", "[[::1]]", "", 0},
		{"http", "user@host.example", "", 0},
		{"http", "host.example/path", "", 0},
		{"http", "host.example\r\nx", "", 0},
	} {
		host, port, err := Split(test.scheme, test.authority)
		if host != test.host || port != test.port || (err == nil) != (test.port > 0) {
			t.Errorf("%s %q: %q %d %v, want %q %d", test.scheme, test.authority, host, port, err, test.host, test.port)
		}
		requirement.Held(t, "unit:ports_that_are_none", "CONN-2")
	}
}

// TestInternationalNames: hosts have A-labels, however they are written, and what has none is an error. The vectors are those of
// RFC 3492 section 7.1 and of UTS 46.
func TestInternationalNames(t *testing.T) {
	for _, test := range []struct {
		authority, host string
		port            uint16
		wire            string
	}{
		{"bücher.example", "xn--bcher-kva.example", 80, "xn--bcher-kva.example"},
		{"BÜCHER.Example:8080", "xn--bcher-kva.example", 8080, "xn--bcher-kva.example:8080"},
		{"bu\u0308cher.example.:80", "xn--bcher-kva.example.", 80, "xn--bcher-kva.example.:80"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", 80, "xn--bcher-kva.example"},
		{"例え。テスト:81", "xn--r8jz45g.xn--zckzah", 81, "xn--r8jz45g.xn--zckzah:81"},
		{"XN--Bcher-KVA.example", "xn--bcher-kva.example", 80, "XN--Bcher-KVA.example"}, // ASCII is sent as it is
		{"a_b.example", "a_b.example", 80, "a_b.example"},
		{"host\uff1a80.example", "", 0, "host\uff1a80.example"},
		{"host\uff0fpath", "", 0, "host\uff0fpath"},
		{"\u00ad", "", 0, "\u00ad"},
		{"\xff.example", "", 0, "\xff.example"},
		{"[fe80::1%\u00eb]", "", 0, "[fe80::1%\u00eb]"},
	} {
		host, port, err := Split("http", test.authority)
		if host != test.host || port != test.port || (err == nil) != (test.port > 0) {
			t.Errorf("%q: %q %d %v, want %q %d", test.authority, host, port, err, test.host, test.port)
		}
		if wire := Wire(test.authority); wire != test.wire {
			t.Errorf("%q is sent as %q, want %q", test.authority, wire, test.wire)
		}
		requirement.Held(t, "unit:international_names")
	}
	for name, want := range map[string]string{"Bücher.example": "xn--bcher-kva.example", ".bücher.example": ".xn--bcher-kva.example", "*": "*", "WWW.Example": "www.example"} {
		if got := Host(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestJoin: what Join returns is in normal form.
func TestJoin(t *testing.T) {
	for raw, want := range map[string]string{
		"http://Host.example:80/": "host.example", "https://host.example:443": "host.example", "http://host.example:443": "host.example:443",
		"https://[2001:DB8::1]/": "[2001:db8::1]", "http://[::1]:81": "[::1]:81", "http://host": "host",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		host, port, err := Split(u.Scheme, u.Host)
		if err != nil {
			t.Fatal(err)
		}
		if got := Join(u.Scheme, host, port); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

package http3_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"testing"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// headers returns a HEADERS frame of HTTP/3 with literal field lines with literal names
// (RFC 9114 section 7.2.2, RFC 9204 section 4.5.6).
func headers(fields ...[2]string) []byte {
	block := []byte{0, 0}
	for _, f := range fields {
		block = append(prefixed(block, 0x20, 3, len(f[0])), f[0]...)
		block = append(prefixed(block, 0, 7, len(f[1])), f[1]...)
	}
	return append(quicvarint.Append(quicvarint.Append(nil, 1), uint64(len(block))), block...)
}

// prefixed appends an integer with a prefix of so many bits (RFC 7541 section 5.1).
func prefixed(b []byte, pattern byte, bits, n int) []byte {
	most := 1<<bits - 1
	if n < most {
		return append(b, pattern|byte(n))
	}
	b = append(b, pattern|byte(most))
	for n -= most; n >= 128; n /= 128 {
		b = append(b, byte(n)|128)
	}
	return append(b, byte(n))
}

// A :path of HTTP/3 must be a path: an invalid one, or one that looks like a URI,
// reaches no handler.
func TestTargets(t *testing.T) {
	s := newEarlySite(t)
	_, roots := pki()
	c, err := quic.DialAddr(t.Context(), s.addr.String(), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{quichttp3.NextProtoH3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseWithError(0x100, "")
	send := func(scheme, authority, path string) []byte {
		str, err := c.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		str.Write(headers([2]string{":method", "GET"}, [2]string{":scheme", scheme}, [2]string{":authority", authority}, [2]string{":path", path}, [2]string{"authorization", login}))
		str.Close()
		said, _ := io.ReadAll(str)
		return said
	}
	for _, bad := range [][3]string{
		{"https", "localhost", "x:/public/y://h/admin"}, {"https", "localhost", "http:/public/a://b/admin"}, {"https", "localhost", "https:/secret"}, {"https", "localhost", "http://h/p"},
		{"https", "localhost", "*"}, {"https", "localhost", "p"}, {"https", "localhost", "/a#b"}, {"https", "u@localhost", "/p"}, {"https", "localhost:99999", "/p"}, {"https", "localhost/x", "/p"},
	} {
		if said := send(bad[0], bad[1], bad[2]); bytes.Contains(said, []byte("hello")) {
			t.Errorf("%q: %q", bad, said)
		}
		for len(s.told) > 0 {
			if line := <-s.told; line == "the handler ran for alice" {
				t.Errorf("%q: the handler ran", bad)
			}
		}
		requirement.Held(t, "unit:one_resource", "TARGET-1")
	}
	if said := send("https", "localhost", "//host/path?q"); !bytes.Contains(said, []byte("hello alice")) {
		t.Errorf("a path: %q", said)
	}
	s.want(t, "the handler ran for alice", "GET //host/path: 200 alice")
}

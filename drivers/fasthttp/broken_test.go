package fasthttp_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// An incomplete body, or one with a malformed chunk, does not reach the handler as a
// complete one, and nothing after it is read as a request.
func TestBrokenBodies(t *testing.T) {
	h := newHost(t, nil, false, scheme.BasicServer("r", scheme.AskVerifier))
	for name, body := range map[string]string{
		"a length":                 "Content-Length: 9\r\n\r\nhello",
		"no last chunk":            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"a size that is none":      "Transfer-Encoding: chunked\r\n\r\ng0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n" + rightly + "\r\n\r\n",
		"a chunk without its end":  "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n",
		"a body that is not begun": "Content-Length: 9\r\n\r\n",
	} {
		l := dialLine(t, h.url)
		fmt.Fprintf(l, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n%s", rightly, body)
		l.Conn.(*net.TCPConn).CloseWrite()
		if res, err := http.ReadResponse(l.r, nil); err == nil && res.StatusCode < 400 {
			text, _ := io.ReadAll(res.Body)
			t.Errorf("%s: status %d and %q, want a refusal", name, res.StatusCode, text)
		} else if err == nil {
			io.Copy(io.Discard, res.Body)
		}
		if more, _ := io.ReadAll(l.r); len(more) > 0 {
			t.Errorf("%s: more than one response: %q", name, more)
		}
	}
	requirement.Held(t, "unit:broken_body", "R9112-8-1")
}

// With a transfer coding other than chunked alone, the end of the request is unknown.
func TestCodingUnknown(t *testing.T) {
	for _, auth := range []string{rightly, wrongly, "X: y"} {
		for _, coding := range []string{"identity", "identity\r\nContent-Length: 3", "chunked\r\nTransfer-Encoding: identity"} {
			h := newHost(t, nil, false, scheme.BasicServer("r", scheme.AskVerifier))
			l := dialLine(t, h.url)
			l.SetDeadline(time.Now().Add(5 * time.Second)) // ends a test that fails
			fmt.Fprintf(l, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\nTransfer-Encoding: %s\r\n\r\nabcGET / HTTP/1.1\r\nHost: h\r\n\r\n", auth, coding)
			res, err := http.ReadResponse(l.r, nil)
			if err != nil {
				t.Fatalf("%q: %v", coding, err)
			}
			io.Copy(io.Discard, res.Body)
			if res.StatusCode != 400 && res.StatusCode != 501 || !res.Close {
				t.Errorf("%s, %q: status %d, closes %v, want 400 and the end", auth, coding, res.StatusCode, res.Close)
			}
			if more, _ := io.ReadAll(l.r); len(more) > 0 {
				t.Errorf("%s, %q: more than one response: %q", auth, coding, more)
			}
		}
	}
	requirement.Held(t, "unit:coding_unknown", "R9112-6.3-1")
}

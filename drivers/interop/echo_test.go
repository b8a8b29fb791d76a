package interop

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// report is what the CGI testdata/echo, or our own handler [echo], says that it
// got: the other side's view of a request.
type report struct{ user, auth, method, query, length, sha256 string }

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

var errNoReport = errors.New("the response is not the echo's")

// parseReport reads the echo's lines.
func parseReport(body string) (report, error) {
	fields := make(map[string]string)
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		fields[name] = value
	}
	if _, ok := fields["sha256"]; !ok {
		return report{}, errNoReport
	}
	return report{fields["user"], fields["auth"], fields["method"], fields["query"], fields["length"], fields["sha256"]}, nil
}

// readReport reads them off a response's content.
func readReport(r io.Reader) (report, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return report{}, err
	}
	return parseReport(string(body))
}

// echoes asks a peer that is coming up for its echo.
func echoes(addr string) error {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + addr + "/open/echo")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = readReport(res.Body)
	return err
}

// echo is the handler of this project's servers, with the same report. identity returns user
// and scheme.
func echo(identity func(*http.Request) (user, auth string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		if err != nil {
			http.Error(w, "the body broke off", http.StatusBadRequest)
			return
		}
		user, auth := identity(r)
		fmt.Fprintf(w, "user=%s\nauth=%s\nmethod=%s\nquery=%s\nlength=%d\nsha256=%s\n",
			user, auth, r.Method, r.URL.RawQuery, n, hex.EncodeToString(h.Sum(nil)))
	})
}

// payload is a body of 64 KB, more than fits into any one buffer on the way, and
// its hash.
func payload() (body []byte, hash string) {
	for len(body) < 64<<10 {
		body = fmt.Appendf(body, "%07d\n", len(body))
	}
	h := sha256.Sum256(body)
	return body, hex.EncodeToString(h[:])
}

func readText(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

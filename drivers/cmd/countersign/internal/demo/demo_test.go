package demo

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

// TestRun runs the whole demo, in both forms.
func TestRun(t *testing.T) {
	for _, mermaid := range []bool{false, true} {
		var out bytes.Buffer
		ok, err := Run(t.Context(), &out, mermaid)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			t.Errorf("some rows are not as expected:\n%s", out.String())
		}
		noSecrets(t, out.String())
		if n := strings.Count(out.String(), "✓"); n != len(rows()) {
			t.Errorf("%d rows are as expected, want %d", n, len(rows()))
		}
		if n := strings.Count(out.String(), "sequenceDiagram\n"); mermaid && n != len(rows()) {
			t.Errorf("%d diagrams, want %d", n, len(rows()))
		}
	}
}

// TestFailure: a row with another result than expected fails the demo.
func TestFailure(t *testing.T) {
	some := rows()[:2]
	some[1].want = "200 mallory via Basic"
	var out bytes.Buffer
	ok, err := run(t.Context(), &out, false, some)
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		t.Error("Run reports success although a row failed")
	}
	for _, want := range []string{"✗ expected 200 mallory via Basic, got 401 ", "FAIL", "1 of 2 rows"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
}

// noSecrets looks for the demo's passwords, plain and in base64.
func noSecrets(t *testing.T, out string) {
	t.Helper()
	check := func(text string) {
		for _, p := range []string{originPassword, proxyPassword} {
			if strings.Contains(text, p) {
				t.Errorf("a password shows in %q", text)
			}
		}
	}
	for line := range strings.Lines(out) {
		check(line)
	}
	for _, word := range regexp.MustCompile(`[A-Za-z0-9+/]{8,}=*`).FindAllString(out, -1) {
		if b, err := base64.StdEncoding.DecodeString(word); err == nil {
			check(string(b))
		}
	}
}

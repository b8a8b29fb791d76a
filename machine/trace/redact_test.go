package trace

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
)

// shows reports whether the canary can be seen in out, in any dress.
func shows(out string) bool {
	low := strings.ToLower(out)
	for _, dress := range []string{
		canary, hex.EncodeToString([]byte(canary)),
		strings.ToLower(base64.RawStdEncoding.EncodeToString([]byte(canary))),
		strings.ToLower(base64.StdEncoding.EncodeToString([]byte("alice:" + canary)))[:14],
		strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(canary)), "[", ""), "]"),
	} {
		if strings.Contains(low, dress) {
			return true
		}
	}
	return false
}

// outputs is everything that this package shows of records without being asked
// for the whole.
func outputs(t testing.TB, c Config, records ...Record) []string {
	var lines []Line
	for i := range records {
		records[i].Seq = uint64(i) + 1
		lines = append(lines, Redact(records[i]))
	}
	e, _, err := NewEncoder(c, fresh)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{Text(lines), Mermaid(lines), string(write(t, c, records...)), fmt.Sprint(Structure(lines))}
	for _, v := range []any{records, lines, c, e, Trace{Records: records, Lines: lines, Setup: c.Setup}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out = append(out, fmt.Sprintf(verb, v))
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(j))
	}
	return out
}

// No secret of any event or action shows in anything but a sealed part:
// prop:no_secret_in_any_format (HTA-12).
func TestCanary(t *testing.T) {
	if !shows("x"+canary) || !shows(base64.StdEncoding.EncodeToString([]byte(canary+"--"))) || !shows(fmt.Sprintf("%x", canary)) || !shows(fmt.Sprint([]byte("x"+canary))) {
		t.Fatal("the test does not see a canary")
	}
	c := sealed(t)
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(rapid.Custom(record), 1, 3).Draw(rt, "records")
		for i := range records {
			// A path is shown in transcripts; what stands behind its "?" is not.
			switch e := records[i].Event.(type) {
			case machine.Begin:
				e.Request.URI = "/path?q=" + canary
				records[i].Event = e
			case machine.Received:
				e.Request.URI = "http://alice:" + canary + "@host/path"
				records[i].Event = e
			}
		}
		for _, c := range []Config{c, {}} {
			for _, out := range outputs(t, c, records...) {
				if shows(out) {
					rt.Fatalf("the canary shows in %s", out)
				}
			}
		}
		requirement.Held(t, "prop:no_secret_in_any_format")
	})
}

// The same for whole exchanges, and for what a replay says of them.
func TestCanaryInExchanges(t *testing.T) {
	for name, make := range worlds(t) {
		w := make()
		for _, out := range outputs(t, sealed(t), w.records...) {
			if shows(out) {
				t.Errorf("%s: the canary shows in %s", name, out)
			}
		}
	}
}

// Every word of a redacted line comes from a table: of what a peer sent nothing
// is copied, not even what stands in the place of a scheme.
func TestRedactValues(t *testing.T) {
	for text, want := range map[string]string{
		"Basic YWxpY2U6c2VjcmV0":         "Basic <***>",
		"NEGOTIATE Zm9vYmFy":             "Negotiate <token 6 bytes>",
		`Digest username="a", realm="b"`: "Digest <2 parameters>",
		`Digest username="a"`:            "Digest <1 parameter>",
		"hunter2":                        "other",
		"hunter2 is my password":         "other <malformed>",
		`Digest username="`:              "Digest <malformed>",
		"Negotiate":                      "Negotiate",
		"":                               "<malformed>",
	} {
		f := credentials(header.Authorization, header.ParseCredentials(text))
		if got := f.Values[0].String(); got != want {
			t.Errorf("%q is shown as %q, expected %q", text, got, want)
		}
	}
	if f := credentials(header.Authorization, header.Credentials{}); f.Values != nil {
		t.Error("absent credentials are shown")
	}
}

func TestPath(t *testing.T) {
	for uri, want := range map[string]string{
		"/x":                           "/x",
		"/x?secret=1":                  "/x?…",
		"/x#f":                         "/x?…",
		"http://user:pw@host/x":        "…",
		"host:443":                     "host:443",
		"/a b\r\n;#\x00\xff":           "/a b__?…",
		"/" + strings.Repeat("y", 200): "/" + strings.Repeat("y", maxPath-1),
		"":                             "",
	} {
		if got := path(uri); got != want && !strings.HasPrefix(uri, "/a b") {
			t.Errorf("%q is shown as %q, expected %q", uri, got, want)
		} else if strings.ContainsAny(got, "\r\n\x00;#") {
			t.Errorf("%q is shown as %q", uri, got)
		}
	}
}

// Numbers that no constant names do not panic, and unknown kinds are said to be.
func TestRedactStrange(t *testing.T) {
	for _, r := range []Record{
		{},
		{Role: "x", Event: machine.Begin{Body: 200, Route: machine.Route{Kind: 200}}},
		{Role: Client, Event: machine.Response{Status: -1, BodySent: 9, Header: header.Response{PersistentAuth: 77}}},
		{Role: Client, Actions: machine.Do(nil, machine.Fail{Side: 9, Fault: gss.Fault{Code: 200}, Tried: strings.Repeat("x, ", 1000)})},
	} {
		l := Redact(r)
		if len(l.append(nil)) > 2000 {
			t.Errorf("a line has grown to %d bytes", len(l.append(nil)))
		}
		Text([]Line{l})
		Mermaid([]Line{l})
		Structure([]Line{l})
	}
}

package trace

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nexpected\n%s", file, got, want)
	}
}

// redacted are the lines of a world, as they are shown while it runs.
func redacted(w *world) []Line {
	var lines []Line
	for i, r := range w.records {
		r.Seq = uint64(i) + 1
		lines = append(lines, Redact(r))
	}
	return lines
}

// The pictures of whole exchanges.
func TestGolden(t *testing.T) {
	all := worlds(t)
	for file, name := range map[string]string{
		"basic": "basic", "refused": "basic, wrong password", "legs": "negotiate, 3 legs, final=true",
		"proxy": "negotiate through a proxy", "http2": "negotiate offered over HTTP/2",
	} {
		w := all[name]()
		golden(t, file+".mmd", Mermaid(redacted(w)))
		golden(t, file+".txt", Text(redacted(w)))
		golden(t, file+".ndjson", string(write(t, Config{}, w.records...)))
	}
}

// Seen from one end only, the same messages are told.
func TestOneEnd(t *testing.T) {
	w := worlds(t)["negotiate, 2 legs, final=true"]()
	for _, role := range []Role{Client, Server} {
		var lines []Line
		for _, l := range redacted(w) {
			if l.Role == role {
				lines = append(lines, l)
			}
		}
		var got, want []arrow
		for _, a := range flow(lines) {
			if a.to != "" && a.from != application && a.to != application {
				got = append(got, a)
			}
		}
		for _, a := range flow(redacted(w)) {
			if a.to != "" && a.from != application && a.to != application {
				want = append(want, a)
			}
		}
		if len(got) != len(want) || len(got) < 8 {
			t.Errorf("%s: %d messages, of both ends %d", role, len(got), len(want))
			continue
		}
		for i := range got {
			if got[i].from != want[i].from || got[i].to != want[i].to || got[i].text != want[i].text || len(got[i].fields) != len(want[i].fields) {
				t.Errorf("%s: message %d is %v, of both ends %v", role, i, got[i], want[i])
			}
		}
	}
}

// Notes and messages that no exchange above has.
func TestFlowRest(t *testing.T) {
	q := machine.Request{Method: "POST", URI: "/post", Scheme: "http", Host: "h", Port: 80}
	records := []Record{
		{Role: Client, Event: machine.Begin{Request: q, Route: machine.Route{Kind: machine.Forwarded}}, Actions: machine.Do(machine.Send{Body: machine.Expect, Probe: true})},
		{Role: Client, Event: machine.Response{Status: 407, Header: header.Response{ProxyAuthenticate: header.ParseChallenges(`Digest realm="a`, "Nego2 AAAA"), SessionBased: true}}, Actions: machine.Do(machine.Retire{})},
		{Role: Client, Err: "no", Event: machine.Begin{Request: q}},
		{Role: Proxy, Event: machine.Received{Request: q, Header: header.Request{Authorization: header.ParseCredentials("Bearer abc.def")}}, Actions: machine.Do(machine.Retire{End: machine.Upstream}, machine.Forward{Pin: machine.Fresh})},
		{Role: Proxy, Event: machine.Response{Status: 401, Header: header.Response{WWWAuthenticate: header.ParseChallenges("NTLM")}}, Actions: machine.Do(machine.Relay{Keep: true, Strip: true, SessionBased: true})},
		{Role: Proxy, Event: machine.Closed{End: machine.Upstream}},
		{Role: Server, Event: machine.Received{}, Actions: machine.Do(machine.Accept{Anonymous: true})},
	}
	var lines []Line
	for _, r := range records {
		lines = append(lines, Redact(r))
	}
	golden(t, "rest.mmd", Mermaid(lines))
	golden(t, "rest.txt", Text(lines))
}

package trace

import (
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Whole exchanges, written down sealed and read again, come out of the machines
// once more byte for byte: prop:replay (HTA-1).
func TestReplayExchanges(t *testing.T) {
	for name, make := range worlds(t) {
		t.Run(name, func(t *testing.T) {
			w := make()
			c := sealed(t)
			tr, err := Decode(c, write(t, c, w.records...))
			if err != nil {
				t.Fatal(err)
			}
			steps := 0
			for conn := 1; conn <= w.conn; conn++ {
				name := "conn-" + string(rune('0'+conn))
				steps += again(t, c.Vocabulary, w.freshClient, Of(tr.Records, Client, name))
				steps += again(t, c.Vocabulary, w.freshServer, Of(tr.Records, Server, name))
				if w.proxy != nil {
					steps += again(t, c.Vocabulary, w.freshProxy, Of(tr.Records, Proxy, name))
				}
			}
			if steps != len(w.records) || steps < 4 {
				t.Errorf("%d of %d steps were replayed", steps, len(w.records))
			}
			requirement.Held(t, "prop:replay")
		})
	}
}

func again[M machine.Machine[M]](t *testing.T, v Vocabulary, m M, records []Record) int {
	t.Helper()
	if _, d, err := Replay(v, m, records); err != nil || !d.IsZero() {
		t.Errorf("%T: %v, %v", m, d, err)
	}
	return len(records)
}

// A machine that is not as it was gives something else, and that is said.
func TestReplayDifference(t *testing.T) {
	w := worlds(t)["basic"]()
	v := Vocabulary{}
	server := Of(w.records, Server, "conn-1")
	for i := range server {
		server[i].Seq = uint64(10 + i)
	}
	realm, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("another realm", scheme.AskVerifier)}})
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("a realm", scheme.AskVerdict)}})
	if err != nil {
		t.Fatal(err)
	}
	optional, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("a realm", scheme.AskVerifier)}, Optional: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		m     machine.Server
		seq   uint64
		where string
	}{
		"other realm":   {realm, 10, "Reply.Challenges"},
		"other check":   {verdict, 11, "Ask.Question"},
		"lets anybody":  {optional, 10, "actions"},
		"zero machine":  {machine.Server{}, 10, "error"},
		"the very same": {w.freshServer, 0, ""},
	} {
		m, d, err := Replay(v, row.m, server)
		if err != nil || d.Seq != row.seq || d.Where != row.where {
			t.Errorf("%s: %v, %v; expected a difference in step %d at %q", name, d, err, row.seq, row.where)
		}
		if shows(d.String()) || row.seq == 10 && m != row.m {
			t.Errorf("%s: %v", name, d)
		}
	}
	if _, d, err := Replay(v, w.freshClient, server); err != nil || d.Where != "machine" {
		t.Errorf("a server's trace on a client: %v, %v", d, err)
	}
	// Secrets that differ make a difference, though redacted they look alike.
	changed := server[1]
	got := changed.Event.(machine.Received)
	got.Header.Authorization = header.TokenCredentials("Basic", "mallory:"+canary)
	changed.Event = got
	if _, d, err := Replay(v, w.freshServer, []Record{server[0], changed}); err != nil || d.Seq != 11 || d.Where != "Ask.Question" {
		t.Errorf("other credentials: %v, %v", d, err)
	}
	bad := Record{Role: Server, Event: machine.Answered{Answer: hash{canary}}}
	if _, _, err := Replay(v, w.freshServer, []Record{bad}); err == nil {
		t.Error("a value that cannot be written was compared")
	}
}

// Misuse is recorded and replayed like anything else.
func TestReplayMisuse(t *testing.T) {
	w := worlds(t)["basic"]()
	next, r, err := Step(w.freshClient, "x", w.env(), machine.Responding{Status: 200})
	if err == nil || r.Err != err.Error() || next != w.freshClient || !Redact(r).Misuse {
		t.Fatalf("%v: %v", r, err)
	}
	if _, d, err := Replay(Vocabulary{}, w.freshClient, []Record{r}); err != nil || !d.IsZero() {
		t.Errorf("%v, %v", d, err)
	}
}

// The structure of every real exchange holds, and says what is hidden.
func TestStructure(t *testing.T) {
	for name, make := range worlds(t) {
		w := make()
		tr, err := Decode(Config{}, write(t, Config{}, w.records...))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range Structure(tr.Lines) {
			_, closed := w.records[i].Event.(machine.Closed)
			if f.Broken != "" || f.Seq != uint64(i)+1 || (len(f.Hidden) == 0) != closed {
				t.Errorf("%s: step %d: %+v", name, i+1, f)
			}
		}
	}
}

// Structure finds what cannot have happened.
func TestStructureBroken(t *testing.T) {
	ask := Item{Kind: "Ask", ID: 3}
	for _, row := range []struct {
		name  string
		lines []Line
		want  string
	}{
		{"response before any request", []Line{{Role: Client, Event: Item{Kind: "Response"}}}, "while the machine was idle"},
		{"event of another role", []Line{{Role: Server, Event: Item{Kind: "Begin"}}}, "takes no such event"},
		{"event of nobody", []Line{{Role: Client, Event: Item{Kind: "\x00"}}}, "takes no such event"},
		{"action of another role", []Line{{Role: Client, Event: Item{Kind: "Begin"}, Actions: []Item{{Kind: "Accept"}}}}, "has no such action"},
		{"answer to nothing", []Line{{Role: Client, Event: Item{Kind: "Answered"}}}, "while the machine was idle"},
		{"answer to another question", []Line{
			{Role: Client, Event: Item{Kind: "Begin"}, Actions: []Item{ask}},
			{Role: Client, Event: Item{Kind: "Answered", ID: 2}}}, "to another question"},
		{"misuse with actions", []Line{{Role: Client, Misuse: true, Actions: []Item{ask}}}, "no actions"},
		{"life after death", []Line{
			{Role: Server, Event: Item{Kind: "Closed"}},
			{Role: Server, Event: Item{Kind: "Received"}}}, "while the machine was dead"},
	} {
		fs := Structure(row.lines)
		if got := fs[len(fs)-1].Broken; !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, expected %q", row.name, got, row.want)
		}
		for _, f := range fs[:len(fs)-1] {
			if f.Broken != "" {
				t.Errorf("%s: %q too early", row.name, f.Broken)
			}
		}
	}
	two := Structure([]Line{{Role: Client, Name: "a", Event: Item{Kind: "Begin"}, Actions: []Item{ask}}, {Role: Client, Name: "b", Event: Item{Kind: "Begin"}}})
	if two[1].Broken != "" {
		t.Error("two machines are taken for one")
	}
}

// What a record keeps of a context is its Info, and it cannot be used.
func TestRecordedContext(t *testing.T) {
	info := gss.Info{Mech: gss.NTLM, Peer: "alice"}
	c := recorded{info}
	next, out, err := c.Step(fresh, gss.Input{})
	if _, ok := c.Session(); ok || err != nil || next != gss.Context(c) || out.State != gss.Failed || out.Fault.Code != gss.Unsupported {
		t.Errorf("a recorded context gives %v, %v", out, err)
	}
	if !reflect.ValueOf(c).Comparable() || c.Info() != info {
		t.Error("a recorded context is not its Info")
	}
}

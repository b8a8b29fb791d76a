package machine

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

// The table says each thing once, with words that it explains, and explains none
// that it does not use; and every state can be reached.
func TestTransitions(t *testing.T) {
	seen := map[Transition]bool{}
	for _, row := range Transitions() {
		if seen[row] {
			t.Errorf("twice: %v", row)
		}
		seen[row] = true
	}
	for _, c := range charts {
		used := map[string]bool{}
		use := func(what, word string, list []named) {
			used[what+word] = true
			if !slices.ContainsFunc(list, func(n named) bool { return n.name == word }) {
				t.Errorf("%s: the %s %q is not explained", c.machine, what, word)
			}
		}
		reached := map[string]bool{c.states[0].name: true}
		rules := map[[2]string]bool{}
		for range c.states {
			for _, r := range c.rules {
				for _, o := range r.outcomes {
					reached[o.to] = reached[o.to] || reached[r.from]
				}
			}
		}
		for _, r := range c.rules {
			if rules[[2]string{r.from, r.event}] {
				t.Errorf("%s: two rules for %s, %s", c.machine, r.from, r.event)
			}
			rules[[2]string{r.from, r.event}] = true
			if len(r.outcomes) == 0 {
				t.Errorf("%s: nothing comes of %s, %s", c.machine, r.from, r.event)
			}
			use("state ", r.from, c.states)
			use("event ", r.event, c.events)
			for _, o := range r.outcomes {
				use("state ", o.to, c.states)
				if o.actions != "" {
					for w := range strings.SplitSeq(o.actions, ", ") {
						use("action ", w, c.actions)
					}
				}
			}
		}
		for what, list := range map[string][]named{"state ": c.states, "event ": c.events, "action ": c.actions} {
			for _, n := range list {
				if !used[what+n.name] || n.says == "" {
					t.Errorf("%s: the %s%q is not used, or not explained", c.machine, what, n.name)
				}
			}
		}
		for _, n := range c.states {
			if !reached[n.name] {
				t.Errorf("%s: nothing leads to %s", c.machine, n.name)
			}
		}
	}
	if got, want := (Transition{"client", "idle", "Closed", "", "dead"}).String(), "client: idle, Closed -> dead"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (Transition{"client", "idle", "Begin", "Ask", "asking"}).String(), "client: idle, Begin -> Ask, asking"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// watch steps m and gives the rows that it followed, which the table must have.
func watch[M Machine[M]](r *rig, m M, e Event) (M, Actions, []string) {
	r.t.Helper()
	next, acts := must(r, m, e)
	var rows []string
	for _, row := range TransitionsOf(m, e, acts, next) {
		rows = append(rows, row.String())
		if !slices.Contains(Transitions(), row) {
			r.t.Errorf("not declared: %v", row)
		}
	}
	return next, acts, rows
}

// One exchange of each machine, row by row.
func TestTransitionsOf(t *testing.T) {
	r := newRig(t)
	expect := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%q\nwant %q", got, want)
		}
	}

	c, _, rows := watch(r, clientOf(r, "NTLM"), begin(r, "GET http://a.example/"))
	expect(rows, "client: idle, Begin -> Send bare, sent")
	c, _, rows = watch(r, c, response(103))
	expect(rows, "client: sent, 1xx -> sent")
	c, _, rows = watch(r, c, response(401, "WWW-Authenticate: NTLM"))
	expect(rows, "client: sent, 401 -> Send credentials, sent", "side: unused, challenged -> credentials, halfway")
	c, _, rows = watch(r, c, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"))
	expect(rows, "client: sent, 401 -> Send credentials, sent", "side: halfway, challenged -> credentials, halfway")
	c, _, rows = watch(r, c, response(200))
	expect(rows, "client: sent, other status -> Deliver, idle", "side: halfway, passed -> end, persistent")
	c, _, rows = watch(r, c, begin(r, "GET http://a.example/"))
	expect(rows, "client: idle, Begin -> Send bare, sent", "side: persistent, Begin -> bare, persistent")
	_, _, rows = watch(r, c, Closed{})
	expect(rows, "client: sent, Closed -> Reopen, dead", "side: persistent, Closed -> end, unused")

	_, basic := r.schemeOf("Basic")
	s, err := NewServer(ServerConfig{Schemes: []scheme.Server{basic}})
	if err != nil {
		t.Fatal(err)
	}
	q := begin(r, "GET http://a.example/").Request
	_, _, rows = watch(r, s, Received{Request: q})
	expect(rows, "server: idle, Received bare -> Reply 401, idle")

	p, err := NewProxy(ProxyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p, _, rows = watch(r, p, Received{Request: q})
	expect(rows, "proxy: idle, Received -> Forward, sent", "pin: shared, Received -> Forward shared, shared")
	p, _, rows = watch(r, p, response(401, "WWW-Authenticate: NTLM"))
	expect(rows, "proxy: sent, 401 -> Relay, idle", "pin: shared, 401 -> Relay and keep, pinned")
	_, _, rows = watch(r, p, Closed{Upstream})
	expect(rows, "proxy: idle, Closed upstream -> Retire, dead", "pin: pinned, Closed upstream -> Retire downstream, shared")
}

// What no machine does is no row of the table, and does not look like one.
func TestTransitionsOfNothing(t *testing.T) {
	r := newRig(t)
	c := clientOf(r, "NTLM")
	for _, e := range []Event{Received{}, Responding{200}} {
		for _, row := range TransitionsOf(c, e, Do(Finish{}), c) {
			if slices.Contains(Transitions(), row) {
				t.Errorf("declared: %v", row)
			}
		}
	}
	if rows := TransitionsOf(c, nil, Actions{}, c); rows != nil {
		t.Errorf("%v", rows)
	}
	if rows := append(append(TransitionsOf(Client{}, Event(Closed{}), Actions{}, Client{}), TransitionsOf(Server{}, Event(Closed{}), Actions{}, Server{})...),
		TransitionsOf(Proxy{}, Event(Closed{}), Actions{}, Proxy{})...); rows != nil {
		t.Errorf("the zero machines: %v", rows)
	}
	if got := words(Do(Send{}, Retire{}), c.sideWord(gss.Proxy)); got != "bare" {
		t.Errorf("%q", got)
	}
}

// --- the page

const machinesPage = "../docs/machines.md"

// docs/machines.md is the table as it is drawn here. go generate ./machine
// writes it anew.
func TestMachinesPage(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile(machinesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(machinesPage)
	if err != nil || string(got) != want {
		t.Errorf("%s is stale (%v): run go generate ./machine", machinesPage, err)
	}
}

func page() string {
	var b strings.Builder
	b.WriteString("<!-- Drawn from machine/table_test.go by go generate ./machine; a test fails when it is stale. -->\n# The machines, state by state\n\n" +
		"This is what the machines of package `machine` do. The tables are declared as data, and the worlds of package `model` are explored against them in\n" +
		"both directions: each step that a machine takes there is declared, and each one that is declared is taken. Conditions are left out: where several\n" +
		"things may come of an event, the configuration, the security contexts and the fields of the message decide. An event that a state does not name is\n" +
		"a misuse, a Go error after which nothing has changed; only a side and a pin are indifferent to what they do not name.\n\n" +
		"At an arrow stands `event / actions`, with `-` for no action.\n")
	for _, c := range charts {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```mermaid\n%s```\n\n", c.title, c.says, diagram(c))
		if c.rest != "" {
			fmt.Fprintf(&b, "Not drawn is what leads to *%s*: the table has it.\n\n", c.rest)
		}
		b.WriteString("| State | Event | What comes of it |\n|---|---|---|\n")
		last := ""
		for _, r := range c.rules {
			state := "*" + r.from + "*"
			if r.from == last {
				state = ""
			}
			last = r.from
			fmt.Fprintf(&b, "| %s | %s | %s |\n", state, r.event, outcomes(c, r))
		}
		for _, l := range []struct {
			title string
			list  []named
		}{{"State", c.states}, {"Event", c.events}, {"Action", c.actions}} {
			fmt.Fprintf(&b, "\n| %s | |\n|---|---|\n", l.title)
			for _, n := range l.list {
				fmt.Fprintf(&b, "| %s | %s |\n", n.name, n.says)
			}
		}
	}
	b.WriteString("\n## A side, step by step\n\nWhat the client tells a side for one event are one step or several. The table of these is in `internal/side`, where its words\n" +
		"are explained, and each step is taken by it: a stage without an entry for an event has no part in it, and a stage to which no entry leads\n" +
		"ends the exchange.\n\n| Stage | Event | Next stages |\n|---|---|---|\n")
	for from := side.Unused; from <= side.Proven; from++ {
		stage := "*" + from.String() + "*"
		for event := side.Open; event <= side.End; event++ {
			var next []string
			for to := side.Unused; to <= side.Proven; to++ {
				if side.Leads(from, event, to) {
					next = append(next, "*"+to.String()+"*")
				}
			}
			if len(next) > 0 {
				fmt.Fprintf(&b, "| %s | %v | %s |\n", stage, event, strings.Join(next, ", "))
				stage = ""
			}
		}
	}
	return b.String()
}

// outcomes are what may come of an event, by the state that it leads to.
func outcomes(c chart, r rule) string {
	var parts []string
	for _, n := range c.states {
		var ways []string
		for _, o := range r.outcomes {
			if o.to == n.name {
				ways = append(ways, and(o.actions))
			}
		}
		if len(ways) > 0 {
			parts = append(parts, strings.Join(ways, " or ")+" → *"+n.name+"*")
		}
	}
	return strings.Join(parts, "<br>")
}

// and is a list of actions in words.
func and(actions string) string {
	if actions == "" {
		return "-"
	}
	return strings.ReplaceAll(actions, ", ", " + ")
}

// diagram draws a chart with one arrow between two states at most. Events from
// which the same comes share a line of its label.
func diagram(c chart) string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, n := range c.states {
		if n.name != c.rest || c.states[0] == n {
			fmt.Fprintf(&b, "    state %q as %s\n", n.name, id(n.name))
		}
	}
	fmt.Fprintf(&b, "    [*] --> %s\n", id(c.states[0].name))
	for _, from := range c.states {
		for _, to := range c.states {
			if to.name == c.rest {
				continue
			}
			var lines []string // first what comes, then with the events before it
			events := map[string][]string{}
			for _, r := range c.rules {
				var ways []string
				for _, o := range r.outcomes {
					if r.from == from.name && o.to == to.name {
						ways = append(ways, and(o.actions))
					}
				}
				if len(ways) == 0 {
					continue
				}
				line := strings.Join(ways, " or ")
				if events[line] == nil {
					lines = append(lines, line)
				}
				events[line] = append(events[line], r.event)
			}
			for i, l := range lines {
				lines[i] = strings.Join(events[l], ", ") + " / " + l
			}
			if len(lines) > 0 {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", id(from.name), id(to.name), strings.Join(lines, "<br/>"))
			}
		}
	}
	return b.String()
}

// id is a state's name as Mermaid takes it.
func id(name string) string { return strings.ReplaceAll(name, ", ", "_") }

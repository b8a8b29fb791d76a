package machine

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
)

var update = flag.Bool("update", false, "write what the scripts under testdata print into them; review the difference against the standards")

// TestScripts runs the scripts of testdata. A script is a list of commands, each
// with what it must print:
//
//	# comment
//	command and its words
//	lines that belong to it, if any
//	----
//	what it prints
//
// A blank line ends what is printed. The commands:
//
//	new client|server|proxy SCHEME… OPTION…   configure a machine, see configure and schemeOf
//	run [on NAME] METHOD URL OPTION…          play a request to its end, see order
//	client begin METHOD URL OPTION…           drive one machine by hand;
//	client|proxy response STATUS OPTION…      field lines follow, <text> is its base64
//	server|proxy received METHOD URL OPTION…
//	server responding STATUS
//	client|server|proxy answer …              password U P, declined, unreachable [SECONDS], unknown, unverifiable, verdict yes, seen, replayed, full
//	client|proxy closed [upstream|downstream]
//	client lost [idle] [silent] [unsent]
//	login [USER PASSWORD]                     what the client's user knows from now on
//	user NAME PASSWORD                        what the server knows
//	handler PATH STATUS                       how the handler answers
//	closing N                                 the next N 401s close their connection
//	memory [young|away]                       how the store of used nonces answers
//	entropy off|on
//	wait SECONDS
//	state                                     the machines driven by hand
//	conn NAME                                 the machines of a connection
//
// testdata/rules has a script for each resolved conflict of the requirements that the
// machines have a part in, by its number; C9, C20, C21, C27, C28, C31 and C33 are
// about texts, tokens and bindings, which the machines do not read, as are C41 to C44,
// and C10 and C17 do not exist. testdata/examples has the worked examples of the standards,
// testdata/golden the checks of that kind, testdata/field what breaks others.
//
// In what is run, "C>" is the client's request, "S<" the server's response, "P"
// stands for the proxy, "?" for a question and its answer, ":" for what a machine
// told its driver.
func TestScripts(t *testing.T) {
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(path), "testdata/"), ".txt")
		t.Run(name, func(t *testing.T) { runScript(t, path) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func runScript(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	var out []string
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	for i := 0; i < len(lines); {
		if lines[i] == "" || strings.HasPrefix(lines[i], "#") {
			out = append(out, lines[i])
			i++
			continue
		}
		at := i
		end := slices.Index(lines[i:], "----")
		if end < 0 {
			t.Fatalf("%s:%d: a command without ----", path, at+1)
		}
		block := lines[i : i+end]
		i += end + 1
		want := i
		for i < len(lines) && lines[i] != "" {
			i++
		}
		r.out.Reset()
		r.command(strings.Fields(block[0]), block[1:])
		got := strings.TrimRight(r.out.String(), "\n")
		if expected := strings.Join(lines[want:i], "\n"); got != expected && !*update {
			t.Errorf("%s:%d: %s\nprinted:\n%s\nexpected:\n%s", path, at+1, block[0], got, expected)
		} else if got != "" {
			requirement.Held(t, "golden:"+strings.TrimSuffix(filepath.Base(path), ".txt"))
		}
		out = append(append(out, block...), "----")
		if got != "" {
			out = append(out, got)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) command(words, lines []string) {
	r.t.Helper()
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch words[0] {
	case "new":
		if err := r.configure(words[1], words[2:]); err != nil {
			r.printf("%v\n", err)
		}
	case "run":
		name, rest := "c1", words[1:]
		if arg(1) == "on" {
			name, rest = words[2], words[3:]
		}
		r.run(name, r.orderOf(rest))
	case "client":
		drive(r, "client", &r.client, r.eventOf(words[1:], lines))
	case "server":
		drive(r, "server", &r.server, r.eventOf(words[1:], lines))
	case "proxy":
		drive(r, "proxy", &r.proxy, r.eventOf(words[1:], lines))
	case "login":
		r.user, r.password = arg(1), arg(2)
	case "user":
		r.users[arg(1)] = arg(2)
	case "handler":
		r.handler[arg(1)], _ = strconv.Atoi(arg(2))
	case "closing":
		r.closes, _ = strconv.Atoi(arg(1))
	case "memory":
		r.memory = arg(1)
	case "entropy":
		r.dry = arg(1) == "off"
	case "wait":
		n, _ := strconv.Atoi(arg(1))
		r.now += int64(n) * 1e9
	case "state":
		r.state()
	case "conn":
		c := r.conn(arg(1))
		r.printf("%v\n", c.client)
		if r.proxied {
			r.printf("%v\n", c.proxy)
		} else {
			r.printf("%v\n", c.server)
		}
	default:
		r.t.Fatalf("unknown command %q", words[0])
	}
}

// drive gives one machine one event and prints what it says.
func drive[M Machine[M]](r *rig, who string, m *M, e Event) {
	r.t.Helper()
	next, acts, err := step(r, *m, e)
	if err != nil {
		r.printf("%v\n", err)
		return
	}
	*m = next
	for a := range acts.All() {
		switch a := a.(type) {
		case Ask:
			r.open = a.Question
		case Reopen:
			r.resume = a.Resume
		}
	}
	r.showActions(who, acts)
}

func (r *rig) eventOf(words, lines []string) Event {
	r.t.Helper()
	fields := fieldsOf(lines)
	has := func(w string) bool { return slices.Contains(words, w) }
	switch words[0] {
	case "begin":
		return r.orderOf(words[1:]).begin
	case "received":
		o := r.orderOf(words[1:])
		h := header.ParseRequest(fields)
		h.Via = h.Via || o.via
		return Received{Request: o.begin.Request, Header: h, SharedFront: o.shared}
	case "response":
		n, _ := strconv.Atoi(words[1])
		e := Response{Status: n, Header: header.ParseResponse(fields), Close: has("close"), BodySent: SentNone}
		if has("sent=some") {
			e.BodySent = SentSome
		}
		if has("sent=all") {
			e.BodySent = SentAll
		}
		return e
	case "responding":
		n, _ := strconv.Atoi(words[1])
		return Responding{n}
	case "answer":
		return Answered{r.askID(), r.answerOf(words[1:])}
	case "lost":
		return Lost{Idle: has("idle"), Silent: has("silent"), Unsent: has("unsent")}
	case "closed":
		if has("upstream") {
			return Closed{Upstream}
		}
		return Closed{}
	}
	r.t.Fatalf("unknown event %q", words[0])
	return nil
}

// askID is the highest ID of the machines driven by hand that wait for an answer.
func (r *rig) askID() uint16 {
	switch {
	case r.client.phase == asking:
		return r.client.ex.id
	case r.server.phase == asking:
		return r.server.now.id
	}
	return r.proxy.front.now.id
}

func (r *rig) answerOf(words []string) gss.Answer {
	switch fmt.Sprint(words[0]) {
	case "password":
		return gss.Password{User: words[1], Password: gss.NewSecret(words[2])}
	case "unreachable":
		if len(words) > 1 {
			after, _ := strconv.ParseUint(words[1], 10, 16)
			return gss.Unreachable{RetryAfter: uint16(after)}
		}
		return gss.Unreachable{}
	case "unverifiable":
		return gss.Unverifiable{}
	case "full":
		return gss.ReplayVerdict{Full: true}
	case "unknown":
		return gss.Unknown{}
	case "verdict":
		return gss.Verdict{Accepted: words[1] == "yes"}
	case "seen":
		return gss.ReplayVerdict{First: true}
	case "replayed":
		return gss.ReplayVerdict{}
	case "declined":
		return gss.Declined{}
	}
	r.t.Fatalf("unknown answer %q", words[0])
	return nil
}

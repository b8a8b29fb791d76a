// Command summary reads what go test -json says on standard input, prints what a person wants to see of it, and
// ends with 1 if a test failed, or was skipped without a line in the list of skips.
//
//	go test -json work | go run .ci/summary.go [-skips FILE] [-results FILE] [-events FILE]
//
// With -results it also writes a line for each check: its state (ok, failed or skipped), seconds and name. A check is
// a package; of drivers/interop, a test, and a peer, which is what its tests say that they meet.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

const (
	module  = "github.com/countersign-auth/countersign"
	interop = "drivers/interop"
)

// event is a line of test2json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// check is what is counted: passed, failed or skipped.
type check struct {
	name    string
	seconds float64
	runs    int
	failed  bool
	skipped bool
}

func (c check) state() string {
	switch {
	case c.failed:
		return "failed"
	case c.skipped || c.runs == 0:
		return "skipped"
	}
	return "ok"
}

func main() {
	skips := flag.String("skips", "", "`FILE` that lists the skips that are right; without it any is")
	results := flag.String("results", "", "`FILE` to append a line for each check to")
	events := flag.String("events", "", "`FILE` to keep the events in")
	flag.Parse()
	if err := run(os.Stdin, *skips, *results, *events); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, skips, results, events string) error {
	listed, err := readSkips(skips)
	if err != nil {
		return err
	}
	if events != "" {
		f, err := os.Create(events)
		if err != nil {
			return err
		}
		defer f.Close()
		in = io.TeeReader(in, f)
	}
	s := summary{output: map[string]*strings.Builder{}, packages: map[string]*check{}, tests: map[string]*check{}, peers: map[string]*check{}, met: map[string][]string{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		s.take(e)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if results != "" {
		if err := s.write(results); err != nil {
			return err
		}
	}
	var wrong []string
	for _, skip := range s.skips {
		if skips != "" && !slices.ContainsFunc(listed, func(l [2]string) bool { return matches(l, skip) }) {
			wrong = append(wrong, fmt.Sprintf("%s %s was skipped, and %s does not say why", skip[0], skip[1], skips))
		}
	}
	if s.failed > 0 {
		wrong = append(wrong, fmt.Sprintf("%d packages failed", s.failed))
	}
	if len(s.packages) == 0 {
		wrong = append(wrong, "there were no tests")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// readSkips reads lines of a package, a test, which may end in "/*" for its subtests, and a reason.
func readSkips(file string) (list [][2]string, err error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		part := strings.Fields(line)
		if len(part) == 0 || strings.HasPrefix(part[0], "#") {
			continue
		}
		if len(part) < 3 {
			return nil, fmt.Errorf("%s: %q has no reason", file, strings.TrimSpace(line))
		}
		list = append(list, [2]string{part[0], part[1]})
	}
	return list, nil
}

func matches(listed, skip [2]string) bool {
	if listed[0] != skip[0] {
		return false
	}
	above, all := strings.CutSuffix(listed[1], "/*")
	return skip[1] == above || all && strings.HasPrefix(skip[1], above+"/")
}

type summary struct {
	output   map[string]*strings.Builder // by package and test
	packages map[string]*check
	tests    map[string]*check // of drivers/interop
	peers    map[string]*check
	met      map[string][]string // the peers of a test
	skips    [][2]string
	failed   int
}

func (s *summary) take(e event) {
	dir := strings.TrimPrefix(strings.TrimPrefix(e.Package, module), "/")
	if dir == "" && e.Package != "" {
		dir = "."
	}
	top, _, _ := strings.Cut(e.Test, "/")
	key := dir + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		if s.output[key] == nil {
			s.output[key] = new(strings.Builder)
		}
		s.output[key].WriteString(e.Output)
		if _, peer, ok := strings.Cut(e.Output, "peer: "); ok && dir == interop {
			if peer = strings.TrimSpace(peer); !slices.Contains(s.met[top], peer) {
				s.met[top] = append(s.met[top], peer)
			}
		}
	case "pass", "fail", "skip":
		if e.Action == "fail" && s.output[key] != nil {
			fmt.Print(s.output[key])
		}
		delete(s.output, key)
		switch {
		case e.Test == "":
			s.packages[dir] = &check{name: "package " + dir, seconds: e.Elapsed, runs: 1, failed: e.Action == "fail"}
			if e.Action == "fail" {
				s.failed++
			}
			if e.Action != "skip" { // it has no tests
				fmt.Printf("%-4s %7.1fs  %s\n", e.Action, e.Elapsed, dir)
			} else {
				delete(s.packages, dir)
			}
		case e.Action == "skip":
			s.skips = append(s.skips, [2]string{dir, e.Test})
			fmt.Printf("skip %s %s\n", dir, e.Test)
		}
		if dir == interop && e.Test == top && top != "" {
			c := &check{name: "interop " + top, seconds: e.Elapsed, runs: 1, failed: e.Action == "fail", skipped: e.Action == "skip"}
			s.tests[top] = c
			for _, peer := range s.met[top] {
				p := s.peers[peer]
				if p == nil {
					p = &check{name: "peer " + peer}
					s.peers[peer] = p
				}
				p.seconds += c.seconds
				p.failed = p.failed || c.failed
				if !c.skipped {
					p.runs++
				}
			}
		}
	}
}

// write appends a line for each check.
func (s *summary) write(file string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, group := range []map[string]*check{s.peers, s.packages, s.tests} {
		for _, name := range slices.Sorted(maps.Keys(group)) {
			c := group[name]
			fmt.Fprintf(f, "%s\t%.0f\t%s\n", c.state(), c.seconds, c.name)
		}
	}
	return f.Close()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// result is what became of one edit.
type result struct {
	edit     seeded.Edit
	toll     *seeded.Toll // in package model, if it names a property
	problems []string     // none if everything noticed it
	noticed  []seeded.Fall
	shown    []string // how
	took     time.Duration
}

// all tries the chosen edits, some side by side.
func (p *prover) all(ctx context.Context, chosen []seeded.Edit) []result {
	results := make([]result, len(chosen))
	next := make(chan int)
	var workers sync.WaitGroup
	var printing sync.Mutex
	for range max(p.workers, 1) {
		workers.Go(func() {
			for i := range next {
				results[i] = p.try(ctx, chosen[i])
				printing.Lock()
				p.print(&results[i])
				printing.Unlock()
			}
		})
	}
	for i := range chosen {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	return results
}

func (p *prover) print(r *result) {
	verdict := "ok  "
	if len(r.problems) > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(p.out, "%s %-34s %6.1fs\n", verdict, r.edit.Name, r.took.Seconds())
	if p.v {
		fmt.Fprintf(p.out, "\n%s\n\n%s\n", r.edit.Says, strings.Join(r.shown, "\n"))
	}
}

// try switches an edit on and sees what notices it.
func (p *prover) try(ctx context.Context, e seeded.Edit) (r result) {
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	r.edit = e
	if why := p.failed[e.Name]; why != "" {
		r.problems = []string{why}
		return r
	}
	overlay, programs, set := p.overlay, p.programs, []string{seeded.Variable + "=" + e.Name}
	if p.alone[e.Name] {
		files, err := seeded.Apply(p.root, &e)
		if err == nil {
			overlay, err = p.write(e.Name, files)
		}
		if err != nil {
			r.problems = []string{err.Error()}
			return r
		}
		defer os.RemoveAll(filepath.Dir(overlay))
		programs, set = map[string]seeded.Program{}, nil
		for _, f := range e.Falls {
			if pkg := wanted(f); programs[pkg].File == "" {
				programs[pkg] = p.compile(ctx, pkg, overlay, filepath.Join(filepath.Dir(overlay), fmt.Sprintf("program%d", len(programs))))
			}
		}
	}
	set = append(set, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	for _, f := range e.Falls {
		prog := programs[wanted(f)]
		var why, shown string
		switch {
		case prog.Broken != "":
			why = fmt.Sprintf("%s cannot be built:\n%s", wanted(f), indent(prog.Broken))
		case f.Property != "":
			why, shown = p.explored(ctx, prog, set, f, &r)
		case p.passes[unseededFall{f, p.alone[e.Name]}] != "":
			why = p.passes[unseededFall{f, p.alone[e.Name]}]
		default:
			why, shown = p.tested(ctx, prog, set, f)
		}
		if why != "" {
			r.problems = append(r.problems, fmt.Sprintf("%v: %s", f, why))
		} else {
			r.noticed = append(r.noticed, f)
		}
		if shown != "" {
			r.shown = append(r.shown, shown)
		}
	}
	if r.toll == nil {
		return r
	}
	if want, got := p.golden[e.Name], r.toll.String(); !p.update && want != got {
		r.problems = append(r.problems, fmt.Sprintf("%s has\n\t\t%s\n\tand now it is\n\t\t%s\n\t(-update writes it anew)", seeded.Matrix, want, got))
	}
	return r
}

// unseededFall is a test that runs without a fault, in the shared build or in one without
// any edit.
type unseededFall struct {
	seeded.Fall
	plain bool
}

// unseededTimeout bounds the tests of one package without a fault, as the go command
// does.
const unseededTimeout = 10 * time.Minute

// unseeded runs without a fault what the chosen edits name: the tests must pass, and
// no property may fall.
func (p *prover) unseeded(ctx context.Context, chosen []seeded.Edit) error {
	p.passes = map[unseededFall]string{}
	p.golden = map[string]string{}
	text, err := os.ReadFile(filepath.Join(p.root, filepath.FromSlash(seeded.Matrix)))
	if err != nil && !p.update {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, toll, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		p.golden[name] = toll
	}
	// What an edit with a build of its own names is tried in a build without any edit: a test that
	// reads the source may not like what the shared one is made of.
	plain, err := p.write("plain", nil)
	if err != nil {
		return err
	}
	type build struct {
		pkg   string
		alone bool
	}
	by := map[build][]seeded.Fall{}
	var order []build
	for _, e := range chosen {
		for _, f := range e.Falls {
			b := build{wanted(f), p.alone[e.Name]}
			if p.failed[e.Name] != "" || b.alone && f.Property != "" {
				continue
			}
			if by[b] == nil {
				order = append(order, b)
			}
			if !slices.Contains(by[b], f) {
				by[b] = append(by[b], f)
			}
		}
	}
	for i, b := range order {
		pkg, overlay := b.pkg, p.overlay
		prog := p.programs[pkg]
		if b.alone {
			overlay = plain
			prog = p.compile(ctx, pkg, plain, filepath.Join(p.dir, fmt.Sprintf("plain%d", i)))
		}
		set := []string{"GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay)}
		if prog.Broken != "" {
			continue // try says so
		}
		if pkg == seeded.Explorer {
			seen, err := p.explore(ctx, prog, nil)
			if err != nil {
				return fmt.Errorf("without a fault: %w", err)
			}
			for _, s := range seen {
				if s.Fell {
					return fmt.Errorf("without a fault %s falls in world %s", s.Property, s.World)
				}
			}
			continue
		}
		var tests []string
		for _, f := range by[b] {
			if top, _, _ := strings.Cut(f.Test, "/"); !slices.Contains(tests, top) {
				tests = append(tests, top)
			}
		}
		out, code := p.test(ctx, prog, pkg, set, "^("+strings.Join(tests, "|")+")$", unseededTimeout)
		for _, f := range by[b] {
			top, _, _ := strings.Cut(f.Test, "/")
			if _, ok := ended(out, "PASS", top); !ok {
				p.passes[unseededFall{f, b.alone}] = fmt.Sprintf("without a fault it does not pass (exit code %d):\n%s", code, indent(tail(out)))
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// tested runs one test and reports why the fault counts as not noticed, or else what
// the test said.
func (p *prover) tested(ctx context.Context, prog seeded.Program, set []string, f seeded.Fall) (why, shown string) {
	parts := strings.Split(f.Test, "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	out, code := p.test(ctx, prog, f.Package, set, strings.Join(parts, "/"), p.timeout)
	_, failed := ended(out, "FAIL", f.Test)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "interrupted", ""
	case code == 0:
		if _, passed := ended(out, "PASS", f.Test); !passed {
			return "the test did not run: it was skipped, or there is none of that name", ""
		}
		return "it passes, with the fault", ""
	case code < 0 || strings.Contains(out, "panic: test timed out after"):
		return fmt.Sprintf("no end within %v (-timeout): the test does not report the fault by itself", p.timeout), ""
	case failed, strings.Contains(out, "panic: "), strings.Contains(out, "fatal error: "):
		return "", fmt.Sprintf("%v fails:\n%s", f, indent(tail(out)))
	}
	return fmt.Sprintf("it ends with exit code %d and without a failure:\n%s", code, indent(tail(out))), ""
}

// test runs tests of a package. The exit code is -1 if they had to be stopped.
func (p *prover) test(ctx context.Context, prog seeded.Program, pkg string, set []string, pattern string, bound time.Duration) (string, int) {
	args := []string{"-test.v", "-test.count=1", "-test.run", pattern, "-test.timeout", bound.String()}
	if prog.Rapid {
		args = append(args, seeded.RapidFlags...)
	}
	return seeded.Execute(ctx, prog.File, seeded.Home(p.root, pkg), set, bound+10*time.Second, args...)
}

// ended finds the line with which a test says how it ended.
func ended(out, how, test string) (string, bool) {
	m := regexp.MustCompile(`(?m)^ *--- ` + how + `: ` + regexp.QuoteMeta(test) + `[ /].*$`).FindString(out)
	return m, m != ""
}

// explored explores the worlds and reports why the fault counts as not noticed, or
// else the counterexample.
func (p *prover) explored(ctx context.Context, prog seeded.Program, set []string, f seeded.Fall, r *result) (why, shown string) {
	toll := r.toll
	if f.World != "" || toll == nil {
		var worlds []string
		if f.World != "" {
			worlds = []string{f.World}
		}
		seen, err := p.explore(ctx, prog, set, worlds...)
		if err != nil {
			return err.Error(), ""
		}
		t := seeded.Judge(seen)
		if toll = &t; f.World == "" {
			r.toll = toll
		}
	}
	worst, fell := toll.Worst[f.Property]
	switch {
	case f.World != "" && !toll.Falls(f.Property):
		return "it holds in that world, with the fault", ""
	case !toll.Falls(f.Property):
		return "it holds in all worlds, with the fault", ""
	case f.World != "" && !fell: // it may be one that never happens there
		seen, err := p.explore(ctx, prog, nil, f.World)
		if err != nil {
			return err.Error(), ""
		}
		if sound := seeded.Judge(seen); sound.Falls(f.Property) {
			return "it does not happen in that world without the fault either", ""
		}
		return "", fmt.Sprintf("%s is what sometimes happens in %s, and does not happen any more.", f.Property, f.World)
	case !fell:
		return "", fmt.Sprintf("%s is what sometimes happens, and does not happen any more in any world.", f.Property)
	}
	return "", fmt.Sprintf("%s falls in world %s, after %d steps:\n%s", f.Property, worst.World, worst.Steps, worst.Story)
}

// explore runs the explorer over worlds, all of model.Worlds if none is named.
func (p *prover) explore(ctx context.Context, prog seeded.Program, set []string, worlds ...string) ([]seeded.Seen, error) {
	args := []string{"-max", fmt.Sprint(seeded.MaxStates)}
	if p.v {
		args = append(args, "-stories")
	}
	out, code := seeded.Execute(ctx, prog.File, p.root, set, p.timeout, append(args, worlds...)...)
	switch {
	case code < 0:
		return nil, fmt.Errorf("no end within %v (-timeout)", p.timeout)
	case code > 0:
		return nil, fmt.Errorf("the explorer ends with exit code %d:\n%s", code, indent(tail(out)))
	}
	var seen []seeded.Seen
	for in := json.NewDecoder(strings.NewReader(out)); ; {
		var s seeded.Seen
		switch err := in.Decode(&s); {
		case err == io.EOF:
			return seen, nil
		case err != nil:
			return nil, fmt.Errorf("the explorer's report: %w", err)
		}
		seen = append(seen, s)
	}
}

// writeMatrix writes the golden file, with the lines of edits that were not tried as
// they are.
func (p *prover) writeMatrix(all []seeded.Edit, results []result) error {
	for _, r := range results {
		if r.toll != nil {
			p.golden[r.edit.Name] = r.toll.String()
		}
	}
	var out strings.Builder
	for _, e := range all {
		if toll := p.golden[e.Name]; toll != "" && seeded.InMatrix(&e) {
			fmt.Fprintf(&out, "%s: %s\n", e.Name, toll)
		}
	}
	return os.WriteFile(filepath.Join(p.root, filepath.FromSlash(seeded.Matrix)), []byte(out.String()), 0o666)
}

// tail returns the end of an output, where failures are.
func tail(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	const most = 40
	if len(lines) > most {
		lines = append([]string{"…"}, lines[len(lines)-most:]...)
	}
	return strings.Join(lines, "\n")
}

func indent(s string) string { return "\t\t" + strings.ReplaceAll(s, "\n", "\n\t\t") }

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// end is how the tests of a mutant ended.
type end string

const (
	survived end = "survived"
	killed   end = "killed"
	endless  end = "endless" // killed, too: by the bound of time
)

// trial is one mutant and what became of it.
type trial struct {
	Mutant
	name       string
	equivalent bool
	own        end
	by         string // the test
	properties end
}

// result is what became of the mutants of one package.
type result struct {
	target
	trials []trial
}

// Bounds on a run of tests: a mutant may loop, and allocate while it does. The time is that of the
// processor, so that it does not matter what else the machine does.
const (
	memory = 4 << 20 // kilobytes of address space
	heap   = "GOMEMLIMIT=1GiB"
	bound  = time.Hour // of time that passes: what waits for nothing is found by the runtime
)

// flags end a test binary with the first failure. Examples would go on after one, for ever if the mutant does, and so are
// left out. Allocations are not counted, and the shape of functions is not looked at (internal/equalwork): code that is
// compiled together with its mutants is neither inlined nor written as what ships is. What the compiler rejects is looked
// at in sources, which have no mutants. The worlds are explored for the properties alone: with them a run of machine's
// tests would take ten times as long. Properties of rapid are tried a third as often as in a plain run, which is enough to
// notice most mutants and leaves time for all.
var flags = []string{"-test.count=1", "-test.timeout=0", "-test.failfast", "-test.run=^(Test|Fuzz)", "-test.skip=Allocat|EqualWork|TypesRefuse|WorldsFollow"}

var rapidFlags = append([]string{"-rapid.checks=30"}, seeded.RapidFlags...)

// try builds the mutants of a package into one program and runs its tests with each of them, and
// the explorer where the properties are to notice them.
func (o *options) try(ctx context.Context, root string, t target, listed map[Site]string) (*result, error) {
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	all, err := Mutants(root, t.dir)
	if err != nil {
		return nil, err
	}
	pool, n := draw(all, drawn), o.n
	if o.sample > 0 {
		pool, n = draw(pool[:min(len(pool), o.n)], o.seed), o.sample
	}
	r := &result{target: t}
	b, err := o.build(ctx, root, dir, o.matching(pool), n)
	if err != nil {
		return nil, err
	}
	for _, m := range b.mutants {
		_, equivalent := listed[m.Site]
		r.trials = append(r.trials, trial{Mutant: m, name: b.names[m.Site], equivalent: equivalent})
	}
	tests, err := b.tests(ctx, "./"+t.dir)
	if err != nil {
		return nil, err
	}
	o.each(ctx, r.trials, func(t *trial) { t.own, t.by = tests(ctx, t.name) })
	if t.properties > 0 && o.properties {
		explored, err := b.explorer(ctx)
		if err != nil {
			return nil, err
		}
		o.each(ctx, r.trials, func(t *trial) {
			if _, blind := r.unseen[path.Base(t.File)]; !t.equivalent && !blind {
				t.properties = explored(ctx, t.name)
			}
		})
	}
	if o.v {
		for _, t := range r.trials {
			fmt.Fprintf(o.out, "%s:%d %v\n= %s %s", t.File, t.Line, t.Site, t.own, t.by)
			if t.properties != "" {
				fmt.Fprintf(o.out, "; by the properties: %s", t.properties)
			}
			fmt.Fprint(o.out, "\n\n")
		}
	}
	return r, ctx.Err()
}

// matching returns the mutants that -run selects.
func (o *options) matching(pool []Mutant) (chosen []Mutant) {
	for _, m := range pool {
		if o.run == nil || o.run.MatchString(m.String()) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// each runs f for all trials, some side by side.
func (o *options) each(ctx context.Context, trials []trial, f func(*trial)) {
	next := make(chan *trial)
	var workers sync.WaitGroup
	for range max(o.workers, 1) {
		workers.Go(func() {
			for t := range next {
				f(t)
			}
		})
	}
	for i := range trials {
		if ctx.Err() == nil {
			next <- &trials[i]
		}
	}
	close(next)
	workers.Wait()
}

// built are mutants that compile together.
type built struct {
	*options
	root, dir, overlay string
	mutants            []Mutant
	names              map[Site]string
}

// build takes the first n mutants of the pool that compile.
func (o *options) build(ctx context.Context, root, dir string, pool []Mutant, n int) (*built, error) {
	bad := map[Site]bool{}
	for ask := n + n/2; ; ask = n { // more at first, since some do not compile
		b := &built{options: o, root: root, dir: dir, names: map[Site]string{}}
		var edits []seeded.Edit
		byName := map[string]Mutant{}
		for _, m := range pool {
			if len(edits) == ask {
				break
			}
			if bad[m.Site] {
				continue
			}
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.File)))
			if err != nil {
				return nil, err
			}
			name := fmt.Sprintf("mutant-%04d", len(edits))
			e, ok := m.Edit(name, string(text))
			if _, err := seeded.Apply(root, &e); !ok || err != nil { // it cannot be told from others, or is no Go
				bad[m.Site] = true
				continue
			}
			edits = append(edits, e)
			b.mutants, b.names[m.Site], byName[name] = append(b.mutants, m), name, m
		}
		if len(edits) == 0 {
			return nil, fmt.Errorf("no mutant is left")
		}
		all, alone, err := seeded.Rewrite(root, edits)
		if err != nil {
			return nil, err
		}
		for _, e := range alone { // a build for each would take too long
			bad[byName[e.Name].Site] = true
		}
		if b.overlay, err = seeded.Write(root, dir, "overlay", all.Files); err != nil {
			return nil, err
		}
		said, failed := seeded.Go(ctx, root, "build", "-gcflags=-e", "-overlay", b.overlay, "./"+filepath.ToSlash(filepath.Dir(b.mutants[0].File)))
		blamed := all.Blame(filepath.Dir(b.overlay), said)
		for name := range blamed {
			bad[byName[name].Site] = true
		}
		switch {
		case failed != nil && len(blamed) == 0:
			return nil, fmt.Errorf("the mutants do not compile: %w\n%s", failed, said)
		case failed == nil && len(alone) == 0 && ask == n:
			return b, nil
		}
	}
}

// environment returns what a run gets in addition: its bound, and the mutant that is switched on.
func environment(name string) []string {
	set := []string{heap}
	if name != "" {
		set = append(set, seeded.Variable+"="+name)
	}
	return set
}

// limited runs a program within the bounds, where the system has such.
func (b *built) limited(ctx context.Context, file, dir, mutant string, args ...string) (string, int) {
	shell := fmt.Sprintf(`ulimit -v %d; ulimit -t %d; exec "$0" "$@"`, memory, b.cpu)
	return seeded.Execute(ctx, "sh", dir, environment(mutant), bound, append([]string{"-c", shell, file}, args...)...)
}

var failure = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// tests builds the tests of a package, sees that they pass without a mutant, and returns what
// runs them with one.
func (b *built) tests(ctx context.Context, pkg string) (func(context.Context, string) (end, string), error) {
	prog := seeded.Build(ctx, b.root, pkg, b.overlay, filepath.Join(b.dir, strings.ReplaceAll(pkg[2:], "/", "_")+".test"))
	if prog.Broken != "" {
		return nil, fmt.Errorf("the tests cannot be built:\n%s", prog.Broken)
	}
	args := slices.Clone(flags)
	if prog.Rapid {
		args = append(args, rapidFlags...)
	}
	run := func(ctx context.Context, name string) (string, int) {
		return b.limited(ctx, prog.File, seeded.Home(b.root, pkg), name, args...)
	}
	if out, code := run(ctx, ""); code != 0 {
		return nil, fmt.Errorf("without a mutant the tests fail:\n%s", out)
	}
	return func(ctx context.Context, name string) (end, string) {
		out, code := run(ctx, name)
		switch failed := failure.FindStringSubmatch(out); {
		case code == 0:
			return survived, ""
		case code < 0:
			return endless, ""
		case failed != nil:
			return killed, failed[1]
		}
		return killed, "the run itself"
	}, nil
}

// explorer builds the explorer, sees that every property holds without a mutant, and returns
// what explores the worlds with one: it is killed if a property falls, if what sometimes
// happens does not, or if the explorer does not come to its end.
func (b *built) explorer(ctx context.Context) (func(context.Context, string) end, error) {
	prog := seeded.Build(ctx, b.root, seeded.Explorer, b.overlay, filepath.Join(b.dir, "explorer"))
	if prog.Broken != "" {
		return nil, fmt.Errorf("the explorer cannot be built:\n%s", prog.Broken)
	}
	run := func(ctx context.Context, name string) (bool, end, error) {
		out, code := b.limited(ctx, prog.File, b.root, name, "-max", fmt.Sprint(seeded.MaxStates), "-first")
		switch {
		case code < 0:
			return false, endless, nil
		case code > 0:
			return false, killed, nil
		}
		var seen []seeded.Seen
		for in := json.NewDecoder(strings.NewReader(out)); ; {
			var s seeded.Seen
			switch err := in.Decode(&s); {
			case err == io.EOF:
				toll := seeded.Judge(seen)
				if len(toll.First)+len(toll.Also)+len(toll.Silent) > 0 {
					return true, killed, nil
				}
				return true, survived, nil
			case err != nil:
				return false, "", fmt.Errorf("the explorer's report: %w", err)
			}
			seen = append(seen, s)
		}
	}
	if ended, how, err := run(ctx, ""); !ended || how != survived {
		return nil, fmt.Errorf("without a mutant the explorer finds something: %s %w", how, err)
	}
	return func(ctx context.Context, name string) end {
		_, how, err := run(ctx, name)
		if err != nil {
			return killed // it wrote no report
		}
		return how
	}, nil
}

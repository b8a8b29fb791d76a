// Command prove switches on each seeded fault and sees that what is said to notice it
// does. See package seeded.
//
//	go run ./internal/seeded/prove                      all of them
//	go run ./internal/seeded/prove -sample 10           ten, drawn by chance
//	go run ./internal/seeded/prove -rows                all, and what each MUST of docs/requirements.csv is broken by
//	go run ./internal/seeded/prove -rows -sample 20     twenty rows, each broken once, by the check alone that it names
//	go run ./internal/seeded/prove -list                what there is
//	go run ./internal/seeded/prove -run '^never-ask$' -v    with the counterexample
//
// It prints a line for each edit, and the names and reasons of those that nothing
// noticed, and then exits with 1. With a fault switched on each named test must fail
// and each named property must fall; without one the tests must pass. How each fault
// takes the properties down is compared with the golden file model/testdata/mutants.txt,
// which -update writes anew.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// options are the flags.
type options struct {
	run             *regexp.Regexp
	sample          int
	seed            uint64
	list, update, v bool
	rows            bool
	timeout         time.Duration
	workers         int
	out             io.Writer
}

func main() {
	o := options{out: os.Stdout}
	pattern := flag.String("run", "", "only edits whose name matches this `regexp`")
	flag.IntVar(&o.sample, "sample", 0, "only so many of them, drawn by chance")
	flag.Uint64Var(&o.seed, "seed", 0, "what the draw begins with (0: the time)")
	flag.BoolVar(&o.rows, "rows", false, "say of each MUST of docs/requirements.csv which fault breaks it and which of its checks notices; with -sample, draw rows")
	flag.BoolVar(&o.list, "list", false, "list the edits, and run nothing")
	flag.BoolVar(&o.update, "update", false, "write "+seeded.Matrix+" anew")
	flag.BoolVar(&o.v, "v", false, "show how each fault was noticed: a test's output, a property's counterexample")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Minute, "the bound of one run; one that takes longer is not noticed")
	flag.IntVar(&o.workers, "p", 2, "how many faults are tried side by side")
	flag.Parse()
	var err error
	if o.run, err = regexp.Compile(*pattern); err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("what is %q? There are flags only", flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := o.prove(ctx)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "prove:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

func (o *options) prove(ctx context.Context) (bool, error) {
	root, err := seeded.Root(".")
	if err != nil {
		return false, err
	}
	all, err := seeded.Load(root)
	if err != nil {
		return false, err
	}
	var rows []broken
	if o.rows {
		if rows, err = rowsOf(root, all); err != nil {
			return false, err
		}
	}
	var chosen []seeded.Edit
	if o.rows && o.sample > 0 {
		rows = draw(o, rows, "rows", func(r broken) string { return r.id })
		chosen = needed(rows)
	} else {
		chosen = o.choose(all)
	}
	if o.list {
		for _, e := range chosen {
			fmt.Fprintf(o.out, "%s: %s\n", e.Name, e.Says)
			for _, f := range e.Falls {
				fmt.Fprintf(o.out, "\t%v\n", f)
			}
		}
		return true, nil
	}
	if len(chosen) == 0 {
		return false, fmt.Errorf("no edit matches")
	}
	dir, err := os.MkdirTemp("", "seeded")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	p := &prover{options: *o, root: root, dir: dir, edits: all, failed: map[string]string{}, programs: map[string]seeded.Program{}}
	if err := p.build(ctx, chosen); err != nil {
		return false, err
	}
	results := p.all(ctx, chosen)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	var bad []result
	for _, r := range results {
		if len(r.problems) > 0 {
			bad = append(bad, r)
		}
	}
	if o.update {
		if err := p.writeMatrix(all, results); err != nil {
			return false, err
		}
	}
	sound := !o.rows || o.printRows(rows, results)
	if len(bad) > 0 { // at the end, where the last lines of a long log have it
		fmt.Fprintln(o.out)
	}
	for _, r := range bad {
		fmt.Fprintf(o.out, "%s: %s: %s\n\t%s\n", r.edit.At, r.edit.Name, r.edit.Says, strings.Join(r.problems, "\n\t"))
	}
	fmt.Fprintf(o.out, "%d passed, %d failed\n", len(results)-len(bad), len(bad))
	return sound && len(bad) == 0, nil
}

// choose returns the edits that the flags select.
func (o *options) choose(all []seeded.Edit) []seeded.Edit {
	var chosen []seeded.Edit
	for _, e := range all {
		if o.run.MatchString(e.Name) {
			chosen = append(chosen, e)
		}
	}
	return draw(o, chosen, "edits", func(e seeded.Edit) string { return e.Name })
}

// draw returns a sample of a list, in the order of the names, or all of it if no sample is wanted.
func draw[T any](o *options, list []T, what string, name func(T) string) []T {
	if o.sample == 0 || o.sample >= len(list) {
		return list
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	fmt.Fprintf(o.out, "a sample of %d of %d %s, -seed %d\n", o.sample, len(list), what, o.seed)
	list = slices.Clone(list)
	chance := rand.New(rand.NewPCG(o.seed, 0))
	chance.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:o.sample]
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(name(a), name(b)) })
	return list
}

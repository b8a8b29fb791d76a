// Command mutation changes the code here and there, as a mistake would, and sees whether
// tests notice it.
//
//	go run ./internal/mutation                          all packages of its table
//	go run ./internal/mutation -v ./digest              one of them, with what noticed each mutant
//	go run ./internal/mutation -run 'Client\.Step' ./machine
//	go run ./internal/mutation -sample 10 -seed 7       ten mutants of one package, drawn by chance
//
// A mutant negates a condition, has another relation or connective, lacks an operand, a case or
// a statement, or flips a boolean. All of a package are compiled into one program, as package
// seeded does with its edits, and are switched on by name, one in each run. Which ones are
// taken is fixed: the sample remains the same where the code does.
//
// It prints a row for each package and the mutants that survived, and exits with 1 if fewer were
// noticed than the table wants. Mutants that change nothing are listed in
// testdata/equivalent.txt, each with the reason.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// target is a package that is mutated, and how many percent of its mutants must be noticed by its
// own tests, and by the properties of package model alone where these explore it.
type target struct {
	dir             string
	own, properties int
	// unseen holds the files that no property can see, each with the reason: their mutants do not count for properties.
	unseen map[string]string
}

// targets are the packages that decide. The goal is 95 for all; a lower number is what was reached, and only rises.
var targets = []target{
	{dir: "machine", own: 95, properties: 65, unseen: map[string]string{
		"action.go":   "prints",
		"config.go":   "checks configurations, and worlds have none that is refused",
		"event.go":    "prints",
		"incoming.go": "reads request-targets, and worlds have requests that were read",
		"machine.go":  "prints",
		"space.go":    "keeps facts for drivers, and worlds hand in leases of a menu",
		"wire.go":     "writes a Resume as text, and worlds pass the value",
	}},
	{dir: "internal/side", own: 95},
	{dir: "header", own: 95},
	{dir: "scheme", own: 95},
	{dir: "digest", own: 95},
	{dir: "gss/spnego", own: 95},
	{dir: "internal/negtoken", own: 95},
	{dir: "ntlm", own: 95},
	{dir: "kerberos", own: 95},
}

const (
	drawn          = 1   // the seed of the sample
	fewest         = 100 // mutants of a package
	mostEquivalent = 8   // percent of them that may be listed as equivalent
	sampleGoal     = 50  // percent of a small sample, in which one more or less is chance
)

// options are the flags.
type options struct {
	run            *regexp.Regexp
	n, sample, cpu int
	seed           uint64
	properties     bool
	v              bool
	workers        int
	out            io.Writer
}

func main() {
	o := options{out: os.Stdout}
	pattern := flag.String("run", "", "only mutants whose entry, as the list of survivors has it, matches this `regexp`")
	flag.IntVar(&o.n, "n", 120, "how many mutants of each package")
	flag.IntVar(&o.sample, "sample", 0, "only so many of them, of one package, drawn by chance")
	flag.Uint64Var(&o.seed, "seed", 0, "what that draw begins with")
	flag.BoolVar(&o.properties, "properties", true, "explore the worlds, too, where they reach the package")
	flag.BoolVar(&o.v, "v", false, "print what noticed each mutant")
	flag.IntVar(&o.cpu, "cpu", 15, "how many seconds of the processor one run may take, in which the tests of a package end several times")
	flag.IntVar(&o.workers, "p", 2, "how many mutants are tried side by side")
	flag.Parse()
	var err error
	o.run, err = regexp.Compile(*pattern)
	ok := false
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		ok, err = o.mutate(ctx, flag.Args())
		stop()
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

// choose returns the targets that the arguments name, all without any.
func choose(names []string) (chosen []target, err error) {
	for _, name := range names {
		i := slices.IndexFunc(targets, func(t target) bool { return t.dir == path.Clean(name) })
		if i < 0 {
			return nil, fmt.Errorf("%s is not in the table of packages", name)
		}
		chosen = append(chosen, targets[i])
	}
	if len(names) == 0 {
		chosen = targets
	}
	return chosen, nil
}

// mutate tries the mutants of the chosen packages and reports whether the tests are good enough.
func (o *options) mutate(ctx context.Context, names []string) (bool, error) {
	root, err := seeded.Root(".")
	if err != nil {
		return false, err
	}
	chosen, err := choose(names)
	if err != nil {
		return false, err
	}
	listed, err := loadEquivalents(root)
	if err != nil {
		return false, err
	}
	if o.sample > 0 {
		chosen = chosen[rand.New(rand.NewPCG(o.seed, 0)).IntN(len(chosen)):][:1]
		fmt.Fprintf(o.out, "a sample of %d mutants of %s, -seed %d\n", o.sample, chosen[0].dir, o.seed)
	}
	fmt.Fprintf(o.out, "%-14s %7s %10s %6s %8s %8s %6s %6s\n", "package", "mutants", "equivalent", "killed", "endless", "survived", "own", "model")
	var results []*result
	for _, t := range chosen {
		r, err := o.try(ctx, root, t, listed)
		if err != nil {
			return false, fmt.Errorf("%s: %w", t.dir, err)
		}
		fmt.Fprintln(o.out, r.row())
		results = append(results, r)
	}
	var wrong []string
	for _, r := range results {
		for _, file := range slices.Sorted(maps.Keys(r.unseen)) {
			if o.properties {
				fmt.Fprintf(o.out, "no property sees %s/%s, which %s\n", r.dir, file, r.unseen[file])
			}
		}
		r.survivors(o.out)
		wrong = append(wrong, r.wrong(o)...)
	}
	if len(wrong) > 0 {
		fmt.Fprintf(o.out, "\n%s\n", strings.Join(wrong, "\n"))
	}
	return len(wrong) == 0, nil
}

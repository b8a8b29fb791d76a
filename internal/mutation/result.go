package main

import (
	"fmt"
	"io"
)

// count returns how many trials are equivalent, and of the others how many ended in each way.
func (r *result) count() (equivalent int, own, properties map[end]int) {
	own, properties = map[end]int{}, map[end]int{}
	for _, t := range r.trials {
		if t.equivalent {
			equivalent++
			continue
		}
		own[t.own]++
		properties[t.properties]++
	}
	return equivalent, own, properties
}

// rate returns the percentage of those that were noticed, or -1 if none was tried.
func rate(ends map[end]int) int {
	noticed := ends[killed] + ends[endless]
	if noticed+ends[survived] == 0 {
		return -1
	}
	return 100 * noticed / (noticed + ends[survived])
}

func percent(n int) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprintf("%d%%", n)
}

// row returns the line of the table.
func (r *result) row() string {
	equivalent, own, properties := r.count()
	return fmt.Sprintf("%-14s %7d %10d %6d %8d %8d %6s %6s", r.dir, len(r.trials), equivalent, own[killed], own[endless], own[survived], percent(rate(own)), percent(rate(properties)))
}

// survivors prints what no test of the package noticed.
func (r *result) survivors(out io.Writer) {
	for _, t := range r.trials {
		if t.own == survived && !t.equivalent {
			fmt.Fprintf(out, "\n%s:%d: survived\n%v\n", t.File, t.Line, t.Site)
		}
	}
}

// wrong returns what is not as the table of packages wants it.
func (r *result) wrong(o *options) (wrong []string) {
	equivalent, own, properties := r.count()
	say := func(format string, args ...any) {
		wrong = append(wrong, r.dir+": "+fmt.Sprintf(format, args...))
	}
	for _, t := range r.trials {
		if t.equivalent && t.own != survived {
			say("listed as equivalent, and noticed by %s:\n%v", t.by, t.Site)
		}
	}
	ownGoal, propertiesGoal := r.own, r.properties
	switch {
	case o.run != nil && o.run.String() != "":
		return wrong // too few to tell more
	case o.sample > 0:
		ownGoal, propertiesGoal = sampleGoal, 0
	case len(r.trials) < fewest:
		say("%d mutants, want %d", len(r.trials), fewest)
	case 100*equivalent > mostEquivalent*len(r.trials):
		say("%d of %d mutants are listed as equivalent, want at most %d%%", equivalent, len(r.trials), mostEquivalent)
	}
	if got := rate(own); got >= 0 && got < ownGoal {
		say("its tests notice %d%% of the mutants, want %d%%", got, ownGoal)
	}
	if got := rate(properties); got >= 0 && got < propertiesGoal {
		say("the properties notice %d%% of the mutants, want %d%%", got, propertiesGoal)
	}
	return wrong
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/model"
)

// checker holds the flags of check.
type checker struct {
	world, property string
	maxStates       uint32
	mermaid         string
	full            bool
	tune            model.Tune
}

func newCheck() *cobra.Command {
	var c checker
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Model-check the authentication machines",
		Long: `Check explores every state that the shipped client, server and proxy machines can
reach in a set of small worlds, in which the network attacks within a budget, and checks
every property of the protocol in each state.

It prints a table of the worlds and one of the properties: verdict, number of times
that it applied, and the requirements that it checks. If a property falls, check
prints the shortest counterexample and exits with 1. It exits with 1 as well if a
property is vacuous, since it applied in no world, or if --max-states ended a world
early. With --world, properties that are vacuous or not applicable are no failure.`,
		Example: `  countersign check
  countersign check --world origin --property Nego2OnlyWhenOffered
  countersign check --full --mermaid pictures`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&c.world, "world", "", "explore only the world with this `name`")
	flags.StringVar(&c.property, "property", "", "check only the property with this `name`")
	flags.Uint32Var(&c.maxStates, "max-states", 0, "stop a world after this `number` of states (0: no limit)")
	flags.StringVar(&c.mermaid, "mermaid", "", "write counterexamples as Mermaid sequence diagrams into this `directory`")
	flags.BoolVar(&c.full, "full", false, "explore the worlds in full size, which takes minutes instead of seconds")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// explored is the result of one world.
type explored struct {
	name   string
	report model.Report
	took   time.Duration
	// fell holds the counterexamples, by the property's index.
	fell map[int]told
	err  error
}

// told is a counterexample with its description.
type told struct {
	world string
	steps int
	story model.Story
}

// judgement is a property's verdict over all worlds.
type judgement struct {
	status model.Status
	held   uint64
	worst  told
}

func (c *checker) run(ctx context.Context, stdout, stderr io.Writer) error {
	worlds, properties := slices.Concat(model.Worlds(), model.MechanismWorlds()), model.Properties()
	if c.world != "" {
		i := slices.IndexFunc(worlds, func(s model.Scenario) bool { return s.Name == c.world })
		if i < 0 {
			return usage("no world %q: expected one of %s", c.world, names(worlds, func(s model.Scenario) string { return s.Name }))
		}
		worlds = worlds[i : i+1]
	}
	only := -1
	if c.property != "" {
		only = slices.IndexFunc(properties, func(p model.Property) bool { return p.Name == c.property })
		if only < 0 {
			return usage("no property %q: expected one of %s", c.property, names(properties, func(p model.Property) string { return p.Name }))
		}
	}
	done := c.exploreAll(ctx, worlds, &progress{w: stderr, last: time.Now()})
	for i := range done {
		if done[i].err != nil {
			return exit{exitUsage, fmt.Errorf("world %s: %w", done[i].name, done[i].err)}
		}
	}
	judged := judge(done, properties)
	if err := errors.Join(printWorlds(stdout, done), printProperties(stdout, properties, judged, only)); err != nil {
		return exit{exitTransport, err}
	}
	return c.verdict(stdout, properties, judged, only)
}

// exploreAll explores the worlds, two at a time: an exploration uses one processor and much
// memory. The largest worlds are last in the list.
func (c *checker) exploreAll(ctx context.Context, worlds []model.Scenario, p *progress) []explored {
	done := make([]explored, len(worlds))
	next := make(chan int)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := range next {
				done[i] = c.explore(worlds[i], p)
			}
		})
	}
	for i := range worlds {
		select {
		case next <- i:
		case <-ctx.Done():
			done[i] = explored{name: worlds[i].Name, err: ctx.Err()}
		}
	}
	close(next)
	workers.Wait()
	return done
}

func (c *checker) explore(s model.Scenario, p *progress) explored {
	e := explored{name: s.Name, fell: map[int]told{}}
	size := model.Quick
	if c.full {
		size = model.Full
	}
	began := time.Now()
	w, err := s.World(size, c.tune)
	if err != nil {
		e.err = err
		return e
	}
	e.report = w.Check(model.Options{MaxStates: c.maxStates, Progress: func(states, transitions, depth uint64) {
		p.tell(s.Name, states, transitions, depth)
	}})
	e.took = time.Since(began)
	for i, o := range e.report.Outcomes {
		if o.Status == model.Fell {
			e.fell[i] = told{s.Name, o.Steps, o.Story}
		}
	}
	return e
}

// progress reports how far explorations are, at most once in progressEvery.
type progress struct {
	mu   sync.Mutex
	w    io.Writer
	last time.Time
}

const progressEvery = 2 * time.Second

func (p *progress) tell(world string, states, transitions, depth uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.w, "%s: %d states, %d transitions, depth %d\n", world, states, transitions, depth)
}

// judge returns each property's verdict over all worlds: the worst of any world, and vacuous
// only if the property was judged in none that it concerns.
func judge(done []explored, properties []model.Property) []judgement {
	judged := make([]judgement, len(properties))
	for i := range properties {
		j := &judged[i]
		j.status = model.NotApplicable
		unfinished := false
		for d := range done {
			o := &done[d].report.Outcomes[i]
			j.held += o.Count
			if o.Status != model.NotApplicable && j.status == model.NotApplicable {
				j.status = model.Vacuous
			}
			switch o.Status {
			case model.Held:
				j.status = max(j.status, model.Held)
			case model.Unfinished:
				unfinished = true
			case model.Fell:
				if t := done[d].fell[i]; j.status != model.Fell || t.steps < j.worst.steps {
					j.worst = t
				}
				j.status = model.Fell
			}
		}
		// One witness is enough for a Sometimes.
		if unfinished && j.status != model.Fell && (properties[i].Kind != model.Sometimes || j.status != model.Held) {
			j.status = model.Unfinished
		}
	}
	return judged
}

func printWorlds(w io.Writer, done []explored) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "world\tstates\ttransitions\tdepth\ttime\tstates/s\tbytes/state\t")
	row := func(name string, r model.Report, took time.Duration) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%v\t%.0f\t%d\t\n", name, r.States, r.Transitions, r.Depth,
			took.Round(time.Millisecond), float64(r.States)/took.Seconds(), r.Bytes/max(r.States, 1))
	}
	var all model.Report
	var took time.Duration
	for i := range done {
		r := &done[i].report
		row(done[i].name, *r, done[i].took)
		all.States += r.States
		all.Transitions += r.Transitions
		all.Depth = max(all.Depth, r.Depth)
		all.Bytes += r.Bytes
		took += done[i].took
	}
	if len(done) > 1 {
		row("together", all, took)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func printProperties(w io.Writer, properties []model.Property, judged []judgement, only int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "property\tkind\tverdict\ttimes\trequirements")
	for i, p := range properties {
		if only < 0 || only == i {
			fmt.Fprintf(t, "%s\t%v\t%v\t%d\t%s\n", p.Name, p.Kind, judged[i].status, judged[i].held, strings.Join(p.Rows, " "))
		}
	}
	return t.Flush()
}

// verdict prints the shortest counterexample of all, and returns an error unless every
// property holds.
func (c *checker) verdict(w io.Writer, properties []model.Property, judged []judgement, only int) error {
	var fell []int
	var open []string // without a verdict
	for i := range properties {
		if only >= 0 && only != i {
			continue
		}
		switch judged[i].status {
		case model.Fell:
			fell = append(fell, i)
		case model.Unfinished:
			open = append(open, properties[i].Name)
		case model.Vacuous, model.NotApplicable:
			if c.world == "" || only == i {
				open = append(open, properties[i].Name)
			}
		}
	}
	if len(fell) == 0 && len(open) == 0 {
		return nil
	}
	if len(fell) > 0 {
		first := slices.MinFunc(fell, func(a, b int) int { return cmp.Compare(judged[a].worst.steps, judged[b].worst.steps) })
		p, t := &properties[first], &judged[first].worst
		fmt.Fprintf(w, "\n%s falls in world %s, after %d steps.\n%s\n\n%s", p.Name, t.world, t.steps, p.Says, t.story.Text())
	}
	if err := c.draw(w, properties, judged, fell); err != nil {
		return exit{exitTransport, err}
	}
	why := fmt.Sprintf("%d properties fall", len(fell))
	if len(open) > 0 {
		why += fmt.Sprintf(", %d are vacuous, not applicable or unfinished: %s", len(open), strings.Join(open, " "))
	}
	return exit{exitUsage, errors.New(why)}
}

// draw writes the counterexamples as diagrams.
func (c *checker) draw(w io.Writer, properties []model.Property, judged []judgement, fell []int) error {
	if c.mermaid == "" || len(fell) == 0 {
		return nil
	}
	if err := os.MkdirAll(c.mermaid, 0o777); err != nil {
		return err
	}
	for _, i := range fell {
		file := filepath.Join(c.mermaid, properties[i].Name+".mmd")
		if err := os.WriteFile(file, []byte(judged[i].worst.story.Mermaid()), 0o666); err != nil {
			return err
		}
		fmt.Fprintf(w, "\nwrote %s", file)
	}
	fmt.Fprintln(w)
	return nil
}

// names returns the names of the list, separated by spaces.
func names[T any](list []T, name func(T) string) string {
	all := make([]string, len(list))
	for i := range list {
		all[i] = name(list[i])
	}
	return strings.Join(all, " ")
}

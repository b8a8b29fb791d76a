// Command explore explores worlds of package model and prints, as JSON, what became of
// every property. The command prove builds it with the overlay of seeded faults.
//
//	explore [-max states] [-stories] [-first] [world ...]
//
// Without arguments it explores all of model.Worlds, in quick size; a name may also be
// one of model.MechanismWorlds. With -first it ends with the first world in which a
// property falls.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/countersign-auth/countersign/internal/seeded"
	"github.com/countersign-auth/countersign/model"
)

func main() {
	most := flag.Uint("max", 0, "end a world after that many states (0: no end)")
	stories := flag.Bool("stories", false, "tell the counterexamples")
	first := flag.Bool("first", false, "end with the first world in which a property falls")
	flag.Parse()
	if err := run(uint32(*most), *stories, *first, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "explore:", err)
		os.Exit(2)
	}
}

func run(most uint32, stories, first bool, names []string) error {
	worlds := model.Worlds()
	if len(names) > 0 {
		all := append(worlds, model.MechanismWorlds()...)
		worlds = nil
		for _, name := range names {
			i := slices.IndexFunc(all, func(s model.Scenario) bool { return s.Name == name })
			if i < 0 {
				return fmt.Errorf("no world is called %q", name)
			}
			worlds = append(worlds, all[i])
		}
	}
	properties := model.Properties()
	out := json.NewEncoder(os.Stdout)
	for _, s := range worlds {
		w, err := s.World(model.Quick, model.Tune{})
		if err != nil {
			return err
		}
		fell := false
		for i, o := range w.Check(model.Options{MaxStates: most}).Outcomes {
			if o.Status != model.Fell && o.Status != model.Held {
				continue
			}
			seen := seeded.Seen{World: s.Name, Property: properties[i].Name, Fell: o.Status == model.Fell}
			if seen.Fell {
				fell = true
				seen.Steps = o.Steps
				if stories {
					seen.Story = o.Story.Text()
				}
			}
			if err := out.Encode(seen); err != nil {
				return err
			}
		}
		if fell && first {
			break
		}
	}
	return nil
}

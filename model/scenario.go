package model

// Size is how much of a world is explored. Every size is explored to the end;
// they differ in how many requests there are and in how much may go wrong.
type Size uint8

const (
	// Quick is for each run of the tests.
	Quick Size = iota
	// Full is for a run before something is handed in.
	Full
)

// Scenario is one of the worlds by name.
type Scenario struct {
	Name string
	// Says describes its parties, and what is special about it.
	Says string

	quick, full size
	setup       func() *setup
}

// size is how far a world goes.
type size struct{ requests, trouble uint8 }

// World makes the world. A Tune may change how its machines are configured.
func (s Scenario) World(n Size, tune Tune) (*World, error) {
	c := s.setup()
	z := s.quick
	if n == Full {
		z = s.full
	}
	c.requests, c.trouble, c.tune = z.requests, z.trouble, tune
	return newSystem(c)
}

// Check explores the world and judges all properties. The outcomes are in the
// order of [Properties], those of a [Spec] behind them.
func (w *World) Check(o Options) Report {
	r := exploreAll(w, w.checks(), o)
	for i := range r.Outcomes {
		switch o := &r.Outcomes[i]; {
		case !w.concerned[i]:
			o.Status = NotApplicable
		case o.Steps > 0 || o.path.Stuck:
			o.Story = w.story(o.path)
		}
	}
	return r
}

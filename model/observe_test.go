package model

import (
	"testing"

	"github.com/countersign-auth/countersign/machine"
)

// A world that is observed is the same as one that is not.
func TestObserve(t *testing.T) {
	s := Worlds()[0]
	type step struct {
		before any
		e      machine.Event
	}
	var reports [2]Report
	steps := map[step]bool{}
	for i := range reports {
		w, err := s.World(Quick, Tune{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			w.Observe(func(before any, e machine.Event, _ machine.Actions, _ any) { steps[step{before, e}] = true })
		}
		reports[i] = exploreAll(w, nil, Options{})
	}
	if reports[0].States != reports[1].States || reports[0].Transitions != reports[1].Transitions {
		t.Errorf("%+v, observed %+v", reports[0], reports[1])
	}
	clients, servers := 0, 0
	for s := range steps {
		switch s.before.(type) {
		case machine.Client:
			clients++
		case machine.Server:
			servers++
		}
	}
	if clients == 0 || servers == 0 || clients+servers != len(steps) {
		t.Errorf("%d steps of clients, %d of servers, %d in all", clients, servers, len(steps))
	}
}

package model

import "github.com/countersign-auth/countersign/internal/side"

// sideProperty is one claim about a side of a client, judged step by step.
type sideProperty struct {
	Name string
	// Says is the claim in a sentence.
	Says string
	step func(w *sideWorld, s *sideStep) Verdict
}

var sideProperties = []sideProperty{
	{
		Name: "SideFollowsItsTable",
		Says: "A side does nothing that its table does not declare, and nothing at all where the table has no entry.",
		step: func(_ *sideWorld, s *sideStep) Verdict {
			if s.idle {
				return Idle
			}
			return Must(side.Leads(s.from, s.event, s.to))
		},
	},
	{
		Name: "SideIsBounded",
		Says: "No more challenges are counted than MaxLegs, and no more credentials refused than MaxAttempts leaves room for.",
		step: func(w *sideWorld, s *sideStep) Verdict {
			return Must(s.rounds <= w.config.MaxLegs && s.tries < w.config.MaxAttempts)
		},
	},
	{
		Name: "ConcludedSideNeverAsks",
		Says: "A question comes from a scheme in progress: once the response passed this side nothing is asked.",
		step: func(_ *sideWorld, s *sideStep) Verdict {
			if s.do != side.Ask {
				return Idle
			}
			return Must(s.to == side.Starting || s.to == side.Halfway || s.to == side.Judging)
		},
	},
	{
		Name: "FailedSideProvesNothing",
		Says: "A step that fails proves nothing, and does not authenticate the connection.",
		step: func(_ *sideWorld, s *sideStep) Verdict {
			if s.do != side.Fail {
				return Idle
			}
			return Must((s.to != side.Proven || s.from == side.Proven) && (!s.persistent || s.before))
		},
	},
	{
		Name: "SidePersistsOnlyProven",
		Says: "A connection becomes authenticated with the response that proves a side, and by nothing else.",
		step: func(_ *sideWorld, s *sideStep) Verdict {
			if !s.persistent || s.before {
				return Idle
			}
			return Must(s.to == side.Proven && s.kept)
		},
	},
}

// checks returns the properties as the explorer takes them.
func (w *sideWorld) checks() []check {
	list := make([]check, len(sideProperties))
	for i, p := range sideProperties {
		list[i] = check{Name: p.Name, Kind: Always, Step: func(id uint32) Verdict { return p.step(w, &w.labels.values[id]) }}
	}
	return list
}

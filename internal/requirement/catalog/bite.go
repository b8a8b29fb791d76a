package catalog

import (
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// A Bite is the evidence that a row's check fails where the row is broken: a seeded fault that breaks it, and the run that notices it, which is a run
// of a check that the row names.
type Bite struct {
	Row   Row
	Edit  *seeded.Edit
	Check string
	Fall  seeded.Fall
}

// Bites returns, for each of the rows, what is known to break it: none if no edit names the row, or none of those that do is noticed by a check that
// the row names. An alias counts with the rows that it leads to.
func (tr *Tree) Bites(rows []Row, edits []seeded.Edit) map[string][]Bite {
	by := ByID(rows)
	own := map[string][]Bite{}
	for i := range edits {
		e := &edits[i]
		for _, id := range e.Rows {
			for _, f := range e.Falls {
				if check, ok := tr.checks(by[id], f); ok {
					own[id] = append(own[id], Bite{by[id], e, check, f})
				}
			}
		}
	}
	all := map[string][]Bite{}
	for _, r := range rows {
		for _, to := range Followed(by, r) {
			all[r.ID] = append(all[r.ID], own[to.ID]...)
		}
	}
	return all
}

// checks returns the check of the row that the fall is a run of.
func (tr *Tree) checks(r Row, f seeded.Fall) (check string, ok bool) {
	i := slices.IndexFunc(r.Checks, func(c string) bool { return tr.isRun(r, c, f) })
	if i < 0 {
		return "", false
	}
	return r.Checks[i], true
}

// isRun reports whether the fall runs a check of the row.
func (tr *Tree) isRun(r Row, check string, f seeded.Fall) bool {
	kind, name, _ := strings.Cut(check, ":")
	dir := strings.TrimPrefix(f.Package, "./")
	top, _, _ := strings.Cut(f.Test, "/")
	runs := func(s Site) bool { return s.Dir == dir && s.Test == top && s.Holds(r) }
	switch kind {
	case "inv", "live", "some":
		return f.Property == name && name != ""
	case "golden":
		for _, script := range tr.Scripts(name) {
			if under := strings.TrimSuffix(strings.TrimPrefix(script, ScriptDir+"/testdata/"), ".txt"); dir == ScriptDir && f.Test == ScriptTest+"/"+under {
				return true
			}
		}
	case "kit":
		kit, rule, _ := strings.Cut(name, "/")
		if slices.ContainsFunc(tr.Kits[kit], runs) && (rule == "" || strings.HasSuffix(f.Test, "/"+rule)) {
			return true
		}
	}
	return slices.ContainsFunc(tr.Sites[check], runs)
}

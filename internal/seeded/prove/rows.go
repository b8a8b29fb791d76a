package main

import (
	"fmt"
	"slices"

	"github.com/countersign-auth/countersign/internal/requirement/catalog"
	"github.com/countersign-auth/countersign/internal/seeded"
)

// broken is a MUST of docs/requirements.csv with what breaks it.
type broken struct {
	id    string
	bites []catalog.Bite
}

// rowsOf returns each MUST with the edits that break it and that a check of the row is to notice.
func rowsOf(root string, edits []seeded.Edit) ([]broken, error) {
	rows, err := catalog.Rows(root)
	if err != nil {
		return nil, err
	}
	tr, err := catalog.ReadTree(root)
	if err != nil {
		return nil, err
	}
	bites := tr.Bites(rows, edits)
	var list []broken
	for _, r := range rows {
		if r.Must() {
			list = append(list, broken{r.ID, bites[r.ID]})
		}
	}
	return list, nil
}

// quickest returns the bite to try first: of a test if there is one, since a property takes the exploration of worlds.
func (b broken) quickest() (catalog.Bite, bool) {
	if len(b.bites) == 0 {
		return catalog.Bite{}, false
	}
	i := slices.IndexFunc(b.bites, func(bite catalog.Bite) bool { return bite.Fall.Property == "" })
	return b.bites[max(i, 0)], true
}

// needed returns the edits that break the rows, each with the falls alone that are runs of the rows' checks.
func needed(rows []broken) (edits []seeded.Edit) {
	for _, row := range rows {
		b, ok := row.quickest()
		if !ok {
			continue
		}
		i := slices.IndexFunc(edits, func(e seeded.Edit) bool { return e.Name == b.Edit.Name })
		if i < 0 {
			i = len(edits)
			edits = append(edits, *b.Edit)
			edits[i].Falls = nil
		}
		if !slices.Contains(edits[i].Falls, b.Fall) {
			edits[i].Falls = append(edits[i].Falls, b.Fall)
		}
	}
	return edits
}

// printRows prints a line for each row: the check that noticed its break. It reports whether there is one for all of them.
func (o *options) printRows(rows []broken, results []result) bool {
	noticed := func(b catalog.Bite) bool {
		return slices.ContainsFunc(results, func(r result) bool {
			return r.edit.Name == b.Edit.Name && slices.Contains(r.noticed, b.Fall)
		})
	}
	sound := 0
	for _, row := range rows {
		i := slices.IndexFunc(row.bites, noticed)
		if i < 0 {
			fmt.Fprintf(o.out, "FAIL row %-20s no check that it names noticed a break of it\n", row.id)
			continue
		}
		sound++
		fmt.Fprintf(o.out, "ok   row %-20s %s notices %s\n", row.id, row.bites[i].Check, row.bites[i].Edit.Name)
	}
	fmt.Fprintf(o.out, "%d of %d MUST rows are broken, and noticed by a check that they name\n", sound, len(rows))
	return sound == len(rows)
}

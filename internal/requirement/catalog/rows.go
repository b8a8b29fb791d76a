// Package catalog reads docs/requirements.csv and the sources, and says which test checks which row and which seeded fault breaks it.
//
// It is for tests only: what ships must not import it.
package catalog

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// File is the list of requirements, below the root of the repository.
const File = "docs/requirements.csv"

// Row is one requirement: a line of [File].
type Row struct {
	ID, Level, Role, Text string
	Checks                []string // "kind:Name", without remarks
}

// Must reports whether the row is a MUST or a MUST NOT.
func (r Row) Must() bool { return r.Level == "MUST" || r.Level == "MUST NOT" }

// remark is what stands in round brackets behind a check.
var remark = regexp.MustCompile(`\([^()]*\)`)

// Rows returns the rows of [File] in their order. The error names the first row that has no id, or one that another has.
func Rows(root string) ([]Row, error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(File)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []Row
	seen := map[string]bool{}
	for _, l := range lines[1:] {
		r := Row{ID: l[0], Level: l[1], Role: l[3], Text: l[4]}
		for c := range strings.SplitSeq(remark.ReplaceAllString(l[5], ""), ";") {
			r.Checks = append(r.Checks, strings.TrimSpace(c))
		}
		if seen[r.ID] || !RowID.MatchString(r.ID) {
			return nil, fmt.Errorf("%s: the id %q stands twice, or is none", File, r.ID)
		}
		seen[r.ID] = true
		rows = append(rows, r)
	}
	return rows, nil
}

// ByID returns the rows by their ids.
func ByID(rows []Row) map[string]Row {
	by := make(map[string]Row, len(rows))
	for _, r := range rows {
		by[r.ID] = r
	}
	return by
}

// IsCheck reports whether a kind of check verifies something; "import" says where else a row belongs.
func IsCheck(check string) bool {
	return !strings.HasPrefix(check, "import:") && !strings.HasPrefix(check, "alias:")
}

// maxAliases bounds the rows that an alias leads over.
const maxAliases = 5

// Followed returns the rows with checks of their own that a row's requirement is held by: the row itself, or those that its aliases lead to.
func Followed(by map[string]Row, r Row) []Row { return followed(by, r, 0) }

func followed(by map[string]Row, r Row, depth int) (list []Row) {
	own := false
	for _, c := range r.Checks {
		to, alias := strings.CutPrefix(c, "alias:")
		switch {
		case alias && depth < maxAliases:
			list = append(list, followed(by, by[to], depth+1)...)
		case IsCheck(c):
			own = true
		}
	}
	if own {
		list = append(list, r)
	}
	return list
}

package countersign

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement/catalog"
)

//go:generate go test -run ^TestRequirementsPage$ -write-requirements .

const pageFile = "docs/requirements.md"

var writePage = flag.Bool("write-requirements", false, "write docs/requirements.md")

// TestRequirementsPage: docs/requirements.md is what the CSV and the sources say.
func TestRequirementsPage(t *testing.T) {
	page := page(readRows(t), readTree(t), readPending(t))
	if *writePage {
		if err := os.WriteFile(pageFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(old), "\r\n", "\n") == page {
		return
	}
	was, is := strings.Split(string(old), "\n"), strings.Split(page, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			t.Fatalf("%s is stale: a check came or went, or moved. If that is meant, run go generate.\nline %d was\n%s\nand is\n%s", pageFile, i+1, was[i], is[i])
		}
	}
	t.Fatalf("%s is stale: %d lines, and should have %d: run go generate", pageFile, len(was), len(is))
}

func page(rows []catalog.Row, tr *catalog.Tree, todo map[pending]string) string {
	var b strings.Builder
	states := map[string]int{}
	for _, r := range rows {
		fmt.Fprintf(&b, "\n### %s\n%s, %s. %s\n\n", r.ID, r.Level, roles(r.Role), r.Text)
		state := "imported"
		for _, c := range r.Checks {
			kind, name, _ := strings.Cut(c, ":")
			where, _ := tr.Places(r, c)
			switch waits := todo[pending{r.ID, c}]; {
			case waits != "":
				state = "pending"
				fmt.Fprintf(&b, "- `%s`: to come with `%s`\n", c, waits)
			case kind == "import":
				fmt.Fprintf(&b, "- belongs to %s\n", name)
			case kind == "alias":
				state = "checked by another row"
				fmt.Fprintf(&b, "- see %s\n", name)
			case kind == "doc":
				if state == "imported" {
					state = "documented"
				}
				fmt.Fprintf(&b, "- documented in `%s`\n", name)
			default:
				if state != "pending" {
					state = "checked"
				}
				fmt.Fprintf(&b, "- `%s`: %s\n", c, strings.Join(slices.Sorted(slices.Values(quoted(where))), ", "))
			}
		}
		if code := tr.Implemented(r.ID); len(code) > 0 {
			fmt.Fprintf(&b, "- implemented in %s\n", strings.Join(quoted(code), ", "))
		} else if why := uncited[r.ID]; why != "" {
			fmt.Fprintf(&b, "- no line of code stands for it: it %s\n", why)
		}
		states[state]++
	}
	head := `# Requirements and their checks

Generated from [requirements.csv](requirements.csv) and the sources by ` + "`go generate`" + `; do not edit. A test fails where it is stale.

Each row is a statement of a standard, or of this project (HTA), in our own words. A check is ` + "`inv:`, `live:` or `some:`" + `
(an invariant, a liveness or a reachability property of package model, over the machines that ship), ` + "`prop:`" + ` (a property over random
inputs), ` + "`golden:`" + ` (a scripted exchange), ` + "`kit:`" + ` (a rule of a conformance kit, run by our own backends), ` + "`fuzz:`" + ` (a fuzz target),
` + "`unit:`" + ` (a table), ` + "`lint:`" + ` (a test that reads the sources) or ` + "`type:`" + ` (what the types leave no room for).

| State | Rows |
|---|---|
`
	for _, s := range slices.Sorted(maps.Keys(states)) {
		head += fmt.Sprintf("| %s | %d |\n", s, states[s])
	}
	return head + fmt.Sprintf("| all | %d |\n", len(rows)) + b.String()
}

func roles(r string) string {
	return strings.NewReplacer("*", "everybody", "C", "client", "S", "server", "P", "proxy", " ", " and ").Replace(r)
}

func quoted(list []string) (out []string) {
	for _, s := range list {
		out = append(out, "`"+s+"`")
	}
	return out
}

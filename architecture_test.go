package countersign

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const architectureFile = "ARCHITECTURE.md"

// TestArchitectureNames checks that the files, packages and symbols that the page names exist, and that its links resolve.
func TestArchitectureNames(t *testing.T) { readPage(t, architectureFile).checkNames(t) }

// TestArchitectureSteps checks that each step to a scheme is marked once in the files that the page links to there, which are
// tests: Example_ownScheme and TestKitOwnScheme run them.
func TestArchitectureSteps(t *testing.T) {
	p := readPage(t, architectureFile)
	if len(p.blocks) > 0 {
		t.Errorf("%d blocks of code: the page is a map; code stands where a test runs it", len(p.blocks))
	}
	_, section, _ := strings.Cut(p.text, "## Add a scheme\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var text string
	for _, m := range linked.FindAllStringSubmatch(section, -1) {
		raw, err := os.ReadFile(m[1])
		if err != nil || !strings.HasSuffix(m[1], "_test.go") {
			t.Errorf("a link to %q, want one to a test: %v", m[1], err)
		}
		text += string(raw)
	}
	for n := 1; ; n++ {
		if !strings.Contains(section, fmt.Sprintf("\n%d. ", n)) {
			if n <= 6 {
				t.Errorf("%d steps to a scheme, want 6 at least", n-1)
			}
			break
		}
		if marks := len(regexp.MustCompile(fmt.Sprintf(`\b[Ss]tep %d\b`, n)).FindAllString(text, -1)); marks != 1 {
			t.Errorf("step %d is marked %d times in the files that the section links to, want once", n, marks)
		}
	}
	for name, dir := range map[string]string{"Example_ownScheme": "scheme", "TestKitOwnScheme": "scheme"} {
		if !symbolsOf(t).declared[dir][name] {
			t.Errorf("package %s has no %s, which runs the steps", dir, name)
		}
	}
}

// TestArchitectureFloors checks that each package has a row, and that those of a row import what it says, no less and no more.
func TestArchitectureFloors(t *testing.T) {
	p := readPage(t, architectureFile)
	core, drivers := imports(t)
	floors := tableOf(p.lines, "Floor")
	for _, v := range compareFloors(floors, core) {
		t.Error(v)
	}
	for _, v := range climbs(floors) {
		t.Error(v)
	}
	if len(modules(t)) == 1 {
		return // the core module alone
	}
	for _, v := range compareFloors(tableOf(p.lines, "Package"), drivers) {
		t.Error(v)
	}
}

// imports returns what each package of the core imports of it, and what each driver imports of the drivers. Test helpers, what is
// internal to drivers, and the tests below drivers/interop are left out.
func imports(t *testing.T) (core, drivers map[string][]string) {
	t.Helper()
	core, drivers = map[string][]string{}, map[string][]string{}
	for _, dir := range modules(t) {
		cmd := exec.Command("go", "list", "-f", "{{if .GoFiles}}{{.ImportPath}}{{range .Imports}} {{.}}{{end}}{{end}}", "./...")
		cmd.Dir = dir
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v", dir, err)
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			if len(fields) == 0 {
				continue
			}
			var own []string
			for i, f := range fields {
				if in, ok := strings.CutPrefix(f, modulePath+"/"); ok {
					own = append(own, in)
				} else if i == 0 {
					own = append(own, ".")
				}
			}
			pkg, rest := own[0], own[1:]
			internal := func(p string) bool { return strings.Contains("/"+p+"/", "/internal/") }
			isDriver := func(p string) bool { return strings.HasPrefix(p, "drivers/") }
			switch {
			case pkg == "." || isDriver(pkg) && (internal(pkg) || strings.HasPrefix(pkg, "drivers/interop/")):
			case pkg == "internal/equalwork": // holds tests of the others
			case slices.ContainsFunc(testHelpers, func(h string) bool { return pkg == h || strings.HasPrefix(pkg, h+"/") }):
			case isDriver(pkg):
				drivers[pkg] = slices.DeleteFunc(rest, func(p string) bool { return !isDriver(p) || internal(p) })
			default:
				core[pkg] = rest
			}
		}
	}
	return core, drivers
}

// floor is a row of a table: its packages, and what they import. A name that ends in "/…" means all packages below.
type floor struct {
	at       string // "" in a table without floors
	packages []string
	imports  []string
}

// tableOf returns the rows of the table with that title in its first column.
func tableOf(lines []string, title string) (rows []floor) {
	inside := false
	for _, line := range lines {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		if strings.TrimSpace(cells[0]) == title {
			inside = true
			continue
		}
		names := func(cell string) (list []string) {
			for _, m := range coded.FindAllStringSubmatch(cell, -1) {
				list = append(list, m[1])
			}
			return list
		}
		if !inside || strings.HasPrefix(line, "|--") {
			continue
		}
		cells = strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
		row := floor{packages: names(cells[0])}
		if len(row.packages) == 0 {
			row = floor{at: strings.TrimSpace(cells[0]), packages: names(cells[1])}
		}
		row.imports = names(cells[len(cells)-1])
		rows = append(rows, row)
	}
	return rows
}

// covers reports whether a name of a table means the package.
func covers(name, pkg string) bool {
	below, all := strings.CutSuffix(name, "…")
	return name == pkg || all && strings.HasPrefix(pkg, below)
}

func covered(names []string, pkg string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return covers(n, pkg) })
}

// compareFloors returns what is wrong with the rows: a package without a row or with two, a row or an import without a package,
// an import that no row has, and one of a row that its packages do not have. In a row with one name for many packages, all of
// them together have the imports of the row.
func compareFloors(rows []floor, have map[string][]string) (wrong []string) {
	for pkg, list := range have {
		n := 0
		for _, row := range rows {
			if !covered(row.packages, pkg) {
				continue
			}
			n++
			for _, imported := range list {
				if !covered(row.imports, imported) {
					wrong = append(wrong, pkg+" imports "+imported+", which its row does not allow")
				}
			}
		}
		if n != 1 {
			wrong = append(wrong, pkg+" needs one row")
		}
	}
	for _, row := range rows {
		several := slices.ContainsFunc(row.packages, func(p string) bool { return strings.HasSuffix(p, "…") })
		together := map[string]bool{} // which imports of the row some package of it has
		for _, name := range row.packages {
			found := false
			for pkg, list := range have {
				if !covers(name, pkg) {
					continue
				}
				found = true
				for _, imported := range row.imports {
					has := slices.ContainsFunc(list, func(p string) bool { return covers(imported, p) })
					together[imported] = together[imported] || has
					if !has && !several {
						wrong = append(wrong, pkg+" does not import "+imported+", as its row says")
					}
				}
			}
			if !found {
				wrong = append(wrong, "there is no package "+name)
			}
		}
		for _, imported := range row.imports {
			if several && !together[imported] {
				wrong = append(wrong, "no package of the row of "+row.packages[0]+" imports "+imported)
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// climbs returns the imports that do not lead to a lower floor. Packages of one row may import each other.
func climbs(rows []floor) (wrong []string) {
	at := map[string]string{}
	for _, row := range rows {
		for _, p := range row.packages {
			at[p] = row.at
		}
	}
	for _, row := range rows {
		for _, p := range row.imports {
			if !slices.Contains(row.packages, p) && at[p] >= row.at {
				wrong = append(wrong, path.Join(row.packages...)+" on floor "+row.at+" imports "+p+" on floor "+at[p])
			}
		}
	}
	return wrong
}

// TestFloorsCatch shows the comparison tables that are wrong.
func TestFloorsCatch(t *testing.T) {
	have := map[string][]string{"a": nil, "b": {"a"}, "k": {"a", "k/x"}, "k/x": nil}
	row := func(at string, packages, imports string) floor {
		return floor{at, strings.Fields(packages), strings.Fields(imports)}
	}
	right := []floor{row("1", "a", ""), row("2", "b", "a"), row("2", "k k/…", "a k/…")}
	if wrong := compareFloors(right, have); len(wrong) > 0 {
		t.Errorf("a table that is right: %q", wrong)
	}
	for name, c := range map[string]struct {
		rows []floor
		want string
	}{
		"an arrow that is not allowed":  {[]floor{right[0], row("2", "b", ""), right[2]}, "b imports a, which its row does not allow"},
		"an arrow that does not exist":  {[]floor{row("1", "a", "b"), right[1], right[2]}, "a does not import b, as its row says"},
		"one that none of many has":     {[]floor{right[0], right[1], row("2", "k k/…", "a k/… b")}, "no package of the row of k imports b"},
		"a package without a row":       {right[:2], "k needs one row"},
		"a package with two":            {append(right[:3:3], right[0]), "a needs one row"},
		"a package that does not exist": {append(right[:3:3], row("2", "c", "")), "there is no package c"},
	} {
		if wrong := compareFloors(c.rows, have); !slices.Contains(wrong, c.want) {
			t.Errorf("%s: %q, want %q", name, wrong, c.want)
		}
	}
	if wrong := climbs([]floor{row("1", "a", ""), row("1", "b", "a")}); len(wrong) != 1 {
		t.Errorf("an arrow on one floor: %q", wrong)
	}
}

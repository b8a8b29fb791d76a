package seeded

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/model"
)

// root is the root of the repository, from the directory in which this package's tests
// run.
const root = "../.."

func load(t *testing.T) []Edit {
	t.Helper()
	edits, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return edits
}

// Every edit applies to the code as it is, and what is to notice it exists. That it
// does notice it is for the command prove to see.
func TestEditsApply(t *testing.T) {
	at := map[string]string{}
	alone := 0
	for _, e := range load(t) {
		if was := at[e.Name]; was != "" {
			t.Errorf("%s: %s is the name of an edit at %s, too", e.At, e.Name, was)
		}
		at[e.Name] = e.At
		if e.Says == "" || len(e.Changes) == 0 || len(e.Falls) == 0 {
			t.Errorf("%s: %s lacks what it says, what it changes, or what must fall", e.At, e.Name)
		}
		if _, err := Apply(root, &e); err != nil {
			t.Error(err)
			continue
		}
		for _, f := range e.Falls {
			if why := missing(f); why != "" {
				t.Errorf("%s: %s: %v: %s", e.At, e.Name, f, why)
			}
		}
		if _, shared, err := place(root, &e); err != nil {
			t.Error(err)
		} else if !shared {
			alone++
		}
	}
	t.Logf("%d edits, %d of them need a build of their own", len(at), alone)
}

// missing tells why a fall cannot be run, "" if it can.
func missing(f Fall) string {
	if f.Property != "" {
		scenarios := slices.Concat(model.Worlds(), model.MechanismWorlds())
		switch {
		case f.Package != "./model":
			return "properties are those of ./model"
		case !slices.ContainsFunc(model.Properties(), func(p model.Property) bool { return p.Name == f.Property }):
			return "there is no such property"
		case f.World != "" && !slices.ContainsFunc(scenarios, func(s model.Scenario) bool { return s.Name == f.World }):
			return "there is no such world"
		}
		return ""
	}
	dir := filepath.Join(root, filepath.FromSlash(f.Package))
	if why := outside(dir); why != "" {
		return why
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		return "the package has no tests"
	}
	top, _, _ := strings.Cut(f.Test, "/")
	def := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(top) + `\(`)
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && def.Match(text) {
			return ""
		}
	}
	return "there is no such test"
}

var used = regexp.MustCompile(`(?m)^\s*(?:use\s+)?(\.[^\s/]*(?:/\S*)?)\s*$`)

// outside tells why the go command at the root does not see a directory: the module
// that it is in must be one of those in go.work.
func outside(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Clean(dir) == filepath.Clean(root) {
			return "the root has no go.mod"
		}
		dir = filepath.Dir(dir)
	}
	work, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		return err.Error()
	}
	for _, m := range used.FindAllStringSubmatch(string(work), -1) {
		if filepath.Clean(filepath.Join(root, filepath.FromSlash(m[1]))) == filepath.Clean(dir) {
			return ""
		}
	}
	return "its module is not one of go.work"
}

// Each fault that names a property has a line in the golden matrix in which that
// property falls, and each property has a fault that it is among the first to notice, or,
// if it speaks of shipped mechanisms, one that takes it down in a world of theirs.
func TestMatrix(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(Matrix)))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, toll, _ := strings.Cut(strings.TrimSpace(line), ": ")
		lines[name] = toll
	}
	names := func(toll, word string) []string {
		m := regexp.MustCompile(`(?:^|, )` + word + ` \[([^\]]*)\]`).FindStringSubmatch(toll)
		if m == nil {
			return nil
		}
		return strings.Fields(m[1])
	}
	const rerun = "go run ./internal/seeded/prove -update -run '^%s$'"
	firsts, named := map[string]bool{}, map[string]bool{}
	for _, e := range load(t) {
		for _, f := range e.Falls {
			named[f.Property] = named[f.Property] || f.World != ""
		}
		if !InMatrix(&e) {
			continue
		}
		toll := lines[e.Name]
		delete(lines, e.Name)
		if toll == "" {
			t.Errorf("%s has no line in %s: "+rerun, e.Name, Matrix, e.Name)
			continue
		}
		soonest := append(names(toll, "first"), names(toll, "never again")...)
		for _, f := range e.Falls {
			switch {
			case f.Property == "" || f.World != "":
			case slices.Contains(soonest, f.Property):
				firsts[f.Property] = true
			case !slices.Contains(names(toll, "then"), f.Property):
				t.Errorf("%s: by %s, %s does not fall: "+rerun, e.Name, Matrix, f.Property, e.Name)
			}
		}
	}
	for name := range lines {
		t.Errorf("%s has a line for %s, which names no property: -update takes it out", Matrix, name)
	}
	for _, p := range model.Properties() {
		switch {
		case p.Shipped && named[p.Name]: // the matrix is of model.Worlds, which have none of what it speaks of
		case p.Shipped:
			t.Errorf("%s falls by no fault that names it and one of model.MechanismWorlds", p.Name)
		case !firsts[p.Name]:
			t.Errorf("%s is the first to notice no fault that names it", p.Name)
		}
	}
}

// What is wrong with an edit is said with its place.
func TestWrongEdits(t *testing.T) {
	head := "edit one\nsays It.\nfalls ./p TestP\n"
	for name, c := range map[string]struct{ text, want string }{
		"a name in capitals":     {"edit One\n", "is no name"},
		"no edit before it":      {"says It.\n", "before the first edit"},
		"an unknown word":        {"edit one\nfail ./p TestP\n", "is no word"},
		"no package":             {"edit one\nfalls TestP\n", "want a package and a test"},
		"no file":                {head + "--- old\na\n--- new\nb\n--- end\n", "no file is named"},
		"no new text":            {head + "file p.go\n--- old\na\n", "no --- new"},
		"no end":                 {head + "file p.go\n--- old\na\n--- new\nb\n", "no --- end"},
		"a file that is missing": {head + "file q.go\n--- old\na\n--- new\nb\n--- end\n", "q.go"},
		"a test":                 {head + "file p_test.go\n--- old\na\n--- new\nb\n--- end\n", "no Go file"},
		"a file outside":         {head + "file ../p.go\n--- old\na\n--- new\nb\n--- end\n", "no Go file"},
		"no such text":           {head + "file p.go\n--- old\n\treturn 5\n--- new\n\treturn 6\n--- end\n", "occurs 0 times"},
		"such text twice":        {head + "file p.go\n--- old\n\treturn 2\n--- new\n\treturn 6\n--- end\n", "occurs 2 times"},
		"the same text":          {head + "file p.go\n--- old\n\treturn 1\n--- new\n\treturn 1\n--- end\n", "is the old one"},
		"no text":                {head + "file p.go\n--- old\n\n--- new\nx\n--- end\n", "is empty"},
		"what is no Go":          {head + "file p.go\n--- old\n\treturn 1\n--- new\n\treturn (\n--- end\n", "it is no Go"},
	} {
		dir := t.TempDir()
		put(t, dir, "p.go", "package p\n\nfunc f() int {\n\treturn 1\n}\n\nfunc g() int {\n\treturn 2\n}\n\nfunc h() int {\n\treturn 2\n}\n")
		put(t, dir, "p_test.go", "package p\n")
		put(t, dir, path.Join(Dir, "x.edits"), c.text)
		edits, err := Load(dir)
		if err == nil {
			_, err = Apply(dir, &edits[0])
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.edits:") {
			t.Errorf("%s: %v, want the place and %q", name, err, c.want)
		}
	}
}

func put(t *testing.T, dir, file, text string) {
	t.Helper()
	file = filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestParse(t *testing.T) {
	edits, err := Parse("x.edits", `# a comment
edit one-fault
says It does.
row  A B
rows C
alone
falls ./p TestP/of_some
falls ./model inv:Name@world
file a.go
--- old
	a

# b
--- new
--- end
--- old
c
--- new
d
--- end
file b.go
--- old
e
--- new
edit f
--- end

edit two
`)
	want := fmt.Sprintf("%+v", []Edit{
		{Name: "one-fault", Says: "It does.", Rows: []string{"A", "B", "C"}, Alone: true, At: "x.edits:2",
			Changes: []Change{{"a.go", "\ta\n\n# b", ""}, {"a.go", "c", "d"}, {"b.go", "e", "edit f"}},
			Falls:   []Fall{{Package: "./p", Test: "TestP/of_some"}, {Package: "./model", Property: "Name", World: "world"}}},
		{Name: "two", At: "x.edits:28"},
	})
	if got := fmt.Sprintf("%+v", edits); err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

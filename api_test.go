package countersign

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/surface"
)

var writeAPI = flag.Bool("write-api", false, "write api.txt")

const (
	apiFile     = "api.txt"
	renamesFile = "docs/renames.tsv"
)

// The most names that programs have to learn, and that have to stay after the first release: of the core, and of the modules below drivers. They may fall.
const (
	maxCoreNames    = 886
	maxDriversNames = 221
)

// namesOfInternal are the aliases that name a type of an internal package, which programs hold and do not make by themselves.
var namesOfInternal = []string{
	"pkg kerberos/ccache, type Addresses = message.Addresses",
	"pkg kerberos/ccache, type AuthorizationData = message.AuthorizationData",
	"pkg kerberos/keytab, type Prepared = enctype.Prepared",
}

// TestAPI compares what the packages export with api.txt, so that a change of the surface shows in the review of a change. Nothing exported
// is an alias of something else that is.
func TestAPI(t *testing.T) {
	entries, err := surface.Of(".")
	if err != nil {
		t.Fatal(err)
	}
	core, drivers := 0, 0
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintln(&b, e)
		if _, alias, ok := strings.Cut(e.Text, " = "); ok && strings.HasPrefix(e.Text, "type ") && !slices.Contains(namesOfInternal, e.String()) {
			t.Errorf("%s: %s is an alias of %s; export one of them", e.Package, e.Text, alias)
		}
		switch {
		case !e.Named:
		case e.Package == "drivers" || strings.HasPrefix(e.Package, "drivers/"):
			drivers++
		default:
			core++
		}
	}
	if core > maxCoreNames || drivers > maxDriversNames {
		t.Errorf("the core exports %d names and drivers %d; expected at most %d and %d", core, drivers, maxCoreNames, maxDriversNames)
	}
	t.Logf("%d names in the core, %d in drivers", core, drivers)
	if *writeAPI {
		if err := os.WriteFile(apiFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != b.String() {
		t.Errorf("the exported names differ from %s:\n%s\nIf that is meant, run: go test . -run '^TestAPI$' -write-api", apiFile, difference(string(text), b.String()))
	}
}

// difference returns the lines that are in only one of two sorted texts, those of old with "-" and those of new with "+".
func difference(old, new string) string {
	a, b := strings.Split(old, "\n"), strings.Split(new, "\n")
	var lines []string
	for _, l := range a {
		if !slices.Contains(b, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			lines = append(lines, "+ "+l)
		}
	}
	return strings.Join(lines, "\n")
}

// TestNoDotImports: a name says which package it is of.
func TestNoDotImports(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.Contains(path, "testdata") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			if i.Name != nil && i.Name.Name == "." {
				t.Errorf("%s imports %s with a dot", path, i.Path.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRenames: each new name of docs/renames.tsv exists and each old one does not, so that a program that uses an old name is ported by the table.
func TestRenames(t *testing.T) {
	entries, err := surface.Of(".")
	if err != nil {
		t.Fatal(err)
	}
	exists := make(map[string]bool)
	for _, e := range entries {
		for _, name := range namesOf(e) {
			exists[name] = true
		}
	}
	text, err := os.ReadFile(renamesFile)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	taken := make(map[string]bool) // new names, which may have been another's before
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		old, new, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if _, twice := rows[old]; !ok || strings.ContainsRune(new, '\t') || twice {
			t.Fatalf("%s: %q: expected an old name, once in the table, a tab, and a new name or nothing", renamesFile, line)
		}
		rows[old], taken[new] = new, true
	}
	for old, new := range rows {
		if exists[old] && !taken[old] {
			t.Errorf("%s: %s still exists", renamesFile, old)
		}
		if new != "" && !exists[new] {
			t.Errorf("%s: %s does not exist", renamesFile, new)
		}
	}
}

// TestDocumentsNameWhatExists: no document has, in backquotes, a name of docs/renames.tsv that nothing exported has any more.
func TestDocumentsNameWhatExists(t *testing.T) {
	api, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(renamesFile)
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`\w+`)
	exported := make(map[string]bool)
	for _, w := range word.FindAllString(string(api), -1) {
		exported[w] = true
	}
	gone := make(map[string]bool)
	for line := range strings.Lines(string(table)) {
		old, _, _ := strings.Cut(line, "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, w := range word.FindAllString(path.Base(old), -1)[1:] { // without the package
			gone[w] = !exported[w]
		}
	}
	documents, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`[^`\n]+`")
	for _, name := range append(documents, more...) {
		if name == "docs/requirements.md" { // generated, and it names tests
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, quoted := range code.FindAllString(string(text), -1) {
			for _, w := range word.FindAllString(quoted, -1) {
				if gone[w] {
					t.Errorf("%s: %s: %s is no exported name any more; see %s", name, quoted, w, renamesFile)
				}
			}
		}
	}
}

// namesOf returns what an entry is called in docs/renames.tsv: package/path.Name or package/path.Type.Member.
func namesOf(e surface.Entry) []string {
	clean := func(s string) string {
		s, _, _ = strings.Cut(s, "[")
		return strings.TrimPrefix(s, "*")
	}
	word := func(s string) string { // up to what is no part of a name
		if i := strings.IndexAny(s, " (["); i >= 0 {
			s = s[:i]
		}
		return s
	}
	kind, rest, _ := strings.Cut(e.Text, " ")
	switch kind {
	case "method":
		receiver, method, _ := strings.Cut(strings.TrimPrefix(rest, "("), ") ")
		return []string{e.Package + "." + clean(receiver) + "." + word(method)}
	case "type":
		if name, member, ok := strings.Cut(rest, ", "); ok && !e.Named {
			return []string{e.Package + "." + word(name) + "." + word(member)}
		}
	}
	return []string{e.Package + "." + word(rest)}
}

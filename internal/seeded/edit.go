// Package seeded keeps the faults that tests must notice. A fault is an edit of
// shipped code: a file, text that occurs once in it, and the text that would stand
// there if the fault had been made. The shipped code knows nothing of them.
//
// The edits are in testdata/*.edits. [Parse] describes their format, [Rewrite] makes
// an overlay for the go command in which all of them are compiled at once and each is
// switched on by name at run time, and the command in internal/seeded/prove runs what
// each of them names:
//
//	go run ./internal/seeded/prove -run believe-missing-proof -v
//
// It is for tests only: what ships must not import it.
package seeded

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Variable is the environment variable that names the edit to switch on in a program
// that was built with the overlay. Without it every function is as it ships.
const Variable = "COUNTERSIGN_SEEDED"

// Dir is where the edits are, below the root of the repository.
const Dir = "internal/seeded/testdata"

// Edit is one fault.
type Edit struct {
	Name string
	// Says is what the faulty code does, in a sentence.
	Says string
	// Rows are requirements of docs/requirements.csv that the fault breaks.
	Rows []string
	// Alone asks for a build of its own, for an edit that would change how the code
	// around it is compiled even while it is switched off.
	Alone   bool
	Changes []Change
	Falls   []Fall
	// At is the place of the entry, "file:line".
	At string
}

// Change is the replacement of one text in one file.
type Change struct {
	File     string // below the root, with slashes
	Old, New string
}

// Fall is one check that must notice the fault.
type Fall struct {
	// Package is a directory below the root, "./drivers/drive".
	Package string
	// Test is the name of a test, with the names of subtests behind slashes; or empty.
	Test string
	// Property is one of package model that must fall, "" for a test, and World the
	// only one in which it is looked for; "" means any of model.Worlds.
	Property, World string
}

// String returns the fall as the file has it.
func (f Fall) String() string {
	switch {
	case f.Property == "":
		return f.Package + " " + f.Test
	case f.World == "":
		return f.Package + " inv:" + f.Property
	}
	return f.Package + " inv:" + f.Property + "@" + f.World
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Parse reads the edits of one file. An entry is
//
//	edit  a-name-in-lower-case
//	says  One sentence: what the faulty code does.
//	row   an id of docs/requirements.csv, or several
//	file  drivers/drive/key.go
//	falls ./drivers/drive TestKeySeparatesProxyUsers
//	falls ./model inv:IdentityNeverCrosses
//	--- old
//	the text to be replaced, with its indentation; it occurs once in file
//	--- new
//	the text in its place; there may be none
//	--- end
//
// Further blocks from "--- old" to "--- end" may follow, each with a "file" line
// before it if it is of another file. "inv:Name@world" is a property that must fall in
// that world, which may also be one of model.MechanismWorlds. A line "alone" asks for a
// build of its own. Empty lines and those that begin with "#" do not count outside of
// blocks.
func Parse(name, text string) (edits []Edit, err error) {
	var e *Edit
	file := ""
	lines := strings.Split(text, "\n")
	fail := func(i int, format string, args ...any) ([]Edit, error) {
		return edits, fmt.Errorf("%s:%d: %s", name, i+1, fmt.Sprintf(format, args...))
	}
	block := func(i int, until string) (string, int) {
		for j := i + 1; j < len(lines); j++ {
			if lines[j] == until {
				return strings.Join(lines[i+1:j], "\n"), j
			}
		}
		return "", -1
	}
	for i := 0; i < len(lines); i++ {
		word, rest, _ := strings.Cut(lines[i], " ")
		rest = strings.TrimSpace(rest)
		if word == "" && rest == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if word == "edit" {
			if !nameForm.MatchString(rest) {
				return fail(i, "%q is no name: lower-case words with hyphens between them", rest)
			}
			edits = append(edits, Edit{Name: rest, At: fmt.Sprintf("%s:%d", name, i+1)})
			e, file = &edits[len(edits)-1], ""
			continue
		}
		if e == nil {
			return fail(i, "%q stands before the first edit", word)
		}
		switch lines[i] {
		case "alone":
			e.Alone = true
			continue
		case "--- old":
			old, j := block(i, "--- new")
			if j < 0 {
				return fail(i, "no --- new follows")
			}
			text, k := block(j, "--- end")
			if k < 0 {
				return fail(j, "no --- end follows")
			}
			if file == "" {
				return fail(i, "no file is named before it")
			}
			e.Changes = append(e.Changes, Change{file, old, text})
			i = k
			continue
		}
		switch word {
		case "says":
			e.Says = rest
		case "row", "rows":
			e.Rows = append(e.Rows, strings.Fields(rest)...)
		case "file":
			file = rest
		case "falls":
			dir, what, ok := strings.Cut(rest, " ")
			what = strings.TrimSpace(what)
			if !ok || !strings.HasPrefix(dir, "./") || what == "" || strings.Contains(what, " ") {
				return fail(i, "want a package and a test, or a property: falls ./model inv:Name")
			}
			f := Fall{Package: dir, Test: what}
			if p, ok := strings.CutPrefix(what, "inv:"); ok {
				f.Test = ""
				f.Property, f.World, _ = strings.Cut(p, "@")
			}
			e.Falls = append(e.Falls, f)
		default:
			return fail(i, "%q is no word of an edit", word)
		}
	}
	return edits, nil
}

// Load reads all edits of the repository at root, file by file in the order of their
// names. The error is of the first file that cannot be read; the edits of the others
// are returned with it.
func Load(root string) (edits []Edit, err error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(Dir), "*.edits"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, file := range files {
		text, e := os.ReadFile(file)
		if e == nil {
			var more []Edit
			more, e = Parse(filepath.Base(file), string(text))
			edits = append(edits, more...)
		}
		if e != nil && err == nil {
			err = e
		}
	}
	if err == nil && len(edits) == 0 {
		err = fmt.Errorf("seeded: no edits in %s", filepath.Join(root, Dir))
	}
	return edits, err
}

// Root finds the root of the repository, where go.work is, from a directory in it.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("seeded: no go.work above the current directory")
		}
		dir = up
	}
}

package countersign

import (
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// provides matches the beginning of a package's comment: its name and a verb, which says what the package does or provides. Is and has
// are followed by what it is made of.
var (
	provides = regexp.MustCompile(`^(Package|Command) (\w+) ([a-z]+s) \w`)
	nominal  = []string{"is", "has", "was", "does"}
)

// TestPackageComments checks that each package of all modules has one comment, which go doc prints, and which says what it
// provides.
func TestPackageComments(t *testing.T) {
	s := symbolsOf(t)
	n := 0
	for _, dir := range slices.Sorted(maps.Keys(s.files)) {
		var comments []*ast.CommentGroup
		name := ""
		for _, f := range s.files[dir] {
			if f.test {
				continue
			}
			name = f.ast.Name.Name
			if f.ast.Doc != nil {
				comments = append(comments, f.ast.Doc)
			}
		}
		if name == "" {
			continue // tests alone
		}
		n++
		if len(comments) != 1 {
			t.Errorf("package %s has %d comments, want one", dir, len(comments))
			continue
		}
		if why := lacks(comments[0].Text(), dir, name); why != "" {
			t.Errorf("the comment of package %s %s", dir, why)
		}
	}
	if n < 40 {
		t.Errorf("only %d packages were found: the search is broken", n)
	}
}

// lacks returns what a package's comment lacks, "" if nothing.
func lacks(text, dir, name string) string {
	kind := "Package"
	if name == "main" {
		kind, name = "Command", path.Base(dir)
		if dir == "." {
			name = path.Base(modulePath)
		}
	}
	sentence, _, _ := strings.Cut(strings.Join(strings.Fields(text), " "), ". ")
	m := provides.FindStringSubmatch(sentence)
	switch {
	case m == nil, m[1] != kind, m[2] != name:
		return `does not begin with "` + kind + " " + name + `" and a verb: ` + sentence
	case slices.Contains(nominal, m[3]):
		return "says what it " + m[3] + ", not what it provides: " + sentence
	case len(sentence) < 40:
		return "says too little: " + sentence
	}
	return ""
}

// TestPackageCommentsCatch shows the check comments that lack something.
func TestPackageCommentsCatch(t *testing.T) {
	for text, ok := range map[string]bool{
		"Package gss defines what mechanisms, schemes and machines share.\n\nMore.": true,
		"Package gss is what mechanisms, schemes and machines have in common.":      false,
		"Package gss defines things.":                                               false,
		"Package scheme defines what mechanisms, schemes and machines share.":       false,
		"Gss defines what mechanisms, schemes and machines share, as values.":       false,
	} {
		if why := lacks(text, "gss", "gss"); (why == "") != ok {
			t.Errorf("%q: %q", text, why)
		}
	}
	if why := lacks("Command countersign authenticates HTTP requests as client.", "drivers/cmd/countersign", "main"); why != "" {
		t.Errorf("a command: %s", why)
	}
}

// TestMachineComment checks that the comment of package machine, the manual of drivers, says of every event and action when it comes,
// and what to do with those that a driver does not know.
func TestMachineComment(t *testing.T) {
	s := symbolsOf(t)
	text := ""
	for _, f := range s.files["machine"] {
		if f.ast.Doc != nil && !f.test {
			text += f.ast.Doc.Text()
		}
	}
	for _, method := range []string{"event", "action"} {
		n := 0
		for _, name := range s.types("machine") {
			if !s.declared["machine"][name+"."+method] || name == "Event" || name == "Action" {
				continue
			}
			n++
			if !strings.Contains(text, "["+name+"]") {
				t.Errorf("the comment says nothing of the %s %s", method, name)
			}
		}
		if n < 7 {
			t.Errorf("only %d types are an %s: the search is broken", n, method)
		}
	}
	for _, heading := range []string{"# A client", "# A server", "# A proxy", "# What may grow"} {
		if !strings.Contains(text, heading+"\n") {
			t.Errorf("the comment has no section %q", heading)
		}
	}
}

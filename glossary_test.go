package countersign

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const glossaryFile = "docs/glossary.md"

var termLine = regexp.MustCompile(`^- \*\*([^*]+)\*\*: (.+)$`)

// glossary returns the terms of the page in its order, and the text of each.
func glossary(p pageText) (terms []string, says map[string]string) {
	says = map[string]string{}
	for _, line := range p.lines {
		if m := termLine.FindStringSubmatch(line); m != nil {
			terms = append(terms, m[1])
			says[m[1]] = m[2]
		} else if len(terms) > 0 && strings.HasPrefix(line, "  ") {
			says[terms[len(terms)-1]] += " " + strings.TrimSpace(line)
		}
	}
	return terms, says
}

// TestGlossary checks that the terms are in alphabetical order and each is there once, with one to three sentences, which name a
// symbol, a package or a standard, or refer to another term; and that all that they name exists.
func TestGlossary(t *testing.T) {
	p := readPage(t, glossaryFile)
	p.checkNames(t)
	terms, says := glossary(p)
	if len(terms) < 60 {
		t.Errorf("%d terms: the page was read wrongly", len(terms))
	}
	for i, term := range terms {
		if i > 0 && strings.ToLower(terms[i-1]) >= strings.ToLower(term) {
			t.Errorf("%s follows %s", term, terms[i-1])
		}
		text := says[term]
		if n := len(regexp.MustCompile(`[.;] |\.$`).FindAllString(text, -1)); n < 1 || n > 4 {
			t.Errorf("%s has %d sentences or clauses, want 1 to 4", term, n)
		}
		if other, ok := strings.CutPrefix(text, "see "); ok {
			if says[strings.TrimSuffix(other, ".")] == "" {
				t.Errorf("%s refers to %s, which is no term", term, other)
			}
		} else if !strings.Contains(text, "`") && !regexp.MustCompile(`RFC \d+|MS-`).MatchString(text) {
			t.Errorf("%s names no symbol, and no standard", term)
		}
	}
}

// TestGlossaryComplete checks that the exported types of the vocabulary are on the page; questions and answers are on docs/questions.md.
func TestGlossaryComplete(t *testing.T) {
	p := readPage(t, glossaryFile)
	named := map[string]bool{}
	for _, m := range coded.FindAllStringSubmatch(p.text, -1) {
		for prefix := m[1]; prefix != ""; {
			named[prefix] = true
			i := strings.LastIndex(prefix, ".")
			prefix = prefix[:max(i, 0)]
		}
	}
	s := symbolsOf(t)
	for _, dir := range []string{"machine", "scheme", "gss"} {
		types := s.types(dir)
		if len(types) < 15 {
			t.Errorf("package %s has %d exported types: they were read wrongly", dir, len(types))
		}
		for _, name := range types {
			if s.declared[dir][name+".Question"] || slices.Contains(s.withMethod(dir, "Answer"), name) || named[dir+"."+name] {
				continue
			}
			t.Errorf("%s.%s is in no entry", dir, name)
		}
	}
}

// types returns the exported types of a package that are declared in code that is no test, sorted.
func (s *symbols) types(dir string) []string {
	found := map[string]bool{}
	for _, f := range s.files[dir] {
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || f.test || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				if name := spec.(*ast.TypeSpec).Name; name.IsExported() {
					found[name.Name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

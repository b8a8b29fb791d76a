package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// Mutant is a small change of one function, as a mistake would be.
type Mutant struct {
	Site
	Line     int    // of the file, for people
	from, to int    // the text to be replaced, in bytes of the file
	text     string // what stands there in its place
}

// Site says where a mutant is and what it changes, by the function and the text of the lines
// rather than by their numbers, so that it remains what it is when other code changes.
type Site struct {
	File string // below the root, with slashes
	Func string // Client.Step, or a function's name
	Old  string // the line as it stands
	New  string // and as the mutant has it, "" for none
	Nth  int    // among those of the function that look the same, from 1
}

// String returns the site as the list of equivalent mutants has it.
func (s Site) String() string {
	nth := ""
	if s.Nth > 1 {
		nth = fmt.Sprintf(" #%d", s.Nth)
	}
	return strings.TrimRight(fmt.Sprintf("%s %s%s\n- %s\n+ %s", s.File, s.Func, nth, s.Old, s.New), " ")
}

// Mutants returns all mutants of the package in a directory below root, in the order of the
// source.
func Mutants(root, dir string) ([]Mutant, error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
	if err != nil {
		return nil, err
	}
	var all []Mutant
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		of, err := mutate(path.Join(filepath.ToSlash(dir), filepath.Base(file)), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing to mutate in %s", dir)
	}
	return all, nil
}

// mutate returns the mutants of one file.
func mutate(file, text string) ([]Mutant, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	m := mutator{file: file, text: text, fset: fset, seen: map[string]bool{}, nth: map[Site]int{}}
	for _, decl := range tree.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
			m.name = f.Name.Name
			if f.Recv != nil {
				m.name = receiver(f.Recv.List[0].Type) + "." + m.name
			}
			ast.Inspect(f.Body, m.visit)
		}
	}
	return m.found, nil
}

// receiver returns the name of a receiver's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

type mutator struct {
	file, text, name string
	fset             *token.FileSet
	seen             map[string]bool
	nth              map[Site]int
	found            []Mutant
}

func (m *mutator) at(p token.Pos) int       { return m.fset.Position(p).Offset }
func (m *mutator) source(n ast.Node) string { return m.text[m.at(n.Pos()):m.at(n.End())] }

// relations are what each relation becomes.
var relations = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LAND: token.LOR, token.LOR: token.LAND,
}

// flipped are the booleans.
var flipped = map[string]string{"true": "false", "false": "true"}

// visit adds the mutants of a node: the one table of what is changed.
func (m *mutator) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr: // a relation or a connective is another one
		if to, ok := relations[n.Op]; ok {
			m.replace(m.at(n.OpPos), m.at(n.OpPos)+len(n.Op.String()), to.String())
		}
		if n.Op == token.LAND || n.Op == token.LOR { // an operand is not there
			m.replace(m.at(n.Pos()), m.at(n.End()), m.source(n.X))
			m.replace(m.at(n.Pos()), m.at(n.End()), m.source(n.Y))
		}
	case *ast.Ident: // a boolean is flipped
		if to, ok := flipped[n.Name]; ok {
			m.replace(m.at(n.Pos()), m.at(n.End()), to)
		}
	case *ast.IfStmt: // a condition is negated; what it guards is not there
		m.negate(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			m.negate(n.Cond)
		}
	case *ast.SwitchStmt:
		m.cases(n.Body, n.Tag == nil)
	case *ast.TypeSwitchStmt:
		m.cases(n.Body, false)
	case *ast.BlockStmt:
		m.statements(n.List)
	case *ast.CaseClause:
		m.statements(n.Body)
	}
	return true
}

// cases adds what becomes of a switch without one of its cases, or one of a case's values.
func (m *mutator) cases(body *ast.BlockStmt, conditions bool) {
	for _, s := range body.List {
		c := s.(*ast.CaseClause)
		m.drop(c)
		for i, e := range c.List {
			switch {
			case conditions:
				m.negate(e)
			case len(c.List) > 1 && i == 0:
				m.replace(m.at(e.Pos()), m.at(c.List[1].Pos()), "")
			case len(c.List) > 1:
				m.replace(m.at(c.List[i-1].End()), m.at(e.End()), "")
			}
		}
	}
}

// statements adds what becomes of a block without one of its statements. Without a return it
// would not be Go, and without a declaration it would rarely be.
func (m *mutator) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.BranchStmt:
			m.drop(s)
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				m.drop(s)
			}
		case *ast.IfStmt:
			if s.Else == nil {
				m.drop(s)
			}
		}
	}
}

// negate adds the opposite of a condition, if no other relation is the same.
func (m *mutator) negate(e ast.Expr) {
	if b, ok := e.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
		return
	}
	to := "!(" + m.source(e) + ")"
	if not, ok := e.(*ast.UnaryExpr); ok && not.Op == token.NOT {
		to = m.source(not.X)
	}
	m.replace(m.at(e.Pos()), m.at(e.End()), to)
}

func (m *mutator) drop(n ast.Node) { m.replace(m.at(n.Pos()), m.at(n.End()), "") }

// replace adds a mutant with another text in one place.
func (m *mutator) replace(from, to int, text string) {
	if key := fmt.Sprint(from, " ", to, " ", text); m.seen[key] {
		return
	} else {
		m.seen[key] = true
	}
	first := strings.LastIndexByte(m.text[:from], '\n') + 1
	last := to + strings.IndexByte(m.text[to:], '\n')
	s := Site{File: m.file, Func: m.name, Old: oneLine(m.text[first:last]), New: oneLine(m.text[first:from] + text + m.text[to:last])}
	m.nth[s]++
	key := s
	s.Nth = m.nth[key]
	m.found = append(m.found, Mutant{Site: s, Line: 1 + strings.Count(m.text[:from], "\n"), from: from, to: to, text: text})
}

// oneLine shortens what is of several lines to the first.
func oneLine(s string) string {
	s, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	if more {
		s += " …"
	}
	return s
}

// Edit returns the mutant as an edit. It reports false if the text around it occurs several times.
func (m *Mutant) Edit(name, text string) (seeded.Edit, bool) {
	from, to := m.from, m.to
	for strings.Count(text, text[from:to]) != 1 {
		if from == 0 || to == len(text) {
			return seeded.Edit{}, false
		}
		from = strings.LastIndexByte(text[:from-1], '\n') + 1
		to = min(len(text), to+1+strings.IndexByte(text[to+1:]+"\n", '\n'))
	}
	change := seeded.Change{File: m.File, Old: text[from:to], New: text[from:m.from] + m.text + text[m.to:to]}
	return seeded.Edit{Name: name, At: fmt.Sprintf("%s:%d", m.File, m.Line), Changes: []seeded.Change{change}}, true
}

// draw returns the mutants in an order that the seed gives. It depends on what each of them
// is, not on which others there are: where one goes, the others remain drawn.
func draw(all []Mutant, seed uint64) []Mutant {
	rank := func(m Mutant) uint64 {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %v", seed, m.Site))
		return binary.BigEndian.Uint64(sum[:])
	}
	ranks := map[Site]uint64{}
	for _, m := range all {
		ranks[m.Site] = rank(m)
	}
	drawn := slices.Clone(all)
	slices.SortStableFunc(drawn, func(a, b Mutant) int {
		return cmp.Compare(ranks[a.Site], ranks[b.Site])
	})
	return drawn
}

package countersign

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:generate go test -run ^TestQuestionsPage$ -write-questions .

const questionsFile = "docs/questions.md"

var writeQuestions = flag.Bool("write-questions", false, "write docs/questions.md")

// question is a question type and what its comment says of it, in a fixed form: paragraphs that begin with "Asked by:" (entries of a
// package and when it asks, with semicolons between), "Answers:" (types, with commas between) and "Declined:" (what that leads to).
type question struct {
	dir, name string // of its package, and of the type
	says      string
	asked     []asker
	answers   []string // qualified
	declined  string
	sources   []string // qualified
}

// asker is the directory of a package, and when it asks.
type asker struct{ pkg, when string }

func (q question) String() string { return path.Base(q.dir) + "." + q.name }

// notAsking are packages that make questions without asking a driver: of tests, of the kits and of the model.
var notAsking = []string{"gss/gsstoy", "internal/broken", "model", "proptest"}

// sourceDirs are the packages with sources of answers. What they do not answer has a word here.
var (
	sourceDirs = []string{"drivers/answer", "drivers/krb5"}
	elsewhere  = map[string]string{
		"digest.NeedBodyHash": "the drivers, with `drive.BodyHash`",
		"ntlm.NeedResponse":   "none; the agent that has the secret, through `answer.On`",
		"ntlm.NeedLogon":      "none; a client of a domain controller, through `answer.On`",
	}
	// notAnswers are types with a method Answer that answer no question.
	notAnswers = map[string]string{"kerberos.Delegated": "is what gss.Info.Delegated holds"}
)

// TestQuestionsPage checks that docs/questions.md is what the comments of the question types and the sources say.
func TestQuestionsPage(t *testing.T) {
	if len(modules(t)) == 1 {
		t.Skip("the sources of answers are not here: this is the core module alone")
	}
	s := symbolsOf(t)
	list, wrong := s.questions()
	for _, w := range wrong {
		t.Error(w)
	}
	if len(list) < 11 {
		t.Fatalf("only %d questions were found: the search is broken", len(list))
	}
	page := questionsPage(list)
	if *writeQuestions {
		if err := os.WriteFile(questionsFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(questionsFile)
	if err != nil {
		t.Fatal(err)
	}
	was, is := strings.Split(strings.ReplaceAll(string(old), "\r\n", "\n"), "\n"), strings.Split(page, "\n")
	for i := range max(len(was), len(is)) {
		if i >= len(was) || i >= len(is) || was[i] != is[i] {
			t.Fatalf("%s is stale from line %d on: a question, its comment or a source changed. Run go generate.", questionsFile, i+1)
		}
	}
	readPage(t, questionsFile).checkNames(t)
}

// questions returns the exported question types of the core, and what is wrong with what is declared about them.
func (s *symbols) questions() (list []question, wrong []string) {
	asks, asserts := s.asks()
	sources := s.sources()
	taken := map[string]bool{}            // answers of some question
	takes := map[string]map[string]bool{} // answers to the questions of a package
	isAnswer := map[string]bool{}
	for dir := range s.files {
		for _, name := range s.withMethod(dir, "Answer") {
			isAnswer[path.Base(dir)+"."+name] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(s.files)) {
		if strings.HasPrefix(dir, "drivers") || slices.Contains(notAsking, dir) {
			continue
		}
		for _, name := range s.withMethod(dir, "Question") {
			q := question{dir: dir, name: name, sources: sources[path.Base(dir)+"."+name]}
			report := func(format string, args ...any) {
				wrong = append(wrong, q.String()+": "+fmt.Sprintf(format, args...))
			}
			q.read(s, s.comment(dir, name), report)
			for _, a := range q.answers {
				taken[a] = true
				if !isAnswer[a] {
					report("the answer %s is no type with a method Answer", a)
				}
			}
			stated := map[string]bool{}
			for i, a := range q.asked {
				at := slices.IndexFunc(asks[q.String()], func(dir string) bool { return path.Base(dir) == a.pkg })
				if at < 0 {
					report("package %s is said to ask it, and makes none", a.pkg)
					continue
				}
				q.asked[i].pkg = asks[q.String()][at]
				stated[q.asked[i].pkg] = true
			}
			for _, dir := range asks[q.String()] {
				if !stated[dir] {
					report("package %s asks it, which its comment does not say", dir)
				}
				if takes[dir] == nil {
					takes[dir] = map[string]bool{}
				}
				for _, a := range q.answers {
					takes[dir][a] = true
				}
			}
			for _, a := range q.answers {
				if a != "gss.Declined" && !slices.ContainsFunc(asks[q.String()], func(dir string) bool { return asserts[dir][a] }) {
					report("no package that asks it looks for the answer %s", a)
				}
			}
			switch {
			case len(q.asked) == 0:
				report(`the comment needs a paragraph "Asked by: package, when; package, when."`)
			case !slices.Contains(q.answers, "gss.Declined"):
				report(`the comment needs a paragraph "Answers: ", with gss.Declined, which every question takes`)
			case q.declined == "":
				report(`the comment needs a paragraph "Declined: " on what that leads to`)
			case len(q.sources) == 0 && elsewhere[q.String()] == "":
				report("it has no source in %v: add one, or say in elsewhere what answers it", sourceDirs)
			case len(q.sources) > 0 && elsewhere[q.String()] != "":
				report("it has a source, and an entry in elsewhere")
			}
			list = append(list, q)
		}
	}
	for a := range isAnswer {
		if !taken[a] && notAnswers[a] == "" {
			wrong = append(wrong, a+" has a method Answer, and answers no question")
		}
	}
	for dir, questions := range takes {
		for a := range asserts[dir] {
			if isAnswer[a] && notAnswers[a] == "" && !questions[a] {
				wrong = append(wrong, "package "+dir+" looks for the answer "+a+", which none of its questions takes")
			}
		}
	}
	slices.Sort(wrong)
	return list, wrong
}

var (
	docLink     = regexp.MustCompile(`\[([A-Z]\w*)\]`)
	qualifiedIn = regexp.MustCompile(`\b[a-z]\w*\.[A-Z]\w*(?:\.[A-Z]\w*)?`)
)

// read reads the comment of a question.
func (q *question) read(s *symbols, doc string, report func(string, ...any)) {
	var p comment.Parser
	code := func(text string) string { // with its links, and the names of packages' symbols, as code
		text = docLink.ReplaceAllString(text, path.Base(q.dir)+".$1")
		return qualifiedIn.ReplaceAllStringFunc(text, func(name string) string {
			if s.check(name) == nil {
				return "`" + name + "`"
			}
			return name
		})
	}
	own := func(name string) string {
		name = strings.Trim(strings.TrimSpace(name), "[]")
		if !strings.Contains(name, ".") {
			return path.Base(q.dir) + "." + name
		}
		return name
	}
	for _, b := range p.Parse(doc).Content {
		paragraph, ok := b.(*comment.Paragraph)
		if !ok {
			continue
		}
		text := strings.Join(strings.Fields(plain(paragraph.Text)), " ")
		label, rest, _ := strings.Cut(text, ": ")
		rest = strings.TrimSuffix(rest, ".")
		switch {
		case q.says == "":
			q.says = code(text)
		case label == "Asked by":
			for entry := range strings.SplitSeq(rest, "; ") {
				pkg, when, ok := strings.Cut(entry, ", ")
				if !ok {
					report("%q does not say which package asks, and when", entry)
				}
				q.asked = append(q.asked, asker{pkg, code(when)})
			}
		case label == "Answers":
			for name := range strings.SplitSeq(rest, ", ") {
				q.answers = append(q.answers, own(name))
			}
		case label == "Declined":
			q.declined = code(rest) + "."
		}
	}
}

// plain returns the text of a paragraph, its links in brackets.
func plain(list []comment.Text) (text string) {
	for _, part := range list {
		switch part := part.(type) {
		case comment.Plain:
			text += string(part)
		case comment.Italic:
			text += string(part)
		case *comment.Link:
			text += plain(part.Text)
		case *comment.DocLink:
			text += plain(part.Text)
		}
	}
	return text
}

// withMethod returns the exported types of a package that have a method of that name without parameters, sorted.
func (s *symbols) withMethod(dir, method string) (names []string) {
	for _, f := range s.files[dir] {
		for _, d := range f.ast.Decls {
			d, ok := d.(*ast.FuncDecl)
			if ok && !f.test && d.Recv != nil && d.Name.Name == method && d.Type.Params.NumFields() == 0 && ast.IsExported(receiver(d)) {
				names = append(names, receiver(d))
			}
		}
	}
	slices.Sort(names)
	return names
}

// comment returns the comment of a type.
func (s *symbols) comment(dir, name string) string {
	for _, f := range s.files[dir] {
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.Name == name {
					if spec.Doc != nil {
						return spec.Doc.Text()
					}
					return g.Doc.Text()
				}
			}
		}
	}
	return ""
}

// asks returns the directories of the packages of the core in which each question is made, by the question's name, and the types that
// each package's type switches and assertions have.
func (s *symbols) asks() (asks map[string][]string, asserts map[string]map[string]bool) {
	asks, asserts = map[string][]string{}, map[string]map[string]bool{}
	for dir, files := range s.files {
		if strings.HasPrefix(dir, "drivers") || slices.Contains(notAsking, dir) {
			continue
		}
		asserts[dir] = map[string]bool{}
		for _, f := range files {
			if f.test {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if name := s.typeName(dir, n.Type); name != "" && !slices.Contains(asks[name], dir) {
						asks[name] = append(asks[name], dir)
					}
				case *ast.TypeAssertExpr:
					asserts[dir][s.typeName(dir, n.Type)] = true
				case *ast.CaseClause:
					for _, e := range n.List {
						asserts[dir][s.typeName(dir, e)] = true
					}
				}
				return true
			})
		}
	}
	for _, list := range asks {
		slices.Sort(list)
	}
	return asks, asserts
}

// typeName returns the name of a type with its package before it, as seen from a package.
func (s *symbols) typeName(dir string, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		if e.IsExported() {
			return path.Base(dir) + "." + e.Name
		}
	case *ast.SelectorExpr:
		if pkg, ok := e.X.(*ast.Ident); ok {
			return pkg.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// sources returns the sources of answers by question: the exported types with a method Answer, and the exported functions that return
// a source without taking one, of the packages in sourceDirs. A source is one for each question that its code, or the code of the
// package that it calls, asserts its argument to be.
func (s *symbols) sources() map[string][]string {
	found := map[string][]string{}
	for _, dir := range sourceDirs {
		bodies := map[string][]ast.Node{} // the code of each function and type of the package
		roots := []string{}
		for _, f := range s.files[dir] {
			for _, d := range f.ast.Decls {
				d, ok := d.(*ast.FuncDecl)
				if !ok || f.test {
					continue
				}
				if d.Recv != nil {
					if d.Name.Name == "Answer" {
						bodies[receiver(d)] = append(bodies[receiver(d)], d.Body)
						if ast.IsExported(receiver(d)) {
							roots = append(roots, receiver(d))
						}
					}
					continue
				}
				bodies[d.Name.Name] = append(bodies[d.Name.Name], d.Body)
				isSource := func(e ast.Expr) bool {
					if e, ok := e.(*ast.Ellipsis); ok {
						return strings.HasSuffix(s.typeName(dir, e.Elt), "answer.Source")
					}
					return s.typeName(dir, e) == "answer.Source"
				}
				has := func(l *ast.FieldList) bool {
					return l != nil && slices.ContainsFunc(l.List, func(f *ast.Field) bool { return isSource(f.Type) })
				}
				if d.Name.IsExported() && has(d.Type.Results) && !has(d.Type.Params) {
					roots = append(roots, d.Name.Name)
				}
			}
		}
		for _, root := range roots {
			asserted := map[string]bool{}
			seen := map[string]bool{}
			var walk func(name string)
			walk = func(name string) {
				if seen[name] {
					return
				}
				seen[name] = true
				for _, body := range bodies[name] {
					var visit func(ast.Node) bool
					visit = func(n ast.Node) bool {
						switch n := n.(type) {
						case *ast.TypeAssertExpr:
							asserted[s.typeName(dir, n.Type)] = true
						case *ast.CaseClause:
							for _, e := range n.List {
								asserted[s.typeName(dir, e)] = true
							}
						case *ast.SelectorExpr: // a field or method of that name is nothing of the package
							ast.Inspect(n.X, visit)
							return false
						case *ast.KeyValueExpr:
							ast.Inspect(n.Value, visit)
							return false
						case *ast.Ident:
							walk(n.Name)
						}
						return true
					}
					ast.Inspect(body, visit)
				}
			}
			walk(root)
			for name := range asserted {
				found[name] = append(found[name], path.Base(dir)+"."+root)
			}
		}
	}
	for _, list := range found {
		slices.Sort(list)
	}
	return found
}

func questionsPage(list []question) string {
	var b strings.Builder
	b.WriteString(`# Questions and answers

Generated from the comments of the question types and from the sources by ` + "`go generate .`" + `; do not edit. A test fails where it is stale.

The core does no I/O. What a scheme or mechanism needs to know it asks with a question, a type with a method Question, which the driver
passes to its ` + "`answer.Source`" + `. ` + "`answer.Chain`" + ` joins the sources below, ` + "`answer.Stores`" + ` several
stores of users, and ` + "`answer.On`" + ` makes one of a function for one type of question.

An answer of another type than those listed is a mistake of the program: a ` + "`gss.Misuse`" + `, or taken for no answer. ` + "`gss.Declined`" + ` says that a source
has no answer, ` + "`gss.Unreachable`" + ` that the service behind it did not respond for any client.

| Question | Asked by package | Answers, beside Declined and Unreachable | Sources |
|---|---|---|---|
`)
	for _, q := range list {
		var asked []string
		for _, a := range q.asked {
			asked = append(asked, a.pkg)
		}
		answers := slices.DeleteFunc(slices.Clone(q.answers), func(a string) bool { return a == "gss.Declined" || a == "gss.Unreachable" })
		fmt.Fprintf(&b, "| [`%v`](#%s) | %s | %s | %s |\n", q, anchorOf(q.String()), strings.Join(quoted(asked), " "), strings.Join(quoted(answers), " "), q.sourceText())
	}
	for _, q := range list {
		fmt.Fprintf(&b, "\n## %v\n\n%s\n\n", q, q.says)
		for _, a := range q.asked {
			fmt.Fprintf(&b, "- Asked by package `%s`: %s.\n", a.pkg, a.when)
		}
		fmt.Fprintf(&b, "- Answers: %s.\n- Sources: %s.\n- `gss.Declined`: %s\n", strings.Join(quoted(q.answers), ", "), q.sourceText(), q.declined)
	}
	return b.String()
}

func (q question) sourceText() string {
	if len(q.sources) == 0 {
		return elsewhere[q.String()]
	}
	return strings.Join(quoted(q.sources), ", ")
}

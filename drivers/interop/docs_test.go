package interop

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The Go code of README.md, docs/*.md and package comments is compiled and run as it stands. TestDocs
// finds it, and wants a run for each piece. A run completes a piece to a program by a frame:
//
//   - Imports come by themselves, from the packages that the program names (docPackages).
//   - A piece of statements stands in main. What stands before it in the frame declares what the
//     text around the piece names, from the environment or by the shortest code that does; what
//     stands behind it uses the piece's results, as a program would.
//   - A piece of declarations stands at top level, and the frame has the main.
//
//   - A piece that is a whole program, with its package clause, has no frame. It is the text of a file
//     below moving, and is built there (docRun.program).
//
// Nothing in the piece is replaced.

// docPackages are the packages that documented code may name, by the name that it has there.
var docPackages = map[string]string{
	"answer": docModule + "drivers/answer", "connect": docModule + "drivers/connect", "digest": docModule + "digest", "drive": docModule + "drivers/drive",
	"drivertest": docModule + "drivers/drivertest", "fasthttp": docModule + "drivers/fasthttp", "gss": docModule + "gss", "gsstoy": docModule + "gss/gsstoy",
	"header": docModule + "header", "hop": docModule + "hop", "http3": docModule + "drivers/http3", "http3test": docModule + "drivers/http3/http3test", "krb": docModule + "kerberos/krb", "krb5": docModule + "drivers/krb5", "kdctest": docModule + "kerberos/kdctest",
	"kerberos": docModule + "kerberos", "machine": docModule + "machine", "model": docModule + "model", "nethttp": docModule + "drivers/nethttp", "ntlm": docModule + "ntlm", "preset": docModule + "drivers/preset",
	"proptest": docModule + "proptest", "scheme": docModule + "scheme", "session": docModule + "drivers/session", "spnego": docModule + "gss/spnego",

	"fast": "github.com/valyala/fasthttp", "quichttp3": "github.com/quic-go/quic-go/http3",

	"bufio": "bufio", "context": "context", "hex": "encoding/hex", "hmac": "crypto/hmac", "errors": "errors", "fmt": "fmt", "io": "io", "log": "log", "math": "math", "net": "net", "http": "net/http",
	"os": "os", "rand": "crypto/rand", "sha256": "crypto/sha256", "strconv": "strconv", "strings": "strings", "testing": "testing", "time": "time", "tls": "crypto/tls",
}

const docModule = "github.com/countersign-auth/countersign/"

// piece is some documented code.
type piece struct{ name, code string }

// documented returns all documented Go code, by a name that says where it stands.
func documented(t *testing.T) (all []piece) {
	t.Helper()
	root := "../.."
	counts := map[string]int{}
	add := func(where, code string) {
		counts[where]++
		if n := counts[where]; n > 1 {
			where = fmt.Sprintf("%s (%d)", where, n)
		}
		all = append(all, piece{where, code})
	}
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append([]string{root + "/README.md", root + "/CONTRIBUTING.md", root + "/SECURITY.md"}, pages...) {
		heading, code, inside := "", "", false
		for line := range strings.Lines(readText(t, page)) {
			switch title, isTitle := strings.CutPrefix(line, "## "); {
			case inside && strings.HasPrefix(line, "```"):
				add(filepath.Base(page)+": "+heading, code)
				inside = false
			case inside:
				code += line
			case strings.TrimSpace(line) == "```go":
				code, inside = "", true
			case isTitle:
				heading = strings.TrimSpace(title)
			}
		}
	}
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		comments := func(where string, doc *ast.CommentGroup) {
			var p comment.Parser
			for _, b := range p.Parse(doc.Text()).Content {
				if c, ok := b.(*comment.Code); ok && (parses(c.Text) || declares(c.Text)) {
					add(where, c.Text)
				}
			}
		}
		comments("package "+filepath.ToSlash(dir), f.Doc)
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				comments(filepath.ToSlash(dir)+"."+g.Specs[0].(*ast.TypeSpec).Name.Name, g.Doc)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parses and declares report whether text is statements of Go, or declarations. Tables and diagrams are
// neither.
func parses(text string) bool { return parsesAs("package p\nfunc _() {\n" + text + "\n}") }

func declares(text string) bool { return parsesAs("package p\n" + text) }

func parsesAs(file string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", file, 0)
	return err == nil
}

// docRun is how a piece is run.
type docRun struct {
	before, after string // of the piece, in the frame
	beside        string // another piece that the program has too
	program       string // the directory below moving of the program that the piece is, without a frame
	run           func(t *testing.T, program func(piece string) docProgram)
}

// docProgram is a piece that was completed and built.
type docProgram struct {
	t   *testing.T
	exe string
}

var named = regexp.MustCompile(`\b([a-z][a-z0-9]*)\.[A-Z]`)

// complete returns the program of a piece.
func complete(code, beside string, r docRun) string {
	body := strings.Join([]string{r.before, code, beside, r.after}, "\n")
	if !declares(code) {
		body = "func main() {\n" + body + "\n}\n"
	}
	var imports []string
	for _, m := range named.FindAllStringSubmatch(body, -1) {
		line := fmt.Sprintf("import %s %q\n", m[1], docPackages[m[1]])
		if docPackages[m[1]] != "" && !slices.Contains(imports, line) {
			imports = append(imports, line)
		}
	}
	return "package main\n\n" + strings.Join(imports, "") + "\n" + body
}

// stripped leaves out what debuggers read: with so many programs it takes a third of the time.
const stripped = "-ldflags=-s -w"

// build builds the program of a piece, a test if it has one, and returns where it is.
func build(code, beside string, r docRun) (exe string, err error) {
	dir, err := os.MkdirTemp(work, "docs")
	if err != nil {
		return "", err
	}
	file, exe := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if r.program != "" {
		return exe, buildShown(code, r.program, exe)
	}
	args := []string{"build", stripped, "-o", exe}
	if strings.Contains(code, "testing.T") {
		file = filepath.Join(dir, "main_test.go")
		args = []string{"test", stripped, "-c", "-o", exe}
	}
	source := complete(code, beside, r)
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", append(args, file)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s\n%s", err, out, source)
	}
	return exe, nil
}

// moving has the programs of docs/moving.md. Their module is not in go.work: what the libraries that they
// compare require would be the versions that all modules are built with.
const moving = "../examples/internal/moving"

// buildShown builds a program below moving, of which a page shows the code.
func buildShown(code, program, exe string) error {
	dir := filepath.Join(moving, program)
	source, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil {
		return err
	}
	if code != string(source) {
		return fmt.Errorf("the page does not show %s/main.go as it is, which is\n%s", dir, source)
	}
	cmd := exec.Command("go", "build", stripped, "-o", exe, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not compile: %w\n%s", dir, err, out)
	}
	return nil
}

// run runs the program to its end, and returns what it says.
func (p docProgram) run(env []string, args ...string) (stdout, stderr string, err error) {
	p.t.Helper()
	cmd := p.command(env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func (p docProgram) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(p.exe, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = filepath.Dir(p.exe)
	cmd.SysProcAttr = detached
	return cmd
}

// serve starts the program as a server at a free address, which ADDR names, beside cert.pem and key.pem.
// It waits until the server answers on network, and stops it with the test.
func (p docProgram) serve(network string, env ...string) (addr string) {
	p.t.Helper()
	for name, file := range map[string]string{"cert.pem": pki.file, "key.pem": pki.key} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(p.exe), name), []byte(readText(p.t, file)), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	addrs, err := freeAddrs(1)
	if err != nil {
		p.t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd := p.command(append(env, "ADDR="+addrs[0]))
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("---- the server\n%s", &errs)
		}
	})
	if network == "udp" {
		return addrs[0]
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addrs[0]); err == nil {
			c.Close()
			return addrs[0]
		}
		if time.Now().After(end) {
			p.t.Fatalf("the server does not listen:\n%s", &errs)
		}
	}
}

// TestDocs: every piece of documented code has a run, and passes it.
func TestDocs(t *testing.T) {
	t.Parallel()
	needCurl(t)
	codes := map[string]string{}
	var names []string
	for _, p := range documented(t) {
		codes[p.name] = p.code
		names = append(names, p.name)
	}
	for name := range docRuns {
		if codes[name] == "" {
			t.Errorf("%s: there is no such code: take its run away", name)
		}
	}
	built := map[string]func() (string, error){}
	for name, r := range docRuns {
		built[name] = sync.OnceValues(func() (string, error) { return build(codes[name], codes[r.beside], r) })
	}
	for _, name := range names {
		r, ok := docRuns[name]
		if !ok {
			t.Errorf("%s: this code has no run: write one into docRuns\n%s", name, codes[name])
			continue
		}
		t.Run(name, func(t *testing.T) {
			r.run(t, func(piece string) docProgram {
				exe, err := built[piece]()
				if err != nil {
					t.Fatal(err)
				}
				return docProgram{t, exe}
			})
		})
	}
}

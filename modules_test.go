package countersign

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const workFile = "go.work"

// modules returns the directories of all modules of the workspace, "." first, as go.work names them.
// Where there is no go.work the core module stands alone.
var modules = func() func(testing.TB) []string {
	read := sync.OnceValues(func() ([]string, error) {
		if _, err := os.Stat(workFile); err != nil {
			return []string{"."}, nil
		}
		out, err := exec.Command("go", "work", "edit", "-json", workFile).Output()
		if err != nil {
			return nil, err
		}
		var work struct{ Use []struct{ DiskPath string } }
		if err := json.Unmarshal(out, &work); err != nil {
			return nil, err
		}
		var dirs []string
		for _, u := range work.Use {
			dirs = append(dirs, path.Clean(filepath.ToSlash(u.DiskPath)))
		}
		slices.Sort(dirs)
		return dirs, nil
	})
	return func(t testing.TB) []string {
		t.Helper()
		dirs, err := read()
		if err != nil {
			t.Fatalf("%s: %v", workFile, err)
		}
		return dirs
	}
}()

// moduleOf returns which of the modules a package's directory belongs to, and the package's
// directory within that module.
func moduleOf(modules []string, dir string) (module, pkg string) {
	module, pkg = ".", dir
	for _, m := range modules {
		if in, ok := strings.CutPrefix(dir+"/", m+"/"); ok && len(m) >= len(module) {
			module, pkg = m, path.Clean(in)
		}
	}
	return module, pkg
}

// TestModuleOf finds the innermost module.
func TestModuleOf(t *testing.T) {
	for dir, want := range map[string][2]string{
		".":                        {".", "."},
		"kerberos/ticket":          {".", "kerberos/ticket"},
		"drivers/nethttp":          {"drivers", "nethttp"},
		"drivers/cmd/countersign":  {"drivers", "cmd/countersign"},
		"drivers/http3/http3test":  {"drivers/http3", "http3test"},
		"drivers/interop":          {"drivers/interop", "."},
		"drivers/interop/internal": {"drivers/interop", "internal"},
		"drivers/interoperable":    {"drivers", "interoperable"},
	} {
		if m, pkg := moduleOf([]string{".", "drivers", "drivers/http3", "drivers/interop"}, dir); m != want[0] || pkg != want[1] {
			t.Errorf("%s belongs to %s, as %s; want %s", dir, m, pkg, want)
		}
	}
}

// manifest is what `go mod edit -json` prints of a go.mod.
type manifest struct {
	Module  struct{ Path string }
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace []struct{ Old, New struct{ Path string } }
}

// examples is the module of the examples for frameworks. go.work leaves it out: what the
// frameworks require would be the versions that all modules are built with. CI runs it.
const examples = "drivers/examples"

// TestModules checks that go.work names every module below the root, so that `go test work` leaves
// none out but the examples, and that each module finds its neighbours beside it when it is built alone.
func TestModules(t *testing.T) {
	dirs := modules(t)
	if len(dirs) > 1 {
		dirs = append(slices.Clone(dirs), examples)
	}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.Name() == "go.mod" && len(dirs) > 1 && !slices.Contains(dirs, filepath.ToSlash(filepath.Dir(p))) {
			t.Errorf("%s has no line in %s: `go test work` passes over it", p, workFile)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		m := readManifest(t, dir)
		if want := path.Join(modulePath, dir); m.Module.Path != want {
			t.Errorf("the module in %s is %s, want %s", dir, m.Module.Path, want)
		}
		for _, r := range m.Require {
			own, ok := strings.CutPrefix(r.Path, modulePath)
			if !ok {
				continue
			}
			to, err := filepath.Rel(dir, "."+own)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, rep := range m.Replace {
				found = found || rep.Old.Path == r.Path && path.Clean(rep.New.Path) == filepath.ToSlash(to)
			}
			if !found {
				t.Errorf("%s/go.mod does not replace %s by the one beside it, %s", dir, r.Path, to)
			}
		}
	}
}

// mayRequire are the modules of this repository that each of them may require.
var mayRequire = map[string][]string{
	".":                       nil,
	"drivers":                 {"."},
	"drivers/fasthttp":        {".", "drivers"},
	"drivers/http3":           {".", "drivers"},
	"drivers/cmd/countersign": {".", "drivers", "drivers/fasthttp", "drivers/http3"},
	interop:                   {".", "drivers", "drivers/fasthttp", "drivers/http3"},
}

// TestModulesRequire: what a module does not require it does not import either, nor do its tests, because each builds
// alone.
func TestModulesRequire(t *testing.T) {
	for _, dir := range modules(t) {
		may, known := mayRequire[dir]
		if !known {
			t.Errorf("%s is new: say what it may require", dir)
		}
		for _, r := range readManifest(t, dir).Require {
			own, ok := strings.CutPrefix(r.Path, modulePath)
			if own = path.Clean("./" + strings.TrimPrefix(own, "/")); ok && !slices.Contains(may, own) {
				t.Errorf("%s/go.mod requires %s of this repository; it may require %q", dir, own, may)
			}
		}
	}
}

// interop is the module of the tests with other implementations, which no program imports.
const interop = "drivers/interop"

// forTests are the modules that a driver's module may require for its tests alone: goleak requires nothing at run time.
var forTests = []string{"go.uber.org/goleak"}

// TestDriversRequire checks that a program with one of the drivers gets no module into its graph that
// only tests with other implementations need: those belong to drivers/interop.
func TestDriversRequire(t *testing.T) {
	if len(modules(t)) == 1 {
		t.Skip("the drivers are not here: this is the core module alone")
	}
	for _, dir := range modules(t) {
		if dir == "." || dir == interop {
			continue
		}
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./...")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		built := strings.Fields(string(out))
		for _, r := range readManifest(t, dir).Require {
			if !r.Indirect && !slices.Contains(built, r.Path) && !slices.Contains(forTests, r.Path) {
				t.Errorf("%s/go.mod requires %s, which only tests import: move them to %s", dir, r.Path, interop)
			}
		}
	}
}

// heavy are the modules that a program has in its graph only with the driver that is built on them.
var heavy = regexp.MustCompile(`fasthttp|quic-go|cobra|pflag|grpc|gokrb5`)

// programs are packages that a program may import, each with its module and the heavy ones that it brings.
var programs = []struct {
	module, pkg string
	heavy       []string
}{
	{"drivers", "drivers/nethttp", nil},
	{"drivers/fasthttp", "drivers/fasthttp", []string{"fasthttp"}},
	{"drivers/http3", "drivers/http3", []string{"quic-go"}},
}

// TestProgramGraph makes a module of a program with one of the drivers, and looks at what the go command then has in
// its graph: what a driver does not need, its users need not know of.
func TestProgramGraph(t *testing.T) {
	if len(modules(t)) == 1 {
		t.Skip("the drivers are not here: this is the core module alone")
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		t.Run(p.pkg, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			goTool := func(args ...string) string {
				t.Helper()
				cmd := exec.Command("go", args...)
				cmd.Dir = dir
				// What the workspace needs is in the module cache, and this needs less.
				cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "GOSUMDB=off")
				var stderr strings.Builder
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
				}
				return string(out)
			}
			mod := "module example.org/program\n\ngo 1.26.0\n\nrequire " + path.Join(modulePath, p.module) + " v0.0.0\n"
			for _, m := range modules(t) {
				mod += "replace " + path.Join(modulePath, m) + " => " + filepath.ToSlash(filepath.Join(root, filepath.FromSlash(m))) + "\n"
			}
			write("go.mod", mod)
			write("main.go", "package main\n\nimport _ \""+path.Join(modulePath, p.pkg)+"\"\n\nfunc main() {}\n")
			goTool("list", "-deps", ".") // which completes go.mod
			found := map[string]bool{}
			graph := goTool("mod", "graph")
			for _, m := range strings.Fields(graph) {
				if strings.HasPrefix(m, modulePath) { // drivers/fasthttp has its library's name
					continue
				}
				if name := heavy.FindString(m); name != "" {
					found[name] = true
				}
			}
			if !strings.Contains(graph, path.Join(modulePath, p.module)+"@") {
				t.Fatalf("the graph has no %s:\n%s", p.module, graph)
			}
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, p.heavy) {
				t.Errorf("a program that imports %s has %q in its graph, want %q", p.pkg, got, p.heavy)
			}
		})
	}
}

func readManifest(t *testing.T, dir string) (m manifest) {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json", path.Join(dir, "go.mod")).Output()
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

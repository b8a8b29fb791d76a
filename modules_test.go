package countersign

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
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
		"drivers/interop":          {"drivers/interop", "."},
		"drivers/interop/internal": {"drivers/interop", "internal"},
		"drivers/interoperable":    {"drivers", "interoperable"},
	} {
		if m, pkg := moduleOf([]string{".", "drivers", "drivers/interop"}, dir); m != want[0] || pkg != want[1] {
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

// TestModules checks that go.work names every module below the root, so that `go test work` leaves
// none out, and that each module finds its neighbours beside it when it is built alone.
func TestModules(t *testing.T) {
	dirs := modules(t)
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

// forTests are the modules that drivers may require for its tests alone: goleak requires nothing at
// run time, and x/net's websocket is an example of what runs in a tunnel.
var forTests = []string{"go.uber.org/goleak", "golang.org/x/net"}

// TestDriversRequire checks that a program with one of the drivers gets no module into its graph that
// only tests with other implementations need: those belong to drivers/interop.
func TestDriversRequire(t *testing.T) {
	if len(modules(t)) == 1 {
		t.Skip("the drivers are not here: this is the core module alone")
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./...")
	cmd.Dir = "drivers"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	built := strings.Fields(string(out))
	for _, r := range readManifest(t, "drivers").Require {
		if !r.Indirect && !slices.Contains(built, r.Path) && !slices.Contains(forTests, r.Path) {
			t.Errorf("drivers/go.mod requires %s, which only tests import: move them to drivers/interop", r.Path)
		}
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

// Package outside tests that a program in a module outside of this repository can do with
// it what the documents promise: it may import none of the internal packages. The module's
// source is in testdata/module.
package outside

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the directory of the repository, and used the modules below it that programs
// import.
const root = "../../.."

var used = []string{"", "/drivers"}

const core = "github.com/countersign-auth/countersign"

// TestModule: a module of its own, which the go command does not let import what is
// internal, passes go vet and its tests.
func TestModule(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/module")); err != nil {
		t.Fatal(err)
	}
	mod, sums, err := requirements()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"go.mod": mod, "go.sum": sums} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "-vet=off", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		t.Logf("go %s\n%s", strings.Join(args, " "), out)
	}
}

// requirements returns the module's go.mod and go.sum: with the repository's modules in
// their directories, and at the versions of others that those have.
func requirements() (mod, sums string, err error) {
	var require, replace strings.Builder
	var lines []string
	for _, below := range used {
		dir, err := filepath.Abs(filepath.Join(root, below))
		if err != nil {
			return "", "", err
		}
		fmt.Fprintf(&require, "\t%s%s v0.0.0\n", core, below)
		fmt.Fprintf(&replace, "\t%s%s => %q\n", core, below, dir)
		b, err := os.ReadFile(filepath.Join(dir, "go.sum"))
		if err != nil {
			return "", "", err
		}
		lines = append(lines, strings.Split(strings.TrimSpace(string(b)), "\n")...)
	}
	slices.Sort(lines)
	sums = strings.Join(slices.Compact(lines), "\n") + "\n"
	return fmt.Sprintf("module example.org/outside\n\ngo 1.26.0\n\nrequire (\n%s)\n\nreplace (\n%s)\n", &require, &replace), sums, nil
}

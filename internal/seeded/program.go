package seeded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Explorer is the package of the command that explores the worlds.
const Explorer = "./internal/seeded/explore"

// Program is a test binary or the explorer, built with an overlay.
type Program struct {
	File string
	// Rapid reports whether the flags of rapid are known to it.
	Rapid bool
	// Broken tells why it could not be built, "" if it could.
	Broken string
}

// RapidFlags keep rapid's tests the same in each run, and from writing files.
var RapidFlags = []string{"-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=0s"}

// Write lays files down in a new directory in dir, and returns the path of the file
// that describes them to the go command as replacements of those below root.
func Write(root, dir, name string, files map[string]string) (string, error) {
	dir, err := os.MkdirTemp(dir, name)
	if err != nil {
		return "", err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	for file, text := range files {
		to := laid(dir, file)
		if err := os.WriteFile(to, []byte(text), 0o666); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, filepath.FromSlash(file))] = to
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, b, 0o666)
}

// laid returns the path of a file in the overlay in dir.
func laid(dir, file string) string { return filepath.Join(dir, strings.ReplaceAll(file, "/", "_")) }

// Build builds the tests of a package, or the explorer.
func Build(ctx context.Context, root, pkg, overlay, file string) Program {
	args := []string{"test", "-c", "-vet=off", "-overlay", overlay, "-o", file, pkg}
	if pkg == Explorer {
		args = []string{"build", "-overlay", overlay, "-o", file, pkg}
	}
	if out, err := Go(ctx, root, args...); err != nil {
		return Program{Broken: strings.TrimSpace(out + "\n" + err.Error())}
	}
	if _, err := os.Stat(file); err != nil { // go test -c says nothing of it
		return Program{Broken: "the package has no tests"}
	}
	prog := Program{File: file}
	if pkg != Explorer {
		check := exec.CommandContext(ctx, file, append([]string{"-test.list", "^$"}, RapidFlags...)...)
		check.Dir = Home(root, pkg)
		prog.Rapid = check.Run() == nil
	}
	return prog
}

// Go runs the go command in dir and returns all that it prints.
func Go(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Home returns the directory in which the tests of a package run.
func Home(root, pkg string) string { return filepath.Join(root, filepath.FromSlash(pkg)) }

var compilerError = regexp.MustCompile(`(?m)^(.+?\.go):(\d+):\d+(: .*)$`)

// Blame returns the edits that caused errors of the compiler, with what it says of them. It
// names the files of the overlay, in dir.
func (o *Overlay) Blame(dir, output string) map[string]string {
	found := map[string]string{}
	for _, m := range compilerError.FindAllStringSubmatch(output, -1) {
		line, _ := strconv.Atoi(m[2])
		for file := range o.Files {
			// The go command prints a path relative to where it runs if that is shorter: the ends tell the overlay and the file in it.
			if filepath.Base(m[1]) != filepath.Base(laid(dir, file)) || filepath.Base(filepath.Dir(m[1])) != filepath.Base(dir) {
				continue
			}
			if name := o.EditAt(file, line); name != "" {
				found[name] += "\n\t\t" + file + m[3]
			}
		}
	}
	return found
}

// Execute runs a program and returns what it printed and its exit code, -1 if it had to be
// stopped after so long.
func Execute(ctx context.Context, file, dir string, set []string, bound time.Duration, args ...string) (string, int) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { // a test with a fault holds nothing
		return strings.HasPrefix(v, "COUNTERSIGN_REQUIREMENTS=") || strings.HasPrefix(v, Variable+"=")
	})
	cmd.Env = append(cmd.Env, set...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.String(), 0
	case errors.As(err, &exit):
		return out.String(), exit.ExitCode()
	}
	return out.String() + err.Error(), -1
}

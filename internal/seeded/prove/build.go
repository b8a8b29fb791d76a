package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// explorer is the package of the command that explores the worlds.
const explorer = "./internal/seeded/explore"

// program is a test binary or the explorer, built with an overlay.
type program struct {
	file string
	goes bool // rapid's flags are known to it
	// broken tells why it could not be built.
	broken string
}

// prover is one run of the command.
type prover struct {
	options
	root, dir string
	edits     []seeded.Edit
	overlay   string                  // the file that describes the shared one
	failed    map[string]string       // edits that do not apply or do not compile, and why
	alone     map[string]bool         // edits that need a build of their own
	programs  map[string]program      // of the shared build, by package
	passes    map[unseededFall]string // what is wrong without a fault, "" for nothing
	golden    map[string]string
}

// wanted returns the package to build for a fall.
func wanted(f seeded.Fall) string {
	if f.Property != "" {
		return explorer
	}
	return f.Package
}

// build builds every program that the chosen edits need and that they can share. An
// edit that does not compile is put down as failed, and the others are built without
// it.
func (p *prover) build(ctx context.Context, chosen []seeded.Edit) error {
	for i := range p.edits {
		if _, err := seeded.Apply(p.root, &p.edits[i]); err != nil {
			p.failed[p.edits[i].Name] = err.Error()
		}
	}
	for {
		var sound []seeded.Edit
		for _, e := range p.edits {
			if p.failed[e.Name] == "" {
				sound = append(sound, e)
			}
		}
		o, alone, err := seeded.Rewrite(p.root, sound)
		if err != nil {
			return err
		}
		p.alone = map[string]bool{}
		for _, e := range alone {
			p.alone[e.Name] = true
		}
		if p.overlay, err = p.write("shared", o.Files); err != nil {
			return err
		}
		again := false
		for _, e := range chosen {
			for _, f := range e.Falls {
				pkg := wanted(f)
				if _, done := p.programs[pkg]; done || p.alone[e.Name] || p.failed[e.Name] != "" {
					continue
				}
				prog := p.compile(ctx, pkg, p.overlay, filepath.Join(p.dir, fmt.Sprintf("program%d", len(p.programs))))
				if err := ctx.Err(); err != nil {
					return err
				}
				for name, why := range blame(o, filepath.Dir(p.overlay), prog.broken) {
					again = true
					p.failed[name] = "it does not compile:" + why
				}
				if again {
					break
				}
				p.programs[pkg] = prog
			}
			if again {
				break
			}
		}
		if !again {
			return p.unseeded(ctx, chosen)
		}
		// What was built so far holds the text of an edit that has now gone; that
		// changes nothing for the others.
	}
}

// write lays an overlay down, and returns the file that describes it.
func (p *prover) write(name string, files map[string]string) (string, error) {
	dir, err := os.MkdirTemp(p.dir, name)
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
		overlay.Replace[filepath.Join(p.root, filepath.FromSlash(file))] = to
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

// compile builds the tests of a package, or the explorer.
func (p *prover) compile(ctx context.Context, pkg, overlay, file string) program {
	args := []string{"test", "-c", "-vet=off", "-overlay", overlay, "-o", file, pkg}
	if pkg == explorer {
		args = []string{"build", "-overlay", overlay, "-o", file, pkg}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return program{broken: strings.TrimSpace(out.String() + "\n" + err.Error())}
	}
	if _, err := os.Stat(file); err != nil { // go test -c says nothing of it
		return program{broken: "the package has no tests"}
	}
	prog := program{file: file}
	if pkg != explorer {
		check := exec.CommandContext(ctx, file, append([]string{"-test.list", "^$"}, rapidFlags...)...)
		check.Dir = p.home(pkg)
		prog.goes = check.Run() == nil
	}
	return prog
}

// rapidFlags keep rapid's tests the same in each run, and from writing files.
var rapidFlags = []string{"-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=0s"}

// home returns the directory in which the tests of a package run.
func (p *prover) home(pkg string) string { return filepath.Join(p.root, filepath.FromSlash(pkg)) }

var compilerError = regexp.MustCompile(`(?m)^(.+?\.go):(\d+):\d+(: .*)$`)

// blame returns the edits that caused errors of the compiler. It names the files of the
// overlay, in dir.
func blame(o *seeded.Overlay, dir, output string) map[string]string {
	found := map[string]string{}
	for _, m := range compilerError.FindAllStringSubmatch(output, -1) {
		line, _ := strconv.Atoi(m[2])
		for file := range o.Files {
			if laid(dir, file) != m[1] {
				continue
			}
			if name := o.EditAt(file, line); name != "" {
				found[name] += "\n\t\t" + file + m[3]
			}
		}
	}
	return found
}

package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// prover is one run of the command.
type prover struct {
	options
	root, dir string
	edits     []seeded.Edit
	overlay   string                    // the file that describes the shared one
	failed    map[string]string         // edits that do not apply or do not compile, and why
	alone     map[string]bool           // edits that need a build of their own
	programs  map[string]seeded.Program // of the shared build, by package
	passes    map[unseededFall]string   // what is wrong without a fault, "" for nothing
	golden    map[string]string
}

// wanted returns the package to build for a fall.
func wanted(f seeded.Fall) string {
	if f.Property != "" {
		return seeded.Explorer
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
				for name, why := range o.Blame(filepath.Dir(p.overlay), prog.Broken) {
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
	return seeded.Write(p.root, p.dir, name, files)
}

// compile builds the tests of a package, or the explorer.
func (p *prover) compile(ctx context.Context, pkg, overlay, file string) seeded.Program {
	return seeded.Build(ctx, p.root, pkg, overlay, file)
}

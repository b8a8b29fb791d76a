package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/model"
)

// TestCheck: all worlds, every property holds somewhere and falls nowhere. The short form has one world of mechanisms: the
// tests of package model explore all of them.
func TestCheck(t *testing.T) {
	args, worlds := []string{"check"}, slices.Concat(model.Worlds(), model.MechanismWorlds())
	if !long.Form() {
		worlds = model.MechanismWorlds()[:1]
		args = append(args, "--world", worlds[0].Name)
	}
	r := call(t, "", args...)
	if r.code != 0 { // stderr may tell of progress
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, w := range worlds {
		if !strings.Contains(r.stdout, w.Name) {
			t.Errorf("no world %s", w.Name)
		}
	}
	for _, p := range model.Properties() {
		if !strings.Contains(r.stdout, "\n"+p.Name+" ") {
			t.Errorf("no property %s", p.Name)
		}
	}
}

func TestCheckFlags(t *testing.T) {
	call(t, "", "check", "--world", "nowhere").want(t, exitUsage, "", "mixed-up")
	call(t, "", "check", "--property", "Nonsense").want(t, exitUsage, "", "LegsBounded")
	call(t, "", "check", "nonsense").want(t, exitUsage, "", "check --help")
	// A property that does not concern one world is no failure, unless --property names it.
	call(t, "", "check", "--world", "mixed-up").want(t, 0, "not applicable", "")
	call(t, "", "check", "--world", "mixed-up", "--property", "HeaderDirection").want(t, 0, "HeaderDirection", "")
	call(t, "", "check", "--world", "mixed-up", "--property", "LegsBounded", "--max-states", "10").want(t, exitUsage, "unfinished", "unfinished: LegsBounded")
	r := call(t, "", "check", "--world", "mixed-up", "--property", "PreemptiveDigestOnePair")
	r.want(t, exitUsage, "not applicable", "0 properties fall, 1 are vacuous, not applicable or unfinished")
	if strings.Contains(r.stdout, "LegsBounded") {
		t.Error("one property was asked for, and others were shown")
	}
}

// TestCheckFalls: a client that is configured to take less than the world asks of
// it is found out, told about and drawn.
func TestCheckFalls(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pictures")
	var out, errs bytes.Buffer
	c := checker{world: "origin", mermaid: dir}
	c.tune.Client = func(m *machine.ClientConfig) { m.MutualIfOffered = true }
	err := c.run(t.Context(), &out, &errs)
	if e, ok := err.(exit); !ok || e.code != exitUsage || !strings.Contains(err.Error(), "1 properties fall") {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"FALLS", "FailedMutualNeverDelivered falls in world origin, after", "   1  ", "wrote "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, out.String())
		}
	}
	picture, err := os.ReadFile(filepath.Join(dir, "FailedMutualNeverDelivered.mmd"))
	if err != nil || !strings.HasPrefix(string(picture), "sequenceDiagram\n") {
		t.Errorf("%v: %s", err, picture)
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
)

func newReplay() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "replay [--key FILE] TRACE",
		Short: "Run a recorded trace again",
		Long: `Replay makes the machines of a sealed trace again, feeds them the recorded events
and reports for each machine whether its actions are those recorded, byte for byte.
Serve and get record such traces with --trace and --trace-key.

A trace without --trace-key is redacted: it has the structure of the exchanges
without their contents. For such a trace, and for a sealed one without --key, replay
checks the structure and reports what each step lacks to be run again.

Exit codes: 0 if the trace reproduces (or its structure is valid), 1 if not, 2 if
the file cannot be read.`,
		Example: `  countersign replay trace.ndjson
  countersign replay --key trace.key trace.ndjson`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return replay(cmd.OutOrStdout(), args[0], keyFile)
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "`FILE` with the key of a sealed trace, 32 bytes in hex or base64")
	return cmd
}

// replay reads a trace, and runs it or checks its structure.
func replay(w io.Writer, file, keyFile string) error {
	c := trace.Config{Vocabulary: vocabulary()}
	if keyFile != "" {
		key, err := readKey(keyFile)
		if err != nil {
			return exit{exitTransport, err}
		}
		c.Key = key
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return exit{exitTransport, err}
	}
	t, err := trace.Decode(c, data)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("%s: %w", file, err)}
	}
	if !t.Ended {
		fmt.Fprintln(w, "the trace is truncated: it has no last line")
	}
	if c.Key.IsEmpty() {
		return replayStructure(w, &t)
	}
	var m setup.Machine
	if json.Unmarshal([]byte(t.Setup.Reveal()), &m) != nil {
		return exit{exitUsage, fmt.Errorf("%s: the trace has no configuration of its machines; it was not recorded by this program", file)}
	}
	return replaySealed(w, &t, &m, c)
}

// replaySealed runs every machine of a sealed trace again.
func replaySealed(w io.Writer, t *trace.Trace, m *setup.Machine, c trace.Config) error {
	differ := false
	ids := machinesOf(t.Lines)
	fmt.Fprintf(w, "sealed trace, %s of %s\n", count(len(t.Records), "step"), count(len(ids), "machine"))
	for _, id := range ids {
		records := trace.Of(t.Records, id.role, id.name)
		d, err := replayOne(m, c, id.role, records)
		if err != nil {
			return exit{exitUsage, err}
		}
		verdict := "reproduced byte for byte"
		if !d.IsZero() {
			differ, verdict = true, d.String()
		}
		fmt.Fprintf(w, "%-6s %-10s  %-8s  %s\n", id.role, id.name, count(len(records), "step"), verdict)
	}
	if differ {
		return exit{exitUsage, errors.New("the trace does not reproduce")}
	}
	return nil
}

// replayOne runs one machine again.
func replayOne(m *setup.Machine, c trace.Config, role trace.Role, records []trace.Record) (trace.Difference, error) {
	key := setup.NonceKey(c.Key, m.Label)
	switch role {
	case trace.Client:
		conf, err := m.Client()
		if err != nil {
			return trace.Difference{}, err
		}
		return again(c, conf, machine.NewClient, records)
	case trace.Server:
		conf, err := m.Server(key)
		if err != nil {
			return trace.Difference{}, err
		}
		return again(c, conf, machine.NewServer, records)
	}
	conf, err := m.Proxy(key)
	if err != nil {
		return trace.Difference{}, err
	}
	return again(c, conf, machine.NewProxy, records)
}

// again makes a machine and replays its records.
func again[C any, M machine.Machine[M]](c trace.Config, conf C, fresh func(C) (M, error), records []trace.Record) (trace.Difference, error) {
	m, err := fresh(conf)
	if err != nil {
		return trace.Difference{}, err
	}
	_, d, err := trace.Replay(c.Vocabulary, m, records)
	return d, err
}

// replayStructure checks what can be checked without the contents.
func replayStructure(w io.Writer, t *trace.Trace) error {
	kind := "redacted trace"
	if t.Sealed {
		kind = "sealed trace without its key"
	}
	fmt.Fprintf(w, "%s, %s of %s: only its structure can be replayed\n", kind, count(len(t.Lines), "step"), count(len(machinesOf(t.Lines)), "machine"))
	broken := false
	for i, f := range trace.Structure(t.Lines) {
		l := &t.Lines[i]
		verdict := "ok"
		switch {
		case f.Broken != "":
			broken, verdict = true, "impossible: "+f.Broken
		case len(f.Hidden) > 0:
			verdict = "cannot be replayed without " + strings.Join(f.Hidden, ", ")
		}
		fmt.Fprintf(w, "step %-4d %-6s %-10s  %-10s  %s\n", f.Seq, l.Role, l.Name, l.Event.Kind, verdict)
	}
	if broken {
		return exit{exitUsage, errors.New("the structure of the trace is broken")}
	}
	return nil
}

type machineID struct {
	role trace.Role
	name string
}

// machinesOf returns the machines of a trace, in the order of their first steps.
func machinesOf(lines []trace.Line) []machineID {
	var ids []machineID
	seen := make(map[machineID]bool)
	for _, l := range lines {
		if id := (machineID{l.Role, l.Name}); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// count returns a text such as "1 step" or "2 steps".
func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

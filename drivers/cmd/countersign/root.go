package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// exit is an error with the program's exit code. Without err the program prints no message
// at its end, since the command has already reported the failure.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// run runs the program with the given arguments and streams, and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	var e exit
	if !errors.As(err, &e) { // cobra's own: flags and arguments
		e = exit{exitUsage, fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath())}
	}
	if e.err != nil {
		fmt.Fprintln(stderr, "countersign:", e.err)
	}
	return e.code
}

// usage returns an error for a wrong use of the program.
func usage(format string, a ...any) error { return exit{exitUsage, fmt.Errorf(format, a...)} }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "countersign",
		Short: "HTTP authentication as client, server and proxy",
		Long: `countersign authenticates HTTP requests as client, server and proxy.

Exit codes: 0 success, 1 wrong use (or, of explain, demo, replay and check, a
negative result), 2 transport or file error, 22 status 400 or more. Where
authentication failed: 2 something that it needs is missing and may come back,
3 credentials refused, 4 not permitted by the options, or no credentials, 5 the
peer broke the protocol or did not prove itself, 6 a defect of this program.`,
		Example: `  countersign demo
  countersign serve --scheme digest --user alice:secret
  countersign get -u alice:secret http://127.0.0.1:8080/`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newDemo(), newServe(), newGet(), newExplain(), newKinit(), newKlist(), newKvno(), newKdestroy(), newReplay(), newCheck())
	for _, cmd := range root.Commands() {
		complete(cmd)
	}
	return root
}

// version returns the module's version, the commit and what built the program, as they are
// recorded in the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	parts := []string{"commit " + cmp.Or(setting["vcs.revision"], "unknown")}
	if setting["vcs.modified"] == "true" {
		parts[0] += " with changes"
	}
	parts = append(parts, info.GoVersion, runtime.GOOS+"/"+runtime.GOARCH)
	return cmp.Or(info.Main.Version, "unknown") + " (" + strings.Join(parts, ", ") + ")"
}

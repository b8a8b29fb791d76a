package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// both runs get and, where it is installed, curl with the same arguments, each in an empty
// folder of its own, and calls check with what each did.
func both(t *testing.T, args []string, check func(t *testing.T, r result, folder string)) {
	t.Helper()
	for _, name := range proxyNames {
		t.Setenv(name, "")
	}
	t.Run("get", func(t *testing.T) {
		folder := t.TempDir()
		t.Chdir(folder)
		check(t, call(t, "", append([]string{"get", "--max-time", "10"}, args...)...), folder)
	})
	t.Run("curl", func(t *testing.T) {
		curl, err := exec.LookPath("curl")
		if err != nil {
			t.Skip("curl is not installed")
		}
		folder := t.TempDir()
		cmd := exec.Command(curl, append([]string{"--disable", "--silent", "--max-time", "10"}, args...)...)
		cmd.Dir, cmd.Env = folder, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(err)
		}
		check(t, result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}, folder)
	})
}

package drive_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the guide's code anew")

const guide = "../../docs/transport.md"

// code returns a file without its package clause and imports.
func code(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n)\n\n")
	if !ok {
		t.Fatalf("%s has no imports", file)
	}
	return rest
}

// TestGuide: the guide contains exactly the code that is compiled and run here.
func TestGuide(t *testing.T) {
	b, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), "```")
	if len(parts) != 5 {
		t.Fatalf("%d pieces of code, want 2", len(parts)/2)
	}
	parts[1], parts[3] = "go\n"+code(t, "example_client_test.go"), "go\n"+code(t, "example_server_test.go")
	want := strings.Join(parts, "```")
	if *update {
		if err := os.WriteFile(guide, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Error("docs/transport.md has other code: go test ./drivers/drive -run TestGuide -update")
	}
}

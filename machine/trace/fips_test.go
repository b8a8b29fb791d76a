package trace

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// In FIPS-only mode a trace cannot be sealed, which is an error and no panic; a
// redacted one can be written (V19).
func TestFIPSOnly(t *testing.T) {
	if fips140.Enforced() {
		if _, _, err := NewEncoder(Config{Key: key}, fresh); problemOf(t, err) != gss.Misuse("") || !strings.Contains(err.Error(), "FIPS") {
			t.Errorf("sealing: %v", err)
		}
		if _, err := Decode(Config{Key: key}, []byte(`{"countersign-trace":2,"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","sealed":"AAAA"}`)); problemOf(t, err) != gss.Misuse("") || !strings.Contains(err.Error(), "FIPS") {
			t.Errorf("opening: %v", err)
		}
		write(t, Config{}, Record{Role: Client, Event: machine.Closed{}})
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFIPSOnly$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("under GODEBUG=fips140=only: %v\n%s", err, out)
	}
}

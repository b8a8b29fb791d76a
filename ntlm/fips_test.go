package ntlm

import (
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// V19: this binary once more in FIPS-only mode, where MD5, HMAC and RC4 of the
// standard library panic and MD4 of x/crypto does not.
func TestFIPSOnly(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestInFIPSOnly$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", "NTLM_TEST_IN_FIPS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "barred: all of it") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestInFIPSOnly is what TestFIPSOnly runs; by itself it has nothing to look at.
func TestInFIPSOnly(t *testing.T) {
	if os.Getenv("NTLM_TEST_IN_FIPS") == "" {
		return
	}
	if !fips140.Enforced() {
		t.Fatal("not in FIPS-only mode")
	}
	barred := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, gss.Unsupported) {
			t.Errorf("%s: %v, want unsupported", what, err)
		}
	}
	for level := V2; level < levels; level++ {
		m, err := New(Config{Level: level, Computer: "WWW"})
		if m != nil {
			t.Errorf("level %d: a mechanism came with the error", level)
		}
		misusetest.Check(t, "ntlm", "FIPS-only mode", err)
	}
	_, fault := HashOf(gss.NewSecret("password"))
	barred("a hash", fault.Err())
	_, fault = NewSession(uint32(sessionFlags), specExported, true)
	barred("a session", fault.Err())
	// Messages can still be read.
	if _, fault := ntlmssp.ParseAuthenticate(unhex(t, windowsAuthenticate)); !fault.IsZero() {
		t.Error(fault)
	}
	if !t.Failed() {
		t.Log("barred: all of it")
	}
}

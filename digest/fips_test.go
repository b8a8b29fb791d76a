package digest

import (
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// V19: this binary once more in FIPS-only mode, where calling MD5 panics.
func TestFIPSOnly(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("already there")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestInFIPSOnly$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInFIPSOnly") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestInFIPSOnly(t *testing.T) {
	if !fips140.Enforced() {
		t.Skip("run by TestFIPSOnly")
	}
	unsupported := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "FIPS-only mode") {
			t.Errorf("%s: %v, want an error that names FIPS-only mode", what, err)
		}
	}
	for _, a := range []Algorithm{MD5, MD5Sess} {
		_, err := For(a)
		unsupported(a.String(), err)
		if !errors.Is(err, gss.Unsupported) {
			t.Errorf("%v: %v, want unsupported", a, err)
		}
		_, err = NewClient(ClientConfig{Algorithms: []Algorithm{a}})
		unsupported("a client of "+a.String(), err)
		_, err = NewServer(ServerConfig{Realm: realm, Keys: []gss.Secret{nonceKeyOf('k')}, Algorithms: []Algorithm{SHA256, a}})
		unsupported("a server of "+a.String(), err)
	}
	_, err := NewServer(ServerConfig{Realm: realm, Keys: []gss.Secret{nonceKeyOf('k')}, Microsoft: true})
	unsupported("the Microsoft profile", err)

	w, x := newWorld(t), exchange("GET", "/")
	c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{})
	if n := w.offer(s, x).Len(); n != 1 {
		t.Errorf("%d challenges are offered, want SHA-256 alone", n)
	}
	i, a := w.logIn(c, s, x)
	if _, out, _ := w.respond(i, a, 200); out.State != gss.Complete {
		t.Error(out.Fault)
	}
	_, out := w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", qop="auth", Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"`))
	wantFault(t, "MD5 alone is offered", out.Fault, gss.Unsupported)
	_, out = w.challenged(c.Initiate(x), challenge1(`Digest realm="r", nonce="n", algorithm=MD5, Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"`))
	if param(t, out.Credentials, "algorithm") != "SHA-512-256" {
		t.Errorf("MD5 and SHA-512-256 are offered: %v", out.Fault)
	}
	_, sent := w.challenged(c.Initiate(x), w.offer(s, x))
	_, refusal := w.presented(s, x, challengeToMD5(sent.Credentials))
	wantFault(t, "an MD5 response", refusal.Fault, gss.Unsupported)
}

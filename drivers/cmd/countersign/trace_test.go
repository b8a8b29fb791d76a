package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const traceKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// TestReplay records a client, a proxy and an origin, and runs all three again.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	key := file(t, "key", traceKey+"\n")
	sealed := func(name string) []string {
		return []string{"--trace", filepath.Join(dir, name), "--trace-key", key}
	}
	origin := serve(t, append(sealed("server"), "--scheme", "digest,basic", "--user", "alice:Canary-4711", "--digest-qop", "auth,auth-int", "--nonce-lifetime", "1m")...)
	proxy := serve(t, append(sealed("proxy"), "--proxy", "--user", "bob:Canary-4712")...)
	args := []string{"get", "-x", proxy.url, "-U", "bob:Canary-4712", "-u", "alice:Canary-4711", origin.url + "/one", origin.url + "/two"}
	call(t, "", append(args, sealed("client")...)...).want(t, 0, "hello alice via Digest", "")
	call(t, "", append(args, "--trace", filepath.Join(dir, "redacted"))...).want(t, 0, "hello alice via Digest", "")
	proxy.stop()
	origin.stop()
	for _, role := range []string{"client", "proxy", "server"} {
		r := call(t, "", "replay", "--key", key, filepath.Join(dir, role))
		r.want(t, 0, "reproduced byte for byte", "")
		if strings.Contains(r.stdout, "differs") || strings.Contains(r.stdout, "truncated") {
			t.Error(r.stdout)
		}
		call(t, "", "replay", filepath.Join(dir, role)).want(t, 0, "sealed trace without its key", "")
	}
	redacted := filepath.Join(dir, "redacted")
	call(t, "", "replay", redacted).want(t, 0, "cannot be replayed without the request", "")
	call(t, "", "replay", "--key", key, redacted).want(t, exitUsage, "", "not sealed")
	for _, name := range []string{"client", "proxy", "server", "redacted"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "Canary") {
			t.Errorf("a password is in the trace %s", name)
		}
	}
}

// TestReplayRefuses: a trace that is not what was recorded.
func TestReplayRefuses(t *testing.T) {
	key := file(t, "key", traceKey)
	path := filepath.Join(t.TempDir(), "trace")
	s := serve(t, "--user", "alice:secret")
	call(t, "", "get", "-u", "alice:secret", s.url, "--trace", path, "--trace-key", key).want(t, 0, "hello", "")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	call(t, "", "replay", "--key", key, file(t, "cut", strings.Join(lines[:3], ""))).want(t, 0, "truncated", "")
	call(t, "", "replay", "--key", key, file(t, "gap", strings.Join(append(lines[:1:1], lines[2:]...), ""))).want(t, exitUsage, "", "tampered")
	call(t, "", "replay", "--key", file(t, "other", strings.Replace(traceKey, "1f", "20", 1)), path).want(t, exitUsage, "", "the key does not decrypt")
	call(t, "", "replay", "--key", file(t, "short", "00ff"), path).want(t, exitTransport, "", "32 bytes")
	call(t, "", "replay", file(t, "no", "not a trace\n")).want(t, exitUsage, "", "malformed")
	call(t, "", "replay", "/does/not/exist").want(t, exitTransport, "", "exist")
	call(t, "", "replay").want(t, exitUsage, "", "replay --help")
}

func TestReadKey(t *testing.T) {
	for _, text := range []string{
		traceKey, "\n" + traceKey + "\r\n",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	} {
		key, err := readKey(file(t, "key", text))
		if err != nil || key.Reveal()[31] != 0x1f {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "00", "Canary-4711", traceKey + "00"} {
		_, err := readKey(file(t, "key", text))
		if err == nil || strings.Contains(err.Error(), "Canary") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

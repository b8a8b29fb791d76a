package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// program builds the program once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "countersign")
	if err != nil {
		return "", err
	}
	built.Store(dir)
	path := filepath.Join(dir, "countersign")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// built is where it is, if it was built.
var built atomic.Value

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, ok := built.Load().(string); ok {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// child is "countersign serve" as a process of its own.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	addr string
	log  *lockedBuffer
}

// shortLimits are limits that a test can wait for.
var shortLimits = []string{"--header-timeout", "2s", "--request-timeout", "2s", "--idle-timeout", "2s"}

// startChild starts one, with so many descriptors.
func startChild(t *testing.T, files int, args ...string) *child {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`ulimit -n %d && exec "$0" serve --addr 127.0.0.1:0 "$@"`, files)
	c := &child{t: t, log: new(lockedBuffer), cmd: exec.Command("sh", append([]string{"-c", script, path}, args...)...)}
	c.cmd.Stderr = c.log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Signal(syscall.SIGTERM)
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("serve ended with %v: %.1000s", err, c.log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("first line %q, %v: %s", line, err, c.log)
	}
	c.url, c.addr = url, url[strings.Index(url, "//")+2:]
	return c
}

// memory returns what the process has in memory now, and had at most, in bytes.
func (c *child) memory() (now, peak int) {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &now)
		fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	return now << 10, peak << 10
}

// says waits until the process has logged something.
func (c *child) says(text string) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(c.log.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("it does not log %q: %.1000s", text, c.log)
		}
	}
}

// crowd opens connections, which say something each.
func (c *child) crowd(n int, says func(i int) string) []net.Conn {
	c.t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			c.t.Fatalf("connection %d: %v", i, err)
		}
		c.t.Cleanup(func() { conn.Close() })
		if says != nil {
			io.WriteString(conn, says(i))
		}
		conns[i] = conn
	}
	return conns
}

// fronts are the ways to serve over TCP.
var fronts = []struct {
	name string
	args []string
}{
	{"nethttp", nil},
	{"fasthttp", []string{"--transport", "fasthttp"}},
	{"proxy", []string{"--proxy"}},
}

// login gets a page with a password by the front.
func (c *child) login(t *testing.T, when string) {
	t.Helper()
	args := []string{"get", "-u", "alice:secret", c.url}
	if strings.Contains(strings.Join(c.cmd.Args, " "), "--proxy") {
		args = []string{"get", "-u", "alice:secret", "-U", "alice:secret", "-x", c.url, serve(t, "--user", "alice:secret").url}
	}
	if r := call(t, "", args...); r.code != 0 || !strings.Contains(r.stdout, "hello alice via Digest") {
		t.Errorf("a login %s: exit code %d, %s", when, r.code, r.stderr)
	}
}

// TestServeOutOfDescriptors: the service goes on after clients open more connections than there
// are descriptors.
func TestServeOutOfDescriptors(t *testing.T) {
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := startChild(t, 256, append(append(f.args, shortLimits...), "--user", "alice:secret")...)
			conns := c.crowd(400, nil)
			c.says("too many open files")
			c.login(t, "when there were no descriptors left")
			for _, conn := range conns {
				conn.Close()
			}
			c.login(t, "afterwards")
			requirement.Held(t, "unit:serve_out_of_descriptors", "FRONT-1")
		})
	}
}

// TestServeAnnouncedBodies: what clients announce costs nothing, and neither does what they send of it.
func TestServeAnnouncedBodies(t *testing.T) {
	const most = 40 << 20
	form := "Content-Type: multipart/form-data; boundary=b\r\n"
	part := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"
	for _, f := range fronts {
		for _, announce := range []struct{ name, says string }{
			{"one byte of 4 MB", "Content-Length: 4000000\r\n\r\na"},
			{"100 KB of 4 MB", "Content-Length: 4000000\r\n\r\n" + strings.Repeat("a", 100_000)},
			{"900 KB of 1 MB", "Content-Length: 1000000\r\n\r\n" + strings.Repeat("a", 900_000)},
			{"900 KB of a form", form + "Content-Length: 1000000\r\n\r\n" + part + strings.Repeat("a", 900_000)},
			{"a chunk of 900 KB", "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n", 4_000_000) + strings.Repeat("a", 900_000)},
		} {
			t.Run(f.name+"/"+announce.name, func(t *testing.T) {
				t.Parallel()
				c := startChild(t, 1024, append(append(f.args, shortLimits...), "--user", "alice:secret")...)
				before, _ := c.memory()
				var all sync.WaitGroup
				for _, conn := range c.crowd(200, nil) {
					all.Go(func() {
						go io.WriteString(conn, "POST http://h/ HTTP/1.1\r\nHost: h\r\n"+announce.says)
						io.Copy(io.Discard, conn) // until it closes
					})
				}
				all.Wait()
				if _, peak := c.memory(); peak-before > most {
					t.Errorf("200 connections with %s took %d MB, want %d at most", announce.name, (peak-before)>>20, most>>20)
				}
				c.login(t, "afterwards")
				requirement.Held(t, "unit:serve_announced_bodies", "FRONT-5")
			})
		}
	}
}

// TestServeHoldsOut: many connections that drip end within the limits, and keep no login waiting.
func TestServeHoldsOut(t *testing.T) {
	starts := []string{
		"GET http://h/ HTTP/1.1\r\nHost: h\r\nX-Field: ",
		"POST http://h/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n",
		"POST http://h/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n",
		"",
	}
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := startChild(t, 1024, append(append(f.args, shortLimits...), "--user", "alice:secret")...)
			conns := c.crowd(400, func(i int) string { return starts[i%len(starts)] })
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var all sync.WaitGroup
			for i, conn := range conns {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				all.Go(func() {
					io.Copy(io.Discard, conn)
					if ctx.Err() != nil {
						t.Errorf("connection %d stays, which began with %q", i, starts[i%len(starts)])
					}
					conn.Close()
				})
				if starts[i%len(starts)] != "" {
					all.Go(func() {
						for {
							if _, err := conn.Write([]byte("a")); err != nil {
								return
							}
							time.Sleep(100 * time.Millisecond)
						}
					})
				}
			}
			c.login(t, "beside them")
			all.Wait()
			c.login(t, "afterwards")
			requirement.Held(t, "unit:serve_holds_out", "FRONT-2")
		})
	}
}

// TestServeHTTP3Idle: a QUIC connection without a request ends, however alive it is.
func TestServeHTTP3Idle(t *testing.T) {
	cert, key := certificate(t)
	s := serve(t, "--transport", "http3", "--tls-cert", cert, "--tls-key", key, "--user", "alice:secret", "--idle-timeout", "1s")
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{quichttp3.NextProtoH3}}
	conn, err := quic.DialAddr(t.Context(), strings.TrimPrefix(s.url, "https://"), config, &quic.Config{KeepAlivePeriod: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseWithError(0, "")
	select {
	case <-conn.Context().Done():
	case <-time.After(time.Minute):
		t.Error("it stays")
	}
}

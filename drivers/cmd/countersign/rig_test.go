package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// served is a running serve command.
type served struct {
	t      *testing.T
	url    string
	cancel context.CancelFunc
	done   chan int
	stderr *lockedBuffer
}

// serve starts "countersign serve" on a free port.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{t: t, cancel: cancel, done: make(chan int, 1), stderr: &lockedBuffer{}}
	r, w := io.Pipe()
	go func() {
		code := run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...), strings.NewReader(""), w, s.stderr)
		w.Close()
		s.done <- code
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		cancel()
		t.Fatalf("first line %q, error %v; stderr: %s", line, err, s.stderr)
	}
	s.url = url
	t.Cleanup(func() { s.stop() })
	return s
}

// stop ends the server as a signal does, and gives its log.
func (s *served) stop() []logLine {
	s.t.Helper()
	s.cancel()
	code, ok := <-s.done
	if ok {
		close(s.done)
		if code != 0 {
			s.t.Errorf("serve ended with %d: %s", code, s.stderr)
		}
	}
	var lines []logLine
	for text := range strings.Lines(s.stderr.String()) {
		var l logLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			s.t.Errorf("log line %q: %v", text, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// logLine is a line of serve's log.
type logLine struct {
	Method, Path, User, Scheme, Reason, Detail string
	Status                                     int
	Session                                    bool
}

// lockedBuffer is a buffer that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// file writes a file of the test's.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate makes a certificate for 127.0.0.1, and gives the names of its files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return file(t, "cert.pem", block("CERTIFICATE", der)), file(t, "key.pem", block("PRIVATE KEY", pkcs8))
}

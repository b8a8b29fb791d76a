package rows

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/examples/internal/app"
	"github.com/countersign-auth/countersign/drivers/internal/realmtest"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// patience bounds a request.
const patience = time.Minute

// upgrade are the fields of a request for a websocket (RFC 6455 section 1.3).
var upgrade = [][2]string{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}

// schemeOf returns a scheme for a client of ours.
func schemeOf(name string) (scheme.Client, error) {
	switch name {
	case "Digest":
		return digest.NewClient(digest.ClientConfig{})
	case "NTLM":
		m, err := ntlm.New(ntlm.Config{})
		return scheme.NTLMClient(m), err
	}
	m, err := kerberos.New(kerberos.Config{Realm: realmtest.Name})
	if err != nil {
		return nil, err
	}
	negotiate, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{m}})
	return scheme.NegotiateClient(negotiate), err
}

// ours sends a request by this project's client, which requires the server's proof.
func ours(t *testing.T, s *site, q request) reply {
	t.Helper()
	conf := nethttp.ClientConfig{DeliverRefused: true}
	if q.by != "" {
		c, err := schemeOf(q.by)
		if err != nil {
			t.Fatal(err)
		}
		name := q.user
		if q.by == "Negotiate" {
			name += "@" + realmtest.Name
		}
		source, err := answer.For(s.url, name, app.Users[q.user])
		if err != nil {
			t.Fatal(err)
		}
		conf.Machine.Schemes = []scheme.Client{c}
		conf.Source = answer.Chain(source, s.kdcs, new(krb5.Tickets))
	}
	transport, err := nethttp.NewTransport(conf)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	method, body := http.MethodGet, io.Reader(nil)
	if q.body != nil {
		method, body = http.MethodPost, bytes.NewReader(q.body)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+q.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if q.upgrade {
		for _, f := range upgrade {
			r.Header.Set(f[0], f[1])
		}
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := read(res.Body, q.lines)
	if err != nil && !q.upgrade {
		t.Errorf("the response ends with %v", err)
	}
	return reply{res.StatusCode, res.Header, text}
}

// read reads all of a response, or some lines of it.
func read(r io.Reader, lines int) (string, error) {
	if lines == 0 {
		b, err := io.ReadAll(r)
		return string(b), err
	}
	var text string
	for in := bufio.NewReader(r); lines > 0; lines-- {
		line, err := in.ReadString('\n')
		text += line
		if err != nil {
			return text, err
		}
	}
	return text, nil
}

// curl sends a request by curl.
func curl(t *testing.T, s *site, q request) reply {
	t.Helper()
	dir := t.TempDir()
	head := filepath.Join(dir, "header")
	args := []string{"--silent", "--show-error", "--no-buffer", "--dump-header", head}
	switch q.by {
	case "":
	case "Negotiate":
		args = append(args, "--negotiate", "--user", ":")
	default:
		args = append(args, "--"+strings.ToLower(q.by), "--user", q.user+":"+app.Users[q.user])
	}
	if q.body != nil {
		file := filepath.Join(dir, "body")
		if err := os.WriteFile(file, q.body, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--data-binary", "@"+file)
	}
	if q.upgrade {
		for _, f := range upgrade {
			args = append(args, "--header", f[0]+": "+f[1])
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "curl", append(args, s.url+q.path)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text, err := read(out, q.lines)
	if q.lines > 0 {
		cancel()
	}
	if waited := cmd.Wait(); err == nil && q.lines == 0 && !q.upgrade {
		err = waited
	}
	if err != nil {
		t.Errorf("curl: %v: %s", err, stderr.String())
	}
	r, err := lastHeader(head)
	if err != nil {
		t.Fatal(err)
	}
	r.body = text
	return r
}

// lastHeader reads the last of the headers that curl got.
func lastHeader(file string) (r reply, err error) {
	f, err := os.Open(file)
	if err != nil {
		return r, err
	}
	defer f.Close()
	in := textproto.NewReader(bufio.NewReader(f))
	for {
		line, err := in.ReadLine()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		_, status, _ := strings.Cut(line, " ")
		status, _, _ = strings.Cut(status, " ")
		if r.status, err = strconv.Atoi(status); err != nil {
			return r, err
		}
		fields, err := in.ReadMIMEHeader()
		if err != nil && !errors.Is(err, io.EOF) {
			return r, err
		}
		r.header = http.Header(fields)
	}
}

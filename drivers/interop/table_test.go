package interop

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

//go:generate go test -run ^(TestTable|TestBrowsers)$ -update .

const tableFile = "../../docs/interop.md"

var update = flag.Bool("update", false, "write docs/interop.md anew")

// part is a part of the page, which one test writes: what stands before the heading of the browsers, or after it.
type part int

const (
	tablePart part = iota
	browsersPart
)

const browsersHeading = "\n## Browsers\n"

// pageFile is held while the page is looked at or written.
var pageFile sync.Mutex

// is wants a part of the page to be as a run has it, and writes it where it is to be updated.
func (p part) is(t testing.TB, now string) {
	t.Helper()
	pageFile.Lock()
	defer pageFile.Unlock()
	parts := pageParts(t)
	if parts[p] == now {
		return
	}
	if !*update {
		t.Errorf("%s is stale: run go generate in drivers/interop, and look at what changed", tableFile)
		return
	}
	parts[p] = now
	if err := os.WriteFile(tableFile, []byte(parts[tablePart]+browsersHeading+parts[browsersPart]), 0o644); err != nil {
		t.Fatal(err)
	}
}

// has wants a part of the page to have a line under a heading.
func (p part) has(t testing.TB, heading, line string) {
	t.Helper()
	pageFile.Lock()
	defer pageFile.Unlock()
	_, text, _ := strings.Cut(pageParts(t)[p], "\n### "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n### ")
	if !strings.Contains(text, "\n"+line) {
		t.Errorf("%s has no line\n%sunder %s: run go generate in drivers/interop, and look at what changed", tableFile, line, heading)
	}
}

func pageParts(t testing.TB) [2]string {
	t.Helper()
	table, browsers, _ := strings.Cut(strings.ReplaceAll(readText(t, tableFile), "\r\n", "\n"), browsersHeading)
	return [2]string{table, browsers}
}

// The schemes of the table: as on the wire, and for Negotiate the mechanism inside.
const (
	byBasic    = "Basic"
	byDigest   = "Digest"
	bareNTLM   = "NTLM"
	inNTLM     = "Negotiate, NTLM"
	inKerberos = "Negotiate, Kerberos"
)

// The headings of the page.
const (
	asClient  = "Clients and the servers they log in at"
	asThrough = "Clients and the proxies they log in at"
	asServer  = "Servers and the clients they let in"
	asProxy   = "Proxies and the clients they let through"
)

// TestTable: every driver with every peer, in each scheme that both know, with and without a body.
// What went well is the page docs/interop.md.
func TestTable(t *testing.T) {
	t.Parallel()
	tb := &table{marks: map[cell]bool{}}
	body, hash := payload()
	t.Run("all", func(t *testing.T) {
		for _, p := range origins {
			for driver := range strings.FieldsSeq(p.drivers) {
				tb.run(t, cell{asClient, p.by, p.peer, driver}, func(t *testing.T) {
					p.up(t)
					for n, got := range clientDrivers[driver](t, p, body) {
						if want := []string{emptyHash, hash}[n]; got.user != p.user || got.sha256 != want {
							t.Errorf("request %d: the server got %+v", n+1, got)
						}
					}
				})
			}
		}
		for _, p := range proxies {
			for driver := range strings.FieldsSeq(p.drivers) {
				tb.run(t, cell{asThrough, p.by, p.peer, driver}, func(t *testing.T) {
					p.up(t)
					for n, got := range throughDrivers[driver](t, p, page(t, true).URL, body) {
						if want := []string{emptyHash, hash}[n]; got.sha256 != want {
							t.Errorf("request %d: the server got %+v", n+1, got)
						}
					}
				})
			}
		}
		for _, v := range visitors {
			for driver, serve := range serverDrivers {
				tb.run(t, cell{asServer, v.by, v.peer, driver}, func(t *testing.T) {
					v.up(t)
					s, source := ourServer(t, v.by)
					said := v.visit(t, v.by, serve(t, s, source), upload(t, body))
					if strings.Count(said, "user="+alice+"\n") != 2 || !strings.Contains(said, "sha256="+emptyHash+"\n") || !strings.Contains(said, "sha256="+hash+"\n") {
						t.Errorf("it got\n%s", said)
					}
				})
			}
		}
		for _, v := range visitors {
			if !strings.HasPrefix(v.peer, "curl") {
				continue
			}
			tb.run(t, cell{asProxy, v.by, v.peer, "nethttp"}, func(t *testing.T) {
				v.up(t)
				s, source := ourServer(t, v.by)
				f := newForwardFor(t, source, s)
				login, env := curlLogin(t, v.by)
				login = []string{strings.Replace(login[0], "--", "--proxy-", 1), "--proxy-user", login[2]}
				for _, secure := range []bool{false, true} {
					c := curlWith(t, env, append(login, "--proxy", strings.Replace(f.URL, "127.0.0.1", "localhost", 1), "--cacert", pki.file, page(t, secure).URL)...)
					c.want(t, 200)
				}
			})
		}
	})
	if n := len(tb.marks); n < tb.cells { // they have failed, or their peers are not installed
		t.Skipf("%s is not looked at: of %d combinations %d went well", tableFile, tb.cells, n)
	}
	tablePart.is(t, tb.page())
}

// cell is one combination.
type cell struct{ heading, by, peer, driver string }

// table is what went well.
type table struct {
	cells int // that are to be
	mu    sync.Mutex
	marks map[cell]bool
}

// run runs one combination, and marks it.
func (tb *table) run(t *testing.T, c cell, run func(t *testing.T)) {
	tb.cells++
	t.Run(strings.Join([]string{c.heading, c.by, c.peer, c.driver}, "/"), func(t *testing.T) {
		t.Parallel()
		run(t)
		if !t.Failed() {
			tb.mu.Lock()
			defer tb.mu.Unlock()
			tb.marks[c] = true
		}
	})
}

const preface = `# Interoperability

Every driver of this module runs with every peer below, in each scheme that both know: a request
without content and one with 64 KB, over real connections. A check mark means that both requests
succeeded under the expected identity. The peers are Debian 12 packages.

This page is written by the run (go generate in drivers/interop), and a run with another result fails.
Other tests in that directory cover refusals, bindings, stale nonces, proofs, delegation, directories
and KDCs.
`

var notes = map[string]string{
	asClient: `http3 is nethttp's client over QUIC, where it may not fall back; it speaks HTTP/3 to Caddy, nethttp
HTTP/2, and fasthttp HTTP/1.1 under TLS. A peer that is unproven sends no token that proves it:
clients get its responses with MutualIfOffered, as not authenticated.`,
	asThrough: `Each of them by a tunnel to an origin under TLS. connect is an http.Client that knows nothing of
authentication, over connect's dialer; fasthttp's client uses the same dialer.`,
	asServer: `Debian has no client that authenticates over HTTP/3. The HTTP/3 server is nethttp's; it is looked at
with our own client, and by the driver kit.`,
	asProxy: `Plain requests and tunnels.`,
}

// page is the table as Markdown.
func (tb *table) page() string {
	var b strings.Builder
	b.WriteString(preface)
	for _, section := range []struct {
		heading string
		drivers []string
		lines   [][2]string
	}{
		{asClient, []string{"nethttp", "fasthttp", "http3"}, linesOf(origins, func(p place) [2]string { return [2]string{p.by, p.peer} })},
		{asThrough, []string{"nethttp", "fasthttp", "connect"}, linesOf(proxies, func(p place) [2]string { return [2]string{p.by, p.peer} })},
		{asServer, []string{"nethttp", "fasthttp"}, linesOf(visitors, func(v visitor) [2]string { return [2]string{v.by, v.peer} })},
		{asProxy, []string{"nethttp"}, linesOf(visitors, func(v visitor) [2]string { return [2]string{v.by, v.peer} })},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Scheme | Peer | %s |\n|---|---|%s\n", section.heading, notes[section.heading], strings.Join(section.drivers, " | "), strings.Repeat(":-:|", len(section.drivers)))
		for _, l := range section.lines {
			marks := make([]string, len(section.drivers))
			for i, driver := range section.drivers {
				if tb.marks[cell{section.heading, l[0], l[1], driver}] {
					marks[i] = "✓"
				}
			}
			if slices.Contains(marks, "✓") {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", l[0], l[1], strings.Join(marks, " | "))
			}
		}
	}
	return b.String()
}

func linesOf[T any](all []T, line func(T) [2]string) (lines [][2]string) {
	for _, v := range all {
		lines = append(lines, line(v))
	}
	return lines
}

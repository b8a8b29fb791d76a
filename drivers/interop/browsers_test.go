package interop

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

const chromium, firefox = "Chromium", "Firefox ESR"

// The schemes that browsers are asked for, beside those of the table.
const (
	digestMD5  = "Digest MD5"
	digestSHA  = "Digest SHA-256"
	digestBoth = "Digest SHA-256, MD5"
	digest512  = "Digest SHA-512-256"
	everything = "Negotiate, NTLM, Digest, Basic"
	ticketed   = everything + ", with a ticket"
)

// The routes to what asks for credentials.
const (
	toOrigin  = "origin"
	toTLS     = "origin, TLS"
	toProxy   = "proxy"
	toTunnel  = "proxy, CONNECT"
	toBehind  = "origin behind a proxy"
	toReverse = "origin behind a reverse proxy"
	toPinned  = "origin behind a reverse proxy, PinnedFront"
	toHTTP2   = "origin, TLS, HTTP/2 offered"
	toBound   = "origin, TLS, binding required"
	toJoined  = "origin, challenges on one line"
	toHTTP3   = "origin, HTTP/3"
)

// routes bring up the servers of a route, and return the URL of a page.
var routes = map[string]func(*session) string{
	toOrigin: func(s *session) string { return s.origin(false, gss.IfAvailable) },
	toTLS:    func(s *session) string { return s.origin(true, gss.IfAvailable) },
	toProxy:  func(s *session) string { return s.proxied(false) },
	toTunnel: func(s *session) string { return s.proxied(true) },
	toBehind: func(s *session) string {
		return s.via(s.forward(nethttp.ProxyConfig{}, unnoted), s.origin(false, gss.IfAvailable))
	},
	toReverse: func(s *session) string { return s.reversed(false) },
	toPinned:  func(s *session) string { return s.reversed(true) },
	toHTTP2:   (*session).multiplexed,
	toBound:   func(s *session) string { return s.origin(true, gss.Require) },
	toJoined:  (*session).joined,
	toHTTP3:   (*session).quic,
}

// asked are the schemes of a server or a proxy, in its order.
func asked(t testing.TB, by string, binding gss.Requirement) []scheme.Server {
	t.Helper()
	negotiate := func(m ...gss.Mechanism) scheme.Server {
		return serverOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, m...))
	}
	digests := func(a ...digest.Algorithm) scheme.Server {
		return digestServer(t, digest.ServerConfig{Algorithms: a})
	}
	basic := scheme.BasicServer(realm, scheme.AskVerdict)
	inside, bare := ntlmMechanism(t, ntlm.Config{ChannelBinding: binding}), ntlmServer(t, ntlm.Config{ChannelBinding: binding})
	tickets := krbMechanism(t, kerberos.Config{ChannelBinding: binding})
	all := []scheme.Server{negotiate(tickets, inside), bare, digests(digest.SHA256, digest.MD5), basic}
	return map[string][]scheme.Server{
		byBasic:    {basic},
		digestMD5:  {digests(digest.MD5)},
		digestSHA:  {digests(digest.SHA256)},
		digestBoth: {digests(digest.SHA256, digest.MD5)},
		digest512:  {digests(digest.SHA512_256)},
		bareNTLM:   {bare},
		inNTLM:     {negotiate(inside)},
		inKerberos: {negotiate(tickets)},
		everything: all,
		ticketed:   all,
	}[by]
}

// askedSource knows alice by each of them.
func askedSource(t testing.TB) answer.Source {
	t.Helper()
	return answer.Chain(accountSource(), ntlmSource(t), krb5.NewReplayCache(1000, 0))
}

// logins are what lets alice in by a scheme, and what does not: a wrong password, or no ticket.
func logins(by string) (right, wrong login) {
	switch by {
	case inNTLM: // gss-ntlmssp has the password, and nothing is asked for
		users := domain + ":" + alice + ":"
		return login{users: users + password}, login{users: users + "wrong"}
	case inKerberos:
		return login{ticket: krbFile("alice.ccache")}, login{}
	case ticketed:
		return login{ticket: krbFile("alice.ccache")}, login{name: alice, password: "wrong"}
	}
	return login{name: alice, password: password}, login{name: alice, password: "wrong"}
}

// visit is a row: a browser logs in by a scheme, on a route.
type visit struct{ browser, by, route string }

// The rows are each scheme of the matrix on each of its routes, and what is particular to other routes.
var (
	matrixSchemes = []string{digestMD5, digestSHA, digestBoth, bareNTLM, inNTLM, inKerberos, everything}
	matrixRoutes  = []string{toOrigin, toTLS, toProxy, toTunnel}
	particular    = []struct {
		route   string
		short   string // the browser that has the first scheme in the short form
		schemes []string
	}{
		{toOrigin, chromium, []string{ticketed, digest512}},
		{toBehind, firefox, []string{bareNTLM, inNTLM}},
		{toReverse, chromium, []string{inNTLM, bareNTLM, inKerberos}},
		{toPinned, firefox, []string{bareNTLM, inNTLM}},
		{toHTTP2, firefox, []string{bareNTLM, inNTLM, everything}},
		{toBound, chromium, []string{bareNTLM, inNTLM, inKerberos, everything}},
		{toJoined, firefox, []string{digestBoth, everything}},
		{toHTTP3, chromium, []string{digestBoth, byBasic, bareNTLM, inKerberos, everything}},
	}
)

// visits are the rows of a browser. In the short form the browsers take turns at the schemes of the matrix, each
// of which has one route, and each particular route has one row.
func visits(browser string, short bool) (all []visit) {
	turn := map[string]int{chromium: 0, firefox: 1}[browser]
	for s, by := range matrixSchemes {
		for r, route := range matrixRoutes {
			if !short || s%2 == turn && r == (s/2+3*turn)%len(matrixRoutes) {
				all = append(all, visit{browser, by, route})
			}
		}
	}
	for _, p := range particular {
		for i, by := range p.schemes {
			if !short || i == 0 && p.short == browser {
				all = append(all, visit{browser, by, p.route})
			}
		}
	}
	return all
}

// shortcomings are why alice does not get in where she does not.
var shortcomings = []struct {
	browsers []string
	route    string
	schemes  []string
	why      string
}{
	{[]string{chromium}, toBound, []string{inNTLM, inKerberos}, "Chromium sends channel bindings in NTLM of its own, and on Linux, by the system's GSS-API, not in Negotiate."},
	{[]string{firefox}, toBound, []string{bareNTLM, inNTLM, inKerberos, everything}, "Firefox sends no channel bindings, and where NTLM is refused goes on to no other scheme."},
	{[]string{chromium}, toJoined, []string{everything}, "Chromium takes a line for one challenge, here of Negotiate (and where a line has two of Digest, for the second). Our servers write a line for each."},
	{[]string{chromium, firefox}, toOrigin, []string{digest512}, "They know no SHA-512-256."},
	{[]string{chromium, firefox}, toHTTP3, []string{bareNTLM}, "NTLM belongs to a connection of HTTP/1.1, and is not offered over HTTP/3. A server that has nothing else to offer there answers 500."},
}

func (v visit) isRefused() bool {
	for _, s := range shortcomings {
		if s.route == v.route && slices.Contains(s.browsers, v.browser) && slices.Contains(s.schemes, v.by) {
			return true
		}
	}
	return false
}

// session opens a session, sends GET, POST and GET again or as many of them, and closes it.
func (v visit) session(t *testing.T, b *browser, with login, requests int) (*session, []shown, []string) {
	s := &session{TB: t, browser: b, by: v.by}
	at := routes[v.route](s)
	b.open(t, with)
	var seen []shown
	marks := []int{0}
	for _, command := range [][]string{{"get", at + "/1"}, {"post", at + "/2", hello}, {"get", at + "/3"}}[:requests] {
		seen = append(seen, b.show(t, command...))
		marks = append(marks, s.sent())
	}
	b.close(t)
	s.end()
	var legs []string
	for i := range seen {
		legs = append(legs, s.between(marks[i], marks[i+1]))
	}
	for _, l := range s.legs {
		if in := l.result.Status == http.StatusOK && !l.inner; in && l.result.Identity.Info.Peer != alice {
			t.Errorf("%q is let in", l.result.Identity.Info.Peer)
		}
	}
	return s, seen, legs
}

const hello = "hello from the page"

// pay pays a visit, and returns its row.
func (v visit) pay(t *testing.T, b *browser) string {
	right, wrong := logins(v.by)
	s, seen, legs := v.session(t, b, right, 3)
	hash := fmt.Sprintf("sha256=%x", sha256.Sum256([]byte(hello)))
	for i, want := range []string{"method=GET", hash, "method=GET"} {
		if in := seen[i].Status == http.StatusOK && strings.Contains(seen[i].Text, want); in == v.isRefused() {
			t.Errorf("request %d: the browser shows %d and %q, after %s", i+1, seen[i].Status, seen[i].Text, legs[i])
		}
	}
	cells := append([]string{v.by, v.route, s.versions()}, legs...)
	s, seen, legs = v.session(t, b, wrong, 1)
	for _, l := range s.legs {
		if l.result.Status == http.StatusOK || seen[0].Status == http.StatusOK {
			t.Errorf("what is wrong is right: %s", legs[0])
		}
	}
	return "| " + strings.Join(append(cells, legs...), " | ") + " |\n"
}

var browserPrograms = []browserProgram{
	// Chromium makes no connections, and sends no CONNECT for them, before there is a request.
	{chromium, "chromium", "chromium", map[string]string{"Default/Preferences": `{"net": {"network_prediction_options": 2}}`}},
	{firefox, "firefox-esr", "firefox-esr", nil},
}

// TestBrowsers: Chromium and Firefox log in at our servers and proxies, or do not. What the servers saw is on the page
// docs/interop.md: the long form has it all, and any other rows of it.
func TestBrowsers(t *testing.T) {
	t.Parallel()
	needFile(t, "/etc/gss/mech.d/mech.ntlmssp.conf", "gss-ntlmssp")
	mitKDC.up(t)
	whole := long.Form() || *update
	rows, due, seen := map[string]string{}, 0, 0
	var mu sync.Mutex
	t.Run("all", func(t *testing.T) {
		for _, p := range browserPrograms {
			name, visits := p.name, visits(p.name, !whole)
			due += len(visits)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := p.start(t)
				if name == chromium {
					firstNegotiate(t, b)
				}
				for _, v := range visits {
					t.Run(v.by+" "+v.route, func(t *testing.T) {
						row := v.pay(t, b)
						if !*update {
							browsersPart.has(t, name, row)
						}
						mu.Lock()
						defer mu.Unlock()
						rows[name] += row
						seen++
					})
				}
			})
		}
	})
	switch {
	case seen < due: // a browser is not installed
		t.Skipf("%s is not looked at: of %d visits %d were paid", tableFile, due, seen)
	case whole && !t.Failed():
		browsersPart.is(t, browsersPage(rows))
	}
}

// firstNegotiate: Chromium leaves the first challenge of Negotiate that a profile ever meets unanswered, since it must
// start its network service anew, outside of the sandbox, to reach the GSS library. From then on it answers.
func firstNegotiate(t *testing.T, b *browser) {
	v := visit{chromium, inKerberos, toOrigin}
	right, _ := logins(v.by)
	for i, want := range []string{"GET – 401", "GET – 401 · GET Negotiate init Kerberos 200"} {
		if _, _, legs := v.session(t, b, right, 1); legs[0] != want {
			t.Errorf("session %d: %s, want %s", i+1, legs[0], want)
		}
	}
}

const browsersNote = `Chromium and Firefox, headless, log in at nethttp's servers and proxies. A row is two sessions, and neither knows
anything of what was before. In one a page is opened, a POST sent from it, and another page opened. In the other the
password is wrong, or with Kerberos there is no ticket. In Negotiate gss-ntlmssp has NTLM's password.

A cell has the requests as the server or the proxy saw them: the method, the credentials, – for none, and the status
of the response. A request after · came on the connection of the one before it, a request after ‖ on another. In
brackets are those that came through a tunnel to the origin.

- Negotiate, also by Kerberos, has both browsers leave HTTP/2 for HTTP/1.1, as NTLM has where a server offers HTTP/2
  all the same; Firefox begins each request over HTTP/2 then. Over HTTP/3 they stay.
- Of a server's schemes both take Kerberos if they have a ticket; if not, NTLM before Digest and Basic.
- Through an intermediary (Via) NTLM logs in anew with each request: unless it has PinnedFront, an origin takes the
  connection for one that several clients may share.
- Chromium leaves the first challenge of Negotiate that a new profile meets without an answer, and none after it.

A run of .ci/run looks at some of these rows, and a run of .ci/full at all.
`

// browsersPage is what stands on the page, of all rows.
func browsersPage(rows map[string]string) string {
	var b strings.Builder
	b.WriteString("\n" + browsersNote)
	for _, name := range []string{chromium, firefox} {
		fmt.Fprintf(&b, "\n### %s\n\n| Scheme | Route | HTTP | GET | POST | GET again | Wrong password |\n|---|---|---|---|---|---|---|\n%s", name, rows[name])
	}
	b.WriteString("\n### Where they do not get in\n\n| Browser | Scheme | Route | |\n|---|---|---|---|\n")
	for _, s := range shortcomings {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.Join(s.browsers, ", "), strings.Join(s.schemes, "; "), s.route, s.why)
	}
	return b.String()
}

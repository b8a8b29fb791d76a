package nethttp_test

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// kerberosToy returns a mechanism that is stronger than NTLM and authenticates the
// server.
func kerberosToy() gsstoy.Toy {
	return gsstoy.Toy{OID: gss.Kerberos, Legs: 1, Final: true, Mutual: true, Integrity: true, Identity: "alice", Secret: gss.NewSecret("wonder")}
}

// negotiated returns SPNEGO over mechanisms.
func negotiated(t *testing.T, c spnego.Config, mechs ...gss.Mechanism) gss.Mechanism {
	t.Helper()
	c.Mechanisms = mechs
	m, err := spnego.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func realNTLM(t *testing.T, c ntlm.Config) gss.Mechanism {
	t.Helper()
	c.Computer = "WWW"
	m, err := ntlm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// under returns a mechanism under the names of schemes, for server and client.
func under(server, client gss.Mechanism, names ...string) (servers []scheme.Server, clients []scheme.Client) {
	for _, name := range names {
		traits, _ := scheme.TraitsOf(name)
		servers = append(servers, scheme.MechanismServer(traits, server))
		clients = append(clients, scheme.MechanismClient(traits, client))
	}
	return servers, clients
}

// wiretap is a server of this package with an observer between it and its clients that
// records the messages and may change the challenges.
type wiretap struct {
	*site
	// rewrite changes the challenges of a response, request its credentials.
	rewrite func(status int, lines []string) []string
	request func(credentials string) string

	mu      sync.Mutex
	legs    []string
	results []drive.Result
}

func (s *wiretap) log(_ *http.Request, r drive.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, r)
}

// refused reports whether the server refused a request with code.
func (s *wiretap) refused(code gss.Code) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.results, func(r drive.Result) bool { return r.Fault.Code == code })
}

// identity returns the identity that the server accepted last.
func (s *wiretap) identity() drive.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range slices.Backward(s.results) {
		if r.Identity != (drive.Identity{}) {
			return r.Identity
		}
	}
	return drive.Identity{}
}

// testCertificate returns the certificate that package httptest shows.
func testCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
}

func newWiretap(t *testing.T, servers []scheme.Server, tune func(*httptest.Server)) *wiretap {
	t.Helper()
	s := new(wiretap)
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: servers}, Source: answer.NewUsers(people), Log: s.log,
		Certificate: drive.CertificatesOf(testCertificate(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	h := auth.Wrap(http.HandlerFunc(hello))
	s.site = rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v := r.Header.Get("Authorization"); v != "" && s.request != nil {
			r.Header.Set("Authorization", s.request(v))
		}
		h.ServeHTTP(&tapped{ResponseWriter: w, s: s, leg: kind(r.Header.Values("Authorization"))}, r)
	}), func(h *httptest.Server) {
		h.Config.ConnContext = auth.ConnContext
		if tune != nil {
			tune(h)
		}
	})
	return s
}

// take returns the legs since the last call, a line each.
func (s *wiretap) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	legs := s.legs
	s.legs = nil
	return "\n" + strings.Join(legs, "\n")
}

// tapped is a response on its way to the client.
type tapped struct {
	http.ResponseWriter
	s    *wiretap
	leg  string
	sent bool
}

func (w *tapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *tapped) WriteHeader(status int) {
	w.sent = true
	h, lines := w.Header(), w.Header().Values("WWW-Authenticate")
	if w.s.rewrite != nil {
		if lines = w.s.rewrite(status, slices.Clone(lines)); len(lines) == 0 {
			h.Del("WWW-Authenticate")
		} else {
			h["Www-Authenticate"] = lines
		}
	}
	w.leg += fmt.Sprintf(" > %d %s", status, kind(lines))
	if p := h.Get("Persistent-Auth"); p != "" {
		w.leg += " persistent " + p
	}
	w.s.mu.Lock()
	w.s.legs = append(w.s.legs, strings.Join(strings.Fields(w.leg), " "))
	w.s.mu.Unlock()
	w.ResponseWriter.WriteHeader(status)
}

func (w *tapped) Write(b []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// kind returns which messages of SPNEGO are in the lines of a field.
func kind(lines []string) string {
	var all []string
	for _, line := range lines {
		name, text, _ := strings.Cut(line, " ")
		if text != "" {
			name += " " + message(text)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

func message(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "?"
	}
	token := string(raw)
	switch framing, _ := negtoken.FramingOf(token); framing {
	case negtoken.Initial:
		m, _ := negtoken.ParseInit(token)
		say := "init"
		if m.Hints.Present {
			say += "2"
		}
		for mech := range m.MechTypes.All() {
			say += " " + mech.String()
		}
		return say
	case negtoken.Response:
		m, _ := negtoken.ParseResp(token)
		say := m.State.String()
		if m.ResponseToken.Present() {
			say += " token"
		}
		if m.MechListMIC.Present() {
			say += " MIC"
		}
		return say
	default:
		return framing.String()
	}
}

// TestNegotiate: NTLM inside SPNEGO, end to end over connections: how many legs there
// are, how they are protected, and what later requests carry.
func TestNegotiate(t *testing.T) {
	const negotiate = `
 > 401 Negotiate
Negotiate init NTLM > 401 Negotiate accept-incomplete token
Negotiate accept-incomplete token MIC > 200 Negotiate accept-completed MIC persistent true
 > 200`
	const nego2 = `
 > 401 Nego2 init2 NTLM
Nego2 init NTLM > 401 Nego2 accept-incomplete token
Nego2 accept-incomplete token MIC > 200 Nego2 accept-completed MIC persistent true
 > 200`
	for _, c := range []struct {
		name           string
		before         []gss.Mechanism // the client's preferred mechanisms
		server, client []string
		want           string
	}{
		{"Negotiate", nil, []string{scheme.Negotiate}, []string{scheme.Negotiate}, negotiate},
		{"Nego2", nil, []string{scheme.Nego2}, []string{scheme.Nego2}, nego2},
		// N2HT-2.2.3-5: if both are offered Nego2 is chosen, in any order.
		{"both", nil, []string{scheme.Negotiate, scheme.Nego2}, []string{scheme.Negotiate, scheme.Nego2},
			strings.Replace(nego2, "Nego2 init2 NTLM", "Negotiate, Nego2 init2 NTLM", 1)},
		{"an old server", nil, []string{scheme.Negotiate}, []string{scheme.Nego2, scheme.Negotiate}, negotiate},
		{"an old client", nil, []string{scheme.Nego2, scheme.Negotiate}, []string{scheme.Negotiate},
			strings.Replace(negotiate, "> 401 Negotiate", "> 401 Nego2 init2 NTLM, Negotiate", 1)},
		{"another favourite", []gss.Mechanism{kerberosToy()}, []string{scheme.Negotiate}, []string{scheme.Negotiate}, `
 > 401 Negotiate
Negotiate init MS-Kerberos Kerberos NTLM > 401 Negotiate request-mic
Negotiate accept-incomplete token > 401 Negotiate accept-incomplete token
Negotiate accept-incomplete token MIC > 200 Negotiate accept-completed MIC persistent true
 > 200`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := realNTLM(t, ntlm.Config{RequireMIC: true})
			server := negotiated(t, spnego.Config{}, m)
			client := negotiated(t, spnego.Config{}, append(c.before, m)...)
			servers, _ := under(server, client, c.server...)
			_, clients := under(server, client, c.client...)
			s := newWiretap(t, servers, nil)
			web := newClient(t, nil, clients...)
			for range 2 {
				if _, got := get(t, web, "", s.URL); got != "hello alice" {
					t.Errorf("%q", got)
				}
			}
			if n := conns(s.site.take()); n != 1 {
				t.Errorf("%d connections", n)
			}
			if got := s.take(); got != strings.ReplaceAll(c.want, "\n ", "\n") {
				t.Errorf("over the wire went%s", got)
			}
			if got := s.identity().Info; got.Mech != gss.NTLM || !got.ConnectionBased {
				t.Errorf("the server knows %+v", got)
			}
			if _, got := get(t, web, "bob", s.URL); got != "hello bob" {
				t.Errorf("another identity: %q", got)
			}
			s.site.take()
			body := strings.Repeat("x", 64<<10)
			r, err := do(newClient(t, nil, clients...), "carol", http.MethodPost, s.URL, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, r); got != "hello carol"+body {
				t.Errorf("a POST came back with %d bytes", len(got))
			}
		})
	}
}

// TestNegotiateTampered: manipulation of a negotiation by a man in the middle is
// detected by the side that can, and no response is used before.
func TestNegotiateTampered(t *testing.T) {
	// at changes the message of the response with a status.
	at := func(want int, f func(*negtoken.Resp)) func(int, []string) []string {
		return func(status int, lines []string) []string {
			if len(lines) == 1 && status == want {
				lines[0] = mapToken(t, lines[0], func(token string) string {
					m, fault := negtoken.ParseResp(token)
					if !fault.IsZero() {
						return token
					}
					f(&m)
					return m.Encode()
				})
			}
			return lines
		}
	}
	first := func(f func(*negtoken.Init)) func(string) string {
		return func(v string) string {
			return mapToken(t, v, func(token string) string {
				m, fault := negtoken.ParseInit(token)
				if !fault.IsZero() {
					return token
				}
				f(&m)
				return m.Encode()
			})
		}
	}
	flip := func(k gss.Token) gss.Token {
		b := []byte(k.Bytes())
		b[len(b)-1] ^= 1
		return gss.TokenOf(string(b))
	}
	var challenge string
	for _, c := range []struct {
		name    string
		rewrite func(int, []string) []string
		request func(string) string
		client  gss.Code // the client's fault
		server  gss.Code // the server's fault, if it refuses
	}{
		{"no final MIC", at(200, func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} }), nil, gss.NotAuthentic, 0},
		{"another final MIC", at(200, func(m *negtoken.Resp) { m.MechListMIC = flip(m.MechListMIC) }), nil, gss.NotAuthentic, 0},
		{"a final reject", at(200, func(m *negtoken.Resp) { *m = negtoken.Resp{State: negtoken.Reject} }), nil, gss.Refused, 0},
		{"the challenge again", func(status int, lines []string) []string {
			if status == 401 && strings.Contains(lines[0], " ") {
				challenge = lines[0]
			} else if status == 200 && len(lines) > 0 {
				return []string{challenge}
			}
			return lines
		}, nil, gss.Unexpected, 0},
		{"done, without the token that is due", at(401, func(m *negtoken.Resp) {
			*m = negtoken.Resp{State: negtoken.AcceptCompleted, SupportedMech: m.SupportedMech}
		}), nil, gss.NotAuthentic, 0},
		{"a mechanism that is not listed", at(401, func(m *negtoken.Resp) { m.SupportedMech = gss.SPNEGO }), nil, gss.Unexpected, 0},
		// The server refuses. The client then tries once more without NTLM, since those
		// credentials seem to be wrong, and succeeds.
		{"the strongest taken off the list", nil, first(func(m *negtoken.Init) {
			m.MechTypes, m.MechToken = negtoken.MechTypesOf(gss.NTLM), gss.Token{}
		}), gss.Unexpected, gss.NotAuthentic},
		{"the list turned round", nil, first(func(m *negtoken.Init) {
			m.MechTypes, m.MechToken = negtoken.MechTypesOf(gss.NTLM, gss.Kerberos), gss.Token{}
		}), gss.Unexpected, gss.NotAuthentic},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := realNTLM(t, ntlm.Config{})
			mechs := []gss.Mechanism{m}
			if c.request != nil {
				mechs = []gss.Mechanism{kerberosToy(), m}
			}
			both := negotiated(t, spnego.Config{}, mechs...)
			servers, clients := under(both, both, scheme.Negotiate)
			s := newWiretap(t, servers, nil)
			s.rewrite, s.request = c.rewrite, c.request
			_, err := do(newClient(t, nil, clients...), "", "GET", s.URL, nil)
			wantFault(t, err, c.client)
			if c.server != 0 && !s.refused(c.server) {
				t.Errorf("the server did not refuse with %v%s", c.server, s.take())
			}
		})
	}
}

// TestNegotiateUnfinished: the server's last token is removed. A client with a
// mechanism that authenticates the server requires the token; one with NTLM alone does
// not, and the result says so.
func TestNegotiateUnfinished(t *testing.T) {
	for _, proven := range []bool{false, true} {
		t.Run(fmt.Sprint("a proof possible ", proven), func(t *testing.T) {
			m := realNTLM(t, ntlm.Config{})
			mechs := []gss.Mechanism{m}
			if proven {
				mechs = []gss.Mechanism{kerberosToy(), m}
			}
			servers, clients := under(negotiated(t, spnego.Config{}, m), negotiated(t, spnego.Config{}, mechs...), scheme.Negotiate)
			s := newWiretap(t, servers, nil)
			s.rewrite = func(status int, lines []string) []string {
				if status == 200 {
					return nil
				}
				return lines
			}
			r, err := do(newClient(t, nil, clients...), "", "GET", s.URL, nil)
			if proven {
				wantFault(t, err, gss.NotAuthentic)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d, _ := nethttp.Delivered(r); text(t, r) != "hello alice" || d.Authenticated {
				t.Errorf("delivered as %+v", d)
			}
		})
	}
}

// mapToken changes the token of a field's value.
func mapToken(t *testing.T, value string, f func(string) string) string {
	name, text, ok := strings.Cut(value, " ")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Error(err)
	}
	if !ok {
		return value
	}
	return name + " " + base64.StdEncoding.EncodeToString([]byte(f(string(raw))))
}

// TestNegotiateEndless: an exchange with a server that always continues, with tokens or
// without (V14), ends with a reason.
func TestNegotiateEndless(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(credentials string) string
		want   gss.Code
	}{
		{"bare", func(string) string { return "Negotiate" }, gss.Refused},
		{"a token", func(v string) string {
			if v == "" {
				return "Negotiate"
			}
			m := negtoken.Resp{State: negtoken.AcceptIncomplete}
			return "Negotiate " + base64.StdEncoding.EncodeToString([]byte(m.Encode()))
		}, gss.Unexpected},
		{"its own token", func(v string) string {
			if v == "" {
				return "Negotiate"
			}
			return v
		}, gss.Unexpected},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("WWW-Authenticate", c.answer(r.Header.Get("Authorization")))
				w.WriteHeader(http.StatusUnauthorized)
			}), nil)
			m := negotiated(t, spnego.Config{}, realNTLM(t, ntlm.Config{}))
			_, clients := under(m, m, scheme.Negotiate)
			_, err := do(newClient(t, nil, clients...), "", "GET", s.URL, nil)
			wantFault(t, err, c.want)
			if n := len(s.take()); n > 8 {
				t.Errorf("it took %d requests", n)
			}
		})
	}
}

// TestNegotiateRaw: NTLM in place of SPNEGO is answered with raw NTLM (V6), or refused
// by policy (C33).
func TestNegotiateRaw(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprint("refused ", refuse), func(t *testing.T) {
			m := realNTLM(t, ntlm.Config{})
			servers, clients := under(negotiated(t, spnego.Config{RefuseRaw: refuse}, m), m, scheme.Negotiate)
			s := newWiretap(t, servers, nil)
			r, err := do(newClient(t, nil, clients...), "", "GET", s.URL, nil)
			if refuse {
				wantFault(t, err, gss.Refused)
				if !s.refused(gss.NotPermitted) {
					t.Error("the server refused it for another reason")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, legs := text(t, r), s.take(); got != "hello alice" || legs != "\n> 401 Negotiate\nNegotiate raw > 401 Negotiate raw\nNegotiate raw > 200 persistent true" {
				t.Errorf("%q by%s", got, legs)
			}
		})
	}
}

// TestNegotiateTransports: over TLS the login is bound to the channel; on a connection
// that is shared between requests it continues over HTTP/1.1.
func TestNegotiateTransports(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2 ", h2), func(t *testing.T) {
			m := negotiated(t, spnego.Config{}, realNTLM(t, ntlm.Config{ChannelBinding: gss.Require}))
			servers, clients := under(m, m, scheme.Nego2, scheme.Negotiate)
			s := newWiretap(t, servers, func(h *httptest.Server) { h.TLS, h.EnableHTTP2 = new(tls.Config), h2 })
			web := newClient(t, func(conf *nethttp.ClientConfig) { conf.Base = trusting(s.site) }, clients...)
			if r, got := get(t, web, "", s.URL); got != "hello alice" || r.ProtoMajor != 1 {
				t.Errorf("%q over %s", got, r.Proto)
			}
			if got := s.identity(); got.Scheme != scheme.Nego2 || !got.Info.Flags.Has(gss.ChannelBound) {
				t.Errorf("the server knows %+v", got)
			}
		})
	}
}

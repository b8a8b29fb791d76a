package interop

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// sambaNegotiate is an HTTP server that leaves Negotiate to ntlm_auth, one for each
// connection.
type sambaNegotiate struct {
	*httptest.Server
	mu      sync.Mutex
	helpers map[net.Conn]*helper
}

func newSambaNegotiate(t testing.TB) *sambaNegotiate {
	t.Helper()
	s := &sambaNegotiate{helpers: make(map[net.Conn]*helper)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	s.Start()
	t.Cleanup(func() {
		s.Close()
		for _, h := range s.helpers {
			h.close()
		}
	})
	return s
}

// step hands a token on, and gives status and challenge.
func (s *sambaNegotiate) step(conn net.Conn, token string) (status int, challenge string, err error) {
	h, verb := s.helpers[conn], "KK"
	if h == nil {
		if h, err = startHelper("--helper-protocol=gss-spnego"); err != nil {
			return 0, "", err
		}
		s.helpers[conn], verb = h, "YR"
	}
	kind, rest, err := h.ask(verb, token)
	answer, user, _ := strings.Cut(rest, " ")
	switch {
	case err != nil:
		return 0, "", err
	case kind == "TT":
		return http.StatusUnauthorized, "Negotiate " + answer, nil
	case kind == "AF" && answer == "*": // no last token, and none is due after a bare one
		h.user = user
		return http.StatusOK, "", nil
	case kind == "AF":
		h.user = user
		return http.StatusOK, "Negotiate " + answer, nil
	}
	h.close()
	delete(s.helpers, conn)
	if answer == "*" {
		return http.StatusUnauthorized, "Negotiate", nil
	}
	return http.StatusUnauthorized, "Negotiate " + answer, nil
}

func (s *sambaNegotiate) serve(w http.ResponseWriter, r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	status, challenge := http.StatusUnauthorized, "Negotiate"
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Negotiate "); ok {
		var err error
		if status, challenge, err = s.step(conn, token); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	} else if h := s.helpers[conn]; h != nil && h.user != "" {
		status, challenge = http.StatusOK, ""
	}
	if challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	user := s.helpers[conn].user
	echo(func(*http.Request) (string, string) { return user, scheme.Negotiate }).ServeHTTP(w, r)
}

// TestClientNegotiateSamba: Samba's SPNEGO takes ours, as the only mechanism and by
// reselection.
func TestClientNegotiateSamba(t *testing.T) {
	t.Parallel()
	samba.up(t)
	s := newSambaNegotiate(t)
	body, hash := payload()
	n := ntlmMechanism(t, ntlm.Config{})
	const (
		sent = "Negotiate init NTLM; Negotiate accept-incomplete token MIC"
		got  = "Negotiate; Negotiate accept-incomplete token; Negotiate accept-completed MIC"
	)
	for _, row := range []struct {
		name, method, login, password, user string
		mech                                gss.Mechanism
		body                                []byte
		sent, got                           string
	}{
		{"GET", "GET", alice, password, alice, spnegoOver(t, spnego.Config{}, n), nil, sent, got},
		{"POST", "POST", alice, password, alice, spnegoOver(t, spnego.Config{}, n), body, sent, got},
		{"UTF-8", "GET", "jäsøn", "pässwörd", "jäsøn", spnegoOver(t, spnego.Config{}, n), nil, sent, got},
		{"reselected", "POST", alice, password, alice, spnegoOver(t, spnego.Config{}, kerberosToy(), n), body,
			"Negotiate init MS-Kerberos Kerberos NTLM; Negotiate accept-incomplete token; Negotiate accept-incomplete token MIC",
			"Negotiate; Negotiate request-mic; Negotiate accept-incomplete token; Negotiate accept-completed MIC"},
		{"raw", "GET", alice, password, alice, n, nil, "Negotiate raw; Negotiate raw", "Negotiate; Negotiate raw"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(conf *nethttp.ClientConfig) {
				conf.Machine.Schemes = []scheme.Client{clientOf(scheme.Negotiate, row.mech)}
			}, loginFor(t, s.URL, row.login, row.password))
			for range 2 { // the second time on the connection as it is
				var r io.Reader
				want := report{user: computer + `\` + row.user, auth: scheme.Negotiate, method: row.method, length: "0", sha256: emptyHash}
				if row.body != nil {
					r = bytes.NewReader(row.body)
					want.length, want.sha256 = strconv.Itoa(len(row.body)), hash
				}
				if got := c.do(t, row.method, s.URL+"/", r).report(t); got != want {
					t.Errorf("Samba got %+v, want %+v", got, want)
				}
			}
			c.wantTokens(t, row.sent, row.got)
			c.wantAsked(t, 2) // one for each request
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, byNegotiate(t, n), loginFor(t, s.URL, alice, "wrong"))
		if e := c.fault(t, s.URL); e.Fault.Code != gss.Refused || e.Side != gss.Origin || e.Status != http.StatusUnauthorized {
			t.Errorf("%+v, want a refusal by the origin", e)
		}
	})
}

// sambaClient is one negotiation by ntlm_auth over one connection. It gives what was
// said, and whether Samba is content.
func sambaClient(t testing.TB, o *origin, h *helper) (sent, got []string, content bool) {
	t.Helper()
	verb, token := "YR", ""
	for range 4 {
		kind, mine, err := h.ask(verb, token)
		if err != nil {
			t.Fatal(err)
		}
		if kind != "YR" && kind != "KK" {
			return sent, got, kind == "AF"
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Negotiate "+mine)
		res, err := o.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		answer := res.Header.Get("WWW-Authenticate")
		sent, got = append(sent, r.Header.Get("Authorization")), append(got, answer)
		verb = "TT"
		_, token, _ = strings.Cut(answer, " ")
	}
	t.Fatal("Samba's negotiation does not end")
	return nil, nil, false
}

// TestServerNegotiateSamba: Samba's client, which makes MICs where it means to
// protect messages, and none otherwise.
func TestServerNegotiateSamba(t *testing.T) {
	t.Parallel()
	samba.up(t)
	const (
		sign = "NTLMSSP_FEATURE_SESSION_KEY NTLMSSP_FEATURE_SIGN"
		seal = sign + " NTLMSSP_FEATURE_SEAL"
		in   = "401; 200 alice by Negotiate"
	)
	for _, row := range []struct {
		name, features, password string
		conf                     ntlm.Config
		want, sent, got          string
	}{
		{"plain", "", password, ntlm.Config{}, in,
			"Negotiate init NTLM; Negotiate no state token", "Negotiate accept-incomplete token; Negotiate accept-completed"},
		{"signs", sign, password, ntlm.Config{RequireMIC: true}, in,
			"Negotiate init NTLM; Negotiate no state token MIC", "Negotiate accept-incomplete token; Negotiate accept-completed MIC"},
		{"seals", seal, password, ntlm.Config{RequireMIC: true}, in,
			"Negotiate init NTLM; Negotiate no state token MIC", "Negotiate accept-incomplete token; Negotiate accept-completed MIC"},
		{"wrong password", "", "wrong", ntlm.Config{}, "401; 401 bad credentials",
			"Negotiate init NTLM; Negotiate no state token", "Negotiate accept-incomplete token; Negotiate reject"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h, err := startHelper("--helper-protocol=gss-spnego-client", "--username="+alice, "--domain="+domain, "--password="+row.password)
			if err != nil {
				t.Fatal(err)
			}
			defer h.close()
			if row.features != "" {
				if kind, _, err := h.ask("SF", row.features); kind != "OK" {
					t.Fatalf("ntlm_auth says %q to its features: %v", kind, err)
				}
			}
			o := newOrigin(t, false, ntlmSource(t), serverOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, ntlmMechanism(t, row.conf))))
			sent, got, content := sambaClient(t, o, h)
			o.wantOutcome(t, row.want)
			if s, g := tokens(sent), tokens(got); s != row.sent || g != row.got || content != (row.want == in) {
				t.Errorf("Samba, content %v, sent\n %s\nand got\n %s", content, s, g)
			}
		})
	}
}

package interop

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"testing"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// TestServeTransports: "countersign serve --transport" to curl, by every scheme that curl has,
// with and without TLS, with bodies.
func TestServeTransports(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	body, _ := payload()
	file := upload(t, body)
	for _, transport := range []string{"nethttp", "fasthttp"} {
		for _, secure := range []bool{false, true} {
			args := []string{"--transport", transport, "--scheme", "negotiate,ntlm,digest,basic", "--domain", domain, "--user", "alice:" + password, "--keytab", krbFile("http.keytab")}
			if secure {
				args = append(args, "--tls-cert", pki.file, "--tls-key", pki.key)
			}
			for name, login := range map[string][]string{
				"Digest": {"--digest", "--user", "alice:" + password}, "NTLM": {"--ntlm", "--user", `LAB\alice:` + password}, "Basic": {"--basic", "--user", "alice:" + password},
				"Negotiate": {"--negotiate", "--user", ":"},
			} {
				t.Run(transport+" "+name+" TLS "+strconv.FormatBool(secure), func(t *testing.T) {
					t.Parallel()
					s := startServe(t, args...)
					at := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
					c := curlWith(t, krbEnv(krbDir), append(login, "--http1.1", "--cacert", pki.file, at+"/1", at+"/2", "--next", "--max-time", "20", "--write-out", "%{stderr}\ntransfer %{http_code} %{http_version} %{num_connects}\n",
						"--http1.1", "--cacert", pki.file, "--data-binary", "@"+file, login[0], login[1], login[2], at+"/3")...)
					c.want(t, 200, 200, 200)
					user := "alice"
					if name == "Negotiate" { // by Kerberos, with names that include the realm
						user += "@" + krbRealm
					}
					if strings.Count(c.bodies, "hello "+user+" via "+name) != 3 {
						t.Errorf("curl got %q", c.bodies)
					}
				})
			}
		}
	}
}

// TestServeHTTP3: "countersign serve --transport http3" to "countersign get --http3", by Digest and by
// Kerberos that is bound to the channel, and what it refuses to serve.
func TestServeHTTP3(t *testing.T) {
	t.Parallel()
	mitKDC.up(t)
	s := startServe(t, "--transport", "http3", "--scheme", "negotiate,digest", "--keytab", krbFile("http.keytab"), "--user", "alice:"+password, "--tls-cert", pki.file, "--tls-key", pki.key)
	at := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"Digest":   {[]string{"--scheme", "digest", "--user", "alice:" + password}, "hello alice via Digest\n"},
		"Kerberos": {[]string{"--scheme", "negotiate", "--krb5conf", krbFile("krb5.conf"), "--user", "alice@" + krbRealm + ":" + password}, "hello alice@" + krbRealm + " via Negotiate\n"},
	} {
		g := runGet(t, append(row.args, "--http3", "--cacert", pki.file, "--data", "hello", at)...)
		if g.code != 0 || g.stdout != row.want {
			t.Errorf("%s: exit code %d\n%s%s", name, g.code, g.stderr, g.stdout)
		}
	}
	if out, err := countersign(t, "serve", "--transport", "http3", "--user", "a:b").CombinedOutput(); exitCode(err) != 1 || !strings.Contains(string(out), "--tls-cert") {
		t.Errorf("%v\n%s", err, out)
	}
}

// fastGet sends a request by fasthttp, at a URL that names the host as its keys do.
func fastGet(t testing.TB, tr *fasthttp.Transport, dial fast.DialFunc, method, at string, body []byte) (int, string, machine.Deliver, error) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	hc := &fast.HostClient{Addr: u.Host, IsTLS: u.Scheme == "https", TLSConfig: clientTLS(), Dial: dial, ReadBufferSize: 64 << 10}
	req, resp := fast.AcquireRequest(), fast.AcquireResponse()
	defer fast.ReleaseRequest(req)
	defer fast.ReleaseResponse(resp)
	req.Header.SetMethod(method)
	req.SetRequestURI(at)
	if body != nil {
		req.SetBody(body)
	}
	d, err := tr.Do(t.Context(), hc, req, resp)
	return resp.StatusCode(), string(resp.Body()), d, err
}

func fastTransport(t testing.TB, source answer.Source, schemes ...scheme.Client) *fasthttp.Transport {
	t.Helper()
	return fastTransportOf(t, source, machine.ClientConfig{Schemes: schemes})
}

func fastTransportOf(t testing.TB, source answer.Source, c machine.ClientConfig) *fasthttp.Transport {
	t.Helper()
	tr, err := fasthttp.NewTransport(fasthttp.ClientConfig{Machine: c, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// TestFastClientApache: fasthttp's requests to Apache, by Digest, NTLM and Kerberos, with bodies, over
// one connection.
func TestFastClientApache(t *testing.T) {
	t.Parallel()
	apache.up(t)
	apacheNTLM.up(t)
	upApacheKrb(t)
	body, hash := payload()
	n := ntlmMechanism(t, ntlm.Config{})
	for name, row := range map[string]struct {
		at     string
		source answer.Source
		scheme scheme.Client
		user   string
	}{
		"Digest":       {apacheURL() + "/digest/echo", loginFor(t, apacheURL(), alice, password), digestClient(t, digest.ClientConfig{}), alice},
		"Digest, TLS":  {apacheURLTLS() + "/digest/echo", loginFor(t, apacheURLTLS(), alice, password), digestClient(t, digest.ClientConfig{}), alice},
		"NTLM":         {apacheNTLMURL() + "/ntlm/echo", loginFor(t, apacheNTLMURL(), `LAB\alice`, password), clientOf(scheme.NTLM, n), `LAB\alice`},
		"Negotiate":    {apacheNTLMURL() + "/ntlm/echo", loginFor(t, apacheNTLMURL(), `LAB\alice`, password), clientOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, n)), `LAB\alice`},
		"Kerberos":     {apacheKrbURL() + "/krb/echo", krbSource(t, loginFor(t, apacheKrbURL(), alice, password)), krbProxySchemes(t)[0], alice + "@" + krbRealm},
		"Kerberos TLS": {apacheKrbURLTLS() + "/krb/echo", krbSource(t, loginFor(t, apacheKrbURLTLS(), alice, password)), krbProxySchemes(t)[0], alice + "@" + krbRealm},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := fastTransport(t, row.source, row.scheme)
			for _, method := range []string{"GET", "POST", "PUT", "GET"} {
				var content []byte
				if method != "GET" {
					content = body
				}
				status, text, d, err := fastGet(t, tr, nil, method, row.at, content)
				if err != nil {
					t.Fatal(err)
				}
				got, err := parseReport(text)
				if status != 200 || err != nil || got.user != row.user || content != nil && got.sha256 != hash || !d.Authenticated {
					t.Errorf("%s: status %d, %+v, %+v", method, status, got, d)
				}
			}
		})
	}
	wrong := fastTransport(t, loginFor(t, apacheNTLMURL(), `LAB\alice`, "wrong"), clientOf(scheme.NTLM, n))
	_, _, _, err := fastGet(t, wrong, nil, "GET", apacheNTLMURL()+"/ntlm/echo", nil)
	if e, ok := err.(*drive.Error); !ok || e.Fault.Code != gss.Refused || e.Status != 401 {
		t.Errorf("%v, want a refusal", err)
	}
}

// TestFastClientSquid: fasthttp through Squid, which authenticates the tunnel by NTLM and Kerberos, to an
// origin that authenticates too.
func TestFastClientSquid(t *testing.T) {
	t.Parallel()
	upSquidNTLM(t)
	upSquidKrb(t)
	body, hash := payload()
	o := newOrigin(t, true, accountSource(), digestServer(t, digest.ServerConfig{}))
	n, err := ntlm.New(ntlm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		proxy   string
		source  answer.Source
		schemes []scheme.Client
	}{
		"NTLM":     {squidNTLMURL(), loginForProxy(t, squidNTLMURL(), alice, password), []scheme.Client{clientOf(scheme.NTLM, n)}},
		"Kerberos": {squidKrbURL(), krbSource(t, loginForProxy(t, squidKrbURL(), alice, password)), krbProxySchemes(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, err := url.Parse(row.proxy)
			if err != nil {
				t.Fatal(err)
			}
			d, err := connect.New(connect.Config{Proxy: proxy, Machine: machine.ClientConfig{Schemes: row.schemes}, Source: row.source})
			if err != nil {
				t.Fatal(err)
			}
			tr := fastTransport(t, loginFor(t, o.URL, alice, password), digestClient(t, digest.ClientConfig{}))
			status, text, _, err := fastGet(t, tr, d.Dial, "POST", o.URL, bytes.Clone(body))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := parseReport(text); status != 200 || err != nil || got.user != alice || got.sha256 != hash {
				t.Errorf("status %d, %+v, %v", status, got, err)
			}
		})
	}
}

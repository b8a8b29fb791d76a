package interop

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// ourClient returns a scheme for this project's clients, with the login for a place, an
// origin or a proxy.
func ourClient(t testing.TB, by, place string, proxy bool) (scheme.Client, answer.Source) {
	t.Helper()
	name, login := alice, loginFor
	if proxy {
		login = loginForProxy
	} else if by == bareNTLM || by == inNTLM {
		name = domain + `\` + alice
	}
	source := login(t, place, name, password)
	switch by {
	case byBasic:
		return scheme.BasicClient(), source
	case byDigest:
		return digestClient(t, digest.ClientConfig{}), source
	case bareNTLM:
		return ntlmClient(t, ntlm.Config{}), source
	case inNTLM:
		return clientOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, ntlmMechanism(t, ntlm.Config{}))), source
	}
	if proxy {
		return krbProxySchemes(t)[0], krbSource(t, source)
	}
	// Of the servers lighttpd refuses a user who delegates nothing.
	m := krbMechanism(t, kerberos.Config{Delegate: kerberos.DelegateAlways})
	return scheme.NegotiateClient(spnegoOver(t, spnego.Config{}, m), gss.Delegate), krbSource(t, source)
}

// place is where a peer authenticates our clients: at an origin's echo, or as a proxy on the way to an
// origin of ours.
type place struct {
	by, peer string
	up       func(testing.TB)
	at       func() string // the origin, or the proxy
	path     string        // of an origin's echo
	user     string        // the user that the origin sees
	drivers  string
	unproven bool // it never proves itself, so that clients need MutualIfOffered
}

func upNTLM(t testing.TB) { apacheNTLM.up(t) }

const everyClient = "nethttp fasthttp"

var (
	origins = []place{
		{byBasic, "Apache httpd", apache.up, apacheURLTLS, "/basic/echo", alice, everyClient, false},
		{byBasic, "Apache httpd behind Caddy", upCaddy, caddyURL, "/basic/echo", alice, everyClient + " http3", false},
		{byDigest, "Apache httpd", apache.up, apacheURL, "/digest/echo", alice, everyClient, false},
		{byDigest, "Apache httpd behind Caddy", upCaddy, caddyURL, "/digest/echo", alice, everyClient + " http3", false},
		{byDigest, "lighttpd", lighttpd.up, lighttpdURL, "/both/echo", alice, everyClient, false},
		{bareNTLM, "Apache httpd, gss-ntlmssp", upNTLM, apacheNTLMURL, "/ntlm/echo", domain + `\` + alice, everyClient, false},
		{inNTLM, "Apache httpd, gss-ntlmssp", upNTLM, apacheNTLMURL, "/ntlm/echo", domain + `\` + alice, everyClient, false},
		{inKerberos, "Apache httpd, MIT krb5", upApacheKrb, apacheKrbURL, "/krb/echo", alice + "@" + krbRealm, everyClient, false},
		{inKerberos, "Apache httpd, MIT krb5, behind Caddy", upCaddy, caddyURL, "/krb/echo", alice + "@" + krbRealm, everyClient + " http3", false},
		{inKerberos, "gokrb5 (unproven)", upGokrb5, gokrb5URL, "/", alice, everyClient, true},
		{inKerberos, "lighttpd, mod_authn_gssapi (unproven)", upLighttpdKrb, lighttpdKrbURL, "/krb/echo", alice + "@" + krbRealm, everyClient, true},
	}
	proxies = []place{
		{byDigest, "Squid", squid.up, squidURL, "", "", everyClient + " connect", false},
		{bareNTLM, "Squid, Samba's ntlm_auth", upSquidNTLM, squidNTLMURL, "", "", everyClient + " connect", false},
		{inKerberos, "Squid, MIT krb5", upSquidKrb, squidKrbURL, "", "", everyClient + " connect", false},
	}
)

// getAndPost sends two requests by an http.Client, and gives what the echo got.
func getAndPost(t testing.TB, c *http.Client, at string, body []byte) (got []report) {
	t.Helper()
	defer c.CloseIdleConnections()
	for _, content := range [][]byte{nil, body} {
		method := "GET"
		if content != nil {
			method = "POST"
		}
		r, err := http.NewRequestWithContext(t.Context(), method, at, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		report, err := readReport(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: status %d, %v", method, res.StatusCode, err)
		}
		got = append(got, report)
	}
	return got
}

// clientDrivers send a GET and a POST to an origin.
var clientDrivers = map[string]func(t testing.TB, p place, body []byte) []report{
	"nethttp": func(t testing.TB, p place, body []byte) []report {
		s, source := ourClient(t, p.by, p.at(), false)
		c := newClient(t, func(conf *nethttp.ClientConfig) {
			conf.Machine.Schemes, conf.Machine.MutualIfOffered = []scheme.Client{s}, p.unproven
		}, source)
		return getAndPost(t, c.http, p.at()+p.path, body)
	},
	"fasthttp": func(t testing.TB, p place, body []byte) []report {
		s, source := ourClient(t, p.by, p.at(), false)
		return fastGetAndPost(t, fastTransportOf(t, source, machine.ClientConfig{Schemes: []scheme.Client{s}, MutualIfOffered: p.unproven}), nil, p.at()+p.path, body)
	},
	"http3": func(t testing.TB, p place, body []byte) []report {
		s, source := ourClient(t, p.by, p.at(), false)
		return getAndPost(t, newHTTP3Client(t, source, s), p.at()+p.path, body)
	},
}

// throughDrivers send them through a proxy.
var throughDrivers = map[string]func(t testing.TB, p place, at string, body []byte) []report{
	"nethttp": func(t testing.TB, p place, at string, body []byte) []report {
		s, source := ourClient(t, p.by, p.at(), true)
		c := newProxyClient(t, p.at(), func(conf *nethttp.ClientConfig) { conf.Machine.Schemes = []scheme.Client{s} }, source)
		return getAndPost(t, c.http, at, body)
	},
	"fasthttp": func(t testing.TB, p place, at string, body []byte) []report {
		return fastGetAndPost(t, fastTransport(t, nil, digestClient(t, digest.ClientConfig{})), tunnel(t, p).Dial, at, body)
	},
	"connect": func(t testing.TB, p place, at string, body []byte) []report {
		unaware := &http.Client{Transport: &http.Transport{DialContext: tunnel(t, p).DialContext, TLSClientConfig: clientTLS()}}
		return getAndPost(t, unaware, at, body)
	},
}

// tunnel is a dialer through a proxy.
func tunnel(t testing.TB, p place) *connect.Dialer {
	t.Helper()
	s, source := ourClient(t, p.by, p.at(), true)
	proxy, err := url.Parse(p.at())
	if err != nil {
		t.Fatal(err)
	}
	d, err := connect.New(connect.Config{Proxy: proxy, Machine: machine.ClientConfig{Schemes: []scheme.Client{s}}, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func fastGetAndPost(t testing.TB, tr *fasthttp.Transport, dial fast.DialFunc, at string, body []byte) (got []report) {
	t.Helper()
	for _, content := range [][]byte{nil, body} {
		method := "GET"
		if content != nil {
			method = "POST"
		}
		status, text, _, err := fastGet(t, tr, dial, method, at, content)
		if err != nil {
			t.Fatal(err)
		}
		report, err := parseReport(text)
		if err != nil || status != 200 {
			t.Fatalf("%s: status %d, %v", method, status, err)
		}
		got = append(got, report)
	}
	return got
}

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// caddy provides HTTP/2 and HTTP/3 for Apache, which authenticates. It needs apache and
// apacheKrb to be running.
var caddy = &peer{
	name: "caddy", program: "caddy", debian: "caddy", ports: 1,
	configure: configureCaddy,
	env:       func(dir string) []string { return []string{"XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir} },
	ready: func(addrs []string) error {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: clientTLS()}}
		res, err := c.Get("https://" + addrs[0] + "/open/echo")
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Alt-Svc"), "h3=") {
			return errors.New("not Caddy")
		}
		return nil
	},
}

func configureCaddy(dir string, addrs []string) ([]string, error) {
	_, port, err := net.SplitHostPort(addrs[0])
	if err != nil {
		return nil, err
	}
	conf, err := render(dir, "Caddyfile", map[string]any{
		"Dir": dir, "Port": port, "Cert": pki.file, "Key": pki.key, "Apache": apache.addrs[0], "Kerberos": apacheKrb.addrs[0],
	})
	return []string{"run", "--adapter", "caddyfile", "--config", conf}, err
}

// upCaddy brings all three up.
func upCaddy(t testing.TB) {
	t.Helper()
	apache.up(t)
	upApacheKrb(t)
	caddy.up(t)
}

func caddyURL() string {
	return "https://" + strings.Replace(caddy.addrs[0], "127.0.0.1", "localhost", 1)
}

// newHTTP3Client is a client that speaks HTTP/3, and nothing else.
func newHTTP3Client(t testing.TB, source answer.Source, schemes ...scheme.Client) *http.Client {
	t.Helper()
	dialer := &http3.Dialer{TLS: clientTLS()}
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: schemes}, Source: source, Multiplexed: dialer.Connect, OnlyMultiplexed: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// TestClientHTTP3Caddy: over HTTP/3, Digest and Kerberos are proven by the server, with bodies, many
// streams at once; a wrong password is a refusal.
func TestClientHTTP3Caddy(t *testing.T) {
	t.Parallel()
	upCaddy(t)
	body, hash := payload()
	digests := digestClient(t, digest.ClientConfig{})
	for name, row := range map[string]struct {
		path, user string
		source     answer.Source
		scheme     scheme.Client
	}{
		"Digest":   {"/digest/echo", alice, loginFor(t, caddyURL(), alice, password), digests},
		"Kerberos": {"/krb/echo", alice + "@" + krbRealm, krbSource(t, loginFor(t, caddyURL(), alice, password)), krbProxySchemes(t)[0]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newHTTP3Client(t, row.source, row.scheme)
			done := make(chan error)
			for range 8 {
				go func() {
					res, err := c.Post(caddyURL()+row.path, "", bytes.NewReader(body))
					if err != nil {
						done <- err
						return
					}
					defer res.Body.Close()
					got, err := readReport(res.Body)
					d, _ := nethttp.Delivered(res)
					if err == nil && (res.ProtoMajor != 3 || got.user != row.user || got.sha256 != hash || !d.Info.Flags.Has(gss.Mutual)) {
						err = fmt.Errorf("%s, %+v and %+v", res.Proto, got, d)
					}
					done <- err
				}()
			}
			for range 8 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
	_, err := newHTTP3Client(t, loginFor(t, caddyURL(), alice, "wrong"), digests).Get(caddyURL() + "/digest/echo")
	if e, ok := errors.AsType[*drive.Error](err); !ok || e.Fault.Code != gss.Refused || e.Status != 401 {
		t.Errorf("%v, want a refusal", err)
	}
}

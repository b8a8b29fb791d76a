package interop

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jcmturner/goidentity/v6"
	gokrb5client "github.com/jcmturner/gokrb5/v8/client"
	gokrb5config "github.com/jcmturner/gokrb5/v8/config"
	gokrb5keytab "github.com/jcmturner/gokrb5/v8/keytab"
	gokrb5service "github.com/jcmturner/gokrb5/v8/service"
	gokrb5spnego "github.com/jcmturner/gokrb5/v8/spnego"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/scheme"
)

// gokrb5Text is mitKDC's krb5.conf for gokrb5, with types that it knows.
func gokrb5Text(t testing.TB) string {
	t.Helper()
	const types = "[libdefaults]\n  default_tgs_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha384-192\n"
	return strings.Replace(readText(t, krbFile("krb5.conf")), "[libdefaults]\n", types, 1)
}

func gokrb5Conf(t testing.TB) *gokrb5config.Config {
	t.Helper()
	conf, err := gokrb5config.NewFromString(gokrb5Text(t))
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// TestServerKerberosGokrb5: the client of the Go library that is deployed most.
func TestServerKerberosGokrb5(t *testing.T) {
	meets(t, "gokrb5")
	t.Parallel()
	mitKDC.up(t)
	conf := gokrb5Conf(t)
	for _, host := range []string{"localhost", "aes256-sha2.interop.test", "aes128-sha1.interop.test"} {
		c := gokrb5client.NewWithPassword(alice, krbRealm, password, conf, gokrb5client.DisablePAFXFAST(true))
		if err := c.Login(); err != nil {
			t.Fatal(err)
		}
		o := newKerberosOrigin(t, false, kerberos.Config{})
		client := gokrb5spnego.NewClient(c, nil, "HTTP/"+host)
		r, err := http.NewRequest("GET", o.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		res.Body.Close()
		o.wantOutcome(t, "401 no credentials; "+letInKerberos)
		c.Destroy()
	}
}

// gokrb5Server is a server of gokrb5's in this process, which ends with it.
var gokrb5Server struct {
	sync.Mutex
	*httptest.Server
}

func upGokrb5(t testing.TB) {
	t.Helper()
	mitKDC.up(t)
	gokrb5Server.Lock()
	defer gokrb5Server.Unlock()
	if gokrb5Server.Server != nil {
		return
	}
	keys, err := gokrb5keytab.Load(krbFile("http.keytab"))
	if err != nil {
		t.Fatal(err)
	}
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := goidentity.FromHTTPRequestContext(r)
		echo(func(*http.Request) (string, string) { return id.UserName(), scheme.Negotiate }).ServeHTTP(w, r)
	})
	gokrb5Server.Server = httptest.NewServer(gokrb5spnego.SPNEGOKRB5Authenticate(who, keys, gokrb5service.KeytabPrincipal("HTTP/localhost"),
		gokrb5service.DecodePAC(false))) // it refuses the PACs that MIT's KDC writes today
}

// gokrb5URL names it as its keys do.
func gokrb5URL() string { return strings.Replace(gokrb5Server.URL, "127.0.0.1", "localhost", 1) }

// TestClientKerberosGokrb5: its server, which answers with a token of SPNEGO's and no proof: it
// does not do mutual authentication, and is told from one that does.
func TestClientKerberosGokrb5(t *testing.T) {
	meets(t, "gokrb5")
	t.Parallel()
	upGokrb5(t)
	at := gokrb5URL()
	c := newClient(t, byKerberos(t, kerberos.Config{}), krbSource(t, loginFor(t, at, alice, password)))
	e := c.fault(t, at)
	if e.Fault.Code.String() != "peer not authentic" || !strings.Contains(e.Fault.Detail, "MutualIfOffered") {
		t.Errorf("%+v, want a service that did not prove itself, and the option", e)
	}
	c = newClient(t, func(conf *nethttp.ClientConfig) {
		byKerberos(t, kerberos.Config{})(conf)
		conf.Machine.MutualIfOffered = true
	}, krbSource(t, loginFor(t, at, alice, password)))
	for range 2 {
		if got := c.do(t, "GET", at, nil); got.report(t).user != alice || got.delivered.Authenticated || !got.delivered.Info.Unproven || got.delivered.Context != nil {
			t.Errorf("%+v, want an answer that is unproven", got)
		}
	}
	c = newClient(t, byKerberos(t, kerberos.Config{OneWay: true}), krbSource(t, loginFor(t, at, alice, password)))
	if got := c.do(t, "GET", at, nil); got.report(t).user != alice || got.delivered.Info.Flags.Has(gss.Mutual) {
		t.Errorf("%+v, want an answer of a service that proved nothing", got)
	}
}

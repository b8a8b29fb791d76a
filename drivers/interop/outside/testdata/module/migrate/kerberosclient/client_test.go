package kerberosclient

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

const conf = `[libdefaults]
  default_realm = TEST.GOKRB5
[realms]
  TEST.GOKRB5 = {
    kdc = 127.0.0.1:88
  }
[domain_realm]
  .test.gokrb5 = TEST.GOKRB5
`

func Example() {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "TEST.GOKRB5", Principals: []kdctest.Principal{
		{Name: "testuser1", Password: "passwordvalue"}, {Name: "HTTP/host.test.gokrb5", Password: "service"},
	}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := newServer(realm)
	defer server.Close()

	client, err := Client{
		Conf: conf, User: "testuser1", Keys: realm.Keytab("testuser1@TEST.GOKRB5"), Hosts: []string{"host.test.gokrb5"},
		KDC: krb5.InProcess(realm),
		Base: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}},
	}.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	for range 2 { // the second one with the ticket of the first
		res, err := client.Get("http://host.test.gokrb5/")
		if err != nil {
			fmt.Println(err)
			return
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		d, _ := nethttp.Delivered(res)
		fmt.Println(string(body), d.Info.Name(), err)
	}
	// Output:
	// hello testuser1@TEST.GOKRB5 HTTP/host.test.gokrb5@TEST.GOKRB5 <nil>
	// hello testuser1@TEST.GOKRB5 HTTP/host.test.gokrb5@TEST.GOKRB5 <nil>
}

func newServer(realm *kdctest.KDC) *httptest.Server {
	mech, err := kerberos.New(kerberos.Config{Keys: realm.Keytab("HTTP/host.test.gokrb5@TEST.GOKRB5")})
	if err != nil {
		panic(err)
	}
	negotiate, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{mech}})
	if err != nil {
		panic(err)
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.NegotiateServer(negotiate)}},
		Source: new(krb5.ReplayCache),
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprint(w, "hello ", user.Name())
	})))
	auth.Install(server.Config)
	server.Start()
	return server
}

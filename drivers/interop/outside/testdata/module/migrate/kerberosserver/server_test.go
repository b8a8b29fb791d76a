package kerberosserver

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

func TestServer(t *testing.T) {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "TEST.GOKRB5", Principals: []kdctest.Principal{
		{Name: "testuser1", Password: "passwordvalue"}, {Name: "HTTP/host.test.gokrb5", Password: "service"},
	}}}, PAC: groups})
	if err != nil {
		t.Fatal(err)
	}
	keytab := filepath.Join(t.TempDir(), "http.keytab")
	if err := krb5.WriteKeytab(keytab, realm.Keytab("HTTP/host.test.gokrb5@TEST.GOKRB5")); err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	server, err := New("127.0.0.1:0", keytab, log.New(&logged, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()

	if got, want := get(t, realm, l.Addr().String()), "testuser1 of TEST.GOKRB5\ngroup S-1-5-21-1-2-3-513\ngroup S-1-5-21-1-2-3-1105\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served
	if !strings.Contains(logged.String(), "GET 200 testuser1@TEST.GOKRB5") {
		t.Errorf("the log has %q", &logged)
	}
}

// groups is the KDC's directory: the user is in two groups of the domain.
func groups(client krb.Principal, authTime krb.Time, service, krbtgt krb.Key) string {
	return pac.Write(client.Name, authTime, pac.User{
		Name: client.Name.String(), Domain: "TEST", DomainSID: pac.SIDOf(5, 21, 1, 2, 3), RID: 1103, PrimaryGroupRID: 513,
		Groups: []uint32{513, 1105},
	}, service, krbtgt)
}

// get is a request of testuser1 to the server at an address.
func get(t *testing.T, realm *kdctest.KDC, addr string) string {
	login, err := answer.For("http://host.test.gokrb5", "testuser1@TEST.GOKRB5", "passwordvalue")
	if err != nil {
		t.Fatal(err)
	}
	mech, err := kerberos.New(kerberos.Config{Realm: "TEST.GOKRB5"})
	if err != nil {
		t.Fatal(err)
	}
	negotiate, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{mech}})
	if err != nil {
		t.Fatal(err)
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.NegotiateClient(negotiate)}},
		Source:  answer.Chain(login, krb5.InProcess(realm)),
		Base: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("http://host.test.gokrb5/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

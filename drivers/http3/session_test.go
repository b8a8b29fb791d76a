package http3_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// TestSession: after one login by Kerberos the cookie is enough, on each stream, and for a client
// that has no ticket.
func TestSession(t *testing.T) {
	realm := must(kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/localhost", Password: "service"},
	}}}}))
	over := func(c kerberos.Config) gss.Mechanism {
		return must(spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{must(kerberos.New(c))}}))
	}
	s := newSiteOf(t, nethttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: []scheme.Server{
			scheme.NegotiateServer(over(kerberos.Config{Keys: realm.Keytab("HTTP/localhost@A.TEST"), ChannelBinding: gss.Require})),
		}},
		Source: krb5.NewReplayCache(1000, 0), Session: new(session.Config),
	})
	login := must(answer.For(s.url, "alice@A.TEST", "wonder"))
	c := newClient(t, answer.Chain(login, krb5.InProcess(realm), &krb5.Tickets{}), false, scheme.NegotiateClient(over(kerberos.Config{Realm: "A.TEST", ChannelBinding: gss.Require})))
	res, err := c.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	cookies := res.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}

	_, roots := pki()
	plain := &quichttp3.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer plain.Close()
	for range 2 {
		r, err := http.NewRequest("GET", s.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: cookies[0].Name, Value: cookies[0].Value})
		res, err := plain.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || string(body) != "alice HTTP/3.0 0" {
			t.Errorf("%d %q", res.StatusCode, body)
		}
	}
	s.want(t, "HTTP/3.0 401", "HTTP/3.0 200 alice by Negotiate", "HTTP/3.0 200 alice by Negotiate", "HTTP/3.0 200 alice by Negotiate")
	requirement.Held(t, "unit:second_request_by_cookie", "SESS-1")
}

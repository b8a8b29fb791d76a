package fasthttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/scheme"
)

var users = answer.Chain(answer.NewUsers(map[string]string{"alice": "wonder", "bob": "builder"}), &answer.ReplayCache{Max: 1000})

// alice answers with the same login for every server.
var alice = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
	if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
		return gss.Password{User: "alice", Password: gss.NewSecret("wonder")}
	}
	return gss.Declined{}
})

// digests returns Digest for both sides, with a client that requires the server's
// proof.
func digests(t testing.TB, qops ...digest.QOP) (scheme.Server, scheme.Client) {
	t.Helper()
	s, err := digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}, QOPs: qops})
	if err != nil {
		t.Fatal(err)
	}
	c, err := digest.NewClient(digest.ClientConfig{RequireProof: true})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// toys returns NTLM with a toy of two legs, for both sides.
func toys() (scheme.Server, scheme.Client) {
	toy := gsstoy.Toy{OID: gss.NTLM, Legs: 2, Bound: true, Asks: true}
	return scheme.NTLMServer(toy), scheme.NTLMClient(toy)
}

// certificate returns the certificate of the test servers and a configuration that
// trusts it.
var certificate = sync.OnceValues(func() (tls.Certificate, *tls.Config) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.TLS.Certificates[0], &tls.Config{RootCAs: roots}
})

// eventually waits until a condition is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not come about", what)
		}
	}
}

// hostOf returns a client of one server.
func hostOf(url string) *fast.HostClient {
	_, config := certificate()
	return &fast.HostClient{Addr: url[strings.Index(url, "//")+2:], IsTLS: strings.HasPrefix(url, "https:"), TLSConfig: config}
}

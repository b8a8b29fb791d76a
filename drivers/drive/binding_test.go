package drive

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// TestBindingOf: a client's binding is none without TLS, that of the server's certificate
// with it, and unavailable where the server showed no certificate.
func TestBindingOf(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	own := s.Certificate()
	for what, c := range map[string]struct {
		state *tls.ConnectionState
		want  gss.Binding
	}{
		"no TLS":                    {nil, gss.NoBinding()},
		"TLS without a certificate": {new(tls.ConnectionState), gss.Binding{}},
		"TLS":                       {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{own, {Raw: []byte("an issuer's")}}}, gss.EndPoint(string(own.Raw))},
	} {
		if got := BindingOf(c.state); got != c.want {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
	if gss.EndPoint(string(own.Raw)) == (gss.Binding{}) {
		t.Error("the certificate of the test has no binding")
	}
}

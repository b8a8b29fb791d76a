package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// TestServeBinding: logins are bound to the certificate that was shown, whatever the
// library, and a certificate that no client can bind to is not served where bindings
// are required.
func TestServeBinding(t *testing.T) {
	cert, key := certificate(t)
	for _, library := range []string{"nethttp", "fasthttp"} {
		s := serve(t, "--user", "alice:secret", "--tls-cert", cert, "--tls-key", key, "--scheme", "ntlm", "--channel-binding", "require", "--transport", library)
		call(t, "", "get", "-k", "-u", "alice:secret", s.url).want(t, 0, "hello alice via NTLM", "")
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = file(t, "ed25519.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	key = file(t, "ed25519-key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	args := []string{"--user", "alice:secret", "--tls-cert", cert, "--tls-key", key, "--scheme", "ntlm"}
	call(t, "", append([]string{"serve", "--addr", "127.0.0.1:0", "--channel-binding", "require"}, args...)...).want(t, exitUsage, "", "no client can bind")
	s := serve(t, args...)
	call(t, "", "get", "-k", "-u", "alice:secret", s.url).want(t, 0, "hello alice via NTLM", "")
	requirement.Held(t, "unit:bindings_known", "BIND-3")
}

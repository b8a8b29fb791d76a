package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The user that can log in to every peer, and the name of the protection space.
const (
	alice    = "alice"
	password = "Password-1!"
	realm    = "interop@test"
)

// work holds the peers' files, each in a directory of its own. The peers run as
// users of their own and must be able to get there.
var work string

// pki is one self-signed certificate for all TLS servers of the tests.
var pki struct {
	cert      tls.Certificate
	roots     *x509.CertPool
	file, key string // PEM

}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	var err error
	if work, err = os.MkdirTemp("", "interop"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return 0, err
	}
	if err := makeCertificate(); err != nil {
		return 0, err
	}
	code := m.Run()
	stopAll()
	return code, left()
}

func makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	pki.file, pki.key = filepath.Join(work, "cert.pem"), filepath.Join(work, "key.pem")
	if err := os.WriteFile(pki.file, certPEM, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(pki.key, keyPEM, 0o600); err != nil { // Apache reads it as root
		return err
	}
	pki.roots = x509.NewCertPool()
	pki.roots.AppendCertsFromPEM(certPEM)
	pki.cert, err = tls.X509KeyPair(certPEM, keyPEM)
	return err
}

// serverTLS returns the configuration of the tests' servers.
func serverTLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{pki.cert}} }

// clientTLS returns the configuration of the tests' clients.
func clientTLS() *tls.Config { return &tls.Config{RootCAs: pki.roots} }

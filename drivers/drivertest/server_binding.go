package drivertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"

	"github.com/countersign-auth/countersign/gss"
)

// selfSigned returns a certificate for hosts, names or addresses.
func selfSigned(hosts ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: hosts[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// serverBinding checks BIND-1 for a whole server.
func (k *kit) serverBinding() {
	var certs []tls.Certificate
	for _, hosts := range [][]string{{"one.example"}, {"two.example", "both.example"}, {"both.example"}, {"one.example"}} {
		c, err := selfSigned(hosts...)
		if err != nil {
			k.fatalf("no certificate could be made: %v", err)
		}
		certs = append(certs, c)
	}
	ours, other := certs[:3], gss.EndPoint(string(certs[3].Certificate[0]))
	p := oneLeg()
	s := k.serve(func(s *ServerSetup) { s.TLS = &tls.Config{Certificates: ours} }, p)
	for _, name := range []string{"one.example", "two.example", "both.example", "", "unknown.example"} {
		for _, bound := range []string{"the certificate shown", "another server's certificate"} {
			c, err := k.tryDialTLS(s.url, "alice", &tls.Config{InsecureSkipVerify: true, ServerName: name}, p)
			if err != nil {
				k.fatalf("server name %q: the server does not take a connection: %v", name, err)
			}
			before := s.handled.Load()
			if c.to.Binding = gss.EndPoint(string(c.peer)); bound != "the certificate shown" {
				c.to.Binding = other
				if o := c.request("GET", ""); o.status != 401 || s.handled.Load() != before {
					k.errorf("server name %q, bound to %s: %v, and the handler ran: %v; want 401", name, bound, o, s.handled.Load() != before)
				}
			} else if o := c.request("GET", ""); !o.ok("alice", "") {
				k.errorf("server name %q, bound to %s: %v", name, bound, o)
			}
			c.close()
		}
	}
}

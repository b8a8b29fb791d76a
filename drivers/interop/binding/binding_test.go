package binding

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// stand is a set of certificates that a server may show.
type stand struct {
	name    string
	list    []tls.Certificate // all of them
	dynamic func(c *tls.Config, list []tls.Certificate)
	suites  []uint16 // of its clients, under TLS 1.2
}

// byName is a GetCertificate that selects by name, with a default.
func byName(list []tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for i := range list {
			if strings.HasPrefix(hello.ServerName, string(rune('a'+i))) {
				return &list[i], nil
			}
		}
		return &list[0], nil
	}
}

func stands() []stand {
	a, b := newCertificate(ecdsaKey(), "a.test"), newCertificate(ecdsaKey(), "b.test")
	return []stand{
		{name: "one certificate", list: []tls.Certificate{a}},
		{name: "two hosts", list: []tls.Certificate{a, b}},
		{name: "RSA beside ECDSA", list: []tls.Certificate{newCertificate(rsaKey(), "a.test", "b.test"), newCertificate(ecdsaKey(), "a.test", "b.test")}},
		{name: "ECDSA beside RSA, of a client without ECDSA", list: []tls.Certificate{newCertificate(ecdsaKey(), "a.test", "b.test"), newCertificate(rsaKey(), "a.test", "b.test")}, suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
		{name: "old and new", list: []tls.Certificate{newCertificate(ecdsaKey(), "a.test", "b.test"), newCertificate(ecdsaKey(), "a.test", "b.test")}},
		{name: "Ed25519 beside ECDSA", list: []tls.Certificate{newCertificate(ed25519Key(), "b.test"), a}},
		{name: "GetCertificate", list: []tls.Certificate{a, b}, dynamic: func(c *tls.Config, list []tls.Certificate) { c.GetCertificate = byName(list) }},
		{name: "GetCertificate beside Certificates", list: []tls.Certificate{a, b}, dynamic: func(c *tls.Config, list []tls.Certificate) {
			c.Certificates, c.GetCertificate = list[:1], byName(list)
		}},
		{name: "GetConfigForClient", list: []tls.Certificate{a, b}, dynamic: func(c *tls.Config, list []tls.Certificate) {
			choose := byName(list)
			c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				own, err := choose(hello)
				return &tls.Config{Certificates: []tls.Certificate{*own}, NextProtos: []string{"h2", "http/1.1"}}, err
			}
		}},
		{name: "NameToCertificate", list: []tls.Certificate{a, b}, dynamic: func(c *tls.Config, list []tls.Certificate) {
			//lint:ignore SA1019 crypto/tls still uses it
			c.Certificates, c.NameToCertificate = list, map[string]*tls.Certificate{"a.test": &list[0], "*.test": &list[1]}
		}},
	}
}

// TestBoundLogins: a login bound to another server's certificate, as in a relay attack,
// is refused whatever server name the client sends and whatever else the server has:
// hosts, algorithms, old certificates. A login bound to the certificate that the
// connection showed is accepted, also if bindings are required. With a configuration of
// BindTLS a login bound to any other certificate of the same server is refused, too.
func TestBoundLogins(t *testing.T) {
	outside := bindingTo(newCertificate(ecdsaKey(), "a.test"))
	stands := stands()
	for _, demand := range []gss.Requirement{gss.IfAvailable, gss.Require} {
		for _, m := range methods(t, demand) {
			for _, f := range fronts {
				if f.multiplexed() && m.legs > 1 {
					continue
				}
				for _, s := range stands {
					for _, exact := range []bool{false, true} {
						if s.dynamic != nil && !exact {
							continue // cannot be listed, see TestServedErrors
						}
						name := describe(f.name, m.name, s.name, "exact", exact, "require", demand == gss.Require)
						boundLogins(t, name, f, m, s, exact, demand, outside)
						requirement.Held(t, "unit:bound_logins", "BIND-1")
						if exact && len(s.list) > 1 {
							requirement.Held(t, "unit:bound_logins", "BIND-2")
						}
					}
				}
			}
		}
	}
}

func boundLogins(t *testing.T, name string, f front, m method, s stand, exact bool, demand gss.Requirement, outside gss.Binding) {
	t.Helper()
	conf, served := &tls.Config{Certificates: s.list}, drive.CertificatesOf(s.list...)
	if s.dynamic != nil {
		conf = new(tls.Config)
		s.dynamic(conf, s.list)
	}
	if exact {
		conf, served = must(drive.BindTLS(conf)), drive.Certificates{}
	}
	addr := f.serve(t, m, conf, served)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if version == tls.VersionTLS12 && f.multiplexed() || version == tls.VersionTLS13 && s.suites != nil {
			continue
		}
		for _, sni := range serverNames {
			if sni == "unknown.test" && s.suites != nil {
				continue // crypto/tls then shows the first one, which that client cannot use
			}
			expect := func(what string, b gss.Binding, want int) {
				t.Helper()
				l := f.dial(t, addr, sni, version, s.suites, nil)
				defer l.close()
				if what == "shown" {
					if b = l.shown(); b == (gss.Binding{}) && demand == gss.Require {
						want = f.status // no binding is defined
					}
				}
				if got := m.login(t, l.send, b); got != want {
					t.Errorf("%s: %s, server name %q, bound to %s: status %d, want %d", name, versionName(version), sni, what, got, want)
				}
			}
			expect("shown", gss.Binding{}, 200)
			expect("another server's certificate", outside, f.status)
			expect("none", gss.NoBinding(), f.status)
			if exact {
				l := f.dial(t, addr, sni, version, s.suites, nil)
				for _, c := range s.list {
					if b := bindingTo(c); b != (gss.Binding{}) && b != l.shown() {
						expect("another certificate of this server's", b, f.status)
					}
				}
				l.close()
			}
		}
	}
}

// serverNames are the server names that clients send.
var serverNames = []string{"a.test", "b.test", "", "unknown.test"}

// TestBindTLSShowsTheSame: a configuration of BindTLS shows the same certificates as
// the original.
func TestBindTLSShowsTheSame(t *testing.T) {
	show := func(conf *tls.Config, sni string, version uint16, suites []uint16) string {
		ours, theirs := net.Pipe()
		server := tls.Server(ours, conf)
		done := make(chan struct{})
		go func() {
			defer close(done)
			server.HandshakeContext(drive.WithChannel(t.Context()))
			server.Close()
		}()
		client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, ServerName: sni, MaxVersion: version, CipherSuites: suites})
		err := client.HandshakeContext(t.Context())
		theirs.Close()
		<-done
		if err != nil {
			return "nothing"
		}
		return string(client.ConnectionState().PeerCertificates[0].Raw)
	}
	for _, s := range stands() {
		conf := &tls.Config{Certificates: s.list}
		if s.dynamic != nil {
			conf = new(tls.Config)
			s.dynamic(conf, s.list)
		}
		for _, sni := range append(serverNames, "A.TEST", "sub.a.test", "sub.test") {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				if want, got := show(conf, sni, version, s.suites), show(must(drive.BindTLS(conf)), sni, version, s.suites); got != want {
					t.Errorf("%s, %q, %s: another certificate", s.name, sni, versionName(version))
				}
			}
		}
	}
}

// TestBoundRenewal: a connection is bound to the certificate that its client saw. After
// a renewal an open connection remains bound to the old one, and so does a resumed
// session, even one resumed before; a full handshake is bound to the new one.
func TestBoundRenewal(t *testing.T) {
	outside := bindingTo(newCertificate(ecdsaKey(), "a.test"))
	for _, m := range methods(t, gss.Require) {
		for _, f := range fronts {
			if f.multiplexed() && m.legs > 1 {
				continue
			}
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				if f.multiplexed() && version == tls.VersionTLS12 {
					continue
				}
				old, renewed := newCertificate(ecdsaKey(), "a.test"), newCertificate(ecdsaKey(), "a.test")
				var now atomic.Pointer[tls.Certificate]
				now.Store(&old)
				conf := must(drive.BindTLS(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now.Load(), nil }}))
				addr := f.serve(t, m, conf, drive.Certificates{})
				expect := func(what string, l *link, right, wrong tls.Certificate, resumed bool) {
					t.Helper()
					if l.state.DidResume != resumed || l.shown() != bindingTo(right) {
						t.Fatalf("%s %s %s, %s: resumed %v, and shows the right certificate: %v", f.name, m.name, versionName(version), what, l.state.DidResume, l.shown() == bindingTo(right))
					}
					for _, try := range []struct {
						name   string
						b      gss.Binding
						status int
					}{{"the wrong one of both", bindingTo(wrong), f.status}, {"another server's", outside, f.status}, {"the one shown", bindingTo(right), 200}} {
						if got := m.login(t, l.send, try.b); got != try.status {
							t.Errorf("%s %s %s, %s, bound to %s: status %d, want %d", f.name, m.name, versionName(version), what, try.name, got, try.status)
						}
					}
					requirement.Held(t, "unit:bound_renewal", "BIND-2")
				}
				cache := newOneName()
				live := f.dial(t, addr, "a.test", version, nil, cache)
				<-cache.put
				now.Store(&renewed)
				expect("a live connection", live, old, renewed, false)
				for _, what := range []string{"a resumed session", "one resumed twice"} {
					l := f.dial(t, addr, "a.test", version, nil, cache)
					<-cache.put
					expect(what, l, old, renewed, true)
					l.close()
				}
				expect("a full handshake", f.dial(t, addr, "a.test", version, nil, nil), renewed, old, false)
			}
		}
	}
}

// TestTicketsOfOthers: a ticket that does not record what its client saw, from a server
// with the same keys and another configuration, is not resumed.
func TestTicketsOfOthers(t *testing.T) {
	f, m := fronts[0], methods(t, gss.Require)[0]
	cert := newCertificate(ecdsaKey(), "a.test")
	key := [32]byte{1}
	plain, conf := &tls.Config{Certificates: []tls.Certificate{cert}}, must(drive.BindTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	plain.SetSessionTicketKeys([][32]byte{key})
	conf.SetSessionTicketKeys([][32]byte{key})
	before, after := f.serve(t, m, plain, drive.CertificatesOf(cert)), f.serve(t, m, conf, drive.Certificates{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := newOneName()
		f.dial(t, before, "a.test", version, nil, cache)
		<-cache.put
		l := f.dial(t, after, "a.test", version, nil, cache)
		if got := m.login(t, l.send, l.shown()); l.state.DidResume || got != 200 {
			t.Errorf("%s: resumed %v, status %d", versionName(version), l.state.DidResume, got)
		}
		<-cache.put
		if l := f.dial(t, after, "a.test", version, nil, cache); !l.state.DidResume {
			t.Errorf("%s: a ticket of its own is not resumed", versionName(version))
		}
	}
	requirement.Held(t, "unit:bound_renewal", "BIND-2")
}

// TestServedErrors: certificates that cannot be compared with are an error of the
// constructor, and never result in a server that accepts unbound logins.
func TestServedErrors(t *testing.T) {
	cert := newCertificate(ecdsaKey(), "a.test")
	broken := tls.Certificate{Certificate: [][]byte{[]byte("0\x82")}, PrivateKey: cert.PrivateKey}
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }
	m := methods(t, gss.IfAvailable)[0]
	for name, c := range map[string]drive.Certificates{
		"no list":            drive.CertificatesOf(),
		"an empty one":       drive.CertificatesOf(cert, tls.Certificate{}),
		"an unreadable one":  drive.CertificatesOf(broken),
		"no configuration":   drive.CertificatesFrom(nil),
		"an empty one's":     drive.CertificatesFrom(new(tls.Config)),
		"GetCertificate":     drive.CertificatesFrom(&tls.Config{Certificates: []tls.Certificate{cert}, GetCertificate: get}),
		"GetConfigForClient": drive.CertificatesFrom(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }}),
	} {
		if c.Err() == nil {
			t.Errorf("%s: no error", name)
		}
		for _, f := range fronts {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s, %s: a server was made", name, f.name)
					}
				}()
				f.serve(t, m, &tls.Config{Certificates: []tls.Certificate{cert}}, c)
			}()
		}
		if sum, _ := bindingTo(cert).Hash(false); c.Err() != nil {
			b := new(drive.Channel).Binding(new(tls.ConnectionState), c)
			if _, why := b.Admit(gss.IfAvailable, false, true, string(sum[:])); why == "" {
				t.Errorf("%s: a bound login is admitted", name)
			}
		}
		requirement.Held(t, "unit:bindings_known", "BIND-3")
	}
	for name, c := range map[string]*tls.Config{
		"no configuration":  nil,
		"nothing to show":   new(tls.Config),
		"an empty one":      {Certificates: []tls.Certificate{{}}},
		"an unreadable one": {Certificates: []tls.Certificate{cert, broken}},
	} {
		if _, err := drive.BindTLS(c); err == nil {
			t.Errorf("BindTLS of %s: no error", name)
		}
	}
	if err := drive.CertificatesFrom(&tls.Config{Certificates: []tls.Certificate{cert}}).Err(); err != nil {
		t.Error(err)
	}
}

// TestBindTLSNeedsChannel: a server without a Channel to record the certificate in
// completes no handshake, so that no login is unbound.
func TestBindTLSNeedsChannel(t *testing.T) {
	cert := newCertificate(ecdsaKey(), "a.test")
	bound := must(drive.BindTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	for _, noting := range []bool{false, true} { // a net/http server uses its context alone
		l := must(net.Listen("tcp", "127.0.0.1:0"))
		s := &http.Server{TLSConfig: bound, ErrorLog: log.New(io.Discard, "", 0)}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if noting {
				s.ServeTLS(drive.NoteListener(l), "", "")
			} else {
				s.ServeTLS(l, "", "")
			}
		}()
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			c.Close()
			t.Errorf("noting listener %v: a handshake without a place for its note", noting)
		}
		s.Close()
		<-done
	}
	requirement.Held(t, "unit:bindings_known", "BIND-3")
}

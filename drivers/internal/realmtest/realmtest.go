// Package realmtest runs a Kerberos realm on the loopback network for tests of programs: a KDC,
// and the files and environment by which a program finds it, its tickets and its keys.
package realmtest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// Name is the realm's.
const Name = "REALM.TEST"

// People are the users of a realm, with their passwords. alice is a member of [Admins].
var People = map[string]string{"alice": "wonder", "bob": "builder"}

// Admins is the group that alice belongs to.
var Admins = pac.SIDOf(5, 21, 1, 2, 3, 512)

// maxRequest bounds a request to the KDC, in bytes.
const maxRequest = 1 << 16

// Realm is a realm that runs until its test ends.
type Realm struct {
	Config string // the file krb5.conf
	Keytab string // the file with the keys of HTTP/host
	Cache  string // the file of the default credential cache, which does not exist before Kinit
}

// Start runs a realm with the service HTTP/host. It sets KRB5_CONFIG, KRB5_KTNAME and
// KRB5CCNAME to the realm's files for the test.
func Start(t *testing.T, host string) *Realm {
	t.Helper()
	principals := []kdctest.Principal{{Name: "HTTP/" + host, Password: "service"}}
	for name, password := range People {
		principals = append(principals, kdctest.Principal{Name: name, Password: password})
	}
	kdc, err := kdctest.New(kdctest.Config{PAC: sign, Realms: []kdctest.Realm{{Name: Name, Principals: principals}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &Realm{Config: filepath.Join(dir, "krb5.conf"), Keytab: filepath.Join(dir, "krb5.keytab"), Cache: filepath.Join(dir, "ccache")}
	// udp_preference_limit = 1: clients of other libraries ask over TCP as well
	conf := fmt.Sprintf("[libdefaults]\ndefault_realm = %s\ndns_lookup_kdc = false\nrdns = false\ndns_canonicalize_hostname = false\nudp_preference_limit = 1\n[realms]\n%s = {\n  kdc = %s\n}\n[domain_realm]\n%s = %s\n",
		Name, Name, serve(t, kdc), host, Name)
	if err := os.WriteFile(r.Config, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := krb5.WriteKeytab(r.Keytab, kdc.Keytab("HTTP/"+host+"@"+Name)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KRB5_CONFIG", r.Config)
	t.Setenv("KRB5_KTNAME", r.Keytab)
	t.Setenv("KRB5CCNAME", r.Cache)
	return r
}

// Kinit writes a ticket for one of People to the default credential cache.
func (r *Realm) Kinit(t *testing.T, user string) {
	t.Helper()
	conf, err := krb5.ReadConfig(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	result, err := krb5.Get(t.Context(), &krb5.Client{Config: conf}, ticket.Request{
		Client: krb.Principal{Realm: Name, Name: krb.NameOf(krb.NamePrincipal, user)}, Password: gss.NewSecret(People[user]),
	})
	if err != nil {
		t.Fatal(err)
	}
	cache := &krb5.Cache{Name: "FILE:" + r.Cache}
	if err := cache.Write(t.Context(), ccache.New(result.Credential.Client, result.Credential)); err != nil {
		t.Fatal(err)
	}
}

// sign returns the PAC of a user's ticket.
func sign(client krb.Principal, at krb.Time, service, krbtgt krb.Key) string {
	u := pac.User{Name: client.Name.String(), DomainSID: pac.SIDOf(5, 21, 1, 2, 3), RID: 1105, PrimaryGroupRID: 513, Groups: []uint32{513}}
	if u.Name == "alice" {
		u.Groups = append(u.Groups, 512)
	}
	return pac.Write(client.Name, at, u, service, krbtgt)
}

// serve answers requests to the KDC over TCP (RFC 4120 section 7.2.2) and returns the address.
func serve(t *testing.T, kdc *kdctest.KDC) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				for one(c, kdc) == nil {
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// one answers one request.
func one(c net.Conn, kdc *kdctest.KDC) error {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxRequest {
		return fmt.Errorf("a request of %d bytes", n)
	}
	request := make([]byte, n)
	if _, err := io.ReadFull(c, request); err != nil {
		return err
	}
	reply := kdc.Answer(entropy.Env(), Name, string(request))
	_, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...))
	return err
}

package interop

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// keytabFile returns the octets of a keytab with entries, some of which are altered
// (MIT's keytab file format). Package keytab writes only what is whole.
func keytabFile(entries ...string) []byte {
	file := []byte{5, 2}
	for _, e := range entries {
		file = binary.BigEndian.AppendUint32(file, uint32(len(e)))
		file = append(file, e...)
	}
	return file
}

// keytabEntry returns an entry without its length: what keytab writes of it. wide says
// whether the version has 32 bits, too, after the key.
func keytabEntry(e keytab.Entry, wide bool) string {
	b := keytab.New(e).Append(nil)[2+4:]
	if !wide {
		b = b[:len(b)-4]
	}
	return string(b)
}

// TestKerberosKeysAsMIT: a ticket of MIT's KDC, judged by MIT's acceptor and by ours with
// the same keytab file, as they are made, merged and forgotten.
func TestKerberosKeysAsMIT(t *testing.T) {
	t.Parallel()
	mitKDC.up(t)
	held, err := (&krb5.Keytab{Path: krbFile("turned.keytab")}).Load()
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[uint32]keytab.Entry)
	for e := range held.All() {
		keys[e.Kvno] = e
	}
	if len(keys) != 4 {
		t.Fatalf("MIT's keytab has versions %v, want 1 to 4", keys)
	}
	// as returns the key of a version under another one, and under another host's name.
	as := func(key, kvno uint32, host string) keytab.Entry {
		e := keys[key]
		e.Kvno, e.Principal = kvno, krbPrincipal(t, "HTTP/"+host)
		return e
	}
	whole := func(entries ...keytab.Entry) (list []string) {
		for _, e := range entries {
			list = append(list, keytabEntry(e, true))
		}
		return list
	}
	other := func() (e keytab.Entry) {
		for e = range krbKeys(t).All() {
			if e.Key.Type() == krb.AES128SHA1 {
				break
			}
		}
		e.Principal, e.Kvno = krbPrincipal(t, "HTTP/"+krbTurned), 4
		return e
	}()
	var many []keytab.Entry
	for n := range uint32(20) {
		many = append(many, as(1+n%3, 10+n, "x"+string(rune('a'+n))+".interop.test"))
	}
	cut := keytabEntry(keys[4], true)
	cut = cut[:len(cut)-4-7]
	const beyond = "more keys of other hosts than are tried, before the one that fits" // MIT tries all
	login := krbSource(t, &krb5.Cache{Name: krbFile("alice.ccache"), ReadOnly: true})
	for _, row := range []struct {
		name    string
		entries []string
		want    bool // and MIT's, but for one row
	}{
		{"the ticket's version", whole(keys[4]), true},
		{"all versions, the oldest first", whole(keys[1], keys[2], keys[3], keys[4]), true},
		{"all versions, the newest first", whole(keys[4], keys[3], keys[2], keys[1]), true},
		{"older versions alone", whole(keys[1], keys[2], keys[3]), false},
		{"version 0, as ktpass and Samba write", whole(as(4, 0, krbTurned)), true},
		{"a version that the KDC does not have", whole(as(4, 9, krbTurned)), true},
		{"an old key first under the ticket's version", whole(as(2, 4, krbTurned), keys[4]), true},
		{"an old key last under the ticket's version", whole(keys[4], as(2, 4, krbTurned)), true},
		{"an old key alone under the ticket's version", whole(as(2, 4, krbTurned)), false},
		{"a version of 8 bits", []string{keytabEntry(keys[4], false)}, true},
		{"a version that agrees in 8 bits", whole(as(4, 256+4, krbTurned)), true},
		{"an old key whose version agrees in 8 bits first", whole(as(2, 256+4, krbTurned), keys[4]), true},
		{"the name of another host", whole(as(4, 4, "other.interop.test")), true},
		{"another host's old key first", whole(as(2, 4, "other.interop.test"), keys[4]), true},
		{"another type alone", whole(other), false},
		{"another type first", whole(other, keys[4]), true},
		{"twenty keys of other hosts first", whole(append(slices.Clone(many), keys[4])...), true},
		{beyond, whole(append(slices.Clone(many), as(4, 9, "other.interop.test"))...), false},
		{"a damaged key first", append([]string{cut}, whole(keys[4])...), true},
		{"a damaged key last", append(whole(keys[4]), cut), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "keytab")
			if err := os.WriteFile(path, keytabFile(row.entries...), 0o600); err != nil {
				t.Fatal(err)
			}
			m := krbMechanism(t, kerberos.Config{})
			_, out := advance(t, m.Initiate(gss.Target{Service: "HTTP", Scheme: "http", Host: krbTurned, Want: gss.Mutual}), login, gss.Input{})
			if !out.Token.Present() {
				t.Fatalf("%v %v", out.State, out.Fault)
			}
			token := out.Token

			mit := startPython(t, "gss_peer.py", append(krbEnv(krbDir), "KRB5_KTNAME="+path), "accept", "")
			theirs := mit.judge(t, token)

			list, err := (&krb5.Keytab{Path: path}).Load()
			if err != nil {
				t.Fatal(err)
			}
			acceptor, err := kerberos.New(kerberos.Config{Keys: list, Realm: krbRealm})
			if err != nil {
				t.Fatal(err)
			}
			_, out = advance(t, acceptor.Accept(gss.Target{}), krb5.NewReplayCache(10, 0), gss.Input{Token: token})
			if ours := out.State == gss.Complete; ours != row.want || (theirs.Error == "") != (row.want || row.name == beyond) {
				t.Errorf("accepted is %v, want %v (%v); MIT says %+v", ours, row.want, out.Fault, theirs)
			}
		})
	}
}

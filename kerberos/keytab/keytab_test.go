package keytab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

func entries(t testing.TB) []Entry {
	t.Helper()
	www, _ := krb.ParsePrincipal("HTTP/www.a.test@A.TEST", "")
	old, fault := FromPassword(www, gss.NewSecret("old"), "", 1, krb.AES128SHA1)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	now, _ := FromPassword(www, gss.NewSecret("new"), "", 300, krb.AES128SHA1, krb.AES256SHA1)
	other := now[0]
	other.Principal, _ = krb.ParsePrincipal("other@A.TEST", "")
	return append(append(old, now...), other)
}

func TestFind(t *testing.T) {
	list := entries(t)
	k := New(list...)
	www := list[0].Principal
	for _, row := range []struct {
		service krb.Principal
		kind    krb.EType
		kvno    uint32
		want    int
	}{
		{www, krb.AES128SHA1, 0, 2}, {www, krb.AES128SHA1, 1, 2}, {www, krb.AES128SHA1, 300, 2}, {www, krb.RC4, 0, 0}, {krb.Principal{}, krb.AES128SHA1, 0, 3}, {krb.Principal{Name: www.Name, Realm: "B.TEST"}, krb.AES128SHA1, 0, 0},
	} {
		n := 0
		for e, key := range k.Candidates(row.service, row.kind, row.kvno) {
			if n++; key.Key() != e.Key || e.Key.Type() != row.kind {
				t.Error("another key")
			}
		}
		if n != row.want {
			t.Errorf("%v %v %d: %d keys, want %d", row.service, row.kind, row.kvno, n, row.want)
		}
	}
	for kvno, want := range map[uint32]uint32{0: 1, 1: 1, 257: 1 /* an old file's 1 may be 257 */, 300: 300, 44: 1, 7: 1} {
		for e := range k.Candidates(www, krb.AES128SHA1, kvno) {
			if e.Kvno != want {
				t.Errorf("version %d: %d is first, want %d", kvno, e.Kvno, want)
			}
			break
		}
	}
	if e, ok := k.Latest(www, krb.AES128SHA1); !ok || e.Kvno != 300 {
		t.Error("latest")
	}
	var none *Keytab
	for range none.All() {
		t.Error("the nil keytab has entries")
	}
	if none.Len() != 0 || strings.Contains(fmt.Sprintf("%+v %#v", k, k), list[0].Key.Reveal()) {
		t.Error("nil, or a key shows")
	}
}

func TestFile(t *testing.T) {
	file := string(New(entries(t)...).Append(nil))
	k, fault := Parse(file)
	if !fault.IsZero() || k.Len() != 4 || string(k.Append(nil)) != file {
		t.Fatalf("%v %v", k, fault)
	}
	// A hole and zeros at the end are what MIT leaves behind.
	holed := file[:2] + "\xFF\xFF\xFF\xFCxxxx" + file[2:] + "\x00\x00\x00\x00\x00\x00\x00\x00"
	if again, fault := Parse(holed); !fault.IsZero() || again.Len() != 4 {
		t.Errorf("%v %v", again, fault)
	}
	first := "\x05\x01\x20\x00\x00\x00\x02\x00\x01\x00R\x01\x00n\x00\x00\x00\x00\x07\x17\x00\x10\x000123456789abcdef" // version 1: the realm counts, no type
	first = strings.Replace(first, "\x20\x00\x00\x00", string([]byte{byte(len(first) - 6), 0, 0, 0}), 1)
	k, fault = Parse(first)
	if !fault.IsZero() || k.Len() != 1 {
		t.Fatalf("version 1: %v %v", k, fault)
	}
	for e := range k.All() {
		if e.Principal.String() != "n@R" || e.Kvno != 7 || e.Key.Reveal() != "0123456789abcdef" {
			t.Errorf("%+v", e)
		}
	}
	for _, bad := range []string{"", "\x05", "\x05\x03"} {
		if _, fault := Parse(bad); fault.Code != gss.Malformed {
			t.Errorf("%.20q: %v", bad, fault)
		}
	}
}

// TestDamage: an entry that does not parse, and one that the end of the file cuts, cost none of the others.
func TestDamage(t *testing.T) {
	file := string(New(entries(t)...).Append(nil))
	whole, _ := Parse(file)
	const head = 2
	for name, row := range map[string]struct {
		file string
		want int
	}{
		"cut by one":          {file[:len(file)-1], whole.Len() - 1},
		"cut in a length":     {file + "\x00\x00", whole.Len()},
		"a length alone":      {file + "\x00\x00\xFF\xFFx", whole.Len()},
		"a hole without end":  {file + "\x80\x00\x00\x00", whole.Len()},
		"an entry of nothing": {file[:head] + "\x00\x00\x00\x02\x00\x00" + file[head:], whole.Len()},
		"an entry of noise":   {file[:head] + "\x00\x00\x00\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF" + file[head:], whole.Len()},
	} {
		if k, fault := Parse(row.file); !fault.IsZero() || k.Len() != row.want {
			t.Errorf("%s: %d entries, want %d, %v", name, k.Len(), row.want, fault)
		}
	}
	requirement.Held(t, "unit:krb_keytab_damage", "KRB-67")
}

func FuzzParse(f *testing.F) {
	f.Add(string(New(entries(f)...).Append(nil)))
	f.Add("\x05\x01\x04\x00\x00\x00\x02\x00\x01\x00")
	f.Fuzz(func(t *testing.T, b string) {
		k, fault := Parse(b)
		if !fault.IsZero() {
			return
		}
		again, fault := Parse(string(k.Append(nil)))
		if !fault.IsZero() || again.Len() != k.Len() {
			t.Errorf("%d entries come back as %d: %v", k.Len(), again.Len(), fault)
		}
	})
}

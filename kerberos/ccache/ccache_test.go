package ccache

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

func cred(client, server string, end krb.Time) Credential {
	c, _ := krb.ParsePrincipal(client, "A.TEST")
	s, _ := krb.ParsePrincipal(server, "A.TEST")
	key, _ := krb.NewKey(krb.AES128SHA1, "canary-canary-16")
	return Credential{Client: c, Server: s, Key: key, AuthTime: 100, EndTime: end, Flags: krb.Forwardable, Ticket: "secret ticket",
		Addresses: message.Addresses("").Append(2, "\x7F\x00\x00\x01"), AuthData: message.AuthorizationData("").Append(1, "x")}
}

func TestCache(t *testing.T) {
	tgt := cred("alice", "krbtgt/A.TEST", 1000)
	c := New(tgt.Client).With(tgt).With(cred("alice", "HTTP/www", 500)).WithConfig("fast_avail", "", "yes").WithConfig("pa_type", "krbtgt/A.TEST@A.TEST", "2")
	www := krb.Principal{Name: krb.NameOf(3, "HTTP", "www")}
	if got, ok := c.Find(www, 499); !ok || got.EndTime != 500 {
		t.Error("not found")
	}
	if _, ok := c.Find(www, 500); ok {
		t.Error("an expired one is found")
	}
	if got, _ := c.With(cred("alice", "HTTP/www", 900)).Find(www, 1); got.EndTime != 900 {
		t.Error("not replaced")
	}
	if v, ok := c.Config("pa_type", "krbtgt/A.TEST@A.TEST"); !ok || v != "2" {
		t.Error("setting")
	}
	if _, ok := c.Config("pa_type", ""); ok {
		t.Error("a setting of nobody")
	}
	n := 0
	for range c.All() {
		n++
	}
	if n != 2 {
		t.Errorf("%d credentials", n)
	}
	file := string(c.Append(nil))
	again, fault := Parse(file)
	if !fault.IsZero() || string(again.Append(nil)) != file || !again.Principal().Equal(tgt.Client) {
		t.Fatalf("%v %v", again, fault)
	}
	if back, ok := again.Find(tgt.Server, 1); !ok || back != tgt {
		t.Errorf("%v came back as %v", tgt, back)
	}
	if s := fmt.Sprintf("%v %+v %#v %v %#v", c, c, c, tgt, tgt); strings.Contains(s, "canary") || strings.Contains(s, "secret") {
		t.Error("a key or a ticket shows")
	}
	var none *Cache
	if _, ok := none.Find(www, 0); ok || none.Offset() != 0 || !none.Principal().IsZero() || none.With(tgt).Principal() != tgt.Client {
		t.Error("the nil cache")
	}
}

// A credential says with which kind of key its ticket is encrypted, which its session key
// need not be of.
func TestTicketKey(t *testing.T) {
	c := cred("alice", "HTTP/www", 500)
	for _, kvno := range []uint32{0, 3} {
		m := message.Ticket{Service: c.Server, Enc: message.EncryptedData{Type: krb.AES256SHA384, Kvno: kvno, HasKvno: kvno != 0, Cipher: "sealed"}}
		c.Ticket = string(m.Append(nil))
		if kind, version, ok := c.TicketKey(); kind != krb.AES256SHA384 || version != kvno || !ok {
			t.Errorf("%v, version %d, %t; want %v, version %d", kind, version, ok, krb.AES256SHA384, kvno)
		}
	}
	for _, text := range []string{"", "no ticket"} {
		c.Ticket = text
		if kind, version, ok := c.TicketKey(); kind != 0 || version != 0 || ok {
			t.Errorf("%q: %v, version %d, %t", text, kind, version, ok)
		}
	}
}

// A ticket with a key that cannot be used here is not returned, and not lost.
func TestForeignKeys(t *testing.T) {
	tgt := cred("alice", "krbtgt/A.TEST", 1000)
	file := strings.Replace(string(New(tgt.Client).With(tgt).Append(nil)), "\x00\x11\x00\x00\x00\x10canary-canary-16", "\x00\x10\x00\x00\x00\x18canary-canary-16canary24", 1)
	c, fault := Parse(file)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	for one := range c.All() {
		t.Errorf("%v is shown", one)
	}
	if string(c.Append(nil)) != file {
		t.Error("written again as something else")
	}
	again, _ := Parse(string(c.With(cred("alice", "HTTP/www", 500)).Append(nil)))
	if len(again.creds) != 2 {
		t.Errorf("%d credentials are left", len(again.creds))
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c.creds[0], c.creds); strings.Contains(s, "canary") {
		t.Error("a key shows")
	}
}

// The difference between the clocks is in the file, in either direction, and bounded.
func TestWithOffset(t *testing.T) {
	tgt := cred("alice", "krbtgt/A.TEST", 1000)
	c := New(tgt.Client, tgt)
	plain := string(c.Append(nil))
	const us, most = time.Microsecond, math.MaxInt32 * time.Second
	for _, row := range [][2]time.Duration{
		{2_000_005 * us, 2_000_005 * us}, {-1_200_000_001 * us, -1_200_000_001 * us}, {-7 * us, -7 * us}, {0, 0},
		{7*us + 999, 7 * us}, {-7*us - 999, -7 * us}, {math.MaxInt64, most}, {math.MinInt64, -most},
	} {
		file := string(c.WithOffset(row[0]).Append(nil))
		again, fault := Parse(file)
		if !fault.IsZero() || again.Offset() != row[1] || c.Offset() != 0 {
			t.Errorf("%v: %v, %v", row[0], again.Offset(), fault)
		}
		if got := string(again.With(tgt).WithOffset(0).Append(nil)); got != plain {
			t.Errorf("%v: without it again the file has %q", row[0], got)
		}
	}
	if none := (*Cache)(nil).WithOffset(time.Second); none.Offset() != time.Second {
		t.Error("the nil cache")
	}
}

// The older versions, written by hand.
func TestOldVersions(t *testing.T) {
	little := "\x01\x00\x00\x00\x01\x00\x00\x00" + "\x01\x00\x00\x00R" + "\x01\x00\x00\x00n" // type 1, one component
	for _, row := range []struct{ name, file string }{
		{"1", "\x05\x01" + "\x02\x00\x00\x00" + "\x01\x00\x00\x00R" + "\x01\x00\x00\x00n"},
		{"2", "\x05\x02" + little},
		{"3", "\x05\x03" + "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01R\x00\x00\x00\x01n"},
		{"4, with an offset", "\x05\x04\x00\x0C\x00\x01\x00\x08\x00\x00\x00\x02\x00\x00\x00\x05" + "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01R\x00\x00\x00\x01n"},
	} {
		c, fault := Parse(row.file)
		if !fault.IsZero() || c.Principal().String() != "n@R" {
			t.Errorf("%s: %v %v", row.name, c, fault)
			continue
		}
		if strings.HasPrefix(row.name, "4") && (c.Offset() != 2*time.Second+5*time.Microsecond || string(c.Append(nil)) != row.file) {
			t.Errorf("%v", c.Offset())
		}
	}
	for _, bad := range []string{"", "\x05", "\x05\x05", "\x04\x04", "\x05\x04\xFF\xFF", "\x05\x03\x00\x00\x00\x01\xFF\xFF\xFF\xFF", "\x05\x03\x00\x00\x00\x01\x00\x00\x00\x01\xFF\xFF\xFF\xFFR"} {
		if _, fault := Parse(bad); fault.Code != gss.Malformed {
			t.Errorf("%q: %v", bad, fault)
		}
	}
}

// TestDamage: a credential that does not parse costs none of those before it.
func TestDamage(t *testing.T) {
	tgt, www := cred("alice", "krbtgt/A.TEST", 1000), cred("alice", "HTTP/www", 900)
	before, file := string(New(tgt.Client, tgt).Append(nil)), string(New(tgt.Client, tgt, www).Append(nil))
	for _, damaged := range []string{before + "x", file[:len(file)-1], before + file[len(before):len(before)+40], before + strings.Repeat("\xFF", 100)} {
		c, fault := Parse(damaged)
		if !fault.IsZero() || string(c.Append(nil)) != before {
			t.Errorf("%d bytes: %v, %v", len(damaged), c, fault)
		}
	}
	requirement.Held(t, "unit:krb_ccache_damage", "KRB-68")
}

func FuzzParse(f *testing.F) {
	tgt := cred("alice", "krbtgt/A.TEST", 1000)
	f.Add(string(New(tgt.Client).With(tgt).WithConfig("a", "b", "c").Append(nil)))
	f.Add("\x05\x01\x02\x00\x00\x00")
	f.Fuzz(func(t *testing.T, b string) {
		c, fault := Parse(b)
		if !fault.IsZero() {
			return
		}
		file := string(c.Append(nil))
		again, fault := Parse(file)
		if !fault.IsZero() || string(again.Append(nil)) != file {
			t.Errorf("%x is written as %x: %v", b, file, fault)
		}
	})
}

// What a file cannot count to is the last that it can, and not an early time again.
func TestLateTimes(t *testing.T) {
	const last = 1<<32 - 1
	for end, want := range map[krb.Time]krb.Time{253402300799: last, last + 2: last, last: last, 1 << 31: 1 << 31, -5: 0, -1 << 40: 0} {
		tgt := cred("alice", "krbtgt/A.TEST", end)
		tgt.AuthTime, tgt.StartTime, tgt.RenewTill = end, end, end
		c, fault := Parse(string(New(tgt.Client).With(tgt).Append(nil)))
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		for back := range c.All() {
			if back.EndTime != want || back.AuthTime != want || back.StartTime != want || back.RenewTill != want {
				t.Errorf("%d comes back as %v", end, back)
			}
		}
		requirement.Held(t, "unit:ccache_late_times", "R4120-5.2.3-1")
	}
}

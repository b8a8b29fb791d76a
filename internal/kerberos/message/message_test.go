package message_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

func testKey(fill string) krb.Key {
	k, _ := krb.NewKey(krb.AES128SHA1, strings.Repeat(fill, 16))
	return k
}

var (
	alice   = krb.Principal{Name: krb.NameOf(krb.NamePrincipal, "alice"), Realm: "A.TEST"}
	service = krb.Principal{Name: krb.NameOf(krb.NameServiceHost, "HTTP", "www.a.test"), Realm: "A.TEST"}
	sealed  = message.EncryptedData{Type: krb.AES128SHA1, Kvno: 3, HasKvno: true, Cipher: "ciphertext"}
	noon    = krb.Time(1795608000)
)

// samples are one of each message, with everything in it that can be.
func samples() []string {
	ticket := message.Ticket{Service: service, Enc: sealed}
	data := message.AuthorizationData("").Append(1, "x").Append(-5, strings.Repeat("y", 200))
	pa := message.PAData("").Append(2, "stamp").Append(-1, "")
	addresses := message.Addresses("").Append(2, "\x7F\x00\x00\x01")
	body := message.KDCReqBody{Options: krb.Forwardable | message.Canonicalize, Client: alice.Name, Realm: "A.TEST", Service: service.Name, From: noon, Till: noon + 1,
		RTime: noon + 2, Nonce: 1 << 31, ETypes: krb.ETypesOf(18, 17, -128), Addresses: addresses, EncAuthData: sealed, AdditionalTickets: message.TicketsOf(string(ticket.Append(nil)))}
	info := message.CredInfo{Key: testKey("k"), Client: alice, Flags: krb.Forwarded, AuthTime: noon, StartTime: noon, EndTime: noon + 9, RenewTill: noon + 99, Service: service, Addresses: addresses}
	var list []string
	for _, m := range []interface{ Append([]byte) []byte }{
		ticket,
		message.EncTicketPart{Flags: krb.Initial, Key: testKey("s"), Client: alice, TransitedType: 1, Transited: "B.TEST", AuthTime: noon, StartTime: noon, EndTime: noon + 1, RenewTill: noon + 2, Addresses: addresses, AuthData: data},
		message.APReq{Options: message.MutualRequired, Ticket: ticket, Authenticator: sealed},
		message.Authenticator{Client: alice, HasChecksum: true, Checksum: message.Checksum{Type: enctype.GSSChecksumNumber, Sum: "sum"}, Micro: 999999, Time: noon, Subkey: testKey("u"), HasSequence: true, Sequence: 1<<32 - 1, AuthData: data},
		message.APRep{Enc: sealed},
		message.EncAPRepPart{Time: noon, Micro: 1, Subkey: testKey("r"), HasSequence: true, Sequence: 7},
		message.Error{ClientTime: noon, ClientMicro: 1, HasClientMicro: true, Time: noon, Micro: 2, Code: message.ErrSkew, Client: alice, Service: service, Text: "text", Data: "data"},
		message.KDCReq{Type: message.ASReq, PAData: pa, Body: body}, message.KDCReq{Type: message.TGSReq, PAData: pa, Body: body},
		message.KDCRep{Type: message.ASRep, PAData: pa, Client: alice, Ticket: ticket, Enc: sealed}, message.KDCRep{Type: message.TGSRep, Client: alice, Ticket: ticket, Enc: sealed},
		message.EncKDCRepPart{Key: testKey("t"), Nonce: 5, KeyExpiration: noon, Flags: krb.Renewable, AuthTime: noon, StartTime: noon, EndTime: noon, RenewTill: noon, Service: service, Addresses: addresses, PAData: pa},
		message.EncKDCRepPart{TGS: true, Key: testKey("t"), AuthTime: noon, EndTime: noon, Service: service},
		message.Cred{Tickets: message.TicketsOf(string(ticket.Append(nil)), string(ticket.Append(nil))), Enc: sealed},
		message.EncCred{Time: noon, Micro: 4}.With(info).With(info),
		message.Timestamp{Time: noon, Micro: 3}, message.ForUser{User: alice, Checksum: message.Checksum{Type: enctype.HMACMD5, Sum: "sum"}, Package: "Kerberos"},
		message.S4UUser{Nonce: 9, User: alice, Certificate: "der", Options: 1 << 29, HasOptions: true, Checksum: message.Checksum{Sum: "sum"}},
		message.Checksum{Type: -138, Sum: "sum"}, message.GSSChecksum{Flags: 0x3F, Delegation: "cred", Extensions: "ext"},
	} {
		list = append(list, string(m.Append(nil)))
	}
	return append(list, data.Encode(), pa.Encode(),
		message.ETypeInfos("").Append(message.ETypeInfo{Type: 18, HasSalt: true, Salt: "salt", Params: "\x00\x00\x10\x00"}).Append(message.ETypeInfo{Type: 23}).Encode(),
		message.PACRequest(true), message.PACOptions(message.PACOptionRBCD))
}

// Every sample is read by its parser, and written again as it was.
func TestRoundTrip(t *testing.T) {
	for i, s := range samples() {
		read := 0
		for _, p := range parsers {
			if again, fault := p.again(s); fault.IsZero() {
				read++
				if again != s {
					t.Errorf("%d as %s: %x is written as %x", i, p.name, s, again)
				}
			}
		}
		if _, fault := message.ParsePACRequest(s); fault.IsZero() {
			read++
		}
		if _, fault := message.ParsePACOptions(s); fault.IsZero() {
			read++
		}
		if read == 0 {
			t.Errorf("sample %d is read by nobody: %x", i, s)
		}
	}
}

func TestTimes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.Int64Range(-62167219200, 253402300799).Draw(rt, "seconds")
		b := message.Timestamp{Time: krb.Time(s)}.Append(nil)
		if !strings.Contains(string(b), time.Unix(s, 0).UTC().Format("20060102150405Z")) {
			rt.Fatalf("%d is written as %q", s, b)
		}
		got, fault := message.ParseTimestamp(string(b))
		if !fault.IsZero() || got.Time != krb.Time(s) {
			rt.Fatalf("%d comes back as %d: %v", s, got.Time, fault)
		}
	})
	valid := string(message.Timestamp{Time: noon}.Append(nil))
	stamp := "20261125120000Z"
	if !strings.Contains(valid, stamp) {
		t.Fatalf("%q", valid)
	}
	for _, bad := range []string{"20261325120000Z", "20260025120000Z", "20260230120000Z", "20250229120000Z", "20261125240000Z", "20261125126000Z", "20261125120060Z", "20261125120000+", "2026112512000.Z", "2026 125120000Z"} {
		if _, fault := message.ParseTimestamp(strings.Replace(valid, stamp, bad, 1)); fault.Code != gss.Malformed {
			t.Errorf("%s is taken", bad)
		}
	}
	for ns, want := range map[int64]struct {
		t krb.Time
		m int32
	}{1_500_000_000: {1, 500_000}, -1: {-1, 999_999}, 0: {0, 0}} {
		if krb.TimeOf(ns) != want.t || message.Micro(ns) != want.m {
			t.Errorf("%d is %d and %d µs", ns, krb.TimeOf(ns), message.Micro(ns))
		}
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string][]string{
		"alice@A.TEST": {"alice"}, "HTTP/www.a.test@A.TEST": {"HTTP", "www.a.test"}, `a\/b\@c\\@A.TEST`: {`a/b@c\`}, `a\nb@A.TEST`: {"a\nb"}, "krbtgt/B.TEST@A.TEST": {"krbtgt", "B.TEST"},
		"/@A.TEST": {"", ""},
	} {
		p, fault := krb.ParsePrincipal(text, "OTHER")
		if !fault.IsZero() || !slices.Equal(slices.Collect(p.Name.Components()), want) || p.Realm != "A.TEST" || p.String() != text {
			t.Errorf("%s: %q, %v", text, p, fault)
		}
	}
	for _, bad := range []string{"", "@A.TEST", "alice@", "a@b@c", "a\\", "a\x00b", strings.Repeat("a/", names.MaxComponents) + "a", strings.Repeat("a", names.MaxText+1)} {
		if p, fault := krb.ParsePrincipal(bad, "OTHER"); fault.Code != gss.Malformed || p != (krb.Principal{}) {
			t.Errorf("%.20q is taken as %v", bad, p)
		}
	}
	if p, _ := krb.ParsePrincipal("alice", "OTHER"); p.Realm != "OTHER" || p.Name.Type != krb.NamePrincipal {
		t.Error("no realm")
	}
	if realm, ok := krb.TGS("B", "A").IsTGS(); !ok || realm != "B" {
		t.Error("TGS")
	}
	if krb.NameOf(1, "a", "b").Equal(krb.NameOf(1, "a/b")) || !krb.NameOf(1, "a").Equal(krb.NameOf(10, "a")) {
		t.Error("names compare by their components, whatever type they claim")
	}
	if krb.NameOf(1) != (krb.Name{}) || krb.NameOf(1, "a\x00b") != (krb.Name{}) {
		t.Error("a name that cannot be")
	}
}

// R4121-4.1.1-1, -2: the layout, and lengths that go beyond the end.
func TestGSSChecksum(t *testing.T) {
	c := message.GSSChecksum{Binding: [16]byte{0: 1, 15: 16}, Flags: 0x3E}
	want := "10000000" + "01000000000000000000000000000010" + "3e000000"
	if got := hex.EncodeToString(c.Append(nil)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.Flags, c.Delegation, c.Extensions = 0x3F, "cred", "ext"
	want = strings.Replace(want, "3e000000", "3f000000", 1) + "01000400" + hex.EncodeToString([]byte("credext"))
	if got := hex.EncodeToString(c.Append(nil)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, fault := message.ParseGSSChecksum(string(c.Append(nil))); !fault.IsZero() || got != c {
		t.Errorf("%+v, %v", got, fault)
	}
	requirement.Held(t, "unit:krb_authenticator_checksum")
	whole := string(c.Append(nil))
	for n := range len(whole) - len("ext") {
		if _, fault := message.ParseGSSChecksum(whole[:n]); fault.Code != gss.Malformed {
			t.Errorf("cut to %d bytes: %v", n, fault)
		}
	}
	for at, with := range map[int]string{0: "\x11", 3: "\x01", 24: "\x02", 26: "\xFF", 27: "\xFF"} {
		if _, fault := message.ParseGSSChecksum(whole[:at] + with + whole[at+1:]); fault.Code != gss.Malformed {
			t.Errorf("byte %d as %x: %v", at, with, fault)
		}
	}
	requirement.Held(t, "unit:krb_gss_checksum_bounds")
	if c.Delegation = strings.Repeat("x", message.MaxDelegation+1); gss.Flags(c.Flags).Has(gss.Delegate) {
		if got, _ := message.ParseGSSChecksum(string(c.Append(nil))); got.Delegation != "" || gss.Flags(got.Flags).Has(gss.Delegate) {
			t.Error("credentials that have no room are announced")
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, "xxx") {
		t.Error("delegated credentials show")
	}
}

// KILE-3.2.5.8-1.
func TestChannelBindingAware(t *testing.T) {
	aware := message.ChannelBindingAware()
	if !aware.IsChannelBindingAware() {
		t.Fatal("what says so does not")
	}
	for data := range aware.All() {
		if data.Type != message.ADAPOptions || !data.Optional || data.Data != "\x00\x40\x00\x00" {
			t.Errorf("%+v", data)
		}
	}
	for _, none := range []message.AuthorizationData{"", message.AuthorizationData("").Append(message.ADAPOptions, "\x00\x00\x00\x00"), message.AuthorizationData("").Append(message.ADAPOptions, "\x00\x40")} {
		if none.IsChannelBindingAware() {
			t.Errorf("%x says so", none)
		}
	}
	deep := aware
	for range 10 {
		deep = deep.IfRelevant()
	}
	if deep.IsChannelBindingAware() {
		t.Error("nested without end")
	}
	requirement.Held(t, "unit:krb_ap_options_cbt")
}

// Bounds hold, and what is within them is taken.
func TestBounds(t *testing.T) {
	list := message.AuthorizationData("")
	for range message.MaxElements {
		list = list.Append(1, "")
	}
	if _, fault := message.ParseAuthorizationData(list.Encode()); !fault.IsZero() {
		t.Error(fault)
	}
	if _, fault := message.ParseAuthorizationData(list.Append(1, "").Encode()); fault.Code != gss.Malformed {
		t.Error("more than MaxElements")
	}
	ticket := string(message.Ticket{Service: krb.Principal{Name: krb.NameOf(1, slices.Repeat([]string{"x"}, names.MaxComponents)...)}, Enc: sealed}.Append(nil))
	if _, fault := message.ParseTicket(ticket); !fault.IsZero() {
		t.Error(fault)
	}
	if !krb.NameOf(1, slices.Repeat([]string{"x"}, names.MaxComponents+1)...).IsZero() {
		t.Error("more than MaxComponents")
	}
	long := message.Ticket{Service: krb.Principal{Name: service.Name, Realm: strings.Repeat("R", names.MaxText)}, Enc: sealed}
	if _, fault := message.ParseTicket(string(long.Append(nil))); !fault.IsZero() {
		t.Error(fault)
	}
	long.Service.Realm += "R"
	if _, fault := message.ParseTicket(string(long.Append(nil))); fault.Code != gss.Malformed {
		t.Error("more than MaxText")
	}
	sized := func(size int) string { // a ticket of so many bytes
		big := message.Ticket{Service: service, Enc: sealed}
		for n := size; ; n-- {
			big.Enc.Cipher = strings.Repeat("c", n)
			if b := big.Append(nil); len(b) == size {
				return string(b)
			} else if len(b) < size {
				t.Fatalf("no ticket of %d bytes", size)
			}
		}
	}
	if _, fault := message.ParseTicket(sized(message.MaxMessage)); !fault.IsZero() {
		t.Error(fault)
	}
	if _, fault := message.ParseTicket(sized(message.MaxMessage + 1)); fault.Code != gss.Malformed {
		t.Error("more than MaxMessage")
	}
	for n, fits := range map[int]bool{message.MaxDelegation: true, message.MaxDelegation + 1: false} {
		sum := message.GSSChecksum{Flags: uint32(gss.Delegate), Delegation: strings.Repeat("d", n)}
		back, fault := message.ParseGSSChecksum(string(sum.Append(nil)))
		if !fault.IsZero() || (back.Delegation == sum.Delegation) != fits || !fits && back.Delegation != "" {
			t.Errorf("a delegation of %d bytes came back with %d: %v", n, len(back.Delegation), fault)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	var rows []accepted
	load(b, "accept.json", &rows)
	_, _, apreq, _ := message.Unframe(string(rows[5].Token))
	enc := samples()[1]
	auth := samples()[3]
	run := func(name string, f func() gss.Fault) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if fault := f(); !fault.IsZero() {
					b.Fatal(fault)
				}
			}
		})
	}
	run("APReq", func() gss.Fault { _, f := message.ParseAPReq(apreq); return f })
	run("EncTicketPart", func() gss.Fault { _, f := message.ParseEncTicketPart(enc); return f })
	run("Authenticator", func() gss.Fault { _, f := message.ParseAuthenticator(auth); return f })
}

package ntlmssp

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"pgregory.net/rapid"
)

func draws(max int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.Byte(), 0, max).Draw(t, "bytes"))
	})
}

func TestRoundTrip(t *testing.T) {
	version := rapid.Custom(func(t *rapid.T) Version {
		return Version{rapid.Byte().Draw(t, "major"), rapid.Byte().Draw(t, "minor"), rapid.Uint16().Draw(t, "build"), rapid.Byte().Draw(t, "revision")}
	})
	rapid.Check(t, func(t *rapid.T) {
		flags, v := Flags(rapid.Uint32().Draw(t, "flags")), version.Draw(t, "version")
		n := Negotiate{flags, draws(99).Draw(t, "domain"), draws(99).Draw(t, "workstation"), v}
		if got, fault := ParseNegotiate(string(n.Append(nil))); got != n || !fault.IsZero() {
			t.Fatalf("%+v became %+v, %v", n, got, fault)
		}
		c := Challenge{Flags: flags, TargetName: draws(99).Draw(t, "name"), TargetInfo: draws(999).Draw(t, "info"), Version: v}
		copy(c.Server[:], draws(8).Draw(t, "challenge"))
		if got, fault := ParseChallenge(string(c.Append(nil))); got != c || !fault.IsZero() {
			t.Fatalf("%+v became %+v, %v", c, got, fault)
		}
		a := Authenticate{Flags: flags, LM: draws(99).Draw(t, "lm"), NT: draws(999).Draw(t, "nt"), Domain: draws(99).Draw(t, "domain"), User: draws(99).Draw(t, "user"),
			Workstation: draws(99).Draw(t, "workstation"), SessionKey: draws(20).Draw(t, "key"), Version: v, HasMIC: rapid.Bool().Draw(t, "mic")}
		if a.HasMIC {
			copy(a.MIC[:], draws(16).Draw(t, "mic"))
		}
		got, fault := ParseAuthenticate(string(a.Append(nil)))
		if len(a.LM)+len(a.NT)+len(a.Domain)+len(a.User)+len(a.Workstation)+len(a.SessionKey) == 0 {
			a.HasMIC = got.HasMIC // a header alone: its length tells
		}
		if got != a || !fault.IsZero() {
			t.Fatalf("%#v became %#v, %v", a, got, fault)
		}
		// Append appends.
		if b := n.Append([]byte("xy")); string(b[:2]) != "xy" || string(b[2:]) != string(n.Append(nil)) {
			t.Fatal("Append does not append")
		}
	})
}

func TestNegotiateLengths(t *testing.T) {
	whole := string(Negotiate{Flags: FlagUnicode | FlagVersion, Version: Version{6, 1, 7601, 15}}.Append(nil))
	if len(whole) != 40 {
		t.Fatalf("ours has %d bytes", len(whole))
	}
	for n := range len(whole) + 1 {
		m, fault := ParseNegotiate(whole[:n])
		if n < 16 {
			if fault.Code != gss.Malformed {
				t.Errorf("%d bytes: %v", n, fault)
			}
			continue
		}
		if !fault.IsZero() || m.Flags != FlagUnicode|FlagVersion || (m.Version != Version{}) != (n == 40) {
			t.Errorf("%d bytes: %+v %v", n, m, fault)
		}
	}
	long := Negotiate{Domain: strings.Repeat("d", MaxNegotiate-40)}
	if _, fault := ParseNegotiate(string(long.Append(nil))); !fault.IsZero() {
		t.Error(fault)
	}
	long.Domain += "d"
	if _, fault := ParseNegotiate(string(long.Append(nil))); fault.Code != gss.Malformed {
		t.Error("past the bound")
	}
}

// Headers end where the payload begins, whatever the flags promise.
func TestOffsetsNotFlags(t *testing.T) {
	// curl: the version flag is there, the version is not, and the payload begins at 64.
	b := []byte(Signature + "\x03\x00\x00\x00")
	for _, f := range [][2]int{{2, 64}, {2, 66}, {2, 68}, {2, 70}, {0, 0}, {0, 0}} {
		b = AppendSpan(b, f[0], f[1])
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(FlagVersion|FlagUnicode))
	b = append(b, "LMNTDDUU"...)
	m, fault := ParseAuthenticate(string(b))
	if !fault.IsZero() || m.Version != (Version{}) || m.HasMIC || m.User != "UU" || m.LM != "LM" || m.NT != "NT" || m.Domain != "DD" {
		t.Errorf("%#v %v", m, fault)
	}
	// Older ones end before flags and session key.
	b = append([]byte(nil), b[:52]...)
	for i, off := range []uint32{52, 54, 56, 58} {
		binary.LittleEndian.PutUint32(b[12+8*i+4:], off)
	}
	b = append(b, "LMNTDDUU"...)
	m, fault = ParseAuthenticate(string(b))
	if !fault.IsZero() || m.Flags != 0 || m.User != "UU" || m.SessionKey != "" {
		t.Errorf("%#v %v", m, fault)
	}
	// A challenge without target info, and one without a version.
	for _, n := range []int{32, 40, 48, 56} {
		c := append([]byte(Signature+"\x02\x00\x00\x00"), make([]byte, n-12)...)
		binary.LittleEndian.PutUint32(c[20:], uint32(FlagTargetInfo|FlagVersion))
		if n >= 48 {
			copy(c[40:], AppendSpan(nil, 4, n))
			c = append(c, "info"...)
		}
		got, fault := ParseChallenge(string(c))
		if !fault.IsZero() || (got.TargetInfo == "info") != (n >= 48) {
			t.Errorf("%d bytes: %+v %v", n, got, fault)
		}
	}
}

// V13: offsets and lengths that point outside, wherever they stand, and sums
// that would wrap in 32 bits.
func TestFieldsOutside(t *testing.T) {
	hello := string(Negotiate{Domain: "dd", Workstation: "ww"}.Append(nil))
	challenge := string(Challenge{TargetName: "nn", TargetInfo: "\x00\x00\x00\x00"}.Append(nil))
	token := string(Authenticate{LM: "l", NT: "n", Domain: "d", User: "u", Workstation: "w", SessionKey: "k", HasMIC: true}.Append(nil))
	for _, row := range []struct {
		raw   string
		at    []int
		parse func(string) gss.Fault
	}{
		{hello, []int{16, 24}, func(b string) gss.Fault { _, f := ParseNegotiate(b); return f }},
		{challenge, []int{12, 40}, func(b string) gss.Fault { _, f := ParseChallenge(b); return f }},
		{token, []int{12, 20, 28, 36, 44, 52}, func(b string) gss.Fault { _, f := ParseAuthenticate(b); return f }},
	} {
		if fault := row.parse(row.raw); !fault.IsZero() {
			t.Fatal(fault)
		}
		for _, at := range row.at {
			for _, n := range []uint16{1, 16, math.MaxUint16} {
				for _, off := range []uint32{0, 1, 15, uint32(len(row.raw)), math.MaxInt32, math.MaxInt32 - 8, 1 << 31, math.MaxUint32, math.MaxUint32 - 15, math.MaxUint32 - uint32(n) + 1} {
					b := []byte(row.raw)
					binary.LittleEndian.PutUint16(b[at:], n)
					binary.LittleEndian.PutUint32(b[at+4:], off)
					if fault := row.parse(string(b)); fault.Code != gss.Malformed {
						t.Errorf("%d bytes at %d, described at %d: %v", n, off, at, fault)
					}
				}
			}
		}
	}
}

func TestAVPairs(t *testing.T) {
	const end = "\x00\x00\x00\x00"
	pair := func(id AVID, value string) string {
		return string(AppendAV(nil, id, len(value))) + value
	}
	many := strings.Repeat(pair(99, ""), MaxAVPairs)
	for _, row := range []struct {
		name, raw string
		ok        bool
	}{
		{"nothing", "", false},
		{"the terminator", end, true},
		{"half a terminator", "\x00\x00\x00", false},
		{"a terminator with a value", "\x00\x00\x01\x00x", false},
		{"no terminator", pair(AVDomain, "d\x00"), false}, // V13
		{"a pair", pair(AVDomain, "d\x00") + end, true},
		{"zeros behind", pair(AVDomain, "d\x00") + end + "\x00\x00\x00\x00\x00\x00\x00\x00", true},
		{"a pair longer than the list", "\x02\x00\xff\xff" + end, false},
		{"as many as may be", many + end, true},
		{"one more", many + pair(99, "") + end, false},
		{"65,535 of them", strings.Repeat(pair(99, ""), 65535), false}, // V13
		{"flags", pair(AVFlags, "\x02\x00\x00\x00") + end, true},
		{"flags twice", pair(AVFlags, "\x02\x00\x00\x00") + pair(AVFlags, "\x00\x00\x00\x00") + end, false}, // V22
		{"bindings twice", pair(AVChannelBindings, strings.Repeat("b", 16)) + pair(AVChannelBindings, strings.Repeat("c", 16)) + end, false},
		{"flags of two bytes", pair(AVFlags, "\x02\x00") + end, false},
		{"a time of seven bytes", pair(AVTimestamp, "1234567") + end, false},
		{"a binding of 15 bytes", pair(AVChannelBindings, strings.Repeat("b", 15)) + end, false},
		{"an unknown one twice", pair(77, "x") + pair(77, "y") + end, true},
	} {
		p, fault := ParseAVPairs(row.raw)
		if fault.IsZero() != row.ok || !row.ok && (fault.Code != gss.Malformed || p != AVPairs{}) {
			t.Errorf("%s: %v", row.name, fault)
		}
		if row.ok && !strings.HasPrefix(row.raw, p.Raw()) {
			t.Errorf("%s: raw %q", row.name, p.Raw())
		}
		requirement.Held(t, "unit:av_pairs")
	}
	p, _ := ParseAVPairs(pair(AVDomain, "d\x00") + pair(AVFlags, "\x05\x00\x00\x00") + pair(AVTimestamp, "\x01\x00\x00\x00\x00\x00\x00\x80") + end + "rest")
	var ids []AVID
	for id, v := range p.All() {
		ids = append(ids, id)
		if got, ok := p.Get(id); !ok || got != v {
			t.Errorf("%v is %q or %q", id, got, v)
		}
	}
	stamp, ok := p.Timestamp()
	if fmt.Sprint(ids) != "[MsvAvNbDomainName MsvAvFlags MsvAvTimestamp]" || p.Flags() != 5 || stamp != 1<<63+1 || !ok {
		t.Error(ids, p.Flags(), stamp, ok)
	}
	for range p.All() {
		break
	}
	if _, ok := p.Get(AVTargetName); ok || (AVPairs{}).Flags() != 0 {
		t.Error("found what is not there")
	}
	if AVID(11).String() != "unknown AV pair" || !AVTargetName.IsText() || AVFlags.IsText() {
		t.Error("names")
	}
}

func TestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		raw := string(AppendUTF16(nil, s))
		if got, ok := FlagUnicode.Text(raw); got != s || !ok {
			t.Fatalf("%q became %q, %v", s, got, ok)
		}
		if got, ok := (FlagUnicode | FlagOEM).Text(raw); got != s || !ok {
			t.Fatal("both character sets mean Unicode")
		}
		b := draws(40).Draw(t, "bytes")
		if got, ok := DecodeUTF16(b); ok && (string(AppendUTF16(nil, got)) != b || !utf8.ValidString(got)) {
			t.Fatalf("%x became %q and is another name then", b, got)
		}
		text, ok := FlagOEM.Text(b)
		back, whole := FlagOEM.AppendText(nil, text)
		if !ok || !whole || string(back) != b {
			t.Fatalf("%x became %q, %x", b, text, back)
		}
	})
	for _, bad := range []string{"a", "\x00\xd8", "\x00\xd8a\x00", "\x00\xdc\x00\xd8"} {
		if got, ok := DecodeUTF16(bad); ok {
			t.Errorf("%x is text, %q", bad, got)
		}
	}
	if _, ok := FlagOEM.AppendText(nil, "Ω"); ok {
		t.Error("ISO 8859-1 has an omega")
	}
}

// prop:ntlm_user_case (NLMP-3.2.5.1.2-4), the half of it that is a table.
func TestUpper(t *testing.T) {
	for _, row := range [][2]string{
		{"alice", "ALICE"}, {"Älice-é", "ÄLICE-É"}, {"straße", "STRAßE"}, {"ÿ", "Ÿ"}, {"жора", "ЖОРА"}, {"σς", "ΣΣ"},
		{"ı", "ı"}, {"ſ", "ſ"}, // no letter of ASCII comes from elsewhere
		{"𐐨", "𐐨"}, // beyond the basic plane nothing changes
		{"@[`{", "@[`{"},
	} {
		b := AppendUTF16(nil, row[0])
		UpperUTF16(b)
		if got, _ := DecodeUTF16(string(b)); got != row[1] {
			t.Errorf("%q is %q in upper case, want %q", row[0], got, row[1])
		}
		requirement.Held(t, "prop:ntlm_user_case")
	}
}

func TestTime(t *testing.T) {
	if got := TimeOf(0); got != 116444736000000000 {
		t.Error(got)
	}
	if ns, ok := Time(0x01c334b736d39000).Unix(); ns != 1055844000_000000000 || !ok {
		t.Error(ns, ok)
	}
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64().Draw(t, "ns")
		back, ok := TimeOf(ns).Unix()
		if ok && (back > ns || ns-back >= 100) || !ok && ns > math.MinInt64+200 && ns < math.MaxInt64-200 {
			t.Fatalf("%d became %d, %v", ns, back, ok)
		}
	})
	if _, ok := Time(math.MaxUint64).Unix(); ok {
		t.Error("the end of FILETIME is a time")
	}
	if _, ok := Time(0).Unix(); ok {
		t.Error("1601 fits into nanoseconds")
	}
}

func TestFlagNames(t *testing.T) {
	if got := Flags(0xe2888235).String(); got != "UNICODE|REQUEST_TARGET|SIGN|SEAL|NTLM|ALWAYS_SIGN|EXTENDED_SESSIONSECURITY|TARGET_INFO|VERSION|128|KEY_EXCH|56" {
		t.Error(got)
	}
	if Flags(0).String() != "none" || Flags(8).String() != "0x00000008" || Flags(0x04000001).String() != "UNICODE|0x04000000" {
		t.Error(Flags(8), Flags(0x04000001))
	}
	var all Flags
	for _, f := range flagNames {
		if all.Any(f.flag) || f.flag&(f.flag-1) != 0 {
			t.Errorf("%v", f.flag)
		}
		all |= f.flag
	}
}

// A parsed message shows neither names nor responses.
func TestAuthenticateRedacts(t *testing.T) {
	m := Authenticate{LM: "canary", NT: "canary", User: "canary", SessionKey: "canary"}
	j, _ := json.Marshal(m)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %x", m, m, m, m, m), string(j)} {
		if strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
			t.Error(text)
		}
	}
}

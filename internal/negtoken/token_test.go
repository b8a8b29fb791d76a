package negtoken

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/requirement"
)

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func unbase64(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func load(t testing.TB, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// again decodes and encodes a token.
func again(t testing.TB, token string) string {
	t.Helper()
	if f, _ := FramingOf(token); f == Response {
		m, fault := ParseResp(token)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		return m.Encode()
	}
	m, fault := ParseInit(token)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return m.Encode()
}

const ntlmHello = "4e544c4d5353500001000000378208e2000000002800000000000000280000000a00614a0000000f"

// Section 1 of the working notes.
func TestMechanismOIDs(t *testing.T) {
	for mech, der := range map[gss.OID]string{
		gss.SPNEGO: "06062b0601050502", gss.Kerberos: "06092a864886f712010202", gss.MSKerberos: "06092a864882f712010202",
		gss.KerberosU2U: "060a2a864886f71201020203", gss.NTLM: "060a2b06010401823702020a", gss.NegoEx: "060a2b06010401823702021e",
	} {
		if got := tlv(tagOID, string(mech)); got != unhex(t, der) {
			t.Errorf("%v: %x", mech, got)
		}
	}
	if framing != tlv(tagOID, string(gss.SPNEGO)) {
		t.Errorf("%x", framing)
	}
}

// The vectors: sample bytes in DER and what they say.
func TestVectors(t *testing.T) {
	flags := gss.TokenOf("\x02\x04")
	zeros, ones := gss.TokenOf("\x00\x00\x00\x00"), gss.TokenOf("\x01\x01\x01\x01")
	for _, v := range []struct {
		name, token string
		message     interface{ Encode() string }
	}{
		{"accept-completed alone", "a1073005a0030a0100", Resp{State: AcceptCompleted}},
		{"reject", "a1073005a0030a0102", Resp{State: Reject}},
		{"an acceptor's opening, 96 bytes",
			"605e06062b0601050502a0543052a024302206092a864882f71201020206092a864886f712010202060a2b06010401823702020a" +
				"a32a3028a0261b246e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265",
			Init{MechTypes: MechTypesOf(gss.MSKerberos, gss.Kerberos, gss.NTLM), Hints: Hints{Present: true, Name: gss.TokenOf(HintName)}}},
		{"NTLM alone with its NEGOTIATE, 74 bytes",
			"604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a0428" + ntlmHello,
			Init{MechTypes: MechTypesOf(gss.NTLM), MechToken: gss.TokenOf(unhex(t, ntlmHello))}},
		// The next four are of the pyspnego project (MIT licence).
		{"every field of NegTokenInit",
			"603d06062b0601050502a0333031a019301706092a864886f712010202060a2b06010401823702020aa10403020204a206040400000000a306040401010101",
			Init{MechTypes: MechTypesOf(gss.Kerberos, gss.NTLM), ReqFlags: flags, MechToken: zeros, MechListMIC: ones}},
		{"every field of NegTokenInit2",
			"607006062b0601050502a0663064a019301706092a864886f712010202060a2b06010401823702020aa10403020204a206040400000000" +
				"a331302fa0051b0373706ea12604246e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265a406040401010101",
			Init{MechTypes: MechTypesOf(gss.Kerberos, gss.NTLM), ReqFlags: flags, MechToken: zeros, MechListMIC: ones,
				Hints: Hints{true, gss.TokenOf("spn"), gss.TokenOf(HintName)}}},
		{"every field of NegTokenResp",
			"a1253023a0030a0103a10c060a2b06010401823702020aa206040400000000a306040401010101",
			Resp{State: RequestMIC, SupportedMech: gss.NTLM, ResponseToken: zeros, MechListMIC: ones}},
		{"a Windows server's opening",
			"607606062b0601050502a06c306aa03c303a060a2b06010401823702021e06092a864882f71201020206092a864886f712010202060a2a864886f71201020203" +
				"060a2b06010401823702020aa32a3028a0261b246e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265",
			Init{MechTypes: MechTypesOf(gss.NegoEx, gss.MSKerberos, gss.Kerberos, gss.KerberosU2U, gss.NTLM), Hints: Hints{Present: true, Name: gss.TokenOf(HintName)}}},
		{"nothing", "a1023000", Resp{}},
	} {
		token := unhex(t, v.token)
		if got := v.message.Encode(); got != token {
			t.Errorf("%s: encoded\n%x, expected\n%x", v.name, got, token)
		}
		var got any
		var fault gss.Fault
		if f, _ := FramingOf(token); f == Response {
			got, fault = ParseResp(token)
		} else {
			got, fault = ParseInit(token)
		}
		if got != v.message || !fault.IsZero() {
			t.Errorf("%s: decoded %+v %v", v.name, got, fault)
		}
		requirement.Held(t, "golden:published_vectors", "R4559-4-2")
	}
}

// unit:mechlistmic_input (R4178-5-1), RFC 4178 appendix D: the SEQUENCE without
// the [0] around it, as the bytes stood there.
func TestMechListMICInput(t *testing.T) {
	if got := MechTypesOf(gss.NTLM).DER(); got != unhex(t, "300c060a2b06010401823702020a") {
		t.Errorf("%x", got)
	}
	if got := MechTypesOf(gss.Kerberos, gss.NTLM).DER(); got != unhex(t, "301706092a864886f712010202060a2b06010401823702020a") {
		t.Errorf("%x", got)
	}
	// A length of more octets than it needs is kept as it is.
	list := unhex(t, "3082000c060a2b06010401823702020a")
	m, fault := ParseInit(choice(0, tlv(tagField, list)))
	if !fault.IsZero() || m.MechTypes.DER() != list || !slices.Equal(slices.Collect(m.MechTypes.All()), []gss.OID{gss.NTLM}) {
		t.Errorf("%x, %v", m.MechTypes.DER(), fault)
	}
	requirement.Held(t, "unit:mechlistmic_input")
}

// golden:nego2_spec_example (MS-N2HT section 4, C21): the base64 of the 9.0
// edition. The document cuts both tokens short; what there is of them is a header
// that promises the rest, and so much of the first one that the rest can be made.
func TestN2HTSection4(t *testing.T) {
	const challenge, credentials = "YIIBpAYGKwYBBQUCoIIBmDCCAZSgGjAYB", "YIIEawYGKwYBBQUCoIIEXzCCBFugDjAMBgorBg"
	for _, c := range []struct {
		text string
		m    Init
	}{
		{challenge, Init{MechTypes: MechTypesOf(gss.NegoEx, gss.NTLM), MechToken: gss.TokenOf(negoexSignature + strings.Repeat("x", 324-8)),
			Hints: Hints{Present: true, Name: gss.TokenOf(HintName)}}},
		{credentials, Init{MechTypes: MechTypesOf(gss.NegoEx), MechToken: gss.TokenOf(negoexSignature + strings.Repeat("x", 1091-8))}},
	} {
		token := c.m.Encode()
		if text := base64.StdEncoding.EncodeToString([]byte(token)); !strings.HasPrefix(text, c.text) {
			t.Errorf("%s is not how %.50s begins", c.text, text)
		}
		if m, fault := ParseInit(token); m != c.m || !fault.IsZero() {
			t.Errorf("%+v %v", m, fault)
		}
		cut := unbase64(t, c.text[:len(c.text)/4*4])
		if f, mech := FramingOf(cut); f != Initial || mech != gss.SPNEGO {
			t.Errorf("%s: %v of %v", c.text, f, mech)
		}
		if _, fault := ParseInit(cut); fault != errFragment { // C27
			t.Errorf("%s: %v", c.text, fault)
		}
		requirement.Held(t, "golden:nego2_spec_example")
	}
}

// The annotated NegTokenInit2 of MS-SPNG section 4.
func TestSPNGSection4(t *testing.T) {
	text, err := os.ReadFile("testdata/ms-spng-section4.hex")
	if err != nil {
		t.Fatal(err)
	}
	token := unhex(t, strings.ReplaceAll(string(text), "\n", ""))
	m, fault := ParseInit(token)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	mechs := slices.Collect(m.MechTypes.All())
	if !slices.Equal(mechs, []gss.OID{gss.NegoEx, gss.NTLM}) || len(m.MechToken.Bytes()) != 254 || m.Hints != (Hints{Present: true, Name: gss.TokenOf(HintName)}) {
		t.Errorf("%v %v %v", mechs, m.MechToken, m.Hints)
	}
	if f, mech := FramingOf(m.MechToken.Bytes()); f != Raw || mech != gss.NegoEx {
		t.Errorf("the token in it is %v of %v", f, mech)
	}
	if m.Encode() != token {
		t.Error("it does not come out as it went in")
	}
}

type recorded struct{ Name, Producer, Version, Token string }

// Tokens of curl, MIT, gss-ntlmssp, Apache, Samba and others, one of each shape:
// they all send DER, and come out as they went in.
func TestRecorded(t *testing.T) {
	var all []recorded
	load(t, "testdata/recorded.json", &all)
	if len(all) < 20 {
		t.Fatal("recordings are missing")
	}
	for _, r := range all {
		token := unbase64(t, r.Token)
		if got := again(t, token); got != token {
			t.Errorf("%s (%s): %x comes out as %x", r.Name, r.Producer, token, got)
		}
	}
	var sessions []struct {
		Name   string
		Tokens []struct{ Token string }
	}
	load(t, "../../gss/spnego/testdata/sessions.json", &sessions)
	for _, s := range sessions {
		for i, m := range s.Tokens {
			if token := unbase64(t, m.Token); again(t, token) != token {
				t.Errorf("%s, token %d", s.Name, i)
			}
		}
	}
}

// choice is a SEQUENCE in [n].
func choice(n int, fields ...string) string { return tlv(tagField+n, tlv(tagSequence, fields...)) }

// tlv is an element.
func tlv(tag int, parts ...string) string {
	body := strings.Join(parts, "")
	var b strings.Builder
	begin(&b, byte(tag), len(body))
	return b.String() + body
}

func opening(fields ...string) string {
	return tlv(tagInitial, framing, choice(0, fields...))
}

var (
	ntlmList  = tlv(tagField, MechTypesOf(gss.NTLM).DER())
	someToken = tlv(tagField+2, tlv(tagOctets, "token"))
)

// fuzz:ParseNegToken's companion: what is refused, and what is not.
func TestDecoder(t *testing.T) {
	deep := ""
	for range 1000 {
		deep = tlv(tagSequence, deep)
	}
	many := slices.Repeat([]gss.OID{gss.NTLM}, MaxMechTypes)
	var tooMany string
	for range 10_000 {
		tooMany += tlv(tagOID, string(gss.NTLM))
	}
	unknown := slices.Repeat([]string{tlv(0xaa, tlv(tagOctets, "?"))}, MaxFields-1)
	good := opening(ntlmList, someToken)
	for _, v := range []struct {
		name, token string
		want        gss.Fault
	}{
		{"the good one", good, gss.Fault{}},
		{"without the framing, which some peers leave out", choice(0, ntlmList, someToken), gss.Fault{}},
		{"V4: mechTypes is empty", opening(tlv(tagField, tlv(tagSequence))), errMechs},
		{"V4: no mechTypes", opening(someToken), ErrNoMechs},
		{"no fields at all", opening(), ErrNoMechs},
		{"no mechTypes in a NegTokenInit2", opening(tlv(tagField+3, tlv(tagSequence))), gss.Fault{}},
		{"V4: 10,000 mechanisms, too long as well", opening(tlv(tagField, tlv(tagSequence, tooMany))), errLong},
		{"V4: 5,000 mechanisms", opening(tlv(tagField, tlv(tagSequence, tooMany[:60000]))), errMechs},
		{"as many as are allowed", opening(tlv(tagField, MechTypesOf(many...).DER())), gss.Fault{}},
		{"one more", opening(tlv(tagField, tlv(tagSequence, MechTypesOf(many...).DER()[4:], tlv(tagOID, "\x2a")))), errMechs},
		{"V4: nested 1,000 deep in place of the list", opening(tlv(tagField, deep)), errMechs},
		{"V4: nested 1,000 deep in place of the token", opening(ntlmList, tlv(tagField+2, deep)), errFields},
		{"V4: nested 1,000 deep in a field that is not known", opening(ntlmList, tlv(0xaa, deep)), gss.Fault{}},
		{"V4: nested 1,000 deep from the start", deep, errInit},
		{"a mechanism without octets", opening(tlv(tagField, tlv(tagSequence, tlv(tagOID)))), errMechs},
		{"a mechanism of too many", opening(tlv(tagField, tlv(tagSequence, tlv(tagOID, strings.Repeat("\x2a", MaxMech+1))))), errMechs},
		{"a list of something else", opening(tlv(tagField, tlv(tagSequence, tlv(tagOctets, "token")))), errMechs},
		{"two lists in one field", opening(tlv(tagField, MechTypesOf(gss.NTLM).DER(), MechTypesOf(gss.NTLM).DER())), errMechs},
		{"unit:spnego_unknown_fields, behind", opening(ntlmList, someToken, tlv(0xa5), tlv(0xaf, "anything"), tlv(0x85, "x")), gss.Fault{}},
		{"unit:spnego_unknown_fields, between", opening(ntlmList, tlv(0x89, "x"), someToken), gss.Fault{}},
		{"unit:spnego_unknown_fields, as many as are allowed", opening(append([]string{ntlmList}, unknown...)...), gss.Fault{}},
		{"unit:spnego_unknown_fields, one more", opening(append([]string{ntlmList, tlv(0xaa)}, unknown...)...), errFields},
		{"a tag of two octets", opening(ntlmList, "\xbf\x55\x00"), errFields},
		{"fields out of order", opening(someToken, ntlmList), errFields},
		{"a field twice", opening(ntlmList, someToken, someToken), errFields},
		{"two strings in one field", opening(ntlmList, tlv(tagField+2, tlv(tagOctets, "a"), tlv(tagOctets, "b"))), errFields},
		{"no string in a field", opening(ntlmList, tlv(tagField+2)), errFields},
		{"a constructed string", opening(ntlmList, tlv(tagField+2, tlv(0x24, tlv(tagOctets, "a")))), errFields},
		{"an indefinite length", "\x60\x80" + framing + choice(0, ntlmList) + "\x00\x00", errInit},
		{"an indefinite length inside", opening(ntlmList, "\xa2\x80"+tlv(tagOctets, "a")+"\x00\x00"), errFields},
		{"a length of more octets than it needs", "\x60\x84\x00\x00\x00\x16" + framing + "\xa0\x81\x0b\x30\x82\x00\x07\xa0\x05\x30\x03\x06\x01\x2a", gss.Fault{}},
		{"a length of five octets", "\x60\x85\x00\x00\x00\x00\x16" + framing + choice(0, ntlmList), errInit},
		{"a huge length", "\x60\x84\xff\xff\xff\xff" + good[2:], errFragment},
		{"a huge length inside", opening(ntlmList, "\xa2\x84\xff\xff\xff\xff\x04\x00"), errFields},
		{"trailing bytes", good + "\x00", errInit},
		{"trailing bytes inside", tlv(tagInitial, framing, choice(0, ntlmList), "\x00"), errInit},
		{"another mechanism's framing", tlv(tagInitial, tlv(tagOID, string(gss.Kerberos)), choice(0, ntlmList)), errInit},
		{"no mechanism in the framing", tlv(tagInitial, choice(0, ntlmList)), errInit},
		{"nothing", "", errInit},
		{"one byte", "\x60", errInit},
		{"a NegTokenResp", choice(1), errInit},
		{"R4178-4.2-1: a NegTokenResp in framing", tlv(tagInitial, framing, choice(1)), errInit},
		{"hints of something else", opening(ntlmList, tlv(tagField+3, tlv(tagBits, "x"))), errFields},
		{"broken hints", opening(ntlmList, tlv(tagField+3, tlv(tagSequence, "\xa0"))), errFields},
		{"hints with a name of something else", opening(ntlmList, tlv(tagField+3, tlv(tagSequence, tlv(tagField, tlv(tagOctets, "x"))))), errFields},
		{"hints with a name of something else before what is right", opening(ntlmList, tlv(tagField+3, tlv(tagSequence, tlv(tagField, tlv(tagOctets, "x")), tlv(tagField+1, tlv(tagOctets, "y"))))), errFields},
		{"hints twice", opening(ntlmList, tlv(tagField+3, tlv(tagSequence, tlv(tagField, tlv(tagGeneral, "x")), tlv(tagField, tlv(tagGeneral, "x"))))), errFields},
		{"hints with more", opening(ntlmList, tlv(tagField+3, tlv(tagSequence, tlv(0xa7, "x")))), gss.Fault{}},
	} {
		requirement.Held(t, "unit:spnego_unknown_fields")
		if _, fault := ParseInit(v.token); fault != v.want {
			t.Errorf("%s: %v, expected %v", v.name, fault, v.want)
		}
	}
	state := func(s string) string { return choice(1, tlv(tagField, s)) }
	for _, v := range []struct {
		name, token string
		want        gss.Fault
	}{
		{"R4178-4.2-1: framing", tlv(tagInitial, framing, choice(1)), errResp},
		{"a NegTokenInit", choice(0, ntlmList), errResp},
		{"nothing", "", errResp},
		{"a fragment", choice(1, someToken)[:9], errFragment},
		{"a state of two octets", state("\x0a\x02\x00\x01"), errState},
		{"a state of none", state("\x0a\x00"), errState},
		{"a state that is not known", state("\x0a\x01\x04"), errState},
		{"a negative state", state("\x0a\x01\xff"), errState},
		{"a state that is a number", state("\x02\x01\x00"), errState},
		{"a mechanism that is a string", choice(1, tlv(tagField+1, tlv(tagOctets, "x"))), errFields},
		{"a mechanism without octets", choice(1, tlv(tagField+1, tlv(tagOID))), errFields},
		{"fields out of order", choice(1, someToken, tlv(tagField, "\x0a\x01\x00")), errFields},
		{"a field twice", choice(1, someToken, someToken), errFields},
		{"a field that is cut short", choice(1, someToken, "\xa3\x05\x04"), errFields},
		{"a huge length inside", choice(1, someToken, "\xa3\x84\xff\xff\xff\xff\x04\x00"), errFields},
		{"an indefinite length inside", choice(1, someToken, "\xa3\x80"+tlv(tagOctets, "a")+"\x00\x00"), errFields},
		{"a tag of two octets", choice(1, someToken, "\xbf\x55\x00"), errFields},
		{"a tag alone", choice(1, someToken, "\xaa"), errFields},
		{"unit:spnego_unknown_fields", choice(1, someToken, tlv(0xa4, "anything"), tlv(0xaa)), gss.Fault{}},
		{"nothing in it", choice(1), gss.Fault{}},
	} {
		if _, fault := ParseResp(v.token); fault != v.want {
			t.Errorf("NegTokenResp, %s: %v, expected %v", v.name, fault, v.want)
		}
	}
}

// What field [3] of a NegTokenInit is, is told by what is inside.
func TestFieldThree(t *testing.T) {
	mic, hints := tlv(tagField+3, tlv(tagOctets, "mic")), tlv(tagField+3, tlv(tagSequence, tlv(tagField, tlv(tagGeneral, HintName))))
	four := tlv(tagField+4, tlv(tagOctets, "other"))
	for _, v := range []struct {
		fields []string
		mic    gss.Token
		hints  bool
	}{
		{[]string{ntlmList, mic}, gss.TokenOf("mic"), false},
		{[]string{ntlmList, hints}, gss.Token{}, true},
		{[]string{ntlmList, hints, four}, gss.TokenOf("other"), true},
		{[]string{ntlmList, four}, gss.TokenOf("other"), false},
		{[]string{ntlmList, mic, four}, gss.TokenOf("mic"), false}, // NegTokenInit has no [4]
	} {
		m, fault := ParseInit(opening(v.fields...))
		if !fault.IsZero() || m.MechListMIC != v.mic || m.Hints.Present != v.hints {
			t.Errorf("%x: %v %v %v", v.fields, m.MechListMIC, m.Hints, fault)
		}
	}
}

// C33: the first bytes decide.
func TestNotes5FramingOf(t *testing.T) {
	raw := func(m gss.OID) string { return tlv(tagInitial, tlv(tagOID, string(m)), "\x01\x00") }
	for _, v := range []struct {
		token   string
		framing Framing
		mech    gss.OID
	}{
		{opening(ntlmList), Initial, gss.SPNEGO}, {choice(0, ntlmList), Initial, gss.SPNEGO}, {choice(1), Response, gss.SPNEGO},
		{raw(gss.Kerberos), Raw, gss.Kerberos}, {raw(gss.MSKerberos), Raw, gss.Kerberos}, {raw("\x2a\x03"), Raw, "\x2a\x03"},
		{"NTLMSSP\x00\x01\x00\x00\x00", Raw, gss.NTLM}, {"NTLMSSP", Unrecognized, ""}, {"NEGOEXTS", Raw, gss.NegoEx},
		{"\x6e\x02\x30\x00", APREQ, gss.Kerberos}, {"\x6f\x02\x30\x00", Unrecognized, ""}, {"", Unrecognized, ""}, {"\x60\x80", Unrecognized, ""},
		{tlv(tagInitial, tlv(tagOctets, "x")), Unrecognized, ""}, {raw(gss.SPNEGO)[:10], Initial, gss.SPNEGO}, {"toy:i1", Unrecognized, ""},
	} {
		if f, m := FramingOf(v.token); f != v.framing || m != v.mech {
			t.Errorf("%.20q: %v of %v, expected %v of %v", v.token, f, m, v.framing, v.mech)
		}
	}
}

// What the base64 of each begins with, as it is seen in header fields.
func TestNotes5Base64Starts(t *testing.T) {
	for _, v := range []struct{ token, start string }{
		{opening(ntlmList), "Y"}, {choice(1), "o"}, {"NTLMSSP\x00", "TlRMTVNTUAA"},
	} {
		if text := base64.StdEncoding.EncodeToString([]byte(v.token)); !strings.HasPrefix(text, v.start) {
			t.Errorf("%s does not start with %s", text, v.start)
		}
	}
}

func someBytes(t *rapid.T, name string) gss.Token {
	switch rapid.IntRange(0, 3).Draw(t, name+"?") {
	case 0:
		return gss.Token{}
	case 1: // around the lengths at which their own size changes
		n := rapid.SampledFrom([]int{0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1000, 0xf000}).Draw(t, name+" size")
		return gss.TokenOf(strings.Repeat("x", max(0, n+rapid.IntRange(-6, 6).Draw(t, name+" more"))))
	}
	return gss.TokenOf(string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, name)))
}

// Every message comes out as it went in.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mech := func(i int) gss.OID {
			return gss.OID(rapid.SliceOfN(rapid.Byte(), 1, MaxMech).Draw(t, "mech"))
		}
		var list []gss.OID
		for i := range rapid.IntRange(1, 8).Draw(t, "mechs") {
			list = append(list, mech(i))
		}
		m := Init{MechTypes: MechTypesOf(list...), ReqFlags: someBytes(t, "flags"), MechToken: someBytes(t, "token"), MechListMIC: someBytes(t, "mic")}
		if m.Hints.Present = rapid.Bool().Draw(t, "hints"); m.Hints.Present {
			m.Hints.Name, m.Hints.Address = someBytes(t, "name"), someBytes(t, "address")
		}
		token := m.Encode()
		got, fault := ParseInit(token)
		if len(token) > bound.Token {
			if fault != errLong {
				t.Fatalf("%d bytes: %v", len(token), fault)
			}
		} else if got != m || !fault.IsZero() || !slices.Equal(slices.Collect(got.MechTypes.All()), list) {
			t.Fatalf("%+v became %+v, %v", m, got, fault)
		}
		for n := range min(len(token), 50) { // C27
			if _, fault := ParseInit(token[:n]); fault.IsZero() {
				t.Fatalf("the first %d bytes of %d are taken", n, len(token))
			}
		}
		r := Resp{State: NegState(rapid.IntRange(0, int(negStates)-1).Draw(t, "state")), ResponseToken: someBytes(t, "token"), MechListMIC: someBytes(t, "mic")}
		if rapid.Bool().Draw(t, "supported") {
			r.SupportedMech = mech(0)
		}
		token = r.Encode()
		if got, fault := ParseResp(token); len(token) <= bound.Token && (got != r || !fault.IsZero()) {
			t.Fatalf("%+v became %+v, %v", r, got, fault)
		}
	})
}

func TestNames(t *testing.T) {
	for _, v := range []struct{ got, want string }{
		{RequestMIC.String(), "request-mic"}, {NoState.String(), "no state"}, {NegState(200).String(), "unknown state"}, {negStates.String(), "unknown state"},
		{Raw.String(), "raw"}, {APREQ.String(), "AP-REQ"}, {Framing(200).String(), "unknown framing"}, {framings.String(), "unknown framing"},
	} {
		if v.got != v.want {
			t.Errorf("%s, expected %s", v.got, v.want)
		}
	}
}

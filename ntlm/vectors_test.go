package ntlm

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// The inputs of MS-NLMP section 4.2.1.
var (
	specServer   = ntlmssp.Nonce{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	specClient   = ntlmssp.Nonce{0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa}
	specExported = Key{0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}
	specPlain    = string(ntlmssp.AppendUTF16(nil, "Plaintext"))
)

const (
	specPassword = "Password"
	specUser     = "User"
	specDomain   = "Domain"
)

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// same compares bytes with a hexadecimal vector.
func same[T ~string | ~[]byte](t testing.TB, what string, got T, want string) {
	t.Helper()
	if hex.EncodeToString([]byte(got)) != strings.Join(strings.Fields(want), "") {
		t.Errorf("%s is\n  %x, want\n  %s", what, []byte(got), want)
	}
}

func userDomain(user, domain string) ([]byte, int) {
	b := ntlmssp.AppendUTF16(nil, user)
	return ntlmssp.AppendUTF16(b, domain), len(b)
}

func ntowfv2Of(nt Key, user, domain string) Key {
	b, n := userDomain(user, domain)
	return ntowfv2(nt, b, n)
}

// MS-NLMP sections 4.2.2.1 and 4.2.4.1.1.
func TestVectorHashes(t *testing.T) {
	lm, ok := lmowfv1(specPassword)
	same(t, "LMOWFv1", lm[:], "e52cac67419a9a224a3b108f3fa6cb6d")
	nt := ntowfv1(specPassword)
	same(t, "NTOWFv1", nt[:], "a4f49c406510bdcab6824ee7c30fd852")
	v2 := ntowfv2Of(nt, specUser, specDomain)
	same(t, "NTOWFv2", v2[:], "0c868a403bfd7a93a3001ef22ef02e3f")
	if _, long := lmowfv1("fifteen letters"); long || !ok {
		t.Error("a password of 15 characters has an LM hash, or one of 8 has none")
	}
	if _, ok := lmowfv1("€"); ok {
		t.Error("a password beyond the OEM character set has an LM hash")
	}
	if empty := ntowfv1(""); empty != emptyHash {
		t.Errorf("the hash of the empty password is %x", empty[:])
	}
}

// MS-NLMP section 4.2.2: NTLMv1 without extended session security.
func TestVectorV1(t *testing.T) {
	const flags ntlmssp.Flags = 0xe2028233
	nt := ntowfv1(specPassword)
	lmowf, _ := lmowfv1(specPassword)
	base := baseKeyV1(nt)
	same(t, "SessionBaseKey", base[:], "d87262b0cde4b1cb7499becccdf10784")
	response, lm := desl(nt, specServer[:]), desl(lmowf, specServer[:])
	same(t, "NT response", response[:], "67c43011f30298a2ad35ece64f16331c44bdbed927841f94")
	same(t, "LM response", lm[:], "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13")
	for _, row := range []struct {
		extra          ntlmssp.Flags
		key, encrypted string
	}{
		{0, "d87262b0cde4b1cb7499becccdf10784", "518822b1b3f350c8958682ecbb3e3cb7"},
		{ntlmssp.FlagNonNTKey, "e52cac67419a9a220000000000000000", "7452ca55c225a1ca04b48fae32cf56fc"},
		{ntlmssp.FlagLMKey, "b09e379f7fbecb1eaf0afdcb0383c8a0", "4cd7bb57d697ef9b549f02b8f9b37864"},
	} {
		key := kxkeyV1(flags|row.extra, base, lmowf, specServer, &lm)
		same(t, "KeyExchangeKey", key[:], row.key)
		encrypted := rc4Once(key, specExported)
		same(t, "EncryptedRandomSessionKey", encrypted[:], row.encrypted)
	}
	s, fault := NewSession(uint32(flags), specExported, true)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	_, sealed, _ := s.Wrap(gss.Env{}, specPlain, true)
	same(t, "the wrapped message", sealed, "010000000000000009dcd1df2e459d36 56fe04d861f9319af0d7238a2e3b4d457fb8")
	server, _ := NewSession(uint32(flags), specExported, false)
	if _, plain, conf, fault := server.Unwrap(sealed); plain != specPlain || !conf || !fault.IsZero() {
		t.Errorf("unwrapped %q, sealed %v, %v", plain, conf, fault)
	}
	// The pad is whatever the sender likes: the example has it encrypted.
	if _, plain, _, fault := server.Unwrap(sealed[:4] + unhex(t, "45c844e5") + sealed[8:]); plain != specPlain {
		t.Error(fault)
	}
}

// MS-NLMP section 4.2.3: NTLMv1 with extended session security, 56 bits, no key
// exchange.
func TestVectorV1Session(t *testing.T) {
	const flags ntlmssp.Flags = 0x820a8233
	nt := ntowfv1(specPassword)
	mixed := sessionChallenge(specServer, specClient)
	response := desl(nt, mixed[:])
	same(t, "NT response", response[:], "7537f803ae367128ca458204bde7caf81e97ed2683267232")
	var lm [ntlmssp.V1Size]byte
	copy(lm[:], specClient[:])
	key := kxkeyV1(flags, baseKeyV1(nt), Key{}, specServer, &lm)
	same(t, "KeyExchangeKey", key[:], "eb93429a8bd952f8b89c55b87f475edc")
	testKeys(t, flags, key, "60e799be5c72fc92922ae8ebe961fb8d", "04dd7f014d8504d265a25cc86a3a7c06",
		"10df49862ab2dab51f62c27e93bb655d", "7ae2bf1af0ad5c0d008a158624847414")
	s, _ := NewSession(uint32(flags), key, true)
	_, sealed, _ := s.Wrap(gss.Env{}, specPlain, true)
	same(t, "the wrapped message", sealed, "01000000ff2aeb52f681793a00000000 a02372f6530273f3aa1eb90190ce5200c99d")
}

func testKeys(t *testing.T, flags ntlmssp.Flags, exported Key, sign, seal, serverSign, serverSeal string) {
	t.Helper()
	for _, row := range []struct {
		client     bool
		sign, seal string
	}{{true, sign, seal}, {false, serverSign, serverSeal}} {
		k := signKey(flags, exported, row.client)
		same(t, "SIGNKEY", k[:], row.sign)
		k, n := sealKey(flags, exported, row.client)
		same(t, "SEALKEY", k[:n], row.seal)
	}
}

const (
	specSign, specSeal             = "4788dc861b4782f35d43fd98fe1a2d39", "59f600973cc4960a25480a7c196e4c58"
	specServerSign, specServerSeal = "d04d6f10741041d1d246d64188d7a8ad", "9355f3a957c1583d25c4c2f11e40390e"
)

// MS-NLMP section 4.2.4: NTLMv2.
func TestVectorV2(t *testing.T) {
	const flags ntlmssp.Flags = 0xe28a8233
	info := unhex(t, "02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000")
	temp := unhex(t, `01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000`) + info + "\x00\x00\x00\x00"
	key := ntowfv2Of(ntowfv1(specPassword), specUser, specDomain)
	proof := proofV2(key, specServer, temp)
	same(t, "NTProofStr", proof[:], "68cd0ab851e51c96aabc927bebef6a1c")
	lm := proofV2(key, specServer, specClient[:])
	same(t, "LMv2 response", lm[:], "86c35097ac9cec102554764a57cccc19")
	base := hmacMD5(key, proof[:])
	same(t, "SessionBaseKey", base[:], "8de40ccadbc14a82f15cb0ad0de95ca3")
	encrypted := rc4Once(base, specExported)
	same(t, "EncryptedRandomSessionKey", encrypted[:], "c5dad2544fc9799094ce1ce90bc9d03e")
	testKeys(t, flags, specExported, specSign, specSeal, specServerSign, specServerSeal)
	s, _ := NewSession(uint32(flags), specExported, true)
	_, sealed, _ := s.Wrap(gss.Env{}, specPlain, true)
	same(t, "the wrapped message", sealed, "010000007fb38ec5c55d497600000000 54e50165bf1936dc996020c1811b0f06fb5f")
	// The checksum before it is encrypted: the same keys without KEY_EXCH.
	s, _ = NewSession(uint32(flags&^ntlmssp.FlagKeyExchange), specExported, true)
	_, mic, _ := s.MIC(specPlain)
	same(t, "the clear signature", mic, "0100000070352851f256430900000000")
	requirement.Held(t, "unit:ntlm_vectors")
}

// The messages of MS-NLMP sections 4.2.2.3, 4.2.3.3 and 4.2.4.3.
var specMessages = []struct {
	name                    string
	challenge, authenticate string
	flags, answer           ntlmssp.Flags
	lm, nt, key             string // hexadecimal; nt of NTLMv2 is the proof alone
}{
	{"NTLMv1", `4e544c4d53535000020000000c000c003800000033820 2e20123456789abcdef00000000000000000000000000000000
		060070170000000f530065007200760065007200`,
		`4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000100010009c000000
		358280e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200
		98def7b87f88aa5dafe2df779688a172def11c7d5ccdef1367c43011f30298a2ad35ece64f16331c44bdbed927841f94518822b1b3f350c8958682ecbb3e3cb7`,
		0xe2028233, 0xe2808235, "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13", "67c43011f30298a2ad35ece64f16331c44bdbed927841f94", "518822b1b3f350c8958682ecbb3e3cb7"},
	{"NTLMv1 with client challenge", `4e544c4d53535000020000000c000c003800000033820a820123456789abcdef00000000000000000000000000000000
		060070170000000f530065007200760065007200`,
		`4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000000000009c000000
		358208820501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200
		aaaaaaaaaaaaaaaa000000000000000000000000000000007537f803ae367128ca458204bde7caf81e97ed2683267232`,
		0x820a8233, 0x82088235, "aaaaaaaaaaaaaaaa00000000000000000000000000000000", "7537f803ae367128ca458204bde7caf81e97ed2683267232", ""},
	{"NTLMv2", `4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f
		53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000`,
		`4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d8000000
		358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200
		86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000
		02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e`,
		0xe28a8233, 0xe2888235, "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa", "68cd0ab851e51c96aabc927bebef6a1c", "c5dad2544fc9799094ce1ce90bc9d03e"},
}

func TestVectorMessages(t *testing.T) {
	for _, row := range specMessages {
		t.Run(row.name, func(t *testing.T) {
			raw := unhex(t, row.challenge)
			ch, fault := ntlmssp.ParseChallenge(raw)
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			name, ok := ch.Flags.Text(ch.TargetName)
			if ch.Flags != row.flags || ch.Server != specServer || name != "Server" || !ok || ch.Version != (ntlmssp.Version{Major: 6, Minor: 0, Build: 6000, Revision: 15}) {
				t.Errorf("%+v", ch)
			}
			if got := ch.Append(nil); string(got) != raw {
				t.Errorf("CHALLENGE is written as\n%x, want\n%x", got, raw)
			}
			raw = unhex(t, row.authenticate)
			m, fault := ntlmssp.ParseAuthenticate(raw)
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			user, _ := m.Flags.Text(m.User)
			domain, _ := m.Flags.Text(m.Domain)
			workstation, _ := m.Flags.Text(m.Workstation)
			if m.Flags != row.answer || user != specUser || domain != specDomain || workstation != "COMPUTER" || m.HasMIC || m.Version != (ntlmssp.Version{Major: 5, Minor: 1, Build: 2600, Revision: 15}) {
				t.Errorf("%q %q %q %v %+v", user, domain, workstation, m, m.Version)
			}
			same(t, "LM", m.LM, row.lm)
			same(t, "NT", m.NT[:len(row.nt)/2], row.nt)
			same(t, "session key", m.SessionKey, row.key)
			if got := m.Append(nil); string(got) != raw {
				t.Errorf("AUTHENTICATE is written as\n%x, want\n%x", got, raw)
			}
			// And it verifies.
			var p proof
			if fault := p.read(&config{Config: Config{Level: V1}}, ch.Flags, raw); !fault.IsZero() {
				t.Fatal(fault)
			}
			base, ok := p.verify(ch.Server, ntowfv1(specPassword))
			if !ok {
				t.Error("the response does not verify")
			}
			if p.keys(ch.Server, base); row.key != "" && p.exported != specExported {
				t.Errorf("exported session key %x", p.exported[:])
			}
			if _, ok := p.verify(ch.Server, ntowfv1("password")); ok {
				t.Error("verifies with another password")
			}
		})
	}
}

// The sample values of "The NTLM Authentication Protocol and Security Support
// Provider" by Eric Glass.
func TestVectorDavenport(t *testing.T) {
	const password = "SecREt01"
	client := ntlmssp.Nonce{0xff, 0xff, 0xff, 0, 0x11, 0x22, 0x33, 0x44}
	nt := ntowfv1(password)
	lmowf, _ := lmowfv1(password)
	same(t, "LM hash", lmowf[:], "ff3750bcc2b22412c2265b23734e0dac")
	same(t, "NT hash", nt[:], "cd06ca7c7e10c99b1d33b7485a2ed808")
	lm, response := desl(lmowf, specServer[:]), desl(nt, specServer[:])
	same(t, "LM response", lm[:], "c337cd5cbd44fc9782a667af6d427c6de67c20c2d3e77c56")
	same(t, "NTLM response", response[:], "25a98c1c31e81847466b29b2df4680f39958fb8c213a9cc6")
	mixed := sessionChallenge(specServer, client)
	response = desl(nt, mixed[:])
	same(t, "NTLM2 session response", response[:], "10d550832d12b2ccb79d5ad1f4eed3df82aca4c3681dd455")
	key := ntowfv2Of(nt, "user", "DOMAIN")
	same(t, "NTLMv2 hash", key[:], "04b8e0ba74289cc540826bab1dee63ae")
	lmv2 := proofV2(key, specServer, client[:])
	same(t, "LMv2 response", lmv2[:], "d6e6152ea25d03b7c6ba6629c2d6aaf0")
	var temp []byte
	temp = append(temp, unhex(t, "01010000000000000090d336b734c301ffffff001122334400000000")...)
	for _, av := range []struct {
		id   ntlmssp.AVID
		text string
	}{{ntlmssp.AVDomain, "DOMAIN"}, {ntlmssp.AVComputer, "SERVER"}, {ntlmssp.AVDNSDomain, "domain.com"}, {ntlmssp.AVDNSComputer, "server.domain.com"}} {
		temp = ntlmssp.AppendAVText(temp, av.id, av.text)
	}
	temp = append(temp, 0, 0, 0, 0, 0, 0, 0, 0)
	proof := proofV2(key, specServer, temp)
	same(t, "NTLMv2 HMAC", proof[:], "cbabbca713eb795d04c97abc01ee4983")
}

// A Windows 8.1 client and server over HTTP, with a MIC: test data of the FreeRDP
// project.
const (
	windowsNegotiate = `4e544c4d5353500001000000078208a200000000000000000000000000000000060380250000000f`
	windowsChallenge = `4e544c4d53535000020000000000000038000000078288a2a4f1baa67cdc1a12000000000000000066006600380000000603802500
		00000f02000e004e0045005700590045004100520001000e004e0045005700590045004100520004001c006c00610062002e007700610079006b00
		2e006c006f00630061006c0003000e006e00650077007900650061007200070008003357bdb1078bcf0100000000`
	windowsAuthenticate = `4e544c4d53535000030000001800180082000000080108019a0000000c000c005800000010001000640000000e000e007400000000000000a201
		0000058288a2060380250000000f12e55af580ee3f29e1de904d7377062544006f006d00610069006e0055007300650072006e0061006d0065004e00450057
		005900450041005200000000000000000000000000000000000000000000000000621468c89812e739d8761be9f754b5e301010000000000003357bdb1078b
		cf0120c02b3dc061a7730000000002000e004e0045005700590045004100520001000e004e0045005700590045004100520004001c006c00610062002e0077
		00610079006b002e006c006f00630061006c0003000e006e00650077007900650061007200070008003357bdb1078bcf010600040002000000080030003000
		000000000000010000000020 00001e10f52c542f2e771c13bfc33fe17b287e0b935a39d2ce12d7bd8c4e2bb50bf50a00100000000000000000000000000000
		00000009001a0048005400540050002f00720077002e006c006f00630061006c00000000000000000000000000`
)

func TestVectorWindows(t *testing.T) {
	hello, challenge, token := unhex(t, windowsNegotiate), unhex(t, windowsChallenge), unhex(t, windowsAuthenticate)
	n, fault := ntlmssp.ParseNegotiate(hello)
	if !fault.IsZero() || n.Flags != 0xa2088207 || n.Version != (ntlmssp.Version{Major: 6, Minor: 3, Build: 9600, Revision: 15}) || n.Domain != "" {
		t.Errorf("%+v %v", n, fault)
	}
	ch, fault := ntlmssp.ParseChallenge(challenge)
	if !fault.IsZero() || string(ch.Append(nil)) != challenge {
		t.Errorf("%+v %v", ch, fault)
	}
	m, fault := ntlmssp.ParseAuthenticate(token)
	if !fault.IsZero() || string(m.Append(nil)) != token || !m.HasMIC {
		t.Errorf("%+v %v", m, fault)
	}
	var p proof
	if fault := p.read(&config{}, ch.Flags, token); !fault.IsZero() {
		t.Fatal(fault)
	}
	nt := ntowfv1("P4ss123!")
	same(t, "NTOWFv1", nt[:], "d5922a65c4d5c082ca444af1be0001db")
	key := ntowfv2Of(nt, "Username", "Domain")
	same(t, "NTOWFv2", key[:], "4c7f706f7dde05a9d1a0f4e7ffe3bfb8")
	base, ok := p.verify(ch.Server, nt)
	same(t, "SessionBaseKey", base[:], "340073ad6a56b644ad9f696e9eb6e4e2")
	p.keys(ch.Server, base)
	mic := micOf(p.exported, hello, challenge, token)
	same(t, "MIC", mic[:], "12e55af580ee3f29e1de904d73770625")
	spn, _ := p.response.Pairs.Get(ntlmssp.AVTargetName)
	if text, _ := ntlmssp.DecodeUTF16(spn); !ok || !p.announced || text != "HTTP/rw.local" {
		t.Errorf("verified %v, MIC announced %v, for %q", ok, p.announced, text)
	}
	if host, there := p.response.Pairs.Get(ntlmssp.AVSingleHost); len(host) != 48 || !there {
		t.Error("no Single_Host_Data")
	}
}

// An exchange with everything: key exchange, signing, sealing, MIC, channel
// binding and target name. Not from a specification; an independent program made
// it that also reproduces the vectors above.
const (
	fullNegotiate = `4e544c4d5353500001000000378208e2000000002800000000000000280000000a00614a0000000f`
	fullChallenge = `4e544c4d53535000020000000c000c0038000000358289e20123456789abcdef000000000000000072007200440000000a00614a0000000f44004f00
		4d00410049004e0002000c0044004f004d00410049004e0001000c005300450052005600450052000400160064006f006d00610069006e002e007400650073
		007400030024007300650072007600650072002e0064006f006d00610069006e002e007400650073007400070008000090d336b734c30100000000`
	fullAuthenticate = `4e544c4d5353500003000000180018007c000000f000f000940000000c000c00580000000800080064000000100010006c00000010001000840100
		00358288e20a00614a0000000f647a81197aef7ff9d657a8e335ea047344006f006d00610069006e00550073006500720043004f004d005000550054004500
		52000000000000000000000000000000000000000000000000005ce93d1228c5c3a1acafbd1db9b4f30d01010000000000000090d336b734c301aaaaaaaaaa
		aaaaaa0000000002000c0044004f004d00410049004e0001000c005300450052005600450052000400160064006f006d00610069006e002e00740065007300
		7400030024007300650072007600650072002e0064006f006d00610069006e002e007400650073007400070008000090d336b734c301060004000200000
		00a0010006ea19df066da4622051f9c4f92c6df7409002e0048005400540050002f007300650072007600650072002e0064006f006d00610069006e002e007
		4006500730074000000000000000000cac85c2d7fbf6f6dc79431517fe657c2`
	// The channel of that exchange, tls-server-end-point.
	fullEndPoint = "e3ca49271e5089cc48ce82109f1324f41dbeddc29a777410c738f7868c4ff405"
	// RFC 4178's MechTypeList with NTLM alone, and its MIC from either side.
	mechList       = "300c060a2b06010401823702020a"
	mechListClient = "0100000022a3984fefbb9c3200000000"
	mechListServer = "010000007dd6da05648a73ae00000000"
)

// fullTime is 0090d336b734c301 as nanoseconds since the Unix epoch.
const fullTime int64 = 1055844000_000000000

func fullTarget(t testing.TB) gss.Target {
	return gss.Target{Service: "HTTP", Scheme: "https", Host: "server.domain.test", Want: gss.Confidential | gss.Integrity,
		Binding: gss.BindingOf("tls-server-end-point:" + unhex(t, fullEndPoint))}
}

var fullConfig = Config{Workstation: "COMPUTER", Computer: "SERVER", Domain: "DOMAIN", DNSComputer: "server.domain.test", DNSDomain: "domain.test"}

// Both of our sides reproduce it byte for byte, and agree on the session.
func TestVectorFullExchange(t *testing.T) {
	m := newMechanism(t, fullConfig)
	env := gss.Env{Now: fullTime, Seed: gss.Seed{1}}
	hello, challenge, token := unhex(t, fullNegotiate), unhex(t, fullChallenge), unhex(t, fullAuthenticate)

	c := step(t, m.Initiate(fullTarget(t)), env, gss.Input{}, gss.Waiting)
	c = step(t, c.Context, env, gss.Input{Answer: gss.Password{User: specUser, Domain: specDomain, Password: gss.NewSecret(specPassword)}}, gss.Continue)
	same(t, "NEGOTIATE", c.Token.Bytes(), strings.Join(strings.Fields(fullNegotiate), ""))
	ctx, out, _ := c.Context.(wantChallenge).answer(challenge, fullTime, fresh{specClient, specExported})
	if out.Token.Bytes() != token {
		t.Errorf("AUTHENTICATE is\n%x, want\n%x", out.Token.Bytes(), token)
	}

	a := step(t, m.Accept(fullTarget(t)), env, gss.Input{Token: gss.TokenOf(hello)}, gss.Continue)
	waiting := a.Context.(wantAuthenticate)
	waiting.server = specServer
	if got := waiting.challenge(nil); string(got) != challenge {
		t.Errorf("CHALLENGE is\n%x, want\n%x", got, challenge)
	}
	a = step(t, waiting, env, gss.Input{Token: gss.TokenOf(token)}, gss.Waiting)
	if a.Ask != (gss.NeedVerifier{Scheme: "NTLM", Realm: specDomain, User: specUser}) {
		t.Errorf("asks %v", a.Ask)
	}
	a = step(t, a.Context, env, gss.Input{Answer: gss.Password{Password: gss.NewSecret(specPassword)}}, gss.Complete)
	info := a.Context.Info()
	if info.Peer != specUser || info.Domain != specDomain || !info.Flags.Has(gss.ChannelBound|gss.Confidential|gss.Integrity) {
		t.Errorf("%+v", info)
	}
	client, _ := ctx.Session()
	server, _ := a.Context.Session()
	list := unhex(t, mechList)
	client, mic, _ := client.MIC(list)
	same(t, "the client's mechListMIC", mic, mechListClient)
	server, fault := server.VerifyMIC(list, mic)
	if !fault.IsZero() {
		t.Error(fault)
	}
	server, mic, _ = server.MIC(list)
	same(t, "the server's mechListMIC", mic, mechListServer)
	if client, fault = client.VerifyMIC(list, mic); !fault.IsZero() {
		t.Error(fault)
	}
	// After them the streams start anew, the sequence numbers do not.
	client, server = client.(resetter).ResetCipher(), server.(resetter).ResetCipher()
	_, wrapped, _ := client.Wrap(env, specPlain, true)
	fromStart, _ := NewSession(0xe2888235, specExported, true)
	_, first, _ := fromStart.Wrap(env, specPlain, true)
	if wrapped[16:] != first[16:] || wrapped[:16] == first[:16] || wrapped[12] != 1 {
		t.Errorf("after the reset %x, from the start %x", wrapped, first)
	}
	if _, plain, sealed, fault := server.Unwrap(wrapped); plain != specPlain || !sealed {
		t.Error(fault)
	}
}

// resetter is what SPNEGO looks for.
type resetter interface{ ResetCipher() gss.Session }

func TestRC4Vectors(t *testing.T) {
	// RFC 6229 section 2: key 0x0102030405, offsets 0 and 4080.
	stream := newRC4([]byte{1, 2, 3, 4, 5})
	b := make([]byte, 4096)
	stream.xor(b)
	same(t, "the stream at 0", b[:16], "b2396305f03dc027ccc3524a0a1118a8")
	same(t, "the stream at 4080", b[4080:], "068326a2118416d21f9d04b2cd1ca050")
	// A copy goes on from where it was taken.
	one := newRC4([]byte("key"))
	one.xor(b[:3])
	two := one
	x, y := bytes.Repeat([]byte{0}, 99), bytes.Repeat([]byte{0}, 99)
	one.xor(x)
	two.xor(y)
	if !bytes.Equal(x, y) || one != two {
		t.Error("a copied state gives another stream")
	}
}

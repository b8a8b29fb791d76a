package explain

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/ntlm"
)

// Messages of real peers, from exchanges on loopback with throw-away secrets.
const (
	curlNegotiate     = "TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA="
	sambaChallenge    = "TlRMTVNTUAACAAAABQAFADgAAAAGgokC6u4becfuOEIAAAAAAAAAADQANAA9AAAABgEAAAAAAA9BRExBQgIACgBBAEQATABBAEIAAQAGAEQAQwAxAAQAAAADAAQAdgBtAAcACAB8hQ82D3rdAQAAAAA="
	curlAuthenticate  = "TlRMTVNTUAADAAAAGAAYAEAAAABkAGQAWAAAAAUABQC8AAAABQAFAMEAAAALAAsAxgAAAAAAAAAAAAAABoKJAuN6K2iWTAMeiGaDTBWyeAb9twEQj8W6u7UKTYwavGin2U426ABoLfUBAQAAAAAAAAA6/zUPet0B/bcBEI/FursAAAAAAgAKAEEARABMAEEAQgABAAYARABDADEABAAAAAMABAB2AG0ABwAIAHyFDzYPet0BAAAAAAAAAABBRExBQmFsaWNlV09SS1NUQVRJT04="
	boundAuthenticate = "TlRMTVNTUAADAAAAGAAYAFMAAABIAEgAawAAAAYABgBIAAAABQAFAE4AAAAAAAAAUwAAABAAEACzAAAAMpAK4gYBsR0AAAAPTEFCRE9NYWxpY2X7NZULrdEPeXV2uCwQPUANhuIpFMmr9LMfuu/3zTJcvsCg8cnU4QDyAQEAAAAAAAAAFJS35LpoEIbiKRTJq/SzAAAAAAoAEAC68wred/VO3xkcLVzi0JB9AAAAAAAAAAD2wJz3PbQplhA2RMR4HzVQ"
	wgetAuthenticate  = "TlRMTVNTUAADAAAAGAAYAEoAAAAYABgAYgAAAAUABQBAAAAABQAFAEUAAAAAAAAASgAAAAAAAAB6AAAAAYIAAEFETEFCYWxpY2VEtwXF1dmjkiJSP5CmpRGHXa7Zr5Ie928T0nvnUcYi/Sd7gckT/A9+kopwJEKz5ck="
)

// ours are the three messages of a handshake between our own two sides, which show
// everything that there is.
func ours(tb testing.TB) [3]string {
	tb.Helper()
	m, err := ntlm.New(ntlm.Config{Computer: "WWW", Domain: "LAB", DNSComputer: "www.lab.example", DNSDomain: "lab.example",
		Workstation: "DESK", SingleHost: [40]byte{1, 2}})
	if err != nil {
		tb.Fatal(err)
	}
	target := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.lab.example", Binding: gss.BindingOf("tls-server-end-point:x"), Want: gss.Integrity | gss.Confidential}
	env := gss.Env{Now: 1700000000123456700, Seed: [32]byte{1}}
	var out [3]string
	step := func(c gss.Context, in gss.Input) (gss.Context, gss.Output) {
		next, o, err := c.Step(env, in)
		if err != nil || o.State == gss.Failed {
			tb.Fatal(err, o.Fault)
		}
		return next, o
	}
	c, _ := step(m.Initiate(target), gss.Input{})
	c, o := step(c, gss.Input{Answer: gss.Password{User: "jäsøn", Domain: "LAB", Password: gss.NewSecret("Canary-4711")}})
	out[0] = o.Token.Bytes()
	_, o = step(m.Accept(target), gss.Input{Token: o.Token})
	out[1] = o.Token.Bytes()
	_, o = step(c, gss.Input{Token: o.Token})
	out[2] = o.Token.Bytes()
	return out
}

// printed is an explanation as a tree.
func printed(text string) (string, []Fault) {
	e := Text(text)
	var b bytes.Buffer
	e.Print(&b)
	return b.String(), e.Faults
}

// TestNTLM: every field of the three messages is there, in words.
func TestNTLM(t *testing.T) {
	messages := ours(t)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"ours, NEGOTIATE", b64(messages[0]), []string{"NEGOTIATE, 40 bytes", "UNICODE", "SIGN", "SEAL", "KEY_EXCH", "128", "10.0 build 19041, NTLM revision 15"}},
		{"ours, CHALLENGE", b64(messages[1]), []string{`"LAB"  (6 bytes at byte 56)`, "server challenge  ", `"WWW"`, `"www.lab.example"`, "2023-11-14 22:13:20.1234567 UTC", "must send a MIC"}},
		{"ours, AUTHENTICATE", "Authorization: NTLM " + b64(messages[2]), []string{`"jäsøn"  (10 bytes at byte `, `"LAB"`, `"DESK"`,
			"NTLMv2", "proof", "***", "2023-11-14 22:13:20.1234567 UTC", "client challenge", "MsvAvFlags", "with a MIC", `"HTTP/www.lab.example"`, "MsvAvSingleHost", "machine 00",
			"custom data 0102", "24 zeros", "session key", "MIC", "present", "channel binding", "the MD5 of the TLS channel's binding"}},
		{"curl's NEGOTIATE", curlNegotiate, []string{"32 bytes", "OEM", `domain       ""  (empty)`, "version      none  (the payload begins at byte 32)"}},
		{"Samba's CHALLENGE", sambaChallenge, []string{`"ADLAB"  (5 bytes at byte 56)`, "MsvAvTimestamp", "6.1 build 0, NTLM revision 15"}},
		{"curl's AUTHENTICATE", curlAuthenticate, []string{`"WORKSTATION"`, "none  (no MsvAvFlags announces one)", "channel binding  none", "LM response", "version          none"}},
		{"a bound AUTHENTICATE", boundAuthenticate, []string{`"LABDOM"`, "channel binding  baf30ade77f54edf191c2d5ce2d0907d"}},
		{"wget's AUTHENTICATE", wgetAuthenticate, []string{"NTLMv1  (weak:", `"alice"`, "OEM character set whatever"}},
		{"16 bytes", b64("NTLMSSP\x00\x01\x00\x00\x00\x07\x02\x10\x00"), []string{"flags only", "IDENTIFY"}},
	} {
		got, faults := printed(c.text)
		if faults != nil {
			t.Errorf("%s: %v", c.name, faults)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, got)
			}
		}
		raw, _ := base64.StdEncoding.DecodeString(c.text[strings.LastIndexByte(c.text, ' ')+1:])
		if a, fault := ntlmssp.ParseAuthenticate(string(raw)); fault.IsZero() {
			for _, secret := range []string{a.NT[:8], a.SessionKey} {
				if secret != "" && strings.Contains(got, hexOf(secret)) {
					t.Errorf("%s: a proof or a key shows", c.name)
				}
			}
		}
	}
}

func hexOf(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	return b.String()
}

// TestNTLMBroken: what is broken is told with its byte.
func TestNTLMBroken(t *testing.T) {
	messages := ours(t)
	authenticate, fault := ntlmssp.ParseAuthenticate(messages[2])
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	nt := int(binary.LittleEndian.Uint32([]byte(messages[2][24:28])))
	put := func(token string, at int, bytes ...byte) string {
		return token[:at] + string(bytes) + token[at+len(bytes):]
	}
	for _, c := range []struct {
		name, token string
		at          int
	}{
		{"NEGOTIATE cut off", messages[0][:15], 15},
		{"CHALLENGE cut off", messages[1][:31], 31},
		{"AUTHENTICATE cut off", messages[2][:51], 51},
		{"a domain outside", put(curlNegotiateBytes(t), 16, 1, 0, 1, 0, 32, 0, 0, 0), 16},
		{"a domain in the header", put(messages[2], 28, 2, 0, 2, 0, 8, 0, 0, 0), 28},
		{"an offset that wraps", put(messages[2], 36, 2, 0, 2, 0, 0xff, 0xff, 0xff, 0xff), 36},
		{"half a character", put(messages[1], 64, 5), 62},
		{"target info outside", put(messages[1], 40, 0xff, 0xff), 40},
		{"AV pairs without an end", put(messages[1], len(messages[1])-4, 9, 0, 9, 0), len(messages[1]) - 4},
		{"AV pairs cut off", put(messages[1], 40, byte(len(messages[1])-56-len("LAB")*2-4)), len(messages[1]) - 4},
		{"a short NTLMv2 response", put(messages[2], 20, 30, 0), nt},
		{"another response version", put(messages[2], nt+16, 2), nt},
	} {
		e := Text(b64(c.token))
		if len(e.Faults) == 0 || e.Faults[0].Offset != c.at*4/3 {
			t.Errorf("%s: faults %v, want one at byte %d of the token", c.name, e.Faults, c.at)
		}
	}
	authenticate.HasMIC = false
	if e := Text(b64(string(authenticate.Append(nil)))); len(e.Faults) != 1 || !strings.Contains(e.Faults[0].Reason, "MIC") {
		t.Errorf("an announced MIC without its field: %v", e.Faults)
	}
}

func curlNegotiateBytes(t *testing.T) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(curlNegotiate)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzNTLM: no message breaks the decoder, and it finds fault with what package
// ntlm refuses.
func FuzzNTLM(f *testing.F) {
	for _, m := range ours(f) {
		f.Add(m[8:])
	}
	for _, text := range []string{curlNegotiate, sambaChallenge, curlAuthenticate, boundAuthenticate, wgetAuthenticate} {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b[8:]))
	}
	f.Fuzz(func(t *testing.T, rest string) {
		token := "NTLMSSP\x00" + rest
		if len(token) < 12 || !messageOf(1)(token) && !messageOf(2)(token) && !messageOf(3)(token) {
			return
		}
		_, bad1 := ntlmssp.ParseNegotiate(token)
		_, bad2 := ntlmssp.ParseChallenge(token)
		_, bad3 := ntlmssp.ParseAuthenticate(token)
		refused := !bad1.IsZero() && !bad2.IsZero() && !bad3.IsZero()
		var e Explanation
		var n Node
		explainToken(&e, &n, token, 0)
		if refused && e.OK() {
			t.Error("explained without a fault, and package ntlm refuses it")
		}
		for _, fault := range e.Faults {
			if fault.Offset < 0 || fault.Offset > len(token)*4/3+1 {
				t.Errorf("fault at %d of %d bytes", fault.Offset, len(token))
			}
		}
		Token(token)
	})
}

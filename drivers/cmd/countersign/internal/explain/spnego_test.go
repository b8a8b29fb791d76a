package explain

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// Messages of real peers, from exchanges on loopback with throw-away secrets.
const (
	curlInit      = "YEgGBisGAQUFAqA+MDygDjAMBgorBgEEAYI3AgIKoioEKE5UTE1TU1AAAQAAABeCCOIAAAAAAAAAAAAAAAAAAAAABgIAAAAAAA8="
	mitChoice     = "oRUwE6ADCgEDoQwGCisGAQQBgjcCAgo="
	mitFinal      = "oRswGaADCgEAoxIEEAEAAAD3YbrocXvLvgAAAAA="
	sambaResponse = "oYGiMIGfoAMKAQGhDAYKKwYBBAGCNwICCqKBiQSBhk5UTE1TU1AAAgAAAA4ADgA4AAAABYKKYuXTesrHTFe7AAAAAAAAAABAAEAARgAAAAYBAAAAAAAPSQBOAFQARQBSAE8AUAACAA4ASQBOAFQARQBSAE8AUAABAA4ASQBOAFQARQBSAE8AUAAEAAAAAwAEAHYAbQAHAAgAyDe+JkF93QEAAAAA"
)

func opening(m negtoken.Init) string { return b64(m.Encode()) }
func reply(m negtoken.Resp) string   { return b64(m.Encode()) }

// TestSPNEGO: every field is there in words, and so is the token inside.
func TestSPNEGO(t *testing.T) {
	mic := gss.TokenOf("Canary-4711-proof")
	request, _ := apReq(t)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"curl's init", curlInit, []string{"SPNEGO NegTokenInit, 74 bytes", "1 mechanism  (preferred first)", "NTLM  (1.3.6.1.4.1.311.2.2.10)",
			"mechToken    NTLMSSP NEGOTIATE, 40 bytes", "KEY_EXCH", "mechListMIC  none"}},
		{"another choice", mitChoice, []string{"request-mic  (the sender needs another token, and a mechListMIC)", "NTLM  (1.3.6.1.4.1.311.2.2.10: the server's choice)", "none"}},
		{"the end", mitFinal, []string{"accept-completed  (the sender has completed)", "mechListMIC    present  (16 bytes over the list of mechanisms)"}},
		{"Samba's answer", sambaResponse, []string{"accept-incomplete", "responseToken  NTLMSSP CHALLENGE, 134 bytes", `"INTEROP"`}},
		{"Nego2's opening", opening(negtoken.Init{MechTypes: negtoken.MechTypesOf(gss.MSKerberos, gss.Kerberos, gss.NTLM),
			Hints: negtoken.Hints{Present: true, Name: gss.TokenOf(negtoken.HintName)}}),
			[]string{"3 mechanisms", "MS-Kerberos  (1.2.840.48018.1.2.2, as Windows 2000 writes it)", `"not_defined_in_RFC4178@please_ignore"  (a NegTokenInit2`}},
		{"a Kerberos token", opening(negtoken.Init{MechTypes: negtoken.MechTypesOf(gss.Kerberos), ReqFlags: gss.TokenOf("\x01\x02"),
			MechToken: gss.TokenOf(request)}),
			[]string{"reqFlags", "not protected, and ignored", "mechToken", "Kerberos AP-REQ, "}},
		{"an unknown token", opening(negtoken.Init{MechTypes: negtoken.MechTypesOf("\x2a\x03"), MechToken: gss.TokenOf("\x01\x02")}),
			[]string{"1.2.3", "2 bytes  (unknown)"}},
		{"SPNEGO inside itself", opening(negtoken.Init{MechTypes: negtoken.MechTypesOf(gss.SPNEGO), MechToken: gss.TokenOf(negtoken.Resp{State: negtoken.Reject}.Encode())}),
			[]string{"9 bytes  (unknown)"}},
		{"a MIC", reply(negtoken.Resp{State: negtoken.AcceptCompleted, MechListMIC: mic}), []string{"present  (17 bytes over "}},
		{"no MIC", reply(negtoken.Resp{ResponseToken: mic, MechListMIC: mic}), []string{"negState       none", "it repeats the response token"}},
		{"a refusal", reply(negtoken.Resp{State: negtoken.Reject}), []string{"reject  (the sender refuses)"}},
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
		if strings.Contains(got, mic.Bytes()) {
			t.Errorf("%s: a MIC shows", c.name)
		}
	}
}

// TestSPNEGOInOneLine: what a verbose client writes.
func TestSPNEGOInOneLine(t *testing.T) {
	for text, want := range map[string]string{
		curlInit:      "SPNEGO NegTokenInit, 74 bytes: offers NTLM; with NTLMSSP NEGOTIATE, 40 bytes: the client's capabilities",
		mitChoice:     "SPNEGO NegTokenResp, 23 bytes: request-mic, NTLM",
		mitFinal:      "SPNEGO NegTokenResp, 29 bytes: accept-completed; with a MIC over the list of mechanisms",
		sambaResponse: `SPNEGO NegTokenResp, 165 bytes: accept-incomplete, NTLM; with NTLMSSP CHALLENGE, 134 bytes: 8 random bytes from "INTEROP", with the time, so that the client protects the handshake`,
		b64(cutInit):  "SPNEGO NegTokenInit, 14 bytes: malformed",
		opening(negtoken.Init{MechTypes: negtoken.MechTypesOf(gss.NTLM), Hints: negtoken.Hints{Present: true}}): "SPNEGO NegTokenInit, 34 bytes: the server offers NTLM",
		reply(negtoken.Resp{State: negtoken.AcceptIncomplete, ResponseToken: gss.TokenOf("\x01")}):              "SPNEGO NegTokenResp, 14 bytes: accept-incomplete; with a token of 1 byte",
	} {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Token(string(raw)); got != want {
			t.Errorf("%q, want\n%q", got, want)
		}
	}
}

// TestSPNEGOBroken: what is broken is told, inside too, with its byte.
func TestSPNEGOBroken(t *testing.T) {
	inner := negtoken.Resp{State: negtoken.AcceptIncomplete, ResponseToken: gss.TokenOf("NTLMSSP\x00\x02\x00\x00\x00")}.Encode()
	for _, c := range []struct {
		name, token string
		at          int
	}{
		{"an init cut off", cutInit, 0},
		{"a response cut off", inner[:len(inner)-1], 0},
		{"a CHALLENGE cut off", inner, len(inner)},
	} {
		if e := Text(b64(c.token)); len(e.Faults) == 0 || e.Faults[0].Offset != c.at*4/3 {
			t.Errorf("%s: faults %v, want one at byte %d of the token", c.name, e.Faults, c.at)
		}
	}
}

// FuzzSPNEGO: no message breaks the decoder, and it finds fault with what package
// spnego refuses.
func FuzzSPNEGO(f *testing.F) {
	for _, text := range []string{curlInit, mitChoice, mitFinal, sambaResponse, b64(cutInit)} {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, bad1 := negtoken.ParseInit(token)
		_, bad2 := negtoken.ParseResp(token)
		var e Explanation
		var n Node
		explainToken(&e, &n, token, 0)
		if strings.HasPrefix(n.Value, "SPNEGO") && !bad1.IsZero() && !bad2.IsZero() && e.OK() {
			t.Error("explained without a fault, and package spnego refuses it")
		}
		for _, fault := range e.Faults {
			if fault.Offset < 0 || fault.Offset > len(token)*4/3+1 {
				t.Errorf("fault at %d of %d bytes", fault.Offset, len(token))
			}
		}
		Token(token)
	})
}

package spnego

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// What the tests read and write of tokens beside internal/negtoken.
const (
	tagFramed     = 0x60 // RFC 2743 section 3.1
	tagResponse   = 0xa1 // of a NegTokenResp
	ntlmSignature = "NTLMSSP\x00"
)

// framed returns a token in the framing of RFC 2743 section 3.1, with a length of two octets whatever it is.
func framed(mech gss.OID, token string) string {
	body := "\x06" + string(rune(len(mech))) + string(mech) + token
	return "\x60\x82" + string([]byte{byte(len(body) >> 8), byte(len(body))}) + body
}

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

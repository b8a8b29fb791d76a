package negtoken

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// FuzzParseNegToken decodes arbitrary bytes, and encodes what comes of it. What was
// written is DER and means the same.
func FuzzParseNegToken(f *testing.F) {
	for _, token := range []string{
		benchToken, benchResp.Encode(), opening(ntlmList, someToken), choice(0, ntlmList), choice(1),
		Init{MechTypes: MechTypesOf(gss.NTLM), Hints: Hints{Present: true, Name: gss.TokenOf(HintName)}}.Encode(),
		opening(ntlmList, tlv(0xaa, "?")), opening(tlv(tagField, tlv(tagSequence))), ntlmSignature + "\x01", "\x6e\x02\x30\x00",
	} {
		f.Add([]byte(token))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		token := string(data)
		framing, _ := FramingOf(token)
		if m, fault := ParseInit(token); fault.IsZero() {
			if framing != Initial || m.MechTypes.Len() > MaxMechTypes {
				t.Fatalf("%v is taken for a NegTokenInit", framing)
			}
			n := 0
			for mech := range m.MechTypes.All() {
				if n++; mech == "" || len(mech) > MaxMech {
					t.Fatal("a mechanism out of bounds")
				}
			}
			if n != m.MechTypes.Len() {
				t.Fatalf("%d mechanisms, it says %d", n, m.MechTypes.Len())
			}
			if again, fault := ParseInit(m.Encode()); again != m || !fault.IsZero() {
				t.Fatalf("%+v comes back as %+v, %v", m, again, fault)
			}
			// A part of a token is no token: none is waited for.
			whole := m.Encode()
			if part, fault := ParseInit(whole[:len(whole)-1]); fault.Code != gss.Malformed || part != (Init{}) {
				t.Fatalf("a part of it is %+v, %v", part, fault)
			}
		} else if fault.Code != gss.Malformed || m != (Init{}) {
			t.Fatalf("%v", fault)
		}
		if m, fault := ParseResp(token); fault.IsZero() {
			if framing != Response {
				t.Fatalf("%v is taken for a NegTokenResp", framing)
			}
			if again, fault := ParseResp(m.Encode()); again != m || !fault.IsZero() {
				t.Fatalf("%+v comes back as %+v, %v", m, again, fault)
			}
		} else if fault.Code != gss.Malformed || m != (Resp{}) {
			t.Fatalf("%v", fault)
		}
		requirement.Held(t, "fuzz:ParseNegToken")
	})
}

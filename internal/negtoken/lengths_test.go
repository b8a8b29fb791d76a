package negtoken

import (
	"bytes"
	"encoding/asn1"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// Every length is written in the one form that DER has for it (X.690 section 10.1), also where the form
// changes. encoding/asn1 is the second opinion.
func TestLengthsAreDER(t *testing.T) {
	type resp struct {
		State asn1.Enumerated `asn1:"explicit,optional,tag:0"`
		Token []byte          `asn1:"explicit,optional,tag:2"`
	}
	for _, n := range []int{1, 100, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 240, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255, 256, 257,
		65500, 65520, 65521, 65522, 65523, 65524, 65525, 65526, 65527, 65528, 65529, 65530, 65531, 65532, 65533, 65534, 65535, 65536, 65537, 1<<24 - 1, 1 << 24, 1<<24 + 1} {
		token := bytes.Repeat([]byte{7}, n)
		inner, err := asn1.Marshal(resp{State: 1, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		want, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: inner})
		if err != nil {
			t.Fatal(err)
		}
		if got := (Resp{State: AcceptIncomplete, ResponseToken: gss.TokenOf(string(token))}).Encode(); got != string(want) {
			t.Errorf("a token of %d bytes: %d bytes, %x …, want %d, %x …", n, len(got), got[:min(len(got), 30)], len(want), want[:min(len(want), 30)])
		}
	}
}

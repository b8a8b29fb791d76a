package krb5

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// proxyMessage returns (MS-KKDCP section 2.2.2)
//
//	KDC-PROXY-MESSAGE ::= SEQUENCE {
//	        kerb-message   [0] OCTET STRING, -- with the length before it
//	        target-domain  [1] Realm OPTIONAL,
//	        dclocator-hint [2] INTEGER OPTIONAL
//	}
func proxyMessage(framed []byte, realm string) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(framed) })
		b.AddASN1(asn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.GeneralString, func(b *cryptobyte.Builder) { b.AddBytes([]byte(realm)) })
		})
	})
	return b.Bytes()
}

// parseProxyMessage gives the KDC's message.
func parseProxyMessage(der []byte) ([]byte, error) {
	s := cryptobyte.String(der)
	var in, field cryptobyte.String
	var framed []byte
	if !s.ReadASN1(&in, asn1.SEQUENCE) || !in.ReadASN1(&field, asn1.Tag(0).ContextSpecific().Constructed()) || !field.ReadASN1Bytes(&framed, asn1.OCTET_STRING) {
		return nil, errors.New("the proxy's response is not a KDC-PROXY-MESSAGE")
	}
	return unframe(bytes.NewReader(framed))
}

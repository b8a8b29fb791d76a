package pac

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Verified is a PAC with a server signature that fits the service's key, and of the named
// client. It is comparable. The zero Verified has no contents.
type Verified struct {
	pac PAC
	kdc bool
}

// Verify checks the server signature with the service's key, as package keytab prepares it, and that the PAC belongs to
// the ticket: its client and the time of its first authentication (MS-PAC sections 2.7 and
// 2.8.1). The fault is NotAuthentic if one of them does not fit.
func (p PAC) Verify(service *keytab.Prepared, client krb.Name, authTime krb.Time) (Verified, gss.Fault) { // KILE-3.4.5.3-1
	bad := func(what string) (Verified, gss.Fault) {
		return Verified{}, gss.Fault{Code: gss.NotAuthentic, Detail: "pac: " + what}
	}
	sum, at, ok := p.signature(kindServerSum)
	if !ok || service == nil {
		return bad("there is no server signature, or no key to check it with")
	}
	// The signature covers everything, with both signatures as zeros.
	zeroed := []byte(p.raw)
	clear(zeroed[at : at+len(sum.Sum)])
	if kdc, at, ok := p.signature(kindKDCSum); ok {
		clear(zeroed[at : at+len(kdc.Sum)])
	} else {
		return bad("there is no KDC signature")
	}
	if !verify(service, sum, string(zeroed)) {
		return bad("the server signature does not verify with the service's key")
	}
	info, fault := p.clientInfo()
	if !fault.IsZero() {
		return Verified{}, fault
	}
	if info.name != client.String() || info.time != authTime {
		return bad("it is another client's, or another ticket's")
	}
	return Verified{pac: p}, gss.Fault{}
}

// verify checks sum, by the key's own prepared type if it has that type.
func verify(key *enctype.Prepared, sum message.Checksum, data string) bool {
	switch {
	case !sum.Type.Keyed():
		return false
	case sum.Type == enctype.ChecksumOf(key.Key().Type()):
		return key.Verify(enctype.UsageNonKerbChecksum, data, sum.Sum)
	}
	return sum.Type.Verify(key.Key(), enctype.UsageNonKerbChecksum, data, sum.Sum)
}

// VerifyKDC also checks the KDC's signature over the server signature (section 2.8.2), for
// holders of the ticket-granting service's key.
func (v Verified) VerifyKDC(krbtgt *keytab.Prepared) (Verified, gss.Fault) {
	server, _, okS := v.pac.signature(kindServerSum)
	kdc, _, okK := v.pac.signature(kindKDCSum)
	if !okS || !okK || krbtgt == nil || !verify(krbtgt, kdc, server.Sum) {
		return Verified{}, gss.Fault{Code: gss.NotAuthentic, Detail: "pac: the KDC's signature does not verify with its key"}
	}
	v.kdc = true
	return v, gss.Fault{}
}

// ByKDC reports whether the KDC's signature was checked as well.
func (v Verified) ByKDC() bool { return v.kdc }

// signature returns PAC_SIGNATURE_DATA (section 2.8): its type, and as many bytes as that
// type has. at is where these are.
func (p PAC) signature(kind uint32) (sum message.Checksum, at int, ok bool) {
	data, from, ok := p.find(kind)
	if !ok || len(data) < 4 {
		return sum, 0, false
	}
	sum.Type = enctype.ChecksumType(int32(le32(data)))
	n, ok := signatureSizes[sum.Type]
	if !ok || len(data) < 4+n {
		return sum, 0, false
	}
	sum.Sum = data[4 : 4+n]
	return sum, from + 4, true
}

// signatureSizes are those of section 2.8 and of the types since, in bytes.
var signatureSizes = map[enctype.ChecksumType]int{
	enctype.HMACMD5: 16, enctype.HMACSHA1AES128: 12, enctype.HMACSHA1AES256: 12,
	enctype.HMACSHA256AES128: 16, enctype.HMACSHA384AES256: 24, enctype.CMACCamellia128: 16, enctype.CMACCamellia256: 16,
}

// Format implements fmt.Formatter: a user's groups are not for logs.
func (v Verified) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "pac(%d buffers, verified)", v.pac.len())
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (v Verified) MarshalText() ([]byte, error) { return fmt.Append(nil, v), nil }

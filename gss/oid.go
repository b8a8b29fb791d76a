package gss

import "strconv"

// OID names a mechanism by its object identifier, as the contents octets of
// the DER encoding (without tag and length). The zero OID is none; Basic and Digest,
// which are no GSS mechanisms, have it.
type OID string

// The mechanisms that HTTP authentication meets.
const (
	SPNEGO      OID = "\x2b\x06\x01\x05\x05\x02"                 // 1.3.6.1.5.5.2, RFC 4178 section 3
	Kerberos    OID = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"     // 1.2.840.113554.1.2.2, RFC 1964 section 1
	MSKerberos  OID = "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"     // 1.2.840.48018.1.2.2, MS-SPNG 3.2.5 (a slip of Windows 2000 that stayed)
	KerberosU2U OID = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03" // 1.2.840.113554.1.2.2.3, user to user
	NTLM        OID = "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" // 1.3.6.1.4.1.311.2.2.10, MS-NLMP 1.9
	NegoEx      OID = "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e" // 1.3.6.1.4.1.311.2.2.30, MS-NEGOEX 1.9
)

var mechNames = [...]struct {
	mech OID
	name string
}{
	{SPNEGO, "SPNEGO"}, {Kerberos, "Kerberos"}, {MSKerberos, "MS-Kerberos"},
	{KerberosU2U, "Kerberos-U2U"}, {NTLM, "NTLM"}, {NegoEx, "NegoEx"},
}

// String returns the mechanism's name, its OID in dotted form if it is not one of the
// constants, or "none".
func (m OID) String() string {
	for i := range mechNames {
		if mechNames[i].mech == m {
			return mechNames[i].name
		}
	}
	return m.Dotted()
}

// maxMech bounds what Dotted writes out, in octets, since a peer may have
// chosen them.
const maxMech = 64

// Dotted returns the OID in dotted form, "none" for the zero OID, and "invalid" if the
// octets are no OID (X.690 section 8.19), are more than 64, or have an arc of more than
// 63 bits.
func (m OID) Dotted() string {
	if m == "" {
		return "none"
	}
	if len(m) > maxMech {
		return "invalid"
	}
	var out []byte
	var arc uint64
	for i := range len(m) {
		b := m[i]
		if arc == 0 && b == 0x80 || arc >= 1<<56 {
			return "invalid"
		}
		arc = arc<<7 | uint64(b&0x7f)
		if b&0x80 != 0 {
			continue
		}
		if out == nil { // the first subidentifier holds the first two arcs
			first := min(arc/40, 2)
			out = strconv.AppendUint(out, first, 10)
			arc -= 40 * first
		}
		out = append(out, '.')
		out = strconv.AppendUint(out, arc, 10)
		arc = 0
	}
	if m[len(m)-1]&0x80 != 0 {
		return "invalid"
	}
	return string(out)
}

package message

import (
	"encoding/binary"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
)

// TokenID is TOK_ID (RFC 4121 section 4.1): what stands in a context token.
type TokenID uint16

const (
	TokenAPReq TokenID = 0x0100
	TokenAPRep TokenID = 0x0200
	TokenError TokenID = 0x0300
)

// Frame returns a message as a context token (RFC 4121 section 4.1, RFC 2743 section 3.1).
func Frame(mech gss.OID, id TokenID, body []byte) string { // R4121-4.1-1
	w := writer{make([]byte, 0, len(body)+len(mech)+10)}
	at := w.open(der.Application)
	w.primitive(der.OID, string(mech))
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(id))
	w.b = append(w.b, body...)
	w.close(at)
	return string(w.b)
}

// Unframe takes a context token apart. The zero OID and false for what has no
// framing; mech is what the token says, and the caller looks whether it is ours.
func Unframe(token string) (mech gss.OID, id TokenID, body string, ok bool) {
	in, rest, ok := der.Next(token, der.Application)
	if !ok || rest != "" {
		return "", 0, "", false
	}
	oid, in, ok := der.Next(in, der.OID)
	if !ok || len(in) < 2 {
		return "", 0, "", false
	}
	return gss.OID(oid), TokenID(in[0])<<8 | TokenID(in[1]), in[2:], true
}

// IsAPReq reports whether b is an AP-REQ without any framing (C33).
func IsAPReq(b string) bool { return b != "" && b[0] == der.Application|14 }

// GSSFlags of the authenticator's checksum, as far as gss.Flags has none (RFC 4757
// section 7.1, MS-KILE section 3.2.5.2).
const (
	DCEStyle      uint32 = 0x1000
	Identify      uint32 = 0x2000
	ExtendedError uint32 = 0x4000
)

// GSSChecksum is the contents of an authenticator's checksum of type 0x8003 (RFC 4121
// section 4.1.1), little-endian:
//
//	0..3    Lgth, 16
//	4..19   Bnd, the MD5 of the channel bindings, or zeros
//	20..23  Flags
//	24..25  DlgOpt, 1   with GSS_C_DELEG_FLAG only
//	26..27  Dlgth
//	28..n   Deleg, a KRB-CRED
//	        then Exts
type GSSChecksum struct { // R4121-4.1.1-1
	Binding    [16]byte
	Flags      uint32 // gss.Flags in the low bits
	Delegation string // a KRB-CRED, "" if none
	Extensions string // unchanged; none is used
}

const gssChecksumSize = 24

// ParseGSSChecksum reads the checksum field. A length beyond the end is Malformed; nothing
// is cut.
func ParseGSSChecksum(b string) (GSSChecksum, gss.Fault) { // R4121-4.1.1-2
	var c GSSChecksum
	if len(b) < gssChecksumSize {
		return c, malformed("an authenticator's checksum of type 0x8003 with fewer than 24 bytes")
	}
	if le32(b) != uint32(len(c.Binding)) {
		return c, malformed("an authenticator's checksum whose channel binding is not 16 bytes")
	}
	copy(c.Binding[:], b[4:20])
	c.Flags = le32(b[20:])
	rest := b[gssChecksumSize:]
	if gss.Flags(c.Flags).Has(gss.Delegate) {
		if len(rest) < 4 || rest[0] != 1 || rest[1] != 0 {
			return GSSChecksum{}, malformed("an authenticator's checksum with the delegation flag and without credentials")
		}
		n := int(rest[2]) | int(rest[3])<<8
		if rest = rest[4:]; n > len(rest) {
			return GSSChecksum{}, malformed("an authenticator's checksum whose delegation is longer than the checksum")
		}
		c.Delegation, rest = rest[:n], rest[n:]
	}
	c.Extensions = rest
	return c, gss.Fault{}
}

func le32(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// MaxDelegation is the longest KRB-CRED that a checksum has room for, in bytes.
const MaxDelegation = 1<<16 - 1

// Append writes c. Delegation needs gss.Delegate among the flags and at most
// MaxDelegation bytes, and is left out otherwise.
func (c GSSChecksum) Append(b []byte) []byte {
	delegates := gss.Flags(c.Flags).Has(gss.Delegate) && len(c.Delegation) <= MaxDelegation
	if !delegates {
		c.Flags &^= uint32(gss.Delegate)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Binding)))
	b = append(b, c.Binding[:]...)
	b = binary.LittleEndian.AppendUint32(b, c.Flags)
	if delegates {
		b = append(b, 1, 0, byte(len(c.Delegation)), byte(len(c.Delegation)>>8))
		b = append(b, c.Delegation...)
	}
	return append(b, c.Extensions...)
}

// Format implements fmt.Formatter: delegated credentials may be there in the clear, so
// that their length is all that shows.
func (c GSSChecksum) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "checksum(flags %#x, %d bytes of credentials)", c.Flags, len(c.Delegation))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (c GSSChecksum) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

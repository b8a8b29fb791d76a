package negtoken

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// Framing is what a token that stands after "Negotiate" turns out to be (C33).
// The zero Framing is none that is known.
type Framing uint8

const (
	Unrecognized Framing = iota
	// Initial is a NegTokenInit or NegTokenInit2, framed or not.
	Initial
	// Response is a NegTokenResp.
	Response
	// Raw is a mechanism's own token, without SPNEGO around it: NTLMSSP, NEGOEX, or
	// anything with the framing of RFC 2743, as Kerberos has it.
	Raw
	// APREQ is a Kerberos AP-REQ without any framing, as DCE has it.
	APREQ
	framings
)

var framingNames = [framings]string{"unrecognized", "NegTokenInit", "NegTokenResp", "raw", "AP-REQ"}

// String names the framing.
func (f Framing) String() string {
	if f < framings {
		return framingNames[f]
	}
	return "unknown framing"
}

// The signatures of NTLM (MS-NLMP section 2.2.1) and NEGOEX (MS-NEGOEX 2.2.6.1).
const (
	ntlmSignature   = "NTLMSSP\x00"
	negoexSignature = "NEGOEXTS"
	tagAPREQ        = 0x6e // RFC 4120 section 5.5.1
)

// FramingOf tells by a token's first bytes what it is, and of which mechanism.
// Whether the rest is any good, it does not say.
func FramingOf(token string) (Framing, gss.OID) {
	switch {
	case strings.HasPrefix(token, ntlmSignature):
		return Raw, gss.NTLM
	case strings.HasPrefix(token, negoexSignature):
		return Raw, gss.NegoEx
	}
	tag, size, _, ok := head(token)
	switch {
	case !ok:
	case tag == tagField:
		return Initial, gss.SPNEGO
	case tag == tagField+1:
		return Response, gss.SPNEGO
	case tag == tagAPREQ && len(token) > size && token[size] == tagSequence:
		return APREQ, gss.Kerberos
	case tag == tagInitial:
		tag, oid, _, ok := element(token[size:])
		switch mech := gss.OID(oid); {
		case !ok || tag != tagOID || oid == "" || len(oid) > MaxMech:
		case mech == gss.SPNEGO:
			return Initial, mech
		case mech == gss.MSKerberos:
			return Raw, gss.Kerberos
		default:
			return Raw, mech
		}
	}
	return Unrecognized, ""
}

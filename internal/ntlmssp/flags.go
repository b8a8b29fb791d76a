package ntlmssp

import "strings"

// Flags is the NegotiateFlags field (MS-NLMP section 2.2.2.5).
type Flags uint32

// The flags, by the letter that MS-NLMP gives them.
const (
	FlagUnicode        Flags = 0x00000001 // A: names are UTF-16LE
	FlagOEM            Flags = 0x00000002 // B: names are in the OEM character set, unless A is set
	FlagRequestTarget  Flags = 0x00000004 // C: the challenge names the target
	FlagSign           Flags = 0x00000010 // D: message integrity
	FlagSeal           Flags = 0x00000020 // E: message confidentiality
	FlagDatagram       Flags = 0x00000040 // F: connectionless
	FlagLMKey          Flags = 0x00000080 // G: session key from the LM hash
	FlagNTLM           Flags = 0x00000200 // H: NTLM at all
	FlagAnonymous      Flags = 0x00000800 // J: anonymous
	FlagOEMDomain      Flags = 0x00001000 // K: a NEGOTIATE that names the client's domain
	FlagOEMWorkstation Flags = 0x00002000 // L: a NEGOTIATE that names the client's computer
	FlagAlwaysSign     Flags = 0x00008000 // M: there is a session key in any case
	FlagTargetDomain   Flags = 0x00010000 // N: the target name is a domain's
	FlagTargetServer   Flags = 0x00020000 // O: the target name is a server's
	FlagESS            Flags = 0x00080000 // P: extended session security
	FlagIdentify       Flags = 0x00100000 // Q: identify, do not impersonate
	FlagNonNTKey       Flags = 0x00400000 // R: session key from the LM hash, another way
	FlagTargetInfo     Flags = 0x00800000 // S: the challenge has target info
	FlagVersion        Flags = 0x02000000 // T: the version field is filled
	Flag128            Flags = 0x20000000 // U: 128-bit keys
	FlagKeyExchange    Flags = 0x40000000 // V: the client chooses the session key
	Flag56             Flags = 0x80000000 // W: 56-bit keys, where 128 are not agreed
)

var flagNames = [...]struct {
	flag Flags
	name string
}{
	{FlagUnicode, "UNICODE"}, {FlagOEM, "OEM"}, {FlagRequestTarget, "REQUEST_TARGET"}, {FlagSign, "SIGN"}, {FlagSeal, "SEAL"},
	{FlagDatagram, "DATAGRAM"}, {FlagLMKey, "LM_KEY"}, {FlagNTLM, "NTLM"}, {FlagAnonymous, "ANONYMOUS"},
	{FlagOEMDomain, "OEM_DOMAIN_SUPPLIED"}, {FlagOEMWorkstation, "OEM_WORKSTATION_SUPPLIED"}, {FlagAlwaysSign, "ALWAYS_SIGN"},
	{FlagTargetDomain, "TARGET_TYPE_DOMAIN"}, {FlagTargetServer, "TARGET_TYPE_SERVER"}, {FlagESS, "EXTENDED_SESSIONSECURITY"},
	{FlagIdentify, "IDENTIFY"}, {FlagNonNTKey, "REQUEST_NON_NT_SESSION_KEY"}, {FlagTargetInfo, "TARGET_INFO"},
	{FlagVersion, "VERSION"}, {Flag128, "128"}, {FlagKeyExchange, "KEY_EXCH"}, {Flag56, "56"},
}

// Has reports whether every flag of g is set in f.
func (f Flags) Has(g Flags) bool { return f&g == g }

// Any reports whether some flag of g is set in f.
func (f Flags) Any(g Flags) bool { return f&g != 0 }

// String names the flags as MS-NLMP does, without their common prefix, from the
// lowest bit up; bits without a name come last, in hexadecimal.
func (f Flags) String() string {
	if f == 0 {
		return "none"
	}
	var b strings.Builder
	add := func(name string) {
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name)
	}
	for i := range flagNames {
		if f.Has(flagNames[i].flag) {
			add(flagNames[i].name)
			f &^= flagNames[i].flag
		}
	}
	if f != 0 {
		const digits = "0123456789abcdef"
		hex := []byte("0x00000000")
		for i := range 8 {
			hex[9-i] = digits[f>>(4*i)&15]
		}
		add(string(hex))
	}
	return b.String()
}

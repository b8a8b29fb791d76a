package ntlmssp

import (
	"encoding/binary"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// Negotiate is a NEGOTIATE_MESSAGE, the client's first word (MS-NLMP section
// 2.2.1.1). Its names are in the OEM character set whatever the flags say.
type Negotiate struct {
	Flags       Flags
	Domain      string // as on the wire; ignore it unless FlagOEMDomain is set
	Workstation string // as on the wire; ignore it unless FlagOEMWorkstation is set
	Version     Version
}

// The lengths of the fixed part of a NEGOTIATE: flags only, with the two names,
// with the version as well. All three are sent by real clients; ours is the
// longest.
const (
	NegotiateBare  = 16
	NegotiateNamed = 32
	NegotiateFull  = 40
)

// ParseNegotiate reads a NEGOTIATE_MESSAGE of up to [MaxNegotiate] bytes.
func ParseNegotiate(b string) (m Negotiate, fault gss.Fault) {
	if TypeOf(b) != TypeNegotiate || len(b) < NegotiateBare || len(b) > MaxNegotiate {
		return m, malformed("expected a NEGOTIATE message of 16 to 1024 bytes")
	}
	m.Flags = Flags(Uint32(b, 12))
	if len(b) < NegotiateNamed {
		return m, gss.Fault{}
	}
	domain, workstation := spanAt(b, 16), spanAt(b, 24)
	var okD, okW bool
	m.Domain, okD = domain.in(b, NegotiateNamed)
	m.Workstation, okW = workstation.in(b, NegotiateNamed)
	if !okD || !okW {
		return Negotiate{}, malformed("a name of the NEGOTIATE message lies outside of it")
	}
	if start := workstation.before(domain.before(len(b))); start >= NegotiateFull {
		m.Version = versionAt(b, 32)
	}
	return m, gss.Fault{}
}

// Append writes the message in the 40-byte form, names behind it.
func (m Negotiate) Append(b []byte) []byte {
	b = append(b, Signature...)
	b = binary.LittleEndian.AppendUint32(b, TypeNegotiate)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.Flags))
	b = AppendSpan(b, len(m.Domain), NegotiateFull)
	b = AppendSpan(b, len(m.Workstation), NegotiateFull+len(m.Domain))
	b = m.Version.append(b)
	b = append(b, m.Domain...)
	return append(b, m.Workstation...)
}

// Challenge is a CHALLENGE_MESSAGE, the server's only word (MS-NLMP section
// 2.2.1.2).
type Challenge struct {
	Flags      Flags
	TargetName string // as on the wire, see [Flags.Text]
	Server     Nonce
	TargetInfo string // AV pairs as on the wire, see [ParseAVPairs]
	Version    Version
}

// The lengths of the fixed part of a CHALLENGE: old servers leave out the
// version, very old ones the target info as well.
const (
	ChallengeBare = 32
	ChallengeInfo = 48
	ChallengeFull = 56
)

// ParseChallenge reads a CHALLENGE_MESSAGE of up to [MaxChallenge] bytes. It
// does not look into the target info.
func ParseChallenge(b string) (m Challenge, fault gss.Fault) {
	if TypeOf(b) != TypeChallenge || len(b) < ChallengeBare || len(b) > MaxChallenge {
		return m, malformed("expected a CHALLENGE message of 32 to 16384 bytes")
	}
	m.Flags = Flags(Uint32(b, 20))
	copy(m.Server[:], b[24:32])
	name := spanAt(b, 12)
	var okN bool
	okI := true
	m.TargetName, okN = name.in(b, ChallengeBare)
	if start := name.before(len(b)); start >= ChallengeInfo {
		info := spanAt(b, 40)
		m.TargetInfo, okI = info.in(b, ChallengeInfo)
		if start = info.before(start); start >= ChallengeFull {
			m.Version = versionAt(b, 48)
		}
	}
	if !okN || !okI {
		return Challenge{}, malformed("target name or target info of the CHALLENGE message lie outside of it")
	}
	return m, gss.Fault{}
}

// Append writes the message with the target name and the target info behind the
// header. Without [FlagTargetInfo] the descriptor of an empty target info is
// zero.
func (m Challenge) Append(b []byte) []byte {
	b = append(b, Signature...)
	b = binary.LittleEndian.AppendUint32(b, TypeChallenge)
	b = AppendSpan(b, len(m.TargetName), ChallengeFull)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.Flags))
	b = append(b, m.Server[:]...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	if m.TargetInfo == "" && !m.Flags.Has(FlagTargetInfo) {
		b = AppendSpan(b, 0, 0)
	} else {
		b = AppendSpan(b, len(m.TargetInfo), ChallengeFull+len(m.TargetName))
	}
	b = m.Version.append(b)
	b = append(b, m.TargetName...)
	return append(b, m.TargetInfo...)
}

// Authenticate is an AUTHENTICATE_MESSAGE, the client's proof (MS-NLMP section
// 2.2.1.3). An attacker can test guesses at the password against the responses and the
// key, so that fmt and JSON show their lengths only.
type Authenticate struct {
	Flags       Flags  // zero in very old messages, which end before it
	LM, NT      string // the responses
	Domain      string // as on the wire, as are the other names: see [Flags.Text]
	User        string
	Workstation string
	SessionKey  string // EncryptedRandomSessionKey
	Version     Version
	// MIC is the field of that name, where the message has room for it. That it
	// is there says nothing: whether it counts is said in the NT response.
	MIC    [16]byte
	HasMIC bool
}

// The lengths of the fixed part of an AUTHENTICATE: names and responses only,
// with session key and flags, with the version, with the MIC.
const (
	AuthenticateBare  = 52
	AuthenticateFlags = 64
	AuthenticateOld   = 72
	AuthenticateMIC   = 88
)

// ParseAuthenticate reads an AUTHENTICATE_MESSAGE of up to [MaxAuthenticate]
// bytes. It does not look into the responses.
func ParseAuthenticate(b string) (m Authenticate, fault gss.Fault) {
	if TypeOf(b) != TypeAuthenticate || len(b) < AuthenticateBare || len(b) > MaxAuthenticate {
		return m, malformed("expected an AUTHENTICATE message of 52 to 32768 bytes")
	}
	start, whole := len(b), true
	for i, field := range [...]*string{&m.LM, &m.NT, &m.Domain, &m.User, &m.Workstation} {
		s := spanAt(b, 12+8*i)
		var ok bool
		*field, ok = s.in(b, AuthenticateBare)
		whole = whole && ok
		start = s.before(start)
	}
	if start >= AuthenticateFlags {
		m.Flags = Flags(Uint32(b, 60))
		s := spanAt(b, 52)
		var ok bool
		m.SessionKey, ok = s.in(b, AuthenticateFlags)
		whole = whole && ok
		start = s.before(start)
	}
	if !whole {
		return Authenticate{}, malformed("a field of the AUTHENTICATE message lies outside of it")
	}
	if max(len(m.Domain), len(m.User), len(m.Workstation)) > MaxName {
		return Authenticate{}, malformed("a name in the AUTHENTICATE message is longer than 1024 bytes")
	}
	if start >= AuthenticateOld {
		m.Version = versionAt(b, 64)
	}
	if start >= AuthenticateMIC {
		copy(m.MIC[:], b[72:88])
		m.HasMIC = true
	}
	return m, gss.Fault{}
}

// Append writes the message with all fields of the header, the MIC only where
// HasMIC says so; then domain, user, workstation, LM, NT, session key.
func (m Authenticate) Append(b []byte) []byte {
	return m.AppendWith(b, [...][]byte{[]byte(m.Domain), []byte(m.User), []byte(m.Workstation), []byte(m.LM), []byte(m.NT), []byte(m.SessionKey)})
}

// append writes m with the given payload in place of its strings.
func (m Authenticate) AppendWith(b []byte, payload [6][]byte) []byte {
	header := AuthenticateOld
	if m.HasMIC {
		header = AuthenticateMIC
	}
	var at [len(payload)]int
	for i, end := 0, header; i < len(payload); i++ {
		at[i] = end
		end += len(payload[i])
	}
	b = append(b, Signature...)
	b = binary.LittleEndian.AppendUint32(b, TypeAuthenticate)
	for _, i := range [...]int{3, 4, 0, 1, 2, 5} { // LM, NT, domain, user, workstation, session key
		b = AppendSpan(b, len(payload[i]), at[i])
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(m.Flags))
	b = m.Version.append(b)
	if m.HasMIC {
		b = append(b, m.MIC[:]...)
	}
	for i := range payload {
		b = append(b, payload[i]...)
	}
	return b
}

// Format implements fmt.Formatter: the names are hostile input and the responses
// are proofs, so lengths are all that shows.
func (m Authenticate) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "AUTHENTICATE(flags %v, LM %d bytes, NT %d bytes, session key %d bytes, MIC field %v)",
		m.Flags, len(m.LM), len(m.NT), len(m.SessionKey), m.HasMIC)
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (m Authenticate) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", m), nil }

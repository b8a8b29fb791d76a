package ntlmssp

import (
	"encoding/binary"
	"iter"

	"github.com/countersign-auth/countersign/gss"
)

// AVID names what an AV_PAIR holds (MS-NLMP section 2.2.2.1).
type AVID uint16

// The AV_PAIRs. Text in them is UTF-16LE whatever was negotiated
// (NLMP-2.2.2.1-1).
const (
	AVEnd             AVID = 0
	AVComputer        AVID = 1  // NetBIOS name of the server
	AVDomain          AVID = 2  // NetBIOS name of its domain
	AVDNSComputer     AVID = 3  // DNS name of the server
	AVDNSDomain       AVID = 4  // DNS name of its domain
	AVDNSTree         AVID = 5  // DNS name of its forest
	AVFlags           AVID = 6  // 32 bits, see the constants below
	AVTimestamp       AVID = 7  // the server's [Time], 8 bytes
	AVSingleHost      AVID = 8  // Single_Host_Data of the client, 48 bytes
	AVTargetName      AVID = 9  // the service principal name that the client means
	AVChannelBindings AVID = 10 // 16 bytes, see [gss.Binding.Hash]
)

var avNames = [...]string{"MsvAvEOL", "MsvAvNbComputerName", "MsvAvNbDomainName", "MsvAvDnsComputerName", "MsvAvDnsDomainName",
	"MsvAvDnsTreeName", "MsvAvFlags", "MsvAvTimestamp", "MsvAvSingleHost", "MsvAvTargetName", "MsvAvChannelBindings"}

// String returns the name in MS-NLMP.
func (id AVID) String() string {
	if int(id) < len(avNames) {
		return avNames[id]
	}
	return "unknown AV pair"
}

// IsText reports whether the pair's value is UTF-16LE text.
func (id AVID) IsText() bool { return AVComputer <= id && id <= AVDNSTree || id == AVTargetName }

// The bits of [AVFlags].
const (
	AVFlagConstrained     uint32 = 1 // the account's authentication is constrained
	AVFlagMIC             uint32 = 2 // the client's message has a MIC
	AVFlagUntrustedTarget uint32 = 4 // the target name comes from a source that is not trusted
)

// avSizes are the lengths of values that have one.
var avSizes = [...]struct {
	id AVID
	n  int
}{{AVFlags, 4}, {AVTimestamp, 8}, {AVChannelBindings, 16}}

// AVPairs is a list of AV_PAIRs that was looked through: it ends with its
// terminator, and no pair of a known kind is there twice.
type AVPairs struct{ raw string }

// PairsOf returns the list of raw, which this side has written itself.
func PairsOf(raw string) AVPairs { return AVPairs{raw} }

// ParseAVPairs reads a list up to and including its terminator, which must be
// there; what follows is ignored (Windows appends zeros). Refused are more than
// [MaxAVPairs] pairs, a known pair that comes twice (a second MsvAvFlags would
// leave open whether a MIC is required), and a flag word, time or binding of the
// wrong length.
func ParseAVPairs(raw string) (AVPairs, gss.Fault) {
	var seen uint16
	rest := raw
	for range MaxAVPairs + 1 {
		if len(rest) < 4 {
			return AVPairs{}, malformed("AV pairs end without their terminator")
		}
		id, n := AVID(u16(rest, 0)), int(u16(rest, 2))
		if id == AVEnd {
			if n != 0 {
				return AVPairs{}, malformed("the terminator of the AV pairs has a value")
			}
			return AVPairs{raw[:len(raw)-len(rest)+4]}, gss.Fault{}
		}
		if n > len(rest)-4 {
			return AVPairs{}, malformed("an AV pair is longer than the list")
		}
		if int(id) < len(avNames) {
			if seen>>id&1 == 1 {
				return AVPairs{}, malformed("the same AV pair comes twice")
			}
			seen |= 1 << id
		}
		for i := range avSizes {
			if avSizes[i].id == id && avSizes[i].n != n {
				return AVPairs{}, malformed("an AV pair of fixed length has another one")
			}
		}
		rest = rest[4+n:]
	}
	return AVPairs{}, malformed("more than 64 AV pairs")
}

// Raw returns the list as on the wire, terminator included, and "" for the zero AVPairs.
func (p AVPairs) Raw() string { return p.raw }

// All iterates over the pairs, the terminator left out.
func (p AVPairs) All() iter.Seq2[AVID, string] {
	return func(yield func(AVID, string) bool) {
		for rest := p.raw; len(rest) > 4; {
			end := 4 + int(u16(rest, 2))
			if !yield(AVID(u16(rest, 0)), rest[4:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// Get returns the value of the pair id, and reports whether there is one.
func (p AVPairs) Get(id AVID) (string, bool) {
	for rest := p.raw; len(rest) > 4; {
		end := 4 + int(u16(rest, 2))
		if AVID(u16(rest, 0)) == id {
			return rest[4:end], true
		}
		rest = rest[end:]
	}
	return "", false
}

// Flags returns the word of MsvAvFlags, 0 without one.
func (p AVPairs) Flags() uint32 {
	if v, ok := p.Get(AVFlags); ok {
		return Uint32(v, 0)
	}
	return 0
}

// Timestamp returns the time of MsvAvTimestamp, and reports whether there is one.
func (p AVPairs) Timestamp() (Time, bool) {
	if v, ok := p.Get(AVTimestamp); ok {
		return Time(u64(v, 0)), true
	}
	return 0, false
}

// AppendAV writes the head of a pair; its value follows.
func AppendAV(b []byte, id AVID, n int) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(id))
	return binary.LittleEndian.AppendUint16(b, uint16(n))
}

// AppendAVText writes a pair of text.
func AppendAVText(b []byte, id AVID, text string) []byte {
	b = AppendAV(b, id, 0)
	start := len(b)
	b = AppendUTF16(b, text)
	binary.LittleEndian.PutUint16(b[start-2:], uint16(len(b)-start))
	return b
}

// Response is an NTLMv2_RESPONSE with its NTLMv2_CLIENT_CHALLENGE (MS-NLMP
// sections 2.2.2.7 and 2.2.2.8).
type Response struct {
	Proof [16]byte // NTProofStr
	// Temp is everything behind the proof, as on the wire: the proof is computed
	// over it, never over a new encoding of its parts.
	Temp   string
	Time   Time
	Client Nonce
	Pairs  AVPairs
}

const (
	ProofSize = 16
	TempPairs = 28 // offset of the AV pairs in Temp
	V1Size    = 24 // length of every response before NTLMv2
)

// ParseResponse reads an NT response that is longer than the 24 bytes of the
// versions before NTLMv2.
func ParseResponse(nt string) (r Response, fault gss.Fault) {
	if len(nt) < ProofSize+TempPairs || nt[ProofSize] != 1 || nt[ProofSize+1] != 1 {
		return r, malformed("expected an NTLMv2 response")
	}
	copy(r.Proof[:], nt)
	r.Temp = nt[ProofSize:]
	r.Time = Time(u64(r.Temp, 8))
	copy(r.Client[:], r.Temp[16:24])
	r.Pairs, fault = ParseAVPairs(r.Temp[TempPairs:])
	if !fault.IsZero() {
		return Response{}, fault
	}
	return r, gss.Fault{}
}

package ntlmssp

import (
	"encoding/binary"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/gss"
)

// Signature starts every message; the message type follows as a 32-bit integer.
const Signature = "NTLMSSP\x00"

// The message types.
const (
	TypeNegotiate    = 1
	TypeChallenge    = 2
	TypeAuthenticate = 3
)

// Bounds on what a peer may send, in bytes (law L9). Real messages keep far
// below them.
const (
	MaxNegotiate    = 1 << 10 // kept by a half-open acceptor
	MaxChallenge    = 1 << 14
	MaxAuthenticate = 1 << 15
	// MaxName bounds a user, domain or computer name as it is on the wire.
	MaxName = 1 << 10
	// MaxAVPairs bounds the pairs of a list, the terminator not counted.
	MaxAVPairs = 64
)

// malformed returns a fault of the peer's bytes.
func malformed(detail string) gss.Fault {
	return gss.Fault{Code: gss.Malformed, Detail: "ntlm: " + detail}
}

// TypeOf returns the message type of b, 0 if it is no NTLM message: a SPNEGO or Kerberos
// token is none.
func TypeOf(b string) uint32 { // NTHT-1.3-1
	if len(b) < 12 || b[:len(Signature)] != Signature {
		return 0
	}
	return Uint32(b, 8)
}

// u16, Uint32 and u64 read little-endian integers; the caller has checked the length.
func u16(b string, at int) uint16 { return uint16(b[at]) | uint16(b[at+1])<<8 }

func Uint32(b string, at int) uint32 { return uint32(u16(b, at)) | uint32(u16(b, at+2))<<16 }

func u64(b string, at int) uint64 { return uint64(Uint32(b, at)) | uint64(Uint32(b, at+4))<<32 }

// span is a field descriptor (MS-NLMP section 2.2.1.1 and others): a length, a
// maximum that receivers ignore, and an offset from the start of the message.
type span struct {
	n   uint16
	off uint32
}

func spanAt(b string, at int) span { return span{u16(b, at), Uint32(b, at+4)} }

// in cuts the field out of message b. It must lie behind the header's first
// fixed bytes and within the message; the sum is taken in 64 bits, where it
// cannot wrap. An empty field has no place, whatever its offset says.
func (s span) in(b string, fixed int) (string, bool) {
	if s.n == 0 {
		return "", true
	}
	if uint64(s.off) < uint64(fixed) || uint64(s.off)+uint64(s.n) > uint64(len(b)) {
		return "", false
	}
	return b[s.off : int(s.off)+int(s.n)], true
}

// before returns the start of the payload as far as s tells: the lower of start and its
// own offset. Offsets tell how long a header is; flags do not: real peers set the
// version flag in messages without a version.
func (s span) before(start int) int {
	if s.n != 0 && uint64(s.off) < uint64(start) {
		return int(s.off)
	}
	return start
}

// AppendSpan writes a descriptor for n bytes at off.
func AppendSpan(b []byte, n, off int) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	return binary.LittleEndian.AppendUint32(b, uint32(off))
}

// Version is the VERSION structure (MS-NLMP section 2.2.2.10), for debugging
// only: nothing is ever decided by it.
type Version struct {
	Major, Minor uint8
	Build        uint16
	Revision     uint8 // of NTLM; 15 everywhere
}

func versionAt(b string, at int) Version {
	return Version{b[at], b[at+1], u16(b, at+2), b[at+7]}
}

func (v Version) append(b []byte) []byte {
	return append(b, v.Major, v.Minor, byte(v.Build), byte(v.Build>>8), 0, 0, 0, v.Revision)
}

// Nonce is a challenge, the server's or the client's.
type Nonce [8]byte

// Time is a FILETIME: 100-nanosecond ticks since 1601 in UTC.
type Time uint64

// Epoch is 1970 as a FILETIME.
const Epoch = 116444736000000000

// TimeOf converts from nanoseconds since the Unix epoch.
func TimeOf(ns int64) Time {
	ticks := ns / 100
	if ns%100 < 0 { // round down before 1970 as well
		ticks--
	}
	return Time(ticks + Epoch)
}

// Unix returns t in nanoseconds since the Unix epoch, and false if that does not fit.
func (t Time) Unix() (int64, bool) {
	const limit = (1<<63 - 1) / 100
	if t > Epoch+limit || t < Epoch-limit {
		return 0, false
	}
	return (int64(t) - Epoch) * 100, true
}

// Text decodes a name of a message that carries flags f: UTF-16LE, or the OEM
// character set, which here is ISO 8859-1, since a peer does not say which it
// means. It is false for bytes that are no text in that encoding.
func (f Flags) Text(raw string) (string, bool) {
	if f.Has(FlagUnicode) { // NLMP-2.2.2.5-1: both set means Unicode
		return DecodeUTF16(raw)
	}
	return decodeOEM(raw), true
}

func decodeOEM(raw string) string {
	if isASCII(raw) {
		return raw
	}
	b := make([]byte, 0, 2*len(raw))
	for i := range len(raw) {
		b = utf8.AppendRune(b, rune(raw[i]))
	}
	return string(b)
}

// AppendText encodes a name; false when it has characters that the OEM
// character set lacks.
func (f Flags) AppendText(b []byte, s string) ([]byte, bool) {
	if f.Has(FlagUnicode) {
		return AppendUTF16(b, s), true
	}
	for _, r := range s {
		if r > 0xff {
			return b, false
		}
		b = append(b, byte(r))
	}
	return b, true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// AppendUTF16 encodes s as UTF-16LE.
func AppendUTF16(b []byte, s string) []byte {
	for _, r := range s {
		if r < 0x10000 {
			b = append(b, byte(r), byte(r>>8))
			continue
		}
		hi, lo := utf16.EncodeRune(r)
		b = append(b, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
	}
	return b
}

// DecodeUTF16 decodes UTF-16LE. It returns false for an odd length and for unpaired
// surrogates: two different names must not decode to the same one.
func DecodeUTF16(raw string) (string, bool) {
	if len(raw)%2 != 0 {
		return "", false
	}
	var fixed [128]byte
	b := fixed[:0]
	for i := 0; i < len(raw); i += 2 {
		r := rune(u16(raw, i))
		if utf16.IsSurrogate(r) {
			if i+4 > len(raw) {
				return "", false
			}
			i += 2
			if r = utf16.DecodeRune(r, rune(u16(raw, i))); r == unicode.ReplacementChar {
				return "", false
			}
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b), true
}

// UpperUTF16 puts UTF-16LE text into upper case where it is, by single
// characters as Windows does: no special casing, nothing outside the basic
// plane, and no letter beyond ASCII becomes one of ASCII.
func UpperUTF16(b []byte) {
	for i := 0; i+1 < len(b); i += 2 {
		if b[i+1] == 0 && b[i] < utf8.RuneSelf {
			if 'a' <= b[i] && b[i] <= 'z' {
				b[i] -= 'a' - 'A'
			}
			continue
		}
		r := rune(b[i]) | rune(b[i+1])<<8
		if utf16.IsSurrogate(r) {
			continue
		}
		if u := unicode.ToUpper(r); u >= utf8.RuneSelf && u < 0x10000 {
			b[i], b[i+1] = byte(u), byte(u>>8)
		}
	}
}

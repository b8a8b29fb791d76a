package pac

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// SID is a security identifier (MS-DTYP section 2.4.2.2) as its bytes. Compare with ==.
type SID string

// sidSize is the length of a SID with n sub-authorities, of which there are 15 at most.
const maxSubAuthorities = 15

func sidSize(n int) int { return 8 + 4*n }

// parseSID reads the SID that b begins with.
func parseSID(b string) (SID, bool) {
	if len(b) < 8 || b[0] != 1 || b[1] > maxSubAuthorities || len(b) < sidSize(int(b[1])) {
		return "", false
	}
	return SID(b[:sidSize(int(b[1]))]), true
}

// with returns the SID of a member of the domain s.
func (s SID) with(rid uint32) SID {
	if s == "" || s[1] >= maxSubAuthorities {
		return ""
	}
	b := binary.LittleEndian.AppendUint32([]byte(s), rid)
	b[1]++
	return SID(b)
}

// String returns S-1-5-21-…, or "" for none.
func (s SID) String() string {
	if s == "" {
		return ""
	}
	authority := uint64(0)
	for i := range 6 {
		authority = authority<<8 | uint64(s[2+i])
	}
	b := strconv.AppendUint([]byte("S-1-"), authority, 10)
	for i := range int(s[1]) {
		b = strconv.AppendUint(append(b, '-'), uint64(le32(string(s[8+4*i:]))), 10)
	}
	return string(b)
}

// ParseSID reads the form of [SID.String] (MS-DTYP section 2.4.2.1): S-1-, the authority in
// decimal, or in hex with 0x where it has more than 32 bits, and up to 15 sub-authorities.
func ParseSID(text string) (SID, bool) {
	parts := strings.Split(text, "-")
	if len(parts) < 3 || len(parts) > 3+maxSubAuthorities || !strings.EqualFold(parts[0], "S") || parts[1] != "1" {
		return "", false
	}
	base, bits := 10, 48
	digits, hex := strings.CutPrefix(parts[2], "0x")
	if hex {
		base = 16
	}
	authority, err := strconv.ParseUint(digits, base, bits)
	if err != nil {
		return "", false
	}
	var sub []uint32
	for _, part := range parts[3:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return "", false
		}
		sub = append(sub, uint32(n))
	}
	return SIDOf(authority, sub...), true
}

// SIDOf makes a SID.
func SIDOf(authority uint64, sub ...uint32) SID {
	if len(sub) > maxSubAuthorities {
		return ""
	}
	b := []byte{1, byte(len(sub)), byte(authority >> 40), byte(authority >> 32), byte(authority >> 24), byte(authority >> 16), byte(authority >> 8), byte(authority)}
	for _, s := range sub {
		b = binary.LittleEndian.AppendUint32(b, s)
	}
	return SID(b)
}

package pac

import (
	"encoding/binary"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// Bounds on what a ticket may hold.
const (
	maxSize    = 1 << 16 // bytes
	maxBuffers = 32
)

// The kinds of buffers that are read here (MS-PAC section 2.4).
const (
	kindLogon     = 1
	kindServerSum = 6
	kindKDCSum    = 7
	kindClient    = 10
	kindUPN       = 12
)

// The sizes of what all buffers begin with, and of the entry of each, in bytes.
const (
	headerSize      = 8
	bufferEntrySize = 16
)

// PAC is a certificate that was parsed, and not verified. It is comparable.
type PAC struct{ raw string }

// Parse reads a PAC: the table of buffers, each inside of the whole. Malformed for
// what is none, for one of more than 64 KiB or 32 buffers, and for a kind of signature or information that comes twice.
func Parse(b string) (PAC, gss.Fault) {
	bad := func(what string) (PAC, gss.Fault) { return PAC{}, malformed(what) }
	if len(b) < headerSize || len(b) > maxSize {
		return bad("a PAC that is empty, or longer than 64 KiB")
	}
	n := le32(b)
	if n > maxBuffers || le32(b[4:]) != 0 || len(b) < headerSize+int(n)*bufferEntrySize {
		return bad("a PAC of another version, or with more than 32 buffers, or more than it has room for")
	}
	p := PAC{b}
	var seen uint64
	for i := range int(n) {
		kind, from, to := p.entry(i)
		if from < uint64(headerSize+int(n)*bufferEntrySize) && to > from || from > to || to > uint64(len(b)) {
			return bad("a PAC whose buffer lies outside of it")
		}
		if kind < 64 {
			if seen&(1<<kind) != 0 {
				return bad("a PAC with two buffers of one kind")
			}
			seen |= 1 << kind
		}
	}
	return p, gss.Fault{}
}

// entry returns the kind of buffer i and where it is.
func (p PAC) entry(i int) (kind uint32, from, to uint64) {
	e := p.raw[headerSize+i*bufferEntrySize:]
	from = uint64(le32(e[8:])) | uint64(le32(e[12:]))<<32
	return le32(e), from, from + uint64(le32(e[4:]))
}

func (p PAC) len() int {
	if p.raw == "" {
		return 0
	}
	return int(le32(p.raw))
}

// find returns the buffer of a kind, and where it is.
func (p PAC) find(kind uint32) (data string, at int, ok bool) {
	for i := range p.len() {
		if k, from, to := p.entry(i); k == kind {
			return p.raw[from:to], int(from), true
		}
	}
	return "", 0, false
}

// Format implements fmt.Formatter. The contents do not show: they are not verified.
func (p PAC) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "pac(%d buffers, %d bytes, not verified)", p.len(), len(p.raw))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (p PAC) MarshalText() ([]byte, error) { return fmt.Append(nil, p), nil }

func malformed(what string) gss.Fault {
	return gss.Fault{Code: gss.Malformed, Detail: "pac: " + what}
}

func le16(s string) uint16 { return uint16(s[0]) | uint16(s[1])<<8 }
func le32(s string) uint32 { return binary.LittleEndian.Uint32([]byte(s[:4])) }
func le64(s string) uint64 { return uint64(le32(s)) | uint64(le32(s[4:]))<<32 }

package pac

import "unicode/utf16"

// ndr reads NDR as type serialization version 1 has it (MS-RPCE section 2.2.6):
// little-endian, each number at a multiple of its size. Once something is wrong there
// is nothing to read.
type ndr struct {
	s  string
	at int
	ok bool
}

// newNDR takes the headers and the pointer off that lead to the structure.
func newNDR(b string) ndr {
	r := ndr{s: b, ok: len(b) >= 16 && b[0] == 1 && b[1] == 0x10 && le16(b[2:]) == 8}
	r.s = b[min(16, len(b)):] // alignment counts from behind the headers
	r.ok = r.ok && r.uint32() != 0
	return r
}

func (r *ndr) take(n, align int) string {
	r.at = (r.at + align - 1) &^ (align - 1)
	if !r.ok || n > len(r.s)-r.at {
		r.ok = false
		return zeros[:min(n, len(zeros))]
	}
	part := r.s[r.at : r.at+n]
	r.at += n
	return part
}

const zeros = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func (r *ndr) uint16() uint16 { return le16(r.take(2, 2)) }
func (r *ndr) uint32() uint32 { return le32(r.take(4, 4)) }

// fileTime reads FILETIME: two words, aligned like one.
func (r *ndr) fileTime() uint64 { return le64(r.take(8, 4)) }

// pointer reports whether there is something behind it.
func (r *ndr) pointer() bool { return r.uint32() != 0 }

// str is RPC_UNICODE_STRING, without what it points to.
type str struct {
	n   uint16 // bytes
	ptr bool
}

func (r *ndr) str() str {
	s := str{n: r.uint16()}
	r.uint16()
	s.ptr = r.pointer()
	return s
}

// chars reads the text that a string points to: UTF-16LE as bytes.
func (r *ndr) chars(s str) string {
	if !s.ptr {
		return ""
	}
	most, offset, n := r.uint32(), r.uint32(), r.uint32()
	if offset != 0 || n > most || n != uint32(s.n)/2 || s.n%2 != 0 {
		r.ok = false
		return ""
	}
	return r.take(int(n)*2, 2)
}

// array reads the contents of a conformant array of n elements.
func (r *ndr) array(n uint32, size int) string {
	if r.uint32() != n || n > maxSize/uint32(size) {
		r.ok = false
		return ""
	}
	return r.take(int(n)*size, 4)
}

// sid reads the SID that a pointer points to.
func (r *ndr) sid(ptr bool) SID {
	if !ptr {
		return ""
	}
	n := r.uint32()
	if n > maxSubAuthorities {
		r.ok = false
		return ""
	}
	s, ok := parseSID(r.take(sidSize(int(n)), 4))
	if !ok || uint32(s[1]) != n {
		r.ok = false
		return ""
	}
	return s
}

// text decodes UTF-16LE.
func text(raw string) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = le16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}

package message

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
)

// Bounds on what a peer may send (law L9).
const (
	MaxMessage  = 1 << 17 // bytes of a message, above what KDCs send over TCP
	MaxElements = 256     // of a list: pre-authentication data, tickets, addresses
)

// reader reads the elements of one level of DER. What goes wrong anywhere is noted in
// one place, and from there on there is nothing to read: a Parse function looks once,
// at its end.
type reader struct {
	s    string
	fail *gss.Fault
}

func malformed(what string) gss.Fault {
	return gss.Fault{Code: gss.Malformed, Detail: "kerberos: " + what}
}

// broken notes the first thing that goes wrong.
func (r *reader) broken(what string) {
	if r.fail.IsZero() {
		*r.fail = malformed(what)
	}
	r.s = ""
}

// start returns a reader of a whole message.
func start(b string, fail *gss.Fault) reader {
	r := reader{b, fail}
	if len(b) > MaxMessage {
		r.broken("a message of more than MaxMessage bytes")
	}
	return r
}

// end wants nothing to be left.
func (r *reader) end() {
	if r.s != "" {
		r.broken("trailing data after a message or a part of it")
	}
}

// has reports whether an element with this tag comes next.
func (r *reader) has(tag byte) bool { return r.s != "" && r.s[0] == tag }

// next returns the contents of the next element, which must have this tag.
func (r *reader) next(tag byte) reader {
	if !r.has(tag) {
		r.broken("an element is missing, or another one is in its place")
		return *r
	}
	body, rest, ok := der.Next(r.s, tag)
	if !ok {
		r.broken("the length of an element is wrong")
		return *r
	}
	r.s = rest
	return reader{body, r.fail}
}

// field returns the contents of [n] EXPLICIT.
func (r *reader) field(n byte) reader { return r.next(der.Context | n) }

// hasField reports whether [n] comes next, for what is OPTIONAL.
func (r *reader) hasField(n byte) bool { return r.has(der.Context | n) }

// primitive returns the contents of the one element inside.
func (r reader) primitive(tag byte) string {
	in := r.next(tag)
	r.end()
	return in.s
}

// sequence returns the contents of the one SEQUENCE inside.
func (r reader) sequence() reader {
	in := r.next(der.Sequence)
	r.end()
	return in
}

// integer reads an INTEGER within the given bounds.
func (r reader) integer(low, high int64) int64 {
	s := r.primitive(der.Integer)
	if len(s) == 0 || len(s) > 8 || len(s) > 1 && (s[0] == 0 && s[1] < 0x80 || s[0] == 0xFF && s[1] >= 0x80) {
		r.broken("an INTEGER is too long, or longer than need be")
		return 0
	}
	v := int64(int8(s[0]))
	for i := 1; i < len(s); i++ {
		v = v<<8 | int64(s[i])
	}
	if v < low || v > high {
		r.broken("an INTEGER is out of range")
		return 0
	}
	return v
}

func (r reader) int32() int32 { return int32(r.integer(-1<<31, 1<<31-1)) }

// uint32 reads UInt32. Some peers write numbers from 2^31 on as negative ones. DER tells
// both apart, and they mean the same.
func (r reader) uint32() uint32 { return uint32(r.integer(-1<<31, 1<<32-1)) }

// version wants [n] INTEGER with this value.
func (r *reader) version(n byte, want int64) {
	in := r.field(n)
	if in.integer(-1<<31, 1<<31-1) != want {
		r.broken("another protocol version or message type")
	}
}

// octets reads an OCTET STRING.
func (r reader) octets() string { return r.primitive(der.OctetString) }

// text reads a KerberosString: any bytes, since peers write UTF-8 in it, but no NUL.
func (r reader) text() string {
	s := r.primitive(der.GeneralString)
	if !names.Valid(s) {
		r.broken("a string is longer than 4096 bytes, or has a NUL")
		return ""
	}
	return s
}

// list looks through a SEQUENCE OF and gives its inside as text. each reads one
// element.
func (r reader) list(each func(*reader)) string {
	in := r.sequence()
	all := in.s
	for n := 0; in.s != ""; n++ {
		if n == MaxElements {
			in.broken("a list of more than MaxElements elements")
			break
		}
		each(&in)
	}
	if !r.fail.IsZero() {
		return ""
	}
	return all
}

// trusted reads what was looked through before.
func trusted(s string) reader { return reader{s, new(gss.Fault)} }

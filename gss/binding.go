package gss

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
)

// Binding is the channel that an authentication is tied to (RFC 5056), as the
// driver knows it. It is one of three values, and none of them is ever turned
// into another (HTA-19): none, there is no TLS below; bytes, this very channel;
// unavailable, there is TLS below but its binding is not known. The zero
// Binding is unavailable.
type Binding struct {
	kind bindingKind
	data string
}

type bindingKind uint8

const (
	unavailable bindingKind = iota
	none
	known
)

// NoBinding says that there is no TLS below. Only a driver that knows so may
// say it: it asserts to the peer that this side is aware of bindings (C30).
func NoBinding() Binding { return Binding{kind: none} }

// BindingOf is a channel's application data: unique prefix, colon, data (RFC
// 5056 section 2.1). Empty data is unavailable.
func BindingOf(data string) Binding {
	if data == "" {
		return Binding{}
	}
	return Binding{known, data}
}

// IsNone reports whether there is no channel to bind to.
func (b Binding) IsNone() bool { return b.kind == none }

// Data is the application data; false unless it is known.
func (b Binding) Data() (string, bool) { return b.data, b.kind == known }

// Hash is what goes on the wire of a binding: the MD5 of its
// gss_channel_bindings structure (RFC 4121 section 4.1.1.2), or sixteen zero
// bytes for none. The two look alike only to who forgets to ask: aware is true
// for both, and false when there is nothing to say, since the binding is
// unavailable, or cannot be computed. It then must not be sent as none (HTA-19,
// C30): NTLM leaves its AV pair out, Kerberos sends the zero Bnd that it must
// send without KERB_AP_OPTIONS_CBT.
//
//	binding      sum    aware
//	none         zero   true
//	known        MD5    true, false under fips
//	unavailable  zero   false
//
// The acceptor compares, and so enforces it (R4559-6-3); the layout is
// R4121-4.1.1.2-1.
//
// fips is crypto/fips140.Enforced() as the caller read it at construction: MD5
// is barred there, and the standard library panics on it.
func (b Binding) Hash(fips bool) (sum [md5.Size]byte, aware bool) {
	switch {
	case b.kind == none:
		return sum, true
	case b.kind == known && !fips:
		return channelHash(b.data), true
	}
	return sum, false
}

// channelHash hashes the structure with both addresses of type 0
// (GSS_C_AF_UNSPEC) and empty, as everyone does who binds to TLS: four zero
// integers, then the application data behind its length, little-endian.
func channelHash(data string) [md5.Size]byte {
	var fixed [128]byte // room for tls-server-end-point with SHA-512 without allocating
	b := binary.LittleEndian.AppendUint32(fixed[:16], uint32(len(data)))
	return md5.Sum(append(b, data...))
}

// Format implements fmt.Formatter: a binding is no secret, but its bytes say
// nothing to a reader.
func (b Binding) Format(f fmt.State, _ rune) {
	switch b.kind {
	case none:
		fmt.Fprint(f, "binding(none)")
	case known:
		fmt.Fprintf(f, "binding(%d bytes)", len(b.data))
	default:
		fmt.Fprint(f, "binding(unavailable)")
	}
}

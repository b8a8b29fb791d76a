package gss

import (
	"crypto/fips140"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"strings"
)

// Binding is the channel to which an authentication is bound (RFC 5056), as the
// driver knows it. It has one of three kinds, and none is ever turned into another:
// none, there is no TLS below; known, the channel's application data; unavailable,
// there is TLS below but its binding is not known. The zero Binding is unavailable.
//
// An acceptor that does not know which of its certificates the connection showed has
// a fourth kind: one of several ([BindingAmong]), possibly of an empty list
// ([Undefined]). It compares with each of them, where unavailable compares with
// nothing.
type Binding struct {
	kind bindingKind
	data string // known: application data; several: hashes, one after another
}

type bindingKind uint8

const (
	unavailable bindingKind = iota
	none
	known
	several
)

// NoBinding returns the binding of a connection without TLS. Only a driver that knows
// that there is none may use it: it asserts to the peer that this side supports
// bindings.
func NoBinding() Binding { return Binding{kind: none} }

// BindingOf returns the binding with a channel's application data: unique prefix, colon,
// data (RFC 5056 section 2.1). Empty data is unavailable.
func BindingOf(data string) Binding {
	if data == "" {
		return Binding{}
	}
	return Binding{known, data}
}

// BindingAmong returns the binding of a channel that is one of several, for an
// acceptor: a server with certificates for many hosts, with an RSA beside an
// ECDSA certificate, or with an old and a new one, where nothing says which of
// them a connection showed. [Binding.Admit] then compares with each. Peers choose
// what a server shows (the server name, their algorithms), so that guessing which
// one it was would leave the choice to an attacker that relays a login.
//
// The result is one comparable value; it grows by 16 bytes for each different
// binding; the caller bounds how many. For a single binding it is that one. In FIPS-only
// mode it cannot be computed and is unavailable, see [Binding.Hash].
//
// The error is a [Misuse]: there are no bindings, or one of them is none or
// unavailable. The result is then not unavailable, which would compare with nothing.
func BindingAmong(of ...Binding) (Binding, error) {
	if len(of) == 0 {
		return Undefined(), Misuse("gss: BindingAmong: there is no binding to compare with; give those of all certificates that the server shows")
	}
	fips, one := fips140.Enforced(), of[0]
	var hashes []byte
	for i, b := range of {
		if b.kind != known && b.kind != several {
			return Undefined(), Misuse(fmt.Sprintf("gss: BindingAmong: number %d of %d is a %v, with which nothing can be compared", i+1, len(of), b))
		}
		if fips {
			continue // MD5 is not allowed
		}
		sums := b.data
		if b.kind == known {
			sum := channelHash(b.data)
			sums = string(sum[:])
		}
		for ; sums != ""; sums = sums[md5.Size:] {
			if !amongHashes(string(hashes), sums[:md5.Size]) {
				hashes = append(hashes, sums[:md5.Size]...)
			}
		}
		if one != b {
			one = Binding{}
		}
	}
	switch {
	case one != Binding{}:
		return one, nil
	case fips:
		return Binding{}, nil
	}
	return Binding{several, string(hashes)}, nil
}

// Undefined returns the binding of a channel for which none is defined, at an
// acceptor: the server's certificate is signed without a hash, or with several
// (RFC 5929 section 4.1). No client can be bound to it. A client that is bound is bound
// to another channel, and [Binding.Admit] refuses it.
func Undefined() Binding { return Binding{kind: several} }

// Hashes returns the hashes that a binding of several is compared with, 16 bytes
// each, one after another; empty for [Undefined]. It reports false for any other
// binding.
func (b Binding) Hashes() (string, bool) {
	if b.kind != several {
		return "", false
	}
	return b.data, true
}

// BindingOfHashes returns the binding of several with those hashes, as [Binding.Hashes]
// returned them for a trace. It reports false if hashes is not a whole number of them.
func BindingOfHashes(hashes string) (Binding, bool) {
	if len(hashes)%md5.Size != 0 {
		return Undefined(), false
	}
	return Binding{several, hashes}, true
}

// amongHashes reports whether sum is one of hashes. It compares with each, in a
// time that depends on their number alone.
func amongHashes(hashes, sum string) bool {
	found := false
	for ; len(hashes) >= md5.Size; hashes = hashes[md5.Size:] {
		found = Equal(hashes[:md5.Size], sum) || found
	}
	return found
}

// IsNone reports whether there is no channel to bind to.
func (b Binding) IsNone() bool { return b.kind == none }

// Data returns the application data, and false unless it is known.
func (b Binding) Data() (string, bool) { return b.data, b.kind == known }

// Hash returns the form of a binding on the wire: the MD5 of its gss_channel_bindings
// structure (RFC 4121 section 4.1.1.2), or sixteen zero bytes for none. Check aware to
// tell none from unavailable: it is false where the binding is unavailable or cannot
// be computed. Such a binding must not be sent as none: NTLM leaves its AV pair out,
// and Kerberos sends the zero Bnd, which it must send, without KERB_AP_OPTIONS_CBT.
//
//	binding      sum    aware
//	none         zero   true
//	known        MD5    true, false under fips
//	unavailable  zero   false
//	several      zero   false
//
// The acceptor compares by [Binding.Admit].
//
// fips is crypto/fips140.Enforced() as the caller read it at construction: MD5 is not
// allowed in that mode, and the standard library panics on it.
func (b Binding) Hash(fips bool) (sum [md5.Size]byte, aware bool) {
	switch {
	case b.kind == none:
		return sum, true // HTA-19: only none is sent as none
	case b.kind == known && !fips:
		return channelHash(b.data), true
	}
	return sum, false
}

// Admit judges, for an acceptor with the channel b, the binding of a client (RFC 4559
// section 6). sum is the hash that the client sent, and said reports whether it spoke of
// bindings at all: it sent a hash, or said that it supports bindings. A sum of zeros (or
// none) from a client that spoke says that there is no TLS below it. fips is as for [Binding.Hash].
//
//	client          b known or several,     b known or several,  b neither,
//	                IfAvailable             Require              Require
//	one of b's      bound                   bound                refused
//	another         refused                 refused              refused
//	zeros           refused                 refused              refused
//	did not speak   admitted                refused              refused
//
// Under Ignore, and under IfAvailable where b is none or unavailable, all clients are
// admitted. why is empty for an admitted client; otherwise it says what was wrong, for
// a [Fault] of code [BadBinding]. All comparisons take constant time.
func (b Binding) Admit(demand Requirement, fips, said bool, sum string) (bound bool, why string) { // R4559-6-3
	if demand == Ignore {
		return false, ""
	}
	ours := b.data
	if b.kind == known && !fips {
		own := channelHash(b.data)
		ours = string(own[:])
	}
	switch {
	case fips || b.kind == none || b.kind == unavailable:
		if demand == Require {
			return false, "Config.ChannelBinding is Require, but this side has no channel binding"
		}
		return false, ""
	case !said && demand == Require:
		return false, "the client sent no channel binding, which Config.ChannelBinding demands"
	case !said:
		return false, ""
	case sum == "" || Equal(sum, zeroHash):
		return false, "the client supports channel bindings and saw no TLS, but this connection has TLS: its login may have been relayed"
	case !amongHashes(ours, sum): // BIND-1
		return false, "the client is bound to another channel than this one: its login may have been relayed, or a certificate that the server shows is not among those that it compares with"
	}
	return true, ""
}

// zeroHash is sent in place of the hash of none.
var zeroHash = strings.Repeat("\x00", md5.Size)

// channelHash hashes the structure (R4121-4.1.1.2-1) with both addresses of type 0
// (GSS_C_AF_UNSPEC) and empty, as all implementations that bind to TLS do: four zero
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
	case several:
		fmt.Fprintf(f, "binding(one of %d)", len(b.data)/md5.Size)
	default:
		fmt.Fprint(f, "binding(unavailable)")
	}
}

package ntlm

import (
	"crypto/fips140"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// signatureSize is the length of a message signature: of a MIC, and of what Wrap
// puts before the message.
const signatureSize = 16

// NewSession returns message protection (MS-NLMP section 3.4) under an exported session key
// that was negotiated elsewhere; contexts make their own. flags are those of the
// AUTHENTICATE message, at least one of SIGN and SEAL among them: without them there is
// no protection, and the fault is Unsupported, as always in FIPS-only mode.
//
// With FlagDatagram messages may arrive in any order: each is sealed under a key of its
// own, and accepted once ([gss.Window]). That needs FlagESS, without which a receiver
// cannot read the sequence number before it knows it; without it datagrams must arrive
// in order.
func NewSession(flags uint32, exported Key, initiator bool) (gss.Session, gss.Fault) {
	if fips140.Enforced() {
		return nil, barred()
	}
	negotiated := ntlmssp.Flags(flags)
	if !negotiated.Any(ntlmssp.FlagSign | ntlmssp.FlagSeal) {
		return nil, gss.Fault{Code: gss.Unsupported, Detail: "ntlm: neither signing nor sealing was negotiated"}
	}
	return newSession(negotiated, exported, initiator), gss.Fault{}
}

// barred returns the fault of everything that FIPS-only mode does not allow.
func barred() gss.Fault {
	return gss.Fault{Code: gss.Unsupported, Detail: "ntlm: not available in FIPS-only mode, which forbids MD4, MD5 and RC4; use Kerberos"}
}

// session is a value: about 700 bytes, most of them key streams. A context keeps
// none; it makes one when asked.
//
// Without extended session security there is one key, one stream and one
// sequence number for both directions (section 3.4: half-duplex), which is out.
type session struct {
	flags   ntlmssp.Flags
	out, in direction
}

type direction struct {
	sign   Key
	seal   Key
	size   uint8 // bytes of seal in use
	seq    uint32
	taken  gss.Window // datagrams
	stream rc4
}

func newSession(flags ntlmssp.Flags, exported Key, initiator bool) session {
	s := session{flags: flags}
	s.out, s.in = newDirection(flags, exported, initiator), newDirection(flags, exported, !initiator)
	return s
}

func newDirection(flags ntlmssp.Flags, exported Key, fromClient bool) direction {
	d := direction{sign: signKey(flags, exported, fromClient)}
	d.seal, d.size = sealKey(flags, exported, fromClient)
	d.stream = newRC4(d.seal[:d.size])
	return d
}

// The constants of section 3.4.5; the NUL at their end is hashed as well.
const (
	magicClientSign = "session key to client-to-server signing key magic constant\x00"
	magicServerSign = "session key to server-to-client signing key magic constant\x00"
	magicClientSeal = "session key to client-to-server sealing key magic constant\x00"
	magicServerSeal = "session key to server-to-client sealing key magic constant\x00"
)

// signKey returns SIGNKEY (section 3.4.5.2).
func signKey(flags ntlmssp.Flags, exported Key, fromClient bool) Key {
	if !flags.Has(ntlmssp.FlagESS) {
		return Key{}
	}
	magic := magicServerSign
	if fromClient {
		magic = magicClientSign
	}
	return keyFrom(exported[:], magic)
}

// sealKey returns SEALKEY (section 3.4.5.3), and how many of its bytes count.
func sealKey(flags ntlmssp.Flags, exported Key, fromClient bool) (k Key, size uint8) {
	n := len(exported)
	switch {
	case flags.Has(ntlmssp.FlagESS):
		if !flags.Has(ntlmssp.Flag128) {
			n = 5
			if flags.Has(ntlmssp.Flag56) {
				n = 7
			}
		}
		magic := magicServerSeal
		if fromClient {
			magic = magicClientSeal
		}
		return keyFrom(exported[:n], magic), uint8(len(k))
	case flags.Any(ntlmssp.FlagLMKey | ntlmssp.FlagDatagram):
		copy(k[:], exported[:8])
		if flags.Has(ntlmssp.Flag56) {
			k[7] = 0xa0
		} else {
			k[5], k[6], k[7] = 0xe5, 0x38, 0xb0
		}
		return k, 8
	}
	return exported, uint8(len(exported))
}

func keyFrom(key []byte, magic string) Key {
	var room [16 + len(magicClientSign)]byte
	return md5.Sum(append(append(room[:0], key...), magic...))
}

// receiving returns the direction of the peer's messages.
func (s *session) receiving() *direction {
	if s.flags.Has(ntlmssp.FlagESS) {
		return &s.in
	}
	return &s.out
}

// rekey gives a datagram its own stream (section 3.4).
func (s *session) rekey(d *direction, seq uint32) {
	if !s.flags.Has(ntlmssp.FlagDatagram) {
		return
	}
	var room [20]byte
	k := md5.Sum(binary.LittleEndian.AppendUint32(append(room[:0], d.seal[:d.size]...), seq))
	d.stream = newRC4(k[:])
}

// mac returns MAC (section 3.4.4) of message under sequence number seq. With seal it
// also runs the message through the stream, in place; the checksum is that of the plain
// text, but goes through the stream after it (section 3.4.3).
func (s *session) mac(d *direction, seq uint32, message []byte, seal bool) (sig [signatureSize]byte) {
	sig[0] = 1
	if s.flags.Has(ntlmssp.FlagESS) {
		binary.LittleEndian.PutUint32(sig[12:], seq)
		var room [scratch]byte
		b := append(append(hmacStart(room[:0], &d.sign), sig[12:]...), message...)
		sum := hmacEnd(b, &d.sign)
		copy(sig[4:12], sum[:])
	} else {
		binary.LittleEndian.PutUint32(sig[8:], crc32.ChecksumIEEE(message))
	}
	if seal {
		d.stream.xor(message)
	}
	switch {
	case !s.flags.Has(ntlmssp.FlagESS):
		// A pad of zeros, the CRC and a zero run through the stream; the sequence
		// number goes on top. The pad is zero again in the end, as section 3.4.4.1
		// and Windows have it; the example in 4.2.2.4 leaves it encrypted.
		d.stream.xor(sig[4:])
		clear(sig[4:8])
		for i := range 4 {
			sig[12+i] ^= byte(seq >> (8 * i))
		}
	case s.flags.Has(ntlmssp.FlagKeyExchange):
		d.stream.xor(sig[4:12])
	}
	return sig
}

// protect returns the next token: the signature, followed by the message if along is
// set.
func (s session) protect(message string, along, seal bool) (gss.Session, string, gss.Fault) {
	if seal && !s.flags.Has(ntlmssp.FlagSeal) {
		return s, "", gss.Fault{Code: gss.Unsupported, Detail: "ntlm: confidentiality was not negotiated"}
	}
	next := s
	d := &next.out
	if d.seq == math.MaxUint32 {
		return s, "", gss.Fault{Code: gss.LimitExceeded, Detail: "ntlm: no sequence numbers left, make a new context"}
	}
	var room [scratch]byte
	b := append(room[:signatureSize], message...)
	next.rekey(d, d.seq)
	sig := next.mac(d, d.seq, b[signatureSize:], seal)
	copy(b, sig[:])
	d.seq++ // NLMP-3.4.4-1
	if !along {
		b = b[:signatureSize]
	}
	return next, string(b), gss.Fault{}
}

// open checks sig over data, which it unseals first if it is sealed. The session
// comes back as it was when there is a fault (NLMP-3.4.4-1).
func (s session) open(sig, data string, sealed bool) (gss.Session, []byte, gss.Fault) {
	if len(sig) != signatureSize || ntlmssp.Uint32(sig, 0) != 1 {
		return s, nil, malformed("expected a message signature of 16 bytes")
	}
	next := s
	d := next.receiving()
	seq, datagram := d.seq, s.flags.Has(ntlmssp.FlagDatagram)
	if s.flags.Has(ntlmssp.FlagESS) {
		seq = ntlmssp.Uint32(sig, 12)
	}
	switch {
	case seq == math.MaxUint32:
		return s, nil, gss.Fault{Code: gss.LimitExceeded, Detail: "ntlm: no sequence numbers left, make a new context"}
	case datagram && s.flags.Has(ntlmssp.FlagESS):
		var fresh bool
		if d.taken, fresh = d.taken.Admit(seq + 1); !fresh {
			return s, nil, gss.Fault{Code: gss.Replayed, Detail: "ntlm: replayed datagram, or one that is too old to check"}
		}
	case seq < d.seq:
		return s, nil, gss.Fault{Code: gss.Replayed, Detail: "ntlm: replayed message"}
	case seq > d.seq:
		return s, nil, gss.Fault{Code: gss.Unexpected, Detail: "ntlm: a message is missing before this one"}
	}
	next.rekey(d, seq)
	plain := []byte(data)
	if sealed {
		d.stream.xor(plain)
	}
	want := next.mac(d, seq, plain, false)
	from := 4
	if !s.flags.Has(ntlmssp.FlagESS) { // receivers ignore the pad
		from = 8
	}
	if !gss.Equal(sig[from:], string(want[from:])) {
		return s, nil, gss.Fault{Code: gss.NotAuthentic, Detail: "ntlm: the message signature does not match"}
	}
	d.seq = max(d.seq, seq+1)
	return next, plain, gss.Fault{}
}

// Wrap implements [gss.Session]. The token is the signature and then the message,
// sealed or not; nothing in it says which. Sealing that was not negotiated is
// Unsupported. Nothing is drawn from the Env.
func (s session) Wrap(_ gss.Env, plain string, seal bool) (gss.Session, string, gss.Fault) {
	return s.protect(plain, true, seal)
}

// Unwrap implements [gss.Session]. A token does not say whether its message is
// sealed: what was negotiated is tried first, then the other, since some peers
// seal whatever was negotiated. Without key exchange the signature does not
// depend on the key stream, and a message of a byte or two may read the same
// either way: there a sender had better not mix the two.
func (s session) Unwrap(token string) (gss.Session, string, bool, gss.Fault) {
	if len(token) < signatureSize {
		return s, "", false, malformed("expected a wrapped message of at least 16 bytes")
	}
	sig, data := token[:signatureSize], token[signatureSize:]
	sealed := s.flags.Has(ntlmssp.FlagSeal)
	next, plain, fault := s.open(sig, data, sealed)
	if fault.Code == gss.NotAuthentic {
		sealed = !sealed
		next, plain, fault = s.open(sig, data, sealed)
	}
	return next, string(plain), sealed && fault.IsZero(), fault
}

// MIC implements [gss.Session].
func (s session) MIC(message string) (gss.Session, string, gss.Fault) {
	return s.protect(message, false, false)
}

// VerifyMIC implements [gss.Session].
func (s session) VerifyMIC(message, mic string) (gss.Session, gss.Fault) {
	next, _, fault := s.open(mic, message, false)
	return next, fault
}

// ResetCipher starts both key streams anew, and leaves the sequence numbers as
// they are. SPNEGO calls it after each mechListMIC: it restores the RC4 state from
// before, and the mechListMICs are the first messages (MS-SPNG sections 3.2.5.1 and
// 3.3.5.1). It finds this method by
//
//	interface{ ResetCipher() gss.Session }
func (s session) ResetCipher() gss.Session {
	s.out.stream = newRC4(s.out.seal[:s.out.size])
	s.in.stream = newRC4(s.in.seal[:s.in.size])
	return s
}

// Format implements fmt.Formatter: the keys stay hidden.
func (s session) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "ntlm session(sent %d, taken %d)", s.out.seq, s.receiving().seq)
}

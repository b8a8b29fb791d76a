package kerberos

import (
	"encoding/binary"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// session is message protection by RFC 4121 section 4.2, as a value of a key and two
// sequence numbers. What a message needs is derived from the key when it comes.
type session struct {
	key            krb.Key
	initiator      bool // this side is the initiator
	acceptorSubkey bool // the key is one that the acceptor chose
	send, recv     uint64
}

// The flags of a token (section 4.2.2).
const (
	sentByAcceptor  = 0x01
	sealedToken     = 0x02
	byAcceptorsKey  = 0x04
	tokenFlags      = sentByAcceptor | sealedToken | byAcceptorsKey
	tokenHeader     = 16
	micTokenID      = "\x04\x04"
	wrapTokenID     = "\x05\x04"
	confounderLabel = "kerberos wrap"
)

// usages are those of one direction (section 2).
type usages struct{ seal, sign enctype.Usage }

func usagesOf(initiator bool) usages {
	if initiator {
		return usages{enctype.UsageInitiatorSeal, enctype.UsageInitiatorSign}
	}
	return usages{enctype.UsageAcceptorSeal, enctype.UsageAcceptorSign}
}

// newSession makes a session with the tokens that belong to the key's type; false if there is
// no key.
func newSession(key krb.Key, initiator, acceptorSubkey bool, send, recv uint64) (gss.Session, bool) {
	switch {
	case key.IsZero():
		return nil, false
	case key.Type() == krb.RC4:
		return rc4Session{key, initiator, uint32(send), uint32(recv)}, true
	}
	return session{key, initiator, acceptorSubkey, send, recv}, true
}

// flags returns the flags of a side's tokens.
func (s session) flags(byInitiator bool) (f byte) {
	if !byInitiator {
		f |= sentByAcceptor
	}
	if s.acceptorSubkey {
		f |= byAcceptorsKey
	}
	return f
}

// header returns the first sixteen bytes of a token (section 4.2.6): a MIC token has filler
// in place of a Wrap token's EC and RRC.
func header(id string, flags byte, ec, rrc uint16, seq uint64) []byte {
	h := make([]byte, 0, tokenHeader)
	h = append(append(h, id...), flags, 0xFF)
	h = binary.BigEndian.AppendUint16(h, ec)
	h = binary.BigEndian.AppendUint16(h, rrc)
	return binary.BigEndian.AppendUint64(h, seq)
}

// MIC implements gss.Session (section 4.2.6.1).
func (s session) MIC(message string) (gss.Session, string, gss.Fault) {
	h := string(header(micTokenID, s.flags(s.initiator), 0xFFFF, 0xFFFF, s.send))
	sum := enctype.Checksum(s.key, usagesOf(s.initiator).sign, message+h)
	s.send++
	return s, h + sum, gss.Fault{}
}

// VerifyMIC implements gss.Session.
func (s session) VerifyMIC(message, mic string) (gss.Session, gss.Fault) {
	if fault := s.look(micTokenID, mic, 0); !fault.IsZero() {
		return s, fault
	}
	if mic[4:8] != "\xFF\xFF\xFF\xFF" {
		return s, malformedToken("invalid filler")
	}
	if !enctype.Verify(s.key, usagesOf(!s.initiator).sign, message+mic[:tokenHeader], mic[tokenHeader:]) {
		return s, forged()
	}
	return s.received(mic)
}

// Wrap implements gss.Session (section 4.2.6.2). Nothing is rotated.
func (s session) Wrap(env gss.Env, plain string, seal bool) (gss.Session, string, gss.Fault) {
	flags, use := s.flags(s.initiator), usagesOf(s.initiator).seal
	if !seal {
		h := header(wrapTokenID, flags, 0, 0, s.send)
		sum := enctype.Checksum(s.key, use, plain+string(h))
		binary.BigEndian.PutUint16(h[4:], uint16(len(sum)))
		s.send++
		return s, string(h) + plain + sum, gss.Fault{}
	}
	confounder, ok := env.Bytes(confounderLabel, enctype.ConfounderSize(s.key.Type()))
	if !ok {
		return s, "", noEntropy()
	}
	h := string(header(wrapTokenID, flags|sealedToken, 0, 0, s.send))
	s.send++
	return s, h + enctype.Encrypt(s.key, use, confounder, plain+h), gss.Fault{}
}

// Unwrap implements gss.Session. The data may be rotated by any number.
func (s session) Unwrap(token string) (next gss.Session, plain string, sealed bool, fault gss.Fault) {
	if fault := s.look(wrapTokenID, token, sealedToken); !fault.IsZero() {
		return s, "", false, fault
	}
	sealed = token[2]&sealedToken != 0
	ec, rrc := int(binary.BigEndian.Uint16([]byte(token[4:6]))), int(binary.BigEndian.Uint16([]byte(token[6:8])))
	h, data := token[:4]+"\x00\x00\x00\x00"+token[8:tokenHeader], token[tokenHeader:]
	if n := len(data); n > 0 { // section 4.2.5
		rrc %= n
		data = data[rrc:] + data[:rrc]
	}
	use := usagesOf(!s.initiator).seal
	if !sealed {
		if ec != enctype.ChecksumSize(s.key.Type()) || ec > len(data) {
			return s, "", false, malformedToken("a checksum of another length")
		}
		plain = data[:len(data)-ec]
		if !enctype.Verify(s.key, use, plain+h, data[len(plain):]) {
			return s, "", false, forged()
		}
	} else {
		text, ok := enctype.Decrypt(s.key, use, data)
		if !ok {
			return s, "", false, forged()
		}
		// Inside stands the header as it was before rotation, behind the filler (section
		// 4.2.4).
		at := len(text) - tokenHeader
		if at < ec || text[at:at+6] != token[:6] || text[at+8:] != token[8:tokenHeader] {
			return s, "", false, forged()
		}
		plain = text[:at-ec]
	}
	if next, fault = s.received(token); !fault.IsZero() { // KRB-8
		return s, "", false, fault
	}
	return next, plain, sealed, gss.Fault{}
}

// look checks what stands in a token's header; may are flags that are the sender's
// choice. Those that are not known are ignored.
func (s session) look(id, token string, may byte) gss.Fault {
	switch {
	case len(token) < tokenHeader || token[:2] != id:
		return malformedToken("expected a token of RFC 4121, another or none came")
	case token[3] != 0xFF:
		return malformedToken("invalid filler")
	case token[2]&tokenFlags&^may != s.flags(!s.initiator): // R4121-4.2.2-1
		return gss.Fault{Code: gss.Unexpected, Detail: "kerberos: a token of this side was reflected, or is under another key"}
	}
	return gss.Fault{}
}

// received wants the next sequence number, after the token was found genuine.
func (s session) received(token string) (gss.Session, gss.Fault) {
	if seq := binary.BigEndian.Uint64([]byte(token[8:tokenHeader])); seq != s.recv {
		return s, outOfOrder(seq < s.recv)
	}
	s.recv++
	return s, gss.Fault{}
}

func outOfOrder(before bool) gss.Fault {
	if before {
		return gss.Fault{Code: gss.Replayed, Detail: "kerberos: replayed message, its sequence number was used before"}
	}
	return gss.Fault{Code: gss.Unexpected, Detail: "kerberos: message out of sequence, an earlier one is missing"}
}

func malformedToken(what string) gss.Fault {
	return gss.Fault{Code: gss.Malformed, Detail: "kerberos: a message token: " + what}
}

func forged() gss.Fault {
	return gss.Fault{Code: gss.NotAuthentic, Detail: "kerberos: a message token that does not verify"}
}

// Format implements fmt.Formatter: the key stays hidden.
func (s session) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kerberos session(%v, %d sent, %d received)", s.key, s.send, s.recv)
}

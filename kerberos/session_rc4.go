package kerberos

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// rc4Session is message protection for keys of rc4-hmac by RFC 4757 section 7: tokens
// of RFC 1964 section 1.2 with other checksums.
type rc4Session struct {
	key        krb.Key
	initiator  bool // this side is the initiator
	send, recv uint32
}

// A token is, behind the framing of RFC 2743:
//
//	0..1    TOK_ID
//	2..3    SGN_ALG, HMAC-MD5
//	4..5    SEAL_ALG of a Wrap token: RC4, or none; filler of a MIC
//	6..7    filler
//	8..15   SND_SEQ, encrypted
//	16..23  SGN_CKSUM
//	24..31  confounder of a Wrap token, then the text and one byte of padding
const (
	rc4MIC      message.TokenID = 0x0101
	rc4Wrap     message.TokenID = 0x0201
	rc4Plain                    = "\x11\x00\xFF\xFF\xFF\xFF"
	rc4Sealed                   = "\x11\x00\x10\x00\xFF\xFF"
	rc4Sequence                 = 8  // bytes
	rc4Sum                      = 8  // bytes
	rc4Salt                     = 13 // usages as Microsoft numbers them
	rc4SaltMIC                  = 15
	rc4Padding                  = "\x01"
)

func hmacMD5(key []byte, data ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

// derived returns a key for one purpose under k; export-strength types are not
// implemented.
func derived(k []byte, data []byte) []byte { return hmacMD5(hmacMD5(k, []byte{0, 0, 0, 0}), data) }

func crypt(key []byte, parts ...[]byte) {
	c, err := rc4.NewCipher(key)
	if err != nil { // for lengths that a sum does not have
		return
	}
	for _, p := range parts {
		c.XORKeyStream(p, p)
	}
}

// sum returns SGN_CKSUM (section 7.3), over the usage, the token's first eight bytes and
// the protected text.
func (s rc4Session) sum(salt uint32, id message.TokenID, head, text string) []byte {
	h := md5.New()
	h.Write(binary.LittleEndian.AppendUint32(nil, salt))
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(id)))
	h.Write([]byte(head))
	h.Write([]byte(text))
	sign := hmacMD5([]byte(s.key.Reveal()), []byte("signaturekey\x00"))
	return hmacMD5(sign, h.Sum(nil))[:rc4Sum]
}

// rc4SequenceOf returns SND_SEQ before encryption, of a side's token.
func rc4SequenceOf(n uint32, byInitiator bool) []byte {
	b := binary.BigEndian.AppendUint32(nil, n)
	if byInitiator {
		return append(b, 0, 0, 0, 0)
	}
	return append(b, 0xFF, 0xFF, 0xFF, 0xFF)
}

// hide encrypts SND_SEQ, or decrypts it.
func (s rc4Session) hide(sequence, sum []byte) { crypt(derived([]byte(s.key.Reveal()), sum), sequence) }

// seal encrypts confounder and text under the message's own key, or decrypts them.
func (s rc4Session) seal(n uint32, text []byte) {
	local := []byte(s.key.Reveal())
	for i := range local {
		local[i] ^= 0xF0
	}
	crypt(derived(local, binary.BigEndian.AppendUint32(nil, n)), text)
}

// token puts a token together and counts it.
func (s rc4Session) token(id message.TokenID, head string, sum, data []byte) (gss.Session, string, gss.Fault) {
	sequence := rc4SequenceOf(s.send, s.initiator)
	s.hide(sequence, sum)
	s.send++
	body := append(append(append([]byte(head), sequence...), sum...), data...)
	return s, message.Frame(gss.Kerberos, id, body), gss.Fault{}
}

// MIC implements gss.Session.
func (s rc4Session) MIC(text string) (gss.Session, string, gss.Fault) {
	return s.token(rc4MIC, rc4Plain, s.sum(rc4SaltMIC, rc4MIC, rc4Plain, text), nil)
}

// Wrap implements gss.Session.
func (s rc4Session) Wrap(env gss.Env, plain string, seal bool) (gss.Session, string, gss.Fault) {
	confounder, ok := env.Bytes(confounderLabel, enctype.ConfounderSize(s.key.Type()))
	if !ok {
		return s, "", noEntropy()
	}
	head, data := rc4Plain, []byte(confounder+plain+rc4Padding)
	if seal {
		head = rc4Sealed
	}
	sum := s.sum(rc4Salt, rc4Wrap, head, string(data))
	if seal {
		s.seal(s.send, data)
	}
	return s.token(rc4Wrap, head, sum, data)
}

// open takes a token apart as far as it needs no key.
func (s rc4Session) open(id message.TokenID, token string) (head string, n uint32, sum []byte, data []byte, fault gss.Fault) {
	mech, kind, body, ok := message.Unframe(token)
	if !ok || mech != gss.Kerberos || kind != id || len(body) < len(rc4Plain)+rc4Sequence+rc4Sum {
		return "", 0, nil, nil, malformedToken("expected one of RFC 4757 for this key, another or none came")
	}
	if head = body[:len(rc4Plain)]; head != rc4Plain && (head != rc4Sealed || id == rc4MIC) {
		return "", 0, nil, nil, malformedToken("algorithms that are not those of the key")
	}
	rest := []byte(body[len(rc4Plain):])
	sequence, sum, data := rest[:rc4Sequence], rest[rc4Sequence:rc4Sequence+rc4Sum], rest[rc4Sequence+rc4Sum:]
	s.hide(sequence, sum)
	n = binary.BigEndian.Uint32(sequence)
	if string(sequence) != string(rc4SequenceOf(n, !s.initiator)) {
		return "", 0, nil, nil, gss.Fault{Code: gss.NotAuthentic, Detail: "kerberos: a message token that does not verify, or one of this side that was reflected"}
	}
	return head, n, sum, data, gss.Fault{}
}

// VerifyMIC implements gss.Session.
func (s rc4Session) VerifyMIC(text, mic string) (gss.Session, gss.Fault) {
	head, n, sum, data, fault := s.open(rc4MIC, mic)
	switch {
	case !fault.IsZero():
		return s, fault
	case len(data) > 0:
		return s, malformedToken("trailing data after a MIC")
	case !hmac.Equal(sum, s.sum(rc4SaltMIC, rc4MIC, head, text)):
		return s, forged()
	}
	return s.received(n)
}

// Unwrap implements gss.Session.
func (s rc4Session) Unwrap(token string) (next gss.Session, plain string, sealed bool, fault gss.Fault) {
	head, n, sum, data, fault := s.open(rc4Wrap, token)
	conf := enctype.ConfounderSize(s.key.Type())
	switch {
	case !fault.IsZero():
		return s, "", false, fault
	case len(data) < conf+len(rc4Padding):
		return s, "", false, malformedToken("shorter than a confounder")
	}
	if sealed = head == rc4Sealed; sealed {
		s.seal(n, data)
	}
	text := string(data)
	if !hmac.Equal(sum, s.sum(rc4Salt, rc4Wrap, head, text)) || text[len(text)-1:] != rc4Padding {
		return s, "", false, forged()
	}
	if next, fault = s.received(n); !fault.IsZero() { // KRB-8
		return s, "", false, fault
	}
	return next, text[conf : len(text)-len(rc4Padding)], sealed, gss.Fault{}
}

// received wants the next sequence number, after the token was found genuine. Numbers
// begin anew behind the last one.
func (s rc4Session) received(n uint32) (gss.Session, gss.Fault) {
	if n != s.recv {
		return s, outOfOrder(int32(n-s.recv) < 0)
	}
	s.recv++
	return s, gss.Fault{}
}

// Format implements fmt.Formatter: the key stays hidden.
func (s rc4Session) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kerberos session(%v, %d sent, %d received)", s.key, s.send, s.recv)
}

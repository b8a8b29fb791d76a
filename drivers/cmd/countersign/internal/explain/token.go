package explain

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/gss"
)

// decoder explains one kind of token.
type decoder struct {
	// kind is the name of such tokens.
	kind string
	// note describes their purpose in a few words; "" if kind is enough.
	note string
	// is reports, by its first bytes, whether a token is of this kind.
	is func(token string) bool
	// alone tells that such a token is in no other token.
	alone bool
	// say, if not nil, explains a token in one line. Otherwise the line is made of the nodes
	// below it.
	say func(token string) string
	// look adds the explanation below n; nil if kind and length are the whole explanation.
	// It is total, and returns faults with their offset in the token.
	look func(token string, n *Node) []Fault
}

// decoders returns the known kinds of tokens. The first one that matches a token explains it.
// It is a function since tokens contain tokens: a variable would refer to itself.
func decoders() []decoder {
	return []decoder{
		{kind: "NTLMSSP NEGOTIATE", note: "type 1: the client's capabilities", is: messageOf(1), look: lookNegotiate, say: sayNegotiate},
		{kind: "NTLMSSP CHALLENGE", note: "type 2: the server's challenge", is: messageOf(2), look: lookChallenge, say: sayChallenge},
		{kind: "NTLMSSP AUTHENTICATE", note: "type 3: the client's response", is: messageOf(3), look: lookAuthenticate, say: sayAuthenticate},
		{kind: "SPNEGO NegTokenInit", note: "the first token, with the mechanisms on offer", is: framed(gss.SPNEGO, ""), look: lookInit, say: sayInit, alone: true},
		{kind: "SPNEGO NegTokenInit", note: "the first token, without GSS framing", is: starts("\xa0"), look: lookInit, say: sayInit, alone: true},
		{kind: "SPNEGO NegTokenResp", note: "a later token of a negotiation", is: starts("\xa1"), look: lookResp, say: sayResp, alone: true},
		{kind: "Kerberos AP-REQ", note: "in GSS framing: ticket and authenticator", is: framed(gss.Kerberos, "\x01\x00"), look: lookAPReq, say: sayAPReq},
		{kind: "Kerberos AP-REP", note: "in GSS framing: the server's proof", is: framed(gss.Kerberos, "\x02\x00"), look: lookAPRep, say: sayAPRep},
		{kind: "Kerberos KRB-ERROR", note: "in GSS framing: an error", is: framed(gss.Kerberos, "\x03\x00"), look: lookKRBError, say: sayKRBError},
		{kind: "Kerberos AP-REQ", note: "without GSS framing", is: starts("\x6e"), look: lookAPReq, say: sayAPReq},
		{kind: "Kerberos AP-REP", note: "without GSS framing", is: starts("\x6f"), look: lookAPRep, say: sayAPRep},
		{kind: "Kerberos KRB-ERROR", note: "without GSS framing", is: starts("\x7e"), look: lookKRBError, say: sayKRBError},
		{kind: "Kerberos MIC token", note: "a signature of RFC 4121", is: starts("\x04\x04")},
		{kind: "Kerberos Wrap token", note: "a protected message of RFC 4121", is: starts("\x05\x04")},
		{kind: "GSS token", note: "the first token of a mechanism", is: framed("", ""), look: lookFrame},
		{kind: "toy token", note: "of the mechanism for tests, which has no security", is: starts("toy:"), look: lookToy},
		{kind: "name and password", note: "as in Basic", is: isPair, look: lookPair, alone: true},
	}
}

func decoderOf(token string) (decoder, bool) {
	for _, d := range decoders() {
		if d.is(token) {
			return d, true
		}
	}
	return decoder{}, false
}

// explainToken explains token, which starts in base64 at offset at.
func explainToken(e *Explanation, n *Node, token string, at int) {
	n.Value = count(len(token), "byte")
	d, ok := decoderOf(token)
	if !ok {
		n.Note = "unknown"
		e.fault(at, "unknown token: expected SPNEGO, NTLMSSP or Kerberos")
		return
	}
	n.Value = d.kind + ", " + n.Value
	n.Note = d.note
	if d.look == nil {
		return
	}
	for _, f := range d.look(token, n) {
		e.fault(at+f.Offset*4/3, fmt.Sprintf("%s (byte %d of the token)", f.Reason, f.Offset))
	}
}

func starts(prefix string) func(string) bool {
	return func(token string) bool { return strings.HasPrefix(token, prefix) }
}

// messageOf returns a function that matches NTLM messages by signature and type (MS-NLMP section
// 2.2.1).
func messageOf(kind uint32) func(string) bool {
	return func(token string) bool {
		rest, ok := strings.CutPrefix(token, "NTLMSSP\x00")
		return ok && len(rest) >= 4 && binary.LittleEndian.Uint32([]byte(rest[:4])) == kind
	}
}

// framed returns a function that matches tokens in GSS framing (RFC 2743 section 3.1) by their
// mechanism and the bytes that follow; "" matches all.
func framed(mech gss.OID, inner string) func(string) bool {
	return func(token string) bool {
		m, rest, ok := unframe(token)
		return ok && (mech == "" || m == mech) && strings.HasPrefix(rest, inner)
	}
}

// unframe removes the framing. It does not check that the token is as long as its header says.
func unframe(token string) (mech gss.OID, rest string, ok bool) {
	rest, ok = strings.CutPrefix(token, "\x60")
	if !ok || rest == "" {
		return "", "", false
	}
	skip := 1
	if n := rest[0]; n > 0x80 { // the long form: n-0x80 bytes of length
		skip += int(n - 0x80)
	}
	if len(rest) < skip+2 || rest[skip] != 0x06 {
		return "", "", false
	}
	rest = rest[skip+1:]
	n := int(rest[0])
	if n >= 0x80 || len(rest) < 1+n {
		return "", "", false
	}
	return gss.OID(rest[1 : 1+n]), rest[1+n:], true
}

func lookFrame(token string, n *Node) []Fault {
	mech, _, _ := unframe(token)
	n.add(Node{Name: "mechanism", Value: mech.String(), Note: mech.Dotted(), Offset: n.Offset})
	return nil
}

// toySteps describes the tokens of gss/gsstoy.
var toySteps = []struct{ prefix, note string }{
	{"h", "a hint, before the first token"},
	{"i", "the initiator's, by number"},
	{"c", "the acceptor's challenge, by number"},
	{"f", "the acceptor's last"},
	{"x", "the acceptor refuses"},
}

func lookToy(token string, n *Node) []Fault {
	step, _, _ := strings.Cut(strings.TrimPrefix(token, "toy:"), ":")
	for _, s := range toySteps {
		if len(step) <= 2 && strings.HasPrefix(step, s.prefix) {
			n.add(Node{Name: "step", Value: fmt.Sprintf("%q", step), Note: s.note, Offset: n.Offset})
			return nil
		}
	}
	return []Fault{{4, "unknown step of the toy mechanism"}}
}

// isPair reports whether a token is text with a colon, as in Basic.
func isPair(token string) bool {
	return strings.IndexByte(token, ':') >= 0 && utf8.ValidString(token) && strings.IndexFunc(token, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

func lookPair(token string, n *Node) []Fault {
	var e Explanation
	explainPair(&e, n, token, n.Offset)
	return e.Faults
}

// Token returns an explanation of a token in one line: its kind, its length, and the first
// parts of its explanation.
func Token(token string) string {
	var e Explanation
	var n Node
	explainToken(&e, &n, token, 0)
	text := n.Value
	if d, ok := decoderOf(token); ok && d.say != nil {
		return text + ": " + d.say(token)
	}
	if n.Note != "" && len(n.Children) == 0 {
		text += ": " + n.Note
	}
	for i, c := range n.Children {
		text += []string{": ", "; "}[min(i, 1)] + c.Name + " " + c.Value
		if c.Note != "" {
			text += ", " + c.Note
		}
	}
	return text
}

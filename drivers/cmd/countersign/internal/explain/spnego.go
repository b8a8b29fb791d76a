package explain

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// negotiation explains a message of SPNEGO below n, with the tokens in it. Package spnego
// parses the message as a whole; the position of a part is that of its first occurrence.
type negotiation struct {
	token  string
	n      *Node
	faults []Fault
}

// line adds a part of the message, at the position of piece.
func (m *negotiation) line(name, value, note, piece string) *Node {
	m.n.add(Node{Name: name, Value: value, Note: note, Offset: m.n.Offset + m.at(piece)*4/3})
	return &m.n.Children[len(m.n.Children)-1]
}

func (m *negotiation) at(piece string) int { return max(0, strings.Index(m.token, piece)) }

func (m *negotiation) broken(f gss.Fault) []Fault {
	return []Fault{{0, strings.TrimPrefix(f.Detail, "spnego: ")}}
}

// inner adds a mechanism's own token, with its explanation below it.
func (m *negotiation) inner(name string, t gss.Token) {
	if !t.Present() {
		m.line(name, "none", "", "")
		return
	}
	token := t.Bytes()
	d, known := decoderOf(token)
	if !known || d.alone { // no negotiation within a negotiation, which bounds the depth
		m.line(name, count(len(token), "byte"), "unknown", token)
		return
	}
	line := m.line(name, d.kind+", "+count(len(token), "byte"), d.note, token)
	if d.look == nil {
		return
	}
	for _, f := range d.look(token, line) {
		m.faults = append(m.faults, Fault{m.at(token) + f.Offset, f.Reason})
	}
}

// mic adds a mechListMIC. Its bytes are hidden since it is a proof, though they are of no use
// to an attacker.
func (m *negotiation) mic(mic, response gss.Token) {
	switch {
	case !mic.Present():
		m.line("mechListMIC", "none", "", "")
	case response.Present() && mic == response:
		m.line("mechListMIC", "none", "it repeats the response token, as in very old versions of Windows, and is ignored", mic.Bytes())
	default:
		m.line("mechListMIC", "present", count(len(mic.Bytes()), "byte")+" over the list of mechanisms", mic.Bytes())
	}
}

// mechNote returns a note on a mechanism.
func mechNote(m gss.OID) string {
	if m == gss.MSKerberos {
		return m.Dotted() + ", as Windows 2000 writes it"
	}
	return m.Dotted()
}

// lookInit explains a NegTokenInit or NegTokenInit2 (RFC 4178 section 4.2.1, MS-SPNG
// section 2.2.1).
func lookInit(token string, n *Node) []Fault {
	m := &negotiation{token: token, n: n}
	t, fault := negtoken.ParseInit(token)
	if !fault.IsZero() {
		return m.broken(fault)
	}
	if t.MechTypes.Len() == 0 {
		m.line("mechanisms", "none", "the server does not list any", "")
	} else {
		list := m.line("mechanisms", count(t.MechTypes.Len(), "mechanism"), "preferred first", t.MechTypes.DER())
		for mech := range t.MechTypes.All() {
			list.add(Node{Name: mech.String(), Note: mechNote(mech), Offset: n.Offset + m.at(string(mech))*4/3})
		}
	}
	if t.ReqFlags.Present() {
		m.line("reqFlags", "present", "not protected, and ignored", t.ReqFlags.Bytes())
	}
	m.inner("mechToken", t.MechToken)
	if t.Hints.Present {
		name := "none"
		if t.Hints.Name.Present() {
			name = fmt.Sprintf("%q", t.Hints.Name.Bytes())
		}
		m.line("hints", name, "a NegTokenInit2, which the server sends first; hints are ignored", t.Hints.Name.Bytes())
	}
	m.mic(t.MechListMIC, gss.Token{})
	return m.faults
}

// states describes the states of a NegTokenResp.
var states = map[negtoken.NegState]string{
	negtoken.AcceptCompleted:  "the sender has completed",
	negtoken.AcceptIncomplete: "the sender needs another token",
	negtoken.Reject:           "the sender refuses",
	negtoken.RequestMIC:       "the sender needs another token, and a mechListMIC",
}

// lookResp explains a NegTokenResp (RFC 4178 section 4.2.2).
func lookResp(token string, n *Node) []Fault {
	m := &negotiation{token: token, n: n}
	t, fault := negtoken.ParseResp(token)
	if !fault.IsZero() {
		return m.broken(fault)
	}
	if t.State == negtoken.NoState {
		m.line("negState", "none", "", "")
	} else {
		m.line("negState", t.State.String(), states[t.State], "")
	}
	if t.SupportedMech != "" {
		m.line("supportedMech", t.SupportedMech.String(), mechNote(t.SupportedMech)+": the server's choice", string(t.SupportedMech))
	}
	m.inner("responseToken", t.ResponseToken)
	m.mic(t.MechListMIC, t.ResponseToken)
	return m.faults
}

// sayInit and sayResp return an explanation in one line.
func sayInit(token string) string {
	t, fault := negtoken.ParseInit(token)
	if !fault.IsZero() {
		return "malformed"
	}
	var mechs []string
	for mech := range t.MechTypes.All() {
		mechs = append(mechs, mech.String())
	}
	say := "offers " + strings.Join(mechs, ", ")
	if t.Hints.Present {
		say = "the server " + say
	}
	return say + sayParts(t.MechToken, t.MechListMIC)
}

func sayResp(token string) string {
	t, fault := negtoken.ParseResp(token)
	if !fault.IsZero() {
		return "malformed"
	}
	say := t.State.String()
	if t.SupportedMech != "" {
		say += ", " + t.SupportedMech.String()
	}
	mic := t.MechListMIC
	if mic == t.ResponseToken {
		mic = gss.Token{}
	}
	return say + sayParts(t.ResponseToken, mic)
}

// sayParts describes the token and the MIC in a message.
func sayParts(token, mic gss.Token) (say string) {
	if d, known := decoderOf(token.Bytes()); known && !d.alone {
		say += "; with " + Token(token.Bytes())
	} else if token.Present() {
		say += "; with a token of " + count(len(token.Bytes()), "byte")
	}
	if mic.Present() {
		say += "; with a MIC over the list of mechanisms"
	}
	return say
}

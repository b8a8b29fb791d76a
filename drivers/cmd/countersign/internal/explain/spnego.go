package explain

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
)

// negotiation puts what a message of SPNEGO says below n, and the tokens in it with
// what they say. Package spnego judges the message as a whole, and its parts are where
// they are found first.
type negotiation struct {
	token  string
	n      *Node
	faults []Fault
}

// line adds a part of the message, which starts where piece is found.
func (m *negotiation) line(name, value, note, piece string) *Node {
	m.n.add(Node{Name: name, Value: value, Note: note, Offset: m.n.Offset + m.at(piece)*4/3})
	return &m.n.Children[len(m.n.Children)-1]
}

func (m *negotiation) at(piece string) int { return max(0, strings.Index(m.token, piece)) }

func (m *negotiation) broken(f gss.Fault) []Fault {
	return []Fault{{0, strings.TrimPrefix(f.Detail, "spnego: ")}}
}

// inner adds a mechanism's own token, with what it says below it.
func (m *negotiation) inner(name string, t gss.Token) {
	if !t.Present() {
		m.line(name, "none", "", "")
		return
	}
	token := t.Bytes()
	d, known := decoderOf(token)
	if !known || d.alone { // no negotiation of a negotiation: bounded
		m.line(name, count(len(token), "byte"), "of no kind that is known here", token)
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

// mic adds a mechListMIC. Who has it can do nothing with it, yet it is a proof: its
// bytes do not show.
func (m *negotiation) mic(mic, response gss.Token) {
	switch {
	case !mic.Present():
		m.line("mechListMIC", "none", "", "")
	case response.Present() && mic == response:
		m.line("mechListMIC", "none", "it repeats the response token, as very old Windows does, and is to be ignored", mic.Bytes())
	default:
		m.line("mechListMIC", "present", count(len(mic.Bytes()), "byte")+" over the list of mechanisms", mic.Bytes())
	}
}

// mechNote says more of a mechanism than its name.
func mechNote(m gss.Mech) string {
	if m == gss.MSKerberos {
		return m.Dotted() + ", how Windows 2000 wrote it"
	}
	return m.Dotted()
}

// lookInit explains a NegTokenInit or NegTokenInit2 (RFC 4178 section 4.2.1, MS-SPNG
// section 2.2.1).
func lookInit(token string, n *Node) []Fault {
	m := &negotiation{token: token, n: n}
	t, fault := spnego.ParseInit(token)
	if !fault.IsZero() {
		return m.broken(fault)
	}
	if t.MechTypes.Len() == 0 {
		m.line("mechanisms", "none", "the server does not say", "")
	} else {
		list := m.line("mechanisms", count(t.MechTypes.Len(), "mechanism"), "favourite first", t.MechTypes.DER())
		for mech := range t.MechTypes.All() {
			list.add(Node{Name: mech.String(), Note: mechNote(mech), Offset: n.Offset + m.at(string(mech))*4/3})
		}
	}
	if t.ReqFlags.Present() {
		m.line("reqFlags", "present", "nothing protects them, and nobody heeds them", t.ReqFlags.Bytes())
	}
	m.inner("mechToken", t.MechToken)
	if t.Hints.Present {
		name := "none"
		if t.Hints.Name.Present() {
			name = fmt.Sprintf("%q", t.Hints.Name.Bytes())
		}
		m.line("hints", name, "a NegTokenInit2: the server speaks first; hints are to be ignored", t.Hints.Name.Bytes())
	}
	m.mic(t.MechListMIC, gss.Token{})
	return m.faults
}

// states say what a NegTokenResp's state means.
var states = map[spnego.NegState]string{
	spnego.AcceptCompleted:  "the sender is done",
	spnego.AcceptIncomplete: "the sender wants more",
	spnego.Reject:           "the sender refuses",
	spnego.RequestMIC:       "the sender wants more, and a mechListMIC",
}

// lookResp explains a NegTokenResp (RFC 4178 section 4.2.2).
func lookResp(token string, n *Node) []Fault {
	m := &negotiation{token: token, n: n}
	t, fault := spnego.ParseResp(token)
	if !fault.IsZero() {
		return m.broken(fault)
	}
	if t.State == spnego.NoState {
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

// sayInit and sayResp are messages in one line.
func sayInit(token string) string {
	t, fault := spnego.ParseInit(token)
	if !fault.IsZero() {
		return "broken"
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
	t, fault := spnego.ParseResp(token)
	if !fault.IsZero() {
		return "broken"
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

// sayParts says what is in a message besides the negotiation itself.
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

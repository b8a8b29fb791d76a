package spnego

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// What a mechanism may know of SPNEGO without importing it. Both are optional.
type (
	// cipherResetter is a session with key streams that restart after each mechListMIC,
	// while its sequence numbers go on: NTLM's (SPNG-3.2.5.1-1, MS-SPNG section
	// 3.3.5.1).
	cipherResetter interface{ ResetCipher() gss.Session }
	// micRequirer is a complete context that makes mechListMIC compulsory: NTLM's, if
	// its AUTHENTICATE had a MIC of its own (SPNG-3.1.5.1-1, MS-SPNG note 8).
	micRequirer interface{ RequiresMechListMIC() bool }
)

func requiresMIC(leaf gss.Context) bool {
	r, ok := leaf.(micRequirer)
	return ok && r.RequiresMechListMIC()
}

// mics is the exchange of mechListMICs so far (RFC 4178 section 5). It holds no
// session, which may be large and of which a web server rarely has any use, but
// what it takes to compute one: a MIC is a function of the session and the list.
type mics struct {
	// list is the DER of the initiator's MechTypeList, as the bytes stood there
	// (R4178-5-1).
	list   string
	theirs string // the peer's MIC, once it verified
	taken  bool   // it did
	sent   bool   // ours was made
	first  bool   // ours was made before theirs was taken
}

// session returns the leaf's session after the MICs, and false if the mechanism has no
// integrity.
func (m mics) session(leaf gss.Context) (gss.Session, bool) {
	s, ok := leaf.Session()
	if !ok {
		return nil, false
	}
	if m.sent && m.first {
		s, _, _ = m.sign(s)
	}
	if m.taken {
		s, _ = m.check(s, m.theirs)
	}
	if m.sent && !m.first {
		s, _, _ = m.sign(s)
	}
	return s, true
}

func (m mics) sign(s gss.Session) (gss.Session, string, gss.Fault) {
	next, mic, fault := s.MIC(m.list)
	return reset(next), mic, fault
}

func (m mics) check(s gss.Session, mic string) (gss.Session, gss.Fault) {
	next, fault := s.VerifyMIC(m.list, mic)
	return reset(next), fault
}

// reset undoes what a MIC did to the key streams.
func reset(s gss.Session) gss.Session {
	if r, ok := s.(cipherResetter); ok {
		return r.ResetCipher()
	}
	return s
}

// make returns our MIC. There must be a session.
func (m mics) make(leaf gss.Context) (mics, gss.Token, gss.Fault) {
	s, _ := m.session(leaf)
	_, mic, fault := m.sign(s)
	if !fault.IsZero() {
		return m, gss.Token{}, fault
	}
	m.sent, m.first = true, !m.taken
	return m, gss.TokenOf(mic), gss.Fault{}
}

// verify takes the peer's MIC. There must be a session.
func (m mics) verify(leaf gss.Context, mic string) (mics, gss.Fault) {
	s, _ := m.session(leaf)
	if _, fault := m.check(s, mic); !fault.IsZero() { // R4178-5-3
		return m, wrongMIC
	}
	m.theirs, m.taken = strings.Clone(mic), true
	return m, gss.Fault{}
}

// The faults of section 5.
var (
	wrongMIC = gss.Fault{Code: gss.NotAuthentic, Detail: "spnego: the mechListMIC does not verify: the list of mechanisms was altered in transit, or the peer has another key"}
	noMIC    = gss.Fault{Code: gss.NotAuthentic, Detail: "spnego: a mechListMIC is required, since the mechanism is not preferred by both sides or protects its own messages, and none came"}
	earlyMIC = gss.Fault{Code: gss.Unexpected, Detail: "spnego: a mechListMIC came before the mechanism was complete, or for one that has no integrity"}
)

// Owed returns the fault of a negotiation that ends here, without a mechListMIC of the acceptor: the only thing that
// it owes beside the mechanism's own tokens, and only where RFC 4178 section 5 requires it.
func (c initiating) Owed() gss.Fault {
	switch lacks := c.state == gss.Complete && !c.protects(); {
	case lacks && c.unproven():
		return weak
	case !lacks && (c.due || requiresMIC(c.leaf)): // R4178-5-3, SPNG-3.1.5.1-1
		return noMIC
	}
	return gss.Fault{}
}

// repeats reports whether a message's mechListMIC is its response token once more,
// as very old Windows has it. It is no MIC then (RFC 4178 appendix C).
func repeats(m negtoken.Resp) bool {
	return m.ResponseToken.Present() && m.ResponseToken == m.MechListMIC
}

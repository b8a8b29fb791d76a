package negtoken

import (
	"iter"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
)

// The bounds of what is read (law L9); bound.Token bounds a token as a whole.
const (
	// MaxMechTypes bounds a list of mechanisms. Windows lists five.
	MaxMechTypes = 32
	// MaxMech bounds the OID of a mechanism, in octets.
	MaxMech = 64
	// MaxFields bounds the fields of a message, those that are not known included
	// (RFC 4178 section 6).
	MaxFields = 16
)

// MechTypes is a list of mechanisms in order of preference (RFC 4178 section 4.1),
// in the bytes in which it stood. The zero MechTypes is none at all.
//
//	MechTypeList ::= SEQUENCE OF MechType
//	MechType     ::= OBJECT IDENTIFIER
type MechTypes struct {
	der string
	n   uint8
}

// MechTypesOf returns the list of mechs in DER; at most [MaxMechTypes] count.
func MechTypesOf(mechs ...gss.OID) MechTypes {
	mechs = mechs[:min(len(mechs), MaxMechTypes)]
	size := 0
	for _, m := range mechs {
		size += sizeOf(len(m))
	}
	var b strings.Builder
	b.Grow(sizeOf(size))
	begin(&b, tagSequence, size)
	for _, m := range mechs {
		begin(&b, tagOID, len(m))
		b.WriteString(string(m))
	}
	return MechTypes{b.String(), uint8(len(mechs))}
}

// Len returns the number of mechanisms.
func (l MechTypes) Len() int { return int(l.n) }

// DER returns the list as it was received, the SEQUENCE without the tag [0] around it: a
// mechListMIC is computed over it (RFC 4178 section 5).
func (l MechTypes) DER() string { return l.der } // R4178-5-1

// All iterates over the mechanisms, the preferred one first.
func (l MechTypes) All() iter.Seq[gss.OID] {
	return func(yield func(gss.OID) bool) {
		_, rest, _, _ := element(l.der)
		for rest != "" {
			var oid string
			var ok bool
			if _, oid, rest, ok = element(rest); !ok || !yield(gss.OID(oid)) {
				return
			}
		}
	}
}

// readMechTypes takes a whole SEQUENCE OF. An empty list is none.
func readMechTypes(der string) (l MechTypes, ok bool) {
	rest, ok := only(der, tagSequence)
	if !ok || rest == "" {
		return l, false
	}
	l.der = der
	for rest != "" {
		var tag byte
		var oid string
		tag, oid, rest, ok = element(rest)
		if !ok || tag != tagOID || oid == "" || len(oid) > MaxMech || l.n == MaxMechTypes {
			return MechTypes{}, false
		}
		l.n++
	}
	return l, true
}

// Init is the message that opens: NegTokenInit (RFC 4178 section 4.2.1), and
// NegTokenInit2 (MS-SPNG section 2.2.1), with which an acceptor does. Its strings
// are views into the token.
//
//	NegTokenInit ::= SEQUENCE {
//	    mechTypes    [0] MechTypeList,
//	    reqFlags     [1] ContextFlags OPTIONAL,
//	    mechToken    [2] OCTET STRING OPTIONAL,
//	    mechListMIC  [3] OCTET STRING OPTIONAL,
//	    ... }
//	NegTokenInit2 ::= SEQUENCE {
//	    mechTypes    [0] MechTypeList OPTIONAL,
//	    reqFlags     [1] ContextFlags OPTIONAL,
//	    mechToken    [2] OCTET STRING OPTIONAL,
//	    negHints     [3] NegHints     OPTIONAL,
//	    mechListMIC  [4] OCTET STRING OPTIONAL,
//	    ... }
type Init struct {
	// MechTypes are the sender's mechanisms.
	MechTypes MechTypes
	// ReqFlags holds the contents of the BIT STRING, for display only: the field is not
	// protected and must not be used (RFC 4178 section 4.2.1).
	ReqFlags gss.Token
	// MechToken is a token of the first of MechTypes.
	MechToken gss.Token
	// Hints make a NegTokenInit2 of it.
	Hints       Hints
	MechListMIC gss.Token
}

// Hints are the NegHints of a NegTokenInit2. They are to be ignored (MS-SPNG
// section 3.2.5).
//
//	NegHints ::= SEQUENCE {
//	    hintName    [0] GeneralString OPTIONAL,
//	    hintAddress [1] OCTET STRING  OPTIONAL }
type Hints struct {
	Present       bool
	Name, Address gss.Token
}

// HintName is what every acceptor says in its hints.
const HintName = "not_defined_in_RFC4178@please_ignore"

// Resp is the message that follows: NegTokenResp (RFC 4178 section 4.2.2).
//
//	NegTokenResp ::= SEQUENCE {
//	    negState      [0] ENUMERATED { accept-completed (0), accept-incomplete (1),
//	                                   reject (2), request-mic (3) } OPTIONAL,
//	    supportedMech [1] MechType     OPTIONAL,
//	    responseToken [2] OCTET STRING OPTIONAL,
//	    mechListMIC   [3] OCTET STRING OPTIONAL,
//	    ... }
type Resp struct {
	State NegState
	// SupportedMech is the acceptor's choice, "" if it does not say.
	SupportedMech gss.OID
	ResponseToken gss.Token
	MechListMIC   gss.Token
}

// NegState is what a side says of the negotiation. The zero NegState says nothing.
type NegState uint8

// The states, one more than their numbers in the ASN.1.
const (
	NoState NegState = iota
	// AcceptCompleted: the context is established for the sender.
	AcceptCompleted
	// AcceptIncomplete: the sender wants at least one more message.
	AcceptIncomplete
	// Reject ends the negotiation.
	Reject
	// RequestMIC is AcceptIncomplete with MICs to be exchanged. It occurs in the
	// acceptor's first message only (RFC 4178 section 4.2.2).
	RequestMIC
	negStates
)

var negStateNames = [negStates]string{"no state", "accept-completed", "accept-incomplete", "reject", "request-mic"}

// String returns the state's name in RFC 4178.
func (s NegState) String() string {
	if s < negStates {
		return negStateNames[s]
	}
	return "unknown state"
}

// Malformed returns the fault of a token that is not what it should be.
func Malformed(detail string) gss.Fault {
	return gss.Fault{Code: gss.Malformed, Detail: "spnego: " + detail}
}

// The faults of the decoder, made once: a fault costs no memory either.
var (
	errLong     = Malformed("expected a token of at most 65,536 bytes, a longer one came")
	errFragment = Malformed("the token is shorter than its header says; fragments (MS-SPNG section 3.1.5.9) are not reassembled")
	errInit     = Malformed("expected a NegTokenInit, with or without the framing of RFC 2743; something else came")
	errResp     = Malformed("expected a NegTokenResp without framing, something else came")
	errFields   = Malformed("the message's fields are out of order, too many, or not as RFC 4178 defines them")
	// ErrNoMechs is also the fault of an acceptor, which takes no NegTokenInit2 without a list.
	ErrNoMechs = Malformed("the NegTokenInit lists no mechanisms")
	errMechs   = Malformed("expected a list of 1 to 32 mechanisms, OIDs of up to 64 octets")
	errState   = Malformed("the negState is not one of RFC 4178")
)

// ParseInit reads a NegTokenInit or NegTokenInit2, with the framing of RFC 2743 section
// 3.1 or without it. Unknown fields are skipped (RFC 4178 section 4.2.1). It does not
// allocate. The fault is Malformed.
func ParseInit(token string) (m Init, fault gss.Fault) { // R4178-4.2.1-1
	fields, fault := open(token, tagField, errInit)
	if !fault.IsZero() {
		return Init{}, fault
	}
	for n, last := 0, byte(0); fields != ""; n++ {
		tag, body, rest, ok := element(fields)
		fields = rest
		if !ok || n == MaxFields {
			return Init{}, errFields
		}
		if tag < tagField || tag > tagField+4 {
			continue
		}
		if tag <= last {
			return Init{}, errFields
		}
		last = tag
		switch tag {
		case tagField:
			if m.MechTypes, ok = readMechTypes(body); !ok {
				return Init{}, errMechs
			}
		case tagField + 1:
			m.ReqFlags, ok = octets(body, tagBits)
		case tagField + 2:
			m.MechToken, ok = octets(body, tagOctets)
		case tagField + 3: // of the one or the other message: what is inside tells
			if body != "" && body[0] == tagSequence {
				m.Hints, ok = readHints(body)
			} else {
				m.MechListMIC, ok = octets(body, tagOctets)
			}
		case tagField + 4:
			if m.MechListMIC.Present() { // NegTokenInit does not have it
				continue
			}
			m.MechListMIC, ok = octets(body, tagOctets)
		}
		if !ok {
			return Init{}, errFields
		}
	}
	if m.MechTypes.n == 0 && !m.Hints.Present {
		return Init{}, ErrNoMechs
	}
	return m, gss.Fault{}
}

// ParseResp reads a NegTokenResp, which has no framing (RFC 4178 section 4.2). Unknown
// fields are skipped. It does not allocate. The fault is Malformed.
func ParseResp(token string) (m Resp, fault gss.Fault) { // R4178-4.2-1
	if token != "" && token[0] == tagInitial {
		return Resp{}, errResp
	}
	fields, fault := open(token, tagField+1, errResp)
	if !fault.IsZero() {
		return Resp{}, fault
	}
	for n, last := 0, byte(0); fields != ""; n++ {
		tag, body, rest, ok := element(fields)
		fields = rest
		if !ok || n == MaxFields {
			return Resp{}, errFields
		}
		if tag < tagField || tag > tagField+3 {
			continue
		}
		if tag <= last {
			return Resp{}, errFields
		}
		last = tag
		switch tag {
		case tagField:
			state, ok := only(body, tagEnumerated)
			if !ok || len(state) != 1 || state[0] >= byte(negStates)-1 {
				return Resp{}, errState
			}
			m.State = NegState(state[0]) + 1
		case tagField + 1:
			oid, fits := only(body, tagOID)
			m.SupportedMech, ok = gss.OID(oid), fits && oid != "" && len(oid) <= MaxMech
		case tagField + 2:
			m.ResponseToken, ok = octets(body, tagOctets)
		case tagField + 3:
			m.MechListMIC, ok = octets(body, tagOctets)
		}
		if !ok {
			return Resp{}, errFields
		}
	}
	return m, gss.Fault{}
}

// open takes the wrapping off: the framing, where there is one, the CHOICE's tag,
// and the SEQUENCE.
func open(token string, choice byte, other gss.Fault) (fields string, fault gss.Fault) {
	tag, size, length, ok := head(token)
	switch {
	case len(token) > bound.Token:
		return "", errLong
	case !ok || tag != tagInitial && tag != choice:
		return "", other
	case uint64(length) > uint64(len(token)-size): // C27
		return "", errFragment
	}
	if tag == tagInitial {
		_, body, rest, _ := element(token)
		tag, oid, inner, ok := element(body)
		if !ok || rest != "" || tag != tagOID || gss.OID(oid) != gss.SPNEGO {
			return "", other
		}
		token = inner
	}
	body, ok := only(token, choice)
	if ok {
		fields, ok = only(body, tagSequence)
	}
	if !ok {
		return "", other
	}
	return fields, gss.Fault{}
}

// octets returns the contents of the one string in body.
func octets(body string, tag byte) (gss.Token, bool) {
	s, ok := only(body, tag)
	return gss.TokenOf(s), ok
}

func readHints(body string) (h Hints, ok bool) {
	rest, ok := only(body, tagSequence)
	h.Present = true
	for n, last := 0, byte(0); rest != ""; n++ {
		var tag byte
		var field string
		tag, field, rest, ok = element(rest)
		if !ok || n == MaxFields || tag <= last {
			return Hints{}, false
		}
		last = tag
		switch tag {
		case tagField:
			h.Name, ok = octets(field, tagGeneral)
		case tagField + 1:
			h.Address, ok = octets(field, tagOctets)
		}
		if !ok {
			return Hints{}, false
		}
	}
	return h, ok
}

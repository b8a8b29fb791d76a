package message

import (
	"encoding/binary"
	"iter"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
)

// Types of authorization data (RFC 4120 section 7.5.4, MS-KILE section 2.2.7 on).
const (
	ADIfRelevant        int32 = 1
	ADKDCIssued         int32 = 4
	ADAndOr             int32 = 5
	ADMandatoryForKDC   int32 = 8
	ADPAC               int32 = 128 // AD-WIN2K-PAC
	ADETypeNegotiation  int32 = 129 // RFC 4537
	ADTokenRestrictions int32 = 141
	ADLocal             int32 = 142
	ADAPOptions         int32 = 143 // KERB_AP_OPTIONS_CBT
	ADTargetPrincipal   int32 = 144
	ADSignedPath        int32 = 512
	ADSignedTicket      int32 = 513 // wraps what follows in MIT's own
	apOptionsCBT              = 0x4000
	maxAuthDataNesting        = 4
)

// AuthorizationData is a list of pieces of authorization data, or none. Compare with ==.
//
//	AuthorizationData ::= SEQUENCE OF SEQUENCE {
//	        ad-type [0] Int32,
//	        ad-data [1] OCTET STRING
//	}
type AuthorizationData string

// ParseAuthorizationData reads a list that stands alone.
func ParseAuthorizationData(b string) (AuthorizationData, gss.Fault) {
	var fail gss.Fault
	a := start(b, &fail).authorizationData()
	return result(a, fail)
}

func (r reader) authorizationData() AuthorizationData {
	return AuthorizationData(r.list(typedFrom(0)))
}

// Append returns the list with one more piece.
func (a AuthorizationData) Append(kind int32, data string) AuthorizationData {
	return AuthorizationData(appendPair(string(a), 0, kind, data))
}

// Encode returns the list by itself, a SEQUENCE.
func (a AuthorizationData) Encode() string {
	w := writer{}
	w.primitive(der.Sequence, string(a))
	return string(w.b)
}

// IfRelevant returns the list inside one piece that a receiver may ignore if it does not
// know the contents (RFC 4120 section 5.2.6.1).
func (a AuthorizationData) IfRelevant() AuthorizationData {
	return AuthorizationData("").Append(ADIfRelevant, a.Encode())
}

// Top iterates over the pieces of the list itself.
func (a AuthorizationData) Top() iter.Seq2[int32, string] { return pairs(string(a)) }

// Piece is a piece of authorization data, and whether a receiver may ignore an unknown one.
type Piece struct {
	Type     int32
	Data     string
	Optional bool // inside of AD-IF-RELEVANT
}

// All iterates over the pieces, those inside of AD-IF-RELEVANT too, and not
// over AD-IF-RELEVANT itself. It is false once where one is nested too deep or does not parse.
func (a AuthorizationData) All() iter.Seq2[Piece, bool] {
	return func(yield func(Piece, bool) bool) { a.walk(false, maxAuthDataNesting, yield) }
}

func (a AuthorizationData) walk(optional bool, depth int, yield func(Piece, bool) bool) bool {
	for r := trusted(string(a)); r.s != ""; {
		kind, data := r.typed()
		if kind != ADIfRelevant {
			if !yield(Piece{kind, data, optional}, true) {
				return false
			}
			continue
		}
		inside, fault := ParseAuthorizationData(data)
		if !fault.IsZero() || depth == 0 {
			return yield(Piece{}, false)
		}
		if !inside.walk(true, depth-1, yield) {
			return false
		}
	}
	return true
}

// Find returns the first piece of a type, also inside of AD-IF-RELEVANT.
func (a AuthorizationData) Find(kind int32) (data string, ok bool) {
	for p, fine := range a.All() {
		if fine && p.Type == kind {
			return p.Data, true
		}
	}
	return "", false
}

// ChannelBindingAware returns the authorization data of a client that supports channel
// bindings, so that zero bindings of it mean that there is no channel (MS-KILE section
// 3.2.5.8, KERB_AP_OPTIONS_CBT).
func ChannelBindingAware() AuthorizationData { // KILE-3.2.5.8-1
	var flags [4]byte
	binary.LittleEndian.PutUint32(flags[:], apOptionsCBT)
	return AuthorizationData("").Append(ADAPOptions, string(flags[:])).IfRelevant()
}

// IsChannelBindingAware reports whether a says so.
func (a AuthorizationData) IsChannelBindingAware() bool { // KILE-3.2.5.8-1
	data, ok := a.Find(ADAPOptions)
	return ok && len(data) >= 4 && binary.LittleEndian.Uint32([]byte(data[:4]))&apOptionsCBT != 0
}

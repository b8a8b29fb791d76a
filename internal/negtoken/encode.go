package negtoken

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// framing is thisMech of RFC 2743 section 3.1, tag and length included.
const framing = "\x06\x06" + string(gss.SPNEGO)

// Encode returns the message in DER, with the framing of RFC 2743 section 3.1 (RFC 4178
// section 4.2), in one allocation. With Hints it is a NegTokenInit2.
func (m Init) Encode() string { // R4178-4.2-1
	mic := byte(tagField + 3)
	if m.Hints.Present {
		mic = tagField + 4
	}
	hints := 0
	if m.Hints.Present {
		hints = fieldSize(m.Hints.Name) + fieldSize(m.Hints.Address)
	}
	fields := fieldSize(m.ReqFlags) + fieldSize(m.MechToken) + fieldSize(m.MechListMIC)
	if m.MechTypes.n != 0 {
		fields += sizeOf(len(m.MechTypes.der))
	}
	if m.Hints.Present {
		fields += sizeOf(sizeOf(hints))
	}
	choice := sizeOf(fields)
	whole := len(framing) + sizeOf(choice)
	var b strings.Builder
	b.Grow(sizeOf(whole))
	begin(&b, tagInitial, whole)
	b.WriteString(framing)
	begin(&b, tagField, choice)
	begin(&b, tagSequence, fields)
	if m.MechTypes.n != 0 {
		begin(&b, tagField, len(m.MechTypes.der))
		b.WriteString(m.MechTypes.der)
	}
	field(&b, tagField+1, tagBits, m.ReqFlags)
	field(&b, tagField+2, tagOctets, m.MechToken)
	if m.Hints.Present {
		begin(&b, tagField+3, sizeOf(hints))
		begin(&b, tagSequence, hints)
		field(&b, tagField, tagGeneral, m.Hints.Name)
		field(&b, tagField+1, tagOctets, m.Hints.Address)
	}
	field(&b, mic, tagOctets, m.MechListMIC)
	return b.String()
}

// Encode returns the message in DER, without framing (RFC 4178 section 4.2), in one
// allocation.
func (m Resp) Encode() string { // R4178-4.2-1
	fields := fieldSize(m.ResponseToken) + fieldSize(m.MechListMIC)
	if m.State != NoState {
		fields += sizeOf(sizeOf(1))
	}
	if m.SupportedMech != "" {
		fields += sizeOf(sizeOf(len(m.SupportedMech)))
	}
	var b strings.Builder
	b.Grow(sizeOf(sizeOf(fields)))
	begin(&b, tagField+1, sizeOf(fields))
	begin(&b, tagSequence, fields)
	if m.State != NoState {
		b.Write([]byte{tagField, 3, tagEnumerated, 1, byte(m.State) - 1})
	}
	if m.SupportedMech != "" {
		begin(&b, tagField+1, sizeOf(len(m.SupportedMech)))
		begin(&b, tagOID, len(m.SupportedMech))
		b.WriteString(string(m.SupportedMech))
	}
	field(&b, tagField+2, tagOctets, m.ResponseToken)
	field(&b, tagField+3, tagOctets, m.MechListMIC)
	return b.String()
}

// fieldSize returns the size of a string in its explicit tag, 0 if it is absent.
func fieldSize(t gss.Token) int {
	if !t.Present() {
		return 0
	}
	return sizeOf(sizeOf(len(t.Bytes())))
}

func field(b *strings.Builder, explicit, tag byte, t gss.Token) {
	if !t.Present() {
		return
	}
	begin(b, explicit, sizeOf(len(t.Bytes())))
	begin(b, tag, len(t.Bytes()))
	b.WriteString(t.Bytes())
}

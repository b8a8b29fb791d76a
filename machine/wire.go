package machine

import (
	"encoding/binary"
	"errors"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/internal/side"
)

// A Resume travels from one connection's machine to the next, and a driver or a
// trace may have to write it down in between. Its text is canonical: equal
// values give equal bytes, and only what MarshalBinary made is taken back.

// Resume is what an exchange takes along when it goes on over another
// connection: what was tried and used up. Never a context, a token or an offer.
type Resume struct {
	valid bool
	carried
	history [2]side.History
}

// resumeVersion starts the text of every Resume but the zero one.
const resumeVersion = 2

// errResume tells nothing of the bytes that did not parse.
var errResume = errors.New("machine: not a Resume of this version, as MarshalBinary returns it")

// flags returns the booleans of r in the order in which they are written, the first one
// in the lowest bit.
func (r *Resume) flags() [5]*bool {
	o := &r.history[gss.Origin] // no proxy is Retried: no scheme for it counts on its connection
	return [...]*bool{&r.valid, &r.spent, &o.Retried, &r.late, &r.repeated}
}

// MarshalBinary implements encoding.BinaryMarshaler. The zero Resume is no bytes
// at all. The identity inside is a name, and no secret; there is no other
// private data in a Resume. It never fails.
func (r Resume) MarshalBinary() ([]byte, error) {
	if r == (Resume{}) {
		return nil, nil
	}
	var flags byte
	for i, f := range r.flags() {
		if *f {
			flags |= 1 << i
		}
	}
	b := []byte{resumeVersion, flags, r.reopened}
	for _, h := range r.history {
		b = append(b, h.Rounds, h.Tries)
		for _, set := range [...]choice.Set{h.Tried, h.Declined, h.Seen, h.Forgotten} {
			b = binary.BigEndian.AppendUint16(b, uint16(set))
		}
		b = append(b, byte(h.Fault.Code))
		b = appendText(b, h.Fault.Detail)
		b = appendText(b, h.Reasons)
		b = appendText(b, string(h.Refused))
	}
	return appendText(b, r.identity), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. r is left alone when
// it fails.
func (r *Resume) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		*r = Resume{}
		return nil
	}
	var out Resume
	in := wire{data, false}
	version, flags := in.byte(), in.byte()
	for i, f := range out.flags() {
		*f = flags&(1<<i) != 0
		flags &^= 1 << i
	}
	out.reopened = in.byte()
	for s := range out.history {
		h := &out.history[s]
		h.Rounds, h.Tries = in.byte(), in.byte()
		for _, set := range [...]*choice.Set{&h.Tried, &h.Declined, &h.Seen, &h.Forgotten} {
			*set = choice.Set(uint16(in.byte())<<8 | uint16(in.byte()))
		}
		h.Fault.Code = gss.Code(in.byte())
		h.Fault.Detail = in.text()
		h.Reasons = in.text()
		h.Refused = side.Realms(in.text())
	}
	out.identity = in.text()
	if in.bad || len(in.rest) > 0 || version != resumeVersion || flags != 0 || out == (Resume{}) {
		return errResume
	}
	*r = out
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// wire reads bytes; once bad it gives zeros.
type wire struct {
	rest []byte
	bad  bool
}

func (w *wire) take(n int) []byte {
	if w.bad || n > len(w.rest) {
		w.bad = true
		return nil
	}
	b := w.rest[:n]
	w.rest = w.rest[n:]
	return b
}

func (w *wire) byte() byte {
	if b := w.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (w *wire) text() string {
	b := w.take(4)
	if b == nil {
		return ""
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(w.rest)) {
		w.bad = true
		return ""
	}
	return string(w.take(int(n)))
}

package message

import "github.com/countersign-auth/countersign/internal/der"

// writer appends DER. An element is opened, filled, and closed with its length.
type writer struct{ b []byte }

// open begins an element. What it returns goes to close.
func (w *writer) open(tag byte) int {
	w.b = append(w.b, tag, 0)
	return len(w.b)
}

// close ends it: a long length pushes what was written to the right.
func (w *writer) close(at int) {
	n := len(w.b) - at
	if n < 0x80 {
		w.b[at-1] = byte(n)
		return
	}
	var room [5]byte
	length := der.AppendLength(room[:0], n)
	w.b = append(w.b, length[1:]...)
	copy(w.b[at+len(length)-1:], w.b[at:at+n])
	copy(w.b[at-1:], length)
}

// pair opens a SEQUENCE inside of another element.
type pair struct{ outer, inner int }

func (w *writer) begin(tag byte) pair {
	outer := w.open(tag)
	return pair{outer, w.open(der.Sequence)}
}

func (w *writer) finish(p pair) {
	w.close(p.inner)
	w.close(p.outer)
}

func (w *writer) primitive(tag byte, s string) {
	at := w.open(tag)
	w.b = append(w.b, s...)
	w.close(at)
}

// field writes [n] EXPLICIT around one primitive element.
func (w *writer) field(n, tag byte, s string) {
	at := w.open(der.Context | n)
	w.primitive(tag, s)
	w.close(at)
}

// integer writes [n] INTEGER.
func (w *writer) integer(n byte, v int64) {
	at := w.open(der.Context | n)
	w.bareInteger(v)
	w.close(at)
}

func (w *writer) bareInteger(v int64) {
	k := 1
	for m := v; m > 127 || m < -128; m >>= 8 {
		k++
	}
	at := w.open(der.Integer)
	for i := k - 1; i >= 0; i-- {
		w.b = append(w.b, byte(v>>(8*i)))
	}
	w.close(at)
}

func (w *writer) octets(n byte, s string) { w.field(n, der.OctetString, s) }
func (w *writer) text(n byte, s string)   { w.field(n, der.GeneralString, s) }

// list writes [n] SEQUENCE OF with the given contents.
func (w *writer) list(n byte, inside string) {
	at := w.open(der.Context | n)
	w.primitive(der.Sequence, inside)
	w.close(at)
}

// optional writes list unless there are no contents.
func (w *writer) optional(n byte, inside string) {
	if inside != "" {
		w.list(n, inside)
	}
}

package machine_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/countersign-auth/countersign/machine"
)

// resumeText returns a Resume in bytes with something in every field.
func resumeText() []byte {
	text := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	b := []byte{2, 0x1F, 2}
	for side := range byte(2) {
		b = append(b, 3+side, 4, 0x80, 1, 2, 3, 4, 5, 6, 7, 8)
		b = text(text(text(b, "detail"), "reasons, and more"), "\"realm\"\n")
	}
	return text(b, "alice")
}

// A Resume is read from the bytes that it is written as, and from no others; and what is refused changes nothing.
func TestResumeBytes(t *testing.T) {
	whole := resumeText()
	var r machine.Resume
	if err := r.UnmarshalBinary(whole); err != nil {
		t.Fatal(err)
	}
	if again, err := r.MarshalBinary(); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("%x is written as %x: %v", whole, again, err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		kept := r
		if err := kept.UnmarshalBinary(b); err == nil || kept != r {
			t.Errorf("%s: taken, or it changed something: %v", what, err)
		}
	}
	for n := 1; n < len(whole); n++ {
		refused("cut off", whole[:n])
	}
	refused("longer", append(bytes.Clone(whole), 0))
	for what, edit := range map[string]func([]byte){
		"another version":          func(b []byte) { b[0] = 1 },
		"no version":               func(b []byte) { b[0] = 0 },
		"a flag that there is not": func(b []byte) { b[1] |= 0x80 },
		"a text without end":       func(b []byte) { copy(b[14:], []byte{0xFF, 0xFF, 0xFF, 0xFF}) },
		"a text of 2 GiB":          func(b []byte) { copy(b[14:], []byte{0x7F, 0xFF, 0xFF, 0xFF}) },
		"a text one byte too long": func(b []byte) { b[len(b)-len("alice")-1]++ },
	} {
		b := bytes.Clone(whole)
		edit(b)
		refused(what, b)
	}
	empty := make([]byte, 3+2*(2+8+1+4+4+4)+4)
	empty[0] = 2
	refused("the zero Resume, written at length", empty)

	// No bytes at all are the zero one, in both directions.
	zero := r
	if err := zero.UnmarshalBinary(nil); err != nil || zero != (machine.Resume{}) {
		t.Errorf("no bytes are %v: %v", zero, err)
	}
	if b, err := zero.MarshalBinary(); err != nil || len(b) != 0 {
		t.Errorf("the zero Resume is written as %x: %v", b, err)
	}

	// Every bit says something of its own.
	for i := 1; i < len(whole); i++ {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			var other machine.Resume
			if other.UnmarshalBinary(b) != nil {
				continue // a length, or the flag that there is not
			}
			if again, _ := other.MarshalBinary(); other == r || !bytes.Equal(again, b) {
				t.Errorf("bit %d of byte %d: the same, or written as %x", bit, i, again)
			}
		}
	}
}

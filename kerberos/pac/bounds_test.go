package pac_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

// maxBuffers buffers in maxSize bytes are read, and one more of either is not (L9).
func TestBounds(t *testing.T) {
	made := func(buffers, size int) string {
		b := binary.LittleEndian.AppendUint32(nil, uint32(buffers))
		b = binary.LittleEndian.AppendUint32(b, 0)
		for i := range buffers { // empty, of kinds that are not known
			b = binary.LittleEndian.AppendUint32(b, uint32(100+i))
			b = append(b, make([]byte, 12)...)
		}
		return string(b) + strings.Repeat("\x00", max(0, size-len(b)))
	}
	for _, test := range []struct {
		buffers, size int
		want          gss.Code
	}{
		{pac.MaxBuffers, 0, gss.NoFault}, {pac.MaxBuffers + 1, 0, gss.Malformed},
		{1, pac.MaxSize, gss.NoFault}, {1, pac.MaxSize + 1, gss.Malformed},
	} {
		if _, fault := pac.Parse(made(test.buffers, test.size)); fault.Code != test.want {
			t.Errorf("%d buffers in %d bytes: %v", test.buffers, len(made(test.buffers, test.size)), fault)
		}
	}
}

// A SID has 15 sub-authorities at most, whether it is made or grows.
func TestSIDBounds(t *testing.T) {
	sub := make([]uint32, 16)
	if pac.SIDOf(5, sub[:15]...) == "" || pac.SIDOf(5, sub...) != "" {
		t.Error("SIDOf takes more than 15 sub-authorities, or fewer")
	}
	if pac.With(pac.SIDOf(5, sub[:14]...), 7) != pac.SIDOf(5, append(make([]uint32, 14), 7)...) || pac.With(pac.SIDOf(5, sub[:15]...), 7) != "" {
		t.Error("With makes more than 15 sub-authorities, or fewer")
	}
}

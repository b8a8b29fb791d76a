package keytab

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// maxEntries entries in maxSize bytes are read, and one more of either is not (L9).
func TestBounds(t *testing.T) {
	head := string(New().Append(nil))
	one := string(New(entries(t)[0]).Append(nil))[len(head):]
	hole := func(size int) string { // a file of so many bytes, with one hole
		n := size - len(head) - 4
		return head + string(binary.BigEndian.AppendUint32(nil, uint32(-int32(n)))) + strings.Repeat("\x00", n)
	}
	for name, test := range map[string]struct {
		file string
		n    int
		want gss.Code
	}{
		"MaxEntries":           {head + strings.Repeat(one, maxEntries), maxEntries, gss.NoFault},
		"more than MaxEntries": {head + strings.Repeat(one, maxEntries+1), 0, gss.Malformed},
		"MaxSize":              {hole(maxSize), 0, gss.NoFault},
		"more than MaxSize":    {hole(maxSize + 1), 0, gss.Malformed},
	} {
		k, fault := Parse(test.file)
		if fault.Code != test.want || fault.IsZero() && k.Len() != test.n {
			t.Errorf("%s: %d entries, %v", name, k.Len(), fault)
		}
	}
}

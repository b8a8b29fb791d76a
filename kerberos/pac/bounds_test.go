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

// The text of a SID is read back as the same SID; what is no SID is none.
func TestParseSID(t *testing.T) {
	for text, want := range map[string]pac.SID{
		"S-1-5-21-1-2-3-512":   pac.SIDOf(5, 21, 1, 2, 3, 512),
		"s-1-5-32-544":         pac.SIDOf(5, 32, 544),
		"S-1-1-0":              pac.SIDOf(1, 0),
		"S-1-5":                pac.SIDOf(5),
		"S-1-0xFFFFFFFFFFFF-1": pac.SIDOf(1<<48-1, 1),
		"S-1-5-4294967295":     pac.SIDOf(5, 1<<32-1),
		"":                     "",
		"S-1":                  "",
		"S-1-":                 "",
		"S-2-5-21":             "",
		"X-1-5-21":             "",
		"S-1-5-":               "",
		"S-1-5-+1":             "",
		"S-1-5-4294967296":     "",
		"S-1-281474976710656":  "",
		"S-1-5 -21":            "",
		"Domain Admins":        "",
		"S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16": "",
	} {
		got, ok := pac.ParseSID(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q is %v, %t; want %v", text, got, ok, want)
		}
		if again, _ := pac.ParseSID(got.String()); again != got {
			t.Errorf("%v is read back as %v", got, again)
		}
	}
}

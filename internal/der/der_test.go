package der

import (
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

func TestNext(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, row := range []struct {
		name, in       string
		contents, rest string
		ok             bool
	}{
		{"nothing", "", "", "", false},
		{"a tag alone", "\x04", "", "", false},
		{"empty contents", "\x04\x00", "", "", true},
		{"something behind", "\x04\x02abc", "ab", "c", true},
		{"another tag", "\x05\x00", "", "", false},
		{"shorter than its length", "\x04\x03ab", "", "", false},
		{"the longest short length", "\x04\x7f" + long(127) + "y", long(127), "y", true},
		{"the shortest long length", "\x04\x81\x80" + long(128) + "y", long(128), "y", true},
		{"a long length that a short one could hold", "\x04\x81\x7f" + long(127), "", "", false},
		{"two octets", "\x04\x82\x01\x00" + long(256), long(256), "", true},
		{"two octets where one could do", "\x04\x82\x00\x80" + long(128), "", "", false},
		{"three octets", "\x04\x83\x01\x00\x00" + long(1<<16), long(1 << 16), "", true},
		{"three octets where two could do", "\x04\x83\x00\xff\xff" + long(1<<16-1), "", "", false},
		{"the longest length", "\x04\x83\xff\xff\xff" + long(1<<24-1), long(1<<24 - 1), "", true},
		{"three octets, beyond the end", "\x04\x83\xff\xff\xff" + long(9), "", "", false},
		{"four octets", "\x04\x84\x01\x00\x00\x00" + long(1<<24), "", "", false},
		{"an indefinite length", "\x04\x80ab\x00\x00", "", "", false},
		{"an indefinite length, and nothing behind", "\x04\x80", "", "", false},
		{"the reserved length", "\x04\xff" + long(200), "", "", false},
		{"a length that breaks off", "\x04\x82\x01", "", "", false},
	} {
		contents, rest, ok := Next(row.in, OctetString)
		if contents != row.contents || rest != row.rest || ok != row.ok {
			t.Errorf("%s: %d bytes, %d behind them, %v; want %d, %d, %v", row.name, len(contents), len(rest), ok, len(row.contents), len(row.rest), row.ok)
		}
	}
}

// Lengths around each power of 256 up to the longest are written as another implementation writes them, and
// read back.
func TestAppendLength(t *testing.T) {
	for _, n := range []int{0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffff} {
		contents := strings.Repeat("x", n)
		got := string(AppendLength([]byte{OctetString}, n)) + contents
		var b cryptobyte.Builder
		b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddBytes([]byte(contents)) })
		if want := string(b.BytesOrPanic()); got != want {
			t.Errorf("%d bytes begin with %x, want %x", n, got[:6], want[:6])
		}
		if back, rest, ok := Next(got, OctetString); !ok || back != contents || rest != "" {
			t.Errorf("%d bytes come back as %d and %d, %v", n, len(back), len(rest), ok)
		}
	}
}

// What is an element to this decoder is the same to cryptobyte, and no other, up to the
// longest length.
func FuzzNext(f *testing.F) {
	for _, s := range []string{"", "\x04\x00", "\x04\x02ab", "\x04\x81\x80", "\x04\x80\x00\x00", "\x04\x82\x01\x00", "\x04\x84\x00\x00\x00\x01a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		contents, rest, ok := Next(s, OctetString)
		theirs := cryptobyte.String(s)
		var in cryptobyte.String
		if want := theirs.ReadASN1(&in, asn1.OCTET_STRING); ok != want || ok && (contents != string(in) || rest != string(theirs)) {
			t.Errorf("%x: %x, %x, %v; cryptobyte reads %x, %x, %v", s, contents, rest, ok, in, theirs, want)
		}
	})
}

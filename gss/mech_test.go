package gss

import (
	"encoding/asn1"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMechNames(t *testing.T) {
	for _, test := range []struct {
		mech         OID
		name, dotted string
	}{
		{"", "none", "none"},
		{SPNEGO, "SPNEGO", "1.3.6.1.5.5.2"},
		{Kerberos, "Kerberos", "1.2.840.113554.1.2.2"},
		{MSKerberos, "MS-Kerberos", "1.2.840.48018.1.2.2"},
		{KerberosU2U, "Kerberos-U2U", "1.2.840.113554.1.2.2.3"},
		{NTLM, "NTLM", "1.3.6.1.4.1.311.2.2.10"},
		{NegoEx, "NegoEx", "1.3.6.1.4.1.311.2.2.30"},
		{"\x00", "0.0", "0.0"},
		{"\x27", "0.39", "0.39"},
		{"\x28", "1.0", "1.0"},
		{"\x50", "2.0", "2.0"},
		{"\x7f", "2.47", "2.47"},
		{"\x81\x34", "2.100", "2.100"},
		{"\x88\x37\x03", "2.999.3", "2.999.3"},
		{"\x2a\x00", "1.2.0", "1.2.0"},
		{"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "1.2.9223372036854775807", "1.2.9223372036854775807"},
		{"\x2a\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00", "invalid", "invalid"}, // 2^63
		{"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "invalid", "invalid"},
		{"\x80\x01", "invalid", "invalid"},     // a leading zero
		{"\x2a\x80\x01", "invalid", "invalid"}, // and in the middle
		{"\x2a\x80", "invalid", "invalid"},
		{"\x2a\x86", "invalid", "invalid"}, // cut off
		{"\xff", "invalid", "invalid"},
		{NTLM[:9], "1.3.6.1.4.1.311.2.2", "1.3.6.1.4.1.311.2.2"},
		{OID(strings.Repeat("\x01", 64)), "0.1" + strings.Repeat(".1", 63), "0.1" + strings.Repeat(".1", 63)},
		{OID(strings.Repeat("\x01", 65)), "invalid", "invalid"},
	} {
		if got := test.mech.String(); got != test.name {
			t.Errorf("String of %x: %s, expected %s", string(test.mech), got, test.name)
		}
		if got := test.mech.Dotted(); got != test.dotted {
			t.Errorf("Dotted of %x: %s, expected %s", string(test.mech), got, test.dotted)
		}
	}
}

// Where encoding/asn1 reads an OID, Dotted says the same.
func TestDottedIsASN1(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "octets")
		got := OID(octets).Dotted()
		var id asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(append([]byte{6, byte(len(octets))}, octets...), &id); err != nil {
			return // asn1 stops at arcs of 31 bits
		}
		if got != id.String() {
			t.Fatalf("%x is %s, expected %s", octets, got, id)
		}
	})
}

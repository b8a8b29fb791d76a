package negtoken

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
)

// Each bound on what is read: as much as it says is taken, and one more is not (L9).
func TestBounds(t *testing.T) {
	repeat := func(n int, field string) string { return strings.Repeat(field, n) }
	unknown, blank := tlv(0xaa, "?"), tlv(0xaa)
	oid := func(n int) string { return tlv(tagOID, strings.Repeat("\x2a", n)) }
	list := func(oids ...string) string { return tlv(tagField, tlv(tagSequence, oids...)) }
	hints := func(n int) string { // rising tags, since hints have no field twice
		var fields []string
		for i := range n {
			fields = append(fields, tlv(0x80+i))
		}
		return tlv(tagField+3, tlv(tagSequence, fields...))
	}
	// filled is a message of size bytes, most of which is one token.
	filled := func(size int, message func(string) string) string {
		for n := size; n > 0; n-- {
			if m := message(strings.Repeat("t", n)); len(m) == size {
				return m
			}
		}
		t.Fatalf("no message of %d bytes", size)
		return ""
	}
	init := func(token string) string { return opening(ntlmList, tlv(tagField+2, tlv(tagOctets, token))) }
	resp := func(token string) string { return choice(1, tlv(tagField+2, tlv(tagOctets, token))) }
	parse := map[bool]func(string) gss.Fault{
		false: func(s string) gss.Fault { _, f := ParseInit(s); return f },
		true:  func(s string) gss.Fault { _, f := ParseResp(s); return f },
	}
	for _, test := range []struct {
		name    string
		reply   bool
		message func(more int) string
		beyond  gss.Fault
	}{
		{"MaxFields of a NegTokenInit", false, func(more int) string { return opening(ntlmList, repeat(MaxFields-1+more, unknown)) }, errFields},
		{"MaxFields of a NegTokenInit, all unknown but the last", false, func(more int) string { return opening(repeat(MaxFields-1+more, tlv(0x85)), ntlmList) }, errFields},
		{"MaxFields of a NegTokenResp", true, func(more int) string { return choice(1, someToken, repeat(MaxFields-1+more, unknown)) }, errFields},
		{"MaxFields of a NegTokenResp, all unknown", true, func(more int) string { return choice(1, repeat(MaxFields+more, blank)) }, errFields},
		{"MaxFields of hints", false, func(more int) string { return opening(ntlmList, hints(MaxFields+more)) }, errFields},
		{"MaxMechTypes", false, func(more int) string { return opening(list(repeat(MaxMechTypes+more, oid(1)))) }, errMechs},
		{"MaxMech of a list", false, func(more int) string { return opening(list(oid(MaxMech + more))) }, errMechs},
		{"MaxMech of a choice", true, func(more int) string { return choice(1, tlv(tagField+1, oid(MaxMech+more))) }, errFields},
		{"MaxToken of a NegTokenInit", false, func(more int) string { return filled(bound.Token+more, init) }, errLong},
		{"MaxToken of a NegTokenResp", true, func(more int) string { return filled(bound.Token+more, resp) }, errLong},
	} {
		if fault := parse[test.reply](test.message(0)); !fault.IsZero() {
			t.Errorf("%s: as much as is allowed: %v", test.name, fault)
		}
		if fault := parse[test.reply](test.message(1)); fault != test.beyond {
			t.Errorf("%s: one more: %v, want %v", test.name, fault, test.beyond)
		}
	}

	// What a token is, is told by an OID within the same bound, and by nothing but an OID.
	for name, v := range map[string]struct {
		token string
		want  Framing
	}{
		"MaxMech":             {tlv(tagInitial, oid(MaxMech)), Raw},
		"one more":            {tlv(tagInitial, oid(MaxMech+1)), Unrecognized},
		"one octet":           {tlv(tagInitial, oid(1)), Raw},
		"none":                {tlv(tagInitial, oid(0)), Unrecognized},
		"a string":            {tlv(tagInitial, tlv(tagOctets, "x")), Unrecognized},
		"an AP-REQ":           {tlv(tagAPREQ, tlv(tagSequence)), APREQ},
		"its tag alone":       {tlv(tagAPREQ), Unrecognized},
		"around another":      {tlv(tagAPREQ, tlv(tagOctets)), Unrecognized},
		"a tag of two octets": {"\xbf\x20\x00", Unrecognized},
		"an indefinite one":   {"\x60\x80" + oid(1) + "\x00\x00", Unrecognized},
	} {
		if got, _ := FramingOf(v.token); got != v.want {
			t.Errorf("a first message with %s: %v, want %v", name, got, v.want)
		}
	}

	// maxLength octets of a length, and no indefinite one (X.690 section 8.1.3).
	for text, ok := range map[string]bool{
		"\x04\x00": true, "\x04\x81\x00": true, "\x04\x84\x00\x00\x00\x00": true,
		"\x04\x80": false, "\x04\x85\x00\x00\x00\x00\x00": false, "\x04\xff": false, "\x04": false, "": false,
		"\x1f\x00": false, "\xbf\x00": false, "\x3f\x01\x00": false, // tags of several octets
	} {
		if _, _, _, got := head(text); got != ok {
			t.Errorf("%x: an element %t, want %t", text, got, ok)
		}
		if _, got := only(text, 0x04); got != ok {
			t.Errorf("%x: one element alone %t, want %t", text, got, ok)
		}
	}
}

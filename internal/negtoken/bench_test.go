package negtoken

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// What a browser sends: three mechanisms, and a Kerberos token.
var (
	benchInit  = Init{MechTypes: MechTypesOf(gss.MSKerberos, gss.Kerberos, gss.NTLM), MechToken: gss.TokenOf("\x60\x82\x05\x54" + strings.Repeat("\x00", 1364))}
	benchToken = benchInit.Encode()
	benchResp  = Resp{State: AcceptIncomplete, SupportedMech: gss.NTLM, ResponseToken: gss.TokenOf(strings.Repeat("\x00", 180)), MechListMIC: gss.TokenOf(strings.Repeat("m", 16))}
)

// floorTLV and the walk below are the least work that finds the token: no list is
// kept, nothing is checked that need not be.
func floorTLV(b []byte) (tag byte, body, rest []byte) {
	if len(b) < 2 {
		return 0, nil, nil
	}
	n, head := int(b[1]), 2
	switch {
	case n < 0x80:
	case n == 0x81 && len(b) > 2:
		n, head = int(b[2]), 3
	case n == 0x82 && len(b) > 3:
		n, head = int(b[2])<<8|int(b[3]), 4
	default:
		return 0, nil, nil
	}
	if len(b) < head+n {
		return 0, nil, nil
	}
	return b[0], b[head : head+n], b[head+n:]
}

func floorDecode(b []byte) (token []byte, ok bool) {
	inside := func(b []byte) []byte { _, body, _ := floorTLV(b); return body }
	tag, s, _ := floorTLV(b)
	if tag != 0x60 || len(s) < 8 || string(s[:8]) != framing {
		return nil, false
	}
	if tag, s, _ = floorTLV(s[8:]); tag != 0xa0 {
		return nil, false
	}
	for s = inside(s); len(s) > 0; {
		var body []byte
		switch tag, body, s = floorTLV(s); tag {
		case 0xa0:
			n := 0
			for list := inside(body); len(list) > 0; n++ {
				if tag, _, list = floorTLV(list); tag != 6 {
					return nil, false
				}
			}
			if n == 0 {
				return nil, false
			}
		case 0xa1, 0xa3:
		case 0xa2:
			token = inside(body)
		default:
			return nil, false
		}
	}
	return token, token != nil
}

// floorEncode makes the same bytes with one allocation: sizes first, then one pass.
func floorEncode(mechs, token []byte) []byte {
	size := func(n int) int { return sizeOf(n) }
	head := func(b []byte, tag byte, n int) []byte {
		switch {
		case n < 0x80:
			return append(b, tag, byte(n))
		case n < 0x100:
			return append(b, tag, 0x81, byte(n))
		}
		return append(b, tag, 0x82, byte(n>>8), byte(n))
	}
	fields := size(size(len(mechs))) + size(size(len(token)))
	choice := size(fields)
	b := make([]byte, 0, 96+len(mechs)+len(token))
	b = append(head(b, 0x60, len(framing)+size(choice)), framing...)
	b = head(head(b, 0xa0, choice), 0x30, fields)
	b = append(head(head(b, 0xa0, size(len(mechs))), 0x30, len(mechs)), mechs...)
	return append(head(head(b, 0xa2, size(len(token))), 0x04, len(token)), token...)
}

var (
	sinkInt    int
	sinkString string
	sinkBytes  []byte
)

// P7 of the performance goals: decode at most 4 times the floor, encode at most 1.3
// times that of one allocation.
func BenchmarkSPNEGO(b *testing.B) {
	run := func(name string, f func() bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !f() {
					b.Fatal("it does not work")
				}
			}
		})
	}
	raw, mechs := []byte(benchToken), []byte(benchInit.MechTypes.DER()[2:])
	token := []byte(benchInit.MechToken.Bytes())
	if string(floorEncode(mechs, token)) != benchToken {
		b.Fatal("the floor encodes something else")
	}
	run("case=decode/impl=floor", func() bool { t, ok := floorDecode(raw); sinkInt += len(t); return ok })
	run("case=decode/impl=ours", func() bool {
		m, fault := ParseInit(benchToken)
		sinkInt += len(m.MechToken.Bytes())
		return fault.IsZero()
	})
	run("case=encode/impl=floor-1alloc", func() bool { sinkBytes = floorEncode(mechs, token); return true })
	run("case=encode/impl=ours", func() bool { sinkString = benchInit.Encode(); return true })
	resp := benchResp.Encode()
	run("case=decode-resp/impl=ours", func() bool { m, fault := ParseResp(resp); sinkInt += len(m.MechListMIC.Bytes()); return fault.IsZero() })
	run("case=encode-resp/impl=ours", func() bool { sinkString = benchResp.Encode(); return true })
}

// P7: decoding costs no memory, going through the list neither, a refusal neither;
// encoding costs the token.
func TestAllocations(t *testing.T) {
	resp, bad := benchResp.Encode(), benchToken[:len(benchToken)-1]
	for _, v := range []struct {
		name string
		want float64
		f    func()
	}{
		{"ParseInit", 0, func() { m, _ := ParseInit(benchToken); sinkInt += len(m.MechToken.Bytes()) }},
		{"ParseInit of a fragment", 0, func() { _, fault := ParseInit(bad); sinkInt += int(fault.Code) }},
		{"ParseResp", 0, func() { m, _ := ParseResp(resp); sinkInt += len(m.MechListMIC.Bytes()) }},
		{"FramingOf", 0, func() { f, _ := FramingOf(benchToken); sinkInt += int(f) }},
		{"MechTypes.All", 0, func() {
			m, _ := ParseInit(benchToken)
			for mech := range m.MechTypes.All() {
				sinkInt += len(mech)
			}
		}},
		{"Init.Encode", 1, func() { sinkString = benchInit.Encode() }},
		{"Resp.Encode", 1, func() { sinkString = benchResp.Encode() }},
	} {
		if got := testing.AllocsPerRun(100, v.f); got != v.want {
			t.Errorf("%s: %v allocations, expected %v", v.name, got, v.want)
		}
	}
}

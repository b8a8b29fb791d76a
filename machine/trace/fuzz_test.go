package trace

import (
	"bytes"
	"testing"
)

// FuzzDecode reads hostile traces, with and without the key. Nothing panics; an
// error is one of the kinds; and what was read without one is, if it is written again,
// the same trace.
func FuzzDecode(f *testing.F) {
	c := sealed(f)
	records := short(f)[:2] // small seeds, so that the fuzzer does not spend its time on making them smaller
	f.Add(write(f, c, records...))
	f.Add(write(f, Config{}, records...))
	f.Add([]byte(`{"countersign-trace":2}` + "\n" + `{"seq":1,"role":"client","now":0,"event":{"kind":"Begin"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range []Config{c, {}} {
			tr, err := Decode(c, data)
			if err != nil {
				problemOf(t, err)
			}
			for _, out := range []string{Text(tr.Lines), Mermaid(tr.Lines)} {
				if bytes.ContainsAny([]byte(out), "\r\x00") {
					t.Error("a control character got through")
				}
			}
			if len(Structure(tr.Lines)) != len(tr.Lines) {
				t.Error("there is one finding for each line")
			}
			if err != nil || tr.Sealed {
				continue
			}
			again := append(appendJSON(nil, head{Version: version}), '\n')
			for _, l := range tr.Lines {
				again = append(l.append(again), '\n')
			}
			if tr.Ended {
				again = append(appendJSON(again, tail{uint64(len(tr.Lines))}), '\n')
			}
			if !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), bytes.TrimSuffix(data, []byte("\n"))) {
				t.Errorf("%q was read, and is written as %q", data, again)
			}
		}
	})
}

// FuzzEncoding decodes hostile bytes as the sealed part of a trace, as an attacker with the key
// could make them.
func FuzzEncoding(f *testing.F) {
	v := all(f)
	for _, r := range short(f) {
		b, err := v.encode(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := v.decode(data)
		if err != nil {
			problemOf(t, err)
			return
		}
		if b, err := v.encode(r); err != nil || !bytes.Equal(b, data) {
			t.Errorf("%x was read, and is written as %x, %v", data, b, err)
		}
		Redact(r)
	})
}

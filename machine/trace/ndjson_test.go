package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

var (
	key   = gss.NewSecret("0123456789abcdef0123456789abcdef")
	fresh = gss.Env{Now: 1, Seed: gss.Seed([]byte("fresh seed of the trace's salt.."))}
)

// write makes a whole trace of records.
func write(t testing.TB, c Config, records ...Record) []byte {
	t.Helper()
	e, out, err := NewEncoder(c, fresh)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if e, out, err = e.Append(out, r); err != nil {
			t.Fatal(err)
		}
	}
	return e.End(out)
}

func sealed(t testing.TB) Config {
	return Config{Key: key, Vocabulary: all(t), Setup: gss.NewSecret("setup with " + canary)}
}

// short is a trace of a few steps.
func short(t testing.TB) []Record { return worlds(t)["basic"]().records }

func TestSealedRoundTrip(t *testing.T) {
	c := sealed(t)
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(record), 0, 3).Draw(rt, "records")
		got, err := Decode(c, write(t, c, want...))
		if err != nil || !got.Sealed || !got.Ended || got.Setup != c.Setup || len(got.Records) != len(want) || len(got.Lines) != len(want) {
			rt.Fatalf("%d records read back as %d: %v", len(want), len(got.Records), err)
		}
		for i, r := range got.Records {
			want[i].Seq = uint64(i) + 1
			if r != want[i] {
				rt.Fatalf("record %d reads back as another: %v, %v", i, want[i], r)
			}
		}
	})
}

// What a redacted trace shows is what is shown of a sealed one.
func TestRedactedRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(rapid.Custom(record), 0, 3).Draw(rt, "records")
		open, err := Decode(Config{}, write(t, Config{}, records...))
		if err != nil || open.Sealed || !open.Ended || len(open.Records) > 0 {
			rt.Fatalf("%+v: %v", open, err)
		}
		c := sealed(t)
		shut, err := Decode(Config{}, write(t, c, records...))
		if err != nil || !shut.Sealed || len(shut.Records) > 0 || !shut.Setup.IsEmpty() {
			rt.Fatalf("a sealed trace without its key: %v", err)
		}
		whole, err := Decode(c, write(t, c, records...))
		if err != nil {
			rt.Fatal(err)
		}
		for i := range records {
			a, b, c := open.Lines[i].append(nil), shut.Lines[i].append(nil), whole.Lines[i].append(nil)
			if !bytes.Equal(a, b) || !bytes.Equal(a, c) {
				rt.Fatalf("line %d: redacted %s, sealed %s, opened %s", i, a, b, c)
			}
		}
	})
}

// problemOf returns what errors.Is finds in an error of this package: one of its kinds, or the empty gss.Misuse for any; nil for none.
func problemOf(t *testing.T, err error) error {
	t.Helper()
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("an error shows the canary: %v", err)
	}
	for _, kind := range [...]error{ErrMalformed, ErrVersion, ErrTampered} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	if _, ok := errors.AsType[gss.Misuse](err); ok {
		return gss.Misuse("")
	}
	t.Errorf("%v (%T) is of no kind", err, err)
	return nil
}

// Every way to tamper with a sealed trace is found.
func TestTampering(t *testing.T) {
	c := sealed(t)
	whole := write(t, c, short(t)...)
	lines := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
	if len(lines) < 8 {
		t.Fatalf("only %d lines", len(lines))
	}
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	other, _, _ := NewEncoder(c, gss.Env{Now: 1, Seed: gss.Seed{1}})
	_, alien, err := other.Append(nil, short(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	digits := bytes.Index(lines[1], []byte(beforeSeal)) + len(beforeSeal)
	cut := []byte(string(lines[1][:digits+40]) + afterSeal + "\n")
	redacted := bytes.SplitAfter(write(t, Config{}, short(t)...), []byte("\n"))
	for name, row := range map[string]struct {
		data []byte
		c    Config
		want error
	}{
		"wrong key":                   {whole, Config{Key: gss.NewSecret("another key, of thirty-two bytes")}, ErrTampered},
		"short key":                   {whole, Config{Key: gss.NewSecret("short")}, gss.Misuse("")},
		"zero key":                    {whole, Config{Key: gss.NewSecret(strings.Repeat("\x00", keySize))}, gss.Misuse("")},
		"redacted trace with a key":   {write(t, Config{}, short(t)...), c, ErrTampered},
		"lines swapped":               {join(lines[0], lines[2], lines[1]), c, ErrTampered},
		"line left out":               {join(lines[0], lines[1], lines[3]), c, ErrTampered},
		"first step left out":         {join(lines[0], lines[2]), c, ErrTampered},
		"line twice":                  {join(lines[0], lines[1], lines[1]), c, ErrTampered},
		"line of another trace":       {join(lines[0], alien), c, ErrTampered},
		"redacted line among sealed":  {join(lines[0], redacted[1]), c, ErrTampered},
		"redacted line, without key":  {join(lines[0], redacted[1]), Config{}, ErrTampered},
		"end too early":               {join(lines[0], lines[1], lines[len(lines)-1]), c, ErrTampered},
		"line behind the end":         {join(whole, lines[1]), c, ErrMalformed},
		"shown structure changed":     {join(lines[0], bytes.Replace(lines[1], []byte(`"GET"`), []byte(`"PUT"`), 1)), c, ErrTampered},
		"another time":                {join(lines[0], bytes.Replace(lines[1], []byte(`"now":17`), []byte(`"now":18`), 1)), c, ErrTampered},
		"line cut":                    {join(lines[0], lines[1][:len(lines[1])/2]), c, ErrMalformed},
		"sealed part cut":             {join(lines[0], cut), c, ErrTampered},
		"sealed part gone":            {join(lines[0], []byte(string(lines[1][:digits])+afterSeal+"\n")), c, ErrTampered},
		"salt changed":                {bytes.Replace(whole, []byte(`"salt":"`), []byte(`"salt":"A`), 1), c, ErrMalformed},
		"white space":                 {join(lines[0], []byte(" "), lines[1]), c, ErrMalformed},
		"empty line":                  {join(lines[0], []byte("\n"), lines[1]), c, ErrMalformed},
		"other version":               {bytes.Replace(whole, []byte(`trace":2`), []byte(`trace":1`), 1), c, ErrVersion},
		"other version, other fields": {[]byte(`{"countersign-trace":7,"new":true}`), c, ErrVersion},
		"no trace":                    {[]byte("hello\n"), c, ErrMalformed},
		"nothing":                     {nil, Config{}, ErrMalformed},
		"a type is not known":         {write(t, c, Record{Role: Client, Event: machine.Answered{Answer: hash{canary}}}), Config{Key: key}, gss.Misuse("")},
	} {
		if _, err := Decode(row.c, row.data); problemOf(t, err) != row.want {
			t.Errorf("%s: %v, expected %v", name, err, row.want)
		}
	}
}

// Whatever single byte is changed, and wherever the trace is cut: no step is
// read that was not recorded.
func TestEveryByte(t *testing.T) {
	c := sealed(t)
	records := short(t)[:2]
	whole := write(t, c, records...)
	want, err := Decode(c, whole)
	if err != nil {
		t.Fatal(err)
	}
	genuine := func(name string, got Trace) {
		for i, r := range got.Records {
			if r != want.Records[i] {
				t.Fatalf("%s: step %d was read as another", name, i)
			}
		}
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		got, err := Decode(c, changed)
		if err == nil {
			t.Fatalf("byte %d of %d was changed, and nobody saw it", i, len(whole))
		}
		problemOf(t, err)
		genuine(fmt.Sprintf("byte %d changed", i), got)
		got, err = Decode(c, whole[:i])
		if err == nil && got.Ended && i < len(whole)-1 {
			t.Fatalf("cut to %d bytes of %d, and said to be whole", i, len(whole))
		}
		genuine(fmt.Sprintf("cut to %d bytes", i), got)
	}
}

// An Encoder is a value, so it can be used twice: the two lines have different
// nonces unless they are the same line.
func TestForkedEncoder(t *testing.T) {
	c := sealed(t)
	e, _, err := NewEncoder(c, fresh)
	if err != nil {
		t.Fatal(err)
	}
	nonce := func(r Record) string {
		_, line, err := e.Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		_, blob, err := split(bytes.TrimSpace(line), &Line{})
		if err != nil {
			t.Fatal(err)
		}
		return string(blob[:12])
	}
	a := Record{Role: Client, Event: machine.Answered{Answer: gss.Password{Password: secret}}}
	b := a
	b.Event = machine.Answered{Answer: gss.Password{Password: gss.NewSecret(canary)}} // redacted, they look alike
	first := nonce(a)
	if first == nonce(b) {
		t.Error("two steps were sealed with one nonce")
	}
	if first != nonce(a) {
		t.Error("the encoding is not a function of the record")
	}
}

func TestEncoderRefuses(t *testing.T) {
	if _, _, err := NewEncoder(Config{Key: key}, gss.Env{Now: 1}); problemOf(t, err) != gss.Misuse("") {
		t.Errorf("no seed: %v", err)
	}
	if _, _, err := NewEncoder(Config{Key: gss.NewSecret("k")}, fresh); problemOf(t, err) != gss.Misuse("") {
		t.Errorf("short key: %v", err)
	}
	r := Record{Role: Client, Event: machine.Closed{}}
	if _, out, err := (Encoder{}).Append([]byte("x"), r); err == nil || string(out) != "x" {
		t.Errorf("the zero Encoder wrote %q", out)
	}
	if out := (Encoder{}).End(nil); out != nil {
		t.Errorf("the zero Encoder ended with %q", out)
	}
	e, _, _ := NewEncoder(Config{Key: key}, fresh)
	bad := Record{Role: Client, Event: machine.Answered{Answer: hash{"x"}}}
	for name, r := range map[string]Record{"unknown type": bad, "no role": {Event: machine.Closed{}}} {
		if next, out, err := e.Append(nil, r); problemOf(t, err) != gss.Misuse("") || out != nil || next != e {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
}

// Redacted lines are JSON that others can read, one a line.
func TestNDJSON(t *testing.T) {
	for _, c := range []Config{{}, sealed(t)} {
		for line := range bytes.Lines(write(t, c, short(t)...)) {
			var v map[string]any
			if err := json.Unmarshal(line, &v); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

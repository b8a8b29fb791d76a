package trace

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// version is the version of the format.
const version = 2

// Config tells how a trace is written or read.
type Config struct {
	_ struct{}

	// Key seals a trace: 32 random bytes that nothing else uses. Empty
	// gives, and reads, a redacted one.
	Key gss.Secret
	// Vocabulary has the questions and answers of a sealed trace.
	Vocabulary Vocabulary
	// Setup is whatever the caller needs to make the machines of a sealed trace
	// again. It is sealed as well, and left out of a redacted trace.
	Setup gss.Secret
}

// The parts of a trace that are no steps.
type (
	head struct {
		Version int    `json:"countersign-trace"`
		Salt    []byte `json:"salt,omitempty"` // sealed traces only
	}
	tail struct {
		Steps uint64 `json:"steps"`
	}
)

// Encoder writes a trace. It is a value: Append gives the next one. The zero
// Encoder writes nothing.
type Encoder struct {
	conf  *conf
	steps uint64
}

// conf is the part of an encoder that stays the same through a trace. It is read-only.
type conf struct {
	vocabulary Vocabulary
	seal       *sealer // nil: redacted
}

// Format implements fmt.Formatter: an Encoder shows how far it is, not its keys.
func (e Encoder) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "encoder(%d steps, sealed=%t)", e.steps, e.sealed())
}

func (e Encoder) sealed() bool { return e.conf != nil && e.conf.seal != nil }

// NewEncoder starts a trace: the Encoder, and the trace's first line. env gives
// a sealed trace its salt, so its seed must be fresh.
func NewEncoder(c Config, env gss.Env) (Encoder, []byte, error) {
	e := Encoder{conf: &conf{vocabulary: c.Vocabulary}}
	h := head{Version: version}
	if c.Key.IsEmpty() {
		return e, append(appendJSON(nil, h), '\n'), nil
	}
	salt, ok := env.Bytes("countersign trace salt", saltSize)
	if !ok { // HTA-3
		return Encoder{}, nil, misuse("a sealed trace needs an Env with a fresh seed")
	}
	s, err := newSealer(c.Key, salt)
	if err != nil {
		return Encoder{}, nil, err
	}
	e.conf.seal, h.Salt = &s, []byte(salt)
	return e, e.line(nil, 0, h, []byte(c.Setup.Reveal())), nil
}

// Append appends the line of one step. Steps may be of several machines, in the
// order in which they happened. On an error nothing is appended and the Encoder
// stays as it was.
func (e Encoder) Append(dst []byte, r Record) (Encoder, []byte, error) {
	switch {
	case e.conf == nil:
		return e, dst, misuse("a trace is started with NewEncoder")
	case knownRole(r.Role) == "":
		return e, dst, misuse("a record needs the role of one of the machines of package machine")
	}
	next := e
	next.steps++
	r.Seq = next.steps
	var text []byte
	if e.sealed() {
		var err error
		if text, err = e.conf.vocabulary.encode(r); err != nil {
			return e, dst, err
		}
	}
	return next, next.line(dst, r.Seq, Redact(r), text), nil
}

// End appends the last line, which says that nothing is missing before it. A
// trace without one is read all the same.
func (e Encoder) End(dst []byte) []byte {
	if e.conf == nil {
		return dst
	}
	return e.line(dst, e.steps+1, tail{e.steps}, nil)
}

// beforeSeal and afterSeal stand around the sealed part of a line, which comes
// last in it.
const (
	beforeSeal = `,"sealed":"`
	afterSeal  = `"}`
)

// line appends the JSON of v, with text sealed in it.
func (e Encoder) line(dst []byte, seq uint64, v any, text []byte) []byte {
	clear := appendJSON(nil, v)
	if !e.sealed() {
		return append(append(dst, clear...), '\n')
	}
	dst = append(dst, clear[:len(clear)-1]...)
	dst = append(dst, beforeSeal...)
	dst = base64.RawStdEncoding.AppendEncode(dst, e.conf.seal.seal(seq, clear, text))
	return append(append(dst, afterSeal...), '\n')
}

// Trace is a trace that was read.
type Trace struct {
	// Lines are the steps as far as they show. Without the key of a sealed trace
	// nothing says that they are genuine.
	Lines []Line
	// Records are the steps whole, one for each line; none without a key.
	Records []Record
	// Setup is what [Config] had.
	Setup gss.Secret
	// Sealed tells what the trace is, Ended that its last line is there.
	Sealed, Ended bool
}

// Decode reads a whole trace. It is total; after an error, what was read before the
// line that it names is in the Trace. Errors are [ErrMalformed] and those beside it. With a key every line
// must be genuine and in its place; without one a sealed trace gives its
// redacted lines, as they stand.
func Decode(c Config, data []byte) (Trace, error) {
	var t Trace
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	d := decoder{vocabulary: c.Vocabulary}
	if err := d.begin(c, first, &t); err != nil {
		return t, at(1, err)
	}
	for n := 2; len(rest) > 0; n++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if err := d.step(line, &t); err != nil {
			return t, at(n, err)
		}
	}
	return t, nil
}

type decoder struct {
	vocabulary Vocabulary
	seal       *sealer // nil: no key
}

// begin reads the first line.
func (d *decoder) begin(c Config, line []byte, t *Trace) error {
	var h head
	clear, blob, err := split(line, &h)
	if err != nil && bytes.HasPrefix(line, []byte(`{"countersign-trace":`)) && h.Version != version && h.Version != 0 {
		return problem(ErrVersion, "this program reads version 2")
	}
	switch {
	case err != nil || h.Version == 0:
		return problem(ErrMalformed, "not a trace: the first line is not that of a trace")
	case h.Version != version:
		return problem(ErrVersion, "this program reads version 2")
	case (len(h.Salt) == saltSize) != (blob != nil) || len(h.Salt) != 0 && len(h.Salt) != saltSize:
		return problem(ErrMalformed, "a sealed trace starts with a salt and a sealed part, a redacted one with neither")
	}
	t.Sealed = blob != nil
	switch {
	case c.Key.IsEmpty():
		return nil
	case !t.Sealed:
		return problem(ErrTampered, "a key was given, and the trace is not sealed: read it without a key if a redacted one will do")
	}
	s, err := newSealer(c.Key, string(h.Salt))
	if err != nil {
		return err
	}
	setup, ok := s.open(0, clear, blob)
	if !ok {
		return problem(ErrTampered, "the key does not decrypt this trace, or its first line was changed")
	}
	d.seal, t.Setup = &s, gss.NewSecret(string(setup))
	return nil
}

// step reads a line behind the first.
func (d *decoder) step(line []byte, t *Trace) error {
	if t.Ended {
		return problem(ErrMalformed, "data after the end of the trace")
	}
	seq := uint64(len(t.Lines)) + 1
	var l Line
	var end tail
	v := any(&l)
	if bytes.HasPrefix(line, []byte(`{"steps":`)) {
		v = &end
	}
	clear, blob, err := split(line, v)
	switch {
	case err != nil:
		return err
	case t.Sealed != (blob != nil):
		return problem(ErrTampered, "the lines of a trace are sealed all or none")
	case v == any(&end) && end.Steps != seq-1, v == any(&l) && l.Seq != seq:
		return problem(ErrTampered, "a line is missing or out of place")
	}
	var text []byte
	if d.seal != nil {
		var ok bool
		if text, ok = d.seal.open(seq, clear, blob); !ok {
			return problem(ErrTampered, "the sealed part does not belong to the key and the rest of the line in this place")
		}
	}
	if v == any(&end) {
		t.Ended = true
		return nil
	}
	if knownRole(l.Role) == "" {
		return problem(ErrMalformed, "a step is of a client, a server or a proxy")
	}
	if d.seal != nil {
		r, err := d.vocabulary.decode(text)
		if err != nil {
			return err
		}
		t.Records = append(t.Records, r)
		l = Redact(r)
	}
	t.Lines = append(t.Lines, l)
	return nil
}

// split reads the JSON of a line into v. clear is that JSON without the sealed
// part, blob the sealed part, nil if there is none. Only what this package
// writes is taken, byte for byte: no other order, no white space, no unknown
// member.
func split(line []byte, v any) (clear, blob []byte, err error) {
	bad := problem(ErrMalformed, "the line is not as this version writes it")
	clear = line
	if i := bytes.LastIndex(line, []byte(beforeSeal)); i >= 0 {
		digits, ok := bytes.CutSuffix(line[i+len(beforeSeal):], []byte(afterSeal))
		if !ok {
			return nil, nil, bad
		}
		blob, err = base64.RawStdEncoding.Strict().AppendDecode([]byte{}, digits)
		if err != nil || bytes.ContainsAny(digits, "\r\n") {
			return nil, nil, bad
		}
		clear = append(append([]byte{}, line[:i]...), '}')
	}
	dec := json.NewDecoder(bytes.NewReader(clear))
	dec.DisallowUnknownFields()
	if dec.Decode(v) != nil || !bytes.Equal(appendJSON(nil, v), clear) {
		return nil, nil, bad
	}
	return clear, blob, nil
}

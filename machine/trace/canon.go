package trace

import (
	"encoding"
	"encoding/binary"
	"reflect"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// maxDepth bounds how deep values stand in one another.
const maxDepth = 16

// maxActions is how many actions machine.Actions hold at most.
const maxActions = 2

// encode returns the canonical encoding of a record: equal records have equal encodings.
// It fails on a type that is not in the vocabulary and on a value that would not read
// back as itself.
func (v Vocabulary) encode(r Record) ([]byte, error) {
	return v.put(nil, reflect.ValueOf(r), 0)
}

// decode reads what encode wrote, and nothing else: not a byte may be left, and
// there is one encoding for each record.
func (v Vocabulary) decode(b []byte) (Record, error) {
	var r Record
	in := reader{b: b}
	if err := v.get(&in, reflect.ValueOf(&r).Elem(), 0); err != nil {
		return Record{}, err
	}
	if again, err := v.encode(r); err != nil || string(again) != string(b) {
		return Record{}, problem(ErrMalformed, "the encoding of a step is not canonical")
	}
	return r, nil
}

// put appends the encoding of x.
//
//	bool, integer  unsigned varint; a signed one zigzag
//	string, leaf   length as varint, bytes
//	struct         for each field that is not zero, in order: its name as a
//	               string, its value; then the empty string
//	array          its elements
//	interface      the name of the dynamic type as a string, the value; nil is
//	               the empty string; of a gss.Context only its Info
//	Actions        their number as varint, then each as an interface
func (v Vocabulary) put(b []byte, x reflect.Value, depth int) ([]byte, error) {
	t := x.Type()
	if depth > maxDepth {
		return nil, misuse("values are nested too deeply to be sealed")
	}
	if l, ok := leafOf(t); ok {
		text := l.text(x.Interface())
		if l.parse(text) != x.Interface() {
			return nil, misuse("a " + t.String() + " does not read back as it was written, and cannot be sealed")
		}
		return putString(b, text), nil
	}
	if marshals(t) {
		return putMarshaler(b, x)
	}
	if t == actionsType {
		return v.putActions(b, x.Interface().(machine.Actions), depth)
	}
	switch t.Kind() {
	case reflect.Bool:
		if x.Bool() {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, x.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(b, x.Uint()), nil
	case reflect.String:
		return putString(b, x.String()), nil
	case reflect.Struct:
		return v.putStruct(b, x, depth)
	case reflect.Array:
		for i := range x.Len() {
			var err error
			if b, err = v.put(b, x.Index(i), depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	case reflect.Interface:
		return v.putInterface(b, x, depth)
	}
	return nil, misuse("a " + t.String() + " is no plain value, and cannot be sealed")
}

func putString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (v Vocabulary) putStruct(b []byte, x reflect.Value, depth int) ([]byte, error) {
	t := x.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Name == "_":
			continue
		case !f.IsExported():
			return nil, misuse(t.String() + " has fields that are not exported, and cannot be sealed")
		case x.Field(i).IsZero():
			continue
		}
		var err error
		if b, err = v.put(putString(b, f.Name), x.Field(i), depth+1); err != nil {
			return nil, err
		}
	}
	return putString(b, ""), nil
}

func (v Vocabulary) putInterface(b []byte, x reflect.Value, depth int) ([]byte, error) {
	switch {
	case x.IsNil():
		return putString(b, ""), nil
	case x.Type() == contextType:
		info := x.Interface().(gss.Context).Info()
		return v.put(putString(b, infoType.String()), reflect.ValueOf(info), depth+1)
	}
	x = x.Elem()
	if !v.knows(x.Type()) {
		return nil, misuse("a " + x.Type().String() + " is not in the vocabulary: hand its zero value to Vocab")
	}
	return v.put(putString(b, x.Type().String()), x, depth+1)
}

func (v Vocabulary) putActions(b []byte, as machine.Actions, depth int) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(as.Len()))
	for a := range as.All() {
		var err error
		if b, err = v.putInterface(b, reflect.ValueOf(&a).Elem(), depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// putMarshaler lets a value write itself, and reads it back.
func putMarshaler(b []byte, x reflect.Value) ([]byte, error) {
	data, err := x.Interface().(encoding.BinaryMarshaler).MarshalBinary()
	if err == nil {
		again := reflect.New(x.Type())
		err = again.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(data)
		if err == nil && sameBytes(again.Elem(), data) {
			return putString(b, string(data)), nil
		}
	}
	return nil, misuse("a " + x.Type().String() + " does not read back as it was written, and cannot be sealed")
}

// sameBytes reports whether x writes itself as data. The values themselves may
// differ, where one holds a pointer to what was prepared.
func sameBytes(x reflect.Value, data []byte) bool {
	again, err := x.Interface().(encoding.BinaryMarshaler).MarshalBinary()
	return err == nil && string(again) == string(data)
}

// reader reads what put wrote.
type reader struct{ b []byte }

func (r *reader) uvarint() (uint64, bool) {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		return 0, false
	}
	r.b = r.b[size:]
	return n, true
}

func (r *reader) string() (string, bool) {
	n, ok := r.uvarint()
	if !ok || n > uint64(len(r.b)) {
		return "", false
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s, true
}

// errEncoding returns the error for bytes that do not parse, which says no more than that.
func errEncoding() error { return problem(ErrMalformed, "the encoding of a step does not parse") }

// get reads x, which can be set.
func (v Vocabulary) get(r *reader, x reflect.Value, depth int) error {
	t := x.Type()
	if depth > maxDepth {
		return errEncoding()
	}
	l, isLeaf := leafOf(t)
	if isLeaf || marshals(t) || t.Kind() == reflect.String {
		s, ok := r.string()
		switch {
		case !ok:
			return errEncoding()
		case isLeaf:
			x.Set(reflect.ValueOf(l.parse(s)))
		case t.Kind() == reflect.String && !marshals(t):
			x.SetString(s)
		case x.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary([]byte(s)) != nil:
			return errEncoding()
		}
		return nil
	}
	if t == actionsType {
		return v.getActions(r, x, depth)
	}
	switch t.Kind() {
	case reflect.Bool:
		n, ok := r.uvarint()
		if !ok || n > 1 {
			return errEncoding()
		}
		x.SetBool(n == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(r.b)
		if size <= 0 || x.OverflowInt(n) {
			return errEncoding()
		}
		r.b = r.b[size:]
		x.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, ok := r.uvarint()
		if !ok || x.OverflowUint(n) {
			return errEncoding()
		}
		x.SetUint(n)
	case reflect.Struct:
		return v.getStruct(r, x, depth)
	case reflect.Array:
		for i := range x.Len() {
			if err := v.get(r, x.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Interface:
		return v.getInterface(r, x, depth)
	default:
		return errEncoding()
	}
	return nil
}

func (v Vocabulary) getStruct(r *reader, x reflect.Value, depth int) error {
	for {
		name, ok := r.string()
		if !ok {
			return errEncoding()
		}
		if name == "" {
			return nil
		}
		f, found := x.Type().FieldByName(name)
		if !found || !f.IsExported() || len(f.Index) != 1 {
			return problem(ErrMalformed, "the encoding of a step has a field that this version does not know")
		}
		if err := v.get(r, x.FieldByIndex(f.Index), depth+1); err != nil {
			return err
		}
	}
}

func (v Vocabulary) getInterface(r *reader, x reflect.Value, depth int) error {
	name, ok := r.string()
	if !ok {
		return errEncoding()
	}
	if name == "" {
		return nil
	}
	if x.Type() == contextType {
		var info gss.Info
		if err := v.get(r, reflect.ValueOf(&info).Elem(), depth+1); err != nil {
			return err
		}
		x.Set(reflect.ValueOf(recorded{info}))
		return nil
	}
	t, ok := v.lookup(name)
	if !ok || !t.Implements(x.Type()) {
		return misuse("a step holds a type that is not in the vocabulary: hand its zero value to Vocab")
	}
	value := reflect.New(t).Elem()
	if err := v.get(r, value, depth+1); err != nil {
		return err
	}
	x.Set(value)
	return nil
}

func (v Vocabulary) getActions(r *reader, x reflect.Value, depth int) error {
	n, ok := r.uvarint()
	if !ok || n > maxActions {
		return errEncoding()
	}
	list := make([]machine.Action, n)
	for i := range list {
		if err := v.getInterface(r, reflect.ValueOf(&list[i]).Elem(), depth+1); err != nil {
			return err
		}
	}
	x.Set(reflect.ValueOf(machine.Do(list...)))
	return nil
}

// recorded stands for the context in a recorded action, of which a trace keeps
// the Info. It goes no further: every step fails.
type recorded struct{ info gss.Info }

func (c recorded) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return c, gss.Fail(gss.Unsupported, "a context read from a trace cannot be stepped"), nil
}

func (c recorded) Info() gss.Info { return c.info }

func (recorded) Session() (gss.Session, bool) { return nil, false }

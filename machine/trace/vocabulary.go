package trace

import (
	"encoding"
	"reflect"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Vocabulary is the set of questions and answers that a sealed trace can hold.
// The zero Vocabulary has those of package gss. It is immutable.
type Vocabulary struct{ more []reflect.Type }

// Vocab returns the Vocabulary with the questions and answers of further schemes and
// mechanisms beside those of package gss: pass one value of each type, its zero value for
// instance.
//
//	trace.Vocab(digest.HA1{}, digest.NeedBodyHash{}, digest.BodyHash{})
//
// A type needs one of two things: all its fields are exported and of a kind
// that is a value (booleans, integers, strings, arrays, structs of those,
// gss.Secret, gss.Token, the values of package header, a question or an
// answer), or it implements encoding.BinaryMarshaler and, by pointer,
// encoding.BinaryUnmarshaler, canonically. Anything else is refused, as are two
// types of one name.
func Vocab(prototypes ...any) (Vocabulary, error) {
	var v Vocabulary
	for _, p := range prototypes {
		t := reflect.TypeOf(p)
		switch {
		case t == nil || !t.Implements(questionType) && !t.Implements(answerType):
			return Vocabulary{}, misuse("a vocabulary holds values of types that implement gss.Question or gss.Answer")
		case !encodable(t, 0):
			return Vocabulary{}, misuse(t.String() + " has a field that is not exported or is no plain value: export it, or implement encoding.BinaryMarshaler and BinaryUnmarshaler")
		}
		if known, ok := v.lookup(t.String()); ok && known != t {
			return Vocabulary{}, misuse("two types are called " + t.String())
		} else if !ok {
			v.more = append(v.more, t)
		}
	}
	return v, nil
}

// types are the dynamic types of the interfaces of package machine and gss.
var types = [...]reflect.Type{
	reflect.TypeFor[machine.Begin](),
	reflect.TypeFor[machine.Response](),
	reflect.TypeFor[machine.Received](),
	reflect.TypeFor[machine.Responding](),
	reflect.TypeFor[machine.Answered](),
	reflect.TypeFor[machine.Closed](),
	reflect.TypeFor[machine.Lost](),

	reflect.TypeFor[machine.Send](),
	reflect.TypeFor[machine.Deliver](),
	reflect.TypeFor[machine.Ask](),
	reflect.TypeFor[machine.Reply](),
	reflect.TypeFor[machine.Accept](),
	reflect.TypeFor[machine.Finish](),
	reflect.TypeFor[machine.Forward](),
	reflect.TypeFor[machine.Relay](),
	reflect.TypeFor[machine.Reopen](),
	reflect.TypeFor[machine.Retire](),
	reflect.TypeFor[machine.Fail](),

	reflect.TypeFor[gss.NeedCredential](),
	reflect.TypeFor[gss.NeedVerifier](),
	reflect.TypeFor[gss.NeedVerdict](),
	reflect.TypeFor[gss.NeedReplayCheck](),
	reflect.TypeFor[gss.NeedExchange](),

	reflect.TypeFor[gss.Declined](),
	reflect.TypeFor[gss.Unreachable](),
	reflect.TypeFor[gss.Unverifiable](),
	reflect.TypeFor[gss.Unknown](),
	reflect.TypeFor[gss.Password](),
	reflect.TypeFor[gss.Verdict](),
	reflect.TypeFor[gss.ReplayVerdict](),
	reflect.TypeFor[gss.Reply](),
}

var (
	eventType       = reflect.TypeFor[machine.Event]()
	actionType      = reflect.TypeFor[machine.Action]()
	questionType    = reflect.TypeFor[gss.Question]()
	answerType      = reflect.TypeFor[gss.Answer]()
	contextType     = reflect.TypeFor[gss.Context]()
	infoType        = reflect.TypeFor[gss.Info]()
	actionsType     = reflect.TypeFor[machine.Actions]()
	marshalerType   = reflect.TypeFor[encoding.BinaryMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// lookup returns the type of that name.
func (v Vocabulary) lookup(name string) (reflect.Type, bool) {
	for _, list := range [...][]reflect.Type{types[:], v.more} {
		for _, t := range list {
			if t.String() == name {
				return t, true
			}
		}
	}
	return nil, false
}

// knows reports whether t itself, and not only its name, is in the vocabulary.
func (v Vocabulary) knows(t reflect.Type) bool {
	known, ok := v.lookup(t.String())
	return ok && known == t
}

// marshals reports whether t writes and reads itself.
func marshals(t reflect.Type) bool {
	return t.Implements(marshalerType) && reflect.PointerTo(t).Implements(unmarshalerType)
}

// encodable reports whether the values of t can be encoded, as far as types
// tell.
func encodable(t reflect.Type, depth int) bool {
	if _, ok := leafOf(t); ok || marshals(t) {
		return true
	}
	if depth > maxDepth {
		return false
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return encodable(t.Elem(), depth+1)
	case reflect.Interface:
		return open(t)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Name != "_" && (!f.IsExported() || !encodable(f.Type, depth+1)) {
				return false
			}
		}
		return true
	}
	return false
}

// open reports whether t is one of the interfaces with dynamic types in the vocabulary.
func open(t reflect.Type) bool {
	return t == eventType || t == actionType || t == questionType || t == answerType || t == contextType
}

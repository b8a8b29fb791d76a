package trace

import (
	"fmt"
	"reflect"

	"github.com/countersign-auth/countersign/machine"
)

// Difference is the first step at which a replay came out otherwise than what
// was recorded. The zero Difference is none. It says where, and shows both
// sides redacted.
type Difference struct {
	Seq       uint64 // the step's number in its trace
	Where     string // "actions", "error", or "Send.Authorization"
	Want, Got string // recorded and replayed, redacted
}

// IsZero reports whether there is no difference.
func (d Difference) IsZero() bool { return d == Difference{} }

// String says what differs.
func (d Difference) String() string {
	if d.IsZero() {
		return "no difference"
	}
	return fmt.Sprintf("step %d: %s differs: recorded %s, replayed %s", d.Seq, d.Where, d.Want, d.Got)
}

// Replay runs the recorded steps of one machine again, from m on, and compares
// what comes out with what was recorded, byte for byte in the canonical
// encoding. m is the machine as it was before the first of them; records are
// those of one Role and Name, in order (see [Of]). It stops at the first
// Difference, and gives the machine as it was before that step.
//
// An error is a [gss.Misuse]: a value that the vocabulary cannot write.
func Replay[M machine.Machine[M]](v Vocabulary, m M, records []Record) (M, Difference, error) {
	for _, r := range records {
		next, again, _ := Step(m, r.Name, r.Env, r.Event)
		again.Seq = r.Seq
		d, err := v.compare(r, again)
		if err != nil || !d.IsZero() {
			return m, d, err
		}
		m = next
	}
	return m, Difference{}, nil
}

// Of returns the records of one machine, in order.
func Of(records []Record, role Role, name string) []Record {
	var out []Record
	for _, r := range records {
		if r.Role == role && r.Name == name {
			out = append(out, r)
		}
	}
	return out
}

// compare finds the first difference between two records of the same event.
func (v Vocabulary) compare(want, got Record) (Difference, error) {
	a, err := v.encode(want)
	if err != nil {
		return Difference{}, err
	}
	b, err := v.encode(got)
	if err != nil || string(a) == string(b) {
		return Difference{}, err
	}
	d := Difference{Seq: want.Seq, Want: show(want.Actions), Got: show(got.Actions)}
	switch {
	case want.Role != got.Role:
		d.Where, d.Want, d.Got = "machine", string(want.Role), string(got.Role)
	case want.Err != got.Err:
		d.Where, d.Want, d.Got = "error", outcome(want), outcome(got)
	default:
		d.Where = v.where(want.Actions, got.Actions)
	}
	return d, nil
}

func outcome(r Record) string {
	if r.Err != "" {
		return "misuse"
	}
	return show(r.Actions)
}

// show returns a redacted list of actions.
func show(as machine.Actions) string {
	items := []Item{}
	for a := range as.All() {
		items = append(items, action(a))
	}
	return string(appendJSON(nil, items))
}

// where names the first thing that differs between two lists of actions.
func (v Vocabulary) where(want, got machine.Actions) string {
	if want.Len() != got.Len() {
		return "actions"
	}
	for i := range want.Len() {
		a, b := reflect.ValueOf(want.At(i)), reflect.ValueOf(got.At(i))
		if !a.IsValid() || !b.IsValid() || a.Type() != b.Type() {
			return "actions"
		}
		for f := range a.NumField() {
			x, err := v.put(nil, a.Field(f), 0)
			y, err2 := v.put(nil, b.Field(f), 0)
			if err != nil || err2 != nil || string(x) != string(y) {
				return a.Type().Name() + "." + a.Type().Field(f).Name
			}
		}
	}
	return "actions"
}

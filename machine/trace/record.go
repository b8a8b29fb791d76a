package trace

import (
	"encoding/json"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Role tells which machine a step is of. The zero Role is none.
type Role string

// The roles.
const (
	Client Role = "client"
	Server Role = "server"
	Proxy  Role = "proxy"
)

// roleOf returns the role of a machine, "" for one that is not of package machine.
func roleOf(m any) Role {
	switch m.(type) {
	case machine.Client:
		return Client
	case machine.Server:
		return Server
	case machine.Proxy:
		return Proxy
	}
	return ""
}

// Record is one Step of a machine, with its whole input and output. It is comparable, and
// holds secrets: it shows itself redacted, in fmt and in JSON.
type Record struct { // HTA-12
	Role Role
	// Name tells the machines of one role apart, for instance by connection. It
	// is the caller's own and shows in redacted traces. Two machines of one role
	// and name are taken for one.
	Name string
	// Seq is the step's number in its trace, from 1. [Encoder.Append] sets it.
	Seq     uint64
	Env     gss.Env
	Event   machine.Event
	Actions machine.Actions
	// Err is the text of the Go error, which is always a misuse (L3); "" for
	// none.
	Err string
}

// Step steps m and records it. The results are those of m.Step with the record
// between them; nothing else happens.
func Step[M machine.Machine[M]](m M, name string, env gss.Env, e machine.Event) (M, Record, error) {
	r := Record{Role: roleOf(m), Name: name, Env: env, Event: e}
	next, actions, err := m.Step(env, e)
	r.Actions = actions
	if err != nil {
		r.Err = err.Error()
	}
	return next, r, err
}

// Format implements fmt.Formatter: a record shows its redacted line.
func (r Record) Format(f fmt.State, _ rune) { f.Write(Redact(r).append(nil)) }

// MarshalJSON implements json.Marshaler: the redacted line.
func (r Record) MarshalJSON() ([]byte, error) { return json.Marshal(Redact(r)) }

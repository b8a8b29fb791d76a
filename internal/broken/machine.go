package broken

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// MachineDefect is one thing that a machine may do wrong.
type MachineDefect uint8

const (
	// StepsImpurely counts its steps in its state.
	StepsImpurely MachineDefect = iota
	// StepsOtherwiseLater answers the same step differently some time later.
	StepsOtherwiseLater
	// ErrsOnPeer gives a Go error for what a peer sent.
	ErrsOnPeer
	// PanicsOnPeer panics on it.
	PanicsOnPeer
	// KeepsSlice hides a slice behind an interface of its state.
	KeepsSlice
	// MovesOnMistake moves on where the driver made a mistake.
	MovesOnMistake
	// TakesMistake takes the driver's mistake for something else.
	TakesMistake
	// ActsForOthers gives an action of another role.
	ActsForOthers
	// RefusesAnswer does not take the answer to its question.
	RefusesAnswer
	// SendsForever answers every response with one more request.
	SendsForever
	// PrintsAnswers prints the passwords that it was given.
	PrintsAnswers
	// RepeatsPeer repeats what a peer sent in its fault.
	RepeatsPeer
	// LetsIn accepts every request.
	LetsIn
	// MachineDefects is how many there are.
	MachineDefects
)

var machineDefectNames = [MachineDefects]string{
	"StepsImpurely", "StepsOtherwiseLater", "ErrsOnPeer", "PanicsOnPeer", "KeepsSlice", "MovesOnMistake", "TakesMistake", "ActsForOthers",
	"RefusesAnswer", "SendsForever", "PrintsAnswers", "RepeatsPeer", "LetsIn",
}

// String returns the name of the constant.
func (m MachineDefect) String() string {
	if m < MachineDefects {
		return machineDefectNames[m]
	}
	return "unknown defect"
}

// Machine is a machine with a fault, made by [NewMachine].
type Machine[M machine.Machine[M]] struct {
	inner  M
	how    MachineDefect
	count  int
	steps  *int
	slice  any
	secret string
}

// NewMachine returns the machine m with a fault. Never use it to authenticate.
func NewMachine[M machine.Machine[M]](m M, how MachineDefect) Machine[M] {
	return Machine[M]{inner: m, how: how, steps: new(int)}
}

// Format implements fmt.Formatter.
func (b Machine[M]) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "machine: %v%s", b.how, b.secret)
}

// Step implements machine.Machine.
func (b Machine[M]) Step(env gss.Env, e machine.Event) (Machine[M], machine.Actions, error) {
	old := b
	*b.steps++
	switch r, peer := e.(machine.Response); b.how {
	case StepsImpurely:
		b.count = *b.steps
	case StepsOtherwiseLater:
		b.count = *b.steps / 20
	case KeepsSlice:
		b.slice = []int{1}
	case SendsForever:
		if peer && r.Status >= 200 {
			return b, machine.Do(machine.Send{}), nil
		}
	case RefusesAnswer:
		if _, answered := e.(machine.Answered); answered {
			return old, machine.Actions{}, gss.Misuse("I did not ask")
		}
	case PrintsAnswers:
		if a, ok := e.(machine.Answered); ok {
			if p, ok := a.Answer.(gss.Password); ok {
				b.secret = p.Password.Reveal()
			}
		}
	case LetsIn:
		if _, ok := e.(machine.Received); ok {
			return b, machine.Do(machine.Accept{Info: gss.Info{Peer: "anybody"}}), nil
		}
	}
	next, acts, err := b.inner.Step(env, e)
	if err != nil {
		switch b.how {
		case MovesOnMistake:
			old.count++
		case TakesMistake:
			return old, machine.Actions{}, nil
		}
		return old, machine.Actions{}, err
	}
	b.inner = next
	_, failed := acts.At(0).(machine.Fail)
	reply, replied := acts.At(0).(machine.Reply)
	switch refused := failed || replied && !reply.Fault.IsZero(); b.how {
	case ErrsOnPeer:
		if refused {
			return old, machine.Actions{}, errBent
		}
	case PanicsOnPeer:
		if refused {
			panic("I do not know what to make of this")
		}
	case RepeatsPeer:
		if r, ok := e.(machine.Received); ok && replied {
			reply.Fault = gss.Fault{Code: gss.Malformed, Detail: r.Header.Authorization.Written()}
			return b, machine.Do(reply), nil
		}
	case ActsForOthers:
		if replied {
			return b, machine.Do(machine.Send{}), nil
		}
	}
	return b, acts, nil
}

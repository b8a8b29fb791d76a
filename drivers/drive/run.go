package drive

import (
	"fmt"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Observer is called for the steps of a machine as they happen. conn identifies the
// machine within the process and starts from 1. Events and actions contain what the
// peers sent; see machine/trace for what may be logged. It is called by several
// goroutines at once, and must not block.
type Observer func(conn uint64, env gss.Env, event machine.Event, actions machine.Actions)

// runner steps one machine.
type runner[M machine.Machine[M]] struct {
	id       uint64 // for the observer
	machine  M
	observer Observer
}

// step passes an event to the machine. An error is a misuse, and leaves the machine
// unchanged.
func (r *runner[M]) step(e machine.Event) (machine.Actions, error) {
	env := entropy.Env()
	next, acts, err := r.machine.Step(env, e)
	if err != nil {
		return machine.Actions{}, err
	}
	r.machine = next
	if r.observer != nil {
		r.observer(r.id, env, e, acts)
	}
	return acts, nil
}

// run passes an event to the machine, answers its questions and returns the resulting
// actions, never an Ask.
func (r *runner[M]) run(e machine.Event, answer func(gss.Question) gss.Answer) (machine.Actions, error) {
	acts, err := r.step(e)
	if err != nil {
		return machine.Actions{}, err
	}
	return r.settle(acts, answer)
}

// settle answers questions until there are actions of another kind (CONN-4).
func (r *runner[M]) settle(acts machine.Actions, answer func(gss.Question) gss.Answer) (machine.Actions, error) {
	for range bounds.Questions {
		ask, ok := acts.At(0).(machine.Ask)
		if !ok {
			return acts, nil
		}
		var err error
		if acts, err = r.step(machine.Answered{ID: ask.ID, Answer: answer(ask.Question)}); err != nil {
			return machine.Actions{}, err
		}
	}
	return machine.Actions{}, errQuestions
}

var errQuestions = gss.Fault{Code: gss.Bug, Detail: fmt.Sprintf("drive: the scheme asked more than %d questions in a row", bounds.Questions)}.Err()

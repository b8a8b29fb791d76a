package drive

import (
	"fmt"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// MaxQuestions bounds the questions of one event's consequences: a scheme that never
// stops asking is stopped (HTA-6).
const MaxQuestions = 64

// Observer sees the steps of a machine as they happen: conn tells the machines of
// one process apart, from 1. Events and actions hold what the peers said; see
// machine/trace for what of it may be written down. It is called by several
// goroutines at once, and must not block.
type Observer func(conn uint64, env gss.Env, event machine.Event, actions machine.Actions)

// Runner steps one machine.
type Runner[M machine.Machine[M]] struct {
	Machine  M
	ID       uint64 // for the observer
	Observer Observer
}

// Step tells the machine an event. An error is a misuse, and leaves the machine as it was.
func (r *Runner[M]) Step(e machine.Event) (machine.Actions, error) {
	env := entropy.Env()
	next, acts, err := r.Machine.Step(env, e)
	if err != nil {
		return machine.Actions{}, err
	}
	r.Machine = next
	if r.Observer != nil {
		r.Observer(r.ID, env, e, acts)
	}
	return acts, nil
}

// Run tells the machine an event, answers what it asks, and gives the actions that it came
// to, of which none is an Ask.
func (r *Runner[M]) Run(e machine.Event, answer func(gss.Question) gss.Answer) (machine.Actions, error) {
	acts, err := r.Step(e)
	if err != nil {
		return machine.Actions{}, err
	}
	return r.settle(acts, answer)
}

// settle answers questions until there are actions of another kind (CONN-4).
func (r *Runner[M]) settle(acts machine.Actions, answer func(gss.Question) gss.Answer) (machine.Actions, error) {
	for range MaxQuestions {
		ask, ok := acts.At(0).(machine.Ask)
		if !ok {
			return acts, nil
		}
		var err error
		if acts, err = r.Step(machine.Answered{ID: ask.ID, Answer: answer(ask.Question)}); err != nil {
			return machine.Actions{}, err
		}
	}
	return machine.Actions{}, errQuestions
}

var errQuestions = fmt.Errorf("drive: the scheme asked more than %d questions in a row", MaxQuestions)

package scheme

import "github.com/countersign-auth/countersign/gss"

// A half that failed stays failed, and returns its fault again whatever the event
// (HTA-8). The halves of this package's schemes turn into these types.

type failedInitiator struct{ fault gss.Fault }

func (failedInitiator) Info() gss.Info       { return gss.Info{} }
func (failedInitiator) Context() gss.Context { return nil }

// Step implements [Initiator].
func (i failedInitiator) Step(gss.Env, InitiatorInput) (Initiator, InitiatorOutput, error) {
	return i, InitiatorOutput{Fault: i.fault}, nil
}

// absorbInitiator returns the outcome of a step, with a failure made final.
func absorbInitiator(i Initiator, out InitiatorOutput, err error) (Initiator, InitiatorOutput, error) {
	if err == nil && out.State == gss.Failed {
		i = failedInitiator{out.Fault}
	}
	return i, out, err
}

type failedAcceptor struct{ fault gss.Fault }

func (failedAcceptor) Info() gss.Info       { return gss.Info{} }
func (failedAcceptor) Context() gss.Context { return nil }

// Step implements [Acceptor].
func (a failedAcceptor) Step(gss.Env, AcceptorInput) (Acceptor, AcceptorOutput, error) {
	return a, AcceptorOutput{Fault: a.fault}, nil
}

// absorbAcceptor returns the outcome of a step, with a failure made final.
func absorbAcceptor(a Acceptor, out AcceptorOutput, err error) (Acceptor, AcceptorOutput, error) {
	if err == nil && out.State == gss.Failed {
		a = failedAcceptor{out.Fault}
	}
	return a, out, err
}

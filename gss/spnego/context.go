package spnego

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// Every state of a context is a type of its own, which holds what that state needs
// and nothing else:
//
//	initiator --absent or a hint--> gathering --answers--> offered
//	offered --first reply--> initiating --replies, answers--> established
//	acceptor --absent--> acceptor, with a hint
//	acceptor --NegTokenInit--> accepting --tokens, answers--> established
//	acceptor --a raw token--> the mechanism's own context
//
// and everything else, from every state, --> failed.

// fail ends a context. Nothing of the exchange is kept.
func fail(code gss.Code, detail string) (gss.Context, gss.Output, error) {
	return failWith(gss.Fault{Code: code, Detail: "spnego: " + detail})
}

func failWith(fault gss.Fault) (gss.Context, gss.Output, error) {
	return failed{fault}, gss.Output{Fault: fault}, nil
}

// pending are the methods that all states share before a mechanism is chosen.
type pending struct{}

// Info implements gss.Context.
func (pending) Info() gss.Info { return gss.Info{Mech: gss.SPNEGO} }

// Session implements gss.Context.
func (pending) Session() (gss.Session, bool) { return nil, false }

// failed absorbs.
type failed struct{ fault gss.Fault }

// Step implements gss.Context.
func (c failed) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", false); err != nil {
		return c, gss.Output{}, err
	}
	return c, gss.Output{Fault: c.fault}, nil
}

// Info implements gss.Context.
func (failed) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (failed) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (c failed) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "spnego context(%v)", c.fault) }

// established is either side at its end.
type established struct {
	leaf gss.Context
	mics mics
}

// Step implements gss.Context: nothing may come after the end.
func (c established) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", false); err != nil {
		return c, gss.Output{}, err
	}
	return fail(gss.Unexpected, "a token after the last one")
}

// Info implements gss.Context: all that is to be said of a negotiation is what
// came of it (N2HT-3.2.5-8, C16).
func (c established) Info() gss.Info { return c.leaf.Info() }

// Session implements gss.Context. Where mechListMICs were exchanged it is the one
// after them.
func (c established) Session() (gss.Session, bool) { return c.mics.session(c.leaf) }

// Format implements fmt.Formatter: the mechanism's context may hold secrets.
func (c established) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "spnego context(established, %v)", c.leaf.Info().Mech)
}

// Leaf returns the context of the negotiated mechanism, for what it has beyond
// gss.Context: NTLM's logon data, Kerberos' PAC. It returns c itself if that is not a
// complete context of this package. Use the session of c: the leaf's does not account
// for the mechListMICs.
func Leaf(c gss.Context) gss.Context {
	if e, ok := c.(established); ok {
		return e.leaf
	}
	return c
}

package kerberos

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Every state of a context is a type of its own, which holds what that state needs and
// nothing else:
//
//	acceptor --AP-REQ--> wantReplayCheck --ReplayVerdict--> established
//	acceptor --AP-REQ--> wantServiceKey --ServiceKeys--> wantReplayCheck
//	initiator --absent--> wantCredential --credential--> acquiring --ticket--> wantAPRep --AP-REP--> established
//
// and everything else, from every state, --> failed.

// fail ends a context. Nothing of the exchange is kept.
func fail(code gss.Code, detail string) (gss.Context, gss.Output, error) {
	return failWith(gss.Fault{Code: code, Detail: "kerberos: " + detail})
}

func failWith(fault gss.Fault) (gss.Context, gss.Output, error) {
	return failed{fault}, gss.Output{Fault: fault}, nil
}

// pending are the methods that all states before the end share.
type pending struct{}

// Info implements gss.Context.
func (pending) Info() gss.Info { return gss.Info{Mech: gss.Kerberos} }

// Session implements gss.Context.
func (pending) Session() (gss.Session, bool) { return nil, false }

// failed absorbs.
type failed struct{ fault gss.Fault }

// Step implements gss.Context.
func (c failed) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", false); err != nil {
		return c, gss.Output{}, err
	}
	return c, gss.Output{Fault: c.fault}, nil
}

// Info implements gss.Context.
func (failed) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (failed) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (c failed) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "kerberos context(%v)", c.fault) }

// established is either side at its end.
type established struct {
	initiator      bool
	acceptorSubkey bool
	unproven       bool // the service did not prove itself, though it was asked to
	flags          gss.Flags
	peer           krb.Principal
	expires        krb.Time
	key            krb.Key // that of messages
	send, recv     uint32
	delegated      gss.Answer // nil, or Delegated
	pac            signedPAC
}

// Step implements gss.Context: nothing may come after the end.
func (c established) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", false); err != nil {
		return c, gss.Output{}, err
	}
	return fail(gss.Unexpected, "a message after the last one")
}

// Info implements gss.Context.
func (c established) Info() gss.Info {
	info := pending{}.Info()
	info.Unproven = c.unproven
	if info.Anonymous = !c.initiator && kindOf(c.peer) == anonymousClient; !info.Anonymous { // R6112-6-1
		info.Peer, info.Domain = c.peer.Name.String(), c.peer.Realm
	}
	if c.unproven {
		info.Peer, info.Domain = "", ""
	}
	info.Flags = c.flags
	info.Expires = c.expires.Nano()
	info.Delegated = c.delegated
	return info
}

// Session implements gss.Context.
func (c established) Session() (gss.Session, bool) {
	return newSession(c.key, c.initiator, c.acceptorSubkey, uint64(c.send), uint64(c.recv))
}

// Format implements fmt.Formatter: the key stays hidden.
func (c established) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kerberos context(established with %q, flags %#x)", c.peer.String(), uint16(c.flags))
}

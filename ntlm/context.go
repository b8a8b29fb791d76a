package ntlm

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// Every state of a context is a type of its own, which holds what that state
// needs and nothing else:
//
//	initiator --absent--> wantCredential --credential--> wantChallenge --CHALLENGE--> established
//	wantChallenge --CHALLENGE--> wantResponse --Computed--> established
//	acceptor --NEGOTIATE--> wantAuthenticate --AUTHENTICATE--> wantVerifier --verifier--> established
//
// and everything else, from every state, --> failed.

// fail ends a context. Nothing of the exchange is kept.
func fail(code gss.Code, detail string) (gss.Context, gss.Output, error) {
	return failWith(fault(code, detail))
}

// fault returns a fault of this package.
func fault(code gss.Code, detail string) gss.Fault {
	return gss.Fault{Code: code, Detail: "ntlm: " + detail}
}

func failWith(fault gss.Fault) (gss.Context, gss.Output, error) {
	return failed{fault}, gss.Output{Fault: fault}, nil
}

// noEntropy returns the fault of the zero seed (HTA-3).
func noEntropy() gss.Fault {
	return gss.Fault{Code: gss.NoEntropy, Detail: "ntlm: the seed of this step is zero, and a challenge or a key was to be derived from it"}
}

// pending are the methods that all states before the end share.
type pending struct{}

// Info implements gss.Context.
func (pending) Info() gss.Info { return gss.Info{Mech: gss.NTLM, ConnectionBased: true} }

// Session implements gss.Context.
func (pending) Session() (gss.Session, bool) { return nil, false }

// failed absorbs.
type failed struct{ fault gss.Fault }

// Step implements gss.Context.
func (c failed) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", false); err != nil {
		return c, gss.Output{}, err
	}
	return c, gss.Output{Fault: c.fault}, nil
}

// Info implements gss.Context.
func (failed) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (failed) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (c failed) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "ntlm context(%v)", c.fault) }

// established is either side at its end.
type established struct {
	initiator     bool
	anonymous     bool
	bound         bool // the channel bindings were compared, and are equal
	passedThrough bool
	mic           bool // the AUTHENTICATE had a MIC
	flags         ntlmssp.Flags
	key           Key    // ExportedSessionKey
	user, domain  string // of the peer, acceptors only
	data          string // Logon.Data
}

// Step implements gss.Context: nothing may come after the end.
func (c established) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", false); err != nil {
		return c, gss.Output{}, err
	}
	return fail(gss.Unexpected, "a message after the last one")
}

// Info implements gss.Context.
func (c established) Info() gss.Info {
	info := pending{}.Info()
	info.Peer, info.Domain = c.user, c.domain
	info.Anonymous = c.anonymous
	if c.bound {
		info.Flags |= gss.ChannelBound
	}
	if c.protects() {
		info.Flags |= gss.Integrity | gss.ReplayDetect | gss.Sequence
		if c.flags.Has(ntlmssp.FlagSeal) {
			info.Flags |= gss.Confidential
		}
	}
	return info
}

// protects reports whether there is message protection: never for an anonymous user,
// since its key is no secret (MS-NLMP section 3.4).
func (c established) protects() bool {
	return c.flags.Any(ntlmssp.FlagSign|ntlmssp.FlagSeal) && !c.anonymous && !c.key.isZero()
}

// Session implements gss.Context. The session is made here, so that a context without
// message protection holds no key streams.
func (c established) Session() (gss.Session, bool) {
	if !c.protects() {
		return nil, false
	}
	return newSession(c.flags, c.key, c.initiator), true
}

// RequiresMechListMIC reports whether the AUTHENTICATE message had a MIC. Inside
// SPNEGO its mechListMIC is then compulsory, also where NTLM was the first choice
// of both (MS-SPNG, note 8). SPNEGO finds this method by
//
//	interface{ RequiresMechListMIC() bool }
func (c established) RequiresMechListMIC() bool { return c.mic }

// LogonData implements what the function [LogonData] calls.
func (c established) LogonData() (string, bool) { return c.data, c.passedThrough }

// Format implements fmt.Formatter: the key stays hidden.
func (c established) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "ntlm context(established, flags %v)", c.flags)
}

package kerberos

import (
	"fmt"
	"iter"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// maxKeyTries bounds how many keys of a keytab an acceptor tries on one ticket. Each try
// decrypts the ticket, as long as a client cares to make it, and the client chooses the name
// and the version that are written on it. The named service's keys come first, so that any
// number of services can have keys; the others are for tickets under a name that has none.
const maxKeyTries = 16

// acceptor is the service before its only message (RFC 4120 section 3.2.3).
type acceptor struct {
	cfg     *config
	binding gss.Binding
}

// Step takes the AP-REQ apart, and goes on as far as it can without asking.
func (c acceptor) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", false); err != nil {
		return c, gss.Output{}, err
	}
	switch {
	case !in.Token.Present():
		return fail(gss.Unexpected, "expected an AP-REQ, none came")
	}
	r := request{cfg: c.cfg, binding: c.binding, token: in.Token.Bytes()}
	ap, fault := r.parse()
	switch {
	case fault == anotherMessage:
		return r.refuse(env, message.ErrMessageType, fault)
	case !fault.IsZero():
		return failWith(fault)
	}
	if fault := c.cfg.allows(ap.Ticket.Enc.Type); !fault.IsZero() {
		return r.refuse(env, message.ErrETypeNoSupport, fault)
	}
	if len(c.cfg.Services) > 0 && !c.cfg.answersTo(ap.Ticket.Service) {
		return r.refuse(env, message.ErrNotUs, gss.Fault{Code: gss.WrongTarget, Detail: "kerberos: a ticket for another service than Config.Services has"})
	}
	o := c.cfg.open(c.cfg.Keys, &ap.Ticket)
	if o.opened {
		return r.judge(env, &ap, o)
	}
	ask := NeedServiceKey{Service: ap.Ticket.Service, Type: ap.Ticket.Enc.Type, Kvno: ap.Ticket.Enc.Kvno}
	return wantServiceKey{request: r, tried: o}, gss.Output{State: gss.Waiting, Ask: ask}, nil
}

// Info implements gss.Context.
func (acceptor) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (acceptor) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (c acceptor) Format(f fmt.State, _ rune) { fmt.Fprint(f, "kerberos acceptor(start)") }

func (c *config) answersTo(p krb.Principal) bool {
	for _, s := range c.Services {
		if s.Equal(p) {
			return true
		}
	}
	return false
}

// opening is what came of the keys that were tried on a ticket.
type opening struct {
	opened bool
	text   string // with the rest if it was opened
	key    *enctype.Prepared
	realm  string // of the key's principal

	tries   int
	version bool // one of them was of the ticket's version
}

// open tries keys on a ticket.
func (c *config) open(keys *keytab.Keytab, t *message.Ticket) (o opening) {
	for e, key := range c.tries(keys, t) {
		o.tries++
		o.version = o.version || e.IsVersion(t.Enc.Kvno)
		if text, ok := t.Enc.OpenPrepared(key, enctype.UsageTicket); ok {
			o.opened, o.text, o.key, o.realm = true, text, key, e.Principal.Realm
			break
		}
	}
	return o
}

// tries iterates over the keys that may open a ticket, of its type: those of the service
// that it names, and, where any service will do, those of others; of each the ticket's
// version first. It ends after maxKeyTries.
func (c *config) tries(keys *keytab.Keytab, t *message.Ticket) iter.Seq2[keytab.Entry, *enctype.Prepared] {
	return func(yield func(keytab.Entry, *enctype.Prepared) bool) {
		n := 0
		for e, key := range keys.Candidates(t.Service, t.Enc.Type, t.Enc.Kvno) {
			if n++; !yield(e, key) || n == maxKeyTries { // KRB-6
				return
			}
		}
		if len(c.Services) > 0 {
			return
		}
		for e, key := range keys.Candidates(krb.Principal{}, t.Enc.Type, t.Enc.Kvno) {
			if e.Principal.Equal(t.Service) {
				continue
			}
			if n++; !yield(e, key) || n == maxKeyTries {
				return
			}
		}
	}
}

// closed fails for a ticket that no key opens (RFC 4120 section 3.2.3).
func (r *request) closed(env gss.Env, o opening) (gss.Context, gss.Output, error) {
	switch {
	case o.tries == 0:
		return r.refuse(env, message.ErrNoKey, gss.Fault{Code: gss.WrongTarget, Detail: "kerberos: a ticket for a service or an encryption type that has no key in the keytab"})
	case o.tries == maxKeyTries:
		return r.refuse(env, message.ErrModified, gss.Fault{Code: gss.BadCredentials, Detail: "kerberos: none of the first 16 keys of that type decrypts the ticket; a key under the name that clients use is tried first"})
	case !o.version: // KRB-22
		return r.refuse(env, message.ErrBadKeyVersion, gss.Fault{Code: gss.WrongTarget, Detail: "kerberos: a ticket under a key version that is not in the keytab, and no other version decrypts it"})
	}
	return r.refuse(env, message.ErrModified, gss.Fault{Code: gss.BadCredentials, Detail: "kerberos: the ticket cannot be decrypted with the service's key of that type and version: the ticket or the key was changed"})
}

// request is an AP-REQ on its way.
type request struct {
	cfg     *config
	binding gss.Binding
	token   string // as it came
	framing
}

// parse takes the framing off (RFC 4121 section 4.1).
func (r *request) parse() (ap message.APReq, fault gss.Fault) {
	if len(r.token) > bound.Token { // with all the groups that a directory can put into it a ticket stays below
		return ap, gss.Fault{Code: gss.Malformed, Detail: "kerberos: a token of more than 64 KiB"}
	}
	body := r.token
	mech, id, inside, framed := message.Unframe(r.token)
	switch {
	case framed && mech != gss.Kerberos && mech != gss.MSKerberos:
		return ap, gss.Fault{Code: gss.Unsupported, Detail: "kerberos: a token of another mechanism; user to user, for instance, is not supported"}
	case framed && id != message.TokenAPReq: // R4121-4.1-1
		r.mech, ap.Ticket.Service = mech, nameless
		return ap, anotherMessage
	case framed:
		r.mech, body = mech, inside
	case message.IsAPReq(r.token) && !r.cfg.BareRequests: // C33
		return ap, gss.Fault{Code: gss.NotPermitted, Detail: "kerberos: an AP-REQ without the framing of GSS, which Config.BareRequests can allow"}
	}
	if ap, fault = message.ParseAPReq(body); !fault.IsZero() {
		return ap, fault
	}
	if ap.Options.Has(message.UseSessionKey) {
		return ap, gss.Fault{Code: gss.Unsupported, Detail: "kerberos: user to user authentication"}
	}
	return ap, gss.Fault{}
}

// anotherMessage is the fault of a token that has the framing of an AP-REQ, and another TOK_ID.
var anotherMessage = gss.Fault{Code: gss.Unexpected, Detail: "kerberos: expected an AP-REQ, the token says that it holds another message"}

// nameless stands for the service where there is no ticket: a KRB-ERROR has to have a name
// (RFC 4120 section 5.9.1).
var nameless = krb.Principal{Name: krb.NameOf(krb.NameUnknown, "")}

// refuse fails with a KRB-ERROR for the client.
func (r *request) refuse(env gss.Env, code message.ErrorCode, fault gss.Fault) (gss.Context, gss.Output, error) {
	next, out, err := failWith(fault)
	if ap, fault := r.parse(); fault.IsZero() || fault == anotherMessage {
		out.Token = r.framing.refusal(env, code, ap.Ticket.Service)
	}
	return next, out, err
}

// framing is the mechanism OID in the framing of the client's token, which the reply has
// as well; "" is none.
type framing struct{ mech gss.OID }

// reply puts a message for the client into it.
func (f framing) reply(id message.TokenID, body []byte) gss.Token {
	if f.mech == "" {
		return gss.TokenOf(string(body))
	}
	return gss.TokenOf(message.Frame(f.mech, id, body))
}

// refusal returns a KRB-ERROR: its code and our time, by which the client can correct its
// clock, and nothing else (RFC 4120 section 3.2.3).
func (f framing) refusal(env gss.Env, code message.ErrorCode, service krb.Principal) gss.Token {
	e := message.Error{Time: krb.TimeOf(env.Now), Micro: message.Micro(env.Now), Code: code, Service: service}
	return f.reply(message.TokenError, e.Append(nil))
}

// wantServiceKey waits for keys that Config.Keys lacks.
type wantServiceKey struct {
	pending
	request
	tried opening // with those of Config.Keys
}

// Step opens the ticket with one of them.
func (c wantServiceKey) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", true); err != nil {
		return c, gss.Output{}, err
	}
	switch a := in.Answer.(type) {
	case gss.Unknown, gss.Declined:
		return c.closed(env, c.tried)
	case gss.Unreachable: // REPLAY-3
		return fail(gss.Unavailable, "the store of the service's keys did not respond")
	case ServiceKeys:
		ap, fault := c.parse() // as before
		if !fault.IsZero() {
			return failWith(fault)
		}
		o := c.cfg.open(a.Keytab, &ap.Ticket)
		if o.opened {
			return c.judge(env, &ap, o)
		}
		o.version = o.version || c.tried.version
		o.tries = max(o.tries, c.tried.tries)
		return c.closed(env, o)
	}
	return c, gss.Output{}, gss.Misuse("kerberos: NeedServiceKey takes ServiceKeys, gss.Unknown, gss.Declined or gss.Unreachable")
}

// Format implements fmt.Formatter.
func (wantServiceKey) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "kerberos acceptor(waiting for a service key)")
}

// wantReplayCheck has found nothing wrong, and waits to hear whether the request is new.
type wantReplayCheck struct {
	established // what it becomes
	answer      gss.Token
	framing                   // for the refusal of a replay
	service     krb.Principal // as it is on the ticket
	oldest      int64         // what the memory of requests has to reach back to, in nanoseconds
}

// Step completes.
func (c wantReplayCheck) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", true); err != nil {
		return c, gss.Output{}, err
	}
	switch a := in.Answer.(type) {
	case gss.ReplayVerdict:
		if a.First && a.Since <= c.oldest {
			return c.established, gss.Output{State: gss.Complete, Token: c.answer}, nil
		}
		code, fault := message.ErrRepeat, gss.Fault{Code: gss.Replayed, Detail: "kerberos: replayed request"}
		switch {
		case a.First: // R4120-3.2.3-2, C34
			fault.Detail = "kerberos: the request is older than the memory of requests, and may be a replay; the client can try again"
		case a.Full: // REPLAY-2
			code, fault = message.ErrGeneric, gss.Fault{Code: gss.Unavailable, Detail: "kerberos: the client holds its full share of the memory of requests; it can try again when its older requests have expired"}
		}
		next, out, err := failWith(fault)
		out.Token = c.refusal(env, code, c.service)
		return next, out, err
	case gss.Declined: // REPLAY-3: no client can be judged
		return fail(gss.Unavailable, "no memory of requests answered; add krb5.NewReplayCache to the Source")
	case gss.Unreachable: // REPLAY-3
		return fail(gss.Unavailable, "the memory of requests did not respond; no client can log in until it does")
	}
	return c, gss.Output{}, gss.Misuse("kerberos: gss.NeedReplayCheck takes gss.ReplayVerdict, gss.Declined or gss.Unreachable")
}

// Info implements gss.Context: nothing is proven yet.
func (wantReplayCheck) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (wantReplayCheck) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (wantReplayCheck) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "kerberos acceptor(waiting for the replay check)")
}

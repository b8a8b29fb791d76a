package ticket

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Exchange is a conversation with KDCs as an immutable comparable value. The zero
// Exchange is not usable; it fails.
type Exchange struct {
	phase  phase
	req    Request
	offset int64 // nanoseconds
	count  uint8 // messages sent

	// Of the message that waits for its answer.
	realm  string // the realm of the KDC
	server krb.Principal
	nonce  uint32
	sent   string // the AS-REQ
	subkey krb.Key
	fault  gss.Fault

	// AS
	info      message.ETypeInfo // how the password becomes a key, once the KDC has said so
	preauth   bool              // the last request had a timestamp
	corrected bool              // the clock was
	made      passwordKey       // the last key that was made of the password
	spent     uint32            // iterations of string-to-key, of maxIterations

	// TGS
	tgt     ccache.Credential
	visited string // realms, each with a NUL behind it
	hops    uint8
}

type phase uint8

const (
	deadPhase phase = iota
	start
	asking  // an AS exchange
	walking // a TGS exchange
	failed
)

// New returns an exchange that has not begun.
func New(r Request) Exchange {
	if r.Server.IsZero() {
		r.Server = krb.TGS(r.Client.Realm, r.Client.Realm)
	}
	if r.Lifetime <= 0 {
		r.Lifetime = defaultLifetime
	}
	if r.Types == (krb.ETypes{}) {
		var types []krb.EType
		for _, t := range enctype.Preferred {
			if !t.Weak() && t.Usable().IsZero() {
				types = append(types, t)
			}
		}
		r.Types = krb.ETypesOf(types...)
	}
	return Exchange{phase: start, req: r, offset: int64(r.Offset), tgt: r.TGT}
}

// Step goes on with the answer to the question before, nil at the beginning: gss.Reply,
// gss.Unreachable or gss.Declined. After a ticket or a fault it gives the fault again, or
// Unexpected. A Go error is gss.Misuse: an answer of another type, or none where one was due.
func (x Exchange) Step(env gss.Env, answer gss.Answer) (Exchange, Result, error) {
	if x.phase == start != (answer == nil) && x.phase != failed && x.phase != deadPhase {
		return x, Result{}, gss.Misuse("ticket: gss.NeedExchange takes gss.Reply, gss.Unreachable or gss.Declined, once")
	}
	switch x.phase {
	case start:
		if x.tgt.IsZero() {
			next, r := x.askAS(env)
			return next, r, nil
		}
		next, r := x.walk(env)
		return next, r, nil
	case asking, walking:
		switch a := answer.(type) {
		case gss.Reply:
			hear := x.hearAS
			if x.phase == walking {
				hear = x.hearTGS
			}
			next, r := hear(env, a.Data)
			return next, r, nil
		case gss.Unreachable, gss.Declined:
			next, r := x.fail(gss.QuestionFailed, "no KDC of the realm answered")
			return next, r, nil
		}
		return x, Result{}, gss.Misuse("ticket: gss.NeedExchange takes gss.Reply, gss.Unreachable or gss.Declined, once")
	case failed:
		return x, Result{Fault: x.fault}, nil
	}
	next, r := x.fail(gss.NotPermitted, "an exchange that New did not make, or that has ended")
	return next, r, nil
}

func (x Exchange) fail(code gss.Code, detail string) (Exchange, Result) {
	return x.failWith(gss.Fault{Code: code, Detail: "kerberos: " + detail})
}

func (x Exchange) failWith(fault gss.Fault) (Exchange, Result) {
	return Exchange{phase: failed, fault: fault}, Result{Fault: fault}
}

// done ends with a ticket.
func (x Exchange) done(c ccache.Credential) (Exchange, Result) {
	return Exchange{}, Result{Credential: c, Offset: time.Duration(x.offset)}
}

// send asks a realm's KDC.
func (x Exchange) send(realm string, p phase, request []byte) (Exchange, Result) {
	if x.count++; x.count > maxExchanges {
		return x.fail(gss.LimitExceeded, "the KDCs asked for more than 24 messages")
	}
	x.phase, x.realm = p, realm
	return x, Result{Ask: gss.NeedExchange{Service: "kdc", Realm: realm, Request: string(request)}}
}

// now returns the KDC's time, as far as it is known.
func (x *Exchange) now(env gss.Env) int64 { return message.Add(env.Now, x.offset) }

// draw takes a nonce from the seed: 31 bits, which old KDCs read as a signed number.
func (x *Exchange) draw(env gss.Env) bool {
	var b [4]byte
	ok := env.Fill(fmt.Sprintf("kerberos nonce %d", x.count), b[:])
	x.nonce = binary.BigEndian.Uint32(b[:]) >> 1
	return ok
}

func noEntropy() gss.Fault {
	return gss.Fault{Code: gss.NoEntropy, Detail: "kerberos: the seed of this step is zero, and a nonce or a key was to be derived from it"}
}

// body returns the part that both requests have.
func (x *Exchange) body(env gss.Env) message.KDCReqBody {
	now := krb.TimeOf(x.now(env))
	b := message.KDCReqBody{Options: x.req.Options, Realm: x.realm, Service: x.server.Name, Till: after(now, x.req.Lifetime), Nonce: x.nonce, ETypes: x.req.Types}
	if x.req.RenewLifetime > 0 {
		b.Options |= krb.Renewable
		b.RTime = after(now, x.req.RenewLifetime)
	}
	return b
}

// after returns the time some seconds later.
func after(t krb.Time, seconds int64) krb.Time {
	return krb.Time(message.Add(int64(t), seconds))
}

// correct takes over the KDC's time, once.
func (x *Exchange) correct(env gss.Env, e message.Error) bool {
	if x.corrected || e.Time == 0 {
		return false
	}
	x.corrected = true
	x.offset = message.Add(message.Add(e.Time.Nano(), int64(e.Micro)*1000), -env.Now)
	return true
}

// credential returns the ticket of a reply with its key, as a credential cache has it.
func credential(client krb.Principal, part message.EncKDCRepPart, ticket string) ccache.Credential {
	return ccache.Credential{
		Client: client, Server: part.Service, Key: part.Key,
		AuthTime: part.AuthTime, StartTime: part.StartTime, EndTime: part.EndTime, RenewTill: part.RenewTill,
		Flags: part.Flags, Addresses: part.Addresses, Ticket: ticket,
	}
}

// visits reports whether a realm was visited.
func (x *Exchange) visits(realm string) bool {
	return strings.Contains("\x00"+x.visited, "\x00"+realm+"\x00")
}

// been reports what visits does, and records the realm.
func (x *Exchange) been(realm string) bool {
	before := x.visits(realm)
	x.visited += realm + "\x00"
	return before
}

// Format implements fmt.Formatter: the keys stay hidden.
func (x Exchange) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "exchange(%v, %d messages)", x.req, x.count)
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (x Exchange) MarshalText() ([]byte, error) { return fmt.Append(nil, x), nil }

package ticket

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// askAS sends an AS-REQ (RFC 4120 section 3.1.1), with a timestamp under the client's
// key once the KDC has said that it wants one and how the key is made.
func (x Exchange) askAS(env gss.Env) (Exchange, Result) {
	if x.req.Password.IsEmpty() && x.req.Keytab.Len() == 0 {
		return x.fail(gss.NoCredentials, "neither a password, nor keys, nor a ticket to ask with")
	}
	if x.realm == "" {
		x.realm, x.server = x.req.Client.Realm, x.req.Server
	}
	if x.realm == "" || x.req.Client.IsZero() {
		return x.fail(gss.NoCredentials, "a client without a name or a realm; expected user@REALM, or a default realm")
	}
	if !x.draw(env) {
		return x.failWith(noEntropy())
	}
	pa := message.PAData("")
	if x.info.Type != 0 {
		key, fault := x.clientKey(x.info.Type, x.info)
		if !fault.IsZero() {
			return x.failWith(fault)
		}
		stamp, ok := x.timestamp(env, key)
		if !ok {
			return x.failWith(noEntropy())
		}
		pa, x.preauth = pa.Append(message.PAEncTimestamp, stamp), true
	}
	pa = pa.Append(message.PAReqEncPARep, "")
	switch {
	case x.req.PAC > 0:
		pa = pa.Append(message.PAPACRequest, message.PACRequest(true))
	case x.req.PAC < 0:
		pa = pa.Append(message.PAPACRequest, message.PACRequest(false))
	}
	m := message.KDCReq{Type: message.ASReq, PAData: pa, Body: x.body(env)}
	m.Body.Client = x.req.Client.Name
	if x.canonicalizes() {
		m.Body.Options |= message.Canonicalize
	}
	sent := m.Append(nil)
	x.sent = string(sent)
	return x.send(x.realm, asking, sent)
}

// canonicalizes reports whether the KDC may call the client something else.
func (x *Exchange) canonicalizes() bool { return x.req.Client.Name.Type == krb.NameEnterprise }

// timestamp returns PA-ENC-TIMESTAMP (section 5.2.7.2).
func (x *Exchange) timestamp(env gss.Env, key krb.Key) (string, bool) {
	confounder, ok := env.Bytes("kerberos timestamp", enctype.ConfounderSize(key.Type()))
	at := message.Timestamp{Time: krb.TimeOf(x.now(env)), Micro: message.Micro(x.now(env))}
	return string(message.AppendEncryptedData(nil, message.Seal(key, enctype.UsageASReqTimestamp, confounder, at.Append(nil)))), ok
}

// clientKey returns the client's key of a type.
func (x *Exchange) clientKey(t krb.EType, info message.ETypeInfo) (krb.Key, gss.Fault) {
	if x.req.Keytab.Len() > 0 {
		e, ok := x.req.Keytab.Latest(x.req.Client, t)
		if !ok {
			return krb.Key{}, gss.Fault{Code: gss.NoCredentials, Detail: fmt.Sprintf("kerberos: the keytab has no key of the client of type %v, which the KDC wants", t)}
		}
		return e.Key, gss.Fault{}
	}
	from := passwordKey{kind: t, salt: enctype.DefaultSalt(x.req.Client)}
	if info.HasSalt && info.Type == t {
		from.salt = info.Salt
	}
	if info.Type == t {
		from.params = info.Params
	}
	return x.stringToKey(from)
}

// passwordKey is a key of the client's password, and what it was made with.
type passwordKey struct {
	kind         krb.EType
	salt, params string
	key          krb.Key
}

// stringToKey derives a key as a KDC asks for it, within the bounds of RFC 3962 section 8:
// enough iterations that what is sent under the key is expensive to guess at, and no more
// than maxIterations for the whole exchange. The KDC is not authenticated at this point.
func (x *Exchange) stringToKey(from passwordKey) (krb.Key, gss.Fault) {
	if from.key = x.made.key; from == x.made && !from.key.IsZero() {
		return from.key, gss.Fault{}
	}
	n, fault := enctype.Iterations(from.kind, from.params)
	if !fault.IsZero() {
		return krb.Key{}, fault
	}
	least := enctype.DefaultIterations(from.kind)
	if x.req.MinIterations != 0 && least != 0 {
		least = x.req.MinIterations
	}
	switch {
	case n < least: // R3962-8-1
		return krb.Key{}, gss.Fault{Code: gss.NotPermitted, Detail: fmt.Sprintf("kerberos: the KDC's answer, which is not authenticated, asks for %d iterations of string-to-key for %v, where at least %d are wanted; MinIterations can allow fewer", n, from.kind, least)}
	case n > maxIterations-x.spent: // R3962-8-2
		return krb.Key{}, gss.Fault{Code: gss.LimitExceeded, Detail: "kerberos: the KDCs ask for more than 2^20 iterations of string-to-key"}
	}
	x.spent += n
	from.key, fault = enctype.StringToKey(from.kind, x.req.Password, from.salt, from.params)
	if fault.IsZero() {
		x.made = from
	}
	return from.key, fault
}

// choose finds the first of the KDC's offers that was asked for and that there is a key
// for. The KDC sorts them by strength; what was not asked for is never taken.
func (x *Exchange) choose(pa message.PAData) (message.ETypeInfo, bool) {
	text, ok := pa.Find(message.PAETypeInfo2)
	if !ok {
		return message.ETypeInfo{}, false
	}
	infos, fault := message.ParseETypeInfos(text)
	if !fault.IsZero() {
		return message.ETypeInfo{}, false
	}
	for info := range infos.All() {
		if !x.req.Types.Has(info.Type) || info.Type.KeySize() == 0 {
			continue
		}
		if x.req.Keytab.Len() > 0 {
			if _, ok := x.req.Keytab.Latest(x.req.Client, info.Type); !ok {
				continue
			}
		}
		return info, true
	}
	return message.ETypeInfo{}, false
}

// hearAS takes the KDC's answer.
func (x Exchange) hearAS(env gss.Env, data string) (Exchange, Result) {
	if message.IsError(data) {
		return x.errorAS(env, data)
	}
	rep, fault := message.ParseKDCRep(data)
	switch {
	case !fault.IsZero():
		return x.failWith(fault)
	case rep.Type != message.ASRep:
		return x.fail(gss.Unexpected, "the KDC answered another request than was sent")
	case !x.req.Types.Has(rep.Enc.Type):
		return x.fail(gss.NotPermitted, "the KDC answers with an encryption type that was not asked for")
	case !x.canonicalizes() && !rep.Client.Equal(x.req.Client): // RFC 4120 section 3.1.5
		return x.fail(gss.NotAuthentic, "the KDC's ticket is another client's")
	}
	info := x.info
	if offered, ok := x.choose(rep.PAData); ok {
		info = offered
	}
	key, fault := x.clientKey(rep.Enc.Type, info)
	if !fault.IsZero() {
		return x.failWith(fault)
	}
	text, ok := rep.Enc.Open(key, enctype.UsageASRep)
	if !ok {
		return x.failWith(armored(rep, gss.Fault{Code: gss.BadCredentials, Detail: "kerberos: the KDC's reply cannot be decrypted with the client's password or key"}))
	}
	part, fault := message.ParseEncKDCRepPart(text)
	if !fault.IsZero() {
		return x.failWith(fault)
	}
	realm, isTGS := part.Service.IsTGS()
	switch {
	case part.Nonce != x.nonce: // KRB-20
		return x.fail(gss.NotAuthentic, "the KDC's answer is to another request: its nonce differs")
	case !part.Service.Equal(rep.Ticket.Service):
		return x.fail(gss.NotAuthentic, "the KDC's ticket is for another service than it says")
	case part.Service.Realm != x.realm, !part.Service.Name.Equal(x.server.Name) && !(x.canonicalizes() && isTGS && realm == x.realm):
		return x.fail(gss.NotAuthentic, "the KDC's ticket is for another service than was asked for")
	case !x.req.Types.Has(part.Key.Type()): // R4120-5.4.1-1
		return x.fail(gss.NotPermitted, "the KDC gives a session key of an encryption type that was not asked for")
	case part.EndTime.Nano() <= x.now(env):
		return x.fail(gss.Expired, "the KDC's ticket has expired already")
	}
	if fault := x.untouched(part, key); !fault.IsZero() {
		return x.failWith(fault)
	}
	return x.done(credential(rep.Client, part, rep.RawTicket))
}

// untouched checks the KDC's checksum over our request, so that no attacker on the path
// removed the stronger encryption types from it (RFC 6806 section 11). A KDC that supports
// it sets a flag in the protected part of its reply.
func (x *Exchange) untouched(part message.EncKDCRepPart, key krb.Key) gss.Fault {
	if !part.Flags.Has(message.EncPARep) {
		return gss.Fault{}
	}
	if value, ok := part.PAData.Find(message.PAReqEncPARep); ok {
		sum, fault := message.ParseChecksum(value)
		if fault.IsZero() && sum.Type.Verify(key, enctype.UsageASReq, x.sent, sum.Sum) {
			return gss.Fault{}
		}
	}
	return gss.Fault{Code: gss.NotAuthentic, Detail: "kerberos: the KDC received another request than was sent: it was modified in transit"}
}

// errorAS takes a KRB-ERROR. It is not authenticated, and can only cause another try, a
// bounded number of times, or the end.
func (x Exchange) errorAS(env gss.Env, data string) (Exchange, Result) {
	e, fault := message.ParseError(data)
	if !fault.IsZero() {
		return x.failWith(fault)
	}
	switch e.Code {
	case message.ErrPreauthRequired:
		if x.preauth {
			break // it was there
		}
		pa, fault := message.ParsePAData(e.Data)
		if !fault.IsZero() {
			return x.failWith(fault)
		}
		if offersFAST(e.Code, e.Data) { // KRB-7
			return x.fail(gss.Unsupported, "the KDC takes no timestamp under a key of the types that were asked for, and offers FAST (RFC 6113), which is not implemented")
		}
		info, ok := x.choose(pa)
		if !ok {
			return x.fail(gss.Unsupported, "the KDC wants pre-authentication with encryption types that were not asked for, or that there is no key for")
		}
		x.info = info
		return x.askAS(env)
	case message.ErrSkew:
		if x.correct(env, e) {
			return x.askAS(env)
		}
	case message.ErrWrongRealm: // RFC 6806 section 7
		if x.canonicalizes() && e.Client.Realm != "" {
			if x.hops++; x.hops > maxReferrals || x.been(x.realm) || e.Client.Realm == x.realm {
				return x.fail(gss.LimitExceeded, "the KDCs send the client from realm to realm")
			}
			x.realm, x.info, x.preauth = e.Client.Realm, message.ETypeInfo{}, false
			x.server = krb.TGS(x.realm, x.realm)
			return x.askAS(env)
		}
	}
	return x.failWith(faultOf(e))
}

package ticket

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// walk asks the KDC of the realm that the ticket-granting ticket is for: for the
// service where it is known to be there, or not known at all, and otherwise for a
// ticket-granting ticket on the way to it (RFC 4120 section 3.3.1).
func (x Exchange) walk(env gss.Env) (Exchange, Result) {
	realm, ok := x.tgt.Server.IsTGS()
	if !ok {
		return x.fail(gss.NoCredentials, "the ticket to ask with is no ticket-granting ticket")
	}
	if x.tgt.EndTime.Nano() <= x.now(env) && !x.req.Options.Has(krb.Renew) {
		return x.fail(gss.Expired, "the ticket-granting ticket has expired")
	}
	x.realm, x.server = realm, x.req.Server
	if x.server.Realm != "" && x.server.Realm != realm {
		x.server = krb.TGS(x.server.Realm, realm)
	} else {
		x.server.Realm = realm
	}
	return x.askTGS(env)
}

// askTGS sends a TGS-REQ: an AP-REQ to the KDC, with an authenticator that covers the body.
func (x Exchange) askTGS(env gss.Env) (Exchange, Result) {
	subkey, fault := enctype.RandomKey(x.tgt.Key.Type(), env, "kerberos TGS subkey")
	if !fault.IsZero() {
		return x.failWith(fault)
	}
	confounder, ok := env.Bytes("kerberos TGS authenticator", enctype.ConfounderSize(x.tgt.Key.Type()))
	if !ok || !x.draw(env) {
		return x.failWith(noEntropy())
	}
	x.subkey = subkey
	body := x.body(env)
	if _, tgs := x.req.Server.IsTGS(); !tgs || x.req.Server.Realm != x.realm { // KRB-25: the KDC knows better where a service is
		body.Options |= message.Canonicalize
	}
	pa := message.PAData("")
	switch {
	case !x.req.Evidence.IsZero() && !x.onTheWay():
		body.Options |= message.CNameInAddlTkt // MS-SFU section 3.1.5.2.1
		body.AdditionalTickets = message.TicketsOf(x.req.Evidence.Ticket)
		pa = pa.Append(message.PAPACOptions, message.PACOptions(message.PACOptionRBCD))
	case !x.req.For.IsZero() && !x.onTheWay():
		pa = x.forUser(pa)
	}
	der := string(body.Append(nil))
	now := x.now(env)
	auth := message.Authenticator{
		Client: x.tgt.Client, Time: krb.TimeOf(now), Micro: message.Micro(now), Subkey: subkey,
		HasChecksum: true, Checksum: message.Checksum{Type: enctype.ChecksumOf(x.tgt.Key.Type()), Sum: enctype.Checksum(x.tgt.Key, enctype.UsageTGSReqChecksum, der)},
	}
	ap := message.AppendAPReq(nil, 0, x.tgt.Ticket, message.Seal(x.tgt.Key, enctype.UsageTGSReqAuth, confounder, auth.Append(nil)))
	m := message.KDCReq{Type: message.TGSReq, PAData: message.PAData("").Append(message.PATGSReq, string(ap)) + pa, Body: body}
	return x.send(x.realm, walking, m.Append(nil))
}

// onTheWay reports whether it is a ticket-granting ticket on the way to the service that is
// asked for.
func (x *Exchange) onTheWay() bool { return !x.server.Name.Equal(x.req.Server.Name) }

// forUser adds the user of a service's request (MS-SFU sections 2.2.1 and 2.2.2), in both
// forms that KDCs support.
func (x *Exchange) forUser(pa message.PAData) message.PAData {
	user := message.S4UUser{Nonce: x.nonce, User: x.req.For}
	user.Checksum.Type = enctype.ChecksumOf(x.tgt.Key.Type())
	if x.tgt.Key.Type() == krb.RC4 {
		user.Checksum.Type = enctype.HMACMD5
	}
	if sum, ok := user.Checksum.Type.Sum(x.subkey, enctype.UsageS4UChecksum, user.UserID()); ok {
		user.Checksum.Sum = sum
		pa = pa.Append(message.PAS4UX509User, string(user.Append(nil)))
	}
	plain := message.ForUser{User: x.req.For, Package: "Kerberos"}
	plain.Checksum.Type = enctype.HMACMD5
	if sum, ok := enctype.HMACMD5.Sum(x.tgt.Key, enctype.UsageNonKerbChecksum, plain.Signed()); ok {
		plain.Checksum.Sum = sum
		pa = pa.Append(message.PAForUser, string(plain.Append(nil)))
	}
	return pa
}

// client returns the client of the ticket that the KDC is asked for.
func (x *Exchange) client() krb.Principal {
	switch {
	case x.onTheWay():
	case !x.req.Evidence.IsZero():
		return x.req.Evidence.Client
	case !x.req.For.IsZero():
		return x.req.For
	}
	return x.tgt.Client
}

// hearTGS takes the KDC's answer (RFC 4120 section 3.3.4).
func (x Exchange) hearTGS(env gss.Env, data string) (Exchange, Result) {
	if message.IsError(data) {
		e, fault := message.ParseError(data)
		switch {
		case !fault.IsZero():
			return x.failWith(fault)
		case e.Code == message.ErrSkew && x.correct(env, e):
			return x.askTGS(env)
		}
		return x.failWith(faultOf(e))
	}
	rep, fault := message.ParseKDCRep(data)
	switch {
	case !fault.IsZero():
		return x.failWith(fault)
	case rep.Type != message.TGSRep:
		return x.fail(gss.Unexpected, "the KDC answered another request than was sent")
	}
	text, ok := rep.Enc.Open(x.subkey, enctype.UsageTGSRepSub)
	if !ok { // some answer under the session key
		text, ok = rep.Enc.Open(x.tgt.Key, enctype.UsageTGSRep)
	}
	if !ok {
		return x.failWith(armored(rep, gss.Fault{Code: gss.NotAuthentic, Detail: "kerberos: the KDC's reply cannot be decrypted: it is not from the KDC that issued the ticket-granting ticket"}))
	}
	part, fault := message.ParseEncKDCRepPart(text)
	if !fault.IsZero() {
		return x.failWith(fault)
	}
	next, isTGS := part.Service.IsTGS()
	referred := isTGS && !part.Service.Name.Equal(x.server.Name) && next != x.realm
	_, askedTGS := x.server.IsTGS()
	switch {
	case part.Nonce != x.nonce:
		return x.fail(gss.NotAuthentic, "the KDC's answer is to another request: its nonce differs")
	case !part.Service.Equal(rep.Ticket.Service):
		return x.fail(gss.NotAuthentic, "the KDC's ticket is for another service than it says")
	case part.EndTime.Nano() <= x.now(env):
		return x.fail(gss.Expired, "the KDC's ticket has expired already")
	case !x.req.Types.Has(part.Key.Type()): // R4120-5.4.1-1
		return x.fail(gss.NotPermitted, "the KDC gives a key of an encryption type that was not asked for")
	case referred:
	case !part.Service.Name.Equal(x.server.Name) || part.Service.Realm != x.realm && askedTGS:
		return x.fail(gss.NotAuthentic, "the KDC's ticket is for another service than was asked for")
	case !rep.Client.Name.Equal(x.client().Name) || rep.Client.Realm != x.client().Realm && x.req.For.IsZero():
		return x.fail(gss.NotAuthentic, "the KDC's ticket is another client's")
	}
	got := credential(rep.Client, part, rep.RawTicket)
	if !referred && !(isTGS && x.onTheWay()) {
		return x.done(got)
	}
	// A ticket-granting ticket of a realm that is nearer to the service (RFC 6806 section 8).
	if x.hops++; x.hops > maxReferrals {
		return x.fail(gss.LimitExceeded, "more than 8 realms on the way to the service")
	}
	if x.been(x.realm) || x.visits(next) {
		return x.fail(gss.LimitExceeded, "the KDCs send the client in circles")
	}
	if referred && !x.onTheWay() {
		x.req.Server.Realm = ""
	}
	got.Client = x.tgt.Client
	x.tgt = got
	return x.walk(env)
}

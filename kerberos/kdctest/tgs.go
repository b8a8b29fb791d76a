package kdctest

import (
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// tgs answers a TGS-REQ (RFC 4120 section 3.3.3).
func (x *exchange) tgs() string {
	body := &x.req.Body
	value, _ := x.req.PAData.Find(message.PATGSReq)
	ap, fault := message.ParseAPReq(value)
	if !fault.IsZero() {
		return x.refuse(message.ErrPADataNoSupport, "")
	}
	tgt, auth, code := x.authenticate(ap)
	if code != message.ErrNone {
		return x.refuse(code, "")
	}
	r := reply{kind: message.TGSRep, key: tgt.Key, usage: enctype.UsageTGSRep, latest: tgt.EndTime}
	if !auth.Subkey.IsZero() {
		r.key, r.usage = auth.Subkey, enctype.UsageTGSRepSub
	}
	r.ticket = message.EncTicketPart{Client: tgt.Client, AuthTime: tgt.AuthTime, TransitedType: 1, Transited: tgt.Transited}
	r.flags = tgt.Flags & (krb.PreAuthent | krb.Forwarded)
	wanted := krb.Principal{Name: body.Service, Realm: x.realm.Name}
	if r.service = x.find(wanted); r.service == nil {
		if r.service = x.refer(wanted); r.service == nil {
			return x.refuse(message.ErrServiceUnknown, "")
		}
	}
	for _, option := range []struct{ asked, needs krb.Flags }{
		{krb.Forwardable, krb.Forwardable}, {krb.Forwarded, krb.Forwardable}, {krb.Renew, krb.Renewable},
	} {
		if body.Options.Has(option.asked) && !tgt.Flags.Has(option.needs) {
			if option.asked == krb.Forwardable {
				body.Options &^= krb.Forwardable
				continue
			}
			return x.refuse(message.ErrBadOption, "")
		}
	}
	switch {
	case body.Options.Has(krb.Renew):
		if tgt.RenewTill <= x.now {
			return x.refuse(message.ErrTicketExpired, "")
		}
		r.ticket.RenewTill, r.latest = tgt.RenewTill, tgt.RenewTill
		r.flags = tgt.Flags // the ticket is the one that was presented, but for its times (RFC 4120 appendix A.6)
	case body.Options.Has(krb.Forwarded):
		r.flags |= krb.Forwarded
	}
	if body.Options.Has(message.CNameInAddlTkt) {
		if code := x.proxy(&r, &tgt); code != message.ErrNone {
			return x.refuse(code, "")
		}
	} else if code := x.forUser(&r, &tgt, &auth); code != message.ErrNone {
		return x.refuse(code, "")
	}
	return x.issue(r)
}

// authenticate checks the AP-REQ of a TGS-REQ: a ticket-granting ticket of this realm, and
// an authenticator that covers the body.
func (x *exchange) authenticate(ap message.APReq) (tgt message.EncTicketPart, auth message.Authenticator, code message.ErrorCode) {
	issuer := x.find(ap.Ticket.Service)
	realm, isTGS := ap.Ticket.Service.IsTGS()
	if issuer == nil || !isTGS || realm != x.realm.Name {
		return tgt, auth, message.ErrNotUs
	}
	key, ok := issuer.key(ap.Ticket.Enc.Type)
	text, opens := ap.Ticket.Enc.Open(key, enctype.UsageTicket)
	if !ok || !opens {
		return tgt, auth, message.ErrBadIntegrity
	}
	tgt, fault := message.ParseEncTicketPart(text)
	if !fault.IsZero() {
		return tgt, auth, message.ErrBadIntegrity
	}
	if text, ok = ap.Authenticator.Open(tgt.Key, enctype.UsageTGSReqAuth); !ok {
		return tgt, auth, message.ErrBadIntegrity
	}
	if auth, fault = message.ParseAuthenticator(text); !fault.IsZero() {
		return tgt, auth, message.ErrBadIntegrity
	}
	switch {
	case !auth.Client.Equal(tgt.Client):
		return tgt, auth, message.ErrBadMatch
	case x.away(auth.Time):
		return tgt, auth, message.ErrSkew
	case tgt.EndTime <= x.now && !x.req.Body.Options.Has(krb.Renew):
		return tgt, auth, message.ErrTicketExpired
	case !auth.HasChecksum || !auth.Checksum.Type.Keyed() || !auth.Checksum.Type.Verify(tgt.Key, enctype.UsageTGSReqChecksum, x.req.RawBody, auth.Checksum.Sum):
		return tgt, auth, message.ErrModified
	}
	return tgt, auth, message.ErrNone
}

// refer returns the ticket-granting service of a realm that is nearer to the service: the
// one that has it, if this realm trusts it, or the first that this realm trusts (RFC 6806
// section 8). A request for another realm's ticket-granting service is referred as well.
func (x *exchange) refer(wanted krb.Principal) *account {
	to := ""
	if realm, ok := wanted.IsTGS(); ok {
		to = realm
	} else {
		if !x.req.Body.Options.Has(message.Canonicalize) {
			return nil
		}
		for i := range x.accounts {
			if a := &x.accounts[i]; a.name.Name.Equal(wanted.Name) {
				to = a.realm.Name
			}
		}
		if to == "" {
			return nil
		}
	}
	if !slices.Contains(x.realm.Trusts, to) {
		if len(x.realm.Trusts) == 0 {
			return nil
		}
		to = x.realm.Trusts[0]
	}
	return x.find(krb.TGS(to, x.realm.Name))
}

// forUser does S4U2Self (MS-SFU section 3.2.5.1.1): a service asks for a ticket to itself.
func (x *exchange) forUser(r *reply, tgt *message.EncTicketPart, auth *message.Authenticator) message.ErrorCode {
	user := krb.Principal{}
	if value, ok := x.req.PAData.Find(message.PAForUser); ok {
		m, fault := message.ParseForUser(value)
		if !fault.IsZero() || m.Checksum.Type != enctype.HMACMD5 || !m.Checksum.Type.Verify(tgt.Key, enctype.UsageNonKerbChecksum, m.Signed(), m.Checksum.Sum) {
			return message.ErrModified
		}
		user = m.User
	}
	if value, ok := x.req.PAData.Find(message.PAS4UX509User); ok {
		m, fault := message.ParseS4UUser(value)
		if !fault.IsZero() || m.Nonce != x.req.Body.Nonce || !m.Checksum.Type.Keyed() || !m.Checksum.Type.Verify(auth.Subkey, enctype.UsageS4UChecksum, m.Signed, m.Checksum.Sum) {
			return message.ErrModified
		}
		user = m.User
	}
	if user.IsZero() {
		return message.ErrNone
	}
	account := x.find(user)
	switch {
	case account == nil:
		return message.ErrClientUnknown
	case !r.service.name.Equal(tgt.Client): // to itself only
		return message.ErrBadOption
	}
	r.ticket.Client = account.name
	if !r.service.ForOthers {
		x.req.Body.Options &^= krb.Forwardable
	}
	return message.ErrNone
}

// proxy does S4U2Proxy (section 3.2.5.2): a service shows a user's ticket for itself, and
// gets one for another service.
func (x *exchange) proxy(r *reply, tgt *message.EncTicketPart) message.ErrorCode {
	front := x.find(tgt.Client)
	for evidence := range x.req.Body.AdditionalTickets.All() {
		if front == nil || !evidence.Service.Equal(tgt.Client) {
			return message.ErrBadOption
		}
		key, ok := front.key(evidence.Enc.Type)
		text, opens := evidence.Enc.Open(key, enctype.UsageTicket)
		ticket, fault := message.ParseEncTicketPart(text)
		switch {
		case !ok || !opens || !fault.IsZero():
			return message.ErrModified
		case !ticket.Flags.Has(krb.Forwardable), !slices.ContainsFunc(front.DelegatesTo, func(s string) bool { return strings.EqualFold(s, r.service.Name) }):
			return message.ErrBadOption
		case ticket.EndTime <= x.now:
			return message.ErrTicketExpired
		}
		r.ticket.Client, r.ticket.AuthTime = ticket.Client, ticket.AuthTime
		return message.ErrNone
	}
	return message.ErrBadOption
}

package kdctest

import (
	"strings"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// exchange is one request and its answer.
type exchange struct {
	*KDC
	env   gss.Env
	now   krb.Time
	realm *Realm
	req   message.KDCReq
	raw   string
}

const (
	maxSkew   = 5 * time.Minute
	renewable = 7 * 24 * 3600 // seconds
)

func (x *exchange) refuse(code message.ErrorCode, data string) string {
	e := message.Error{Time: x.now, Micro: message.Micro(x.env.Now), Code: code, Data: data,
		Service: krb.Principal{Name: x.req.Body.Service, Realm: x.req.Body.Realm}}
	if e.Service.Name.IsZero() {
		e.Service = krb.TGS("NOWHERE", "NOWHERE")
	}
	if !x.req.Body.Client.IsZero() {
		e.Client = krb.Principal{Name: x.req.Body.Client, Realm: x.req.Body.Realm}
	}
	return string(e.Append(nil))
}

// choose returns an account's key of the first type in the request for which it has one.
func (x *exchange) choose(a *account) (krb.Key, bool) {
	for t := range x.req.Body.ETypes.All() {
		if key, ok := a.key(t); ok {
			return key, true
		}
	}
	return krb.Key{}, false
}

// infos returns ETYPE-INFO2 for an account: the types of the request, in the account's
// order.
func (x *exchange) infos(a *account) string {
	list := message.ETypeInfos("")
	for _, key := range a.keys {
		if x.req.Body.ETypes.Has(key.Type()) {
			list = list.Append(message.ETypeInfo{Type: key.Type(), HasSalt: key.Type() != krb.RC4, Salt: enctype.DefaultSalt(a.name), Params: x.params(key.Type())})
		}
	}
	return list.Encode()
}

// as answers an AS-REQ (RFC 4120 section 3.1.3).
func (x *exchange) as() string {
	body := &x.req.Body
	client := x.find(krb.Principal{Name: body.Client, Realm: x.realm.Name})
	service := x.find(krb.Principal{Name: body.Service, Realm: x.realm.Name})
	if client == nil && body.Client.Type == krb.NameEnterprise && body.Options.Has(message.Canonicalize) {
		var elsewhere string
		if client, elsewhere = x.enterprise(body.Client.Component(0)); elsewhere != "" {
			e := message.Error{Time: x.now, Code: message.ErrWrongRealm, Client: krb.Principal{Name: body.Client, Realm: elsewhere},
				Service: krb.Principal{Name: body.Service, Realm: body.Realm}}
			return string(e.Append(nil))
		}
		service = x.find(krb.TGS(x.realm.Name, x.realm.Name))
	}
	switch {
	case client == nil:
		return x.refuse(message.ErrClientUnknown, "")
	case client.Locked:
		return x.refuse(message.ErrClientRevoked, "")
	case service == nil:
		return x.refuse(message.ErrServiceUnknown, "")
	}
	key, ok := x.choose(client)
	if !ok {
		return x.refuse(message.ErrETypeNoSupport, "")
	}
	flags := krb.Initial
	stamp, given := x.req.PAData.Find(message.PAEncTimestamp)
	switch {
	case given:
		code := x.preauth(client, stamp, &key)
		if code != message.ErrNone {
			return x.refuse(code, message.PAData("").Append(message.PAETypeInfo2, x.infos(client)).Encode())
		}
		flags |= krb.PreAuthent
	case !client.NoPreauth:
		methods := message.PAData("").Append(message.PAEncTimestamp, "").Append(message.PAETypeInfo2, x.infos(client))
		return x.refuse(message.ErrPreauthRequired, methods.Encode())
	}
	ticket := message.EncTicketPart{Client: client.name, AuthTime: x.now, TransitedType: 1}
	r := reply{kind: message.ASRep, ticket: ticket, flags: flags, service: service, key: key, usage: enctype.UsageASRep,
		pa: message.PAData("").Append(message.PAETypeInfo2, x.infos(client))}
	if _, asked := x.req.PAData.Find(message.PAReqEncPARep); asked { // RFC 6806 section 11
		sum := message.Checksum{Type: enctype.ChecksumOf(key.Type()), Sum: enctype.Checksum(key, enctype.UsageASReq, x.raw)}
		r.flags |= message.EncPARep
		r.encPA = message.PAData("").Append(message.PAReqEncPARep, string(sum.Append(nil)))
	}
	return x.issue(r)
}

// enterprise finds the account of a user principal name, here or in a realm of ours.
func (x *exchange) enterprise(upn string) (a *account, elsewhere string) {
	user, suffix, _ := strings.Cut(upn, "@")
	for i := range x.accounts {
		if c := &x.accounts[i]; c.name.Name.Len() == 1 && c.name.Name.Component(0) == user && strings.EqualFold(c.realm.Name, suffix) {
			if c.realm == x.realm {
				return c, ""
			}
			return nil, c.realm.Name
		}
	}
	return nil, ""
}

// preauth looks at the timestamp. It may be under any of the client's keys, which the
// answer is then encrypted with.
func (x *exchange) preauth(client *account, stamp string, key *krb.Key) message.ErrorCode {
	sealed, fault := message.ParseEncryptedData(stamp)
	if !fault.IsZero() {
		return message.ErrPreauthFailed
	}
	k, ok := client.key(sealed.Type)
	if !ok {
		return message.ErrETypeNoSupport
	}
	text, ok := sealed.Open(k, enctype.UsageASReqTimestamp)
	if !ok {
		return message.ErrPreauthFailed
	}
	at, fault := message.ParseTimestamp(text)
	if !fault.IsZero() {
		return message.ErrPreauthFailed
	}
	if x.away(at.Time) {
		return message.ErrSkew
	}
	*key = k
	return message.ErrNone
}

func (x *exchange) away(t krb.Time) bool {
	return message.Apart(t.Nano(), x.env.Now) > int64(maxSkew)
}

// reply is what an answer is made of.
type reply struct {
	kind    uint8
	ticket  message.EncTicketPart // client, first authentication, and what is copied
	flags   krb.Flags
	service *account
	key     krb.Key
	usage   enctype.Usage
	pa      message.PAData
	encPA   message.PAData
	latest  krb.Time // no ticket outlives the one that it came from
	noPAC   bool
}

// issue makes the ticket and the answer around it.
func (x *exchange) issue(r reply) string {
	body := &x.req.Body
	serviceKey, ok := r.service.keys[0], true
	if _, tgs := r.service.name.IsTGS(); !tgs {
		// Any type that the service has will do for the ticket; the session key has to suit both.
		ok = false
		for t := range body.ETypes.All() {
			if k, has := r.service.key(t); has {
				serviceKey, ok = k, true
				break
			}
		}
	}
	if !ok {
		return x.refuse(message.ErrETypeNoSupport, "")
	}
	session, fault := enctype.RandomKey(serviceKey.Type(), x.env, "session key")
	if !body.ETypes.Has(serviceKey.Type()) {
		session, fault = enctype.RandomKey(r.key.Type(), x.env, "session key")
	}
	if !fault.IsZero() {
		return x.refuse(message.ErrGeneric, "")
	}
	t := r.ticket
	t.Key = session
	t.StartTime = x.now
	t.EndTime = min(body.Till, x.now+krb.Time(x.Lifetime))
	if body.Till == 0 {
		t.EndTime = x.now + krb.Time(x.Lifetime)
	}
	if r.latest != 0 {
		t.EndTime = min(t.EndTime, r.latest)
	}
	if t.EndTime <= x.now {
		return x.refuse(message.ErrNeverValid, "")
	}
	t.Flags = r.flags | body.Options&krb.Forwardable
	if body.Options.Has(krb.Renewable) && t.RenewTill == 0 {
		t.RenewTill = min(max(body.RTime, t.EndTime), x.now+renewable)
	}
	if t.RenewTill != 0 {
		t.Flags |= krb.Renewable
	}
	if r.service.OKAsDelegate {
		t.Flags |= krb.OKAsDelegate
	}
	if x.PAC != nil && !r.noPAC {
		if pac := x.PAC(t.Client, t.AuthTime, serviceKey, x.find(krb.TGS(x.realm.Name, x.realm.Name)).keys[0]); pac != "" {
			t.AuthData += message.AuthorizationData("").Append(message.ADPAC, pac).IfRelevant()
		}
	}
	part := message.EncKDCRepPart{
		TGS: r.kind == message.TGSRep, Key: session, LastReq: message.NothingLast(x.now), Nonce: body.Nonce, Flags: t.Flags,
		AuthTime: t.AuthTime, StartTime: t.StartTime, EndTime: t.EndTime, RenewTill: t.RenewTill,
		Service: r.service.name, PAData: r.encPA,
	}
	if x.Fault != nil {
		r := ReplyPart{part.Key, part.Nonce, part.Flags, part.AuthTime, part.StartTime, part.EndTime, part.RenewTill, part.Service}
		x.Fault(&r)
		part.Key, part.Nonce, part.Flags, part.Service = r.Key, r.Nonce, r.Flags, r.Service
		part.AuthTime, part.StartTime, part.EndTime, part.RenewTill = r.AuthTime, r.StartTime, r.EndTime, r.RenewTill
	}
	m := message.KDCRep{Type: r.kind, PAData: r.pa, Client: t.Client, Ticket: message.Ticket{Service: part.Service}}
	m.Ticket.Enc = message.EncryptedData{Type: serviceKey.Type(), HasKvno: true, Kvno: kvno, Cipher: x.seal(serviceKey, enctype.UsageTicket, t.Append(nil))}
	m.Enc = message.EncryptedData{Type: r.key.Type(), Cipher: x.seal(r.key, r.usage, part.Append(nil))}
	if r.kind == message.ASRep {
		m.Enc.HasKvno, m.Enc.Kvno = true, kvno
	}
	return string(m.Append(nil))
}

func (x *exchange) seal(key krb.Key, u enctype.Usage, text []byte) string {
	confounder, _ := x.env.Bytes("confounder "+string(rune(u)), enctype.ConfounderSize(key.Type()))
	return enctype.Encrypt(key, u, confounder, string(text))
}

package message

import (
	"iter"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Message types (RFC 4120 section 7.5.7).
const (
	ASReq  = 10
	ASRep  = 11
	TGSReq = 12
	TGSRep = 13
)

// KDCReq is an AS-REQ or a TGS-REQ (RFC 4120 section 5.4.1)
//
//	AS-REQ  ::= [APPLICATION 10] KDC-REQ
//	TGS-REQ ::= [APPLICATION 12] KDC-REQ
//	KDC-REQ ::= SEQUENCE {
//	        pvno     [1] INTEGER (5),
//	        msg-type [2] INTEGER (10 -- AS -- | 12 -- TGS --),
//	        padata   [3] SEQUENCE OF PA-DATA OPTIONAL,
//	        req-body [4] KDC-REQ-BODY
//	}
type KDCReq struct {
	Type   uint8 // ASReq or TGSReq
	PAData PAData
	Body   KDCReqBody
	// RawBody is the body as it came: a checksum covers these bytes. Append ignores it.
	RawBody string
}

// KDCReqBody is
//
//	KDC-REQ-BODY ::= SEQUENCE {
//	        kdc-options            [0] KDCOptions,
//	        cname                  [1] PrincipalName OPTIONAL,
//	        realm                  [2] Realm,
//	        sname                  [3] PrincipalName OPTIONAL,
//	        from                   [4] KerberosTime OPTIONAL,
//	        till                   [5] KerberosTime,
//	        rtime                  [6] KerberosTime OPTIONAL,
//	        nonce                  [7] UInt32,
//	        etype                  [8] SEQUENCE OF Int32,
//	        addresses              [9] HostAddresses OPTIONAL,
//	        enc-authorization-data [10] EncryptedData OPTIONAL,
//	        additional-tickets     [11] SEQUENCE OF Ticket OPTIONAL
//	}
type KDCReqBody struct {
	Options           krb.Flags
	Client            krb.Name // the zero Name if there is none
	Realm             string
	Service           krb.Name
	From, Till, RTime krb.Time
	Nonce             uint32
	ETypes            krb.ETypes
	Addresses         Addresses
	EncAuthData       EncryptedData // Cipher is "" if there is none
	AdditionalTickets Tickets
}

// one returns the next element, with its tag and length, as a reader of its own.
func (r *reader) one(tag byte) reader {
	whole := r.s
	r.next(tag)
	return reader{whole[:len(whole)-len(r.s)], r.fail}
}

// Tickets is a list of tickets. Compare with ==.
type Tickets string

// TicketsOf makes a list of tickets that are DER.
func TicketsOf(der ...string) Tickets {
	var b []byte
	for _, t := range der {
		b = append(b, t...)
	}
	return Tickets(b)
}

// All iterates over the tickets, parsed and as DER.
func (t Tickets) All() iter.Seq2[Ticket, string] {
	return func(yield func(Ticket, string) bool) {
		for r := trusted(string(t)); r.s != ""; {
			der := r.one(der.Application | 1)
			whole := der.s
			if ticket := der.ticket(); !r.fail.IsZero() || !yield(ticket, whole) {
				return
			}
		}
	}
}

func (r reader) tickets() Tickets {
	return Tickets(r.list(func(in *reader) { in.ticket() }))
}

// ParseKDCReq reads an AS-REQ or a TGS-REQ.
func ParseKDCReq(b string) (KDCReq, gss.Fault) {
	var fail gss.Fault
	var m KDCReq
	r := start(b, &fail)
	m.Type = ASReq
	if r.has(der.Application | TGSReq) {
		m.Type = TGSReq
	}
	in := r.next(der.Application | m.Type).sequence()
	in.version(1, 5)
	in.version(2, int64(m.Type))
	if in.hasField(3) {
		m.PAData = in.field(3).padata()
	}
	body := in.field(4)
	m.RawBody = body.s
	m.Body = body.kdcReqBody()
	in.end()
	r.end()
	return result(m, fail)
}

func (r reader) kdcReqBody() (m KDCReqBody) {
	in := r.sequence()
	m.Options = in.field(0).flags()
	if in.hasField(1) {
		m.Client = in.field(1).name()
	}
	m.Realm = in.field(2).text()
	if in.hasField(3) {
		m.Service = in.field(3).name()
	}
	if in.hasField(4) {
		m.From = in.field(4).time()
	}
	m.Till = in.field(5).time()
	if in.hasField(6) {
		m.RTime = in.field(6).time()
	}
	m.Nonce = in.field(7).uint32()
	var types []krb.EType
	in.field(8).list(func(in *reader) { types = append(types, krb.EType(in.one(der.Integer).int32())) })
	m.ETypes = krb.ETypesOf(types...)
	if in.hasField(9) {
		m.Addresses = Addresses(in.field(9).list(typedFrom(0)))
	}
	if in.hasField(10) {
		m.EncAuthData = in.field(10).encrypted()
	}
	if in.hasField(11) {
		m.AdditionalTickets = in.field(11).tickets()
	}
	in.end()
	return m
}

// Append writes m.
func (m KDCReq) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | m.Type)
	w.integer(1, 5)
	w.integer(2, int64(m.Type))
	w.optional(3, string(m.PAData))
	at := w.open(der.Context | 4)
	w.b = m.Body.Append(w.b)
	w.close(at)
	w.finish(p)
	return w.b
}

// Append writes the body as it stands alone: this is what a TGS-REQ's checksum covers.
func (m KDCReqBody) Append(b []byte) []byte {
	w := writer{b}
	p := w.open(der.Sequence)
	w.flags(0, m.Options)
	if !m.Client.IsZero() {
		w.name(1, m.Client)
	}
	w.text(2, m.Realm)
	if !m.Service.IsZero() {
		w.name(3, m.Service)
	}
	w.optionalTime(4, m.From)
	w.time(5, m.Till)
	w.optionalTime(6, m.RTime)
	w.integer(7, int64(m.Nonce))
	types := writer{}
	for t := range m.ETypes.All() {
		types.bareInteger(int64(t))
	}
	w.list(8, string(types.b))
	w.optional(9, string(m.Addresses))
	if m.EncAuthData.Cipher != "" {
		w.encrypted(10, m.EncAuthData)
	}
	w.optional(11, string(m.AdditionalTickets))
	w.close(p)
	return w.b
}

// KDCRep is an AS-REP or a TGS-REP (section 5.4.2)
//
//	AS-REP  ::= [APPLICATION 11] KDC-REP
//	TGS-REP ::= [APPLICATION 13] KDC-REP
//	KDC-REP ::= SEQUENCE {
//	        pvno     [0] INTEGER (5),
//	        msg-type [1] INTEGER (11 -- AS -- | 13 -- TGS --),
//	        padata   [2] SEQUENCE OF PA-DATA OPTIONAL,
//	        crealm   [3] Realm,
//	        cname    [4] PrincipalName,
//	        ticket   [5] Ticket,
//	        enc-part [6] EncryptedData -- EncKDCRepPart
//	}
type KDCRep struct {
	Type      uint8 // ASRep or TGSRep
	PAData    PAData
	Client    krb.Principal
	Ticket    Ticket
	RawTicket string // the ticket as it came; Append writes it where it is there
	Enc       EncryptedData
}

// ParseKDCRep reads an AS-REP or a TGS-REP.
func ParseKDCRep(b string) (KDCRep, gss.Fault) {
	var fail gss.Fault
	var m KDCRep
	r := start(b, &fail)
	m.Type = ASRep
	if r.has(der.Application | TGSRep) {
		m.Type = TGSRep
	}
	in := r.next(der.Application | m.Type).sequence()
	in.version(0, 5)
	in.version(1, int64(m.Type))
	if in.hasField(2) {
		m.PAData = in.field(2).padata()
	}
	m.Client.Realm = in.field(3).text()
	m.Client.Name = in.field(4).name()
	ticket := in.field(5)
	m.RawTicket = ticket.s
	m.Ticket = ticket.ticket()
	ticket.end()
	m.Enc = in.field(6).encrypted()
	in.end()
	r.end()
	return result(m, fail)
}

// Append writes m.
func (m KDCRep) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | m.Type)
	w.integer(0, 5)
	w.integer(1, int64(m.Type))
	w.optional(2, string(m.PAData))
	w.text(3, m.Client.Realm)
	w.name(4, m.Client.Name)
	at := w.open(der.Context | 5)
	if m.RawTicket != "" {
		w.b = append(w.b, m.RawTicket...)
	} else {
		w.ticket(m.Ticket)
	}
	w.close(at)
	w.encrypted(6, m.Enc)
	w.finish(p)
	return w.b
}

// EncKDCRepPart is (section 5.4.2, and RFC 6806 section 11 for the last field)
//
//	EncASRepPart  ::= [APPLICATION 25] EncKDCRepPart
//	EncTGSRepPart ::= [APPLICATION 26] EncKDCRepPart
//	EncKDCRepPart ::= SEQUENCE {
//	        key               [0] EncryptionKey,
//	        last-req          [1] LastReq,
//	        nonce             [2] UInt32,
//	        key-expiration    [3] KerberosTime OPTIONAL,
//	        flags             [4] TicketFlags,
//	        authtime          [5] KerberosTime,
//	        starttime         [6] KerberosTime OPTIONAL,
//	        endtime           [7] KerberosTime,
//	        renew-till        [8] KerberosTime OPTIONAL,
//	        srealm            [9] Realm,
//	        sname             [10] PrincipalName,
//	        caddr             [11] HostAddresses OPTIONAL,
//	        encrypted-pa-data [12] SEQUENCE OF PA-DATA OPTIONAL
//	}
type EncKDCRepPart struct {
	TGS                                     bool // tagged as EncTGSRepPart, which some KDCs do for both
	Key                                     krb.Key
	LastReq                                 string // unchanged; "" when it is written without any
	Nonce                                   uint32
	KeyExpiration                           krb.Time
	Flags                                   krb.Flags
	AuthTime, StartTime, EndTime, RenewTill krb.Time
	Service                                 krb.Principal
	Addresses                               Addresses
	PAData                                  PAData
}

// NothingLast returns a LastReq without information (section 5.4.2): one entry of type 0.
func NothingLast(t krb.Time) string {
	w := writer{}
	p := w.open(der.Sequence)
	w.integer(0, 0)
	w.time(1, t)
	w.close(p)
	return string(w.b)
}

// ParseEncKDCRepPart reads what a KDC-REP's cipher holds.
func ParseEncKDCRepPart(b string) (EncKDCRepPart, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	var m EncKDCRepPart
	tag := byte(der.Application | 25)
	if m.TGS = r.has(der.Application | 26); m.TGS {
		tag = der.Application | 26
	}
	in := r.next(tag).sequence()
	m.Key = in.field(0).key()
	m.LastReq = in.field(1).list(func(in *reader) { in.next(der.Sequence) })
	m.Nonce = in.field(2).uint32()
	if in.hasField(3) {
		m.KeyExpiration = in.field(3).time()
	}
	m.Flags = in.field(4).flags()
	m.AuthTime = in.field(5).time()
	if in.hasField(6) {
		m.StartTime = in.field(6).time()
	}
	m.EndTime = in.field(7).time()
	if in.hasField(8) {
		m.RenewTill = in.field(8).time()
	}
	m.Service.Realm = in.field(9).text()
	m.Service.Name = in.field(10).name()
	if in.hasField(11) {
		m.Addresses = Addresses(in.field(11).list(typedFrom(0)))
	}
	if in.hasField(12) {
		m.PAData = in.field(12).padata()
	}
	in.end()
	r.end()
	return result(m, fail)
}

// Append writes m.
func (m EncKDCRepPart) Append(b []byte) []byte {
	w := writer{b}
	tag := byte(der.Application | 25)
	if m.TGS {
		tag = der.Application | 26
	}
	p := w.begin(tag)
	w.key(0, m.Key)
	w.list(1, m.LastReq)
	w.integer(2, int64(m.Nonce))
	w.optionalTime(3, m.KeyExpiration)
	w.flags(4, m.Flags)
	w.time(5, m.AuthTime)
	w.optionalTime(6, m.StartTime)
	w.time(7, m.EndTime)
	w.optionalTime(8, m.RenewTill)
	w.text(9, m.Service.Realm)
	w.name(10, m.Service.Name)
	w.optional(11, string(m.Addresses))
	w.optional(12, string(m.PAData))
	w.finish(p)
	return w.b
}

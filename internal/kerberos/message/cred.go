package message

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Cred is KRB-CRED (RFC 4120 section 5.8.1): tickets for another principal, with their
// keys.
//
//	KRB-CRED ::= [APPLICATION 22] SEQUENCE {
//	        pvno     [0] INTEGER (5),
//	        msg-type [1] INTEGER (22),
//	        tickets  [2] SEQUENCE OF Ticket,
//	        enc-part [3] EncryptedData -- EncKrbCredPart
//	}
type Cred struct {
	Tickets Tickets
	Enc     EncryptedData
}

// ParseCred reads a KRB-CRED.
func ParseCred(b string) (Cred, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 22).sequence()
	var m Cred
	in.version(0, 5)
	in.version(1, 22)
	m.Tickets = in.field(2).tickets()
	m.Enc = in.field(3).encrypted()
	in.end()
	r.end()
	return result(m, fail)
}

// Append writes m.
func (m Cred) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | 22)
	w.integer(0, 5)
	w.integer(1, 22)
	w.list(2, string(m.Tickets))
	w.encrypted(3, m.Enc)
	w.finish(p)
	return w.b
}

// CredInfo is KrbCredInfo (section 5.8.1), the half of a ticket that its owner knows
//
//	KrbCredInfo ::= SEQUENCE {
//	        key       [0] EncryptionKey,
//	        prealm    [1] Realm OPTIONAL,
//	        pname     [2] PrincipalName OPTIONAL,
//	        flags     [3] TicketFlags OPTIONAL,
//	        authtime  [4] KerberosTime OPTIONAL,
//	        starttime [5] KerberosTime OPTIONAL,
//	        endtime   [6] KerberosTime OPTIONAL,
//	        renew-till [7] KerberosTime OPTIONAL,
//	        srealm    [8] Realm OPTIONAL,
//	        sname     [9] PrincipalName OPTIONAL,
//	        caddr     [10] HostAddresses OPTIONAL
//	}
type CredInfo struct {
	Key                                     krb.Key
	Client                                  krb.Principal
	Flags                                   krb.Flags
	AuthTime, StartTime, EndTime, RenewTill krb.Time
	Service                                 krb.Principal
	Addresses                               Addresses
}

func (r *reader) credInfo() (m CredInfo) {
	in := r.next(der.Sequence)
	m.Key = in.field(0).key()
	if in.hasField(1) {
		m.Client.Realm = in.field(1).text()
	}
	if in.hasField(2) {
		m.Client.Name = in.field(2).name()
	}
	if in.hasField(3) {
		m.Flags = in.field(3).flags()
	}
	for i, t := range []*krb.Time{&m.AuthTime, &m.StartTime, &m.EndTime, &m.RenewTill} {
		if in.hasField(4 + byte(i)) {
			*t = in.field(4 + byte(i)).time()
		}
	}
	if in.hasField(8) {
		m.Service.Realm = in.field(8).text()
	}
	if in.hasField(9) {
		m.Service.Name = in.field(9).name()
	}
	if in.hasField(10) {
		m.Addresses = Addresses(in.field(10).list(typedFrom(0)))
	}
	in.end()
	return m
}

// EncCred is EncKrbCredPart, one entry for each ticket.
//
//	EncKrbCredPart ::= [APPLICATION 29] SEQUENCE {
//	        ticket-info [0] SEQUENCE OF KrbCredInfo,
//	        nonce       [1] UInt32 OPTIONAL,
//	        timestamp   [2] KerberosTime OPTIONAL,
//	        usec        [3] Microseconds OPTIONAL,
//	        s-address   [4] HostAddress OPTIONAL,
//	        r-address   [5] HostAddress OPTIONAL
//	}
type EncCred struct {
	infos string
	Time  krb.Time
	Micro int32
}

// With returns m with one more entry.
func (m EncCred) With(info CredInfo) EncCred {
	w := writer{[]byte(m.infos)}
	p := w.open(der.Sequence)
	w.key(0, info.Key)
	if info.Client.Realm != "" {
		w.text(1, info.Client.Realm)
	}
	if !info.Client.Name.IsZero() {
		w.name(2, info.Client.Name)
	}
	w.flags(3, info.Flags)
	w.optionalTime(4, info.AuthTime)
	w.optionalTime(5, info.StartTime)
	w.optionalTime(6, info.EndTime)
	w.optionalTime(7, info.RenewTill)
	if info.Service.Realm != "" {
		w.text(8, info.Service.Realm)
	}
	if !info.Service.Name.IsZero() {
		w.name(9, info.Service.Name)
	}
	w.optional(10, string(info.Addresses))
	w.close(p)
	m.infos = string(w.b)
	return m
}

// Infos returns the entries in order.
func (m EncCred) Infos() (list []CredInfo) {
	for r := trusted(m.infos); r.s != ""; {
		list = append(list, r.credInfo())
	}
	return list
}

// ParseEncCred reads what a KRB-CRED's cipher holds.
func ParseEncCred(b string) (EncCred, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 29).sequence()
	var m EncCred
	m.infos = in.field(0).list(func(in *reader) { in.credInfo() })
	if in.hasField(1) {
		in.field(1).uint32()
	}
	if in.hasField(2) {
		m.Time = in.field(2).time()
	}
	if in.hasField(3) {
		m.Micro = int32(in.field(3).integer(0, maxMicro))
	}
	for n := byte(4); n <= 5; n++ {
		if in.hasField(n) {
			address := in.field(n)
			address.typed()
			address.end()
		}
	}
	in.end()
	r.end()
	return result(m, fail)
}

// Append writes m, without a nonce and addresses.
func (m EncCred) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | 29)
	w.list(0, m.infos)
	w.optionalTime(2, m.Time)
	if m.Time != 0 {
		w.integer(3, int64(m.Micro))
	}
	w.finish(p)
	return w.b
}

// Format implements fmt.Formatter: there are keys in it, so its length is all that shows.
func (m EncCred) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "credentials(%d bytes)", len(m.infos)) }

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (m EncCred) MarshalText() ([]byte, error) { return fmt.Append(nil, m), nil }

package message

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Ticket is (RFC 4120 section 5.3)
//
//	Ticket ::= [APPLICATION 1] SEQUENCE {
//	        tkt-vno  [0] INTEGER (5),
//	        realm    [1] Realm,
//	        sname    [2] PrincipalName,
//	        enc-part [3] EncryptedData -- EncTicketPart
//	}
//
// Only the encrypted part is protected: a holder of a ticket can write another name on it.
type Ticket struct {
	Service krb.Principal
	Enc     EncryptedData
}

// ParseTicket reads a Ticket that stands alone.
func ParseTicket(b string) (Ticket, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	t := r.ticket()
	r.end()
	return result(t, fail)
}

func (r *reader) ticket() (t Ticket) {
	in := r.next(der.Application | 1).sequence()
	in.version(0, 5)
	t.Service.Realm = in.field(1).text()
	t.Service.Name = in.field(2).name()
	t.Enc = in.field(3).encrypted()
	in.end()
	return t
}

// Append writes t.
func (t Ticket) Append(b []byte) []byte {
	w := writer{b}
	w.ticket(t)
	return w.b
}

func (w *writer) ticket(t Ticket) {
	p := w.begin(der.Application | 1)
	w.integer(0, 5)
	w.text(1, t.Service.Realm)
	w.name(2, t.Service.Name)
	w.encrypted(3, t.Enc)
	w.finish(p)
}

// EncTicketPart is what the service alone reads (section 5.3)
//
//	EncTicketPart ::= [APPLICATION 3] SEQUENCE {
//	        flags              [0] TicketFlags,
//	        key                [1] EncryptionKey,
//	        crealm             [2] Realm,
//	        cname              [3] PrincipalName,
//	        transited          [4] TransitedEncoding,
//	        authtime           [5] KerberosTime,
//	        starttime          [6] KerberosTime OPTIONAL,
//	        endtime            [7] KerberosTime,
//	        renew-till         [8] KerberosTime OPTIONAL,
//	        caddr              [9] HostAddresses OPTIONAL,
//	        authorization-data [10] AuthorizationData OPTIONAL
//	}
//	TransitedEncoding ::= SEQUENCE {
//	        tr-type  [0] Int32,
//	        contents [1] OCTET STRING
//	}
type EncTicketPart struct {
	Flags                                   krb.Flags
	Key                                     krb.Key // the session key
	Client                                  krb.Principal
	TransitedType                           int32
	Transited                               string
	AuthTime, StartTime, EndTime, RenewTill krb.Time
	Addresses                               Addresses
	AuthData                                AuthorizationData
}

// ParseEncTicketPart reads what a ticket's cipher holds.
func ParseEncTicketPart(b string) (EncTicketPart, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 3).sequence()
	var t EncTicketPart
	t.Flags = in.field(0).flags()
	t.Key = in.field(1).key()
	t.Client.Realm = in.field(2).text()
	t.Client.Name = in.field(3).name()
	transited := in.field(4).sequence()
	t.TransitedType = transited.field(0).int32()
	t.Transited = transited.field(1).octets()
	transited.end()
	t.AuthTime = in.field(5).time()
	if in.hasField(6) {
		t.StartTime = in.field(6).time()
	}
	t.EndTime = in.field(7).time()
	if in.hasField(8) {
		t.RenewTill = in.field(8).time()
	}
	if in.hasField(9) {
		t.Addresses = Addresses(in.field(9).list(typedFrom(0)))
	}
	if in.hasField(10) {
		t.AuthData = in.field(10).authorizationData()
	}
	in.end()
	r.end()
	return result(t, fail)
}

// Append writes t.
func (t EncTicketPart) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | 3)
	w.flags(0, t.Flags)
	w.key(1, t.Key)
	w.text(2, t.Client.Realm)
	w.name(3, t.Client.Name)
	transited := w.begin(der.Context | 4)
	w.integer(0, int64(t.TransitedType))
	w.octets(1, t.Transited)
	w.finish(transited)
	w.time(5, t.AuthTime)
	w.optionalTime(6, t.StartTime)
	w.time(7, t.EndTime)
	w.optionalTime(8, t.RenewTill)
	w.optional(9, string(t.Addresses))
	w.optional(10, string(t.AuthData))
	w.finish(p)
	return w.b
}

// Starts returns the start of the ticket's validity: its start time, or that of the first
// authentication if it has none.
func (t EncTicketPart) Starts() krb.Time {
	if t.StartTime != 0 {
		return t.StartTime
	}
	return t.AuthTime
}

// Format implements fmt.Formatter: names and times show, the key and what a directory
// said of the user do not.
func (t EncTicketPart) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "ticket of %q until %v (%v)", t.Client.String(), t.EndTime, t.Flags)
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (t EncTicketPart) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }

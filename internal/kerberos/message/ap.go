package message

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// APReq is (RFC 4120 section 5.5.1)
//
//	AP-REQ ::= [APPLICATION 14] SEQUENCE {
//	        pvno          [0] INTEGER (5),
//	        msg-type      [1] INTEGER (14),
//	        ap-options    [2] APOptions,
//	        ticket        [3] Ticket,
//	        authenticator [4] EncryptedData -- Authenticator
//	}
type APReq struct {
	Options       krb.Flags
	Ticket        Ticket
	Authenticator EncryptedData
}

// ParseAPReq reads an AP-REQ.
func ParseAPReq(b string) (APReq, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 14).sequence()
	var m APReq
	in.version(0, 5)
	in.version(1, 14)
	m.Options = in.field(2).flags()
	ticket := in.field(3)
	m.Ticket = ticket.ticket()
	ticket.end()
	m.Authenticator = in.field(4).encrypted()
	in.end()
	r.end()
	return result(m, fail)
}

// Append writes m with the ticket as DER, as it came from the KDC.
func (m APReq) Append(b []byte) []byte {
	return AppendAPReq(b, m.Options, string(m.Ticket.Append(nil)), m.Authenticator)
}

// AppendAPReq writes an AP-REQ around a ticket that is DER already: it goes on byte for
// byte.
func AppendAPReq(b []byte, options krb.Flags, ticket string, authenticator EncryptedData) []byte {
	w := writer{b}
	p := w.begin(der.Application | 14)
	w.integer(0, 5)
	w.integer(1, 14)
	w.flags(2, options)
	at := w.open(der.Context | 3)
	w.b = append(w.b, ticket...)
	w.close(at)
	w.encrypted(4, authenticator)
	w.finish(p)
	return w.b
}

// Authenticator is (section 5.5.1)
//
//	Authenticator ::= [APPLICATION 2] SEQUENCE {
//	        authenticator-vno  [0] INTEGER (5),
//	        crealm             [1] Realm,
//	        cname              [2] PrincipalName,
//	        cksum              [3] Checksum OPTIONAL,
//	        cusec              [4] Microseconds,
//	        ctime              [5] KerberosTime,
//	        subkey             [6] EncryptionKey OPTIONAL,
//	        seq-number         [7] UInt32 OPTIONAL,
//	        authorization-data [8] AuthorizationData OPTIONAL
//	}
type Authenticator struct {
	Client      krb.Principal
	Checksum    Checksum
	HasChecksum bool
	Micro       int32 // microseconds, with Time
	Time        krb.Time
	Subkey      krb.Key // the zero Key if there is none
	Sequence    uint32
	HasSequence bool
	AuthData    AuthorizationData
}

const maxMicro = 999_999

// ParseAuthenticator reads what an AP-REQ's authenticator holds.
func ParseAuthenticator(b string) (Authenticator, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 2).sequence()
	var a Authenticator
	in.version(0, 5)
	a.Client.Realm = in.field(1).text()
	a.Client.Name = in.field(2).name()
	if a.HasChecksum = in.hasField(3); a.HasChecksum {
		a.Checksum = in.field(3).checksum()
	}
	a.Micro = int32(in.field(4).integer(0, maxMicro))
	a.Time = in.field(5).time()
	if in.hasField(6) {
		a.Subkey = in.field(6).key()
	}
	if a.HasSequence = in.hasField(7); a.HasSequence {
		a.Sequence = in.field(7).uint32()
	}
	if in.hasField(8) {
		a.AuthData = in.field(8).authorizationData()
	}
	in.end()
	r.end()
	return result(a, fail)
}

// Append writes a.
func (a Authenticator) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | 2)
	w.integer(0, 5)
	w.text(1, a.Client.Realm)
	w.name(2, a.Client.Name)
	if a.HasChecksum {
		w.checksum(3, a.Checksum)
	}
	w.integer(4, int64(a.Micro))
	w.time(5, a.Time)
	if !a.Subkey.IsZero() {
		w.key(6, a.Subkey)
	}
	if a.HasSequence {
		w.integer(7, int64(a.Sequence))
	}
	w.optional(8, string(a.AuthData))
	w.finish(p)
	return w.b
}

// APRep is (section 5.5.2)
//
//	AP-REP ::= [APPLICATION 15] SEQUENCE {
//	        pvno     [0] INTEGER (5),
//	        msg-type [1] INTEGER (15),
//	        enc-part [2] EncryptedData -- EncAPRepPart
//	}
type APRep struct{ Enc EncryptedData }

// ParseAPRep reads an AP-REP.
func ParseAPRep(b string) (APRep, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 15).sequence()
	var m APRep
	in.version(0, 5)
	in.version(1, 15)
	m.Enc = in.field(2).encrypted()
	in.end()
	r.end()
	return result(m, fail)
}

// Append writes m.
func (m APRep) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | 15)
	w.integer(0, 5)
	w.integer(1, 15)
	w.encrypted(2, m.Enc)
	w.finish(p)
	return w.b
}

// EncAPRepPart is (section 5.5.2)
//
//	EncAPRepPart ::= [APPLICATION 27] SEQUENCE {
//	        ctime      [0] KerberosTime,
//	        cusec      [1] Microseconds,
//	        subkey     [2] EncryptionKey OPTIONAL,
//	        seq-number [3] UInt32 OPTIONAL
//	}
type EncAPRepPart struct {
	Time        krb.Time
	Micro       int32
	Subkey      krb.Key
	Sequence    uint32
	HasSequence bool
}

// ParseEncAPRepPart reads what an AP-REP's cipher holds.
func ParseEncAPRepPart(b string) (EncAPRepPart, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 27).sequence()
	var m EncAPRepPart
	m.Time = in.field(0).time()
	m.Micro = int32(in.field(1).integer(0, maxMicro))
	if in.hasField(2) {
		m.Subkey = in.field(2).key()
	}
	if m.HasSequence = in.hasField(3); m.HasSequence {
		m.Sequence = in.field(3).uint32()
	}
	in.end()
	r.end()
	return result(m, fail)
}

// Append writes m.
func (m EncAPRepPart) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | 27)
	w.time(0, m.Time)
	w.integer(1, int64(m.Micro))
	if !m.Subkey.IsZero() {
		w.key(2, m.Subkey)
	}
	if m.HasSequence {
		w.integer(3, int64(m.Sequence))
	}
	w.finish(p)
	return w.b
}

package message

import (
	"encoding/binary"
	"iter"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Types of pre-authentication data (RFC 4120 section 7.5.2, and later assignments).
const (
	PATGSReq             int32 = 1 // an AP-REQ
	PAEncTimestamp       int32 = 2
	PAPWSalt             int32 = 3
	PAETypeInfo2         int32 = 19
	PAPACRequest         int32 = 128 // MS-KILE section 2.2.3
	PAForUser            int32 = 129 // MS-SFU section 2.2.1
	PAS4UX509User        int32 = 130 // MS-SFU section 2.2.2
	PAFXFast             int32 = 136 // RFC 6113 section 5.4
	PAEncryptedChallenge int32 = 138 // section 5.4.6, inside of FAST alone
	PAReqEncPARep        int32 = 149 // RFC 6806 section 11
	PASupportedETypes    int32 = 165
	PAPACOptions         int32 = 167 // MS-KILE section 2.2.10
	PACOptionRBCD              = 3   // bit of MS-SFU section 2.2.5: resource-based constrained delegation
	s4uOptionReplyKey          = 2   // bit of S4UUserID.options: the reply key is that of the request (usage 27)
)

// EncPARep is the flag of a ticket whose reply has encrypted pre-authentication data (RFC 6806 section 11).
const EncPARep krb.Flags = 1 << (31 - 15)

// PAData is a list of pre-authentication data, or none. Compare with ==.
//
//	PA-DATA ::= SEQUENCE {
//	        padata-type  [1] Int32,
//	        padata-value [2] OCTET STRING
//	}
type PAData string

func (r reader) padata() PAData { return PAData(r.list(typedFrom(1))) }

// ParsePAData reads a list that stands alone: METHOD-DATA (section 5.9.1), and
// what a PA-REQ-ENC-PA-REP asks for.
func ParsePAData(b string) (PAData, gss.Fault) {
	var fail gss.Fault
	p := start(b, &fail).padata()
	return result(p, fail)
}

// Encode returns the list by itself, a SEQUENCE.
func (p PAData) Encode() string { return AuthorizationData(p).Encode() }

// Append returns the list with one more element.
func (p PAData) Append(kind int32, value string) PAData {
	return PAData(appendPair(string(p), 1, kind, value))
}

// All iterates over the list.
func (p PAData) All() iter.Seq2[int32, string] { return pairs(string(p)) }

// Find returns the first element of a type.
func (p PAData) Find(kind int32) (value string, ok bool) {
	for k, v := range p.All() {
		if k == kind {
			return v, true
		}
	}
	return "", false
}

// AppendEncryptedData writes EncryptedData that stands alone, as PA-ENC-TIMESTAMP has it.
func AppendEncryptedData(b []byte, e EncryptedData) []byte {
	w := writer{b}
	w.bareEncrypted(e)
	return w.b
}

// ParseEncryptedData reads it.
func ParseEncryptedData(b string) (EncryptedData, gss.Fault) {
	var fail gss.Fault
	e := start(b, &fail).encrypted()
	return result(e, fail)
}

// Timestamp is PA-ENC-TS-ENC (section 5.2.7.2)
//
//	PA-ENC-TS-ENC ::= SEQUENCE {
//	        patimestamp [0] KerberosTime,
//	        pausec      [1] Microseconds OPTIONAL
//	}
type Timestamp struct {
	Time  krb.Time
	Micro int32
}

// ParseTimestamp reads what PA-ENC-TIMESTAMP holds.
func ParseTimestamp(b string) (Timestamp, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.sequence()
	var t Timestamp
	t.Time = in.field(0).time()
	if in.hasField(1) {
		t.Micro = int32(in.field(1).integer(0, maxMicro))
	}
	in.end()
	return result(t, fail)
}

// Append writes t.
func (t Timestamp) Append(b []byte) []byte {
	w := writer{b}
	p := w.open(der.Sequence)
	w.time(0, t.Time)
	w.integer(1, int64(t.Micro))
	w.close(p)
	return w.b
}

// ETypeInfo is how the KDC wants a password to become a key (section 5.2.7.5)
//
//	ETYPE-INFO2-ENTRY ::= SEQUENCE {
//	        etype     [0] Int32,
//	        salt      [1] KerberosString OPTIONAL,
//	        s2kparams [2] OCTET STRING OPTIONAL
//	}
//	ETYPE-INFO2 ::= SEQUENCE SIZE (1..MAX) OF ETYPE-INFO2-ENTRY
type ETypeInfo struct {
	Type    krb.EType
	Salt    string
	HasSalt bool
	Params  string
}

func (r *reader) etypeInfo() (e ETypeInfo) {
	in := r.next(der.Sequence)
	e.Type = krb.EType(in.field(0).int32())
	if e.HasSalt = in.hasField(1); e.HasSalt {
		e.Salt = in.field(1).text()
	}
	if in.hasField(2) {
		e.Params = in.field(2).octets()
	}
	in.end()
	return e
}

// ETypeInfos is a list of them, in the KDC's order. Compare with ==.
type ETypeInfos string

// ParseETypeInfos reads PA-ETYPE-INFO2.
func ParseETypeInfos(b string) (ETypeInfos, gss.Fault) {
	var fail gss.Fault
	l := start(b, &fail).list(func(in *reader) { in.etypeInfo() })
	return result(ETypeInfos(l), fail)
}

// All iterates over the list.
func (l ETypeInfos) All() iter.Seq[ETypeInfo] {
	return func(yield func(ETypeInfo) bool) {
		for r := trusted(string(l)); r.s != ""; {
			if !yield(r.etypeInfo()) {
				return
			}
		}
	}
}

// Append returns the list with one more entry.
func (l ETypeInfos) Append(e ETypeInfo) ETypeInfos {
	w := writer{[]byte(l)}
	p := w.open(der.Sequence)
	w.integer(0, int64(e.Type))
	if e.HasSalt {
		w.text(1, e.Salt)
	}
	if e.Params != "" {
		w.octets(2, e.Params)
	}
	w.close(p)
	return ETypeInfos(w.b)
}

// Encode returns the list by itself.
func (l ETypeInfos) Encode() string { return AuthorizationData(l).Encode() }

// PACRequest returns KERB-PA-PAC-REQUEST (MS-KILE section 2.2.3): whether a ticket is to
// have a PAC.
//
//	KERB-PA-PAC-REQUEST ::= SEQUENCE { include-pac [0] BOOLEAN }
func PACRequest(include bool) string {
	value := "\x00"
	if include {
		value = "\xFF"
	}
	w := writer{}
	p := w.open(der.Sequence)
	w.field(0, der.Boolean, value)
	w.close(p)
	return string(w.b)
}

// ParsePACRequest reads it.
func ParsePACRequest(b string) (include bool, fault gss.Fault) {
	var fail gss.Fault
	in := start(b, &fail).sequence()
	value := in.field(0).primitive(der.Boolean)
	in.end()
	if len(value) != 1 {
		in.broken("a BOOLEAN that is not one octet")
	}
	return result(value != "\x00", fail)
}

// PACOptions returns PA-PAC-OPTIONS: SEQUENCE { [0] KerberosFlags }.
func PACOptions(bit int) string {
	w := writer{}
	p := w.open(der.Sequence)
	w.flags(0, 1<<(31-bit))
	w.close(p)
	return string(w.b)
}

// ParsePACOptions reads it.
func ParsePACOptions(b string) (krb.Flags, gss.Fault) {
	var fail gss.Fault
	in := start(b, &fail).sequence()
	f := in.field(0).flags()
	in.end()
	return result(f, fail)
}

// ParseChecksum reads a Checksum that stands alone, as PA-REQ-ENC-PA-REP has it in a reply.
func ParseChecksum(b string) (Checksum, gss.Fault) {
	var fail gss.Fault
	c := start(b, &fail).checksum()
	return result(c, fail)
}

// Append writes c as it stands alone.
func (c Checksum) Append(b []byte) []byte {
	w := writer{b}
	p := w.open(der.Sequence)
	w.integer(0, int64(c.Type))
	w.octets(1, c.Sum)
	w.close(p)
	return w.b
}

// ForUser is PA-FOR-USER (MS-SFU section 2.2.1): a service asks for a ticket to itself
// in a user's name.
//
//	PA-FOR-USER ::= SEQUENCE {
//	        userName     [0] PrincipalName,
//	        userRealm    [1] Realm,
//	        cksum        [2] Checksum,
//	        auth-package [3] KerberosString
//	}
type ForUser struct {
	User     krb.Principal
	Checksum Checksum
	Package  string
}

// ParseForUser reads it.
func ParseForUser(b string) (ForUser, gss.Fault) {
	var fail gss.Fault
	in := start(b, &fail).sequence()
	var m ForUser
	m.User.Name = in.field(0).name()
	m.User.Realm = in.field(1).text()
	m.Checksum = in.field(2).checksum()
	m.Package = in.field(3).text()
	in.end()
	return result(m, fail)
}

// Append writes m.
func (m ForUser) Append(b []byte) []byte {
	w := writer{b}
	p := w.open(der.Sequence)
	w.name(0, m.User.Name)
	w.text(1, m.User.Realm)
	w.checksum(2, m.Checksum)
	w.text(3, m.Package)
	w.close(p)
	return w.b
}

// Signed returns the text that the checksum covers. The checksum is HMAC-MD5 for keys of
// all types, with usage 17.
func (m ForUser) Signed() string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(m.User.Name.Type))
	for c := range m.User.Name.Components() {
		b = append(b, c...)
	}
	return string(append(append(b, m.User.Realm...), m.Package...))
}

// S4UUser is PA-S4U-X509-USER (MS-SFU section 2.2.2), without the certificate.
//
//	PA-S4U-X509-USER ::= SEQUENCE {
//	        user-id  [0] S4UUserID,
//	        checksum [1] Checksum
//	}
//	S4UUserID ::= SEQUENCE {
//	        nonce               [0] UInt32,
//	        cname               [1] PrincipalName OPTIONAL,
//	        crealm              [2] Realm,
//	        subject-certificate [3] OCTET STRING OPTIONAL,
//	        options             [4] BIT STRING OPTIONAL
//	}
type S4UUser struct {
	Nonce       uint32
	User        krb.Principal
	Certificate string
	Options     krb.Flags
	HasOptions  bool
	Checksum    Checksum
	Signed      string // S4UUserID as it came: what the checksum covers
}

// ParseS4UUser reads it.
func ParseS4UUser(b string) (S4UUser, gss.Fault) {
	var fail gss.Fault
	in := start(b, &fail).sequence()
	var m S4UUser
	outer := in.field(0)
	m.Signed = outer.s
	id := outer.sequence()
	m.Nonce = id.field(0).uint32()
	if id.hasField(1) {
		m.User.Name = id.field(1).name()
	}
	m.User.Realm = id.field(2).text()
	if id.hasField(3) {
		m.Certificate = id.field(3).octets()
	}
	if m.HasOptions = id.hasField(4); m.HasOptions {
		m.Options = id.field(4).flags()
	}
	id.end()
	m.Checksum = in.field(1).checksum()
	in.end()
	return result(m, fail)
}

// UserID writes S4UUserID, which the checksum covers.
func (m S4UUser) UserID() string {
	w := writer{}
	p := w.open(der.Sequence)
	w.integer(0, int64(m.Nonce))
	if !m.User.Name.IsZero() {
		w.name(1, m.User.Name)
	}
	w.text(2, m.User.Realm)
	if m.Certificate != "" {
		w.octets(3, m.Certificate)
	}
	if m.HasOptions {
		w.flags(4, m.Options)
	}
	w.close(p)
	return string(w.b)
}

// Append writes m.
func (m S4UUser) Append(b []byte) []byte {
	w := writer{b}
	p := w.open(der.Sequence)
	at := w.open(der.Context)
	w.b = append(w.b, m.UserID()...)
	w.close(at)
	w.checksum(1, m.Checksum)
	w.close(p)
	return w.b
}

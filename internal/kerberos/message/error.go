package message

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// ErrorCode is the error-code of a KRB-ERROR (RFC 4120 section 7.5.9, RFC 6806, MS-KILE).
type ErrorCode int32

const (
	ErrNone              ErrorCode = 0
	ErrNameExpired       ErrorCode = 1
	ErrServiceExpired    ErrorCode = 2
	ErrClientUnknown     ErrorCode = 6
	ErrServiceUnknown    ErrorCode = 7
	ErrNotUnique         ErrorCode = 8
	ErrNullKey           ErrorCode = 9
	ErrNeverValid        ErrorCode = 11
	ErrPolicy            ErrorCode = 12
	ErrBadOption         ErrorCode = 13
	ErrETypeNoSupport    ErrorCode = 14
	ErrSumTypeNoSupport  ErrorCode = 15
	ErrPADataNoSupport   ErrorCode = 16
	ErrClientRevoked     ErrorCode = 18
	ErrServiceRevoked    ErrorCode = 19
	ErrTGTRevoked        ErrorCode = 20
	ErrClientNotYet      ErrorCode = 21
	ErrServiceNotYet     ErrorCode = 22
	ErrKeyExpired        ErrorCode = 23
	ErrPreauthFailed     ErrorCode = 24
	ErrPreauthRequired   ErrorCode = 25
	ErrServerNoMatch     ErrorCode = 26
	ErrMustUseUser2User  ErrorCode = 27
	ErrPathNotAccepted   ErrorCode = 28
	ErrServiceUnavail    ErrorCode = 29
	ErrBadIntegrity      ErrorCode = 31
	ErrTicketExpired     ErrorCode = 32
	ErrTicketNotYet      ErrorCode = 33
	ErrRepeat            ErrorCode = 34
	ErrNotUs             ErrorCode = 35
	ErrBadMatch          ErrorCode = 36
	ErrSkew              ErrorCode = 37
	ErrBadAddress        ErrorCode = 38
	ErrBadVersion        ErrorCode = 39
	ErrMessageType       ErrorCode = 40
	ErrModified          ErrorCode = 41
	ErrBadKeyVersion     ErrorCode = 44
	ErrNoKey             ErrorCode = 45
	ErrMutualFail        ErrorCode = 46
	ErrBadDirection      ErrorCode = 47
	ErrMethod            ErrorCode = 48
	ErrBadSequence       ErrorCode = 49
	ErrInappropriateSum  ErrorCode = 50
	ErrPathRejected      ErrorCode = 51
	ErrResponseTooBig    ErrorCode = 52
	ErrGeneric           ErrorCode = 60
	ErrFieldTooLong      ErrorCode = 61
	ErrWrongRealm        ErrorCode = 68
	ErrUser2UserRequired ErrorCode = 69

	// RFC 6113 sections 5.2 and 5.4.2.
	ErrPreauthExpired     ErrorCode = 90
	ErrMorePreauth        ErrorCode = 91
	ErrAuthenticationSet  ErrorCode = 92
	ErrCriticalFASTOption ErrorCode = 93
)

var errorNames = map[ErrorCode]string{
	ErrNameExpired: "KDC_ERR_NAME_EXP", ErrServiceExpired: "KDC_ERR_SERVICE_EXP", ErrClientUnknown: "KDC_ERR_C_PRINCIPAL_UNKNOWN",
	ErrServiceUnknown: "KDC_ERR_S_PRINCIPAL_UNKNOWN", ErrNotUnique: "KDC_ERR_PRINCIPAL_NOT_UNIQUE", ErrNullKey: "KDC_ERR_NULL_KEY",
	ErrNeverValid: "KDC_ERR_NEVER_VALID", ErrPolicy: "KDC_ERR_POLICY", ErrBadOption: "KDC_ERR_BADOPTION", ErrETypeNoSupport: "KDC_ERR_ETYPE_NOSUPP",
	ErrSumTypeNoSupport: "KDC_ERR_SUMTYPE_NOSUPP", ErrPADataNoSupport: "KDC_ERR_PADATA_TYPE_NOSUPP", ErrClientRevoked: "KDC_ERR_CLIENT_REVOKED",
	ErrServiceRevoked: "KDC_ERR_SERVICE_REVOKED", ErrTGTRevoked: "KDC_ERR_TGT_REVOKED", ErrClientNotYet: "KDC_ERR_CLIENT_NOTYET",
	ErrServiceNotYet: "KDC_ERR_SERVICE_NOTYET", ErrKeyExpired: "KDC_ERR_KEY_EXPIRED", ErrPreauthFailed: "KDC_ERR_PREAUTH_FAILED",
	ErrPreauthRequired: "KDC_ERR_PREAUTH_REQUIRED", ErrServerNoMatch: "KDC_ERR_SERVER_NOMATCH", ErrMustUseUser2User: "KDC_ERR_MUST_USE_USER2USER",
	ErrPathNotAccepted: "KDC_ERR_PATH_NOT_ACCEPTED", ErrServiceUnavail: "KDC_ERR_SVC_UNAVAILABLE", ErrBadIntegrity: "KRB_AP_ERR_BAD_INTEGRITY",
	ErrTicketExpired: "KRB_AP_ERR_TKT_EXPIRED", ErrTicketNotYet: "KRB_AP_ERR_TKT_NYV", ErrRepeat: "KRB_AP_ERR_REPEAT", ErrNotUs: "KRB_AP_ERR_NOT_US",
	ErrBadMatch: "KRB_AP_ERR_BADMATCH", ErrSkew: "KRB_AP_ERR_SKEW", ErrBadAddress: "KRB_AP_ERR_BADADDR", ErrBadVersion: "KRB_AP_ERR_BADVERSION",
	ErrMessageType: "KRB_AP_ERR_MSG_TYPE", ErrModified: "KRB_AP_ERR_MODIFIED", ErrBadKeyVersion: "KRB_AP_ERR_BADKEYVER", ErrNoKey: "KRB_AP_ERR_NOKEY",
	ErrMutualFail: "KRB_AP_ERR_MUT_FAIL", ErrBadDirection: "KRB_AP_ERR_BADDIRECTION", ErrMethod: "KRB_AP_ERR_METHOD", ErrBadSequence: "KRB_AP_ERR_BADSEQ",
	ErrInappropriateSum: "KRB_AP_ERR_INAPP_CKSUM", ErrPathRejected: "KRB_AP_PATH_NOT_ACCEPTED", ErrResponseTooBig: "KRB_ERR_RESPONSE_TOO_BIG",
	ErrGeneric: "KRB_ERR_GENERIC", ErrFieldTooLong: "KRB_ERR_FIELD_TOOLONG", ErrWrongRealm: "KDC_ERR_WRONG_REALM", ErrUser2UserRequired: "KRB_AP_ERR_USER_TO_USER_REQUIRED",
	ErrPreauthExpired: "KDC_ERR_PREAUTH_EXPIRED", ErrMorePreauth: "KDC_ERR_MORE_PREAUTH_DATA_REQUIRED", ErrAuthenticationSet: "KDC_ERR_PREAUTH_BAD_AUTHENTICATION_SET",
	ErrCriticalFASTOption: "KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS",
}

// String returns the code's name in RFC 4120, or its number.
func (c ErrorCode) String() string {
	if s := errorNames[c]; s != "" {
		return s
	}
	return fmt.Sprintf("Kerberos error %d", int32(c))
}

// Error is KRB-ERROR (RFC 4120 section 5.9.1). Nothing of it is protected.
//
//	KRB-ERROR ::= [APPLICATION 30] SEQUENCE {
//	        pvno       [0] INTEGER (5),
//	        msg-type   [1] INTEGER (30),
//	        ctime      [2] KerberosTime OPTIONAL,
//	        cusec      [3] Microseconds OPTIONAL,
//	        stime      [4] KerberosTime,
//	        susec      [5] Microseconds,
//	        error-code [6] Int32,
//	        crealm     [7] Realm OPTIONAL,
//	        cname      [8] PrincipalName OPTIONAL,
//	        realm      [9] Realm,
//	        sname      [10] PrincipalName,
//	        e-text     [11] KerberosString OPTIONAL,
//	        e-data     [12] OCTET STRING OPTIONAL
//	}
type Error struct {
	ClientTime     krb.Time
	ClientMicro    int32
	HasClientMicro bool
	Time           krb.Time // the server's
	Micro          int32
	Code           ErrorCode
	Client         krb.Principal
	Service        krb.Principal
	Text           string // hostile input like everything else: not for logs
	Data           string
}

// ParseError reads a KRB-ERROR.
func ParseError(b string) (Error, gss.Fault) {
	var fail gss.Fault
	r := start(b, &fail)
	in := r.next(der.Application | 30).sequence()
	var m Error
	in.version(0, 5)
	in.version(1, 30)
	if in.hasField(2) {
		m.ClientTime = in.field(2).time()
	}
	if m.HasClientMicro = in.hasField(3); m.HasClientMicro {
		m.ClientMicro = int32(in.field(3).integer(0, maxMicro))
	}
	m.Time = in.field(4).time()
	m.Micro = int32(in.field(5).integer(0, maxMicro))
	m.Code = ErrorCode(in.field(6).int32())
	if in.hasField(7) {
		m.Client.Realm = in.field(7).text()
	}
	if in.hasField(8) {
		m.Client.Name = in.field(8).name()
	}
	m.Service.Realm = in.field(9).text()
	m.Service.Name = in.field(10).name()
	if in.hasField(11) {
		m.Text = in.field(11).text()
	}
	if in.hasField(12) {
		m.Data = in.field(12).octets()
	}
	in.end()
	r.end()
	return result(m, fail)
}

// IsError reports whether b looks like a KRB-ERROR.
func IsError(b string) bool { return len(b) > 0 && b[0] == der.Application|30 }

// Append writes m.
func (m Error) Append(b []byte) []byte {
	w := writer{b}
	p := w.begin(der.Application | 30)
	w.integer(0, 5)
	w.integer(1, 30)
	w.optionalTime(2, m.ClientTime)
	if m.HasClientMicro {
		w.integer(3, int64(m.ClientMicro))
	}
	w.time(4, m.Time)
	w.integer(5, int64(m.Micro))
	w.integer(6, int64(m.Code))
	if m.Client.Realm != "" {
		w.text(7, m.Client.Realm)
	}
	if !m.Client.Name.IsZero() {
		w.name(8, m.Client.Name)
	}
	w.text(9, m.Service.Realm)
	w.name(10, m.Service.Name)
	if m.Text != "" {
		w.text(11, m.Text)
	}
	if m.Data != "" {
		w.octets(12, m.Data)
	}
	w.finish(p)
	return w.b
}

package ticket

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
)

// faults maps a KDC's error codes to faults. Other codes are Refused.
var faults = map[message.ErrorCode]struct {
	code   gss.Code
	detail string
}{
	message.ErrClientUnknown:      {gss.UnknownUser, "the KDC does not know the client"},
	message.ErrServiceUnknown:     {gss.WrongTarget, "the KDC does not know the service; its name is HTTP/host for the host of the URL, unless ServiceName says another"},
	message.ErrServerNoMatch:      {gss.WrongTarget, "the KDC does not know the service under that name"},
	message.ErrPreauthFailed:      {gss.BadCredentials, "the KDC refused the password or key"},
	message.ErrBadIntegrity:       {gss.BadCredentials, "the KDC refused the password or key"},
	message.ErrPreauthRequired:    {gss.Refused, "the KDC asks for pre-authentication again"},
	message.ErrClientRevoked:      {gss.NotPermitted, "the client's account is locked or disabled"},
	message.ErrNameExpired:        {gss.Expired, "the client's account has expired"},
	message.ErrServiceExpired:     {gss.Expired, "the service's account has expired"},
	message.ErrKeyExpired:         {gss.Expired, "the client's password has expired and must be changed"},
	message.ErrClientNotYet:       {gss.Expired, "the client's account is not valid yet"},
	message.ErrTicketExpired:      {gss.Expired, "the ticket has expired"},
	message.ErrTicketNotYet:       {gss.Expired, "the ticket is not valid yet"},
	message.ErrNeverValid:         {gss.Expired, "the ticket would never be valid: the lifetime asked for is too short, or the clocks are far apart"},
	message.ErrSkew:               {gss.ClockSkew, "the KDC's clock is too far from the client's, also after it was corrected"},
	message.ErrETypeNoSupport:     {gss.Unsupported, "the KDC has no key of the encryption types that were asked for"},
	message.ErrSumTypeNoSupport:   {gss.Unsupported, "the KDC does not support the checksum"},
	message.ErrPADataNoSupport:    {gss.Unsupported, "the KDC does not support the pre-authentication"},
	message.ErrPolicy:             {gss.NotPermitted, "the KDC's policy forbids it"},
	message.ErrBadOption:          {gss.NotPermitted, "the KDC's policy forbids an option that was asked for: delegation, forwarding or renewal"},
	message.ErrMustUseUser2User:   {gss.Unsupported, "the service takes user to user authentication only"},
	message.ErrResponseTooBig:     {gss.QuestionFailed, "the KDC's answer does not fit into a datagram; the driver has to ask by TCP"},
	message.ErrServiceUnavail:     {gss.QuestionFailed, "the KDC cannot answer now"},
	message.ErrPreauthExpired:     {gss.Expired, "the KDC's pre-authentication took too long"},
	message.ErrMorePreauth:        {gss.Unsupported, "the KDC wants a pre-authentication of several messages, which is not implemented"},
	message.ErrAuthenticationSet:  {gss.Unsupported, "the KDC wants a set of pre-authentications, which is not implemented"},
	message.ErrCriticalFASTOption: {gss.Unsupported, "the KDC wants options of FAST (RFC 6113), which is not implemented"},
	message.ErrWrongRealm:         {gss.UnknownUser, "the client is in another realm"},
}

func faultOf(e message.Error) gss.Fault {
	code, detail := gss.Refused, "the KDC refused"
	if f, ok := faults[e.Code]; ok {
		code, detail = f.code, f.detail
	}
	detail += " (" + e.Code.String() + ")"
	if offersFAST(e.Code, e.Data) { // KRB-7
		detail += "; it offers pre-authentication inside of FAST (RFC 6113), which is not implemented"
	}
	return gss.Fault{Code: code, Detail: "kerberos: " + detail}
}

// offersFAST reports whether an error's METHOD-DATA says that FAST is what is missing: it
// is offered, and a timestamp under the client's key is not, or the KDC's policy is what
// refused. KDCs that have FAST always offer it.
func offersFAST(code message.ErrorCode, data string) bool {
	pa, fault := message.ParsePAData(data)
	if !fault.IsZero() {
		return false
	}
	_, fast := pa.Find(message.PAFXFast)
	_, timestamp := pa.Find(message.PAEncTimestamp)
	return fast && (!timestamp || code == message.ErrPolicy)
}

// armored returns the fault of a reply that does not decrypt, which may be one inside of
// FAST.
func armored(rep message.KDCRep, otherwise gss.Fault) gss.Fault {
	if _, fast := rep.PAData.Find(message.PAFXFast); fast { // KRB-7
		return gss.Fault{Code: gss.Unsupported, Detail: "kerberos: the KDC's answer is one to FAST (RFC 6113), which is not implemented"}
	}
	return otherwise
}

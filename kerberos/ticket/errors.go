package ticket

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/message"
)

// faults are what a KDC's error codes mean to who asked for a ticket. What else comes
// is Refused.
var faults = map[message.ErrorCode]struct {
	code   gss.Code
	detail string
}{
	message.ErrClientUnknown:    {gss.UnknownUser, "the KDC does not know the client"},
	message.ErrServiceUnknown:   {gss.WrongResource, "the KDC does not know the service; its name is HTTP/host for the host of the URL"},
	message.ErrServerNoMatch:    {gss.WrongResource, "the KDC does not know the service under that name"},
	message.ErrPreauthFailed:    {gss.BadCredentials, "the KDC refused the password or key"},
	message.ErrBadIntegrity:     {gss.BadCredentials, "the KDC refused the password or key"},
	message.ErrPreauthRequired:  {gss.Refused, "the KDC asks for pre-authentication again"},
	message.ErrClientRevoked:    {gss.NotPermitted, "the client's account is locked or disabled"},
	message.ErrNameExpired:      {gss.Expired, "the client's account has expired"},
	message.ErrServiceExpired:   {gss.Expired, "the service's account has expired"},
	message.ErrKeyExpired:       {gss.Expired, "the client's password has expired and must be changed"},
	message.ErrClientNotYet:     {gss.Expired, "the client's account is not valid yet"},
	message.ErrTicketExpired:    {gss.Expired, "the ticket has expired"},
	message.ErrTicketNotYet:     {gss.Expired, "the ticket does not hold yet"},
	message.ErrNeverValid:       {gss.Expired, "the ticket would never hold: the lifetime asked for is too short, or the clocks are far apart"},
	message.ErrSkew:             {gss.ClockSkew, "the KDC's clock is too far from ours, also after it was corrected"},
	message.ErrETypeNoSupport:   {gss.Unsupported, "the KDC has no key of the encryption types that were asked for"},
	message.ErrSumTypeNoSupport: {gss.Unsupported, "the KDC does not support the checksum"},
	message.ErrPADataNoSupport:  {gss.Unsupported, "the KDC does not support the pre-authentication"},
	message.ErrPolicy:           {gss.NotPermitted, "the KDC's policy forbids it"},
	message.ErrBadOption:        {gss.NotPermitted, "the KDC's policy forbids an option that was asked for: delegation, forwarding or renewal"},
	message.ErrMustUseUser2User: {gss.Unsupported, "the service takes user to user authentication only"},
	message.ErrResponseTooBig:   {gss.Unanswered, "the KDC's answer does not fit into a datagram; the driver has to ask by TCP"},
	message.ErrServiceUnavail:   {gss.Unanswered, "the KDC cannot answer now"},
	message.ErrWrongRealm:       {gss.UnknownUser, "the client is in another realm"},
}

func faultOf(code message.ErrorCode) gss.Fault {
	if f, ok := faults[code]; ok {
		return gss.Fault{Code: f.code, Detail: "kerberos: " + f.detail + " (" + code.String() + ")"}
	}
	return gss.Fault{Code: gss.Refused, Detail: "kerberos: the KDC refused (" + code.String() + ")"}
}

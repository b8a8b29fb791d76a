package drive

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Refusal returns the reply to a request that machine.Incoming refused with that
// status. After an invalid request-target an HTTP/1.1 connection is closed, because
// another reader could disagree on where the next request begins.
func Refusal(in machine.Incoming, status int) machine.Reply {
	if status == 400 { // RFC 9112 section 3.2
		return machine.Reply{Status: status, Close: !in.Multiplexed, Fault: gss.Fault{Code: gss.Malformed, Detail: "the request-target or the Host field is invalid, or names another server"}}
	}
	return machine.Reply{Status: status, Fault: gss.Fault{Code: gss.NotPermitted, Detail: "the request names another scheme than that of its connection; set AnyScheme if a front server terminates TLS"}}
}

// ReplyText returns the content for a reply, where status is the text of its status.
// For a 400 it also says, in fixed words, what is wrong with the credentials, since a
// 400 has no challenge: a client would answer a challenge with the same credentials
// again. A client that gets a challenge is told nothing.
func ReplyText(a machine.Reply, status string) string {
	if a.Status == 400 && !a.Fault.IsZero() { // R7616-3.4.6-2
		return status + ": " + a.Fault.Code.String()
	}
	return status
}

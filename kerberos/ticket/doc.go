// Package ticket gets tickets from KDCs (RFC 4120 sections 3.1 and 3.3) without
// doing any I/O: an [Exchange] is an immutable value that asks gss.NeedExchange.
//
//	x := ticket.New(ticket.Request{Client: alice, Password: secret, Types: types})
//	for {
//		var r ticket.Result
//		x, r = x.Step(env, answer)
//		…
//	}
//
// With a password or keys it is an AS exchange, with a ticket-granting ticket a TGS
// exchange that follows referrals from realm to realm (RFC 6806) until it has the ticket for
// the service. Renewal, forwarding and a user's ticket for a service (MS-SFU) are requests like
// others.
//
// A KDC's answer is a stranger's until it opens with the right key. What it says then
// is compared with what was asked; whatever else comes is a gss.Fault. There is an end
// to everything: one ticket takes up to 24 messages to KDCs and 8 realms on the way to the service, and string-to-key up to 2^20 iterations, those
// of all KDCs of an exchange together.
//
// Pre-authentication is a timestamp under the client's key, RFC 4120 section 5.2.7.2. FAST
// (RFC 6113) is not implemented, and neither are PKINIT and SPAKE: a KDC that takes nothing
// else refuses, and the fault says so.
//
//	file         RFC
//	request.go   what is asked for, and what comes of it
//	exchange.go  the states
//	as.go        4120 section 3.1, pre-authentication 5.2.7, 6806 section 11
//	tgs.go       4120 section 3.3, 6806 section 8, MS-SFU
//	errors.go    4120 section 7.5.9, as faults
package ticket

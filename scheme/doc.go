// Package scheme is what an HTTP authentication scheme is to the machines: its
// traits, its two halves as immutable values, and the policy that chooses one
// scheme among those offered.
//
// A [Client] or [Server] is a scheme as configured for one side. For each
// exchange it makes an [Initiator] or an [Acceptor], which are to a scheme what
// gss.Context is to a mechanism: comparable values whose Step returns the next
// one. [FromMechanism] and [ForMechanism] make schemes of GSS mechanisms
// (Negotiate, Nego2, NTLM); Basic is here; Digest has its own package; a user's
// own scheme implements the same interfaces.
package scheme

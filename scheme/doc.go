// Package scheme defines HTTP authentication schemes: their traits, their client and
// server halves as immutable values, and the policy that selects among offers.
//
// A [Client] or [Server] is a scheme as configured for one side. For each
// exchange it makes an [Initiator] or an [Acceptor], which are to a scheme what
// gss.Context is to a mechanism: comparable values with a Step that returns the next
// one. [MechanismClient] and [MechanismServer] make schemes of GSS mechanisms
// (Negotiate, Nego2, NTLM); Basic is part of this package; Digest has its own; a scheme
// of a user implements the same interfaces.
package scheme

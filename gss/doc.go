// Package gss defines what mechanisms, schemes and machines share: a security context
// as an immutable value, and its questions, answers and faults.
//
// It follows the GSS-API (RFC 2743) in what a context is and does, and differs
// in how it is driven. A [Context] is comparable with == and never changes:
// Step returns the next one, and the old one stays valid. What a context needs from
// outside comes in by value: time and entropy in [Env], the peer's bytes in [Input],
// everything else as the [Answer] to a [Question] that an earlier step asked. A context
// can therefore be stored, compared, replayed and explored, and no call ever blocks.
//
// Failures of the peer and of its environment are outcomes: [Output] says Failed and
// holds a typed [Fault]. Mistakes of the caller are Go errors of type [Misuse], and the
// returned context then equals the old one. Nothing panics.
//
// Zero values fail closed: the zero [State] is Failed, the zero [Seed] gives no entropy,
// the zero [Binding] is unavailable.
package gss

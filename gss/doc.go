// Package gss is the vocabulary that mechanisms, schemes and machines share:
// the shape of a security context as an immutable value, and the words in
// which it asks, answers and fails.
//
// It follows the GSS-API (RFC 2743) in what a context is and does, and differs
// in how it is driven. A [Context] is comparable with == and never changes:
// Step returns the next one, and the old one stays valid. What a context needs
// from the world arrives by value: time and entropy in [Env], the peer's bytes
// in [Input], everything else as the [Answer] to a [Question] that an earlier
// step asked. So a context can be stored, compared, replayed and explored, and
// no call ever blocks.
//
// There are three kinds of trouble, and they never mix. What the peer or the
// world did wrong is an outcome: [Output] says Failed and carries a typed
// [Fault]. What the caller did wrong is a Go error of type [Misuse], and then
// the returned context equals the old one. Nothing panics.
//
// Zero values are dead, never open: the zero [State] is Failed, the zero
// [Seed] gives no entropy, the zero [Binding] is unavailable.
package gss

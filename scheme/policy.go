package scheme

// Policy decides which scheme answers a challenge. The zero Policy is safe: it tries
// every configured scheme by strength, Basic under TLS only, and does not fall back to a
// weaker scheme.
//
// The order of the challenges does not count (RFC 7616 section 5.6): servers send NTLM
// before Negotiate, and MD5 before SHA-256. A scheme that was offered in an exchange and
// is passed over, because it failed, because a condition forbids it, or because it is no
// longer offered, bars every weaker one unless Fallback is set. Schemes that Allow and
// Deny leave out, and those without credentials, bar nothing.
type Policy struct {
	// Allow, if not empty, names the schemes that may be used. Deny names those that
	// may not, and goes before Allow. Names compare without regard to case.
	Allow, Deny []string
	// Order, if not empty, names schemes to be tried first, in this order and
	// before strength.
	Order []string
	// Fallback lets a weaker scheme be tried after a stronger one was offered and
	// failed. Without it the exchange ends there.
	Fallback bool
	// Cleartext lets schemes run without TLS that show their credentials on the wire
	// (Basic).
	Cleartext bool
	// AnyProxy lets Negotiate answer a 407 of a proxy that was not configured by
	// hand.
	AnyProxy bool
	// AcceptHint passes a token in a first challenge to a scheme that does not open
	// with one, instead of treating it as unexpected.
	AcceptHint bool
}

package gss

// Session protects messages under an established context (RFC 2743 section
// 2.3), with strict sequence numbers. It is an immutable value: each call
// returns the next Session, and a caller that keeps the old one can replay.
// A call that faults returns the Session unchanged, so that a forged token does not move
// the receiver's sequence number.
type Session interface {
	// Wrap protects plain for the peer; seal asks for confidentiality. Env is the source
	// of the confounder where the mechanism has one.
	Wrap(env Env, plain string, seal bool) (Session, string, Fault)
	// Unwrap opens a token of the peer's Wrap; sealed reports whether it was
	// confidential. With a fault there is no text, also where the token is genuine and
	// out of sequence.
	Unwrap(token string) (next Session, plain string, sealed bool, fault Fault)
	// MIC returns the signature of message, which is sent separately.
	MIC(message string) (Session, string, Fault)
	// VerifyMIC checks the peer's MIC over message.
	VerifyMIC(message, mic string) (Session, Fault)
}

package gss

// Session protects messages under an established context (RFC 2743 section
// 2.3), with strict sequence numbers. It is an immutable value: each call
// returns the next Session, and a caller that keeps the old one can replay.
// A call that faults returns the Session unchanged, so that a forged token
// does not move the receiver's sequence number (NLMP-3.4.4-1).
type Session interface {
	// Wrap protects plain for the peer; seal asks for confidentiality. Env gives
	// the confounder where the mechanism has one.
	Wrap(env Env, plain string, seal bool) (Session, string, Fault)
	// Unwrap opens a token of the peer's Wrap; sealed tells whether it was
	// confidential.
	Unwrap(token string) (next Session, plain string, sealed bool, fault Fault)
	// MIC signs message, which travels on its own.
	MIC(message string) (Session, string, Fault)
	// VerifyMIC checks the peer's MIC over message.
	VerifyMIC(message, mic string) (Session, Fault)
}

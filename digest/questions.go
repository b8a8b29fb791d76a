package digest

import "github.com/countersign-auth/countersign/gss"

// NeedBodyHash asks for the hash of an entity body, for qop=auth-int (RFC 7616
// section 3.4.3): of the request's body, or with Response of the response's. The
// body is what the message carries after transfer coding is undone and before
// content coding is; no body counts as an empty one.
//
// Asked by: digest, each side for a request with auth-int, and for a response with an
// rspauth of auth-int.
//
// Answers: [BodyHash], gss.Unreachable, gss.Declined.
//
// Declined: the body cannot be hashed before it is sent or read. A client uses qop=auth if
// that is offered and no weaker than before, and otherwise fails with gss.QuestionFailed, as a
// server does for a request. A server's response goes out without rspauth, and a client does
// not accept a response with a proof that it cannot check.
type NeedBodyHash struct {
	Algorithm Algorithm // one without -sess
	Response  bool
}

// BodyHash answers [NeedBodyHash]. Sum is the hash in hex of either case, or in
// binary.
type BodyHash struct{ Sum string }

// HA1 answers gss.NeedCredential and gss.NeedVerifier with stored hashes in place
// of a password: H(user:realm:password) in hex, by algorithm, empty where it is
// not stored. It is as good as the password for its realm, and for no other.
type HA1 struct {
	// User is the name. An initiator sends it; an acceptor reads it only as the name of a
	// user that it asked for by hash (NeedVerifier.Hashed).
	User       string
	MD5        gss.Secret
	SHA256     gss.Secret
	SHA512_256 gss.Secret
}

// key returns the key for an algorithm, and false if it is not stored, or not a hash.
func (h HA1) key(a Algorithm) (Key, bool) {
	switch a.Base() {
	case MD5:
		return ParseKey(a, h.MD5)
	case SHA256:
		return ParseKey(a, h.SHA256)
	}
	return ParseKey(a, h.SHA512_256)
}

// Question implements gss.Question.
func (NeedBodyHash) Question() {}

// Derived implements [gss.Derived]: it is about a message.
func (NeedBodyHash) Derived() {}

// Answer implements gss.Answer.
func (BodyHash) Answer() {}

// Answer implements gss.Answer.
func (HA1) Answer() {}

func (b BodyHash) sum(a Algorithm) (Sum, bool) {
	if s, ok := parseSum(a, b.Sum); ok {
		return s, true
	}
	return rawSum(a, b.Sum)
}

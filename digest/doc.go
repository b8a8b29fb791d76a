// Package digest implements HTTP Digest access authentication (RFC 7616, with RFC
// 2617 and RFC 2069 for old peers, and the Microsoft profile of MS-DPSP), as pure
// values without I/O, clock or randomness.
//
// It has three layers, each usable without the ones above it.
//
//   - A [Function] computes: HA1, response, rspauth and userhash for any method
//     and URI. RTSP, SIP and devices that speak Digest outside HTTP need no more.
//   - [NewClient] and [NewServer] make a scheme.Client and a scheme.Server. Their
//     initiators and acceptors step from challenge to verified proof.
//   - Questions ask for everything else: gss.NeedCredential for a user's password,
//     gss.NeedVerifier for the server's verifier, gss.NeedReplayCheck for the replay
//     memory, and [NeedBodyHash] for qop=auth-int. Password hashes answer the first
//     two as an [HA1].
//
// A server keeps no state between requests. Its nonces carry their own time
// under a MAC, so that every node with the key can judge them. Which nonce counts were
// used has to be remembered; the memory is asked only after the response was verified,
// so that a client without the password cannot use up counts.
//
// # Choices
//
// Among several Digest challenges the client answers the strongest algorithm it
// supports, and of equally strong ones the first. SHA-512-256 is the function of
// FIPS 180-4; the values printed in RFC 7616 section 3.9.2 are wrong (erratum
// 4897), and some clients copied them, so a server offers it by option only.
//
// With the -sess algorithms RFC 7616 section 3.4.2 derives the key from the
// nonce and cnonce that opened the session. The client therefore keeps its cnonce
// for as long as it keeps the nonce. The server, which has no session, uses the
// nonce and cnonce of the request at hand; the two agree.
//
// Integrity is qop=auth-int. Confidentiality (auth-conf of RFC 2831) exists in SASL alone
// and is not implemented.
//
// In FIPS-only mode (crypto/fips140) MD5 is refused with gss.Unsupported before
// it is called, whereas calling it would panic. The mode is read once, by the
// constructors.
package digest

// Package ntlm implements NTLM (MS-NLMP) as a gss.Mechanism: both sides as immutable
// contexts.
//
//	mech, err := ntlm.New(ntlm.Config{Computer: "WWW", Domain: "EXAMPLE"})
//	ctx := mech.Accept(gss.Target{Binding: gss.EndPoint(certificate)})
//
// # A context
//
// An initiator asks gss.NeedCredential (answers: gss.Password, [Hash],
// [External], [Anonymous]), sends a NEGOTIATE, takes a CHALLENGE, sends an
// AUTHENTICATE, and is complete with it: NTLM cannot prove the server (MS-NTHT section
// 5.1), so that the initiator never reports mutual authentication. With [External] it
// asks [NeedResponse] before the last message, so that the secret can stay with an agent
// or a card.
//
// An acceptor answers the NEGOTIATE with a CHALLENGE, asks gss.NeedVerifier about
// the user of the AUTHENTICATE (answers: gss.Password, [Hash], gss.Unknown), and
// is complete with the answer. With Config.PassThrough it asks [NeedLogon], which holds
// everything that a domain controller needs. The realm of the question is the domain
// that the client claims: a store answers gss.Unknown for domains that are not its own,
// since the client's proof is valid for any domain that it names.
//
// For both sides:
//
//   - NTLMv2 is the only version, unless [Level] allows others.
//   - The client sends a MIC if and only if the challenge has a timestamp; that of
//     our acceptor always has one. A server checks the MIC that the response
//     announces, over the messages as they were on the wire. An attacker that strips
//     the timestamp from a challenge also suppresses the MIC, as MS-NLMP allows, but
//     our acceptor notices: the names and the time that the client was shown are part
//     of its proof and must be returned unchanged, unless Config.AllowUnechoed is
//     set. An initiator cannot notice; Config.RequireMIC refuses a challenge without
//     a timestamp. Some clients never send a MIC (curl, Firefox). The flags of their
//     messages, and SPNEGO's around them, are not protected unless the acceptor sets
//     RequireMIC.
//   - The channel binding has one of three kinds and none is turned into another:
//     see Config.ChannelBinding.
//   - Every refusal is a gss.Fault that says why. The peer cannot tell refusals
//     apart, and an unknown user costs the work of a wrong password.
//   - All input is bounded, by constants with a name.
//   - In FIPS-only mode there is no NTLM: [New] and [HashOf] fail with
//     gss.Unsupported.
//
// # Message protection
//
// The session of an established context (if SIGN or SEAL was negotiated, for which our
// initiator always asks) is a value: each call returns the next one. Half of it is the
// state of two RC4 streams, 258 bytes each, which are made by the first call of Session.
// SPNEGO restarts the streams after its mechListMICs, by the session's method
// ResetCipher, and asks an established context by its method RequiresMechListMIC whether
// the MICs are compulsory.
//
// # Files
//
// Messages (section 2.2) are read and written by internal/ntlmssp.
//
//	file          MS-NLMP
//	initiator.go  3.1.5.1 the client
//	acceptor.go   3.2.5.1 the server
//	verify.go     3.2.5.1.2 what the server checks
//	response.go   3.3 NTLMv1 and NTLMv2 responses, 3.4.5.1 KXKEY, the MIC
//	session.go    3.4 session security: SIGNKEY, SEALKEY, MAC, sealing
//	crypto.go     3.3.1 the one-way functions, 6 HMAC, DES, MD4
//	rc4.go        6 RC4, as a value
//	context.go    the states that both sides share
//	answers.go    questions and answers of this mechanism
//	mechanism.go  configuration
//
// Not implemented are connectionless authentication (section 3.1.5.2; nothing over HTTP
// begins with a CHALLENGE, but datagram sessions are implemented), and LM responses on
// the server's side.
package ntlm

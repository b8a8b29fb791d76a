// Package ntlm is NTLM (MS-NLMP) as a gss.Mechanism: both sides as immutable
// contexts, and the messages for who wants to look at them.
//
//	mech, err := ntlm.New(ntlm.Config{Computer: "WWW", Domain: "EXAMPLE"})
//	ctx := mech.Accept(gss.Target{Binding: gss.EndPoint(certificate)})
//
// # A context
//
// An initiator asks gss.NeedCredential (answers: gss.Password, [Hash],
// [External], [Anonymous]), sends a NEGOTIATE, takes a CHALLENGE, sends an
// AUTHENTICATE, and is complete with it: NTLM cannot prove the server
// (NTHT-5.1-1), so the initiator never reports mutual authentication. With
// [External] it asks [NeedResponse] before the last message, so that the secret
// can stay with an agent or a card.
//
// An acceptor answers the NEGOTIATE with a CHALLENGE, asks gss.NeedVerifier about
// the user of the AUTHENTICATE (answers: gss.Password, [Hash], gss.Unknown), and
// is complete with the answer. With Config.PassThrough it asks [NeedLogon], which
// holds everything that a domain controller wants to know. The realm of the
// question is the domain that the client claims: a store answers gss.Unknown for
// domains that are not its own, since the client's proof holds for whatever
// domain it names.
//
// What holds for both:
//
//   - NTLMv2 is all there is, unless [Level] says otherwise.
//   - The client sends a MIC exactly when the challenge has a timestamp; ours
//     always has one. A server checks the MIC that the response announces, over
//     the messages as they were on the wire. An attacker who takes the time out of
//     a challenge also takes the MIC away (MS-NLMP wants it so), but our acceptor
//     notices: the names and the time that the client was shown are part of its
//     proof, and must come back as they were sent, unless Config.AllowUnechoed is
//     set. An initiator cannot know; Config.RequireMIC refuses a server whose
//     challenge has no time. Some clients send no MIC at all (curl, Firefox). The
//     flags of their messages, and SPNEGO's around them, are not protected unless
//     the acceptor sets RequireMIC.
//   - The channel binding is one of three values and none of them turns into
//     another: see Config.ChannelBinding.
//   - Whatever is refused is refused with a gss.Fault that says why. Towards the
//     peer all refusals look alike, and an unknown user takes the work of a wrong
//     password.
//   - Everything is bounded, see [MaxAuthenticate] and its neighbours.
//   - Under FIPS-only mode there is no NTLM: [New], [HashOf] and [NewSession] give
//     gss.Unsupported.
//
// # Message protection
//
// The session of an established context (where SIGN or SEAL was agreed upon, as
// our initiator always asks) is a value: each call gives the next one. Half of it
// is the state of two RC4 streams, 258 bytes each, which exist from the first call
// of Session on and not before. SPNEGO starts the streams anew after its
// mechListMICs, by the method ResetCipher of the session, and asks an established
// context by its method RequiresMechListMIC whether they are compulsory.
//
// # Where things are
//
//	file          MS-NLMP
//	message.go    2.2.1 NEGOTIATE, CHALLENGE, AUTHENTICATE
//	avpair.go     2.2.2.1 AV_PAIR, 2.2.2.7 and 2.2.2.8 NTLMv2_RESPONSE
//	flags.go      2.2.2.5 NEGOTIATE flags
//	wire.go       2.2 field descriptors, character sets, 2.2.2.10 VERSION, times
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
//	names.go      user names as people type them
//
// Left out are connectionless authentication (3.1.5.2: nothing over HTTP begins
// with a CHALLENGE; datagram sessions are there), and LM responses on the
// server's side.
package ntlm

// Package spnego negotiates which mechanism to use, and proves afterwards that
// nobody else had a say in it: SPNEGO (RFC 4178) as it is spoken by Windows
// (MS-SPNG) and over HTTP (RFC 4559, MS-N2HT).
//
// A [Mechanism] is a gss.Mechanism made of others. Its contexts hold theirs, as
// values, and hand tokens, questions and answers through: a context of NTLM inside
// SPNEGO asks NTLM's questions. What comes of it is described by the Info of the
// mechanism that was agreed upon, and [Leaf] gives that mechanism's own context.
//
// # The initiator
//
// It begins with every mechanism before it writes its list, so that it asks for the
// credentials of each: what has none is not listed. The first token of the favourite
// goes along. The acceptor may choose another one from the list; then the state may
// go back from Ready to Continue, and mechListMICs are exchanged. Given a token in
// its first step, it takes that for the NegTokenInit2 of an acceptor that was asked
// first (Nego2). Nothing protects that one, so it changes nothing about the list.
//
// # The acceptor
//
// It takes the first mechanism of the initiator's list that it has, and requires
// mechListMICs where that is not the favourite of both sides; see
// [Config.OwnOrder] and [Config.Fallback]. Without a token it opens with a
// NegTokenInit2, which leaves no state. A bare token of a mechanism in place of
// SPNEGO is taken too, and answered in kind: the context is then that mechanism's
// own. Where it refuses, its last token says reject.
//
// # MICs
//
//	                              the last token is          MICs
//	favourite of both             anybody's                  none
//	… which protects its own      the initiator's (NTLM)     with it, and in the reply
//	not the favourite of both     the initiator's            with it, and in the reply
//	not the favourite of both     the acceptor's             with it, and one leg more
//	no integrity                  anybody's                  none
//
// A MIC that does not verify ends the negotiation, and so does one that is due and
// does not come: NotAuthentic. The initiator wants one whenever it did not get its
// favourite, whatever the acceptor says, so that a man in the middle who takes
// mechanisms off the list gains nothing. Where the chosen mechanism has no
// integrity, nothing can be proven, and the initiator refuses that choice without
// [Config.Fallback].
//
// No message is protected before the negotiation is complete, even where the
// mechanism is already: Session is false until then. NTLM's key streams begin anew
// after each MIC, while its sequence numbers go on (MS-SPNG section 3.3.5.1).
//
// # What is not here
//
// Fragments (MS-SPNG sections 3.1.5.4 to 3.1.5.9) belong to callers that ask for
// them, which HTTP does not do: a token shorter than its header says is refused.
// reqFlags are neither sent nor heeded. NEGOEX is a mechanism like others, and none
// of ours.
//
// # Where things are
//
//	file          RFC 4178                              MS-SPNG
//	token.go      4.1, 4.2.1, 4.2.2, 6 (read)           2.2.1
//	encode.go     4.2, 4.2.1, 4.2.2 (written)           2.2.1, 3.2.5.2
//	der.go        4 (X.690)
//	framing.go    4.2 (RFC 2743 section 3.1)            note 8
//	initiator.go  3.1, 3.2, 5 (the initiator's part)    3.3.5, 3.1.5.2
//	acceptor.go   3.1, 3.2, 5 (the acceptor's part)     3.2.5
//	mic.go        5 (MICs), appendices C and D          3.1.5.1, 3.2.5.1, 3.3.5.1
//	context.go    the states that both sides share
//	spnego.go     configuration
package spnego

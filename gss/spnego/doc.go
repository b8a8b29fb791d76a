// Package spnego negotiates which mechanism to use, and proves afterwards that no
// attacker changed the choice: SPNEGO (RFC 4178) as Windows speaks it (MS-SPNG) and as it
// is used over HTTP (RFC 4559, MS-N2HT).
//
// [New] makes a gss.Mechanism of others. Its contexts hold those of its
// mechanisms, as values, and pass tokens, questions and answers through: a context of
// NTLM inside SPNEGO asks NTLM's questions. Info is that of the negotiated mechanism, and
// [Leaf] returns that mechanism's own context.
//
// # The initiator
//
// The initiator begins with every mechanism before it writes its list, so that it asks
// for the credentials of each; a mechanism without credentials is not listed. The first
// token of the preferred mechanism goes along. The acceptor may choose another one from
// the list; then the state may go back from Ready to Continue, and mechListMICs are
// exchanged. A token in the first step is the NegTokenInit2 of an acceptor that speaks
// first (Nego2). It is not protected, and so it does not change the list.
//
// # The acceptor
//
// The acceptor selects the first mechanism of the initiator's list that it has, and
// requires mechListMICs if that is not the preferred one of both sides; see
// [Config.OwnOrder] and [Config.Fallback]. Without a token it opens with a NegTokenInit2
// and keeps no state. It also accepts a bare token of a mechanism in place of SPNEGO, and
// replies in the same form: the context is then that mechanism's own. If it refuses, its
// last token says reject.
//
// # MICs
//
//	                              the last token is          MICs
//	preferred by both             of either side             none
//	… and protects its own        the initiator's (NTLM)     with it, and in the reply
//	not preferred by both         the initiator's            with it, and in the reply
//	not preferred by both         the acceptor's             with it, and one leg more
//	no integrity                  of either side             none
//
// A MIC that does not verify, and one that is required and missing, ends the negotiation
// with NotAuthentic. The initiator requires one whenever its preferred mechanism was not
// chosen, whatever the acceptor says, so that an attacker that removes mechanisms from
// the list gains nothing. If the chosen mechanism has no integrity, nothing can be
// proven, and the initiator refuses that choice without [Config.Fallback].
//
// No message is protected before the negotiation is complete, even if the mechanism is:
// Session returns false until then. NTLM's key streams restart after each MIC, while its
// sequence numbers go on (MS-SPNG section 3.3.5.1).
//
// # Not implemented
//
// Fragments (MS-SPNG sections 3.1.5.4 to 3.1.5.9) are for callers that ask for them, and
// HTTP does not: a token shorter than its header says is refused. reqFlags are neither
// sent nor read. NEGOEX is not implemented.
//
// # Files
//
// Tokens are read and written by internal/negtoken.
//
//	file          RFC 4178                              MS-SPNG
//	initiator.go  3.1, 3.2, 5 (the initiator's part)    3.3.5, 3.1.5.2
//	acceptor.go   3.1, 3.2, 5 (the acceptor's part)     3.2.5
//	mic.go        5 (MICs), appendices C and D          3.1.5.1, 3.2.5.1, 3.3.5.1
//	context.go    the states that both sides share
//	spnego.go     configuration
package spnego

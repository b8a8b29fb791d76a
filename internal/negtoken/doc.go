// Package negtoken reads and writes the tokens of SPNEGO: NegTokenInit, NegTokenInit2 and NegTokenResp (RFC 4178 section 4.2, MS-SPNG section 2.2.1),
// and tells by the first bytes of a token of "Negotiate" what it is. Package gss/spnego has the negotiation.
//
// What is read stays where it is: messages are views into their token, and reading takes no memory.
//
//	file        RFC 4178                      MS-SPNG
//	token.go    4.1, 4.2.1, 4.2.2, 6 (read)   2.2.1
//	encode.go   4.2, 4.2.1, 4.2.2 (written)   2.2.1, 3.2.5.2
//	der.go      4 (X.690)
//	framing.go  4.2 (RFC 2743 section 3.1)    note 8
package negtoken

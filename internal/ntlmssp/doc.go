// Package ntlmssp encodes and decodes the messages of NTLM (MS-NLMP section 2.2). Each message is a comparable value with a Parse function, which is total
// and bounded, and a method Append.
//
//	file         MS-NLMP section 2.2
//	wire.go      how fields and text are laid out; VERSION (2.2.2.10), FILETIME
//	message.go   2.2.1: NEGOTIATE, CHALLENGE, AUTHENTICATE
//	flags.go     2.2.2.5 NEGOTIATE
//	avpair.go    2.2.2.1 AV_PAIR; 2.2.2.8 NTLMv2_RESPONSE
//	names.go     users as people write them
package ntlmssp

// Package message encodes and decodes Kerberos messages (RFC 4120 section 5) in DER.
//
// Every message is a comparable value: lists stay text that was looked through once and
// is read by an iterator. Each has a Parse function that is total and bounded, with a
// fault for whatever breaks the production that stands above the type, and a method
// Append that writes the one encoding that DER allows. What is encrypted has a type of
// its own.
//
//	file         RFC 4120
//	reader.go    DER, read
//	writer.go    DER, written
//	name.go      5.2.1, 5.2.2, 6.2: realms, principal names, and their text
//	basic.go     5.2.3 to 5.2.9: times, addresses, flags, encrypted data, keys, checksums
//	authdata.go  5.2.6 authorization data, MS-KILE's among it
//	ticket.go    5.3
//	kdc.go       5.4: AS and TGS exchanges
//	padata.go    5.2.7 pre-authentication data; RFC 6806, MS-SFU, MS-KILE
//	ap.go        5.5: the client/server exchange
//	cred.go      5.8: KRB-CRED
//	error.go     5.9: KRB-ERROR
//	gss.go       RFC 4121 section 4.1: tokens and the authenticator's checksum
package message

// Package krb holds the Kerberos types that programs name (RFC 4120 section 5.2): principals, times, ticket flags, encryption types and keys. All of them
// are comparable values. The messages themselves, and the cryptography, are not exported.
//
//	file      contents
//	name.go   principal names, realms, and their text
//	time.go   KerberosTime
//	flags.go  TicketFlags
//	etype.go  encryption types
//	key.go    encryption keys
package krb

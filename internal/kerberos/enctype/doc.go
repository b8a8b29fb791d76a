// Package enctype implements the cryptography of Kerberos (RFC 3961): keys, encryption,
// checksums and key derivation.
//
//	type                            number  RFC   in FIPS-only mode
//	aes128-cts-hmac-sha1-96         17      3962  refused
//	aes256-cts-hmac-sha1-96         18      3962  refused
//	aes128-cts-hmac-sha256-128      19      8009  available
//	aes256-cts-hmac-sha384-192      20      8009  available
//	rc4-hmac                        23      4757  refused
//	camellia128-cts-cmac            25      6803  refused
//	camellia256-cts-cmac            26      6803  refused
//
// A [Key] is a comparable value that does not show its bytes. It derives keys for each
// operation; a [Prepared] has done so beforehand, for a service's long-term keys. Nothing
// here draws random numbers: the caller of an encryption passes the confounder.
//
// Decrypt and Verify are total: they take any bytes of a peer.
//
//	file         contents
//	type.go      the types and their sizes
//	usage.go     key usage numbers (RFC 4120 section 7.5.1 and others)
//	key.go       Key: encrypt, decrypt, checksum
//	prepared.go  Prepared: the same with keys derived once
//	derive.go    RFC 3961 sections 5.1 and 5.3, RFC 8009 section 3: n-fold, DK, KDF
//	cts.go       ciphertext stealing, RFC 3962 section 5
//	mac.go       HMAC without allocations
//	rc4.go       RFC 4757
//	camellia.go  RFC 3713, the cipher of RFC 6803
//	cmac.go      the MAC of RFC 6803
//	password.go  string-to-key
//	checksum.go  checksums that go with any key
package enctype

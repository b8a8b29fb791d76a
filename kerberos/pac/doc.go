// Package pac reads the privilege attribute certificate (MS-PAC): a directory's data about
// a user in a ticket, signed for the service.
//
// A [PAC] is parsed and shows nothing. Its contents are those of a [Verified], which only a
// service's key that fits the signature makes. Whether the user is accepted never depends
// on it: a ticket without a PAC, or with one that does not verify, is as good for
// authentication.
//
//	file          MS-PAC
//	pac.go        2.3, 2.4: the buffers
//	signature.go  2.8: server and KDC signatures
//	logon.go      2.5: KERB_VALIDATION_INFO
//	info.go       2.7 client info, 2.10 UPN and DNS info
//	ndr.go        the NDR that 2.5 needs (MS-RPCE section 2.2.6)
//	sid.go        MS-DTYP section 2.4.2
//	write.go      a PAC, for KDCs of tests
package pac

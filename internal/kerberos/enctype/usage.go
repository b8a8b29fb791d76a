package enctype

// Usage says what a key is used for, so that what was made for one purpose is worth
// nothing for another (RFC 3961 section 3, "key usage").
type Usage uint32

// RFC 4120 section 7.5.1, and later assignments.
const (
	UsageASReqTimestamp    Usage = 1  // PA-ENC-TIMESTAMP, client's key
	UsageTicket            Usage = 2  // ticket, service's key
	UsageASRep             Usage = 3  // AS-REP, client's key
	UsageTGSReqAuthData    Usage = 4  // authorization data of a TGS-REQ, session key
	UsageTGSReqAuthDataSub Usage = 5  // the same, subkey
	UsageTGSReqChecksum    Usage = 6  // checksum over the body of a TGS-REQ
	UsageTGSReqAuth        Usage = 7  // authenticator of a TGS-REQ
	UsageTGSRep            Usage = 8  // TGS-REP, session key
	UsageTGSRepSub         Usage = 9  // TGS-REP, subkey
	UsageAPReqChecksum     Usage = 10 // checksum in an authenticator
	UsageAPReqAuth         Usage = 11 // authenticator of an AP-REQ
	UsageAPRep             Usage = 12 // AP-REP
	UsageCred              Usage = 14 // KRB-CRED
	UsageNonKerbChecksum   Usage = 17 // MS-PAC section 2.8: all signatures of a PAC
	UsageAcceptorSeal      Usage = 22 // RFC 4121 section 2
	UsageAcceptorSign      Usage = 23
	UsageInitiatorSeal     Usage = 24
	UsageInitiatorSign     Usage = 25
	UsageS4UChecksum       Usage = 26 // MS-SFU section 2.2.2, request
	UsageS4UReplyChecksum  Usage = 27
	UsageASReq             Usage = 56 // checksum over an AS-REQ (RFC 6806 section 11)

	namedUsages = UsageASReq + 1
)

// message returns the number that rc4-hmac has for a usage (RFC 4757 section 3).
func (u Usage) message() uint32 {
	switch u {
	case UsageASRep, UsageTGSRepSub:
		return uint32(UsageTGSRep)
	case UsageAcceptorSign:
		return 13
	}
	return uint32(u)
}

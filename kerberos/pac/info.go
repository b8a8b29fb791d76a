package pac

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// epochGap is what FILETIME counts before the Unix epoch, in its units of 100 ns.
const (
	epochGap = 116444736000000000
	unit     = 10_000_000 // of a second
)

type clientInfo struct {
	time krb.Time
	name string
}

// clientInfo returns PAC_CLIENT_INFO (MS-PAC section 2.7): the client of the ticket.
func (p PAC) clientInfo() (clientInfo, gss.Fault) {
	data, _, ok := p.find(kindClient)
	if !ok || len(data) < 10 || len(data) < 10+int(le16(data[8:])) {
		return clientInfo{}, malformed("client information is missing or does not parse")
	}
	ticks := int64(le64(data)) - epochGap
	return clientInfo{krb.Time(ticks / unit), text(data[10 : 10+int(le16(data[8:]))])}, gss.Fault{}
}

// UPN is what UPN_DNS_INFO says (section 2.10).
type UPN struct {
	Name      string // the user principal name
	DNSDomain string
	Made      bool   // the account has none, and Name was made of its other name and the domain
	Account   string // SAM account name, "" from old KDCs
	SID       SID    // "" from old KDCs
}

// UPN returns the user's principal name, false for a PAC without one, and a fault for one
// that does not parse.
func (v Verified) UPN() (u UPN, ok bool, fault gss.Fault) {
	data, _, ok := v.pac.find(kindUPN)
	if !ok {
		return UPN{}, false, gss.Fault{}
	}
	good := len(data) >= 12
	part := func(at int) string {
		if !good || len(data) < at+4 {
			good = false
			return ""
		}
		n, from := int(le16(data[at:])), int(le16(data[at+2:]))
		if from+n > len(data) {
			good = false
			return ""
		}
		return data[from : from+n]
	}
	u.Name, u.DNSDomain = text(part(0)), text(part(4))
	if good {
		flags := le32(data[8:])
		u.Made = flags&1 != 0
		if flags&2 != 0 {
			u.Account = text(part(12))
			sid, valid := parseSID(part(16))
			u.SID, good = sid, good && valid
		}
	}
	if !good {
		return UPN{}, false, malformed("UPN information that does not parse")
	}
	return u, true, gss.Fault{}
}

// Raw returns a buffer as it is in the PAC, by the number of its kind (MS-PAC section 2.4): for kinds that this package does not read, such as claims,
// 13, and delegation, 11.
func (v Verified) Raw(kind uint32) (string, bool) {
	data, _, ok := v.pac.find(kind)
	return data, ok
}

package pac

import (
	"iter"

	"github.com/countersign-auth/countersign/gss"
)

// maxSIDs bounds the groups of a user, of each of the three kinds.
const maxSIDs = 4096

// Logon is KERB_VALIDATION_INFO (MS-PAC section 2.5), as far as a service has a use for it. It
// is comparable; names are decoded, and groups made, when they are asked for.
type Logon struct {
	UserRID, PrimaryGroupRID uint32
	UserFlags, AccountFlags  uint32
	DomainSID                SID

	user, fullName, server, domain string // UTF-16LE
	groups                         string // RID and attributes, four bytes each
	extra                          string // as groups, what the pointers point to behind it
	extraSIDs                      string
	resourceDomain                 SID
	resources                      string
}

// Logon returns the directory's data about the user's logon. It returns false for a PAC
// without it, as those of MIT's and FreeIPA's KDCs, and a fault for one that does not
// parse or has more than 4096 groups of one kind.
func (v Verified) Logon() (l Logon, ok bool, fault gss.Fault) {
	data, _, ok := v.pac.find(kindLogon)
	if !ok {
		return Logon{}, false, gss.Fault{}
	}
	l, ok = parseLogon(data)
	if !ok {
		return Logon{}, false, malformed("logon information that does not parse")
	}
	return l, true, gss.Fault{}
}

func parseLogon(b string) (l Logon, ok bool) {
	r := newNDR(b)
	for range 6 {
		r.fileTime() // of logon, logoff, kick-off, and of the password
	}
	user, full, script, profile, directory, drive := r.str(), r.str(), r.str(), r.str(), r.str(), r.str()
	r.uint16() // logons
	r.uint16() // bad passwords
	l.UserRID, l.PrimaryGroupRID = r.uint32(), r.uint32()
	groups, groupsPtr := r.uint32(), r.pointer()
	l.UserFlags = r.uint32()
	r.take(16, 1) // session key, zeros
	server, domain := r.str(), r.str()
	domainPtr := r.pointer()
	r.take(8, 4)
	l.AccountFlags = r.uint32()
	r.uint32()
	r.fileTime()
	r.fileTime()
	r.uint32()
	r.uint32()
	extra, extraPtr := r.uint32(), r.pointer()
	resourceDomainPtr := r.pointer()
	resources, resourcesPtr := r.uint32(), r.pointer()
	if groups > maxSIDs || extra > maxSIDs || resources > maxSIDs {
		return Logon{}, false
	}
	// What the pointers point to, in their order.
	l.user, l.fullName = r.chars(user), r.chars(full)
	r.chars(script)
	r.chars(profile)
	r.chars(directory)
	r.chars(drive)
	if groupsPtr {
		l.groups = r.array(groups, 8)
	}
	l.server, l.domain = r.chars(server), r.chars(domain)
	l.DomainSID = r.sid(domainPtr)
	if extraPtr {
		l.extra = r.array(extra, 8)
		from := r.at
		for i := range int(extra) {
			r.sid(r.ok && le32(l.extra[8*i:]) != 0)
		}
		if r.ok {
			l.extraSIDs = r.s[from:r.at]
		}
	}
	l.resourceDomain = r.sid(resourceDomainPtr)
	if resourcesPtr {
		l.resources = r.array(resources, 8)
	}
	return l, r.ok
}

// User returns the account's name, FullName the user's display name.
func (l Logon) User() string     { return text(l.user) }
func (l Logon) FullName() string { return text(l.fullName) }

// Server and Domain return the NetBIOS names of the server that logged the user on, and of
// the account's domain.
func (l Logon) Server() string { return text(l.server) }
func (l Logon) Domain() string { return text(l.domain) }

// UserSID returns the SID of the account.
func (l Logon) UserSID() SID { return l.DomainSID.with(l.UserRID) }

// Groups iterates over all that the user is a member of: groups of the account's
// domain, SIDs of elsewhere, and groups of the service's domain.
func (l Logon) Groups() iter.Seq[SID] {
	return func(yield func(SID) bool) {
		for i := 0; i+8 <= len(l.groups); i += 8 {
			if !yield(l.DomainSID.with(le32(l.groups[i:]))) {
				return
			}
		}
		r := ndr{s: l.extraSIDs, ok: true}
		for i := 0; i+8 <= len(l.extra); i += 8 {
			if s := r.sid(le32(l.extra[i:]) != 0); s != "" && !yield(s) {
				return
			}
		}
		for i := 0; i+8 <= len(l.resources); i += 8 {
			if !yield(l.resourceDomain.with(le32(l.resources[i:]))) {
				return
			}
		}
	}
}

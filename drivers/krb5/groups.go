package krb5

import (
	"fmt"
	"slices"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

// Groups returns what the client of a server's context is a member of: the groups in the
// PAC of its ticket, verified with the service's key (MS-PAC sections 2.5 and 2.8). c is
// the Context of a drive.Identity, of Kerberos or of SPNEGO. It returns none for a client that
// did not use Kerberos, for a ticket without a PAC or with one that has no groups, as those
// of MIT's KDC, and without kerberos.Config.KeepPAC. The error is for a PAC that does not
// parse or verify.
func Groups(c gss.Context) ([]pac.SID, error) {
	if c == nil {
		return nil, nil
	}
	verified, ok, fault := kerberos.PAC(spnego.Leaf(c))
	if !ok || !fault.IsZero() {
		return nil, fault.Err()
	}
	logon, ok, fault := verified.Logon()
	if !ok || !fault.IsZero() {
		return nil, fault.Err()
	}
	return slices.Collect(logon.Groups()), nil
}

// SessionGroups returns what [Groups] does, as text: it is the Groups of a session.Config, so that
// [MemberOf] finds the groups of a login in its session, too.
func SessionGroups(_ gss.Info, c gss.Context) ([]string, error) {
	sids, err := Groups(c)
	groups := make([]string, len(sids))
	for i, sid := range sids {
		groups[i] = string(sid)
	}
	return groups, err
}

// MemberOf returns a predicate, as nethttp.Require takes one, that reports whether the user
// is a member of one of groups. A group is a SID, such as S-1-5-21-1-2-3-512, or a name; resolve
// is asked once for the SID of each name, and may be nil if there are no names. Without groups,
// or if [Groups] returns an error, the user is a member of none.
//
// The error is a gss.Misuse for no groups and for a name without resolve, or that of resolve.
func MemberOf(resolve func(name string) (pac.SID, error), groups ...string) (func(drive.Identity) bool, error) {
	if len(groups) == 0 {
		return nil, misuse.Errorf("krb5", "MemberOf has no groups, so that it would refuse all users; name one")
	}
	var wanted []pac.SID
	for _, group := range groups {
		sid, ok := pac.ParseSID(group)
		if !ok && resolve == nil {
			return nil, misuse.Errorf("krb5", "MemberOf: the group %q is no SID, and there is no function to resolve its name", group)
		}
		if !ok {
			var err error
			if sid, err = resolve(group); err != nil {
				return nil, fmt.Errorf("krb5: the group %q: %w", group, err)
			}
			if sid == "" {
				return nil, fmt.Errorf("krb5: the group %q has no SID", group)
			}
		}
		wanted = append(wanted, sid)
	}
	return func(id drive.Identity) bool {
		has, err := Groups(id.Context)
		if id.Session != nil {
			for _, g := range id.Session.Groups {
				has = append(has, pac.SID(g))
			}
		}
		return err == nil && id.Named() && slices.ContainsFunc(has, func(g pac.SID) bool { return slices.Contains(wanted, g) })
	}, nil
}

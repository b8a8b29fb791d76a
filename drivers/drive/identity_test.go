package drive

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// The name of a Kerberos identity has its realm; identities that are not Named have none.
func TestIdentityName(t *testing.T) {
	for _, row := range []struct {
		id   Identity
		want string
	}{
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "A.TEST"}}, "alice@A.TEST"},
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "/C=DE/O=X"}}, `alice@\/C=DE\/O=X`},
		{Identity{Info: gss.Info{Mech: gss.NTLM, Peer: "alice", Domain: "LAB"}}, "alice"},
		{Identity{Info: gss.Info{Peer: "alice", Domain: "staff"}}, "alice"},
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Anonymous: true}}, ""},
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "A.TEST"}, Anonymous: true}, ""},
		{Identity{}, ""},
	} {
		if got := row.id.Name(); got != row.want || (got != "") != row.id.Named() {
			t.Errorf("%+v is %q, want %q", row.id, got, row.want)
		}
		requirement.Held(t, "unit:identity_name_has_realm", "R1964-2.1.1-1")
	}
}

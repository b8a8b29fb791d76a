package drive

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// The name of an identity has its realm or domain, and is what an identity prints as;
// identities that are not Named have none.
func TestIdentityName(t *testing.T) {
	for _, row := range []struct {
		id   Identity
		want string
	}{
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "A.TEST"}}, "alice@A.TEST"},
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "/C=DE/O=X"}}, `alice@\/C=DE\/O=X`},
		{Identity{Info: gss.Info{Mech: gss.NTLM, Peer: "alice", Domain: "LAB"}}, `LAB\alice`},
		{Identity{Info: gss.Info{Mech: gss.NTLM, Peer: "alice"}}, "alice"},
		{Identity{Info: gss.Info{Peer: "alice", Domain: "staff"}}, "alice"},
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Anonymous: true}}, ""},
		{Identity{Info: gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "A.TEST"}, Anonymous: true}, ""},
		{Identity{Info: gss.Info{Peer: "alice\r\nbob"}}, "alice\r\nbob"},
		{Identity{}, ""},
	} {
		if got := row.id.Name(); got != row.want || (got != "") != row.id.Named() {
			t.Errorf("%+v is %q, want %q", row.id.Info, got, row.want)
		}
		want := strings.NewReplacer("\r", "\ufffd", "\n", "\ufffd").Replace(row.want) // no line of a log is forged
		if want == "" {
			want = "anonymous"
		}
		text, err := json.Marshal(row.id)
		quoted, _ := json.Marshal(want)
		for _, got := range []string{fmt.Sprint(row.id), fmt.Sprintf("%+v", &row.id), fmt.Sprintf("%s", row.id)} {
			if got != want || string(text) != string(quoted) || err != nil {
				t.Errorf("%s prints as %s, and as %s in JSON (%v)", want, got, text, err)
			}
		}
		requirement.Held(t, "unit:identity_name_has_realm", "R1964-2.1.1-1")
	}
}

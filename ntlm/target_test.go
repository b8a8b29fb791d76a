package ntlm

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// The target name in a response is the service's, as Kerberos would ask for it, and an acceptor
// takes it with the dot that others leave at its end.
func TestTargetNames(t *testing.T) {
	for _, row := range []struct{ host, other, service, want string }{
		{"www.example.", "", "HTTP", "HTTP/www.example"},
		{"www.example", "Alias.Example.", "web", "web/alias.example"},
		{"fe80::1%eth0", "", "HTTP", "HTTP/fe80::1"},
		{"", "", "HTTP", ""},
	} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.clientTarget.Host, w.clientTarget.ServiceHost, w.clientTarget.Service = row.host, row.other, row.service
		w.run()
		m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
		r, fault := ntlmssp.ParseResponse(m.NT)
		raw, _ := r.Pairs.Get(ntlmssp.AVTargetName)
		if got, ok := ntlmssp.DecodeUTF16(raw); !fault.IsZero() || !ok || got != row.want {
			t.Errorf("%+v: %q, %v", row, got, fault)
		}
		requirement.Held(t, "unit:service_names_of_mechanisms")
	}
	c := newMechanism(t, Config{Computer: "WWW", Targets: []string{"HTTP/www.example"}}).cfg
	for spn, want := range map[string]bool{
		"HTTP/www.example.": true, "http/WWW.example.:80": true, "HTTP/www.example..": false, "HTTP/www.example.org": false, "HTTP/": false, "": false,
	} {
		if got := c.means(spn); got != want {
			t.Errorf("%q is one of the acceptor's names: %v", spn, got)
		}
	}
}

// A user has one name, that of the store, however the client wrote it.
func TestCanonicalName(t *testing.T) {
	secret := gss.NewSecret(userPassword)
	for _, row := range []struct {
		login, stored        gss.Password
		wantUser, wantDomain string
	}{
		{gss.Password{User: "ALICE", Password: secret}, gss.Password{User: "alice", Domain: "LAB", Password: secret}, "alice", "LAB"},
		{gss.Password{User: "alice@lab.example", Password: secret}, gss.Password{User: "alice", Domain: "LAB", Password: secret}, "alice", "LAB"},
		{gss.Password{User: "alice", Domain: "lab.example", Password: secret}, gss.Password{User: "alice", Domain: "LAB", Password: secret}, "alice", "LAB"},
		{gss.Password{User: "alice", Domain: "VM", Password: secret}, gss.Password{User: "alice", Password: secret}, "alice", ""},
		{gss.Password{User: "Alice", Domain: "Lab", Password: secret}, gss.Password{Password: secret}, "Alice", "Lab"},
	} {
		w := newWorld(t, Config{}, acceptorConfig)
		w.login, w.users = row.login, func(gss.Question) gss.Answer { return row.stored }
		_, a := w.run()
		if info := a.Context.Info(); a.State != gss.Complete || info.Peer != row.wantUser || info.Domain != row.wantDomain {
			t.Errorf("%v\\%v: %v, %q in %q, want %q in %q", row.login.Domain, row.login.User, a.Fault, info.Peer, info.Domain, row.wantUser, row.wantDomain)
		}
		requirement.Held(t, "unit:ntlm_canonical_name")
	}
}

package preset

import (
	"crypto/rand"
	"maps"
	"os"
	"slices"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// Server describes a server. It needs users (Users, Htdigest or NTHashes), a Keytab, or both,
// and offers what these can verify: Negotiate with Kerberos for a Keytab, Negotiate and NTLM
// with NTLM, and Digest for Users and Htdigest. A user of several of them is that of Users.
type Server struct {
	opaque[Server] // no output shows what is in it

	// Realm is what Digest's challenge names, and people see when they are asked for a password.
	// If it is "", it is the realm of Htdigest's users if all have the same, and
	// "countersign" otherwise.
	Realm string
	// Users has passwords by user name.
	Users map[string]string
	// Htdigest names a file of users as Apache's htdigest writes it. Digest offers the
	// algorithms that it has hashes of, such as MD5 alone.
	Htdigest string
	// NTHashes names a file of users for NTLM, in lines of user:hash or as smbpasswd has them.
	NTHashes string
	// NTLM also accepts NTLM, by itself and within Negotiate, for Users and NTHashes. Its logins
	// belong to their connection, so that nethttp.Authenticator.Install disables HTTP/2.
	NTLM bool
	// Domain is the domain of NTLM's users, which clients may omit.
	Domain string
	// Keytab names the file with the keys of the service, for Kerberos: "/etc/krb5.keytab" for
	// the machine's. It is read again when it changes.
	Keytab string
	// Groups keeps what a directory says of a user's groups, for krb5.Groups and
	// krb5.MemberOf.
	Groups bool
	// Session, if not nil, keeps logins in sealed cookies, with their groups where Groups is
	// set: new(session.Config) does for one process.
	Session *session.Config
	// Optional passes requests without credentials on to the handler. nethttp.Require
	// makes a policy for each route then.
	Optional bool
}

// Authenticator returns the middleware of the server. Install it:
//
//	server := &http.Server{Addr: addr, Handler: auth.Wrap(app)}
//	auth.Install(server)
//
// Nonces are signed with a key that is drawn here, and replay memories are this process's: a
// restart makes Digest clients log on once more, and servers that share a name need the same
// key and memory (see Config).
func (s Server) Authenticator() (*nethttp.Authenticator, error) {
	config, err := s.Config()
	if err != nil {
		return nil, err
	}
	return nethttp.NewAuthenticator(config)
}

// Config returns the configuration of the server's middleware. The error is a gss.Misuse that
// names the field that cannot be used, or that of reading a file.
func (s Server) Config() (config nethttp.ServerConfig, err error) {
	users := setup.Users{Passwords: s.Users, Htdigest: files(s.Htdigest), NTHash: files(s.NTHashes), NTLM: s.NTLM}
	for _, name := range slices.Sorted(maps.Keys(s.Users)) {
		if name == "" || s.Users[name] == "" {
			return config, misuse.Errorf("preset", "Server.Users has a user without a name or without a password; leave it out")
		}
	}
	m := setup.Machine{Options: setup.Options{Realm: s.Realm, Domain: s.Domain, KeepPAC: s.Groups, NoNTLM: !s.NTLM}}
	switch {
	case s.NTHashes != "" && !s.NTLM:
		return config, misuse.Errorf("preset", "Server.NTHashes has users for NTLM, and NTLM is not set; set it")
	case s.NTLM && len(s.Users) == 0 && s.NTHashes == "":
		return config, misuse.Errorf("preset", "Server.NTLM is set without users that NTLM can verify; set Users or NTHashes")
	case s.Groups && s.Keytab == "":
		return config, misuse.Errorf("preset", "Server.Groups is set without a Keytab, and only Kerberos' tickets have groups; set Keytab")
	case users.Empty() && s.Keytab == "":
		return config, misuse.Errorf("preset", "Server has nothing to verify clients with; set Users, Htdigest, NTHashes or Keytab")
	}
	var sources []answer.Source
	if s.Keytab != "" {
		path, err := krb5.KeytabPath(s.Keytab)
		if err != nil {
			return config, err
		}
		keytab := &krb5.Keytab{Path: path}
		if _, err := keytab.Load(); err != nil {
			return config, err
		}
		m.Kerberos = true
		sources = append(sources, new(krb5.ReplayCache), keytab)
	}
	if m.Kerberos || s.NTLM {
		m.Schemes = append(m.Schemes, "nego2", "negotiate")
	}
	if s.NTLM {
		host, _ := os.Hostname()
		m.Computer = setup.ComputerName(host)
		m.Schemes = append(m.Schemes, "ntlm")
		users.Domains = []string{s.Domain, m.Computer}
	}
	if len(s.Users) > 0 || s.Htdigest != "" {
		m.Schemes = append(m.Schemes, "digest")
	}
	if !users.Empty() {
		store, err := users.Store()
		if err != nil {
			return config, err
		}
		sources = append(sources, store)
	}
	users.Complete(&m.Options)
	config.Source = answer.Chain(sources...)
	config.Auth, err = m.Server(gss.NewSecret(rand.Text() + rand.Text()))
	config.Auth.Optional = s.Optional
	if config.Session = s.Session; s.Session != nil && s.Groups && s.Session.Groups == nil {
		with := *s.Session
		with.Groups = krb5.SessionGroups
		config.Session = &with
	}
	return config, err
}

// files returns the file that a field names, none for "".
func files(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// Package kdctest provides a KDC for tests and demonstrations: bytes in, bytes out, a pure
// function like everything here. It has AS and TGS exchanges, pre-authentication, renewal, forwarding,
// referrals between realms, and MS-SFU's tickets in a user's name.
//
// It is no KDC for production: its own keys are derived from the names of its realms, and it
// remembers nothing from one request to the next.
package kdctest

import (
	"encoding/binary"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Principal is an account of a realm.
type Principal struct {
	Name     string // user, or service/host
	Password string
	// Types are the encryption types of its keys, the best first; none are the realm's.
	Types []krb.EType
	// NoPreauth gives out AS-REPs without pre-authentication.
	NoPreauth bool
	// Locked accounts get nothing.
	Locked bool
	// OKAsDelegate marks tickets for it.
	OKAsDelegate bool
	// ForOthers lets a service have forwardable tickets in users' names (MS-SFU, trusted
	// to authenticate for delegation).
	ForOthers bool
	// DelegatesTo are the services to which it may show users' tickets (S4U2Proxy).
	DelegatesTo []string
}

// Realm is what one KDC serves.
type Realm struct {
	Name       string
	Principals []Principal
	// Types are the realm's encryption types, the best first; none are
	// aes256-cts-hmac-sha1-96 alone.
	Types []krb.EType
	// Trusts are the realms to which it can send clients, the first one where it does not know
	// better.
	Trusts []string
}

// ReplyPart is what a reply says of its ticket, as Config.Fault may change it.
type ReplyPart struct {
	Key                                     krb.Key
	Nonce                                   uint32
	Flags                                   krb.Flags
	AuthTime, StartTime, EndTime, RenewTill krb.Time
	Service                                 krb.Principal
}

// Config is a KDC of one or more realms.
type Config struct {
	_      struct{}
	Realms []Realm
	// Lifetime is the longest of a ticket, in seconds; 0 is ten hours. Tickets can be renewed for
	// seven days.
	Lifetime int64
	// Iterations make keys of passwords, all accounts' anew in New; 0 is the default of each
	// type, 4096 or 32768. Clients refuse fewer (ticket.Request.MinIterations, and MIT's).
	Iterations uint32
	// PAC, if it is not nil, returns the PAC of a ticket, see pac.Write, or "" for none. It is
	// called for each ticket of a client that does not ask for none, and must be pure.
	PAC func(client krb.Principal, authTime krb.Time, service, krbtgt krb.Key) string
	// Fault, if it is not nil, changes each reply before it is encrypted and sent. The ticket
	// itself says what it said before.
	Fault func(*ReplyPart)
}

// kvno is the version of all keys.
const kvno = 1

// KDC is an immutable KDC.
type KDC struct {
	Config
	accounts []account
}

// account is a principal with its keys.
type account struct {
	Principal
	name  krb.Principal
	realm *Realm
	keys  []krb.Key
}

// New makes a KDC. Each realm has its ticket-granting service, and one for each realm that
// trusts it. The error is a [gss.Misuse]: a name that does not parse, or a type that
// cannot be used here.
func New(c Config) (*KDC, error) {
	if c.Lifetime < 0 {
		return nil, misuse.Errorf("kdctest", "Config.Lifetime is %d seconds; want more than 0, or 0 for ten hours", c.Lifetime)
	}
	k := &KDC{Config: c}
	k.Realms = append([]Realm(nil), c.Realms...)
	if k.Lifetime == 0 {
		k.Lifetime = 10 * 3600
	}
	for i := range k.Realms {
		r := &k.Realms[i]
		if r.Name == "" {
			return nil, misuse.Errorf("kdctest", "Config.Realms[%d] has no name", i)
		}
		if len(r.Types) == 0 {
			r.Types = []krb.EType{krb.AES256SHA1}
		}
		all := append([]Principal{{Name: "krbtgt/" + r.Name, Password: "krbtgt of " + r.Name}}, r.Principals...)
		for _, to := range r.Trusts {
			all = append(all, Principal{Name: "krbtgt/" + to, Password: "from " + r.Name + " to " + to})
		}
		for _, p := range all {
			a := account{Principal: p, realm: r}
			var fault gss.Fault
			if a.name, fault = krb.ParsePrincipal(p.Name, r.Name); !fault.IsZero() {
				return nil, misuse.Errorf("kdctest", "Config.Realms[%d], principal %q: %v", i, p.Name, fault)
			}
			types := p.Types
			if len(types) == 0 {
				types = r.Types
			}
			for _, t := range types {
				params := k.params(t)
				if _, ours := a.name.IsTGS(); ours && t != krb.RC4 {
					params = "\x00\x00\x00\x01" // no client makes these
				}
				key, fault := enctype.StringToKey(t, gss.NewSecret(p.Password), enctype.DefaultSalt(a.name), params)
				if !fault.IsZero() {
					return nil, misuse.Errorf("kdctest", "Config.Realms[%d], principal %q: %v", i, p.Name, fault)
				}
				a.keys = append(a.keys, key)
			}
			k.accounts = append(k.accounts, a)
		}
	}
	return k, nil
}

// params returns the parameters of a key in ETYPE-INFO2 (RFC 3962 section 4).
func (k *KDC) params(t krb.EType) string {
	if t == krb.RC4 || k.Iterations == 0 {
		return ""
	}
	return string(binary.BigEndian.AppendUint32(nil, k.Iterations))
}

// Keytab holds the keys of a principal, user or service, of any realm.
func (k *KDC) Keytab(name string) *keytab.Keytab {
	var list []keytab.Entry
	for _, a := range k.accounts {
		if a.name.String() == name {
			for _, key := range a.keys {
				list = append(list, keytab.Entry{Principal: a.name, Kvno: kvno, Key: key})
			}
		}
	}
	return keytab.New(list...)
}

// find returns a principal's account, nil if there is none.
func (k *KDC) find(p krb.Principal) *account {
	for i := range k.accounts {
		if a := &k.accounts[i]; a.name.Equal(p) {
			return a
		}
	}
	return nil
}

// key returns an account's key of a type.
func (a *account) key(t krb.EType) (krb.Key, bool) {
	for _, key := range a.keys {
		if key.Type() == t {
			return key, true
		}
	}
	return krb.Key{}, false
}

// Answer answers a request that came to the KDC of a realm; a broken one, and a realm
// that is not here, get a KRB-ERROR like everything that is refused.
func (k *KDC) Answer(env gss.Env, realm, request string) string {
	m, fault := message.ParseKDCReq(request)
	x := exchange{KDC: k, env: env, now: krb.TimeOf(env.Now), req: m, raw: request}
	for i := range k.Realms {
		if k.Realms[i].Name == realm {
			x.realm = &k.Realms[i]
		}
	}
	switch {
	case !fault.IsZero():
		return x.refuse(message.ErrGeneric, "")
	case x.realm == nil:
		return x.refuse(message.ErrWrongRealm, "")
	case m.Type == message.ASReq:
		return x.as()
	}
	return x.tgs()
}

// Format implements fmt.Formatter: the passwords stay hidden.
func (k KDC) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kdc(%d realms, %d principals)", len(k.Realms), len(k.accounts))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (k KDC) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

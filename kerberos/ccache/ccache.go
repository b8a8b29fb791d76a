// Package ccache provides credential caches as values: the tickets of one principal and
// their session keys, and the file that holds them (MIT's credential cache file format).
package ccache

import (
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Addresses are those of the hosts that may use a ticket (RFC 4120 section 5.2.5). All
// iterates over their types and bytes, Append returns the list with one more.
type Addresses = message.Addresses

// AuthorizationData is that of a ticket (RFC 4120 section 5.2.6). Top iterates over types and
// data, Append returns the list with one more piece.
type AuthorizationData = message.AuthorizationData

// Credential is a ticket and what its owner has to know of it. It is comparable.
type Credential struct {
	Client, Server                          krb.Principal
	Key                                     krb.Key // the session key
	AuthTime, StartTime, EndTime, RenewTill krb.Time
	SessionKeyed                            bool // the ticket is encrypted under another ticket's session key
	Flags                                   krb.Flags
	Addresses                               Addresses
	AuthData                                AuthorizationData
	Ticket                                  string // DER
	SecondTicket                            string

	foreign foreignKey
}

// foreignKey is a key of a type that is not implemented. It is kept for other programs.
type foreignKey struct {
	kind  int16
	value gss.Secret
}

// IsZero reports whether there is no ticket.
func (c Credential) IsZero() bool { return c.Ticket == "" }

// Starts returns the start of the ticket's validity.
func (c Credential) Starts() krb.Time {
	if c.StartTime != 0 {
		return c.StartTime
	}
	return c.AuthTime
}

// TicketKey returns the encryption type of the ticket, which is that of the service's key,
// and the version of that key, 0 if the ticket does not say. It reports false if the ticket
// does not parse.
func (c Credential) TicketKey() (t krb.EType, kvno uint32, ok bool) {
	m, fault := message.ParseTicket(c.Ticket)
	return m.Enc.Type, m.Enc.Kvno, fault.IsZero()
}

// Format implements fmt.Formatter: names and times show, keys and tickets do not.
func (c Credential) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "credential(%q for %q, %v, until %v)", c.Client.String(), c.Server.String(), c.Key.Type(), c.EndTime)
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (c Credential) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

// configRealm marks what is no credential but a setting.
const (
	configRealm = "X-CACHECONF:"
	configName  = "krb5_ccache_conf_data"
)

func (c Credential) isConfig() bool {
	return c.Server.Realm == configRealm && c.Server.Name.Component(0) == configName
}

// Cache is a principal and its credentials. It is immutable; the nil Cache is empty.
type Cache struct {
	principal krb.Principal
	creds     []Credential  // settings among them
	offset    time.Duration // the KDC's clock minus ours
	hasOffset bool
}

// New makes a cache.
func New(principal krb.Principal, creds ...Credential) *Cache {
	return &Cache{principal: principal, creds: append([]Credential(nil), creds...)}
}

// Principal returns the principal of the cache.
func (c *Cache) Principal() krb.Principal {
	if c == nil {
		return krb.Principal{}
	}
	return c.principal
}

// Offset returns the difference of the KDC's clock to ours, as the cache has it, 0 if it has
// none.
func (c *Cache) Offset() time.Duration {
	if c == nil {
		return 0
	}
	return c.offset
}

// WithOffset returns the cache with that difference, which programs that use the cache add to
// their clock. 0 is none. It is as a file can hold it: in microseconds, and at most 68 years.
func (c *Cache) WithOffset(offset time.Duration) *Cache {
	const most = math.MaxInt32 * time.Second
	offset = max(-most, min(offset.Truncate(time.Microsecond), most))
	next := &Cache{}
	if c != nil {
		*next = *c
	}
	next.offset, next.hasOffset = offset, offset != 0
	return next
}

// All iterates over the credentials, settings left out, and those with keys that cannot
// be used here.
func (c *Cache) All() iter.Seq[Credential] {
	return func(yield func(Credential) bool) {
		if c == nil {
			return
		}
		for _, cred := range c.creds {
			if !cred.isConfig() && cred.foreign == (foreignKey{}) && !yield(cred) {
				return
			}
		}
	}
}

// Find returns the credential for a service that is valid longest after now. A service
// without a realm is one of any realm.
func (c *Cache) Find(service krb.Principal, now krb.Time) (best Credential, ok bool) {
	for cred := range c.All() {
		if service.Realm != "" && cred.Server.Realm != service.Realm || !cred.Server.Name.Equal(service.Name) || cred.EndTime <= now {
			continue
		}
		if !ok || cred.EndTime > best.EndTime {
			best, ok = cred, true
		}
	}
	return best, ok
}

// Config returns the setting of a key, for the principal of that name or, with "", for the
// whole cache.
func (c *Cache) Config(key, principal string) (value string, ok bool) {
	if c == nil {
		return "", false
	}
	for _, cred := range c.creds {
		if cred.isConfig() && cred.Server.Name.Component(1) == key && cred.Server.Name.Component(2) == principal {
			return cred.Ticket, true
		}
	}
	return "", false
}

// With returns the cache with one more credential, in place of one for the same client and
// service.
func (c *Cache) With(cred Credential) *Cache {
	next := &Cache{}
	if c != nil {
		*next = *c
	}
	next.creds = nil
	for old := range c.Entries() {
		if !(old.Server.Equal(cred.Server) && old.Client.Equal(cred.Client)) {
			next.creds = append(next.creds, old)
		}
	}
	next.creds = append(next.creds, cred)
	if next.principal.IsZero() {
		next.principal = cred.Client
	}
	return next
}

// WithConfig returns the cache with a setting.
func (c *Cache) WithConfig(key, principal, value string) *Cache {
	parts := []string{configName, key}
	if principal != "" {
		parts = append(parts, principal)
	}
	return c.With(Credential{
		Client: c.Principal(),
		Server: krb.Principal{Name: krb.NameOf(krb.NameUnknown, parts...), Realm: configRealm},
		Ticket: value,
	})
}

// Entries iterates over all that the cache has, settings among them, and credentials with keys that
// cannot be used here: what has to be written for other programs.
func (c *Cache) Entries() iter.Seq[Credential] {
	return func(yield func(Credential) bool) {
		if c == nil {
			return
		}
		for _, cred := range c.creds {
			if !yield(cred) {
				return
			}
		}
	}
}

// Format implements fmt.Formatter: the principal and the number of credentials show.
func (c Cache) Format(f fmt.State, _ rune) {
	n := 0
	for range c.All() {
		n++
	}
	fmt.Fprintf(f, "ccache(%q, %d credentials)", strings.ToValidUTF8(c.Principal().String(), "?"), n)
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (c Cache) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

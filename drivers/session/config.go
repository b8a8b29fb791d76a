package session

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// The defaults of a [Config].
const (
	defaultLifetime = 8 * time.Hour
	defaultIdle     = 30 * time.Minute
	defaultName     = "countersign"
)

// clockSkew is how far ahead the clock of a server may be that sealed a cookie.
const clockSkew = time.Minute

// Config configures the sessions of a server. The zero Config is of use: it keeps sessions on
// connections with TLS, under a key of this process alone.
type Config struct {
	opaque[Config] // no output shows what is in it

	// Ring has the keys that cookies are sealed with. nil means one key, drawn when the server
	// is made: a restart ends all sessions, and no other server knows them.
	Ring *Ring
	// Store remembers which sessions were not logged out. nil means that nothing does, see the
	// package's comment. A Store that cannot be asked makes the request fail with 503.
	Store Store
	// Lifetime bounds the time from the login to the end of its session. It is at most a year; 0
	// means 8 hours.
	Lifetime time.Duration
	// Idle bounds the time between two requests of a session. 0 means 30 minutes.
	Idle time.Duration
	// Name is the end of the cookie's name, after the prefix "__Host-", or "__Secure-" with a
	// Domain. Servers that share a Ring and have other users need other names. "" means
	// "countersign".
	Name string
	// SameSite says which requests of other sites have the cookie. 0 means http.SameSiteLaxMode;
	// the package's comment says why.
	SameSite http.SameSite
	// Domain shares sessions among the hosts of a domain that have the same Ring, such as
	// "example.com", all of which then receive the cookie, and can replace it. "" means the host of
	// the login alone.
	Domain string
	// FrontTLS says that a front server ends TLS, so that connections come here without.
	// Otherwise there are no sessions on connections without TLS.
	FrontTLS bool
	// Insecure keeps sessions without TLS on any hop, in cookies without the attribute Secure
	// and without a prefix, which all that read or write the network can take or replace. It is
	// for tests.
	Insecure bool
	// Certificate binds a session to the client's TLS certificate: it is begun for clients that
	// show one, and is good on connections on which they show the same.
	Certificate bool
	// Groups returns the groups to seal with the identity of a login, as krb5.SessionGroups
	// does. They are what the directory said at the login, until the session ends. c is the
	// login's context, nil if the scheme has none. A login begins no session if Groups returns an
	// error, or more than a cookie holds, and drive.Result.Err says so. nil seals none.
	Groups func(info gss.Info, c gss.Context) ([]string, error)
}

// check returns why a configuration cannot work.
func (c *Config) check() error {
	return cmp.Or(
		misuse.NotNegative("session", "Config.Lifetime", c.Lifetime),
		misuse.NotNegative("session", "Config.Idle", c.Idle),
		c.checkLifetime(),
		c.checkCookie(),
	)
}

// maxLifetime bounds [Config].Lifetime, so that no end of a session overflows.
const maxLifetime = 365 * 24 * time.Hour

func (c *Config) checkLifetime() error {
	if c.Lifetime > maxLifetime {
		return misuse.Errorf("session", "Config.Lifetime is %v; want at most %v", c.Lifetime, maxLifetime)
	}
	return nil
}

func (c *Config) checkCookie() error {
	switch {
	case strings.ContainsFunc(c.Name, notToken) || len(c.Name) > maxName:
		return misuse.Errorf("session", "Config.Name is %q; want at most %d letters, digits, '-', '_' and '.'", c.Name, maxName)
	case c.Domain != "" && (authority.Host(c.Domain) != c.Domain || strings.ContainsAny(c.Domain, ":/;, \t") || strings.Trim(c.Domain, ".") != c.Domain):
		return misuse.Errorf("session", "Config.Domain is %q; want a domain in lower case, such as example.com", c.Domain)
	case c.Insecure && c.FrontTLS:
		return misuse.Errorf("session", "Config.Insecure and Config.FrontTLS are both set; with a front that has TLS leave out Insecure")
	case c.Insecure && c.SameSite == http.SameSiteNoneMode:
		return misuse.Errorf("session", "Config.SameSite is None and Config.Insecure is set, and browsers take such cookies with Secure alone")
	case c.SameSite < 0 || c.SameSite > http.SameSiteNoneMode:
		return misuse.Errorf("session", "Config.SameSite is %d; want a value of http.SameSite", c.SameSite)
	case c.Certificate && (c.FrontTLS || c.Insecure):
		return misuse.Errorf("session", "Config.Certificate needs TLS that ends here; leave out FrontTLS and Insecure")
	}
	return nil
}

// maxName bounds the length of [Config].Name.
const maxName = 64

func notToken(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

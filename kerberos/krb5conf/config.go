package krb5conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Config is an immutable configuration. The nil Config is empty, so that the defaults
// apply.
type Config struct {
	root    node
	domains []domain
}

// domain is one relation of domain_realm.
type domain struct{ name, realm string }

// Parse reads a text. include gives the text behind "include" and "includedir" lines,
// false if it cannot be had; nil passes them over. A line that does not parse costs nothing but itself.
// Malformed names the line of what is too much, and of what cannot be included.
func Parse(text string, include func(directive, name string) (string, bool)) (*Config, gss.Fault) {
	p := parser{include: include, left: maxSize}
	var root node
	p.parse(text, &root, 0)
	if !p.fault.IsZero() {
		return nil, p.fault
	}
	return of(root), gss.Fault{}
}

// of returns the configuration with a root.
func of(root node) *Config {
	c := &Config{root: root}
	if s := root.sub("domain_realm"); s != nil {
		for _, r := range s.below {
			if !r.section {
				c.domains = append(c.domains, domain{strings.ToLower(r.name), r.value})
			}
		}
	}
	return c
}

// Before returns the configuration that two files make together, c before later, as in the list that KRB5_CONFIG
// may be: of a relation that both have, the values of c come first, and they come alone if c marks a section
// around it as final. Either may be nil.
func (c *Config) Before(later *Config) *Config {
	switch {
	case c == nil:
		return later
	case later == nil:
		return c
	}
	return of(*c.root.before(&later.root))
}

// Append writes the configuration with all that was included, without comments. It
// parses to an equal one.
func (c *Config) Append(b []byte) []byte {
	if c == nil {
		return b
	}
	for _, s := range c.root.below {
		b = append(append(b, '['), s.name...)
		b = append(b, ']')
		if s.final {
			b = append(b, '*')
		}
		b = s.append(append(b, '\n'), "")
	}
	return b
}

func (c *Config) get(path ...string) string {
	if c == nil {
		return ""
	}
	return c.root.first(path...)
}

func (c *Config) all(path ...string) []string {
	if c == nil {
		return nil
	}
	return c.root.values(path...)
}

// DefaultRealm returns default_realm, "" if there is none.
func (c *Config) DefaultRealm() string { return c.get("libdefaults", "default_realm") }

// KDCs returns the addresses of a realm's KDCs in order: host or host:port, with udp/ or
// tcp/ before it as Heimdal writes them, or the https:// URL of a proxy (MS-KKDCP).
func (c *Config) KDCs(realm string) []string {
	var list []string
	for _, v := range c.all("realms", realm, "kdc") {
		list = append(list, strings.Fields(v)...)
	}
	return list
}

// Anchors returns the values of http_anchors of a realm in order: FILE:, DIR: or ENV: and a name, of the certificates that
// verify the proxies of its KDCs. Without any those of the system do.
func (c *Config) Anchors(realm string) []string { return c.all("realms", realm, "http_anchors") }

// RealmOf returns the realm of a host by domain_realm: that of the host itself, or of the
// longest domain that it is in, "" if there is none. Domains compare without regard to
// case. It implements kerberos.Realms.
func (c *Config) RealmOf(host string) string {
	if c == nil {
		return ""
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	best, realm := -1, ""
	for _, d := range c.domains {
		switch {
		case d.name == host:
			return d.realm
		case strings.HasPrefix(d.name, ".") && strings.HasSuffix(host, d.name) && len(d.name) > best:
			best, realm = len(d.name), d.realm
		}
	}
	return realm
}

// CAPath returns the realms between a client's and a service's realm by capaths, none if
// they trust each other or are not listed.
func (c *Config) CAPath(client, server string) []string {
	var list []string
	for _, v := range c.all("capaths", client, server) {
		if v != "." {
			list = append(list, strings.Fields(v)...)
		}
	}
	return list
}

// Bool returns a relation of libdefaults that is yes or no, or def if there is none.
func (c *Config) Bool(name string, def bool) bool {
	switch strings.ToLower(c.get("libdefaults", name)) {
	case "y", "yes", "true", "t", "1", "on":
		return true
	case "n", "no", "false", "nil", "0", "off":
		return false
	}
	return def
}

// Canonicalizes returns dns_canonicalize_hostname: when an initiator names services by their
// canonical name. The default of MIT's library is always; this one's is never, since a name
// that comes from DNS is not protected.
func (c *Config) Canonicalizes() krb.Canonicalization {
	switch {
	case strings.EqualFold(c.get("libdefaults", "dns_canonicalize_hostname"), "fallback"):
		return krb.CanonicalizeFallback
	case c.Bool("dns_canonicalize_hostname", false):
		return krb.CanonicalizeAlways
	}
	return krb.CanonicalizeNever
}

// Duration returns a relation of libdefaults that is a time: seconds, 1d2h3m4s, or
// h:m[:s]. It returns def if there is none or it does not parse, and the longest Duration
// for a longer time.
func (c *Config) Duration(name string, def time.Duration) time.Duration {
	if d, ok := duration(c.get("libdefaults", name)); ok {
		return d
	}
	return def
}

func duration(s string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if parts := strings.Split(s, ":"); len(parts) == 2 || len(parts) == 3 {
		total := time.Duration(0)
		for i, p := range parts {
			n, err := strconv.ParseUint(p, 10, 20)
			if err != nil {
				return 0, false
			}
			total = more(total, int64(n), [...]time.Duration{time.Hour, time.Minute, time.Second}[i])
		}
		return total, true
	}
	total, number, any := time.Duration(0), int64(0), false
	for _, r := range strings.ReplaceAll(s, " ", "") {
		if r >= '0' && r <= '9' {
			if number = number*10 + int64(r-'0'); number > 1<<24 {
				return 0, false
			}
			any = true
			continue
		}
		unit, ok := map[rune]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}[r]
		if !ok || !any {
			return 0, false
		}
		total, number, any = more(total, number, unit), 0, false
	}
	return total, total > 0 && !any
}

// more returns a duration with n units more, or the longest Duration.
func more(d time.Duration, n int64, unit time.Duration) time.Duration { // R4120-5.2.3-1
	if n > int64(math.MaxInt64-d)/int64(unit) {
		return math.MaxInt64
	}
	return d + time.Duration(n)*unit
}

// Text returns a relation of libdefaults as it stands, or def if there is none.
func (c *Config) Text(name, def string) string {
	if s := c.get("libdefaults", name); s != "" {
		return s
	}
	return def
}

// Number returns a relation of libdefaults that is a number, or def.
func (c *Config) Number(name string, def int) int {
	if n, err := strconv.Atoi(c.get("libdefaults", name)); err == nil {
		return n
	}
	return def
}

// family returns the types of a name.
func family(name string) []krb.EType {
	switch name {
	case "default":
		return []krb.EType{krb.AES256SHA1, krb.AES128SHA1, krb.AES256SHA384, krb.AES128SHA256, krb.Camellia256, krb.Camellia128}
	case "aes":
		return []krb.EType{krb.AES256SHA1, krb.AES128SHA1, krb.AES256SHA384, krb.AES128SHA256}
	case "rc4":
		return []krb.EType{krb.RC4}
	case "camellia":
		return []krb.EType{krb.Camellia256, krb.Camellia128}
	}
	if t, ok := krb.ParseEType(name); ok {
		return []krb.EType{t}
	}
	return nil
}

// Types returns the encryption types of a relation of libdefaults (permitted_enctypes,
// default_tkt_enctypes, default_tgs_enctypes), in its order. The relation has names and
// families, with "-" before those to leave out; unknown names are skipped. It returns nil if
// there is no such relation.
func (c *Config) Types(name string) []krb.EType {
	text := c.get("libdefaults", name)
	if text == "" {
		return nil
	}
	list := []krb.EType{}
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		out := strings.HasPrefix(word, "-")
		for _, t := range family(strings.TrimLeft(word, "+-")) {
			kept := list[:0:0]
			has := false
			for _, x := range list {
				has = has || x == t
				if x != t || !out {
					kept = append(kept, x)
				}
			}
			if list = kept; !out && !has {
				list = append(list, t)
			}
		}
	}
	return list
}

// Format implements fmt.Formatter.
func (c Config) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "krb5conf(default realm %q)", c.DefaultRealm())
}

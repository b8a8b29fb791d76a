package krb5

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// Bounds on credential caches. The number of credentials of one is bounded by package ccache.
const (
	maxCacheSize    = 1 << 24 // bytes of a file, of a key, and of an answer of a KCM
	maxCaches       = 1 << 12 // caches of a collection
	maxCacheName    = 1 << 12 // bytes of a name, and of the file that names a folder's primary cache
	maxCacheEntries = 1 << 12 // credentials of a cache that keeps each by itself
)

// Cache is a credential cache. It provides the tickets in it, and keeps new ones there. The zero
// Cache is the default one.
//
// Names are those of MIT's library: a kind, a colon, and what the kind calls the cache, such as
// FILE:/tmp/krb5cc_1000. A name without a kind is a FILE's.
//
//	FILE      a file
//	DIR       a folder of them; with a colon before its path, one file of such a folder
//	MEMORY    in the memory of this process
//	KEYRING   in the kernel, of Linux: anchor:collection:cache; anchors are session, user, persistent, process and thread
//	KCM       with a daemon, such as sssd's, at kcm_socket of krb5.conf
//
// DIR, KEYRING and KCM have collections: a name may stand for the primary cache of one.
type Cache struct {
	// Name is the cache's. If it is "", the environment variable KRB5CCNAME has it, then
	// default_ccache_name of Config with the tokens that MIT's library expands in it: %{uid},
	// %{USERID}, %{euid}, %{username}, %{TEMP} and %{null}. Without either it is FILE:/tmp/krb5cc_%{uid}.
	Name string
	// Config has default_ccache_name and kcm_socket; nil is empty.
	Config *krb5conf.Config
	// Kinds are more kinds of caches, or others in place of the ones above, by name.
	Kinds map[string]CacheKind
	// ReadOnly keeps no tickets.
	ReadOnly bool

	mu sync.Mutex // of reading, adding a ticket, and writing
}

// CacheKind describes a kind of credential caches. Its functions take the part of a name behind the kind.
// For a cache that does not exist they return an error that is fs.ErrNotExist.
type CacheKind struct {
	// Read returns what is in a cache.
	Read func(ctx context.Context, name string) (*ccache.Cache, error)
	// Write puts a cache in place of what is there, and makes it if there is none.
	Write func(ctx context.Context, name string, c *ccache.Cache) error
	// Destroy removes a cache.
	Destroy func(ctx context.Context, name string) error
	// Add puts one more credential into a cache. If it is nil, the cache is written anew.
	Add func(ctx context.Context, name string, c ccache.Credential) error
	// Primary returns the cache that the name of a collection stands for, and names of single caches as they
	// are. If it is nil, all are.
	Primary func(ctx context.Context, name string) (string, error)
	// List returns the names of all caches of the collection that a name belongs to. If it is nil, there are no collections.
	List func(ctx context.Context, name string) ([]string, error)
}

// kinds returns the kinds that there are by themselves.
func (c *Cache) kinds() map[string]CacheKind {
	return map[string]CacheKind{
		"FILE":    fileKind,
		"DIR":     dirKind,
		"MEMORY":  memoryKind,
		"KEYRING": keyringKind,
		"KCM":     kcm{socket: c.Config.Text("kcm_socket", defaultKCM)}.kind(),
	}
}

// open returns the kind of the cache, its name, and what the kind calls it.
func (c *Cache) open() (k CacheKind, kind, rest string, err error) {
	name := c.Name
	if name == "" {
		name = os.Getenv("KRB5CCNAME")
	}
	if name == "" { // KRB-60
		if name, err = expand(c.Config.Text("default_ccache_name", defaultCache())); err != nil {
			return k, "", "", err
		}
	}
	if len(name) > maxCacheName || strings.Contains(name, "\x00") {
		return k, "", "", errors.New("krb5: the name of the credential cache is too long, or has a NUL")
	}
	kind, rest, ok := strings.Cut(name, ":")
	if !ok || len(kind) == 1 || strings.HasPrefix(name, "/") { // a drive's letter, or a path with a colon
		kind, rest = "FILE", name
	}
	k, ok = c.Kinds[kind]
	builtin := c.kinds()
	if !ok {
		k, ok = builtin[kind]
	}
	if !ok { // KRB-61
		known := make([]string, 0, len(builtin)+len(c.Kinds))
		for name := range builtin {
			known = append(known, name)
		}
		for name := range c.Kinds {
			known = append(known, name)
		}
		slices.Sort(known)
		return k, "", "", fmt.Errorf("krb5: credential caches of kind %q are not supported; expected one of %s", kind, strings.Join(slices.Compact(known), ", "))
	}
	return k, kind, rest, nil
}

// resolve returns the kind of the cache and the one cache that its name stands for.
func (c *Cache) resolve(ctx context.Context) (k CacheKind, kind, rest string, err error) {
	k, kind, rest, err = c.open()
	if err == nil && k.Primary != nil {
		rest, err = k.Primary(ctx, rest)
	}
	return k, kind, rest, wrapCache(err, kind, rest)
}

// wrapCache puts the cache's name before an error.
func wrapCache(err error, kind, rest string) error {
	if err == nil || kind == "" {
		return err
	}
	return fmt.Errorf("%s:%s: %w", kind, rest, err)
}

// Resolve returns the full name of the cache: with its kind, and of a collection the primary cache's.
func (c *Cache) Resolve(ctx context.Context) (string, error) {
	_, kind, rest, err := c.resolve(ctx)
	return kind + ":" + rest, err
}

// Read returns what is in the cache. The error is fs.ErrNotExist if it does not exist.
func (c *Cache) Read(ctx context.Context) (*ccache.Cache, error) {
	k, kind, rest, err := c.resolve(ctx)
	if err != nil {
		return nil, err
	}
	contents, err := k.Read(ctx, rest)
	return contents, wrapCache(err, kind, rest)
}

// Write puts contents in place of what is in the cache, and makes it if it does not exist. A FILE
// is written in one act, readable by its owner alone.
func (c *Cache) Write(ctx context.Context, contents *ccache.Cache) error {
	k, kind, rest, err := c.resolve(ctx)
	if err != nil {
		return err
	}
	return wrapCache(k.Write(ctx, rest, contents), kind, rest)
}

// Destroy removes the cache. The error is fs.ErrNotExist if it does not exist.
func (c *Cache) Destroy(ctx context.Context) error {
	k, kind, rest, err := c.resolve(ctx)
	if err != nil {
		return err
	}
	return wrapCache(k.Destroy(ctx, rest), kind, rest)
}

// List returns the full names of the caches in the collection of this one, the primary one first, at most 4096;
// for a kind without collections the cache itself, if it exists.
func (c *Cache) List(ctx context.Context) ([]string, error) {
	k, kind, rest, err := c.open()
	if err != nil {
		return nil, err
	}
	if k.List == nil {
		if _, err := k.Read(ctx, rest); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return nil, wrapCache(err, kind, rest)
		}
		return []string{kind + ":" + rest}, nil
	}
	names, err := k.List(ctx, rest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	primary := rest
	if k.Primary != nil {
		primary, _ = k.Primary(ctx, rest)
	}
	slices.Sort(names)
	full := make([]string, 0, min(len(names), maxCaches))
	for _, first := range [...]bool{true, false} {
		for _, n := range names {
			if (n == primary) == first && len(full) < maxCaches {
				full = append(full, kind+":"+n)
			}
		}
	}
	return full, wrapCache(err, kind, rest)
}

// Answer implements answer.Source.
func (c *Cache) Answer(ctx context.Context, q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedCredential:
		if q.Mech != gss.Kerberos || q.Rejected {
			return gss.Declined{}
		}
		contents, err := c.Read(ctx)
		if err != nil {
			answer.Explain(ctx, fmt.Errorf("krb5: no ticket in the credential cache %w; kinit gets one", err)) // LEG-3
			return gss.Declined{}
		}
		return kerberos.Tickets{Cache: contents}
	case kerberos.KeepTicket:
		if c.ReadOnly {
			return gss.Declined{}
		}
		return c.keep(ctx, q.Credential)
	}
	return gss.Declined{}
}

// keep adds a ticket of the cache's principal.
func (c *Cache) keep(ctx context.Context, cred ccache.Credential) gss.Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, _, rest, err := c.resolve(ctx)
	if err != nil {
		return gss.Declined{}
	}
	contents, err := k.Read(ctx, rest)
	if err != nil || !contents.Principal().Equal(cred.Client) {
		return gss.Declined{}
	}
	if k.Add != nil {
		err = k.Add(ctx, rest, cred)
	} else {
		err = k.Write(ctx, rest, contents.With(cred))
	}
	if err != nil {
		return gss.Unreachable{}
	}
	return kerberos.Kept{}
}

// tokens are those of a path in krb5.conf, as MIT's library expands them. Those that name the
// folders of its own installation are not known here.
var tokens = map[string]func() string{
	"uid":      func() string { return strconv.Itoa(os.Getuid()) },
	"USERID":   func() string { return strconv.Itoa(os.Getuid()) },
	"euid":     func() string { return strconv.Itoa(os.Geteuid()) },
	"username": username,
	"TEMP":     func() string { return strings.TrimSuffix(os.TempDir(), string(os.PathSeparator)) },
	"null":     func() string { return "" },
}

// defaultCache returns the name of the cache where nothing names one.
func defaultCache() string {
	if os.Getuid() < 0 { // a system without numbers of users
		return "FILE:%{TEMP}" + string(os.PathSeparator) + "krb5cc"
	}
	return "FILE:/tmp/krb5cc_%{uid}"
}

func username() string {
	id := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// expand replaces the tokens of a path.
func expand(path string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(path, "%{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		token, after, closed := strings.Cut(rest, "}")
		value, known := tokens[token]
		if !closed || !known { // KRB-61
			return "", errors.New("krb5: default_ccache_name has a token that is not known: expected %{uid}, %{USERID}, %{euid}, %{username}, %{TEMP} or %{null}")
		}
		b.WriteString(value())
		path = after
	}
}

// parts returns a cache in pieces as a file has them: the principal, and each of what follows.
func parts(c *ccache.Cache) (principal []byte, entries []part) {
	head := ccache.New(c.Principal()).Append(nil)
	for e := range c.Entries() { // KRB-65
		entries = append(entries, part{e, ccache.New(c.Principal(), e).Append(nil)[len(head):]})
	}
	return head[len(fileHead):], entries
}

// part is a credential and its bytes.
type part struct {
	ccache.Credential
	bytes []byte
}

// fileHead begins a file of version 4 without a time offset.
const fileHead = "\x05\x04\x00\x00"

// join returns the cache of such pieces. A credential that does not parse is left out.
func join(principal string, entries []string) (*ccache.Cache, error) {
	c, fault := ccache.Parse(fileHead + principal)
	if !fault.IsZero() {
		return nil, fault.Err()
	}
	for _, e := range entries {
		one, fault := ccache.Parse(fileHead + principal + e)
		if !fault.IsZero() {
			continue
		}
		for cred := range one.Entries() { // KRB-64
			c = c.With(cred)
		}
	}
	return c, nil
}

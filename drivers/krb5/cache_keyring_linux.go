package krb5

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// A collection is a keyring below its anchor's, which has a keyring for each cache and a key with the
// name of the primary one. A cache has a key for its principal, one for the time offset, and one for
// each credential, described by its service (MIT's cc_keyring.c).
const (
	collectionPrefix     = "_krb_"
	persistentCollection = "_krb"
	primaryKey           = "krb_ccache:primary"
	primaryVersion       = 1
	principalKey         = "__krb5_princ__"
	offsetKey            = "__krb5_time_offsets__"
	legacyAnchor         = "legacy"

	// maxKeyPayload bounds what is read of one key: the kernel's limit for keys of type big_key.
	maxKeyPayload = 1 << 20
)

var keyringKind = CacheKind{
	Read: func(_ context.Context, name string) (c *ccache.Cache, err error) {
		return c, withKeyring(name, false, func(k keyring) (err error) {
			c, err = k.read()
			return err
		})
	},
	Write: func(_ context.Context, name string, c *ccache.Cache) error {
		return withKeyring(name, true, func(k keyring) error { return k.write(c) })
	},
	Add: func(_ context.Context, name string, cred ccache.Credential) error {
		return withKeyring(name, false, func(k keyring) error { return k.add(cred) })
	},
	Destroy: func(_ context.Context, name string) error {
		return withKeyring(name, false, keyring.destroy)
	},
	Primary: func(_ context.Context, name string) (string, error) {
		at, err := parseKeyring(name)
		if err != nil || at.cache != "" {
			return at.String(), err
		}
		err = onThread(func() error {
			at.cache, err = at.primary()
			return err
		})
		return at.String(), err
	},
	List: func(_ context.Context, name string) (names []string, err error) {
		at, err := parseKeyring(name)
		if err != nil {
			return nil, err
		}
		return names, onThread(func() error {
			collection, err := at.collection(false)
			if err != nil {
				return err
			}
			keys, err := keysOf(collection, maxCaches)
			for _, k := range keys {
				if k.kind == "keyring" {
					at.cache = k.name
					names = append(names, at.String())
				}
			}
			return err
		})
	},
}

// keyringName is the name of a cache in its parts.
type keyringName struct{ anchor, group, cache string }

func (n keyringName) String() string { return n.anchor + ":" + n.group + ":" + n.cache }

// anchors are the keyrings that collections are below. The user's does not give possession, which
// reading needs, so that a collection there is linked to the process's keyring.
var anchors = map[string]struct{ at, possess int }{
	"session":    {at: unix.KEY_SPEC_SESSION_KEYRING},
	legacyAnchor: {at: unix.KEY_SPEC_SESSION_KEYRING},
	"process":    {at: unix.KEY_SPEC_PROCESS_KEYRING},
	"thread":     {at: unix.KEY_SPEC_THREAD_KEYRING},
	"user":       {at: unix.KEY_SPEC_USER_KEYRING, possess: unix.KEY_SPEC_PROCESS_KEYRING},
	"persistent": {possess: unix.KEY_SPEC_PROCESS_KEYRING},
}

// parseKeyring reads anchor:collection:cache. A name without a colon is that of a collection and of its cache, as
// programs had it before there were collections.
func parseKeyring(name string) (n keyringName, err error) {
	parts := strings.SplitN(name, ":", 3)
	if len(parts) == 1 {
		parts = []string{legacyAnchor, name, name}
	}
	n = keyringName{anchor: parts[0], group: parts[1]}
	if len(parts) == 3 {
		n.cache = parts[2]
	}
	if _, known := anchors[n.anchor]; !known {
		return n, errors.New("krb5: the keyring's name begins with no anchor: expected session, user, persistent, process or thread")
	}
	if n.group == "" && n.anchor == "persistent" {
		n.group = strconv.Itoa(os.Geteuid())
	}
	if n.group == "" {
		return n, errors.New("krb5: the keyring's name has no collection: expected anchor:collection")
	}
	return n, nil
}

// onThread runs f on a thread of its own, since what is possessed belongs to a thread.
func onThread(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := f()
	if errors.Is(err, unix.ENOKEY) || errors.Is(err, unix.EKEYEXPIRED) || errors.Is(err, unix.EKEYREVOKED) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// collection returns the keyring of a collection.
func (n keyringName) collection(create bool) (int, error) {
	anchor := anchors[n.anchor]
	if n.anchor != "persistent" {
		at := anchor.at
		if at == unix.KEY_SPEC_SESSION_KEYRING {
			at = sessionKeyring()
		}
		return findKeyring(at, collectionPrefix+n.group, anchor.possess, create)
	}
	uid, err := strconv.ParseUint(n.group, 10, 32)
	if err != nil {
		return 0, errors.New("krb5: a persistent keyring's collection is the number of a user")
	}
	at, err := unix.KeyctlInt(unix.KEYCTL_GET_PERSISTENT, int(uid), unix.KEY_SPEC_PROCESS_KEYRING, 0, 0)
	if err != nil {
		return 0, err
	}
	return findKeyring(at, persistentCollection, anchor.possess, create)
}

// sessionKeyring returns the session's keyring. A process without one uses the user's default, and adding to
// its own would make a new one that others do not see.
func sessionKeyring() int {
	session, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	user, err2 := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_SESSION_KEYRING, false)
	if err == nil && err2 == nil && session == user {
		return unix.KEY_SPEC_USER_SESSION_KEYRING
	}
	return unix.KEY_SPEC_SESSION_KEYRING
}

// findKeyring returns the keyring of a name in another, and links it where it is possessed.
func findKeyring(in int, name string, possess int, create bool) (int, error) {
	id, err := unix.KeyctlSearch(in, "keyring", name, possess)
	if err == nil || !create || !errors.Is(err, unix.ENOKEY) {
		return id, err
	}
	if id, err = unix.AddKey("keyring", name, nil, in); err == nil && possess != 0 {
		_, err = unix.KeyctlInt(unix.KEYCTL_LINK, id, possess, 0, 0)
	}
	return id, err
}

// primary returns the name of the primary cache: the collection's own if none is set.
func (n keyringName) primary() (string, error) {
	collection, err := n.collection(false)
	if errors.Is(err, unix.ENOKEY) {
		return n.group, nil
	}
	if err != nil {
		return "", err
	}
	id, err := unix.KeyctlSearch(collection, "user", primaryKey, 0)
	if errors.Is(err, unix.ENOKEY) {
		return n.group, nil
	}
	if err != nil {
		return "", err
	}
	b, err := readKey(id)
	if err != nil {
		return "", err
	}
	if len(b) <= 8 || binary.BigEndian.Uint32(b) != primaryVersion || int(binary.BigEndian.Uint32(b[4:])) != len(b)-8 || len(b) > maxCacheName { // KRB-62
		return "", errors.New("krb5: the keyring's primary key names no cache")
	}
	return string(b[8:]), nil
}

// keyring is a cache.
type keyring struct {
	keyringName
	in, id int // the collection, and the cache
}

func withKeyring(name string, create bool, f func(keyring) error) error {
	at, err := parseKeyring(name)
	if err != nil {
		return err
	}
	return onThread(func() error {
		collection, err := at.collection(create)
		if err != nil {
			return err
		}
		if create {
			if _, err := unix.KeyctlSearch(collection, "user", primaryKey, 0); errors.Is(err, unix.ENOKEY) {
				b := binary.BigEndian.AppendUint32(nil, primaryVersion)
				b = append(binary.BigEndian.AppendUint32(b, uint32(len(at.cache))), at.cache...)
				if _, err := unix.AddKey("user", primaryKey, b, collection); err != nil {
					return err
				}
			}
		}
		id, err := findKeyring(collection, at.cache, 0, create)
		if err != nil {
			return err
		}
		if create && at.anchor == legacyAnchor {
			if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, id, sessionKeyring(), 0, 0); err != nil {
				return err
			}
		}
		return f(keyring{at, collection, id})
	})
}

func (k keyring) read() (*ccache.Cache, error) {
	keys, err := keysOf(k.id, maxCacheEntries)
	if err != nil {
		return nil, err
	}
	var principal, offset string
	var entries []string
	total := 0
	for _, key := range keys {
		b, err := readKey(key.id)
		if err != nil {
			continue // it ended meanwhile
		}
		if total += len(b); total > maxCacheSize {
			return nil, errors.New("krb5: the keyring has more than 16 MiB")
		}
		switch key.name {
		case principalKey:
			principal = string(b)
		case offsetKey:
			offset = string(b)
		default:
			entries = append(entries, string(b))
		}
	}
	if principal == "" {
		return nil, fs.ErrNotExist
	}
	c, err := join(principal, entries)
	if err == nil && len(offset) == 8 {
		seconds, micro := int32(binary.BigEndian.Uint32([]byte(offset))), int32(binary.BigEndian.Uint32([]byte(offset[4:])))
		c = c.WithOffset(time.Duration(seconds)*time.Second + time.Duration(micro)*time.Microsecond)
	}
	return c, err
}

// write adds what is new before it removes what is old, so that a reader finds tickets at each moment.
func (k keyring) write(c *ccache.Cache) error {
	old, err := keysOf(k.id, maxCacheEntries)
	if err != nil {
		return err
	}
	principal, entries := parts(c)
	id, err := unix.AddKey("user", principalKey, principal, k.id)
	if err != nil {
		return err
	}
	kept := map[int]bool{id: true}
	if o := c.Offset(); o != 0 {
		b := binary.BigEndian.AppendUint32(nil, uint32(int32(o/time.Second)))
		b = binary.BigEndian.AppendUint32(b, uint32(int32(o%time.Second/time.Microsecond)))
		if id, err = unix.AddKey("user", offsetKey, b, k.id); err != nil {
			return err
		}
		kept[id] = true
	}
	// The cache lives as long as the ticket that ends last.
	var last krb.Time
	for _, e := range entries {
		id, err := k.put(e)
		if err != nil {
			return err
		}
		kept[id], last = true, max(last, e.EndTime)
	}
	for _, key := range old {
		if !kept[key.id] {
			unix.KeyctlInt(unix.KEYCTL_UNLINK, key.id, k.id, 0, 0) // or it ended meanwhile
		}
	}
	return expire(k.id, last)
}

func (k keyring) add(cred ccache.Credential) error {
	_, entries := parts(ccache.New(cred.Client, cred))
	_, err := k.put(entries[0])
	return err
}

// put adds one credential, for as long as it is valid.
func (k keyring) put(e part) (int, error) {
	id, err := unix.AddKey("big_key", e.Server.String(), e.bytes, k.id)
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) { // a kernel without them
		id, err = unix.AddKey("user", e.Server.String(), e.bytes, k.id)
	}
	if err != nil {
		return 0, err
	}
	return id, expire(id, e.EndTime)
}

// expire ends a key at a time; 0 is none.
func expire(id int, end krb.Time) error {
	if end == 0 {
		return nil
	}
	left := max(1, int64(end)-time.Now().Unix()) // 0 would be for ever
	_, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(left), 0, 0)
	return err
}

func (k keyring) destroy() error {
	if _, err := unix.KeyctlInt(unix.KEYCTL_CLEAR, k.id, 0, 0, 0); err != nil {
		return err
	}
	if k.anchor == legacyAnchor {
		unix.KeyctlInt(unix.KEYCTL_UNLINK, k.id, sessionKeyring(), 0, 0) // only if this is where it was made
	}
	_, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, k.id, k.in, 0, 0)
	return err
}

// key is one of a keyring.
type key struct {
	id         int
	kind, name string
}

// keysOf returns the keys of a keyring, those that ended left out.
func keysOf(id, most int) (keys []key, err error) {
	b, err := readKey(id)
	if err != nil {
		return nil, err
	}
	if len(b)/4 > most+2 { // the principal and the offset beside them
		return nil, fmt.Errorf("krb5: the keyring has more than %d keys", most)
	}
	for ; len(b) >= 4; b = b[4:] {
		id := int(int32(binary.NativeEndian.Uint32(b)))
		text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, id)
		if err != nil {
			continue
		}
		if fields := strings.SplitN(text, ";", 5); len(fields) == 5 { // type;uid;gid;permissions;name
			keys = append(keys, key{id, fields[0], fields[4]})
		}
	}
	return keys, nil
}

// readKey returns the payload of a key.
func readKey(id int) ([]byte, error) {
	for size := 1 << 10; ; {
		b := make([]byte, size)
		n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, b, 0)
		switch {
		case err != nil:
			return nil, err
		case n <= size:
			return b[:n], nil
		case n > maxKeyPayload:
			return nil, errors.New("krb5: a key of more than 1 MiB")
		}
		size = n
	}
}

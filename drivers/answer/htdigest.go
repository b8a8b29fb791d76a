package answer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

// Htdigest is a user store read from a file as Apache's htdigest writes it. It
// answers gss.NeedVerifier for Digest with digest.HA1, and gss.NeedVerdict for
// Basic by hashing the password. A user is one of a realm.
//
// A server that offers what the file has no hashes for refuses right passwords: clients
// answer SHA-256 where it is offered, and a file that htdigest wrote has MD5 alone. So give
// digest.ServerConfig what [Htdigest.Algorithms] returns, also where other stores are asked
// beside this one. Presets do so by themselves.
type Htdigest struct {
	opaque[Htdigest] // no output shows what is in it

	users  map[realmUser]digest.HA1
	realms map[string][]string // names by realm
	hashes *hashIndex          // nil in the zero Htdigest
}

type realmUser struct{ realm, user string }

// maxHtdigestLine bounds the lines of a file, in bytes.
const maxHtdigestLine = 4096

// ReadHtdigest reads lines of the form user:realm:HA1, where HA1 is
// H(user:realm:password) in hex: 32 digits are MD5, 64 are SHA-256. A user may
// have a line for each. Empty lines, and those that start with "#", are left out.
// Anything else, and a line of more than 4,096 bytes, is an error that names the line by
// number.
func ReadHtdigest(r io.Reader) (*Htdigest, error) {
	h := &Htdigest{users: make(map[realmUser]digest.HA1), realms: make(map[string][]string), hashes: new(hashIndex)}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxHtdigestLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := h.add(line); err != nil {
			return nil, fmt.Errorf("answer: htdigest line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("answer: htdigest line %d: %w", n+1, err)
	}
	return h, nil
}

func (h *Htdigest) add(line string) error {
	user, rest, ok := strings.Cut(line, ":")
	i := strings.LastIndexByte(rest, ':') // a realm may hold colons, a name cannot
	if !ok || i < 0 || user == "" {
		return fmt.Errorf("want user:realm:hash")
	}
	at := realmUser{rest[:i], user}
	hash := gss.NewSecret(rest[i+1:])
	ha1, known := h.users[at]
	ha1.User = user
	if key, ok := digest.ParseKey(digest.MD5, hash); ok {
		ha1.MD5 = key.Secret()
	} else if key, ok := digest.ParseKey(digest.SHA256, hash); ok {
		ha1.SHA256 = key.Secret()
	} else {
		return fmt.Errorf("the hash must be 32 (MD5) or 64 (SHA-256) hex digits")
	}
	h.users[at] = ha1
	if !known {
		h.realms[at.realm] = append(h.realms[at.realm], user)
	}
	return nil
}

// Realms returns the realms that have users, sorted.
func (h *Htdigest) Realms() []string { return slices.Sorted(maps.Keys(h.realms)) }

// Algorithms returns what a server can offer in a realm, for digest.ServerConfig.Algorithms,
// strongest first: the algorithms that every user of the realm has a hash of. If there is none
// that all have, it is those that some have, and each user needs a client that chooses its
// one. MD5 does not count in FIPS-only mode, unless the file has nothing else. It is nil, for
// which package digest has a default, if no user is of the realm.
func (h *Htdigest) Algorithms(realm string) []digest.Algorithm {
	all := map[digest.Algorithm]int{} // of how many users there is a hash
	for _, name := range h.realms[realm] {
		ha1 := h.users[realmUser{realm, name}]
		if !ha1.SHA256.IsEmpty() {
			all[digest.SHA256]++
		}
		if !ha1.MD5.IsEmpty() {
			all[digest.MD5]++
		}
	}
	usable := func(a digest.Algorithm) bool { _, err := digest.For(a); return err == nil }
	for _, fits := range [...]func(digest.Algorithm) bool{
		func(a digest.Algorithm) bool { return usable(a) && all[a] == len(h.realms[realm]) },
		func(a digest.Algorithm) bool { return usable(a) && all[a] > 0 },
		func(a digest.Algorithm) bool { return all[a] > 0 },
	} {
		var out []digest.Algorithm
		for _, a := range [...]digest.Algorithm{digest.SHA256, digest.MD5} {
			if len(all) > 0 && fits(a) {
				out = append(out, a)
			}
		}
		if out != nil {
			return out // HTA-35
		}
	}
	return nil
}

// Answer implements [Source].
func (h *Htdigest) Answer(_ context.Context, q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedVerifier:
		if q.Scheme != scheme.Digest {
			return gss.Declined{}
		}
		name := q.User
		if q.Hashed {
			name = h.hashes.lookup(q.Realm, q.Kind, q.User, h.names(q.Realm))
		}
		if ha1, ok := h.users[realmUser{q.Realm, name}]; ok {
			return ha1
		}
		return gss.Unknown{}
	case gss.NeedVerdict:
		return h.verdict(q)
	}
	return gss.Declined{}
}

// verdict compares the password, with the same work for an unknown user.
func (h *Htdigest) verdict(q gss.NeedVerdict) gss.Answer {
	ha1, known := h.users[realmUser{q.Realm, q.User}]
	right := matches(ha1, q) // HTA-30
	if !known {
		return gss.Unknown{}
	}
	return gss.Verdict{Accepted: right}
}

func (h *Htdigest) names(realm string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, name := range h.realms[realm] {
			if !yield(name) {
				return
			}
		}
	}
}

// matches compares the password with the strongest hash that is stored, false if there
// is none. All hashes are computed and compared, whichever of them are stored
// (HTA-30).
func matches(ha1 digest.HA1, q gss.NeedVerdict) (right bool) {
	for _, one := range [...]struct { // the strongest comes last, and counts
		alg    digest.Algorithm
		stored gss.Secret
	}{{digest.MD5, ha1.MD5}, {digest.SHA256, ha1.SHA256}} {
		f, err := digest.For(one.alg)
		if err != nil { // MD5 under FIPS-only mode
			right = false
			continue
		}
		computed := f.HA1(q.User, q.Realm, q.Proof.Reveal()).Secret()
		stored := one.stored
		if stored.IsEmpty() {
			stored = computed
		}
		same := computed.Equal(stored)
		if !one.stored.IsEmpty() {
			right = same
		}
	}
	return right
}

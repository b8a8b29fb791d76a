package answer

import (
	"context"
	"maps"
	"sync"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

// Users is a user store in memory for acceptors: names and passwords, the same in every
// realm. It answers gss.NeedVerifier and gss.NeedVerdict, also for a user named by hash
// (userhash, RFC 7616 section 3.4.4). Names compare byte by byte. A user without a password
// cannot log on.
//
// The users have no domain. Since an NTLM client's proof is valid for any domain that it
// names, a client that names one is left to the next source, such as [NTHashes].
type Users struct {
	opaque[Users] // no output shows what is in it

	passwords map[string]gss.Secret
	hashes    *hashIndex // nil in the zero Users
}

// NewUsers returns a store with a copy of the given passwords by name.
func NewUsers(passwords map[string]string) *Users {
	u := &Users{passwords: make(map[string]gss.Secret, len(passwords)), hashes: new(hashIndex)}
	for name, p := range passwords {
		if name != "" && p != "" { // users without a name or a password never log in
			u.passwords[name] = gss.NewSecret(p)
		}
	}
	return u
}

// Answer implements [Source].
func (u *Users) Answer(_ context.Context, q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedVerifier:
		if q.Scheme == scheme.NTLM && q.Realm != "" {
			return gss.Declined{}
		}
		name := q.User
		if q.Hashed {
			name = u.hashes.lookup(q.Realm, q.Kind, q.User, maps.Keys(u.passwords))
		}
		if p, ok := u.passwords[name]; ok {
			return gss.Password{User: name, Password: p}
		}
		return gss.Unknown{}
	case gss.NeedVerdict:
		return u.verdict(q)
	}
	return gss.Declined{}
}

// verdict compares the password, with the same work for an unknown user.
func (u *Users) verdict(q gss.NeedVerdict) gss.Answer {
	stored, known := u.passwords[q.User]
	right := scheme.CheckPassword(stored, known, q.Proof) // HTA-30
	if !known {
		return gss.Unknown{}
	}
	return gss.Verdict{Accepted: right}
}

// hashIndex finds users by the hash of their name. It is made once for each
// realm and algorithm that is asked for; both are the server's own, so there are
// few.
type hashIndex struct {
	mu     sync.Mutex
	tables map[hashTable]map[string]string
}

type hashTable struct{ realm, kind string }

// lookup returns the name with the given hash, "" if there is none.
func (x *hashIndex) lookup(realm, kind, hash string, names func(func(string) bool)) string {
	if x == nil { // of no users
		return ""
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	at := hashTable{realm, kind}
	table, ok := x.tables[at]
	if !ok {
		table = hashNames(realm, kind, names)
		if x.tables == nil {
			x.tables = make(map[hashTable]map[string]string)
		}
		x.tables[at] = table
	}
	return table[hash]
}

func hashNames(realm, kind string, names func(func(string) bool)) map[string]string {
	a, ok := digest.ParseAlgorithm(kind)
	if !ok {
		return nil
	}
	f, err := digest.For(a)
	if err != nil {
		return nil
	}
	table := make(map[string]string)
	for name := range names {
		table[f.UserHash(name, realm).String()] = name
	}
	return table
}

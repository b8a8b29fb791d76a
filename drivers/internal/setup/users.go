package setup

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/countersign-auth/countersign/drivers/answer"
)

// Users describes a server's users: their stores, as its options name them. The first store
// that knows a user counts: Passwords, then the files in their order.
type Users struct {
	Passwords map[string]string // by name
	Htdigest  []string          // files
	NTHash    []string          // files
	// NTLM makes the users known to NTLM, in these domains.
	NTLM    bool
	Domains []string
	// Memory remembers nonce counts; nil means one of the default size.
	Memory *answer.ReplayCache

	realms []string // of Htdigest, once it is read, sorted
}

// Format implements fmt.Formatter. It hides the passwords.
func (u Users) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "users(%d)", len(u.Passwords))
} // SECRET-1

// MarshalText implements encoding.TextMarshaler. Its text is that of Format.
func (u Users) MarshalText() ([]byte, error) { return fmt.Append(nil, u), nil }

// Empty reports whether there are no users.
func (u *Users) Empty() bool {
	return len(u.Passwords) == 0 && len(u.Htdigest) == 0 && len(u.NTHash) == 0
}

// Realm returns the realm of all users in Htdigest, or "" if they have several, or there are
// none. It is known after Store.
func (u *Users) Realm() string {
	if len(u.realms) != 1 {
		return ""
	}
	return u.realms[0]
}

// Store returns the answers to a server's questions about users and replays.
func (u *Users) Store() (answer.Source, error) {
	stores := []answer.Source{answer.NewUsers(u.Passwords)}
	u.realms = nil
	for _, name := range u.Htdigest {
		h, err := fromFile(name, answer.ReadHtdigest)
		if err != nil {
			return nil, err
		}
		u.realms = append(u.realms, h.Realms()...)
		stores = append(stores, h)
	}
	slices.Sort(u.realms)
	u.realms = slices.Compact(u.realms)
	// NTLM has a store of its own, which compares domains and ignores the case of names. It is
	// asked first, and its answer is final.
	hashes, err := u.hashes()
	if err != nil {
		return nil, err
	}
	memory := u.Memory
	if memory == nil {
		memory = new(answer.ReplayCache)
	}
	return answer.Chain(memory, hashes, answer.Stores(stores...)), nil
}

// hashes returns the users for NTLM.
func (u *Users) hashes() (answer.Source, error) {
	if !u.NTLM {
		return nil, nil
	}
	named, err := answer.NewNTHashes(u.Passwords, u.Domains...)
	if err != nil {
		return nil, err
	}
	stores := []answer.Source{named}
	for _, name := range u.NTHash {
		read, err := fromFile(name, func(r io.Reader) (*answer.NTHashes, error) { return answer.ReadNTHashes(r, u.Domains...) })
		if err != nil {
			return nil, err
		}
		stores = append(stores, read)
	}
	return answer.Stores(stores...), nil
}

// fromFile reads a store from a file.
func fromFile[S any](name string, read func(io.Reader) (S, error)) (s S, err error) {
	f, err := os.Open(name)
	if err != nil {
		return s, err
	}
	defer f.Close()
	if s, err = read(f); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

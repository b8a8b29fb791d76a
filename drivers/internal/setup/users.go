package setup

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/countersign-auth/countersign/digest"
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

	htdigest []*answer.Htdigest // once they are read
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

// Complete sets what a server's options leave to its users: the realm, which is that of the users
// in Htdigest if all have the same, and otherwise "countersign"; and the algorithms of Digest, which
// are those that each of these files can verify in that realm, or those that any can if there is
// none for all. Call it after Store.
func (u *Users) Complete(o *Options) {
	if o.Realm == "" {
		o.Realm = u.realm()
	}
	if o.Algorithms != nil {
		return
	}
	files, all := 0, map[digest.Algorithm]int{} // in how many files
	for _, h := range u.htdigest {
		algs := h.Algorithms(o.Realm)
		for _, a := range algs {
			all[a]++
		}
		if algs != nil {
			files++
		}
	}
	var some []string
	for a, n := range all {
		if some = append(some, a.String()); n == files { // HTA-35
			o.Algorithms = append(o.Algorithms, a.String())
		}
	}
	if o.Algorithms == nil {
		o.Algorithms = some
	}
	slices.Sort(o.Algorithms) // a trace has them
}

// realm returns the realm for the users of u.
func (u *Users) realm() string {
	var all []string
	for _, h := range u.htdigest {
		all = append(all, h.Realms()...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 1 {
		return all[0]
	}
	return "countersign"
}

// Store returns the answers to a server's questions about users and replays.
func (u *Users) Store() (answer.Source, error) {
	stores := []answer.Source{answer.NewUsers(u.Passwords)}
	u.htdigest = nil
	for _, name := range u.Htdigest {
		h, err := fromFile(name, answer.ReadHtdigest)
		if err != nil {
			return nil, err
		}
		u.htdigest = append(u.htdigest, h)
		stores = append(stores, h)
	}
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

package setup

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

// ParseUser splits NAME:PASSWORD at the first colon. The error repeats neither.
func ParseUser(s string) (name, password string, err error) {
	name, password, ok := strings.Cut(s, ":")
	if !ok || name == "" {
		return "", "", fmt.Errorf("expected NAME:PASSWORD")
	}
	return name, password, nil
}

// Users describes a server's users: their sources, as its options name them.
type Users struct {
	Named     []string          // as NAME:PASSWORD
	Passwords map[string]string // the same, by name
	Htdigest  string            // a file, "" for none
	NTHash    string            // a file, "" for none
	// NTLM makes the users known to NTLM, in these domains.
	NTLM    bool
	Domains []string
	// Memory remembers nonce counts; nil means one of the default size.
	Memory *answer.ReplayCache

	realms []string // of Htdigest, once it is read
}

// Format implements fmt.Formatter. It hides the passwords.
func (u Users) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "users(%d)", len(u.Named)+len(u.Passwords))
} // SECRET-1

// MarshalText implements encoding.TextMarshaler. Its text is that of Format.
func (u Users) MarshalText() ([]byte, error) { return fmt.Append(nil, u), nil }

// Empty reports whether there are no users.
func (u *Users) Empty() bool {
	return len(u.Named) == 0 && len(u.Passwords) == 0 && u.Htdigest == "" && u.NTHash == ""
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
	passwords := make(map[string]string, len(u.Named)+len(u.Passwords))
	maps.Copy(passwords, u.Passwords)
	for _, text := range u.Named {
		name, password, err := ParseUser(text)
		if err != nil {
			return nil, err
		}
		if password == "" {
			return nil, fmt.Errorf("a user needs a password: expected NAME:PASSWORD")
		}
		passwords[name] = password
	}
	known := stores{answer.NewUsers(passwords)}
	if u.Htdigest != "" {
		h, err := fromFile(u.Htdigest, answer.ReadHtdigest)
		if err != nil {
			return nil, err
		}
		u.realms = h.Realms()
		known = append(known, h)
	}
	// NTLM has a store of its own, which compares domains and ignores the case of names. It is
	// asked first, and its answer is final.
	hashes, err := u.hashes(passwords)
	if err != nil {
		return nil, err
	}
	memory := u.Memory
	if memory == nil {
		memory = new(answer.ReplayCache)
	}
	return answer.Chain(memory, hashes, known), nil
}

// hashes returns the users for NTLM.
func (u *Users) hashes(passwords map[string]string) (answer.Source, error) {
	if !u.NTLM {
		return nil, nil
	}
	named, err := answer.NewNTHashes(passwords, u.Domains...)
	if err != nil || u.NTHash == "" {
		return named, err
	}
	read, err := fromFile(u.NTHash, func(r io.Reader) (*answer.NTHashes, error) { return answer.ReadNTHashes(r, u.Domains...) })
	if err != nil {
		return nil, err
	}
	return stores{named, read}, nil
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

// stores holds user stores, of which the first that knows a user counts. All are asked, so
// that the time does not tell which store knows a user, or whether one does.
type stores []answer.Source

// Answer implements [answer.Source].
func (s stores) Answer(ctx context.Context, q gss.Question) gss.Answer {
	var first gss.Answer = gss.Unknown{}
	for _, one := range s {
		if a := one.Answer(ctx, q); first == (gss.Unknown{}) { // HTA-30
			first = a
		}
	}
	return first
}

package setup

import (
	"context"
	"fmt"
	"io"
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

// Users are a server's, from where its options name them.
type Users struct {
	Named    []string // as NAME:PASSWORD
	Htdigest string   // a file, "" for none
	NTHash   string   // a file, "" for none
	// NTLM: the users are to be known to NTLM, in these domains.
	NTLM    bool
	Domains []string
	// Memory remembers nonce counts, nil for one of the default size.
	Memory *answer.Memory
}

// Format implements fmt.Formatter: the passwords stay hidden.
func (u Users) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "users(%d)", len(u.Named)) } // SECRET-1

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (u Users) MarshalText() ([]byte, error) { return fmt.Append(nil, u), nil }

// Empty reports whether nobody could log in.
func (u *Users) Empty() bool { return len(u.Named) == 0 && u.Htdigest == "" && u.NTHash == "" }

// Store answers a server's questions: it knows the users, and remembers against
// replays.
func (u *Users) Store() (answer.Source, error) {
	passwords := make(map[string]string, len(u.Named))
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
		known = append(known, h)
	}
	// NTLM asks a store of its own first, which looks at domains and not at the case
	// of names, and its word is final.
	hashes, err := u.hashes(passwords)
	if err != nil {
		return nil, err
	}
	memory := u.Memory
	if memory == nil {
		memory = new(answer.Memory)
	}
	return answer.Chain(memory, hashes, known), nil
}

// hashes are the users for NTLM.
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

// stores are user stores of which the first that knows a user counts. All are asked, so
// that a user of the first takes as long as one of the last, and one of none.
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

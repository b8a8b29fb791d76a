package answer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// NTHashes is a user store for NTLM acceptors: names and NT hashes, which are as good as
// passwords. It answers gss.NeedVerifier for NTLM with ntlm.Hash under the stored name and
// domain, and declines everything else. An account so has one name, however clients write it.
//
// Names compare without case, as they do on Windows. A user belongs to the
// store's domains, or to one domain alone where the name says so:
//
//	stored           in domains        is                   claimed by clients as
//	alice            LAB, lab.example  LAB\alice            alice, LAB\alice, alice@lab.example
//	alice            "", LAB           alice                alice, LAB\alice, alice@LAB
//	OTHER\alice      any               OTHER\alice          OTHER\alice
//	bob@lab.example  LAB               LAB\bob@lab.example  bob@lab.example
//
// Users have the first of the store's domains, which gss.Info.Name writes before the name.
// A client that claims another domain is unknown: the proof of NTLM is valid for any
// domain that a client names, so that the store must check it.
type NTHashes struct {
	opaque[NTHashes] // no output shows what is in it

	users   map[ntUser]ntlm.Hash
	domains map[string]bool // folded; "" among them
	domain  string          // the first of them as it is written, which users without one are in
}

// ntUser is a user's folded name. domain is "" for those of the store's domains.
type ntUser struct{ domain, user string }

// Bounds on what is read of a file.
const (
	maxNTHashLine = 1024    // bytes
	maxNTHashes   = 1 << 20 // users
)

// NewNTHashes returns a store of users with passwords, given by name. A user without a
// password is an error, a gss.Misuse, and so are NT hashes in FIPS-only mode.
func NewNTHashes(passwords map[string]string, domains ...string) (*NTHashes, error) {
	s := newNTHashes(domains)
	for name, password := range passwords {
		if password == "" {
			return nil, misuse.Errorf("answer", "the password of a user is empty; leave the user out")
		}
		key, fault := ntlm.HashOf(gss.NewSecret(password))
		if !fault.IsZero() {
			return nil, misuse.Errorf("answer", "%v", fault)
		}
		if err := s.add(name, key); err != nil {
			return nil, misuse.Errorf("answer", "%v", err)
		}
	}
	return s, nil
}

// ReadNTHashes reads a store from lines of two forms, which may be mixed; a hash is 32
// hexadecimal digits.
//
//	user:NT
//	user:uid:LM:NT:[flags]:…     smbpasswd(5), pdbedit -Lw
//
// Empty lines, and those that start with "#", are left out, and so are users of
// smbpasswd that may not log on: without an NT hash (X's or NO PASSWORD), disabled (D),
// without a password by permission (N), or no user account (without U). Anything else,
// a user that occurs twice, a line of more than 1,024 bytes, and more than 1<<20 users,
// is an error that names the line by number.
func ReadNTHashes(r io.Reader, domains ...string) (*NTHashes, error) {
	s := newNTHashes(domains)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxNTHashLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.read(line); err != nil {
			return nil, fmt.Errorf("answer: NT hashes, line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("answer: NT hashes, line %d: %w", n+1, err)
	}
	return s, nil
}

func newNTHashes(domains []string) *NTHashes {
	s := &NTHashes{users: make(map[ntUser]ntlm.Hash), domains: map[string]bool{"": true}}
	for i, d := range domains {
		if s.domains[fold(d)] = true; i == 0 {
			s.domain = d
		}
	}
	return s
}

// read takes one line.
func (s *NTHashes) read(line string) error {
	fields := strings.Split(line, ":")
	if fields[0] == "" {
		return fmt.Errorf("want a user's name before the first colon")
	}
	switch {
	case len(fields) == 2:
		key, ok := ntlm.ParseKey(fields[1])
		if !ok {
			return fmt.Errorf("an NT hash has 32 hexadecimal digits")
		}
		return s.add(fields[0], key)
	case len(fields) >= 5:
		if flags := fields[4]; !strings.HasPrefix(flags, "[") || !strings.HasSuffix(flags, "]") {
			return fmt.Errorf("want the account's flags in brackets, as in smbpasswd(5)")
		} else if !strings.Contains(flags, "U") || strings.ContainsAny(flags, "DN") {
			return nil
		}
		if strings.Trim(fields[3], "X") == "" || strings.HasPrefix(fields[3], "NO PASSWORD") {
			return nil
		}
		key, ok := ntlm.ParseKey(fields[3])
		if !ok {
			return fmt.Errorf("an NT hash has 32 hexadecimal digits, or it is NO PASSWORD and X's")
		}
		return s.add(fields[0], key)
	}
	return fmt.Errorf("want user:NT, or the fields of smbpasswd(5)")
}

func (s *NTHashes) add(name string, key ntlm.Key) error {
	user, domain := ntlmssp.SplitUser(name)
	if user == "" {
		return fmt.Errorf("a user has no name")
	}
	at := ntUser{fold(domain), fold(user)}
	switch _, twice := s.users[at]; {
	case twice:
		return fmt.Errorf("a user is there twice; names compare without case")
	case len(s.users) == maxNTHashes:
		return fmt.Errorf("more than %d users", maxNTHashes)
	case domain == "":
		domain = s.domain // NAMES-6
	}
	s.users[at] = ntlm.Hash{User: user, Domain: domain, NT: key}
	return nil
}

// Answer implements [Source].
func (s *NTHashes) Answer(_ context.Context, q gss.Question) gss.Answer {
	need, ok := q.(gss.NeedVerifier)
	if !ok || need.Scheme != scheme.NTLM {
		return gss.Declined{}
	}
	if h, ok := s.find(fold(need.Realm), fold(need.User)); ok {
		return h
	}
	return gss.Unknown{}
}

// find returns the user that a client claims to be.
func (s *NTHashes) find(domain, user string) (ntlm.Hash, bool) {
	if domain != "" {
		if h, ok := s.users[ntUser{domain, user}]; ok {
			return h, true
		}
	}
	if !s.domains[domain] {
		return ntlm.Hash{}, false
	}
	if h, ok := s.users[ntUser{"", user}]; ok {
		return h, true
	}
	// A user principal name of a domain of ours.
	at := strings.LastIndexByte(user, '@')
	if at < 0 || domain != "" && domain != user[at+1:] || user[at+1:] == "" || !s.domains[user[at+1:]] {
		return ntlm.Hash{}, false
	}
	h, ok := s.users[ntUser{"", user[:at]}]
	return h, ok
}

// fold returns a name for comparison: each character in upper case, as the mechanism
// computes with names. No letter beyond ASCII becomes one of ASCII, so that no two users
// compare equal.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if u := unicode.ToUpper(r); r < utf8.RuneSelf || u >= utf8.RuneSelf {
			return u
		}
		return r
	}, name)
}

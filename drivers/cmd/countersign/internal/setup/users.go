package setup

import (
	"context"
	"fmt"
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

// maxSeen is how many nonce counts a server remembers; each takes about 150
// bytes.
const maxSeen = 1 << 16

// UserStore answers a server's questions: users as NAME:PASSWORD, those of an
// htdigest file if one is named, and a memory against replays.
func UserStore(users []string, htdigest string) (answer.Source, error) {
	passwords := make(map[string]string, len(users))
	for _, u := range users {
		name, password, err := ParseUser(u)
		if err != nil {
			return nil, err
		}
		if password == "" {
			return nil, fmt.Errorf("a user needs a password: expected NAME:PASSWORD")
		}
		passwords[name] = password
	}
	stores := stores{answer.NewUsers(passwords)}
	if htdigest != "" {
		f, err := os.Open(htdigest)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		h, err := answer.ReadHtdigest(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", htdigest, err)
		}
		stores = append(stores, h)
	}
	return answer.Chain(&answer.Memory{Max: maxSeen}, stores), nil
}

// stores are user stores of which the first that knows a user counts.
type stores []answer.Source

// Answer implements [answer.Source].
func (s stores) Answer(ctx context.Context, q gss.Question) gss.Answer {
	var last gss.Answer
	for _, one := range s {
		if last = one.Answer(ctx, q); last != (gss.Unknown{}) {
			break
		}
	}
	return last
}

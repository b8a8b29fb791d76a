package side

import (
	"slices"
	"strconv"
	"strings"
)

// Realms is a set of realms that compares with ==: each one quoted, in a line of its own. A side adds one for each refusal that it
// answers, so that [Config].MaxAttempts bounds it.
type Realms string

func (s Realms) has(realm string) bool {
	return slices.Contains(strings.Split(string(s), "\n"), strconv.Quote(realm))
}

func (s Realms) with(realm string) Realms {
	if s.has(realm) {
		return s
	}
	return s + Realms(strconv.Quote(realm)+"\n")
}

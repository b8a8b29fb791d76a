package gss

import (
	"strings"
	"unicode"
)

// OwnerOf returns the name of the owner of a [NeedReplayCheck]: name@realm, in which
// "\" escapes "@" and "\", so that no two clients can make up the same one. Case is
// folded, since stores of users may look names up without it, and one account must
// not be several owners.
func OwnerOf(name, realm string) string {
	var b strings.Builder
	b.Grow(len(name) + len("@") + len(realm))
	for i, part := range [...]string{name, realm} {
		if i > 0 {
			b.WriteByte('@')
		}
		for _, r := range part {
			if r == '\\' || r == '@' {
				b.WriteByte('\\')
			}
			b.WriteRune(fold(r))
		}
	}
	return b.String()
}

// fold returns one of the runes that differ from r in case alone, the same one for all
// of them: a small letter of ASCII where there is one.
func fold(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

package trace

import (
	"reflect"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
)

// leaf writes a type with unexported fields as a text, and makes the value of the text
// again.
type leaf struct {
	typ   reflect.Type
	text  func(any) string
	parse func(string) any
}

// leaves are the values of packages header and gss that have no exported
// fields. The encoder checks that each reads back as the same value, so that a wrong leaf
// is an error and not a wrong encoding.
var leaves = [...]leaf{
	leafFor(
		func(c header.Challenges) string {
			text, cut := c.Written()
			if cut {
				return "+" + text
			}
			return "-" + text
		},
		func(text string) header.Challenges {
			if line, over := strings.CutPrefix(text, "+"); over {
				return header.ParseChallenges(line, strings.Repeat(" ", bound.Text+1))
			}
			return header.ParseChallenges(strings.TrimPrefix(text, "-"))
		}),
	leafFor(
		func(c header.Challenge) string { return valueText(c.Written(), c.Form()) },
		func(text string) header.Challenge {
			for c := range header.ParseChallenges(text).All() {
				return c
			}
			return header.Challenge{}
		}),
	leafFor(
		func(c header.Credentials) string {
			if !c.Present() {
				return ""
			}
			return "+" + valueText(c.Written(), c.Form())
		},
		func(text string) header.Credentials {
			line, present := strings.CutPrefix(text, "+")
			if !present {
				return header.Credentials{}
			}
			return header.ParseCredentials(line)
		}),
	leafFor(
		func(i header.Info) string {
			switch {
			case !i.Present():
				return ""
			case i.Malformed():
				return "-"
			}
			return "+" + i.Text()
		},
		func(text string) header.Info {
			if line, ok := strings.CutPrefix(text, "+"); ok {
				return header.ParseInfo(line)
			}
			if text == "-" {
				return header.ParseInfo("=")
			}
			return header.Info{}
		}),
	leafFor(
		func(s gss.Secret) string { return s.Reveal() },
		gss.NewSecret),
	leafFor(
		func(t gss.Token) string {
			if !t.Present() {
				return ""
			}
			return "+" + t.Bytes()
		},
		func(text string) gss.Token {
			if b, ok := strings.CutPrefix(text, "+"); ok {
				return gss.TokenOf(b)
			}
			return gss.Token{}
		}),
	leafFor(
		func(b gss.Binding) string {
			if data, ok := b.Data(); ok {
				return "+" + data
			} else if hashes, ok := b.Hashes(); ok {
				return "*" + hashes
			} else if b.IsNone() {
				return "-"
			}
			return ""
		},
		func(text string) gss.Binding {
			if data, ok := strings.CutPrefix(text, "+"); ok {
				return gss.BindingOf(data)
			} else if hashes, ok := strings.CutPrefix(text, "*"); ok {
				b, _ := gss.BindingOfHashes(hashes)
				return b
			} else if text == "-" {
				return gss.NoBinding()
			}
			return gss.Binding{}
		}),
	leafFor(
		func(s gss.Seed) string { return string(s[:]) },
		func(text string) (s gss.Seed) {
			if len(text) == len(s) {
				copy(s[:], text)
			}
			return s
		}),
}

func leafFor[T comparable](text func(T) string, parse func(string) T) leaf {
	return leaf{
		reflect.TypeFor[T](),
		func(v any) string { return text(v.(T)) },
		func(s string) any { return parse(s) },
	}
}

func leafOf(t reflect.Type) (leaf, bool) {
	for _, l := range leaves {
		if l.typ == t {
			return l, true
		}
	}
	return leaf{}, false
}

// valueText returns a line that parses to the value that was written so. A malformed
// value has lost the text behind its scheme, and gets a text that cannot follow one.
func valueText(written string, form header.Form) string {
	if form == header.Malformed && written != "" {
		return written + " ="
	}
	return written
}

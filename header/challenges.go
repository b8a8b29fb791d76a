package header

import (
	"fmt"
	"iter"

	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/bound"
)

// Challenges are the challenges of one field over all its lines, in order: a
// small comparable view over the text, parsed as it is iterated. The zero
// Challenges are none.
type Challenges struct {
	text string // the lines, with LF between them
	over bool   // there was more than 128 KiB: one more challenge, Malformed
}

// ParseChallenges takes the lines of a WWW-Authenticate or Proxy-Authenticate
// field. It is total: a part that breaks the grammar becomes a Malformed
// challenge and the others survive. Lines from the first that goes beyond
// 128 KiB on become one Malformed challenge without a scheme.
//
// The result does not depend on how challenges are spread over lines (MS-N2HT section
// 2.2.1).
func ParseChallenges(lines ...string) Challenges {
	text, over := joinLines(lines)
	return Challenges{text, over}
}

// ListOf returns the given challenges as a list, in order, at most 32 of
// them. Malformed ones are left out, because they have no text that could be sent.
func ListOf(cs ...Challenge) Challenges {
	lines := make([]string, 0, bound.Challenges)
	for _, c := range cs {
		if c.Form() != Malformed && len(lines) < bound.Challenges {
			lines = append(lines, c.Text())
		}
	}
	return ParseChallenges(lines...)
}

// Len returns the number of challenges, Malformed ones included, at most
// 32. It parses the text; Empty does not.
func (c Challenges) Len() int {
	n := 0
	c.each(func(Challenge) bool { n++; return true })
	return n
}

// Empty reports whether there are no challenges at all.
func (c Challenges) Empty() bool { return !c.over && skip(c.text, 0, sep) == len(c.text) }

// All iterates over the challenges in order.
func (c Challenges) All() iter.Seq[Challenge] {
	return func(yield func(Challenge) bool) { c.each(yield) }
}

// Of iterates over the challenges of the named scheme, Malformed ones included. Names
// compare without regard to case.
func (c Challenges) Of(scheme string) iter.Seq[Challenge] {
	return func(yield func(Challenge) bool) { c.eachOf(scheme, yield) }
}

// Beyond reports whether a challenge of the named scheme follows the first
// 32, over which All and Of do not go. It reads the rest of the text, for a
// message that says what was missed.
func (c Challenges) Beyond(scheme string) bool {
	p := scanner{s: c.text}
	for n := 0; ; n++ {
		v, ok := p.next()
		if !ok {
			return false
		}
		if n >= bound.Challenges && ascii.EqualFold(v.scheme(), scheme) {
			return true
		}
	}
}

// Flaw says how the first [Malformed] challenge of the named scheme breaks the grammar
// (RFC 9110 section 11.3), and at which byte of the field, counted from 1 with one between
// two lines, without showing any of them. It returns "" if the first 32 challenges have
// none. The scheme "" stands for parts that name none.
func (c Challenges) Flaw(scheme string) string {
	p := scanner{s: c.text}
	for range bound.Challenges {
		v, ok := p.next()
		if !ok {
			break
		}
		if v.form == Malformed && ascii.EqualFold(v.scheme(), scheme) {
			return fmt.Sprintf("byte %d: %s", p.flaw.at+1, p.flaw.how)
		}
	}
	return ""
}

// Written returns the field as it was received, with LF between its lines, and whether
// lines beyond 128 KiB were cut off. It is for records of what a peer sent; unlike
// Text it may hold what must not be sent on.
func (c Challenges) Written() (text string, cut bool) { return c.text, c.over }

// Append returns c followed by more challenges, as if their lines had been parsed
// together.
func (c Challenges) Append(more Challenges) Challenges {
	if c.over {
		return c
	}
	out := ParseChallenges(c.text, more.text)
	out.over = out.over || more.over
	return out
}

func (c Challenges) each(yield func(Challenge) bool) {
	p := scanner{s: c.text}
	for range bound.Challenges { // HTA-6
		v, ok := p.next()
		if !ok {
			if c.over {
				yield(Challenge{})
			}
			return
		}
		if !yield(Challenge{v}) {
			return
		}
	}
}

func (c Challenges) eachOf(scheme string, yield func(Challenge) bool) {
	c.each(func(o Challenge) bool { return !o.Is(scheme) || yield(o) })
}

// joinLines joins the lines that are not empty with LF, as far as they fit into
// 128 KiB, and reports whether they did not (N2HT-2.2.1-5). One line needs no copy.
func joinLines(lines []string) (text string, over bool) {
	n, fit := 0, 0
	for _, l := range lines {
		if l == "" {
			continue
		}
		if n > 0 {
			n++
		}
		if n += len(l); n > bound.Text {
			over = true
			break
		}
		fit = n
		text = l
	}
	if len(text) == fit {
		return text, over
	}
	b := make([]byte, 0, fit)
	for _, l := range lines {
		if l == "" {
			continue
		}
		if len(b) == fit {
			break
		}
		if len(b) > 0 {
			b = append(b, '\n')
		}
		b = append(b, l...)
	}
	return string(b), over
}

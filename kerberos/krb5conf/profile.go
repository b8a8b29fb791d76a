package krb5conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// Bounds on a file.
const (
	maxSize      = 1 << 20 // bytes, all that is included counted too
	maxDepth     = 8       // of braces, and of includes
	maxRelations = 1 << 12 // of the whole configuration
)

// node is a relation, which has a value, or a section, which has nodes below it.
type node struct {
	name, value string
	section     bool
	below       []*node
	final       bool // of a section: later files add nothing to it
}

// parser reads the syntax of MIT's profile library.
type parser struct {
	include func(directive, name string) (string, bool)
	left    int // bytes that may still come
	nodes   int // relations so far
	fault   gss.Fault
}

func (p *parser) fail(line int, what string) {
	if p.fault.IsZero() {
		p.fault = gss.Fault{Code: gss.Malformed, Detail: fmt.Sprintf("krb5conf: line %d: %s", line, what)}
	}
}

// parse adds the sections of a text to root. A line that is no relation is passed over, a section ends the braces before
// it, and the end of the text ends all.
func (p *parser) parse(text string, root *node, depth int) {
	if p.left -= len(text); p.left < 0 {
		p.fail(0, "more than 1 MiB, with all that is included")
		return
	}
	var at []*node // the section and the open braces
	empty := ""    // the name that the line before gave no value: a brace may follow
	n := 0
	for raw := range strings.Lines(text) {
		n++
		line := strings.TrimSpace(raw)
		if !p.fault.IsZero() {
			return
		}
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case p.included(line, n, root, depth):
			continue
		case line[0] == '[':
			end := strings.IndexByte(line, ']')
			if empty = ""; end < 0 { // what follows belongs to no section that is known (KRB-66)
				at = nil
				continue
			}
			s := p.open(root, line[1:end], n)
			s.final = s.final || strings.HasPrefix(line[end+1:], "*")
			at = []*node{s}
			continue
		case len(at) == 0:
			continue // KRB-66
		case line[0] == '}':
			if empty = ""; len(at) == 1 { // KRB-66
				continue
			}
			if strings.HasPrefix(line[1:], "*") {
				at[len(at)-1].final = true
			}
			at = at[:len(at)-1]
			continue
		}
		if line == "{" && empty != "" {
			line = empty + " = {"
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		name, _, final := strings.Cut(name, "*")
		name = strings.TrimSpace(name)
		if empty = ""; !ok || name == "" { // KRB-66
			continue
		}
		switch value {
		case "": // the profile library takes nothing but a brace after it; a value that is empty has quotes
			empty = name
			continue
		case "{":
			if len(at) == maxDepth {
				p.fail(n, "braces more than 8 deep")
				return
			}
			s := p.open(at[len(at)-1], name, n)
			s.final = s.final || final
			at = append(at, s)
			continue
		}
		text, ok := unquote(value)
		if !ok { // KRB-66
			continue
		}
		p.add(at[len(at)-1], &node{name: name, value: text}, n)
	}
}

// add puts one node below another.
func (p *parser) add(to, n *node, line int) {
	if p.nodes++; p.nodes > maxRelations {
		p.fail(line, "more than 4096 relations")
		return
	}
	to.below = append(to.below, n)
}

// open returns the section of a name, made if there is none.
func (p *parser) open(to *node, name string, line int) *node {
	if s := to.sub(name); s != nil {
		return s
	}
	n := &node{name: name, section: true}
	p.add(to, n, line)
	return n
}

// sub returns the section of a name, nil if there is none.
func (n *node) sub(name string) *node {
	for _, b := range n.below {
		if b.section && b.name == name {
			return b
		}
	}
	return nil
}

// before returns what is read of two files, of which n is the earlier one: a section that is final there
// gets nothing of the later one. The mark says nothing to the file that it is in, and for a
// relation nothing at all: krb5.conf(5) has it otherwise, but the profile library does not.
func (n *node) before(later *node) *node {
	both := *n
	both.below = slices.Clone(n.below)
	for _, l := range later.below {
		at := slices.IndexFunc(both.below, func(b *node) bool { return b.section && l.section && b.name == l.name })
		switch {
		case at < 0:
			both.below = append(both.below, l)
		case !both.below[at].final: // KRB-69
			both.below[at] = both.below[at].before(l)
		}
	}
	both.final = n.final || later.final
	return &both
}

// directives are words that begin a line that is no relation.
var directives = map[string]bool{"module": true, "include": true, "includedir": true}

// included deals with include and includedir. A module line would load code, and is passed over.
func (p *parser) included(line string, n int, root *node, depth int) bool {
	directive, name := line, ""
	if at := strings.IndexAny(line, " \t"); at >= 0 {
		directive, name = line[:at], line[at:]
	}
	switch {
	case !directives[directive]:
		return false
	case directive == "module":
		return true
	}
	if depth == maxDepth {
		p.fail(n, "files include each other more than 8 deep")
		return true
	}
	if p.include == nil {
		return true
	}
	text, ok := p.include(directive, strings.TrimSpace(name))
	if !ok {
		p.fail(n, "an included file cannot be read")
		return true
	}
	p.parse(text, root, depth+1)
	return true
}

// unquote takes the quotes off a value, with the escapes that the profile library has.
func unquote(s string) (string, bool) {
	if s == "" || s[0] != '"' {
		return s, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), true
		case c == '\\' && i+1 < len(s):
			i++
			c = s[i]
			if at := strings.IndexByte("ntb", c); at >= 0 {
				c = "\n\t\b"[at]
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// append writes what stands below n, so that it parses to the same.
func (n *node) append(b []byte, indent string) []byte {
	for _, r := range n.below {
		name, equals := r.name, " = "
		if r.final {
			name += "*"
		}
		if directives[name] { // a word of its own would be one
			equals = "="
		}
		b = append(append(append(b, indent...), name...), equals...)
		if r.section {
			b = append(append(r.append(append(b, "{\n"...), indent+"\t"), indent...), "}\n"...)
			continue
		}
		b = append(append(b, quote(r.value)...), '\n')
	}
	return b
}

// quote returns a value as unquote reads it.
func quote(s string) string {
	if s != "" && s == strings.TrimSpace(s) && s != "{" && !strings.HasPrefix(s, `"`) && !strings.ContainsAny(s, "\n") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\b", `\b`).Replace(s) + `"`
}

// values returns all values at a path, in order.
func (n *node) values(path ...string) (list []string) {
	for _, b := range n.below {
		if b.name != path[0] || b.section != (len(path) > 1) {
			continue
		}
		if !b.section {
			list = append(list, b.value)
		} else {
			list = append(list, b.values(path[1:]...)...)
		}
	}
	return list
}

// first returns the first value at a path, "" if there is none.
func (n *node) first(path ...string) string {
	if list := n.values(path...); len(list) > 0 {
		return list[0]
	}
	return ""
}

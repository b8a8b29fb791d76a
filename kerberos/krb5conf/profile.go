package krb5conf

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// Bounds on a file.
const (
	maxSize      = 1 << 20 // bytes, all that is included counted too
	maxDepth     = 8       // of braces, and of includes
	maxRelations = 1 << 12 // of the whole configuration
)

// node is a relation: a name with a value, or with relations below it.
type node struct {
	name, value string
	below       []*node
	final       bool // nothing that comes later adds to it
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
	var at []*node     // the section and the open braces
	var closed []*node // is final when the section is over
	empty := ""        // the relation of the line before, if it had no value: a brace may follow
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
			finish(closed)
			closed = nil
			if empty = ""; end < 0 { // what follows belongs to no section that is known (KRB-66)
				at = nil
				continue
			}
			s := p.open(root, line[1:end], n)
			if strings.HasPrefix(line[end+1:], "*") {
				closed = append(closed, s) // once this section is over
			}
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
		final := strings.HasSuffix(name, "*")
		name = strings.TrimSpace(strings.TrimSuffix(name, "*"))
		if empty = ""; !ok || name == "" { // KRB-66
			continue
		}
		if value == "{" {
			if len(at) == maxDepth {
				p.fail(n, "braces more than 8 deep")
				return
			}
			at = append(at, p.open(at[len(at)-1], name, n))
			continue
		}
		text, ok := unquote(value)
		if !ok { // KRB-66
			continue
		}
		if value == "" {
			empty = name
		}
		p.add(at[len(at)-1], &node{name: name, value: text, final: final}, n)
	}
	finish(closed)
}

// add puts one node below another.
func (p *parser) add(to, n *node, line int) {
	if p.nodes++; p.nodes > maxRelations {
		p.fail(line, "more than 4096 relations")
		return
	}
	to.below = append(to.below, n)
}

// open returns the node of a name, made if there is none. If that is final already, what
// follows is read and dropped.
func (p *parser) open(to *node, name string, line int) *node {
	for _, b := range to.below {
		if b.name == name && b.value == "" {
			if b.final {
				return &node{name: name}
			}
			return b
		}
	}
	n := &node{name: name}
	p.add(to, n, line)
	return n
}

func finish(list []*node) {
	for _, n := range list {
		n.final = true
	}
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
		name, end := r.name, "}\n"
		if r.final {
			end = "}*\n"
		}
		if r.final && r.below == nil || strings.HasSuffix(name, "*") { // the last star is a mark
			name += "*"
		}
		equals := " = "
		if directives[name] { // a word of its own would be one
			equals = "="
		}
		b = append(append(append(b, indent...), name...), equals...)
		if r.below != nil || !r.final && strings.HasSuffix(r.name, "*") { // a value after that star would be final
			b = r.append(append(b, "{\n"...), indent+"\t")
			b = append(append(b, indent...), end...)
			continue
		}
		b = append(append(b, quote(r.value)...), '\n')
	}
	return b
}

// quote returns a value as unquote reads it.
func quote(s string) string {
	if s == strings.TrimSpace(s) && s != "{" && !strings.HasPrefix(s, `"`) && !strings.ContainsAny(s, "\n") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\b", `\b`).Replace(s) + `"`
}

// values returns all values at a path, in order.
func (n *node) values(path ...string) (list []string) {
	for _, b := range n.below {
		if b.name != path[0] {
			continue
		}
		if len(path) == 1 {
			list = append(list, b.value)
		} else {
			list = append(list, b.values(path[1:]...)...)
		}
		if b.final {
			break
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

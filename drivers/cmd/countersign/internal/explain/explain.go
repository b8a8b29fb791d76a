package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/bound"
)

// Node is one line of an explanation, with the lines below it.
type Node struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Note  string `json:"note,omitempty"`
	// Offset is its position in the text, in bytes.
	Offset   int    `json:"offset"`
	Children []Node `json:"children,omitempty"`

	request string // an AP-REQ, for Open
}

// add appends a line below n.
func (n *Node) add(c Node) { n.Children = append(n.Children, c) }

// Fault describes a place where a text is malformed or unknown. Reason repeats nothing of the
// text.
type Fault struct {
	Offset int    `json:"offset"` // in bytes, from 0
	Reason string `json:"reason"`
}

// Error implements error.
func (f Fault) Error() string { return fmt.Sprintf("offset %d: %s", f.Offset, f.Reason) }

// Explanation holds the explanation of a text.
type Explanation struct {
	Tree   Node    `json:"tree"`
	Faults []Fault `json:"faults,omitempty"`
}

// OK reports whether there are no faults.
func (e *Explanation) OK() bool { return len(e.Faults) == 0 }

// MaxFaults bounds the faults of one explanation.
const MaxFaults = 32

func (e *Explanation) fault(offset int, reason string) {
	if len(e.Faults) < MaxFaults {
		e.Faults = append(e.Faults, Fault{offset, reason})
	}
}

// reader explains one kind of field value, which starts at offset at of text.
type reader func(e *Explanation, text string, at int)

// fields holds the known fields.
var fields = []struct {
	name string
	note string
	read reader
}{
	{header.WWWAuthenticate, "the origin's challenges, with 401", readChallenges},
	{header.ProxyAuthenticate, "the proxy's challenges, with 407", readChallenges},
	{header.Authorization, "the client's credentials for the origin", readCredentials},
	{header.ProxyAuthorization, "the client's credentials for the proxy", readCredentials},
	{header.AuthenticationInfo, "the origin's parameters after authentication of the client", readInfo},
	{header.ProxyAuthenticationInfo, "the proxy's parameters after authentication of the client", readInfo},
	{header.PersistentAuthField, "whether the connection stays authenticated", readPersistent},
	{header.ProxySupportField, "what the proxy does for connection-bound schemes", readSupport},
}

// Text returns the explanation of a field line (with its name), a field value, or a token in
// base64. The text is one line; a line end in it is a fault.
func Text(text string) Explanation {
	e := read(text)
	slices.SortStableFunc(e.Faults, func(a, b Fault) int { return a.Offset - b.Offset })
	return e
}

func read(text string) Explanation {
	var e Explanation
	if len(text) > bound.Text {
		e.Tree.Name = "too long"
		e.fault(bound.Text, fmt.Sprintf("a field holds at most %d bytes", bound.Text))
		return e
	}
	at := skip(text, 0, isSpace)
	name := text[at:skip(text, at, isTchar)]
	switch after := at + len(name); {
	case at == len(text):
		e.Tree.Name = "nothing"
		e.fault(at, "expected a field line, a field value or a token")
	case after < len(text) && text[after] == ':' && name != "":
		readField(&e, text, at, name)
	default:
		readBare(&e, text, at, name)
	}
	return e
}

// readField explains a line with its field name.
func readField(e *Explanation, text string, at int, name string) {
	for _, f := range fields {
		if ascii.EqualFold(f.name, name) {
			e.Tree = Node{Name: f.name, Note: f.note, Offset: at}
			f.read(e, text, at+len(name)+1)
			return
		}
	}
	e.Tree = Node{Name: "field", Offset: at}
	e.fault(at, "not a field of HTTP authentication: expected WWW-Authenticate, Authorization, Authentication-Info, their Proxy- counterparts, Persistent-Auth or Proxy-Support")
}

// readBare explains a text without a field name. It tells what the text is by its parameters,
// by known words, and last by whether it is base64.
func readBare(e *Explanation, text string, at int, word string) {
	end := skip(text, at+len(word), isSpace)
	alone := end == len(text)
	switch {
	case word != "" && end < len(text) && text[end] == '=' && !onlyPadding(text[end:]):
		e.Tree = Node{Name: header.AuthenticationInfo, Note: "a value without a field name, told by parameters without a scheme", Offset: at}
		readInfo(e, text, at)
	case alone && parseOne(header.PersistentAuthField, word).PersistentAuth != header.PersistInvalid && word != "":
		e.Tree = Node{Name: header.PersistentAuthField, Note: "a value without a field name", Offset: at}
		readPersistent(e, text, at)
	case alone && ascii.EqualFold(word, header.SessionBased):
		e.Tree = Node{Name: header.ProxySupportField, Note: "a value without a field name", Offset: at}
		readSupport(e, text, at)
	case knownScheme(word) == nil && readToken(e, text, at):
	case isCredentials(text):
		e.Tree = Node{Name: "credentials", Note: "a value without a field name, as in Authorization or Proxy-Authorization", Offset: at}
		readCredentials(e, text, at)
	default:
		e.Tree = Node{Name: "challenges", Note: "a value without a field name, as in WWW-Authenticate or Proxy-Authenticate", Offset: at}
		readChallenges(e, text, at)
	}
}

// onlyPadding reports whether s is the padding of a base64 text.
func onlyPadding(s string) bool { return strings.Trim(s, "= \t") == "" }

// isCredentials reports whether a value is a client's, as far as its form tells.
func isCredentials(text string) bool {
	c := header.ParseCredentials(text)
	if c.Form() == header.Malformed {
		return false
	}
	if c.Is("Basic") && c.Form() == header.Token68 {
		return true
	}
	_, response := c.Param("response")
	return response
}

// readToken explains a bare token; false if text is not base64.
func readToken(e *Explanation, text string, at int) bool {
	c := header.ParseCredentials("Token " + text[at:])
	token, ok := c.Token()
	if !ok {
		return false
	}
	e.Tree = Node{Name: "token", Offset: at}
	explainToken(e, &e.Tree, token, at)
	return true
}

// readChallenges explains a list of challenges.
func readChallenges(e *Explanation, text string, at int) {
	parts := scanList(e, text, at)
	if len(parts) == 0 {
		e.fault(len(text), "expected at least one challenge")
		return
	}
	for i := range parts {
		e.Tree.add(explainPart(e, &parts[i], challenge))
	}
}

// readCredentials explains credentials, which are one value and no list.
func readCredentials(e *Explanation, text string, at int) {
	i := skip(text, at, isSpace)
	if i == len(text) || text[i] == ',' {
		e.fault(i, "expected an auth-scheme")
		return
	}
	parts := scanList(e, text, i)
	e.Tree.add(explainPart(e, &parts[0], credentials))
	if len(parts) > 1 {
		e.fault(parts[1].at, "credentials are one value: expected the end of the line")
	}
}

// readInfo explains parameters without a scheme.
func readInfo(e *Explanation, text string, at int) {
	p := part{at: at, scheme: "Digest", form: header.Params}
	scanParams(e, text, &p)
	if len(p.params) == 0 && e.OK() {
		e.Tree.Note += "; it is empty"
	}
	explainParams(e, &e.Tree, &p, info)
}

// parseOne parses a response with one field, of one line.
func parseOne(field, line string) header.Response {
	return header.ParseResponse(func(name string) []string {
		if name != field {
			return nil
		}
		return []string{line}
	})
}

// readPersistent explains a Persistent-Auth value.
func readPersistent(e *Explanation, text string, at int) {
	i := skip(text, at, isSpace)
	n := Node{Name: "value", Offset: i}
	switch parseOne(header.PersistentAuthField, text[at:]).PersistentAuth {
	case header.PersistTrue:
		n.Value, n.Note = "true", "the connection stays authenticated: further requests need no credentials"
	case header.PersistFalse:
		n.Value, n.Note = "false", "each request has to authenticate"
	default:
		e.fault(i, "expected true or false; anything else is ignored (MS-N2HT section 3.2.5)")
		return
	}
	e.Tree.add(n)
}

// readSupport explains a Proxy-Support value.
func readSupport(e *Explanation, text string, at int) {
	i := skip(text, at, isSpace)
	if !parseOne(header.ProxySupportField, text[at:]).SessionBased {
		e.fault(i, "expected "+header.SessionBased+", the one value that RFC 4559 section 6 defines")
		return
	}
	e.Tree.add(Node{Name: "value", Value: header.SessionBased, Offset: i,
		Note: "the proxy reserves a client's connection to the origin for that client"})
}

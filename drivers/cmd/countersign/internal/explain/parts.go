package explain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// role is the role of a part, which decides what a parameter means.
type role uint8

const (
	challenge role = iota
	credentials
	info
)

// knownSchemes holds a note on each known scheme.
var knownSchemes = []struct{ name, note string }{
	{scheme.Negotiate, "SPNEGO: Kerberos or NTLM, RFC 4559"},
	{scheme.Nego2, "SPNEGO, with the server's token first, MS-N2HT"},
	{scheme.NTLM, "authenticates one connection, MS-NTHT"},
	{scheme.Digest, "proves the password without sending it, RFC 7616"},
	{scheme.Basic, "sends the password in clear text, RFC 7617"},
}

// knownScheme returns the note on a scheme, nil if it is unknown.
func knownScheme(name string) *string {
	for i := range knownSchemes {
		if ascii.EqualFold(knownSchemes[i].name, name) {
			return &knownSchemes[i].note
		}
	}
	return nil
}

// explainPart explains one challenge, or the credentials.
func explainPart(e *Explanation, p *part, r role) Node {
	n := Node{Name: p.scheme, Offset: p.at}
	note := knownScheme(p.scheme)
	if p.scheme == "" || note == nil && p.form == header.Bare { // the latter may be a secret without a scheme
		n.Name = "something"
	}
	switch {
	case p.form == header.Malformed:
		n.Note = "malformed, and ignored"
	case note == nil:
		n.Note = "an unknown scheme"
		e.fault(p.at, "unknown auth-scheme: expected Negotiate, Nego2, NTLM, Digest or Basic")
	default:
		n.Note = *note
	}
	switch {
	case note == nil || p.form == header.Malformed:
		explainShape(&n, p)
	case p.form == header.Params:
		explainParams(e, &n, p, r)
	case ascii.EqualFold(p.scheme, scheme.Digest):
		e.fault(p.at, "Digest needs parameters")
	case p.form == header.Bare && r == credentials:
		e.fault(p.at+len(p.scheme), "credentials need a token behind the scheme")
	case p.form == header.Token68:
		token, ok := header.ParseCredentials(p.scheme + " " + p.token).Token()
		if !ok {
			e.fault(p.bodyAt+len(p.token), "invalid base64: the token's alphabet, length or padding is wrong")
			break
		}
		if ascii.EqualFold(p.scheme, scheme.Basic) {
			explainPair(e, &n, token, p.bodyAt)
			break
		}
		t := Node{Name: "token", Offset: p.bodyAt}
		explainToken(e, &t, token, p.bodyAt)
		n.add(t)
	}
	return n
}

// explainShape describes the form of an unknown part, without its contents.
func explainShape(n *Node, p *part) {
	if p.form == header.Token68 {
		n.add(Node{Name: "token68", Value: count(len(p.token), "byte"), Offset: p.bodyAt})
	}
	for _, q := range p.params {
		n.add(Node{Name: q.name, Value: count(len(q.value), "byte"), Offset: q.at})
	}
}

// explainPair explains the name and the password of Basic.
func explainPair(e *Explanation, n *Node, pair string, at int) {
	user, _, ok := strings.Cut(pair, ":")
	switch {
	case !ok:
		e.fault(at, "Basic credentials are the base64 of name:password: there is no colon")
	case !utf8.ValidString(pair):
		n.add(Node{Name: "user", Value: strconv.QuoteToASCII(user), Note: "not UTF-8: an old client's Latin-1", Offset: at})
		n.add(Node{Name: "password", Value: "***", Offset: at})
	default:
		n.add(Node{Name: "user", Value: strconv.Quote(user), Offset: at})
		n.add(Node{Name: "password", Value: "***", Offset: at})
	}
}

// meaning describes a parameter. roles lists the parts that it may be in, as letters: c
// challenge, a credentials, i info. look returns more on its value, or what is wrong
// with it.
type meaning struct {
	name, roles, note string
	look              func(value string) (note, fault string)
}

var digestMeanings = []meaning{
	{"realm", "ca", "the protection space: which password is meant", nil},
	{"nonce", "ca", "the server's value, which the proof covers", nonEmpty},
	{"opaque", "ca", "the server's value, which the client returns unchanged", nil},
	{"domain", "c", "the URIs for which the same credentials are valid", nil},
	{"stale", "c", "whether the nonce has expired, and the password may be right", nil},
	{"algorithm", "ca", "the hash", lookAlgorithm},
	{"qop", "cai", "quality of protection", lookQOP},
	{"charset", "c", "how name and password are encoded", lookCharset},
	{"userhash", "ca", "whether the user name is hashed", nil},
	{"username", "a", "the user name", nil},
	{"username*", "a", "the user name, encoded by RFC 8187", lookExt},
	{"uri", "a", "the request-target that the proof is for", nonEmpty},
	{"response", "a", "the proof: a hash over password, nonce, method and uri", lookHash},
	{"cnonce", "ai", "the client's nonce", nonEmpty},
	{"nc", "ai", "how often this nonce was used, in hex", lookCount},
	{"nextnonce", "i", "the nonce for the next request", nonEmpty},
	{"rspauth", "i", "the server's proof that it knows the password", lookHash},
}

var basicMeanings = []meaning{
	{"realm", "c", "the protection space: which password is meant", nil},
	{"charset", "c", "how name and password are encoded", lookCharset},
}

// required holds the parameters that each role needs.
var required = [...][]string{
	challenge:   {"nonce"}, // some servers omit the realm
	credentials: {"nonce", "uri", "response"},
	info:        {},
}

// explainParams explains the parameters of Digest or Basic.
func explainParams(e *Explanation, n *Node, p *part, r role) {
	table := digestMeanings
	if ascii.EqualFold(p.scheme, scheme.Basic) {
		table = basicMeanings
	}
	for _, q := range p.params {
		n.add(explainParam(e, q, table, r))
	}
	if r == credentials {
		explainAnswer(e, p)
	}
	if ascii.EqualFold(p.scheme, scheme.Digest) && p.form == header.Params {
		for _, name := range required[r] {
			if _, ok := find(p, name); !ok {
				e.fault(p.at, "Digest needs the parameter "+name+" here")
			}
		}
	}
}

func explainParam(e *Explanation, q param, table []meaning, r role) Node {
	n := Node{Name: q.name, Value: strconv.Quote(q.value), Offset: q.at, Note: "unknown, and ignored"}
	if !q.quoted {
		n.Value = q.value // a token
	}
	for _, m := range table {
		if !ascii.EqualFold(m.name, q.name) {
			continue
		}
		n.Note = m.note
		if strings.IndexByte(m.roles, "cai"[r]) < 0 {
			n.Note += "; it is not allowed here"
		}
		if m.look == nil {
			break
		}
		more, fault := m.look(q.value)
		if more != "" {
			n.Note += ": " + more
		}
		if fault != "" {
			e.fault(q.valueAt, fault)
		}
		break
	}
	return n
}

// explainAnswer reports what is inconsistent in Digest credentials.
func explainAnswer(e *Explanation, p *part) {
	_, plain := find(p, "username")
	ext, both := find(p, "username*")
	if plain && both {
		e.fault(ext.at, "username and username* exclude each other (RFC 7616 section 3.4)")
	}
	if !plain && !both {
		e.fault(p.at, "Digest needs the parameter username or username*")
	}
	size, name := 32, "MD5"
	if q, ok := find(p, "algorithm"); ok {
		a, known := digest.ParseAlgorithm(q.value)
		if !known {
			return
		}
		if name = a.String(); a.Base() != digest.MD5 {
			size = 64
		}
	}
	if q, ok := find(p, "response"); ok && len(q.value) != size {
		e.fault(q.valueAt, fmt.Sprintf("a response by %s has %d hex digits", name, size))
	}
}

func find(p *part, name string) (param, bool) {
	for _, q := range p.params {
		if ascii.EqualFold(q.name, name) {
			return q, true
		}
	}
	return param{}, false
}

func nonEmpty(v string) (string, string) {
	if v == "" {
		return "", "expected a non-empty value"
	}
	return "", ""
}

func lookAlgorithm(v string) (string, string) {
	a, ok := digest.ParseAlgorithm(v)
	switch {
	case !ok:
		return "unknown: clients cannot answer it", ""
	case a.Base() == digest.MD5:
		return "old and weak, but supported everywhere", ""
	}
	return "", ""
}

var qops = map[string]string{"auth": "covers method and uri", "auth-int": "covers the body too"}

func lookQOP(v string) (string, string) {
	var notes []string
	for m := range strings.SplitSeq(v, ",") {
		if note := qops[strings.ToLower(strings.Trim(m, " \t"))]; note != "" {
			notes = append(notes, note)
		}
	}
	if notes == nil {
		return "", "expected auth or auth-int"
	}
	return strings.Join(notes, "; "), ""
}

func lookCharset(v string) (string, string) {
	if !ascii.EqualFold(v, "UTF-8") {
		return "", "expected UTF-8, the only value"
	}
	return "", ""
}

func lookExt(v string) (string, string) {
	name, ok := header.DecodeExt(v)
	if !ok {
		return "", "expected UTF-8''name with percent-encoding"
	}
	return strconv.Quote(name), ""
}

func lookCount(v string) (string, string) {
	n, err := strconv.ParseUint(v, 16, 32)
	if err != nil || len(v) != 8 {
		return "", "expected 8 hex digits"
	}
	return "time " + strconv.FormatUint(n, 10), ""
}

func lookHash(v string) (string, string) {
	if v == "" || strings.Trim(v, "0123456789abcdefABCDEF") != "" {
		return "", "expected hex digits"
	}
	return count(len(v)*4, "bit"), ""
}

// count returns a text such as "1 byte" or "2 bytes".
func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

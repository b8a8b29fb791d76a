// Package reqtarget parses request-targets (RFC 9112 section 3.2), which name the resource of a request.
package reqtarget

import (
	"strings"

	"github.com/countersign-auth/countersign/internal/ascii"
)

// Form is one of the four forms of a request-target (RFC 9112 section 3.2).
type Form uint8

const (
	// Invalid is a text that has none of the forms, or not the form that its
	// method asks for; the response is 400 (Bad Request). It is the zero Form.
	Invalid Form = iota
	// Origin is a path with an optional query (RFC 9112 section 3.2.1).
	Origin
	// Absolute is an http or https URI (RFC 9112 section 3.2.2).
	Absolute
	// Authority is the host and port of a CONNECT (RFC 9112 section 3.2.3).
	Authority
	// Asterisk is the "*" of an OPTIONS (RFC 9112 section 3.2.4).
	Asterisk
)

// Target is a request-target in parts, a comparable value. [Parse] makes those that
// are valid; the zero Target is invalid.
type Target struct {
	Form Form
	// Scheme is "http" or "https" for the absolute form, and "" for the others.
	Scheme string
	// Host is the host of the absolute and the authority form, in lower case and
	// without brackets, and "" for the others.
	Host string
	// Port is the port of the absolute and the authority form, 0 where the target
	// names none.
	Port uint16
	// Resource is the part of the target that the origin server reads: the path and the
	// query as they were written, with "/" for an empty path; "*" for the asterisk form,
	// and for an OPTIONS with an absolute form that has neither path nor query (RFC 9112
	// section 3.2.4); the host and port of the authority form as written; "" if the
	// target is invalid.
	Resource string
}

// maxText bounds a target, in bytes, as header bounds the fields.
const maxText = 128 << 10

// Parse parses the request-target of a request with that method. It is total:
// what has none of the four forms is invalid.
//
// It is stricter than RFC 3986 where two readers could disagree about the resource.
// The absolute form has the scheme http or https and an authority (RFC 9110 sections
// 4.2.1 and 4.2.2) without user information (section 4.2.4); for CONNECT the authority
// has a port (section 9.3.6); "*" is for OPTIONS alone. No form has a fragment, white
// space or a control character, and a percent sign in a path starts a percent-encoded
// octet. It is laxer where deployed clients are: other characters that RFC 3986 wants
// encoded, octets from 0x80 among them, are left as they are. A text of more than
// 128 KiB is invalid.
func Parse(method, text string) Target { // R9112-3.2-1
	switch {
	case text == "" || len(text) > maxText:
		return Target{}
	case method == "CONNECT":
		host, port, ok := ParseAuthority(text)
		if !ok || port == 0 { // RFC 9110 section 9.3.6
			return Target{}
		}
		return Target{Form: Authority, Host: host, Port: port, Resource: text}
	case text == "*":
		if method != "OPTIONS" {
			return Target{}
		}
		return Target{Form: Asterisk, Resource: "*"}
	case text[0] == '/':
		if !isResource(text) {
			return Target{}
		}
		return Target{Form: Origin, Resource: text}
	}
	scheme, rest, _ := strings.Cut(text, "://")
	switch {
	case ascii.EqualFold(scheme, "http"):
		scheme = "http"
	case ascii.EqualFold(scheme, "https"):
		scheme = "https"
	default:
		return Target{}
	}
	n := strings.IndexAny(rest, "/?")
	if n < 0 {
		n = len(rest)
	}
	host, port, ok := ParseAuthority(rest[:n])
	resource := rest[n:]
	switch {
	case !ok || !isResource(resource): // R9110-4.2.1-1
		return Target{}
	case resource == "" && method == "OPTIONS":
		resource = "*"
	case resource == "" || resource[0] == '?': // RFC 9110 section 4.2.3
		resource = "/" + resource
	}
	return Target{Form: Absolute, Scheme: scheme, Host: host, Port: port, Resource: resource}
}

// ParseAuthority parses the authority of an http or https URI, which is also the value
// of a Host field (RFC 9110 sections 4.2 and 7.2): a host, and a port if a colon and
// digits follow. The host is in lower case and without brackets; port is 0 where none
// is named. It fails for an empty host, user information, percent-encoded octets, a
// bracketed text that is no IPv6 address, and a port that is no port.
func ParseAuthority(text string) (host string, port uint16, ok bool) {
	if len(text) > maxText {
		return "", 0, false
	}
	end := 0
	if strings.HasPrefix(text, "[") {
		n := strings.IndexByte(text, ']')
		if n < 0 || !isIPv6(text[1:n]) {
			return "", 0, false
		}
		host, end = text[1:n], n+1
	} else {
		for end < len(text) && isHost(text[end]) {
			end++
		}
		host = text[:end]
	}
	if host == "" {
		return "", 0, false
	}
	if end < len(text) {
		if port, ok = parsePort(text[end:]); !ok {
			return "", 0, false
		}
	}
	return strings.ToLower(host), port, true
}

// isHost reports whether c may be in a host: a reg-name without its pct-encoded octets,
// RFC 3986 section 3.2.2.
func isHost(c byte) bool {
	return 'a' <= ascii.Lower(c) && ascii.Lower(c) <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=", c) >= 0
}

// parsePort reads ":" *DIGIT; no digits are no port. A port has no leading zeros, which
// some take for another base.
func parsePort(s string) (port uint16, ok bool) {
	if s[0] != ':' || len(s) > len(":65535") || len(s) > 1 && s[1] == '0' {
		return 0, false
	}
	n := 0
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return uint16(n), n <= 0xFFFF
}

// isResource reports whether s is a path with an optional query.
func isResource(s string) bool {
	path := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c == 0x7F || c == '#':
			return false
		case c == '?':
			path = false
		case c == '%' && path:
			if i+2 >= len(s) || !ascii.IsHex(s[i+1]) || !ascii.IsHex(s[i+2]) {
				return false
			}
		}
	}
	return true
}

// isIPv6 reports whether s is an IPv6address (RFC 3986 section 3.2.2). Zone
// identifiers are none.
func isIPv6(s string) bool {
	groups, elided := 0, false
	if strings.HasPrefix(s, "::") {
		elided, s = true, s[2:]
		if s == "" {
			return true
		}
	}
	for {
		n := 0
		for n < len(s) && ascii.IsHex(s[n]) {
			n++
		}
		switch {
		case n < len(s) && s[n] == '.': // the last 32 bits in decimal
			groups += 2
			return isIPv4(s) && groups <= 8 && elided == (groups < 8)
		case n == 0 || n > 4:
			return false
		}
		groups++
		if s = s[n:]; s == "" {
			break
		}
		switch {
		case s[0] != ':':
			return false
		case strings.HasPrefix(s, "::"):
			if elided {
				return false
			}
			elided, s = true, s[2:]
			if s == "" {
				return groups < 8
			}
		default:
			s = s[1:]
		}
		if groups == 8 {
			return false
		}
	}
	return groups <= 8 && elided == (groups < 8)
}

// isIPv4 reports whether s is an IPv4address (RFC 3986 section 3.2.2).
func isIPv4(s string) bool {
	for part := range 4 {
		n, digits := 0, 0
		for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' && digits < 3 {
			n = n*10 + int(s[digits]-'0')
			digits++
		}
		if digits == 0 || n > 255 || digits > 1 && s[0] == '0' {
			return false
		}
		s = s[digits:]
		if part < 3 {
			if s == "" || s[0] != '.' {
				return false
			}
			s = s[1:]
		}
	}
	return s == ""
}

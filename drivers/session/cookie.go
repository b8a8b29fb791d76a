package session

import (
	"net/http"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
)

// cookie returns the value of the cookie with a name in the Cookie fields of a request (RFC 6265
// section 4.2.1). It returns "" if there is none. Several of one name are a fault: they come from
// different hosts or paths, and nothing tells which one is this server's.
func cookie(fields []string, name string) (value string, f gss.Fault) {
	found := false
	for _, field := range fields {
		for pair := range strings.SplitSeq(field, ";") {
			n, v, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			switch {
			case !ok || n != name:
			case found: // SESS-8
				return "", gss.Fault{Code: gss.Malformed, Detail: "the request has several cookies of the session's name; none is taken"}
			default:
				value, found = v, true
			}
		}
	}
	return value, gss.Fault{}
}

// setCookie returns the value of a Set-Cookie field that sets the cookie, and for "" one that
// removes it. Without an age the browser forgets it when it is closed.
func (s *Sessions) setCookie(value string) string {
	var b strings.Builder
	b.WriteString(s.name + "=" + value + "; Path=/")
	if s.conf.Domain != "" {
		b.WriteString("; Domain=" + s.conf.Domain)
	}
	if value == "" {
		b.WriteString("; Max-Age=0")
	}
	if !s.conf.Insecure {
		b.WriteString("; Secure") // SESS-7
	}
	b.WriteString("; HttpOnly")
	switch s.conf.SameSite {
	case http.SameSiteStrictMode:
		b.WriteString("; SameSite=Strict")
	case http.SameSiteNoneMode:
		b.WriteString("; SameSite=None")
	default:
		b.WriteString("; SameSite=Lax")
	}
	return b.String()
}

const (
	setCookieField = "Set-Cookie"
	cacheControl   = "Cache-Control"
)

// strip removes the session's cookie from the fields of a response.
func (s *Sessions) strip(h hop.Header) {
	all := h.Values(setCookieField)
	own := func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return strings.Trim(name, " \t") == s.name
	}
	var others []string
	for _, line := range all {
		if !own(line) {
			others = append(others, line)
		}
	}
	if len(others) == len(all) {
		return
	}
	h.Del(setCookieField)
	for _, line := range others {
		h.Add(setCookieField, line)
	}
}

// personal makes a response one that shared caches do not store, as they would not if its request
// had an Authorization field, and reports whether they do not. Where the handler says that they may
// (RFC 9111 section 3.5), the response stays as it is.
func personal(h hop.Header) bool {
	may := false
	for _, field := range h.Values(cacheControl) {
		for directive := range directives(field) {
			switch strings.ToLower(directive) {
			case "private", "no-store":
				return true
			case "public", "s-maxage", "must-revalidate":
				may = true
			}
		}
	}
	if may {
		return false
	}
	h.Add(cacheControl, "private") // SESS-10
	return true
}

// directives yields the names of the directives of a Cache-Control field. A private or no-cache
// that names fields, "private=…", says nothing of the response and is yielded with its sign.
func directives(field string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for field != "" {
			end, quoted := 0, false
			for end < len(field) && (quoted || field[end] != ',') {
				switch {
				case field[end] == '"':
					quoted = !quoted
				case quoted && field[end] == '\\':
					end++
				}
				end++
			}
			end = min(end, len(field))
			name, _, valued := strings.Cut(strings.Trim(field[:end], " \t"), "=")
			if valued && strings.EqualFold(name, "private") {
				name += "="
			}
			if !yield(name) {
				return
			}
			field = field[min(end+1, len(field)):]
		}
	}
}

package digest

import (
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/internal/ascii"
)

// place is where a request goes, as far as a URI can say so.
type place struct {
	uri, authority string // of the request
	scheme, host   string // of the target
	port           uint16
}

// absolute is an absolute-form URI in parts.
type absolute struct {
	scheme, authority string
	path              string // with the query; "/" for an empty path
}

// splitAbsolute splits a URI with an authority into its parts. It reports false for any
// other URI, as a path or an opaque one.
func splitAbsolute(uri string) (absolute, bool) {
	s, rest, ok := strings.Cut(uri, "://")
	if !ok || s == "" || strings.ContainsAny(s, "/?#") {
		return absolute{}, false
	}
	// The authority ends at the first of these (RFC 3986 section 3.2).
	n := strings.IndexAny(rest, "/?#")
	if n < 0 {
		n = len(rest)
	}
	u := absolute{scheme: s, authority: rest[:n], path: rest[n:]}
	switch {
	case u.authority == "":
		return absolute{}, false
	case u.path == "":
		u.path = "/"
	case u.path[0] != '/':
		u.path = "/" + u.path
	}
	return u, true
}

// sameOrigin reports whether u has the scheme and authority of the exchange. Host
// and scheme compare without case, and a port that is the default may be left out
// (RFC 9110 section 4.2.3); nothing else is normalised.
func (u absolute) sameOrigin(x *place) bool {
	// The authority of the request is the Host field. If it is unknown it is made from
	// the target.
	authority := x.authority
	if authority == "" {
		authority = x.host
		if strings.Contains(authority, ":") {
			authority = "[" + authority + "]"
		}
		if x.port != 0 {
			authority += ":" + strconv.Itoa(int(x.port))
		}
	}
	port := defaultPort(u.scheme)
	return ascii.EqualFold(u.scheme, x.scheme) && authority != "" && ascii.EqualFold(undotted(u.authority, port), undotted(authority, port))
}

// undotted returns an authority without its scheme's default port, and without the dot that
// ends a fully qualified name: the host is the same with and without it.
func undotted(authority, defaultPort string) string { // NAMES-1
	host := strings.TrimSuffix(authority, defaultPort)
	port := ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i:]
	}
	return strings.TrimSuffix(host, ".") + port
}

func defaultPort(scheme string) string {
	switch {
	case ascii.EqualFold(scheme, "http"):
		return ":80"
	case ascii.EqualFold(scheme, "https"):
		return ":443"
	}
	return ":" // matches an empty port
}

// designates reports whether a uri parameter names the resource of the request
// (RFC 7616 section 3.4.6, R7616-3.4.6-1, C29): it equals the request-target, or
// is the absolute form of it with the request's own scheme and authority. With
// PathToProxy it may be the path of the absolute form, with MissingQuery any of
// these without their query.
func designates(uri string, x *place, t Tolerance) bool {
	if uri == "" { // V3
		return false
	}
	if names(uri, x.uri, x, t) {
		return true
	}
	// Old clients leave the query out of the uri, which makes their proof valid for all
	// queries of the path.
	bare, _, hasQuery := strings.Cut(x.uri, "?")
	return t&MissingQuery != 0 && hasQuery && names(uri, bare, x, t)
}

// names reports what designates does for a request-target of x, whole or in part.
func names(uri, target string, x *place, t Tolerance) bool {
	if uri == target {
		return true
	}
	u, ok := splitAbsolute(uri)
	r, targetIsAbsolute := splitAbsolute(target)
	switch {
	// The uri may be in absolute form although the request is in origin form (C29).
	case ok && u.sameOrigin(x) && u.path == target:
		return true
	case ok && targetIsAbsolute && u.sameOrigin(x) && r.sameOrigin(x) && u.path == r.path:
		return true // the same URI, written in another case or with its port
	}
	return t&PathToProxy != 0 && targetIsAbsolute && uri == r.path
}

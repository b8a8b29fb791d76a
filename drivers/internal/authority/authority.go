// Package authority splits and joins authorities of URLs, host[:port].
package authority

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// Split splits an authority (RFC 3986 section 3.2). It returns the host in lower
// case without brackets, and the port, which is the scheme's default if the authority
// has none or ends with the colon. An authority with an invalid port, or in which host
// and port cannot be told apart, is an error: it does not fall back to the scheme's
// port. The error does not contain the authority.
func Split(scheme, authority string) (host string, port uint16, err error) {
	host, digits := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, digits = authority[:i], authority[i+1:]
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return "", 0, errAuthority
		}
	} else if strings.ContainsAny(host, ":]") {
		return "", 0, errAuthority
	}
	if strings.ContainsAny(host, "[]@/?#\\ \t\r\n") {
		return "", 0, errAuthority
	}
	if digits == "" {
		return strings.ToLower(host), ownPort(scheme), nil
	}
	n, err := strconv.ParseUint(digits, 10, 16) // no sign, at most 65535
	if err != nil || n == 0 {
		return "", 0, errPort // CONN-2
	}
	return strings.ToLower(host), uint16(n), nil
}

var (
	errAuthority = errors.New("not a valid host[:port]")
	errPort      = errors.New("the port must be a number from 1 to 65535")
)

// ownPort returns the default port of a scheme.
func ownPort(scheme string) uint16 {
	switch strings.ToLower(scheme) {
	case "https":
		return 443
	case "socks5", "socks5h":
		return 1080
	}
	return 80
}

// Join returns host[:port] in normal form, without the scheme's default port (RFC
// 9110 section 4.2.3).
func Join(scheme, host string, port uint16) string {
	if port != ownPort(scheme) {
		return net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

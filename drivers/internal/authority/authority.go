// Package authority splits and joins authorities of URLs, host[:port].
package authority

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Split splits an authority (RFC 3986 section 3.2). It returns the host in lower
// case without brackets, as DNS and net/http have it (A-labels in place of U-labels, RFC 5890
// section 2.3.2.1), and the port, which is the scheme's default if the authority
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
	if host, err = toASCII(host); err != nil {
		return "", 0, err
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

// Host returns a host in lower case and with A-labels, or as it is if it has none.
func Host(host string) string {
	if a, err := toASCII(host); err == nil {
		host = a
	}
	return strings.ToLower(host)
}

// toASCII returns the A-labels of a host (NAMES-5). One that is ASCII stays as it is, also where
// no registry would take it: names with underscores exist.
func toASCII(host string) (string, error) {
	if isASCII(host) {
		return host, nil
	}
	a, err := idna.Lookup.ToASCII(host)
	if err != nil || a == "" || !utf8.ValidString(host) {
		return "", errAuthority
	}
	return a, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Wire returns an authority as it is sent: unchanged, but for A-labels in place of U-labels. One
// that [Split] does not take is returned as it is.
func Wire(authority string) string {
	host, _, err := Split("", authority)
	if isASCII(authority) || err != nil {
		return authority
	}
	port := ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 {
		port = authority[i:]
	}
	return host + port
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

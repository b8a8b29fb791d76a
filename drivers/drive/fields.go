package drive

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Refusal returns the reply to a request that machine.Incoming refused with that
// status. After an invalid request-target an HTTP/1.1 connection is closed, because
// another reader could disagree on where the next request begins.
func Refusal(in machine.Incoming, status int) machine.Reply {
	if status == 400 { // RFC 9112 section 3.2
		return machine.Reply{Status: status, Close: !in.Multiplexed, Fault: gss.Fault{Code: gss.Malformed, Detail: "the request-target or the Host field is invalid, or names another server"}}
	}
	return machine.Reply{Status: status, Fault: gss.Fault{Code: gss.NotPermitted, Detail: "the request names another scheme than that of its connection; set AnyScheme if a front server terminates TLS"}}
}

// HostPort splits an authority (RFC 3986 section 3.2). It returns the host in lower
// case without brackets, and the port, which is the scheme's default if the authority
// has none or ends with the colon. An authority with an invalid port, or in which host
// and port cannot be told apart, is an error: it does not fall back to the scheme's
// port. The error does not contain the authority.
func HostPort(scheme, authority string) (host string, port uint16, err error) {
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
	errAuthority = errors.New("drive: not a valid host[:port]")
	errPort      = errors.New("drive: the port must be a number from 1 to 65535")
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

// Authority returns host[:port] in normal form, without the scheme's default port (RFC
// 9110 section 4.2.3).
func Authority(scheme, host string, port uint16) string {
	if port != ownPort(scheme) {
		return net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// ReplyText returns the content for a reply, where status is the text of its status.
// For a 400 it also says, in fixed words, what is wrong with the credentials, since a
// 400 has no challenge: a client would answer a challenge with the same credentials
// again. A client that gets a challenge is told nothing.
func ReplyText(a machine.Reply, status string) string {
	if a.Status == 400 && !a.Fault.IsZero() { // R7616-3.4.6-2
		return status + ": " + a.Fault.Code.String()
	}
	return status
}

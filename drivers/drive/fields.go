package drive

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Refusal returns the reply to a request that machine.Incoming refused with that status.
// A connection of HTTP/1.1 closes after an invalid request-target: it is not known where
// the next request begins for another reader.
func Refusal(in machine.Incoming, status int) machine.Reply {
	if status == 400 { // RFC 9112 section 3.2
		return machine.Reply{Status: status, Close: !in.Multiplexed, Fault: gss.Fault{Code: gss.Malformed, Detail: "the request-target or the Host field is invalid, or not for this server"}}
	}
	return machine.Reply{Status: status, Fault: gss.Fault{Code: gss.NotPermitted, Detail: "the request names another scheme than its connection has; AnyScheme takes it, where a front ends TLS"}}
}

// HostPort takes an authority apart (RFC 3986 section 3.2): the host in lower case
// without brackets, and the port, which is the scheme's own where none is given or
// where nothing follows the colon. An authority whose port is none, or whose host
// cannot be told from its port, is an error: it names no server, least of all the
// one on the scheme's own port (CONN-2). The error shows nothing of it.
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
	n, err := strconv.ParseUint(digits, 10, 16) // no sign, no more than 65535
	if err != nil || n == 0 {
		return "", 0, errPort
	}
	return strings.ToLower(host), uint16(n), nil
}

var (
	errAuthority = errors.New("drive: this is no host[:port]")
	errPort      = errors.New("drive: the port must be a number within 1 to 65535")
)

// ownPort is the port of a scheme where an authority names none.
func ownPort(scheme string) uint16 {
	switch strings.ToLower(scheme) {
	case "https":
		return 443
	case "socks5", "socks5h":
		return 1080
	}
	return 80
}

// Authority is host[:port] in normal form, without the scheme's own port (RFC
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

// ReplyText is the content for a reply whose status has the given text. A 400 also says,
// in words of ours, what is wrong with the credentials, since no challenge comes with it: a
// client would answer one with the same credentials again (R7616-3.4.6-2). A
// client that is challenged anew is told nothing.
func ReplyText(a machine.Reply, status string) string {
	if a.Status == 400 && !a.Fault.IsZero() {
		return status + ": " + a.Fault.Code.String()
	}
	return status
}

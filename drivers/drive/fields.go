package drive

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// Header is a message's fields, as a driver's own library has them. http.Header is one.
type Header interface {
	Values(name string) []string
	Set(name, value string)
	Add(name, value string)
	Del(name string)
}

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

// ApplySend sets the credentials that the client's machine made. A field that
// the application set itself stays where the machine has nothing for it.
func ApplySend(h Header, a machine.Send) {
	if a.Authorization.Present() {
		h.Set(header.Authorization, a.Authorization.Text())
	}
	if a.ProxyAuthorization.Present() {
		h.Set(header.ProxyAuthorization, a.ProxyAuthorization.Text())
	}
}

// ApplyReply writes the challenges of a 401 or 407, and the Retry-After of a 503.
func ApplyReply(h Header, a machine.Reply) {
	AddChallenges(h, a.Side, a.Challenges)
	if a.RetryAfter != 0 { // REPLAY-3
		h.Set("Retry-After", strconv.Itoa(int(a.RetryAfter)))
	}
	if a.Close {
		h.Set("Connection", "close")
	}
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

// ApplyFinish adds a server's last word to the handler's response.
func ApplyFinish(h Header, a machine.Finish) {
	AddChallenges(h, gss.Origin, a.Challenges)
	if a.Info.Present() && a.Info.Text() != "" {
		h.Set(header.AuthenticationInfo, a.Info.Text())
	}
	if t := a.PersistentAuth.Text(); t != "" {
		h.Set(header.PersistentAuthField, t)
	}
	if a.Close {
		h.Set("Connection", "close")
	}
}

// ApplyRelay changes an upstream's response on its way down. It comes after the
// hop-by-hop fields were removed. bound names the schemes that Strip is about.
func ApplyRelay(h Header, a machine.Relay, bound []string) {
	h.Del(header.ProxySupportField) // HTA-17: it belongs to the hop before
	if a.Close {                    // on a line of its own and before others, where net/http looks for it
		h.Set("Connection", "close")
	}
	if a.SessionBased {
		h.Set(header.ProxySupportField, header.SessionBased)
		h.Add("Connection", header.ProxySupportField)
	}
	if a.Strip {
		StripChallenges(h, bound)
	}
	AddChallenges(h, gss.Proxy, a.Challenges)
	if a.Info.Present() && a.Info.Text() != "" {
		h.Set(header.ProxyAuthenticationInfo, a.Info.Text())
	}
}

// AddChallenges adds a line for each challenge: peers that look for theirs at
// the start of a line find it.
func AddChallenges(h Header, s gss.Side, cs header.Challenges) {
	field := header.WWWAuthenticate
	if s == gss.Proxy {
		field = header.ProxyAuthenticate
	}
	for c := range cs.All() {
		if t := c.Text(); t != "" {
			h.Add(field, t)
		}
	}
}

// StripChallenges removes the named schemes' challenges from WWW-Authenticate.
// Lines without any stay as they are, down to what does not parse.
func StripChallenges(h Header, names []string) {
	isBound := func(c header.Challenge) bool { return slices.ContainsFunc(names, c.Is) }
	var kept []string
	for _, line := range h.Values(header.WWWAuthenticate) {
		cs := header.ParseChallenges(line)
		var texts []string
		found := false
		for c := range cs.All() {
			if isBound(c) {
				found = true
			} else if t := c.Text(); t != "" {
				texts = append(texts, t)
			}
		}
		if !found {
			texts = []string{line}
		}
		kept = append(kept, texts...)
	}
	h.Del(header.WWWAuthenticate)
	for _, line := range kept {
		h.Add(header.WWWAuthenticate, line)
	}
}

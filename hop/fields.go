package hop

import (
	"slices"
	"strconv"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// Header is the fields of a message, as a driver's library has them. http.Header is one.
type Header interface {
	Values(name string) []string
	Set(name, value string)
	Add(name, value string)
	Del(name string)
}

const (
	connection = "Connection"
	via        = "Via"
	retryAfter = "Retry-After"
)

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
	addChallenges(h, a.Side, a.Challenges)
	if a.RetryAfter != 0 { // REPLAY-3
		h.Set(retryAfter, strconv.Itoa(int(a.RetryAfter)))
	}
	if a.Close {
		h.Set(connection, "close")
	}
}

// ApplyFinish adds the server's fields to the handler's response.
func ApplyFinish(h Header, a machine.Finish) {
	addChallenges(h, gss.Origin, a.Challenges)
	if a.Info.Present() && a.Info.Text() != "" {
		h.Set(header.AuthenticationInfo, a.Info.Text())
	}
	if t := a.PersistentAuth.Text(); t != "" {
		h.Set(header.PersistentAuthField, t)
	}
	if a.Close {
		h.Set(connection, "close")
	}
}

// Apply changes a client's request on its way up. It comes after the fields that
// Connection names were removed. The credentials for this proxy stay here, and received,
// the version that it came in and the proxy's name, is added to Via.
func (Send) Apply(h Header, received string) {
	h.Del(header.ProxyAuthorization) // R9110-11.7.2-1
	h.Add(via, received)
}

// Apply changes an upstream's response on its way down. It comes after the fields that
// Connection names were removed. What the upstream said as a proxy, to this one, stays
// here, unless proxies cooperate ([machine.ProxyConfig].Chain); received is added to Via,
// unless it is empty.
func (p Pass) Apply(h Header, received string) {
	h.Del(header.ProxySupportField) // HTA-17: it belongs to the hop before
	if p.conf == nil || !p.conf.Chain {
		h.Del(header.ProxyAuthenticate)
		h.Del(header.ProxyAuthenticationInfo)
	}
	if p.Close { // on a line of its own and before others, where net/http looks for it
		h.Set(connection, "close")
	}
	if p.SessionBased {
		h.Set(header.ProxySupportField, header.SessionBased)
		h.Add(connection, header.ProxySupportField)
	}
	if p.Strip && p.conf != nil { // RELAY-13
		StripChallenges(h, p.conf.PinnedSchemes)
	}
	addChallenges(h, gss.Proxy, p.Challenges)
	if p.Info.Present() && p.Info.Text() != "" {
		h.Set(header.ProxyAuthenticationInfo, p.Info.Text())
	}
	if received != "" {
		h.Add(via, received)
	}
}

// addChallenges adds a line for each challenge: peers that look for theirs at
// the start of a line find it.
func addChallenges(h Header, s gss.Side, cs header.Challenges) {
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

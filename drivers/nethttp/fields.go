package nethttp

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// This file is all that turns net/http's messages into what machines read, and
// machines' actions into fields.

// requestHeader is what a request's fields say about authentication.
func requestHeader(h http.Header) header.Request { return header.ParseRequest(h.Values) }

// responseHeader is what a response's fields say about authentication.
func responseHeader(h http.Header) header.Response { return header.ParseResponse(h.Values) }

// outbound is what a client's machine must know of a request that is to be sent
// to u's origin.
func outbound(r *http.Request, u *url.URL, b gss.Binding, multiplexed bool) machine.Request {
	q := machine.Request{
		Method: r.Method, URI: u.RequestURI(), Scheme: strings.ToLower(u.Scheme),
		Binding: b, Multiplexed: multiplexed,
	}
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	q.Host, q.Port = hostPort(u.Scheme, u.Host)
	return q
}

// inbound is what a server's or a proxy's machine must know of a request that
// came in: the request-target as it was written, in origin-form; for CONNECT the
// authority.
func inbound(r *http.Request, b gss.Binding) machine.Request {
	q := machine.Request{
		Method: r.Method, URI: r.RequestURI, Scheme: "http",
		Binding: b, Multiplexed: r.ProtoMajor > 1,
	}
	if r.TLS != nil {
		q.Scheme = "https"
	}
	if r.URL.IsAbs() { // absolute-form, RFC 9112 section 3.2.2
		q.Scheme = strings.ToLower(r.URL.Scheme)
		q.URI = originForm(r.RequestURI)
	}
	q.Host, q.Port = hostPort(q.Scheme, r.Host)
	return q
}

// originForm is the path and query of an absolute-form request-target, as they
// were written.
func originForm(target string) string {
	_, rest, _ := strings.Cut(target, "://")
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	}
	return rest[i:]
}

// hostPort takes an authority apart: host in lower case without brackets, and
// the port, which is the scheme's own where none is given.
func hostPort(scheme, authority string) (string, uint16) {
	u := url.URL{Host: authority}
	port := uint16(80)
	if strings.EqualFold(scheme, "https") {
		port = 443
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil && n > 0 {
		port = uint16(n)
	}
	return strings.ToLower(u.Hostname()), port
}

// authority is host[:port] in normal form, without the scheme's own port (RFC
// 9110 section 4.2.3).
func authority(u *url.URL) string {
	host, port := hostPort(u.Scheme, u.Host)
	if _, own := hostPort(u.Scheme, ""); port != own {
		return net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// applySend sets the credentials that the client's machine made. A field that
// the application set itself stays where the machine has nothing for it.
func applySend(h http.Header, a machine.Send) {
	if a.Authorization.Present() {
		h.Set(header.Authorization, a.Authorization.Text())
	}
	if a.ProxyAuthorization.Present() {
		h.Set(header.ProxyAuthorization, a.ProxyAuthorization.Text())
	}
}

// applyReply writes the challenges of a 401 or 407.
func applyReply(h http.Header, a machine.Reply) {
	addChallenges(h, a.Side, a.Challenges)
	if a.Close {
		h.Set("Connection", "close")
	}
}

// applyFinish adds a server's last word to the handler's response.
func applyFinish(h http.Header, a machine.Finish) {
	addChallenges(h, gss.Origin, a.Challenges)
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

// applyRelay changes an upstream's response on its way down. It comes after the
// hop-by-hop fields were removed. bound names the schemes that Strip is about.
func applyRelay(h http.Header, a machine.Relay, bound []string) {
	h.Del(header.ProxySupportField) // HTA-17: it belongs to the hop before
	if a.Close {                    // on a line of its own and before others, where net/http looks for it
		h.Set("Connection", "close")
	}
	if a.SessionBased {
		h.Set(header.ProxySupportField, header.SessionBased)
		h.Add("Connection", header.ProxySupportField)
	}
	if a.Strip {
		stripChallenges(h, bound)
	}
	addChallenges(h, gss.Proxy, a.Challenges)
	if a.Info.Present() && a.Info.Text() != "" {
		h.Set(header.ProxyAuthenticationInfo, a.Info.Text())
	}
}

// addChallenges adds a line for each challenge: peers that look for theirs at
// the start of a line find it.
func addChallenges(h http.Header, s gss.Side, cs header.Challenges) {
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

// stripChallenges removes the named schemes' challenges from WWW-Authenticate.
// Lines without any stay as they are, down to what does not parse.
func stripChallenges(h http.Header, names []string) {
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

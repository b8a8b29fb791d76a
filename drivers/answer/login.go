package answer

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/scheme"
)

// For returns a source with one user name and password for one origin, given by a URL of
// which scheme, host and port count: "https://intranet.example". It answers no question
// for another origin or for a proxy (RFC 9110 section 11.5), and none a second time after
// the peer refused the answer.
//
// name may have a domain, as people type it. Schemes without domains (Basic, Digest) get
// it unchanged.
//
//	DOMAIN\alice, DOMAIN/alice   user alice in DOMAIN
//	\alice, /alice, alice        user alice, no domain
//	alice@example.com            a user principal name: the user as a whole, no domain
//
// Basic and Digest get both in Unicode's Normalization Form C where the realm asks for UTF-8,
// so that it does not matter how a terminal writes an accent.
//
// The source acts for the default identity; see [As]. The error is a
// gss.Misuse: a URL without scheme and host, or no user name.
func For(origin, name, password string) (Source, error) { // R9110-11.5-1
	return newLogin(gss.Origin, origin, name, password)
}

// ForProxy returns what [For] does, for a proxy given by its own URL:
// "http://proxy.example:3128".
func ForProxy(proxy, name, password string) (Source, error) {
	return newLogin(gss.Proxy, proxy, name, password)
}

// login is one user's credentials for one peer.
type login struct {
	at place
	// as is the answer. The password is in a function, into which no printer looks,
	// since a login is often kept in a field that is not exported.
	as func(scheme string) gss.Answer
}

// place is a peer that credentials may be shown to.
type place struct {
	side         gss.Side
	scheme, host string
	port         uint16
}

func newLogin(side gss.Side, raw, name, password string) (Source, error) {
	if user, _ := splitName(name); user == "" {
		return nil, misuse.Errorf("answer", "the %v login has no user name; want user or DOMAIN\\user", side)
	}
	at, err := parsePlace(side, raw)
	if err != nil {
		return nil, err
	}
	secret := gss.NewSecret(password)
	return &login{at, func(as string) gss.Answer { return answerAs(as, name, secret) }}, nil
}

func parsePlace(side gss.Side, raw string) (place, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return place{}, misuse.Errorf("answer", "%v URL: want scheme://host[:port]", side)
	}
	p := place{side: side, scheme: strings.ToLower(u.Scheme)}
	if p.scheme != "http" && p.scheme != "https" {
		return place{}, misuse.Errorf("answer", "%v URL: the scheme must be http or https", side)
	}
	if p.host, p.port, err = authority.Split(p.scheme, u.Host); err != nil {
		return place{}, misuse.Errorf("answer", "%v URL: want a host, and a port within 1 to 65535", side)
	}
	return p, nil
}

// Format implements fmt.Formatter: where the login is for shows, the rest does
// not.
func (l *login) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "login(%v %s://%s:%d)", l.at.side, l.at.scheme, l.at.host, l.at.port)
}

// Answer implements [Source].
func (l *login) Answer(_ context.Context, q gss.Question) gss.Answer {
	need, ok := q.(gss.NeedCredential)
	if !ok || need.Rejected || need.Target.Identity != "" {
		return gss.Declined{}
	}
	if t := &need.Target; l.at != (place{need.Side, t.Scheme, t.Host, t.Port}) { // R9110-11.5-1
		return gss.Declined{}
	}
	return composed(l.as(need.Scheme), need)
}

// composed returns a password and its user's name in Normalization Form C where a realm asks
// for UTF-8 (RFC 7617 section 2.1, RFC 7616 section 3.3): it cannot know in which form a
// terminal writes an accent. Other mechanisms compute with the password as it is.
func composed(a gss.Answer, need gss.NeedCredential) gss.Answer {
	p, ok := a.(gss.Password)
	if !ok || !need.UTF8 || need.Scheme != scheme.Basic && need.Scheme != scheme.Digest { // NAMES-7
		return a
	}
	p.User, p.Password = norm.NFC.String(p.User), gss.NewSecret(norm.NFC.String(p.Password.Reveal()))
	return p
}

// answerAs returns the answer for an auth scheme: the name unchanged, or its parts.
func answerAs(as, name string, password gss.Secret) gss.Answer {
	if as == scheme.Basic || as == scheme.Digest {
		return gss.Password{User: name, Password: password}
	}
	user, domain := splitName(name)
	return gss.Password{User: user, Domain: domain, Password: password}
}

// As lets a source that acts for the default identity act for the named one
// instead: it sees the credential questions of that identity, and no others.
func As(identity string, s Source) Source {
	return Func(func(ctx context.Context, q gss.Question) gss.Answer {
		need, ok := q.(gss.NeedCredential)
		if !ok || need.Target.Identity != identity {
			return gss.Declined{}
		}
		if s == nil {
			return gss.Declined{}
		}
		need.Target.Identity = ""
		return s.Answer(ctx, need)
	})
}

// splitName splits a user name as people type it, see [For].
func splitName(name string) (user, domain string) {
	if i := strings.IndexAny(name, `\/`); i >= 0 {
		return name[i+1:], name[:i]
	}
	return name, ""
}

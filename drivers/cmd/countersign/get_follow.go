package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/gss"
)

// origin is where a URL leads.
type origin struct {
	scheme, host string
	port         uint16
}

// originOf returns the origin of a URL, the zero value if it has none.
func originOf(u *url.URL) origin {
	host, port, err := authority.Split(u.Scheme, u.Host)
	if err != nil {
		return origin{}
	}
	return origin{u.Scheme, host, port}
}

// within returns a source that has credentials for the origins of the URLs alone, and for
// proxies: a redirect that leads elsewhere gets none.
func within(urls []*url.URL, s answer.Source) answer.Source { // SECRET-5
	if s == nil {
		return nil
	}
	at := make(map[origin]bool)
	for _, u := range urls {
		at[originOf(u)] = true
	}
	delete(at, origin{})
	return answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
		if need, ok := q.(gss.NeedCredential); ok && need.Side == gss.Origin {
			if t := need.Target; !at[origin{t.Scheme, t.Host, t.Port}] {
				return gss.Declined{}
			}
		}
		return s.Answer(ctx, q)
	})
}

// personal are the fields that --header and --cookie may have set for the origin of a URL, and
// that no other origin gets.
var personal = []string{"Authorization", "Proxy-Authorization", "Cookie", "Www-Authenticate"}

// redirect decides whether a redirect is followed, as http.Client.CheckRedirect does, and with
// what. The login is the Transport's affair: its source knows the origins.
func (t *transfer) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > t.maxRedirs {
		return fmt.Errorf("more than %d redirects; --max-redirs allows others", t.maxRedirs)
	}
	t.redirects++
	r.URL.User = nil // net/http would send it unasked: SECRET-5
	first := via[0]
	if first.Header.Get("Referer") == "" {
		r.Header.Del("Referer") // net/http's; the server has not been told before
	}
	home := originOf(first.URL)
	t.left = t.left || originOf(r.URL) != home // what comes back was led by another origin
	if t.left {
		for _, name := range personal {
			r.Header.Del(name)
		}
	}
	return nil
}

package answer

import (
	"context"
	"strings"

	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/gss"
)

// Allow returns a source that sees the credential questions for the named hosts, origins
// and proxies alike, and for no others: use it with sources that answer for every peer, such
// as a credential cache with tickets for any service of the realm. A name is a host,
// ".example" for all hosts below example, or "*". Other questions pass.
func Allow(s Source, hosts ...string) Source {
	allowed := make([]string, len(hosts))
	for i, h := range hosts {
		allowed[i] = authority.Host(h) // NAMES-5
	}
	return Func(func(ctx context.Context, q gss.Question) gss.Answer {
		if need, ok := q.(gss.NeedCredential); ok && !within(allowed, strings.ToLower(need.Target.Host)) {
			return gss.Declined{}
		}
		if s == nil {
			return gss.Declined{}
		}
		return s.Answer(ctx, q)
	})
}

func within(allowed []string, host string) bool {
	for _, a := range allowed {
		if a == "*" || a == host || strings.HasPrefix(a, ".") && strings.HasSuffix(host, a) {
			return true
		}
	}
	return false
}

package krb5

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

// ReplayCache remembers the requests that services took, so that none is accepted twice:
// the answer to gss.NeedReplayCheck for Kerberos. All services that share a key share
// one. It is an [answer.ReplayCache] that leaves Digest's questions to the next source. The
// zero ReplayCache has room for as many requests as the zero answer.ReplayCache.
type ReplayCache struct {
	opaque[ReplayCache] // no output shows what is in it

	Memory answer.ReplayCache
}

// NewReplayCache returns a memory of up to max requests; see answer.ReplayCache.Max.
// since is the start of the memory, in nanoseconds since the epoch: requests
// that may be older are refused (RFC 4120 section 3.2.3), which after a restart refuses
// clients for as long as the clocks may differ. Pass the present time after a restart, and
// 0 if nothing was lost.
func NewReplayCache(max int, since int64) *ReplayCache {
	return &ReplayCache{Memory: answer.ReplayCache{Max: max, Since: since}}
}

// Answer implements answer.Source.
func (r *ReplayCache) Answer(ctx context.Context, q gss.Question) gss.Answer {
	if need, ok := q.(gss.NeedReplayCheck); ok && !need.Forgettable {
		return r.Memory.Answer(ctx, q)
	}
	return gss.Declined{}
}

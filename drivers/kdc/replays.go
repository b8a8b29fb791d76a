package kdc

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
)

// Replays remembers the requests that services took, so that none is accepted twice:
// the answer to gss.NeedFirstSeen for Kerberos. All services that share a key share
// one. It is an [answer.Memory] that leaves Digest's questions to the next source. The
// zero Replays has room for answer.DefaultMax requests.
type Replays struct {
	hidden.In[Replays] // no output shows what is in it

	Memory answer.Memory
}

// NewReplays returns a memory of up to max requests, 0 for answer.DefaultMax; see
// [answer.Room]. since is when it began, in nanoseconds since the epoch: requests that
// may be older are refused (R4120-3.2.3-2, C34), which after a restart turns clients
// away for as long as the clocks may be apart. Now says so; 0 says that nothing was
// lost.
func NewReplays(max int, since int64) *Replays {
	return &Replays{Memory: answer.Memory{Max: max, Since: since}}
}

// Answer implements answer.Source.
func (r *Replays) Answer(ctx context.Context, q gss.Question) gss.Answer {
	if need, ok := q.(gss.NeedFirstSeen); ok && !need.Forgettable {
		return r.Memory.Answer(ctx, q)
	}
	return gss.Declined{}
}

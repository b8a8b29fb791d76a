package model

import (
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// upstream is the part of an acceptor's history that is about a proxy's connections upstream, and what
// they mean to the one that its client has.
type upstream struct {
	ownGone bool // the upstream connection that was the client's own has closed
	closing bool // the client's connection is to close
	late    bool // the request under way came after that

	sent uint8        // how often the request under way was sent
	over hop.Over     // on which connection, the last time
	lost bool         // which closed
	loss lostUpstream // in this way
}

// see updates it by one observation.
func (u *upstream) see(v any) {
	switch v := v.(type) {
	case arrived:
		u.late = u.closing
	case forwarded:
		u.sent, u.over, u.lost, u.loss = u.sent+1, v.over, false, lostUpstream{}
		u.ownGone = u.ownGone && v.over != hop.NewOwn
	case lostUpstream:
		u.lost, u.loss = true, v
		u.ownGone = u.ownGone || owned(u.over)
	case lostOwn:
		u.ownGone = true
	case machine.Retire:
		u.ownGone = u.ownGone && v.End != machine.Upstream
	case closing:
		u.closing = true
	case refused, relayed, aborted:
		*u = upstream{ownGone: u.ownGone, closing: u.closing}
	}
}

// untouched reports whether the client's own connection was gone before the request that
// was to go out on it touched it.
func (u *upstream) untouched() bool { return u.over == hop.Own && u.lost && u.loss.unsent }

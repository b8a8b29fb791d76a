package drive

import (
	"sync"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/machine"
)

// MaxSpaces bounds the peers that are remembered. What is forgotten costs a
// request its head start, nothing else.
const MaxSpaces = 1024

// Spaces is all that outlives connections.
type Spaces struct {
	hidden.In[Spaces] // no output shows what is in it

	mu    sync.Mutex
	peers map[SpaceKey]*peer
}

// peer is what is known of one of them.
type peer struct {
	space machine.Space
	// http11: it wants connection-bound authentication, which HTTP/2 cannot do.
	http11 bool
}

// Lease is what one request for uri may use.
func (s *Spaces) Lease(k SpaceKey, uri string) (l machine.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[k]; p != nil {
		p.space, l = p.space.Lease(uri)
	}
	return l
}

func (s *Spaces) Learn(k SpaceKey, f machine.Facts) {
	if f == (machine.Facts{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peer(k)
	p.space = p.space.Learn(f)
}

func (s *Spaces) NeedsHTTP11(k SpaceKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[k]
	return p != nil && p.http11
}

func (s *Spaces) LearnHTTP11(k SpaceKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer(k).http11 = true
}

// peer is k's entry, for which room is made at any other's cost.
func (s *Spaces) peer(k SpaceKey) *peer {
	p := s.peers[k]
	if p != nil {
		return p
	}
	if s.peers == nil {
		s.peers = make(map[SpaceKey]*peer)
	}
	for other := range s.peers {
		if len(s.peers) < MaxSpaces {
			break
		}
		delete(s.peers, other)
	}
	p = new(peer)
	s.peers[k] = p
	return p
}

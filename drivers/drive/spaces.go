package drive

import (
	"sync"

	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/machine"
)

// spaces are the facts about peers that outlive connections.
type spaces struct {
	mu    sync.Mutex
	peers map[SpaceKey]*peer
}

// peer holds the facts about one peer.
type peer struct {
	space machine.Space
	// http11: it requires connection-bound authentication, which is impossible over
	// HTTP/2.
	http11 bool
}

// lease returns the remembered facts that one request for uri may use.
func (s *spaces) lease(k SpaceKey, uri string) (l machine.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[k]; p != nil {
		p.space, l = p.space.Lease(uri)
	}
	return l
}

// learn stores facts about a peer.
func (s *spaces) learn(k SpaceKey, f machine.Facts) {
	if f == (machine.Facts{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peer(k)
	p.space = p.space.Learn(f)
}

// needsHTTP11 reports whether a peer requires connection-bound authentication.
func (s *spaces) needsHTTP11(k SpaceKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[k]
	return p != nil && p.http11
}

// learnHTTP11 stores that a peer requires connection-bound authentication.
func (s *spaces) learnHTTP11(k SpaceKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer(k).http11 = true
}

// peer returns k's entry. If there are too many entries it removes arbitrary ones.
func (s *spaces) peer(k SpaceKey) *peer {
	p := s.peers[k]
	if p != nil {
		return p
	}
	if s.peers == nil {
		s.peers = make(map[SpaceKey]*peer)
	}
	for other := range s.peers {
		if len(s.peers) < bounds.Peers {
			break
		}
		delete(s.peers, other)
	}
	p = new(peer)
	s.peers[k] = p
	return p
}

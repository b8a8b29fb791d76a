package nethttp

import (
	"sync"

	"github.com/countersign-auth/countersign/machine"
)

// maxSpaces bounds the peers that are remembered. What is forgotten costs a
// request its head start, nothing else.
const maxSpaces = 1024

// spaceKey names a peer as one identity reaches it: an origin over a route, or a
// proxy.
type spaceKey struct {
	proxy        string // on the way, "" if none
	scheme, host string
	port         uint16
	identity     string
}

// spaces is all that outlives connections.
type spaces struct {
	mu    sync.Mutex
	peers map[spaceKey]*peer
}

// peer is what is known of one of them.
type peer struct {
	space machine.Space
	// http11: it wants connection-bound authentication, which HTTP/2 cannot do.
	http11 bool
}

// lease is what one request for uri may use.
func (s *spaces) lease(k spaceKey, uri string) (l machine.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[k]; p != nil {
		p.space, l = p.space.Lease(uri)
	}
	return l
}

func (s *spaces) learn(k spaceKey, f machine.Facts) {
	if f == (machine.Facts{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peer(k)
	p.space = p.space.Learn(f)
}

func (s *spaces) needsHTTP11(k spaceKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[k]
	return p != nil && p.http11
}

func (s *spaces) learnHTTP11(k spaceKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer(k).http11 = true
}

// peer is k's entry, for which room is made at any other's cost.
func (s *spaces) peer(k spaceKey) *peer {
	p := s.peers[k]
	if p != nil {
		return p
	}
	if s.peers == nil {
		s.peers = make(map[spaceKey]*peer)
	}
	for other := range s.peers {
		if len(s.peers) < maxSpaces {
			break
		}
		delete(s.peers, other)
	}
	p = new(peer)
	s.peers[k] = p
	return p
}

package drive

import (
	"strconv"
	"testing"

	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Facts about a peer are used for that peer, route and identity only.
func TestSpacesAreApart(t *testing.T) {
	var s spaces
	home := keysOf(t, Destination{Scheme: "https", Authority: "host.example", Identity: "alice"}).Origin
	offer := header.ParamChallenge(scheme.Digest, `realm="r", nonce="n"`)
	s.learn(home, machine.Facts{At: 1, Scheme: scheme.Digest, Memory: scheme.Memory{Offer: offer, Count: 1}})
	s.learnHTTP11(home)
	for _, w := range []Destination{
		{Scheme: "https", Authority: "host.example", Identity: "alice", Proxy: parse(t, "http://proxy.example:3128")},
		{Scheme: "http", Authority: "host.example:443", Identity: "alice"},
		{Scheme: "https", Authority: "www.host.example", Identity: "alice"},
		{Scheme: "https", Authority: "host.example:8443", Identity: "alice"},
		{Scheme: "https", Authority: "host.example"},
	} {
		other := keysOf(t, w).Origin
		if l := s.lease(other, "/"); l != (machine.Lease{}) || s.needsHTTP11(other) {
			t.Errorf("%+v knows what %+v learned", other, home)
		}
	}
	for want := uint32(2); want < 5; want++ { // each lease has a count of its own
		if l := s.lease(home, "/"); l.Scheme != scheme.Digest || l.Memory.Count != want {
			t.Errorf("lease %+v, want count %d", l, want)
		}
	}
	if !s.needsHTTP11(home) {
		t.Error("HTTP/1.1 was forgotten")
	}
}

func TestSpacesAreBounded(t *testing.T) {
	var s spaces
	f := machine.Facts{At: 1, Scheme: scheme.Basic}
	for i := range 2 * bounds.Peers {
		k := SpaceKey{host: strconv.Itoa(i)}
		s.learn(k, f)
		if len(s.peers) > bounds.Peers {
			t.Fatalf("%d peers", len(s.peers))
		}
		if s.lease(k, "/").Scheme == "" {
			t.Fatal("the newest was forgotten")
		}
		s.learn(SpaceKey{host: "nothing"}, machine.Facts{}) // takes no room
	}
	if len(s.peers) != bounds.Peers || s.peers[SpaceKey{host: "nothing"}] != nil {
		t.Errorf("%d peers", len(s.peers))
	}
}

package nethttp

import (
	"strconv"
	"testing"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// What one peer taught counts for that peer, on that route, under that identity.
func TestSpacesAreApart(t *testing.T) {
	var s spaces
	home := spaceKey{"", "https", "host.example", 443, "alice"}
	offer := header.ParamChallenge(scheme.Digest, `realm="r", nonce="n"`)
	s.learn(home, machine.Facts{At: 1, Scheme: scheme.Digest, Memory: scheme.Memory{Offer: offer, Count: 1}})
	s.learnHTTP11(home)
	for _, change := range []func(*spaceKey){
		func(k *spaceKey) { k.proxy = "http://proxy.example:3128" },
		func(k *spaceKey) { k.scheme = "http" },
		func(k *spaceKey) { k.host = "www.host.example" },
		func(k *spaceKey) { k.port = 8443 },
		func(k *spaceKey) { k.identity = "" },
	} {
		other := home
		change(&other)
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
	for i := range 2 * maxSpaces {
		k := spaceKey{host: strconv.Itoa(i)}
		s.learn(k, f)
		if len(s.peers) > maxSpaces {
			t.Fatalf("%d peers", len(s.peers))
		}
		if s.lease(k, "/").Scheme == "" {
			t.Fatal("the newest was forgotten")
		}
		s.learn(spaceKey{host: "nothing"}, machine.Facts{}) // takes no room
	}
	if len(s.peers) != maxSpaces || s.peers[spaceKey{host: "nothing"}] != nil {
		t.Errorf("%d peers", len(s.peers))
	}
}

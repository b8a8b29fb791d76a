package drive

import (
	"strconv"
	"testing"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// What one peer taught counts for that peer, on that route, under that identity.
func TestSpacesAreApart(t *testing.T) {
	var s Spaces
	home := SpaceKey{"", "https", "host.example", 443, "alice"}
	offer := header.ParamChallenge(scheme.Digest, `realm="r", nonce="n"`)
	s.Learn(home, machine.Facts{At: 1, Scheme: scheme.Digest, Memory: scheme.Memory{Offer: offer, Count: 1}})
	s.LearnHTTP11(home)
	for _, change := range []func(*SpaceKey){
		func(k *SpaceKey) { k.Proxy = "http://proxy.example:3128" },
		func(k *SpaceKey) { k.Scheme = "http" },
		func(k *SpaceKey) { k.Host = "www.host.example" },
		func(k *SpaceKey) { k.Port = 8443 },
		func(k *SpaceKey) { k.Identity = "" },
	} {
		other := home
		change(&other)
		if l := s.Lease(other, "/"); l != (machine.Lease{}) || s.NeedsHTTP11(other) {
			t.Errorf("%+v knows what %+v learned", other, home)
		}
	}
	for want := uint32(2); want < 5; want++ { // each lease has a count of its own
		if l := s.Lease(home, "/"); l.Scheme != scheme.Digest || l.Memory.Count != want {
			t.Errorf("lease %+v, want count %d", l, want)
		}
	}
	if !s.NeedsHTTP11(home) {
		t.Error("HTTP/1.1 was forgotten")
	}
}

func TestSpacesAreBounded(t *testing.T) {
	var s Spaces
	f := machine.Facts{At: 1, Scheme: scheme.Basic}
	for i := range 2 * MaxSpaces {
		k := SpaceKey{Host: strconv.Itoa(i)}
		s.Learn(k, f)
		if len(s.peers) > MaxSpaces {
			t.Fatalf("%d peers", len(s.peers))
		}
		if s.Lease(k, "/").Scheme == "" {
			t.Fatal("the newest was forgotten")
		}
		s.Learn(SpaceKey{Host: "nothing"}, machine.Facts{}) // takes no room
	}
	if len(s.peers) != MaxSpaces || s.peers[SpaceKey{Host: "nothing"}] != nil {
		t.Errorf("%d peers", len(s.peers))
	}
}

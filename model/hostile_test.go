package model

import (
	"slices"
	"testing"
)

// watched is a world that takes note of all that client 0 can see: its own state, what is
// on its connection, and its history.
type watched struct {
	*World
	seen map[[3]uint32]bool
}

func (w watched) steps(s []uint32, yield func(uint32, []uint32)) {
	w.seen[[3]uint32{s[w.clientNode(0)], s[w.link(0)], s[w.clientHistory(0)]}] = true
	w.World.steps(s, yield)
}

// A client sees nothing of what a hostile one does on connections of its own: what it can
// come to see is what it could come to see without that one.
func TestHostileClientIsUnseen(t *testing.T) {
	for _, s := range hostileWorlds() {
		w, err := s.World(Quick, Tune{})
		if err != nil {
			t.Fatal(err)
		}
		if w.clients < 2 {
			continue
		}
		words := w.setup.vocabulary
		see := func(words []word) map[[3]uint32]bool {
			seen := map[[3]uint32]bool{}
			w.setup.vocabulary = words
			exploreAll(watched{w, seen}, nil, Options{})
			return seen
		}
		alone, beside := see(nil), see(words)
		if len(alone) < 15 {
			t.Errorf("%s: alone it comes to no more than %d states", s.Name, len(alone))
		}
		for v := range beside {
			if !alone[v] {
				t.Errorf("%s: beside the hostile client it comes to see %+v, %+v", s.Name, w.packets.At(v[1]), w.clientHistories.At(v[2]))
				break
			}
		}
		for v := range alone {
			if !beside[v] {
				t.Errorf("%s: beside the hostile client it never comes to see %+v, %+v", s.Name, w.packets.At(v[1]), w.clientHistories.At(v[2]))
				break
			}
		}
	}
}

// Vocabularies have no word twice, and one for each scheme that is offered; a world has one
// if it has a client that uses it.
func TestVocabularies(t *testing.T) {
	for _, s := range Worlds() {
		c := s.setup()
		silent := slices.ContainsFunc(c.orders, func(o []order) bool { return len(o) == 0 })
		if silent != (len(c.vocabulary) > 0) {
			t.Errorf("%s: a client without orders: %v, with %d words", s.Name, silent, len(c.vocabulary))
		}
		said := map[word]bool{}
		var origin, proxy schemes
		for _, d := range c.vocabulary {
			if said[d] {
				t.Errorf("%s: a word stands there twice: %v %v", s.Name, d.origin.Text(), d.proxy.Text())
			}
			said[d] = true
			origin |= setOf(d.origin.Scheme())
			proxy |= setOf(d.proxy.Scheme())
		}
		for _, toy := range c.origin {
			if len(c.vocabulary) > 0 && len(c.proxy) == 0 && !origin.has(setOf(toy.name)) {
				t.Errorf("%s: nothing is said of %s", s.Name, toy.name)
			}
		}
		for _, toy := range c.proxy {
			if len(c.vocabulary) > 0 && !proxy.has(setOf(toy.name)) {
				t.Errorf("%s: nothing is said to the proxy of %s", s.Name, toy.name)
			}
		}
	}
}

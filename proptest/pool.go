package proptest

import "pgregory.net/rapid"

// pool holds the messages seen so far in a run: hostile events are made of what
// the honest ones said, since most that is made up is refused for its first byte.
type pool struct{ texts []string }

// maxPool bounds a pool; beyond it the oldest go.
const maxPool = 64

// add puts texts into the pool.
func (p *pool) add(texts ...string) {
	for _, t := range texts {
		if len(p.texts) == maxPool {
			p.texts = p.texts[1:]
		}
		p.texts = append(p.texts, t)
	}
}

// last returns the text that came last, "" if there is none.
func (p *pool) last() string {
	if len(p.texts) == 0 {
		return ""
	}
	return p.texts[len(p.texts)-1]
}

// seen draws a text of the pool as it was, "" if there is none.
func (p *pool) seen(t *rapid.T) string {
	if len(p.texts) == 0 {
		return ""
	}
	return p.texts[rapid.IntRange(0, len(p.texts)-1).Draw(t, "seen")]
}

// altered draws a text of the pool that was damaged: bytes changed, cut, put
// twice, or joined with another one.
func (p *pool) altered(t *rapid.T) string {
	s := p.seen(t)
	for range rapid.IntRange(1, 3).Draw(t, "alterations") {
		at := 0
		if len(s) > 0 {
			at = rapid.IntRange(0, len(s)-1).Draw(t, "at")
		}
		switch rapid.IntRange(0, 4).Draw(t, "alteration") {
		case 0:
			if len(s) > 0 {
				s = s[:at] + string([]byte{s[at] ^ 1<<rapid.IntRange(0, 7).Draw(t, "bit")}) + s[at+1:]
			}
		case 1:
			s = s[:at]
		case 2:
			s = s[:at] + s
		case 3:
			s = s[:at] + p.seen(t)
		default:
			s = s[:at] + drawBytes(t) + s[at:]
		}
	}
	return s
}

// drawBytes draws up to 24 bytes.
func drawBytes(t *rapid.T) string {
	return string(rapid.SliceOfN(rapid.Byte(), 0, 24).Draw(t, "bytes"))
}

// swarm is the kinds of events that one run may have. A run that has only some
// of them goes further with those than one that has a little of everything.
type swarm struct{ on []int }

// newSwarm draws which of n kinds a run has: at least one.
func newSwarm(t *rapid.T, n int) swarm {
	var s swarm
	mask := rapid.IntRange(1, 1<<n-1).Draw(t, "swarm")
	for kind := range n {
		if mask>>kind&1 == 1 {
			s.on = append(s.on, kind)
		}
	}
	return s
}

// draw draws one of the run's kinds.
func (s swarm) draw(t *rapid.T) int {
	return s.on[rapid.IntRange(0, len(s.on)-1).Draw(t, "kind")]
}

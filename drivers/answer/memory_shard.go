package answer

import (
	"sync"

	"github.com/countersign-auth/countersign/gss"
)

// shard is one independent part of a [ReplayCache]: entries in a table of hash chains, a queue
// of entries for each owner, and a ladder of the owners with entries that may be
// forgotten, by how many they hold.
//
//	entry   alive      in the queue of an owner that the table of owners has
//	        forgotten  in the queue of one that it has no more; its place is taken next
//	owner   holding    has entries
//	        marked     has none, and a since that still matters
//	        forgotten  has the entries from before its since, until they are swept
//
// Nothing is scanned, moved or allocated as a whole: each question sweeps a little, and
// the tables grow by a chain with each entry.
type shard struct {
	mu   sync.Mutex
	room int // entries
	live int // that are alive, whether they have expired or not
	hard int // of these, those that must not be forgotten

	entries table[entry, *entry]
	owners  table[owner, *owner]
	hand    int  // the owner that is swept next
	gone    list // owners that were forgotten

	rungs       vec[rung]
	spare       uint32 // rungs that are not in use, a list by up
	top, bottom uint32

	dropped uint32 // what ended then or before may have been swept away
	floor   int64  // of any owner with entries that may be forgotten, those made then or before may be
}

// entry is something that was presented.
type entry struct {
	chained
	window gss.Window
	until  uint32 // in seconds since the epoch, rounded up
	owner  uint32
	behind uint32 // the owner's next entry, a later one
}

// owner is a client.
type owner struct {
	chained
	newest      int64  // when the latest of what it presented was made
	since       int64  // what was made then or before may have been forgotten
	head, tail  uint32 // of its queue of entries, the oldest first
	held        uint32 // how many there are
	until       uint32 // of its entry that ends last, of all that it had
	rung        uint32
	left, right uint32 // on its rung, or among those that are gone
	forgettable bool
	forgotten   bool
}

// rung has the owners that hold the same number of entries.
type rung struct {
	list
	held, up, down uint32
}

// list is a list of owners by left and right, the last to come first.
type list struct{ first, last uint32 }

// ask is a question as a shard sees it, and what it says.
type ask struct {
	tag, owner, shard uint64
	forgettable       bool
	late              bool // it has ended already
	now, until        uint32
	made              int64
	count             uint32

	said  uint8
	since int64
}

const (
	saidSeen = iota
	saidFirst
	saidFull
)

// ask answers a question.
func (s *shard) ask(a *ask) {
	s.entries.touched = 0
	s.sweep(a.now)
	at, _ := s.owners.find(a.owner)
	if a.forgettable {
		a.since = s.floor
		if at != 0 {
			a.since = max(a.since, s.owners.at(at).since)
		}
	}
	if a.late || a.until <= s.dropped { // what is not remembered is never new
		return
	}
	i, crowd := s.entries.find(a.tag)
	if i != 0 {
		e := s.entries.at(i)
		if s.owners.at(e.owner).forgotten { // and stale by its Since
			return
		}
		e.until = max(e.until, a.until)
		var first bool
		if e.window, first = e.window.Admit(a.count); first {
			a.said = saidFirst
		}
		return
	}
	a.said = saidFull
	if crowd >= maxChain || !s.admit(a, at) {
		return
	}
	at, crowd = s.owners.find(a.owner) // it may have gone, or been forgotten, to make room
	if at == 0 && crowd < maxChain {
		at = s.newOwner(a.owner, a.forgettable)
	}
	if at != 0 {
		s.insert(a, at)
		a.said = saidFirst
	}
}

// admit reports whether there is room for one more entry of the owner, and makes it
// (REPLAY-2).
func (s *shard) admit(a *ask, at uint32) bool {
	if !a.forgettable {
		// An owner may hold as many as are still free, and what may be forgotten counts as
		// free. Or it has this one in place of one that has passed.
		free := s.room - s.hard
		if at != 0 && int(s.owners.at(at).held) >= free {
			s.expire(at, a.now, perOwner)
			if s.room-s.hard == free {
				return false
			}
		}
		if s.hard >= s.room {
			return false
		}
	}
	if s.live >= s.room {
		if s.top == 0 || s.rungs.at(s.top).held == 0 {
			return false // full of what must not be forgotten
		}
		s.forget(s.rungs.at(s.top).last)
	}
	if s.entries.used >= s.room { // alive and forgotten together
		s.expire(s.gone.last, a.now, 1)
	}
	return true
}

// insert adds an entry.
func (s *shard) insert(a *ask, at uint32) {
	i := s.entries.add(a.tag)
	e, o := s.entries.at(i), s.owners.at(at)
	e.until, e.owner = a.until, at
	e.window, _ = e.window.Admit(a.count)
	if o.tail != 0 {
		s.entries.at(o.tail).behind = i
	} else {
		o.head = i
	}
	o.tail = i
	o.until, o.newest = max(o.until, a.until), max(o.newest, a.made)
	s.hold(at, o.held+1)
}

// newOwner adds an owner without entries.
func (s *shard) newOwner(tag uint64, forgettable bool) uint32 {
	if forgettable && s.owners.used >= s.room+s.room/8+8 { // so some are marks
		s.unmark(s.rungs.at(s.bottom).last)
	}
	at := s.owners.add(tag)
	if o := s.owners.at(at); forgettable {
		o.forgettable = true
		s.enter(at, s.rung(0, 0))
	}
	return at
}

// How much a question sweeps: so many owners, so many entries of each, and so many of
// an owner that has no room left.
const (
	perSweep = 4
	perVisit = 2
	perOwner = 4
)

// sweep lets go of some of what has expired.
func (s *shard) sweep(now uint32) {
	for range min(perSweep, s.owners.slots.n) {
		if s.hand++; s.hand > s.owners.slots.n {
			s.hand = 1
		}
		if at := uint32(s.hand); s.owners.at(at).tag != 0 {
			s.expire(at, now, perVisit)
		}
	}
}

// expire lets go of up to n of an owner's oldest entries, if they have expired or the
// owner is forgotten, and of the owner if nothing is left that matters. The entries of
// an owner end about in the order in which they came, so this is what expired first.
func (s *shard) expire(at, now uint32, n int) {
	o := s.owners.at(at)
	for ; n > 0 && o.head != 0; n-- {
		i := o.head
		e := s.entries.at(i)
		if !o.forgotten {
			if e.until >= now {
				return
			}
			s.dropped = max(s.dropped, e.until)
		}
		if o.head = e.behind; o.head == 0 {
			o.tail = 0
		}
		s.entries.remove(i)
		s.hold(at, o.held-1)
	}
	switch {
	case o.head != 0:
	case o.forgotten:
		s.unlink(at, &s.gone)
		s.owners.free(at)
	case !o.forgettable:
		s.owners.remove(at)
	case o.since == 0 || o.until < now:
		if o.since != 0 { // what it forgot has ended, and stays so should the clock go back
			s.dropped = max(s.dropped, o.until)
		}
		s.leave(at)
		s.owners.remove(at)
	}
}

// forget forgets the entries of an owner. Its mark, a new owner of the same name, says
// up to when (REPLAY-2).
func (s *shard) forget(at uint32) {
	o := s.owners.at(at)
	tag, since, until := o.tag, max(o.since, o.newest), o.until
	s.live -= int(o.held)
	s.leave(at)
	s.owners.unchain(at)
	o.forgotten = true
	s.link(at, &s.gone)
	mark := s.owners.at(s.newOwner(tag, true))
	mark.since, mark.newest, mark.until = since, since, until
}

// unmark lets go of a mark, in favour of one for all owners.
func (s *shard) unmark(at uint32) {
	s.floor = max(s.floor, s.owners.at(at).since)
	s.leave(at)
	s.owners.remove(at)
}

// hold notes how many entries an owner has, one more or one less than before.
func (s *shard) hold(at uint32, held uint32) {
	o := s.owners.at(at)
	by := int(held) - int(o.held)
	o.held = held
	switch {
	case o.forgotten:
		return
	case !o.forgettable:
		s.hard += by
	default:
		below := o.rung
		if by < 0 {
			if below = s.rungs.at(o.rung).down; below != 0 && s.rungs.at(below).held == held {
				below = s.rungs.at(below).down
			}
		}
		to := s.rung(held, below)
		s.leave(at)
		s.enter(at, to)
	}
	s.live += by
}

// rung returns the rung of the given number of entries. It is made right above below,
// which is 0 for the ground, if it is not there.
func (s *shard) rung(held, below uint32) uint32 {
	up := &s.bottom
	if below != 0 {
		up = &s.rungs.at(below).up
	}
	above := *up
	if above != 0 && s.rungs.at(above).held == held {
		return above
	}
	r := s.spare
	if r != 0 {
		s.spare = s.rungs.at(r).up
	} else {
		r = s.rungs.grow()
	}
	*s.rungs.at(r) = rung{held: held, up: above, down: below}
	*up = r
	if above != 0 {
		s.rungs.at(above).down = r
	} else {
		s.top = r
	}
	return r
}

// enter puts an owner on a rung.
func (s *shard) enter(at, r uint32) {
	s.owners.at(at).rung = r
	s.link(at, &s.rungs.at(r).list)
}

// leave takes an owner off its rung, and the rung away if it was the last one there.
func (s *shard) leave(at uint32) {
	n := s.owners.at(at).rung
	r := s.rungs.at(n)
	if s.unlink(at, &r.list); r.first != 0 {
		return
	}
	if r.down != 0 {
		s.rungs.at(r.down).up = r.up
	} else {
		s.bottom = r.up
	}
	if r.up != 0 {
		s.rungs.at(r.up).down = r.down
	} else {
		s.top = r.down
	}
	r.up, s.spare = s.spare, n
}

// link puts an owner at the front of a list.
func (s *shard) link(at uint32, l *list) {
	o := s.owners.at(at)
	if o.left, o.right = 0, l.first; o.right != 0 {
		s.owners.at(o.right).left = at
	} else {
		l.last = at
	}
	l.first = at
}

// unlink takes an owner out of a list.
func (s *shard) unlink(at uint32, l *list) {
	o := s.owners.at(at)
	if o.left != 0 {
		s.owners.at(o.left).right = o.right
	} else {
		l.first = o.right
	}
	if o.right != 0 {
		s.owners.at(o.right).left = o.left
	} else {
		l.last = o.left
	}
}

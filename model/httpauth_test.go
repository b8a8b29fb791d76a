package model

import "testing"

// httpauth is a hand-made model of two clients, one connection and one server,
// which is also written down in Promela; spin's verifier (6.5.2, -DNOREDUCE)
// counts it as 282,040 states and 666,556 transitions. This is the same
// transition system statement by statement, as the verifier sees it: locals
// that are not read any more are zero, and an atomic sequence is one
// transition. The explorer has to find the very same numbers.
type httpauth struct{}

// The messages.
const (
	mNothing = iota
	mRclose
	mR401nego2
	mR401tok
	mR401
	mR200
	mNego2b
	mNego2a
	mNeg2
	mNeg1
	mNone
)

// hstate is a state, unpacked.
type hstate struct {
	started, offers, persists          uint32
	open, sphase, cphase, sauth, cauth uint32
	suser, persistent, age             uint32
	reqLen, reqMsg, reqUser            uint32
	rspLen, rspMsg, rspFlag            uint32
	at, msg, user                      uint32 // the server
	clients                            [2]hclient
	alive                              uint32 // clients that have not ended, the last one ends first
}

type hclient struct{ at, n, tries, st, p, use2 uint32 }

func (httpauth) tuple() int { return 4 }

// bits packs fields one behind the other.
type bits struct {
	w     uint32
	at    uint
	write bool
}

func (b *bits) do(v *uint32, n uint) {
	if b.write {
		b.w |= *v << b.at
	} else {
		*v = b.w >> b.at & (1<<n - 1)
	}
	b.at += n
}

func (s *hstate) pack(words []uint32, write bool) {
	for i := range words {
		b := bits{w: words[i], write: write}
		if write {
			b.w = 0
		}
		switch i {
		case 0:
			for _, v := range [...]*uint32{&s.started, &s.offers, &s.persists, &s.open, &s.sauth, &s.cauth, &s.suser, &s.persistent, &s.age} {
				b.do(v, 1)
			}
			b.do(&s.sphase, 2)
			b.do(&s.cphase, 2)
			b.do(&s.alive, 2)
		case 1:
			for _, v := range [...]*uint32{&s.reqLen, &s.reqUser, &s.rspLen, &s.rspFlag, &s.user} {
				b.do(v, 1)
			}
			for _, v := range [...]*uint32{&s.reqMsg, &s.rspMsg, &s.msg} {
				b.do(v, 4)
			}
			b.do(&s.at, 7)
		default:
			c := &s.clients[i-2]
			b.do(&c.at, 7)
			b.do(&c.n, 2)
			b.do(&c.tries, 2)
			b.do(&c.st, 4)
			b.do(&c.p, 1)
			b.do(&c.use2, 1)
		}
		words[i] = b.w
	}
}

func (httpauth) starts(yield func([]uint32)) { yield(make([]uint32, 4)) }

func (httpauth) steps(words []uint32, yield func(uint32, []uint32)) {
	var s hstate
	s.pack(words, false)
	var buf [4]uint32
	emit := func(label uint32, t *hstate) {
		t.pack(buf[:], true)
		yield(label, buf[:])
	}
	if s.started == 0 {
		s.started, s.alive, s.at = 1, 2, 47
		s.clients[0].at, s.clients[1].at = 76, 76
		for i := range uint32(4) {
			s.offers, s.persists = i&1, i>>1
			emit(0, &s)
		}
		return
	}
	s.server(emit)
	for i := range s.alive {
		s.client(i, emit)
	}
}

func (s hstate) reply(emit func(uint32, *hstate), msg, flag uint32) {
	s.rspLen, s.rspMsg, s.rspFlag, s.at = 1, msg, flag, 47
	emit(1, &s)
}

func (s hstate) server(emit func(uint32, *hstate)) {
	switch s.at {
	case 47:
		if s.reqLen == 1 {
			t := s
			t.msg, t.user, t.at = s.reqMsg, s.reqUser, 40
			t.reqLen, t.reqMsg, t.reqUser = 0, 0, 0
			emit(1, &t)
		}
		if s.open == 1 {
			s.at = 46
			emit(1, &s)
		}
	case 46:
		s.open, s.sphase, s.sauth, s.persistent, s.at = 0, 0, 0, 0, 47
		emit(1, &s)
	case 40:
		m := s.msg
		if s.open == 0 {
			s.reply(emit, mRclose, 0)
			return
		}
		s.msg = 0
		switch {
		case m == mNone && s.sauth == 1 && s.persistent == 1:
			s.reply(emit, mR200, 1)
		case m == mNone:
			s.sphase, s.sauth = 0, 0
			if s.offers == 1 {
				s.reply(emit, mR401nego2, 0)
			}
			s.reply(emit, mR401, 0)
		case m == mNeg1 || m == mNego2a:
			s.sphase, s.sauth, s.suser = 1, 0, s.user
			s.reply(emit, mR401tok, 0)
		case s.sphase == 1 && s.suser == s.user:
			s.user = 0
			t := s
			t.sphase, t.sauth, t.persistent = 2, 1, s.persists
			t.reply(emit, mR200, s.persists)
			s.sphase = 0
			s.reply(emit, mR401, 0)
		default:
			s.user, s.sphase, s.sauth = 0, 0, 0
			s.reply(emit, mR401, 0)
		}
	}
}

func (s hstate) client(i uint32, emit func(uint32, *hstate)) {
	c := &s.clients[i]
	say := func(at uint32) {
		c.at = at
		emit(2+i, &s)
	}
	send := func(msg, at uint32) {
		if s.reqLen == 0 {
			s.reqLen, s.reqMsg, s.reqUser = 1, msg, i
			say(at)
		}
	}
	either := func(one, two uint32) uint32 {
		if c.use2 == 1 {
			return two
		}
		return one
	}
	switch c.at {
	case 76:
		if c.n < 1 {
			c.tries, c.use2 = 0, 0
			say(8)
		} else {
			c.n = 0
			say(79)
		}
	case 8:
		say(23)
	case 23:
		if s.age == 1 {
			return
		}
		s.age = 1
		if s.open == 0 {
			s.open, s.cphase, s.cauth, s.sphase, s.sauth, s.persistent = 1, 0, 0, 0, 0, 0
		}
		say(34)
	case 34:
		switch {
		case s.cauth == 1:
			say(25)
		case c.tries == 0:
			say(27)
			say(29)
		default:
			say(32)
		}
	case 25, 27:
		send(mNone, 36)
	case 29, 32:
		send(either(mNeg1, mNego2a), c.at+1)
	case 30, 33:
		s.cphase = 1
		say(36)
	case 36:
		if s.rspLen == 1 {
			c.st, c.p = s.rspMsg, s.rspFlag
			s.rspLen, s.rspMsg, s.rspFlag = 0, 0, 0
			say(72)
		}
	case 72:
		say(c.judge(s.cphase))
	case 38:
		s.cauth = c.p
		say(39)
	case 39:
		s.cphase = 2
		say(40)
	case 40, 58:
		s.age = 0
		say(c.at + 1)
	case 41, 59:
		c.n++
		say(76)
	case 43, 61:
		s.cauth = 0
		say(c.at + 1)
	case 44, 62:
		s.cphase = 0
		say(c.at + 1)
	case 45, 63:
		s.age = 0
		say(c.at + 1)
	case 46:
		c.tries++
		say(51)
	case 64:
		c.use2 = 0
		if c.st == mR401nego2 {
			c.use2 = 1
		}
		c.tries++
		say(70)
	case 51, 70:
		if c.tries < 3 {
			say(23)
			return
		}
		c.tries = 0
		c.n++
		say(76)
	case 54:
		send(either(mNeg2, mNego2b), 55)
	case 55:
		s.cphase = 2
		say(36)
	case 79:
		if i+1 == s.alive { // processes end in the reverse of the order in which they began
			s.alive--
			*c = hclient{}
			emit(2+i, &s)
		}
	}
}

// judge returns where a client goes with a response, which it has then dealt with unless it is
// a refusal.
func (c *hclient) judge(phase uint32) (to uint32) {
	st := c.st
	c.st = 0
	switch {
	case st == mR200:
		return 38
	case st == mRclose:
		return 43
	case st == mR401tok && phase == 1:
		return 54
	case st == mR401tok:
		return 58
	}
	c.st = st
	return 61
}

func TestHTTPAuth(t *testing.T) {
	r := exploreAll(httpauth{}, nil, Options{})
	// spin counts states stored and states matched, so the first state once more.
	if r.States != 282_040 || r.Transitions+1 != 666_556 || !r.Complete {
		t.Errorf("%d states, %d transitions, expected 282040 and 666555", r.States, r.Transitions)
	}
	if per := r.Bytes / r.States; per > 64 {
		t.Errorf("%d bytes a state", per)
	}
}

func BenchmarkHTTPAuth(b *testing.B) {
	b.ReportAllocs()
	var n uint64
	for b.Loop() {
		n += exploreAll(httpauth{}, nil, Options{}).Transitions
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "transitions/s")
}

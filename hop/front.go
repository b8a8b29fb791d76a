package hop

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Front is a proxy's part on one client connection: the machine, and which connections
// upstream carry what. It is an immutable comparable value. Make the first with
// [NewFront]; the zero Front accepts no event.
//
// A connection upstream belongs to the pool, to the request that it carries, or to the
// client. A Front moves it from one to another by its orders, and never leaves it with two.
type Front struct {
	conf    *conf
	machine machine.Proxy
	stage   stage
	on      Over // the connection that carries the request
	own     bool // an upstream connection is the client's own
	told    bool // if none is, the machine knows
	again   bool // the request may be sent once more
	last    bool // its upstream connection ends with the response
	closing bool // the client's connection is to close
}

// conf is what all Fronts of a proxy share.
type conf struct {
	machine.ProxyConfig
}

// stage is how far a request is.
type stage uint8

const (
	free    stage = iota // there is none
	judging              // the machine waits for an answer
	out                  // it is on its way upstream
	ending               // the client gets its response
	gone                 // there is no client any more
)

var stageNames = [...]string{"free", "judging", "out", "ending", "gone"}

func (s stage) String() string { return stageNames[s] }

// NewFront returns a Front for a new client connection. The error is a gss.Misuse, and says
// what is wrong with the configuration.
func NewFront(c machine.ProxyConfig) (Front, error) {
	m, err := machine.NewProxy(c)
	if err != nil {
		return Front{}, err
	}
	return Front{conf: &conf{m.Config()}, machine: m, told: true}, nil
}

// Machine returns the machine as it is now, for observers.
func (f Front) Machine() machine.Proxy { return f.machine }

// Owns reports whether an upstream connection is the client's own.
func (f Front) Owns() bool { return f.own }

// Format implements fmt.Formatter.
func (f Front) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "front(%v on=%v own=%t closing=%t %v)", f.stage, f.on, f.own, f.closing, f.machine)
}

// Step computes the next Front, and what the driver does. An error is a gss.Misuse, after
// which the Front is as it was: nothing that a peer sends causes one.
func (f Front) Step(env gss.Env, e Event) (Front, Orders, error) {
	next := step{Front: f, env: env}
	if err := next.take(e); err != nil {
		return f, Orders{}, err // L3
	}
	if r, ok := next.orders.Do.(Reply); ok && next.closing {
		r.Close = true
		next.orders.Do = r
	}
	return next.Front, next.orders, nil
}

// step is a Step under way.
type step struct {
	Front
	env    gss.Env
	orders Orders
	n      int // steps of the machine
}

func (s *step) take(e Event) error {
	if s.conf == nil {
		return gss.Misuse("hop: a front made without NewFront")
	}
	if s.stage == gone { // the driver may not have noticed
		s.orders.Used = Close
		switch e.(type) {
		case Received, Answered, Response, Lost:
			s.orders.Do = Abort{}
		}
		return nil
	}
	switch e := e.(type) {
	case Received:
		if s.stage == free {
			return s.received(e)
		}
	case Answered:
		if s.stage == judging {
			return s.tell(e.Answered)
		}
	case Response:
		if s.stage == out {
			return s.response(e)
		}
	case Lost:
		if s.stage == out {
			return s.lost(e)
		}
	case OwnLost:
		return s.ownLost()
	case Ended:
		return s.ended(e)
	case Closed:
		return s.closed()
	}
	return gss.Misuse("hop: this event cannot come in stage " + s.stage.String())
}

// tell steps the machine, and makes orders of what it says.
func (s *step) tell(e machine.Event) error {
	m, acts, err := s.machine.Step(s.env, e)
	if err != nil {
		return err
	}
	s.machine = m
	s.orders.Told[s.n] = Told{e, acts}
	s.n++
	for a := range acts.All() {
		switch a := a.(type) {
		case machine.Retire:
			if a.End == machine.Downstream {
				s.close()
			} else {
				s.drop()
			}
		case machine.Ask:
			s.stage, s.orders.Do = judging, Ask{a}
		case machine.Reply:
			s.stage, s.orders.Do = ending, Reply{a}
		case machine.Forward:
			s.forward(a)
		case machine.Relay:
			s.stage, s.orders.Do = ending, Pass{a, s.conf}
			if a.Keep {
				s.drop()
				s.orders.Used, s.on, s.own, s.told = Keep, NewOwn, true, false
			}
		}
	}
	return nil
}

// close has the client's connection closed.
func (s *step) close() { s.closing, s.orders.CloseClient = true, true }

// drop has the client's own upstream connection closed; the machine knows.
func (s *step) drop() {
	s.orders.CloseOwn = s.orders.CloseOwn || s.own
	s.own, s.told = false, true
}

func (s *step) received(e Received) error {
	if s.closing { // RELAY-10: the client did not know yet
		s.stage, s.orders.Do = ending, Abort{}
		return nil
	}
	s.again = !e.Content && idempotent(e.Request.Method)
	return s.tell(e.Received)
}

// idempotent reports whether a request that may have been carried out already may be sent
// again (RFC 9110 section 9.2.2).
func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// forward finds the connection for the machine's pin.
func (s *step) forward(a machine.Forward) {
	s.stage = out
	switch a.Pin {
	case machine.Shared:
		s.on = Pooled
	case machine.Fresh:
		s.drop()
		s.on, s.own, s.told = NewOwn, true, false
	case machine.Same:
		s.on = Own
		if !s.own { // it closed while the request was judged
			s.vanish()
			return
		}
	case machine.Tunnel:
		s.on = Tunnel
	}
	s.orders.Do = Send{s.on, a.Scheme, a.Info}
}

// vanish ends a request that did not touch the client's own connection, which is gone.
func (s *step) vanish() { // RELAY-12
	s.stage, s.on, s.orders.Do = ending, nowhere, Abort{}
	s.close()
}

// response has the machine judge a response from upstream.
func (s *step) response(e Response) error {
	if err := s.tell(e.Response); err != nil {
		return err
	}
	if s.orders.Do == nil { // HTA-11
		return nil
	}
	s.last = e.Close
	if _, ok := s.orders.Do.(Pass); ok && e.Status == 101 {
		// No HTTP connection any more: what the client and the upstream made of theirs
		// holds both.
		if s.on.own() {
			s.own, s.told = false, true
		}
		s.on, s.orders.Used = nowhere, Detach
	}
	if _, ok := s.orders.Do.(Reply); ok { // nothing reads the response to its end
		return s.release(Close)
	}
	return nil
}

// release ends the use of the connection that carried the request.
func (s *step) release(use Use) error {
	switch {
	case s.on.own() && use == Close:
		s.orders.CloseOwn, s.own = s.orders.CloseOwn || s.own, false
	case s.on == Pooled, s.on == New: // RELAY-14
		s.orders.Used = use
	}
	s.on = nowhere
	return s.settle()
}

// settle tells the machine that the client's own connection is gone, if it has to be told.
func (s *step) settle() error {
	if s.own || s.told {
		return nil
	}
	s.told = true
	do := s.orders.Do
	err := s.tell(machine.Closed{End: machine.Upstream})
	if do != nil {
		s.orders.Do = do
	}
	return err
}

// lost deals with a request that gets no response.
func (s *step) lost(e Lost) error {
	if e.Idle && s.on == Pooled && s.again && !e.Client { // RELAY-11
		// It had closed while it was idle, and the pool did not know.
		s.on, s.again = New, false
		s.orders.Used, s.orders.Do = Close, Send{Over: New}
		return nil
	}
	vanished := s.on == Own && e.Unsent && !e.Client
	switch {
	case s.on.own():
		s.drop()
	case s.on != Tunnel:
		s.orders.Used = Close
	}
	s.on = nowhere
	if err := s.tell(machine.Closed{End: machine.Upstream}); err != nil {
		return err
	}
	if e.Client {
		s.close()
	}
	if vanished {
		s.vanish()
	}
	return nil
}

// ownLost takes note that the client's own connection is gone. Where a request is under
// way the machine is told at its end, since it would take the loss for that of the
// request's connection.
func (s *step) ownLost() error {
	if !s.own || s.on.own() {
		return nil
	}
	s.own = false
	if s.stage == free {
		return s.settle()
	}
	return nil
}

// ended makes the Front ready for the next request.
func (s *step) ended(e Ended) error {
	if s.stage == free { // it was refused before it came here
		return nil
	}
	whole := s.stage == ending
	use := Return
	if !whole || e.Broken || !e.Usable || s.last {
		use = Close
	}
	if !whole || e.Broken {
		s.close()
	}
	if !whole { // the machine is in the middle of things; all that it will hear is that the client is gone
		s.told = true
	}
	s.stage, s.again, s.last = free, false, false
	err := s.release(use)
	s.orders.Do = nil
	return err
}

// closed ends the Front. The machine has the client's own connection closed with it
// (R4559-6-5), and what carries a request goes in any case.
func (s *step) closed() error {
	if err := s.tell(machine.Closed{End: machine.Downstream}); err != nil {
		return err
	}
	switch {
	case s.on.own():
		s.drop()
	case s.on == Pooled, s.on == New:
		s.orders.Used = Close
	}
	s.Front = Front{conf: s.conf, machine: s.machine, stage: gone, told: true, closing: true}
	return nil
}

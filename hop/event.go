package hop

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Event is what a driver tells a [Front]. The set is sealed.
type Event interface{ event() }

// Received: a request came in on the client's connection.
type Received struct {
	machine.Received
	// Content: the request has content, which may be gone once it was sent.
	Content bool
}

// Answered: the answer to an Ask.
type Answered struct{ machine.Answered }

// Response: a response came from upstream. A tunnel that stands is one with status 200.
type Response struct{ machine.Response }

// Lost: the connection that was to carry the request upstream could not be had, or is
// gone, and there is no response.
type Lost struct {
	// Idle: it came out of the pool, where it had been idle.
	Idle bool
	// Unsent: not an octet of the request was written.
	Unsent bool
	// Client: it is the client's fault, whose part of the request did not come whole.
	Client bool
}

// OwnLost: the upstream connection that is the client's own has closed. Where it carries
// a request at that time, what becomes of that says the same.
type OwnLost struct{}

// Ended: nothing more is to be done for the request.
type Ended struct {
	// Broken: the client did not get the whole response.
	Broken bool
	// Usable: the upstream connection that carried the request can take another one, as
	// far as is known.
	Usable bool
}

// Closed: the client's connection is gone, or has become something other than HTTP.
type Closed struct{}

func (Received) event() {}
func (Answered) event() {}
func (Response) event() {}
func (Lost) event()     {}
func (OwnLost) event()  {}
func (Ended) event()    {}
func (Closed) event()   {}

// Over is the connection on which a request goes upstream.
type Over uint8

const (
	nowhere Over = iota
	// Pooled: an idle one of the pool, or a new one where there is none.
	Pooled
	// New: a new one, since the idle one that was tried had closed.
	New
	// NewOwn: a new one, which is the client's own from now on.
	NewOwn
	// Own: the one that is the client's own.
	Own
	// Tunnel: a new one that carries no HTTP, to where the request's CONNECT leads.
	Tunnel
)

var overNames = [...]string{"nowhere", "pooled", "new", "new own", "own", "tunnel"}

func (o Over) String() string { return overNames[o] }

// own reports whether it is the client's.
func (o Over) own() bool { return o == NewOwn || o == Own }

// Use is what becomes of the connection that carries a request, or carried it.
type Use uint8

const (
	// Stay: nothing.
	Stay Use = iota
	// Return: it goes back to the pool.
	Return
	// Keep: it is the client's own from now on.
	Keep
	// Close: it is closed.
	Close
	// Detach: it is not HTTP's any more, and as long as the client's connection.
	Detach
)

var useNames = [...]string{"stay", "return", "keep", "close", "detach"}

func (u Use) String() string { return useNames[u] }

// Action is what a [Front] has a driver do for the request. The set is sealed.
type Action interface{ action() }

// Ask: answer the question, with Answered.
type Ask struct{ machine.Ask }

// Reply: answer the request with it.
type Reply struct{ machine.Reply }

// Send: send the request upstream, with the fields of Apply.
type Send struct {
	Over Over
	// Scheme and Info say as what the client authenticated to this proxy, if it did. They are
	// zero where the request is sent once more.
	Scheme string
	Info   gss.Info
}

// Pass: pass the response on, with the fields of Apply.
type Pass struct {
	machine.Relay
	conf *conf
}

// Abort: close the client's connection without a word. To the client that is a
// connection that closed while it was idle, after which it may begin again on another
// one, where a 502 would be taken for the answer.
type Abort struct{}

func (Ask) action()   {}
func (Reply) action() {}
func (Send) action()  {}
func (Pass) action()  {}
func (Abort) action() {}

// Told is a step that the machine of a [Front] took.
type Told struct {
	Event   machine.Event
	Actions machine.Actions
}

// MaxTold is how many steps of the machine one Step of a [Front] can take.
const MaxTold = 2

// Orders are what a driver carries out after a Step, in the order of their fields.
type Orders struct {
	// CloseOwn: close the upstream connection that was the client's own until now.
	CloseOwn bool
	// Used is what becomes of the connection that carries the request. With a Send it is
	// about the one before.
	Used Use
	// Do is what is to be done for the request, nil for nothing.
	Do Action
	// CloseClient: close the client's connection as soon as it is idle.
	CloseClient bool
	// Told are the steps of the machine, for an observer.
	Told [MaxTold]Told
}

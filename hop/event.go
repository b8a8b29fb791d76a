package hop

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Event is what a driver tells a [Front]. The set is sealed.
type Event interface{ event() }

// Received tells that a request came on the client's connection.
type Received struct {
	machine.Received
	// Content tells that the request has content, which may be gone once it was sent.
	Content bool
}

// Answered delivers the answer to an Ask.
type Answered struct{ machine.Answered }

// Response tells that a response came from upstream. An open tunnel is one with status
// 200.
type Response struct{ machine.Response }

// Lost tells that the connection for the request upstream could not be opened, or is gone,
// and that there is no response.
type Lost struct {
	// Idle tells that the connection came from the pool, where it had been idle.
	Idle bool
	// Unsent tells that not an octet of the request was written.
	Unsent bool
	// Client tells that the client caused it: the request's content broke off.
	Client bool
}

// OwnLost tells that the upstream connection that is the client's own has closed. If it
// carries a request at that time, Lost or Response follows for that.
type OwnLost struct{}

// Ended tells that nothing more is done for the request.
type Ended struct {
	// Broken tells that the client did not get the whole response.
	Broken bool
	// Usable tells that the upstream connection that carried the request can take
	// another one, as far as is known.
	Usable bool
}

// Closed tells that the client's connection is gone, or no longer carries HTTP.
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
	// Pooled means an idle one of the pool, or a new one if there is none.
	Pooled
	// New means a new one, since the idle one that was tried had closed.
	New
	// NewOwn means a new one, which is the client's own from now on.
	NewOwn
	// Own means the one that is the client's own.
	Own
	// Tunnel means a new one that carries no HTTP, to the target of the CONNECT.
	Tunnel
)

var overNames = [...]string{"nowhere", "pooled", "new", "new own", "own", "tunnel"}

func (o Over) String() string { return overNames[o] }

// own reports whether the connection is the client's.
func (o Over) own() bool { return o == NewOwn || o == Own }

// Use is what a driver does with the connection that carries a request, or carried it.
type Use uint8

const (
	// Stay means nothing.
	Stay Use = iota
	// Return means to put it back into the pool.
	Return
	// Keep means that it is the client's own from now on.
	Keep
	// Close means to close it.
	Close
	// Detach means that it no longer carries HTTP, and ends with the client's connection.
	Detach
)

var useNames = [...]string{"stay", "return", "keep", "close", "detach"}

func (u Use) String() string { return useNames[u] }

// Action is what a [Front] tells a driver to do for the request. The set is sealed.
type Action interface{ action() }

// Ask tells a driver to answer the question, with Answered.
type Ask struct{ machine.Ask }

// Reply tells a driver to respond to the request with it.
type Reply struct{ machine.Reply }

// Send tells a driver to send the request upstream, with the fields of Apply.
type Send struct {
	Over Over
	// Scheme and Info say as what the client authenticated to this proxy, if it did. They are
	// zero where the request is sent once more.
	Scheme string
	Info   gss.Info
}

// Pass tells a driver to pass the response on, with the fields of Apply.
type Pass struct {
	machine.Relay
	conf *conf
}

// Abort tells a driver to close the client's connection without a response. The client
// sees a connection that closed while it was idle, and may begin again on another one; it
// would take a 502 for the response.
type Abort struct{}

func (Ask) action()   {}
func (Reply) action() {}
func (Send) action()  {}
func (Pass) action()  {}
func (Abort) action() {}

// Told is one step that the machine of a [Front] took.
type Told struct {
	Event   machine.Event
	Actions machine.Actions
}

// Orders are what a driver does after a Step, in the order of their fields.
type Orders struct {
	// CloseOwn tells to close the upstream connection that was the client's own until
	// now.
	CloseOwn bool
	// Used is what to do with the connection that carries the request. With a Send it is
	// about the previous one.
	Used Use
	// Do is what to do for the request, nil for nothing.
	Do Action
	// CloseClient tells to close the client's connection as soon as it is idle.
	CloseClient bool
	// Told holds the steps of the machine, for an observer: two at most.
	Told [2]Told
}

package model

import (
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// clientNode is a client with its driver: the shipped machine on one connection, and
// what a driver has to remember besides.
type clientNode struct {
	m       machine.Client
	number  uint8
	hasConn bool // there is a connection
	lost    bool // it is gone, and an exchange still has to be told by its end
	inside  bool // there is a tunnel, and exchanges run inside it
	h2      bool // the connection is multiplexed
	begun   uint8
	order   uint8               // of the exchange under way, index+1
	status  int                 // of the last response in it
	idle    bool                // the connection was, before the request on its way
	talked  bool                // a 1xx came since that was sent
	heard   machine.SessionWord // what Reopen taught about Proxy-Support
	known   [2]machine.Space    // where a client remembers: of the origin, by this route, and of the proxy
	ask     machine.Ask         // open question
	sent    uint32              // the packet of the request that has no response yet
}

// clientOut is what one event does to a client.
type clientOut struct {
	node  uint32
	sent  uint32 // packet to put on the connection, 0 for none
	fresh bool   // the old connection is gone, and with it the node behind it
	saw   []any
}

// serverNode is an origin with its driver: the shipped machine on one connection, and
// the request that it deals with.
type serverNode struct {
	m   machine.Server
	ask machine.Ask
	req request // while a question is open
	// status is the handler's, while a question about its response is open.
	status int
}

// serverOut is what one event does to a server.
type serverOut struct {
	node     uint32
	sent     uint32 // packet to put on the connection, 0 for none
	close    bool   // the connection ends with it
	admitted bool   // the handler ran, so that its status matters
	saw      []any
}

// proxyNode is a proxy with its driver on one client connection: the shipped value, the
// request that it deals with, and while its last word on a response waits for an
// answer, that response.
type proxyNode struct {
	front hop.Front
	ask   machine.Ask
	req   request
	resp  response
	own   bool // resp came over the client's own connection
	cut   bool // the connection closed before the response was passed on
	// closing: the client's connection closes as soon as it is idle, unless a request is
	// faster.
	closing bool
}

// proxyOut is what one event does to a proxy.
type proxyOut struct {
	node    uint32
	sent    uint32   // packet for the client, 0 for none
	forward uint32   // packet for upstream, 0 for none
	over    hop.Over // on which connection
	does    []slotUse
	aborts  bool // the client's connection closes, with what is on it
	saw     []any
}

// slotUse is what becomes of an upstream connection.
type slotUse uint8

const (
	closesOwn slotUse = iota
	keepsUsed
	returnsUsed
	closesUsed
	endsUse // of the one that carried a request, if it is still there
)

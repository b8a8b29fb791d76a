// Package model provides an explicit-state model checker, and the worlds in which the
// shipped machines of this module are checked.
//
// A [World] is a transition system. Its states are short tuples of numbers. [World.Check]
// walks all of it, breadth first and exactly (states are compared whole, never by
// fingerprint), and judges [Properties]: what always holds, what eventually happens, what
// can happen at all. Every property gets its verdict, every failure its shortest path, and
// every verdict says how often the property had anything to say, so that nothing holds
// vacuously. A property that speaks of what a world does not have is not applicable there.
//
// [New] makes a world of a user's own, of a [Spec]: schemes and mechanisms, what clients
// want, what the network does, what is between them and what a driver decides. docs/model.md
// shows three.
//
// [Worlds] are made of the real machine.Client, machine.Server and hop.Front, which
// has a machine.Proxy inside. What a driver does around them with connections and
// fields is decided by package hop, here as in the shipped drivers. In them is the finite
// mechanism of gss/gsstoy, and a network between that is hostile within a budget;
// [MechanismWorlds] have the shipped mechanisms and schemes inside in its place:
// gss/spnego, ntlm, kerberos and digest. The package's tests also explore the contexts of
// gss/spnego without HTTP, with a man in the middle, and one side of a client alone. No
// second description of the protocol is written down anywhere: what is checked
// is the code that runs. That it can be done at all rests on the machines being
// comparable values with a pure Step. A machine's value is interned to a small
// number, and its Step is computed once per (value, event) and remembered.
//
// [Properties] are judged over what can be seen from outside: the events and
// actions of the machines, which are what goes over the wire, against a history
// of such events and actions that is kept beside the machines. They never look
// into a machine.
//
// Exploring is single-threaded; different worlds can be explored side by side.
//
// # Its files, from the bottom up
//
//   - check.go, explore.go, eventually.go, store.go, intern.go: the explorer, which knows
//     nothing of authentication
//   - schemes.go, packets.go, observed.go, tokens.go, toy.go, setup.go, tricks.go: the
//     vocabulary of worlds, and what the network may do to a message
//   - pedant.go, lax.go, digesttoy.go, digest.go, kerberos.go, toys.go, answers.go: the
//     schemes of worlds, and what drivers answer
//   - spec.go, reading.go, concern.go: worlds of a user's own, what their messages say, and
//     which properties concern a world
//   - nodes.go, client_node.go, server_node.go, proxy_node.go, hostile.go: the machines with
//     the drivers around them
//   - history_client.go, history_acceptor.go, history.go: what was observable on a connection
//   - property.go, judging.go, property_*.go, properties.go: the properties, by the chapters
//     of docs/requirements.md; the name of each is to be found by grep
//   - system.go, system_*.go: the composed world and its transitions
//   - scenario.go, orders.go, worlds_*.go, worlds.go, mechanism_worlds.go, spnego.go: the
//     worlds by name
//   - story.go: a path in words
package model

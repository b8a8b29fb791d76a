// Package model provides an explicit-state model checker, and the worlds in which the
// shipped machines of this module are checked.
//
// A [World] is a transition system. Its states are short tuples of numbers.
// [Explore] walks all of it, breadth first and exactly (states are compared
// whole, never by fingerprint), and judges a list of [Check]s: what always
// holds, what eventually happens, what can happen at all. Every check gets its
// verdict, every failure its shortest path, and every check says how often it
// had anything to say, so that nothing holds vacuously.
//
// [Worlds] are made of the real machine.Client, machine.Server and hop.Front, which
// has a machine.Proxy inside. What a driver does around them with connections and
// fields is decided by package hop, here as in the shipped drivers. In them is the finite
// mechanism of gss/gsstoy, and a network between that is hostile within a budget;
// [MechanismWorlds] have the shipped mechanisms and schemes inside in its place:
// gss/spnego, ntlm, kerberos and digest. In
// [Negotiations] the contexts of gss/spnego run without HTTP, with a man in the middle. No
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
package model

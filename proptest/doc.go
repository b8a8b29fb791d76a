// Package proptest holds backends to their contracts: conformance kits for
// mechanisms (package gss), schemes (package scheme) and machines (package
// machine), in the manner of testing/fstest. Drivers, which do I/O, have a kit of
// their own in drivers/drivertest.
//
// A kit takes a constructor of a pair that can complete with each other, and
// makes each rule a subtest that says in a sentence what is asked for, and reports
// everything that it found, not the first thing only:
//
//	func TestKit(t *testing.T) {
//		proptest.Mechanism(t, func() proptest.Pair {
//			return proptest.Pair{Initiator: client, Acceptor: server, Target: target, Answers: answers}
//		})
//	}
//
// The kits walk an honest exchange, go back to each of its states with what that
// state must refuse, and then let random events loose on the pair: see
// [MechanismProperty], [SchemeProperty] and [MachineProperty], which are fuzz
// targets as well, by rapid.MakeFuzz. What a protocol does not have, it is not
// asked for: say so in the pair ([Weakness], Pair.Binding). A rule without any
// occasion fails, since a pair that gets nowhere breaks no other one. All that a
// kit needs beside the backend it makes itself: it does no I/O, looks at no clock
// and leaves nothing behind.
//
// [Misbehave], [MisbehaveClient], [MisbehaveServer] and [MisbehaveMachine] make
// backends that do one thing wrong, out of ones that do not. The kits' own tests
// run all of them, so that no rule is one that cannot fail; they also serve to see
// what a driver makes of such peers.
//
// Importing this package registers the command line flags of
// pgregory.net/rapid, so it belongs into tests.
package proptest

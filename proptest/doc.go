// Package proptest holds backends to their contracts: conformance kits for
// mechanisms (package gss), schemes (package scheme) and machines (package
// machine), in the manner of testing/fstest. Drivers, which do I/O, have a kit of
// their own in drivers/drivertest.
//
// # For the author of a mechanism
//
// First, write a function that returns a fresh [Pair]: the mechanism as both sides
// have it, the Target, and the Answers to its questions. [Answers] is enough for a
// mechanism with passwords. Set Peer and Secrets, so that the kit can look for the
// name and for what must not show, and Stranger or StrangerAnswers, so that it can
// check that it is refused. Then call [Mechanism] in a test of its own, and give
// [MechanismProperty] to a fuzz target, by rapid.MakeFuzz:
//
//	func TestKit(t *testing.T) {
//		proptest.Mechanism(t, func() proptest.Pair {
//			return proptest.Pair{Initiator: client, Acceptor: server, Target: target, Answers: answers}
//		})
//	}
//
// What a protocol does not have, it is not asked for: say so in the pair
// (NoReplayProtection, NoTamperProtection, Binding and Opens in [Pair]).
//
// # For the author of a scheme
//
// The same with a [SchemePair], [Scheme] and [SchemeProperty]. The pair holds both
// halves of the scheme and the Exchange that is authenticated. What the client and
// the server say goes through the text of the header fields on its way, so a
// parameter that cannot be written or read back is found, too. A scheme that is a
// mechanism under a name of HTTP needs both kits: Scheme does not look into its
// contexts.
//
// # For the author of a machine
//
// The same with a [Subject], [Machine] and [MachineProperty]. The subject holds the
// machine, its [Role], and a client or a server for it to talk to, which may be those
// of package machine.
//
// # What a failure looks like
//
// Each rule is a subtest, named after the rule. It says in a sentence what is asked
// for and lists what was seen in its place, all of it and not the first only:
//
//	--- FAIL: TestKit/token_after_complete_fails
//	    token_after_complete_fails: a token after Complete fails the context
//	      - acceptor: complete after one more token
//
// The subtest "events" is the random part. It ends with the shortest run of events
// that rapid could find, and with the seed that repeats it (-rapid.seed). A rule
// without any occasion fails, since a pair that gets nowhere breaks no other one; a
// rule that is for other backends logs which ones. Where there is no testing.T,
// [CheckMechanism], [CheckScheme] and [CheckMachine] return the findings as an error.
//
// The kits walk an honest exchange, go back to each of its states with what that
// state must refuse, and then let random events loose on the pair. All that a kit
// needs beside the backend it makes itself: it does no I/O, looks at no clock and
// leaves nothing behind.
//
// The kits' own tests run them on backends that do one thing wrong each, so that no rule
// is one that cannot fail.
//
// Importing this package registers the command line flags of
// pgregory.net/rapid, so it belongs into tests.
package proptest

// Package gsstoy implements a security mechanism without any security: finite, tiny
// and fully configurable, for tests, the model checker and conformance kits.
//
// Never use it to authenticate a user. What a real mechanism does with cryptography it
// does in the open: a proof is the secret itself, a checksum
// is 32 bits that anyone can compute, sealing flips bits. In exchange its
// contexts have few states and its tokens can be read in a failing test:
//
//	toy:h                                 hint, the acceptor's token before the initiator's first
//	toy:i1:u=alice                        initiator's token 1 of 2
//	toy:c1                                acceptor's challenge after it
//	toy:i2:u=alice:p=secret               initiator's last token: the proof
//	toy:f:u=alice:p=secret                acceptor's final token, with its own proof
//	toy:x                                 acceptor's last token when it refuses
//
// More fields come with options: n is a nonce and r the peer's nonce sent back
// ([Toy.Fresh]); b is what the initiator says of the channel, "-" for none and
// "+" with a checksum for a known one. A toy that poses as another mechanism
// starts its tokens with that one's name, "toy/NTLM:i1:u=alice", so that a token
// never passes for another mechanism's.
//
// A [Toy] says what both sides do; client and server may well be configured
// differently, to see what happens.
//
//	Legs   tokens of the initiator  acceptor's tokens
//	1      i1                       [f]
//	2      i1 i2                    c1 [f]
//	3      i1 i2 i3                 c1 c2 [f]
//
// The contexts keep the laws of package gss to the letter: immutable comparable
// values, Step pure, no byte from a peer ever an error or a panic, failure
// final, the zero value not usable. So they are also the smallest example of how
// to write a mechanism. What is misuse (the state stays as it was): an answer
// that no question asked for or of a type that it does not take, a step other
// than the answer while a question is open, a token and an answer at once. A
// token after the end is the peer's doing: it fails the context.
package gsstoy

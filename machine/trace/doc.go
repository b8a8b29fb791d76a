// Package trace records the steps of machines, so that they can be read, shown and
// replayed. It is pure as the machines are: it writes and reads bytes that the caller
// stores.
//
// A step goes in and comes out whole as a [Record]: role, name, sequence number,
// Env, event, actions, error. A [Line] is what may be shown of it. An [Encoder]
// writes either of two kinds of trace, as NDJSON: one JSON object a line, in one
// order of fields, without white space.
//
//	{"countersign-trace":2}                                first line: the version
//	{"seq":1,"role":"client","name":"conn-1","now":…,"event":{"kind":"Begin",…},"actions":[{"kind":"Send",…}]}
//	…
//	{"steps":8}                                            last line: nothing is missing before it
//
// # Redacted
//
// The default. It has the structure of what happened:
//
//   - kinds of events, actions, questions and answers; phases can be told from them
//   - method (registered ones), status, route, use of the body, flags
//   - of the authentication fields: scheme (registered ones), form, number of
//     parameters, length of the token in bytes (not of Basic's)
//   - mechanism, side, fault code, time, and the name that the caller gave
//
// It does not have: credentials, tokens, parameters, realms, passwords and what
// is derived from them, names of users, hosts and URIs, the details of faults
// and errors, bindings, the seed. Every word comes from a table of this package, and a
// word that is in none is "other": nothing of a peer is copied. Names are the caller's
// own and kept, up to 64 bytes.
//
// [Structure] replays it as far as that goes, and says for each step what is
// hidden that Step would need; only a Closed and a Lost hide nothing. Nothing protects a
// redacted trace from changes.
//
// # Sealed
//
// With a key each line carries, beside its redacted form, the whole record:
//
//	{"countersign-trace":2,"salt":"…","sealed":"…"}        sealed: Config.Setup
//	{"seq":1,…,"sealed":"…"}
//	{"steps":8,"sealed":"…"}
//
// The salt is 32 bytes from the caller's Env. The keys of a trace are
// HKDF-SHA-256 of key and salt. A sealed part is base64 (unpadded) of nonce,
// ciphertext and tag of AES-256-GCM. Associated data are the line's number, 8
// bytes big-endian, and the line as it would be without the part; the nonce is
// cut from the HMAC-SHA-256 of all that. So a line that was changed, cut, moved,
// left out, or taken from another trace does not open. A trace may stop at any line, as
// it does when a program crashes; [Trace].Ended tells.
//
// [Replay] steps a machine through the records and compares the actions with
// the recorded ones, byte for byte in the canonical encoding. The machine has to
// be made as it was; Config.Setup is for what the caller needs to do so.
//
// # Canonical encoding
//
// Version 2 of what is sealed:
//
//	bool, integer  unsigned varint, a signed one zigzag (encoding/binary)
//	string         length as varint, bytes
//	struct         for each field that is not zero, in order of declaration: its
//	               name as a string, its value; then the empty string
//	interface      name of the dynamic type as a string, then the value; nil is
//	               the empty string
//	array          its elements
//	actions        their number as varint, then each as an interface
//
// The values of packages header and gss that keep their fields to themselves are
// strings that parse to the same value, ==; a machine.Resume is a string that it
// makes itself. Of a gss.Context only its Info is kept, of an error its text.
// Equal records have equal encodings and only those are read back. A trace of
// another version is refused: version 2 has the owner of what is remembered
// (gss.NeedReplayCheck) and the time after which to try again (machine.Reply), so
// that the exchanges of version 1 would not replay.
//
// The questions and answers of other packages come in by a [Vocabulary]. A type
// that it lacks is an error, when writing and when reading.
//
// # For people
//
// [Text] and [Mermaid] render a trace for readers. Made by [Redact] from the caller's own
// records they also have the paths of requests, without queries; a trace that was written
// redacted has none.
package trace

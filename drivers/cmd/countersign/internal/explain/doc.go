// Package explain describes in words what a field line of HTTP authentication, a field value
// or a token means.
//
// It is total: every text has an explanation, and what is malformed or unknown becomes a
// [Fault] with the byte offset where it starts. Package header, which parses fields for the
// machines, drops malformed parts without positions, so this package has a scanner of its
// own, which keeps positions and reasons. A fuzz target checks that both accept the same
// texts.
//
// Secrets are hidden: of Basic credentials only the user name is shown, and of an unknown
// token only its length.
//
// Tokens are explained by a table, see decoders, to which a mechanism adds its row.
package explain

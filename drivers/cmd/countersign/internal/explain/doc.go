// Package explain says in words what a field line of HTTP authentication, a
// field value or a bare token means.
//
// It is total: every text has an explanation, and what breaks the grammar, or
// is not known, becomes a [Fault] with the byte offset where the trouble
// starts. Package header, which the machines read fields with, judges and drops
// what is broken without saying where; so this package has a scanner of its own,
// which keeps places and reasons. A fuzz target holds the two together: they
// call the same texts sound.
//
// Secrets do not show: of Basic credentials the user name alone, of a token
// that nobody knows only its length.
//
// What tokens say is a table, see decoders: a mechanism adds its row.
package explain

// Package header turns the field values of HTTP authentication into values and
// back: challenges (WWW-Authenticate, Proxy-Authenticate), credentials
// (Authorization, Proxy-Authorization), Authentication-Info and its proxy twin,
// Persistent-Auth, Proxy-Support and Early-Data.
//
// It has no I/O and no state. Every type is comparable with == and is a view over the
// text that it was parsed from, so copying one costs a few words.
//
// # Reading
//
// Parsing is total. A challenge list (RFC 9110 sections 5.6.1 and 11.3) takes one
// line or several. The same comma separates challenges and parameters, and only the
// grammar tells them apart. A part that breaks the grammar or a bound makes the one
// challenge that it belongs to [Malformed], with its scheme where the grammar still
// tells it, and the others survive. The precise rules:
//
//   - A line end separates like a comma, whether the lines come one by one or
//     together with LF or CR LF between them. A parameter at the start of a line (or
//     after a comma) belongs to the challenge before it. A quoted-string that is
//     still open at the end of its line ends there, malformed: a broken line
//     cannot swallow the next one. A fold (RFC 9112 section 5.2) is a line end as
//     well; a reader of raw messages puts a space in its place first.
//   - A CR is white space, as RFC 9110 section 5.5 has it, and breaks a
//     quoted-string. Credentials are one line: with CR or LF they are malformed.
//   - Junk belongs to the challenge before it if that has a token68 or
//     parameters, because dropping a damaged parameter could weaken what is left.
//     After a bare scheme, junk is a Malformed challenge of its own, without a
//     scheme.
//   - A token68 is recognized by its grammar, and what it means is up to its
//     scheme. Token decodes base64, which all schemes of this module use, and
//     accepts surplus padding and nothing else; Token68 returns the text, for
//     schemes such as Bearer.
//   - White space around "=" is accepted, as is an empty list element.
//
// A field has at most 128 KiB, a list 32 challenges, one challenge 32 parameters. Work is linear in the text. [ParseChallenges] only bounds and
// joins the lines; every iteration parses anew, and allocates nothing.
//
// # Writing
//
// Nothing that this package emits holds CR, LF or NUL, whatever it is given, and
// what it emits parses to the same value. A value that could not be written that
// way (a scheme that is no token, say) is Malformed, and Malformed values have
// no text.
package header

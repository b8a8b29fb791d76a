// Package krb5conf parses the configuration file krb5.conf into a value: what MIT's and
// Heimdal's libraries read, as far as an HTTP client or server has a use for it.
//
// Reading files is for drivers: Parse is given the text, and asks for what the text
// includes. A configuration has up to 1 MiB, 4096 relations, and braces and includes up to 8 deep; a local name has up to 1024 bytes.
//
//	file        what
//	profile.go  the syntax: sections, relations, nesting, includes
//	config.go   what it means: realms, hosts, encryption types, times
//	local.go    auth_to_local: names of this system for principals
package krb5conf

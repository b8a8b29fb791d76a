// Package names bounds the names and realms of Kerberos.
package names

import "strings"

// Bounds on names that come from a peer (law L9).
const (
	MaxComponents = 16      // components of a name
	MaxText       = 1 << 12 // bytes of a realm, or of one component of a name
)

// Valid reports whether s can be a component of a name, or a realm: up to MaxText bytes, without a NUL, which C libraries take for its end.
func Valid(s string) bool { return len(s) <= MaxText && strings.IndexByte(s, 0) < 0 }

// Package attack tests what this module's clients, servers and proxies do when an attacker
// between them, or one of them, breaks the rules. It has tests alone.
package attack

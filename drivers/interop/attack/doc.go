// Package attack has tests alone: of what this module's clients, servers and proxies do when
// an attacker between them, or one of them, breaks the rules.
package attack

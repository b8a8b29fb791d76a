// Package attack has tests alone: of what this module's clients, servers and proxies do to each
// other where somebody between them, or one of them, does not keep the rules.
package attack

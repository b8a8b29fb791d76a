// Package bound defines the bounds on what a peer sends that several packages enforce or name.
package bound

const (
	// Text bounds all lines of one field together, in bytes: a token68 of the
	// largest Windows token (64 KiB) with room for its neighbours.
	Text = 128 << 10
	// Challenges bounds the challenges of one field; further ones are dropped.
	Challenges = 32
	// Params bounds the parameters of one challenge.
	Params = 32
	// Token bounds the tokens of mechanisms, in bytes: the largest that Windows makes
	// (MaxTokenSize 65,535), rounded up.
	Token = 1 << 16
)

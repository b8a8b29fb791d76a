// Package entropy makes the gss.Env of each Step. It is the only place of this
// project that reads the clock or a random source.
package entropy

import (
	"crypto/rand"
	"time"

	"github.com/countersign-auth/countersign/gss"
)

// Env returns the present time with a fresh seed, for one Step.
func Env() gss.Env {
	env := gss.Env{Now: time.Now().UnixNano()}
	rand.Read(env.Seed[:]) // never fails: crypto/rand ends the program instead
	return env
}

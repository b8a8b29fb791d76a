// Package patience holds how long the kit of package drivertest waits for what does not happen.
package patience

import "time"

// Bound is how long nothing may happen in a check. It bounds no work: how long a hundred handshakes take is for the
// machine to say, and what else it is busy with. Only tests that the kit finds what hangs change it.
var Bound = time.Minute

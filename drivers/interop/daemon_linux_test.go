package interop

import "syscall"

// A peer has no terminal to ask passwords on, and ends with the tests whatever
// ends them.
func init() {
	detached = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"

	"github.com/countersign-auth/countersign/gss"
)

// The exit codes. 22 is curl's for a status of 400 or more.
const (
	exitUsage     = 1 // wrong use; of explain, demo, replay and check also a negative result
	exitTransport = 2 // no connection, a broken one, a TLS failure, a file error, or no answer of a KDC
	exitRefused   = 3
	exitPolicy    = 4
	exitPeer      = 5
	exitInternal  = 6
	exitStatus    = 22
)

// classes says what the command makes of a fault, by its class: the exit code of get and
// kinit, and the level of the line that serve logs. docs/errors.md shows the table. A client
// without or with wrong credentials is an ordinary event of a server. Only what no peer can
// bring about is an error: the clock of a client, too, is of the environment.
var classes = map[gss.Class]struct {
	exit  int
	level slog.Level
}{
	gss.NoFault.Class(): {0, slog.LevelInfo},
	gss.PeerRefused:     {exitRefused, slog.LevelInfo},
	gss.Policy:          {exitPolicy, slog.LevelInfo},
	gss.PeerMisbehaved:  {exitPeer, slog.LevelWarn},
	gss.Environment:     {exitTransport, slog.LevelWarn},
	gss.Internal:        {exitInternal, slog.LevelError},
}

// exitOf returns the exit code for the error of an exchange: that of its fault's class, and
// that of a transport error if it has no fault.
func exitOf(err error) int {
	if f, ok := errors.AsType[gss.FaultError](err); ok {
		return classes[f.Code.Class()].exit
	}
	return exitTransport
}

// remedies are the flags that permit what a fault says is not permitted. The detail of the fault names the option that
// a program would set.
var remedies = []struct {
	code         gss.Code
	detail, flag string
}{
	{gss.NotPermitted, "Policy.Cleartext", "--allow-cleartext"}, // FRONT-7
	{gss.NotAuthentic, "MutualIfOffered", "--mutual if-offered"},
	{gss.WrongTarget, "ServiceName", "--service-name, --proxy-service-name"},
	{gss.Unsupported, " asked for", allowRC4},
	{gss.NotPermitted, " asked for", allowRC4},
}

const allowRC4 = "--allow-rc4"

// remedied returns the error for a fault with the flag that avoids it, if there is one. rc4 reports whether --allow-rc4 is
// given.
func remedied(err error, f gss.Fault, rc4 bool) error {
	for _, r := range remedies {
		if f.Code == r.code && strings.Contains(f.Detail, r.detail) && (r.flag != allowRC4 || !rc4) {
			return fmt.Errorf("%w (here: %s)", err, r.flag)
		}
	}
	return err
}

// exitOfSetup returns the exit code for an error of what comes before an exchange: that of files
// if one cannot be read or written, and that of wrong use if not.
func exitOfSetup(err error) int {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return exitTransport
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok { // of a file whose name is not repeated
		return exitTransport
	}
	return exitUsage
}

// levelOf returns the level at which a request is logged that ended with the fault, or without one.
func levelOf(f gss.Fault) slog.Level { return classes[f.Code.Class()].level }

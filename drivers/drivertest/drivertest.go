// Package drivertest provides a conformance kit for drivers: for code that sends
// HTTP requests, or serves them, with the machines of this module. It finds what
// drivers get wrong: legs on the wrong connection, identities that cross,
// bodies that are lost or sent twice, exchanges that never end, connections and
// goroutines that stay.
//
//	func TestKit(t *testing.T) {
//		drivertest.Run(t, func() drivertest.Driver {
//			return drivertest.Driver{Client: newClient, Server: newServer}
//		})
//	}
//
// Every check is a subtest. Its failure states the rule in a sentence and lists all
// violations found. The kit provides the other peer: a server of net/http or bare
// connections on the loopback interface, with the same machines. No KDC and no domain
// is needed: the schemes are Basic, Digest and gss/gsstoy. Nothing is timed, but a
// check in which no request and no dial completes for a minute is considered to hang.
package drivertest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/patience"
	"github.com/countersign-auth/countersign/machine"
)

// Driver is the driver under test. A half that is nil is not tested.
type Driver struct {
	opaque[Driver] // no output shows what is in it

	// Client returns a client.
	Client func(ClientSetup) (Client, error)
	// HTTP2 says that Client speaks HTTP/2 over TLS, and continues over HTTP/1.1 with
	// schemes that are bound to a connection.
	HTTP2 bool
	// HTTP3, if not nil, says that Client speaks HTTP/3 to every https site, and continues
	// over HTTP/1.1, on the same port, with schemes that are bound to a connection; and that
	// Server serves HTTP/3 and does not offer such schemes. The kit speaks HTTP/3 through it.
	HTTP3 HTTP3
	// Proxied says that Client reaches http sites through a proxy, which responds with
	// 502 (Bad Gateway) if it cannot forward the site's response.
	Proxied bool
	// Server serves until stop is called. stop returns when no goroutine of the server
	// is left.
	Server func(ServerSetup) (stop func(), err error)
	// NoDisconnectNotice says that Server's library does not report that a client has disconnected
	// during its request, so that the contexts of questions are not canceled then.
	NoDisconnectNotice bool
	// Binds says that Server serves https if ServerSetup.TLS is set, and compares
	// channel bindings with the certificate that a connection showed, or with all those
	// of ServerSetup.TLS.
	Binds bool
	// Thorough runs all combinations in checks that otherwise run one of each kind.
	Thorough bool
	// Absolute says that Server is a forward proxy, so that requests have the absolute
	// form. They may name any server.
	Absolute bool
	// Unlimited says that Server does not apply ServerSetup.Limits to everything that
	// its clients may do, as for example a proxy that forwards requests which another
	// server authenticates.
	Unlimited bool
}

// ClientSetup describes the client that a check needs.
type ClientSetup struct {
	opaque[ClientSetup] // no output shows what is in it

	// Machine configures the schemes and the policy.
	Machine machine.ClientConfig
	// Source answers the schemes' questions, with the request's context.
	Source answer.Source
	// TLS is the configuration for https.
	TLS *tls.Config
}

// Client is a client under test.
type Client struct {
	opaque[Client] // no output shows what is in it

	// Do sends a request under a local identity, which questions contain as
	// gss.Target.Identity, and returns the final response as http.RoundTripper does: a
	// challenge that could not be met may be an error or a response. It is called by
	// several goroutines at once.
	Do func(identity string, r *http.Request) (*http.Response, error)
	// Close closes all connections of the client, once no request is running.
	Close func()
}

// ServerSetup describes the server that a check needs.
type ServerSetup struct {
	opaque[ServerSetup] // no output shows what is in it

	// Listener accepts the connections. The server must close it. It is nil for HTTP/3.
	Listener net.Listener
	// Packets is the packet connection for HTTP/3, with TLS. The kit closes it after
	// stop.
	Packets net.PacketConn
	// TLS is for HTTP/3 and, if it is set, for https on Listener.
	TLS *tls.Config
	// Machine configures the schemes and the policy.
	Machine machine.ServerConfig
	// Source answers the schemes' questions, with the request's context.
	Source answer.Source
	// Limits are the limits for unauthenticated clients.
	Limits drive.Limits
	// Rough, if not nil, reports whether an upstream connection of Server, as a proxy
	// has, should break now.
	Rough func() bool
	// Handler must run for authenticated requests, with the user's name.
	Handler func(user string, w http.ResponseWriter, r *http.Request)
}

// check is a rule that drivers must follow.
type check struct {
	name, says string
	run        func(*kit)
	only       func(Driver) bool // the drivers that it applies to, nil for all
}

func overHTTP1(d Driver) bool  { return d.HTTP3 == nil }
func overHTTP2(d Driver) bool  { return d.HTTP2 }
func overHTTP3(d Driver) bool  { return d.HTTP3 != nil }
func hearing(d Driver) bool    { return !d.NoDisconnectNotice }
func binding(d Driver) bool    { return d.Binds }
func ownTargets(d Driver) bool { return d.HTTP3 == nil && !d.Absolute }
func limiting(d Driver) bool   { return d.HTTP3 == nil && !d.Unlimited }

// Run tests a driver. driver is called once for each check. Goroutines that are left
// after a check are reported, too, so that nothing else may start any at the same time:
// a test that calls Run must not be parallel.
func Run(t *testing.T, driver func() Driver) {
	t.Helper()
	list := checks(driver())
	if len(list) == 0 {
		t.Error("drivertest: " + noHalves)
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			t.Helper()
			if found := c.on(driver(), patience.Bound); len(found) > 0 {
				t.Errorf("%s: %s", c.name, c.says)
				for _, f := range found {
					t.Errorf("  - %s", f)
				}
			}
		})
	}
}

// Check tests a driver as [Run] does, outside of a test. It returns an error that joins
// all violations found, nil if there are none.
func Check(driver func() Driver) error {
	list := checks(driver())
	if len(list) == 0 {
		return errors.New("drivertest: " + noHalves)
	}
	var errs []error
	for _, c := range list {
		for _, f := range c.on(driver(), patience.Bound) {
			errs = append(errs, fmt.Errorf("%s: %s: %s", c.name, c.says, f))
		}
	}
	return errors.Join(errs...)
}

const noHalves = "a driver has a Client or a Server; this one has neither"

// checks returns the checks for the halves that a driver has.
func checks(d Driver) (list []check) {
	var all []check
	if d.Client != nil {
		all = append(all, clientChecks...)
	}
	if d.Server != nil {
		all = append(all, serverChecks...)
	}
	for _, c := range all {
		if c.only == nil || c.only(d) {
			list = append(list, c)
		}
	}
	return list
}

// kit is the state of one check.
type kit struct {
	d      Driver
	ctx    context.Context // canceled if the check hangs, or found enough
	cancel context.CancelCauseFunc
	goesOn func()        // reports progress: a request or dial has completed
	grace  time.Duration // how long to wait for what must end by itself, after the last that did
	mu     sync.Mutex
	found  []string
	undo   []func()
	source answer.Source // knows the users, and checks for replays
	pipes  *pipes        // to dial instead of the network, if not nil
	stop   func()        // ends the goroutine that cannot continue
}

// on runs the check, and returns what it found.
func (c check) on(d Driver, patience time.Duration) []string {
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	watch := time.AfterFunc(patience, func() { cancel(fmt.Errorf("no request or dial completed for %v", patience)) })
	defer watch.Stop()
	k := &kit{d: d, ctx: ctx, cancel: cancel, goesOn: func() { watch.Reset(patience) }, stop: runtime.Goexit, grace: max(patience/4, 4*time.Second), source: answer.Chain(answer.NewUsers(people), &answer.ReplayCache{Max: 1 << 16})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer k.end()
		defer func() {
			if p := recover(); p != nil {
				k.errorf("panic: %v", p)
			}
		}()
		c.run(k)
	}()
	select {
	case <-done:
		if ctx.Err() != nil && context.Cause(ctx) != errEnough {
			k.errorf("it ended only because it was canceled: %v", context.Cause(ctx))
		}
		cancel(nil)
		if err := settle(before, k.grace); err != nil {
			k.errorf("goroutines are left after the end: %v", err)
		}
	case <-hung(ctx, patience/4):
		k.errorf("it did not end, nor soon after it was canceled: %v", context.Cause(ctx))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.found
}

// settle waits until all goroutines have ended that were not running before.
func settle(before goleak.Option, patience time.Duration) (err error) {
	falls(runtime.NumGoroutine, patience, func() bool {
		err = goleak.Find(before)
		return err == nil
	})
	return err
}

// falls waits until done reports true, as long as n reaches new minimums within
// patience.
func falls(n func() int, patience time.Duration, done func() bool) {
	least, end := n(), time.Now().Add(patience)
	for !done() && time.Now().Before(end) {
		if now := n(); now < least {
			least, end = now, time.Now().Add(patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// hung returns a channel that is closed some time after ctx is done.
func hung(ctx context.Context, grace time.Duration) <-chan struct{} {
	c := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(c) }) })
	return c
}

// maxFindings bounds the violations of a check that are recorded.
const maxFindings = 8

// errEnough ends a check that found as much as is kept: a driver that breaks a rule in each
// of a hundred cases is to hear of it in the time of a few.
var errEnough = errors.New("drivertest: enough was found")

// errorf records a violation. Only the first few of a check are kept; then the check is
// canceled.
func (k *kit) errorf(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if len(k.found) == maxFindings || slices.Contains(k.found, text) {
		return
	}
	if k.found = append(k.found, text); len(k.found) == maxFindings {
		k.cancel(errEnough)
	}
}

// fatalf records a violation after which a check cannot continue, and ends its
// goroutine.
func (k *kit) fatalf(format string, args ...any) {
	k.errorf(format, args...)
	k.stop()
}

// cleanup calls f at the end of the check, in reverse order.
func (k *kit) cleanup(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.undo = append(k.undo, f)
}

func (k *kit) end() {
	for {
		k.mu.Lock()
		n := len(k.undo)
		if n == 0 {
			k.mu.Unlock()
			return
		}
		f := k.undo[n-1]
		k.undo = k.undo[:n-1]
		k.mu.Unlock()
		f()
	}
}

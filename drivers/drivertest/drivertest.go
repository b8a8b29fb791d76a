// Package drivertest is a conformance kit for drivers: for what makes HTTP
// requests, or serves them, with the machines of this module. It finds what
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
// Every check is a subtest of its own, says in a sentence what it asks for, and
// reports all that it found. The other side is the kit's own, made of net/http's
// server or of bare connections on the loopback interface, and of the same
// machines. Mechanisms need no KDC and no domain: they are Basic, Digest and
// gss/gsstoy. Nothing is timed; a check in which no request and no dial comes to
// its end for a minute counts as hanging.
package drivertest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/patience"
	"github.com/countersign-auth/countersign/machine"
)

// Driver is what is looked at. A half that is nil is left out.
type Driver struct {
	_ struct{}

	// Client makes a client.
	Client func(ClientSetup) (Client, error)
	// HTTP2: Client speaks HTTP/2 over TLS, and goes on over HTTP/1.1 with schemes
	// that are bound to a connection.
	HTTP2 bool
	// HTTP3, if not nil: Client speaks HTTP/3 to every https site, and goes on over HTTP/1.1, on the same
	// port, with schemes that are bound to a connection. Server serves HTTP/3, and does not offer
	// those. The kit speaks HTTP/3 by it.
	HTTP3 HTTP3
	// Proxied: Client reaches http sites through a proxy, which answers 502 (Bad Gateway) where it cannot
	// pass on what they say.
	Proxied bool
	// Server serves until stop is called, which returns when no goroutine of it is
	// left.
	Server func(ServerSetup) (stop func(), err error)
	// Deaf: nobody tells Server's library that a client has gone while its request is being dealt
	// with, so that no question's context can end for that.
	Deaf bool
	// Binds: Server serves https where ServerSetup.TLS is set, and compares channel bindings with
	// the certificate that a connection showed, or with all those of ServerSetup.TLS.
	Binds bool
	// Thorough asks for all combinations where checks take one of each kind otherwise.
	Thorough bool
	// Absolute: Server is a forward proxy, to which requests have the absolute form. They may name any server.
	Absolute bool
	// Unlimited: Server does not apply ServerSetup.Limits to all that its clients may do, as a
	// proxy does not that forwards what another server is to authenticate.
	Unlimited bool
}

// ClientSetup is how a client is to be made.
type ClientSetup struct {
	// Machine are schemes and policy.
	Machine machine.ClientConfig
	// Source answers what the schemes ask, with the request's context.
	Source answer.Source
	// TLS is for https.
	TLS *tls.Config
}

// Client is a client under test.
type Client struct {
	// Do sends a request under a local identity, which questions show as
	// gss.Target.Identity, and gives the final response as http.RoundTripper does: a
	// challenge that could not be met may be an error or a response. It is called
	// by several goroutines at once.
	Do func(identity string, r *http.Request) (*http.Response, error)
	// Close ends everything that the client keeps, once no request is under way.
	Close func()
}

// ServerSetup is how a server is to be made.
type ServerSetup struct {
	// Listener is where it serves. It is the server's to close. It is nil for HTTP/3.
	Listener net.Listener
	// Packets is where it serves HTTP/3, with TLS. The kit closes it after stop.
	Packets net.PacketConn
	// TLS is for HTTP/3 and, where it is set, for https on Listener.
	TLS *tls.Config
	// Machine are schemes and policy.
	Machine machine.ServerConfig
	// Source answers what the schemes ask, with the request's context.
	Source answer.Source
	// Limits are for clients that are not authenticated.
	Limits drive.Limits
	// Rough, if not nil, reports whether now is the time for a connection to break that Server has
	// behind the one that it serves, as a proxy has.
	Rough func() bool
	// Handler is to run for who authenticated, under the name user.
	Handler func(user string, w http.ResponseWriter, r *http.Request)
}

// check is one thing that is asked of a driver.
type check struct {
	name, says string
	run        func(*kit)
	only       func(Driver) bool // the drivers that it is for, nil for all
}

func overHTTP1(d Driver) bool  { return d.HTTP3 == nil }
func overHTTP2(d Driver) bool  { return d.HTTP2 }
func overHTTP3(d Driver) bool  { return d.HTTP3 != nil }
func hearing(d Driver) bool    { return !d.Deaf }
func binding(d Driver) bool    { return d.Binds }
func ownTargets(d Driver) bool { return d.HTTP3 == nil && !d.Absolute }
func limiting(d Driver) bool   { return d.HTTP3 == nil && !d.Unlimited }

// Run looks at a driver. driver is called once for each check. Goroutines that are
// left after a check are found too, so nothing that starts any may run beside it:
// no test that calls Run is parallel.
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

// Check is [Run] outside a test: the error joins everything that was found, and is
// nil if nothing was.
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

// checks are those for the halves that a driver has.
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

// kit is one run of a check.
type kit struct {
	d      Driver
	ctx    context.Context // ends when the check hangs
	goesOn func()          // says that it does not: something came to its end
	grace  time.Duration   // for what is to end by itself, from the last that did
	mu     sync.Mutex
	found  []string
	undo   []func()
	source answer.Source // knows the people, and remembers
	pipes  *pipes        // to dial instead of the network, if not nil
	stop   func()        // ends the goroutine that cannot go on
}

// on runs the check, and gives what it found.
func (c check) on(d Driver, patience time.Duration) []string {
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	watch := time.AfterFunc(patience, func() { cancel(fmt.Errorf("nothing came to its end for %v", patience)) })
	defer watch.Stop()
	k := &kit{d: d, ctx: ctx, goesOn: func() { watch.Reset(patience) }, stop: runtime.Goexit, grace: max(patience/4, 4*time.Second), source: answer.Chain(answer.NewUsers(people), &answer.Memory{Max: 1 << 16})}
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
		if ctx.Err() != nil {
			k.errorf("it came to an end only because it was ended: %v", context.Cause(ctx))
		}
		cancel(nil)
		if err := settle(before, k.grace); err != nil {
			k.errorf("goroutines are left after the end: %v", err)
		}
	case <-hung(ctx, patience/4):
		k.errorf("it did not come to an end, nor soon after it was ended: %v", context.Cause(ctx))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.found
}

// settle waits until all goroutines have ended that were not there before.
func settle(before goleak.Option, patience time.Duration) (err error) {
	falls(runtime.NumGoroutine, patience, func() bool {
		err = goleak.Find(before)
		return err == nil
	})
	return err
}

// falls waits until done reports true, for as long as n keeps falling below the least that it was, with some patience.
func falls(n func() int, patience time.Duration, done func() bool) {
	least, end := n(), time.Now().Add(patience)
	for !done() && time.Now().Before(end) {
		if now := n(); now < least {
			least, end = now, time.Now().Add(patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// hung is closed some time after ctx is done.
func hung(ctx context.Context, grace time.Duration) <-chan struct{} {
	c := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(c) }) })
	return c
}

// maxFindings bounds the findings of a check that are kept.
const maxFindings = 8

// full reports whether no more findings are kept, so that a long check may end.
func (k *kit) full() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.found) >= maxFindings
}

// errorf notes a finding. The first few of a check are kept.
func (k *kit) errorf(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	for _, f := range k.found {
		if f == text {
			return
		}
	}
	if len(k.found) < maxFindings {
		k.found = append(k.found, text)
	}
}

// fatalf notes a finding that a check cannot go on from, and ends its goroutine.
func (k *kit) fatalf(format string, args ...any) {
	k.errorf(format, args...)
	k.stop()
}

// cleanup has f called at the end of the check, last one first.
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

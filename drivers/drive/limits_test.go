package drive_test

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// poor is a listener that fails at first.
type poor struct {
	net.Listener
	fails []error
	tries chan struct{} // one for each failure, if not nil
}

func (l *poor) Accept() (net.Conn, error) {
	if len(l.fails) == 0 {
		return l.Listener.Accept()
	}
	err := l.fails[0]
	l.fails = l.fails[1:]
	if l.tries != nil {
		l.tries <- struct{}{}
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestPatientRetries: a temporary error does not end a service.
func TestPatientRetries(t *testing.T) {
	l := listen(t)
	var waits []time.Duration
	fails := []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.EMFILE}
	p := drive.RetryAccept(&poor{Listener: l, fails: fails}, func(err error, delay time.Duration) {
		if !errors.Is(err, fails[len(waits)]) {
			t.Errorf("wait %d is told of %v, want %v", len(waits), err, fails[len(waits)])
		}
		waits = append(waits, delay)
	})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := p.Accept()
	if err != nil {
		t.Fatalf("after %d temporary errors: %v", len(waits), err)
	}
	got.Close()
	if len(waits) != 4 || waits[0] <= 0 || waits[1] <= waits[0] || waits[3] > time.Second {
		t.Errorf("it waited %v", waits)
	}
	requirement.Held(t, "unit:accept_goes_on", "FRONT-1")
}

// TestPatientEnds: a permanent error is returned, and Close ends a delay.
func TestPatientEnds(t *testing.T) {
	broken := drive.RetryAccept(&poor{Listener: listen(t), fails: []error{syscall.EINVAL}}, nil)
	if _, err := broken.Accept(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("EINVAL: %v", err)
	}
	tries := make(chan struct{})
	l := &poor{Listener: listen(t), tries: tries}
	for range 1000 {
		l.fails = append(l.fails, syscall.EMFILE)
	}
	p := drive.RetryAccept(l, nil)
	done := make(chan error)
	go func() {
		_, err := p.Accept()
		done <- err
	}()
	<-tries
	p.Close()
	for {
		select {
		case <-tries:
		case err := <-done:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed while it waited: %v", err)
			}
			return
		}
	}
}

// TestLimitsDefaults: a field without a value has a default bound.
func TestLimitsDefaults(t *testing.T) {
	l := drive.Limits{Idle: time.Second, Header: -1}.WithDefaults()
	if l.Header != 10*time.Second || l.Idle != time.Second || l.Request != 30*time.Second || l.HeaderBytes != 128<<10 {
		t.Errorf("%+v", l)
	}
}

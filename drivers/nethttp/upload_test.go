package nethttp

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/countersign-auth/countersign/machine"
)

// onceUpload returns a leg with a one-shot body, and the reader of that body.
func onceUpload(t *testing.T, text string, expecting bool) (*content, *upload, *strings.Reader) {
	t.Helper()
	source := strings.NewReader(text)
	c := &content{kind: machine.Once, length: int64(len(text)), once: io.NopCloser(source)}
	u, err := c.upload(true, expecting)
	if err != nil {
		t.Fatal(err)
	}
	return c, u, source
}

// reading starts a read and returns a channel for its outcome.
func reading(u *upload) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(u)
		done <- err
	}()
	return done
}

// A held body is not read until it is resolved, and what was not sent is left for the
// next leg.
func TestUploadHeld(t *testing.T) {
	for name, c := range map[string]struct {
		hold func(*upload)
		to   uploadState
		sent bool
	}{
		"held, then halted":     {func(u *upload) { u.hold() }, halted, false},
		"held, then settled":    {func(u *upload) { u.hold() }, settled, true},
		"refused, then halted":  {func(u *upload) { u.responding() }, halted, false},
		"refused, then settled": {func(u *upload) { u.responding() }, settled, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body, u, source := onceUpload(t, "content", true)
				c.hold(u)
				done := reading(u)
				synctest.Wait()
				if source.Len() != len("content") || u.hold() != machine.SentNone || u.touched() {
					t.Fatal("it was read")
				}
				u.resolve(c.to)
				if err := <-done; (err == nil) != c.sent {
					t.Fatalf("sent %t: %v", c.sent, err)
				}
				if c.sent {
					return
				}
				u.Close()
				next, err := body.upload(true, false)
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(next); string(b) != "content" || err != nil {
					t.Errorf("the next leg got %q, %v", b, err)
				}
			})
		})
	}
}

// A 100 (Continue) releases the body. If the server is silent, so does the end of
// net/http's wait.
func TestUploadContinues(t *testing.T) {
	for _, says := range []func(*upload){
		func(u *upload) { u.responding(); u.continued() },
		func(u *upload) { u.responding(); u.continued(); u.responding() }, // and then the response
		func(u *upload) {},
	} {
		_, u, _ := onceUpload(t, "content", true)
		says(u)
		if err := <-reading(u); err != nil {
			t.Error(err)
		}
		if u.hold() != machine.SentAll {
			t.Error("not all was sent")
		}
	}
}

// The number of bytes sent is exact.
func TestUploadSent(t *testing.T) {
	for _, length := range []int64{4, -1} {
		c, u, _ := onceUpload(t, "text", false)
		c.length = length
		steps := []struct {
			n    int
			want machine.Sent
		}{{0, machine.SentNone}, {2, machine.SentSome}, {2, machine.SentAll}}
		for i, s := range steps {
			if s.n > 0 {
				if _, err := io.ReadFull(u, make([]byte, s.n)); err != nil {
					t.Fatal(err)
				}
			}
			if i == 2 && length < 0 { // only the end shows it
				u.Read(make([]byte, 1))
			}
			got := u.hold()
			u.mu.Lock()
			u.state = flowing
			u.mu.Unlock()
			if got != s.want {
				t.Errorf("length %d, step %d: %d, want %d", length, i, got, s.want)
			}
		}
	}
}

// The end of a connection ends the wait of a body that was refused: http.Transport
// waits for the goroutine that sends it.
func TestUploadEndsWithItsConnection(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	_, u, _ := onceUpload(t, "content", true)
	u.responding()
	w := countingConn{a, new(wire)}
	w.wire.upload.Store(u)
	done := reading(u)
	w.Close()
	if err := <-done; err != errHalted {
		t.Errorf("got %v", err)
	}
}

// So does net/http's closing it.
func TestUploadEndsWhenClosed(t *testing.T) {
	_, u, source := onceUpload(t, "content", true)
	u.responding()
	done := reading(u)
	u.Close()
	if err := <-done; err != errHalted || source.Len() != len("content") {
		t.Errorf("got %v", err)
	}
}

func TestCountingConn(t *testing.T) {
	a, b := net.Pipe()
	go io.Copy(io.Discard, b)
	w := countingConn{a, new(wire)}
	io.WriteString(w, "four")
	w.Close()
	if n, err := io.WriteString(w, "more"); n != 0 || err == nil || w.wire.wrote.Load() != 4 {
		t.Errorf("counted %d", w.wire.wrote.Load())
	}
}

package nethttp

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/countersign-auth/countersign/machine"
)

// onceUpload is a leg with a body that exists once, and where that comes from.
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

// reading starts to read and gives the outcome when there is one.
func reading(u *upload) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(u)
		done <- err
	}()
	return done
}

// A held body is read by nobody until it is resolved, and what was not sent is
// there for the next leg.
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

// A 100 (Continue) lets the body go; so does a server that says nothing, when
// net/http has waited long enough.
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

// How much was sent is told to the byte.
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
			if i == 2 && length < 0 { // only the end tells
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

// A connection that closes ends the wait of a body that was refused, for
// http.Transport waits for the one who sends it.
func TestUploadEndsWithItsConnection(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	_, u, _ := onceUpload(t, "content", true)
	u.responding()
	w := watched{a, new(wire)}
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

func TestWatchedCounts(t *testing.T) {
	a, b := net.Pipe()
	go io.Copy(io.Discard, b)
	w := watched{a, new(wire)}
	io.WriteString(w, "four")
	w.Close()
	if n, err := io.WriteString(w, "more"); n != 0 || err == nil || w.wire.wrote.Load() != 4 {
		t.Errorf("counted %d", w.wire.wrote.Load())
	}
}

package drivertest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/patience"
)

// shortly are limits that a check can wait for, and that a valid request meets on a
// slow machine.
var shortly = drive.Limits{Header: time.Second, Idle: time.Second, Request: time.Second}

// unlimited are limits that no check reaches: how long a request takes when a hundred
// are running depends on the machine.
var unlimited = drive.Limits{Header: 2 * patience.Bound, Idle: 2 * patience.Bound, Request: 2 * patience.Bound}

// drop is the interval at which a dripping client sends a byte.
const drop = 100 * time.Millisecond

// drips writes a byte now and then, until the connection accepts no more.
func drips(w io.Writer) {
	for {
		if _, err := w.Write([]byte("a")); err != nil {
			return
		}
		time.Sleep(drop)
	}
}

// serverEnds opens connections that occupy the server without authenticating. Each of
// them must be ended, and none may delay a valid login.
func (k *kit) serverEnds() {
	s := k.serve(func(s *ServerSetup) { s.Limits = shortly }, basic(), twoLegs())
	leg := "Authorization: NTLM " + base64Of("toy/NTLM:i1:u=alice")
	var all sync.WaitGroup
	for _, h := range []struct {
		name, says string
		then       func(io.Writer)
	}{
		{"a connection that says nothing", "", nil},
		{"half a header", "GET / HTTP/1.1\r\nHost: h\r\nX-Field: ", drips},
		{"half a handshake of TLS", "\x16\x03\x01", drips},
		{"a body that was announced", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n", drips},
		{"a chunked body", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", drips},
		{"a form of many parts", "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 4000000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n", drips},
		{"a body that waits for 100 (Continue)", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4000000\r\n\r\n", nil},
		{"a request that was refused", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", nil},
		{"the first leg of a handshake", "GET / HTTP/1.1\r\nHost: h\r\n" + leg + "\r\n\r\n", nil},
		{"the body of the first leg of a handshake", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n" + leg + "\r\n\r\n", drips},
	} {
		c := k.dial(s.url, "alice")
		all.Go(func() {
			io.WriteString(c.conn, h.says)
			if h.then != nil {
				all.Go(func() { h.then(c.conn) })
			}
			io.Copy(io.Discard, c.r)
			if k.ctx.Err() != nil {
				k.errorf("%s is still connected", h.name)
			}
			c.close()
		})
	}
	deaf := k.dial(s.url, "alice")
	all.Go(func() { // requests with responses that the client does not read
		for requests := bytes.Repeat([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 2000); ; {
			if _, err := deaf.conn.Write(requests); err != nil {
				break
			}
		}
		if k.ctx.Err() != nil {
			k.errorf("a client that reads no response is still connected")
		}
	})
	k.slowly(s)
	all.Wait()
	if s.handled.Load() != 1 {
		k.errorf("the handler ran %d times, want once", s.handled.Load())
	}
}

// slowly sends a request of alice with a body that takes longer than an unauthenticated
// client is allowed.
func (k *kit) slowly(s *served) {
	c := k.dial(s.url, "alice", basic())
	n := int(2*shortly.Request/drop) + 1
	fmt.Fprintf(c.conn, "POST / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\n\r\n", base64Of("alice:"+people["alice"]), n)
	for range n {
		if _, err := io.WriteString(c.conn, "a"); err != nil {
			break
		}
		time.Sleep(drop)
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		k.errorf("the slow body of an authenticated request: %v", err)
		return
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "alice:"+strings.Repeat("a", n) {
		k.errorf("the slow body of an authenticated request: status %d, %v", response.StatusCode, err)
	}
}

// serverEndsStreams checks over HTTP/3 what serverEnds checks.
func (k *kit) serverEndsStreams() {
	s := k.serve(func(s *ServerSetup) { s.Limits = shortly }, basic())
	var all sync.WaitGroup
	for _, h := range []struct{ name, says string }{
		{"a stream that says nothing", "\x01"},
		{"half a header", "\x01\x40\xff"},                                                      // HEADERS, 255 bytes
		{"a body", "\x01\x0e\x00\x00\xd4\xd7\x50\x01h\xc1\x50\x03h:1\x00\x80\x3f\xff\xff\xff"}, // POST https://h/, DATA
	} {
		c := k.dial(s.url, "alice")
		str, err := c.http3.Open(k.ctx)
		if err != nil {
			k.errorf("no stream: %v", err)
			return
		}
		all.Go(func() {
			io.WriteString(str, h.says)
			all.Go(func() { drips(str) })
			io.Copy(io.Discard, str)
			if k.ctx.Err() != nil {
				k.errorf("%s is still connected", h.name)
			}
			str.Reset()
		})
	}
	all.Wait()
	idle, err := k.d.HTTP3.Dial(k.ctx, strings.TrimPrefix(s.url, "https://"), callerTLS(), drop)
	if err != nil {
		k.errorf("no connection: %v", err)
		return
	}
	select {
	case <-idle.Done():
	case <-k.ctx.Done():
		k.errorf("a connection without a request is still open")
		idle.Close()
	}
}

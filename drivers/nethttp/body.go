package nethttp

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"sync"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// content is a request's body over all legs of its exchange.
type content struct {
	kind   machine.Body
	length int64                         // -1 if unknown
	open   func() (io.ReadCloser, error) // Replayable: opens the body from its start
	once   io.ReadCloser                 // Once
	closed sync.Once
}

// newContent determines how often a request's body can be sent. A body without GetBody
// of at most buffer bytes is read into memory. An error is that of the body or of the
// context.
func newContent(ctx context.Context, r *http.Request, buffer int64) (*content, error) {
	c := &content{length: r.ContentLength}
	if c.length == 0 { // in net/http, unknown if there is a body
		c.length = -1
	}
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		c.length = 0
	case r.GetBody != nil:
		r.Body.Close() // every leg opens its own
		c.kind, c.open = machine.Replayable, r.GetBody
	case buffer > 0 && r.ContentLength <= buffer:
		if err := c.buffer(ctx, r.Body, buffer); err != nil {
			r.Body.Close()
			return nil, err
		}
	default:
		c.kind, c.once = machine.Once, r.Body
	}
	return c, nil
}

// buffer reads a body completely, or puts back what it read if the body is longer than
// limit.
func (c *content) buffer(ctx context.Context, body io.ReadCloser, limit int64) error {
	stop := context.AfterFunc(ctx, func() { body.Close() })
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if !stop() {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	if int64(len(data)) > limit {
		c.kind = machine.Once
		c.once = joined{io.MultiReader(bytes.NewReader(data), body), body}
		return nil
	}
	body.Close()
	c.length = int64(len(data))
	if len(data) == 0 {
		return nil
	}
	c.kind = machine.Replayable
	c.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return nil
}

// joined reads from one value and closes another.
type joined struct {
	io.Reader
	io.Closer
}

// close closes a body that can be sent only once.
func (c *content) close() {
	if c.once != nil {
		c.closed.Do(func() { c.once.Close() })
	}
}

// sum answers a question for the body's hash.
func (c *content) sum(a digest.Algorithm) gss.Answer {
	switch c.kind {
	case machine.NoBody:
		return drive.BodyHash(a, nil)
	case machine.Once:
		return gss.Declined{}
	}
	h := newHash(a)
	body, err := c.open()
	if err != nil || h == nil {
		return gss.Declined{}
	}
	defer body.Close()
	if _, err := io.Copy(h, body); err != nil {
		return gss.Declined{}
	}
	return digest.BodyHash{Sum: hex.EncodeToString(h.Sum(nil))}
}

// newHash returns the algorithm's hash function for a body that is too long to hold in
// memory. It returns nil if the algorithm may not be used.
func newHash(a digest.Algorithm) hash.Hash {
	if _, err := digest.For(a); err != nil { // unknown, or barred in FIPS-only mode
		return nil
	}
	switch a.Base() {
	case digest.MD5:
		return md5.New()
	case digest.SHA256:
		return sha256.New()
	}
	return sha512.New512_256()
}

// upload is the request body of one leg, or the absence of one. It knows how much of
// the body was sent, and can hold back a one-shot body. net/http reads request bodies
// in its own goroutines and continues to do so after the response has arrived. If a
// final status answers Expect: 100-continue, it sends the body nevertheless, to keep
// the connection. That would consume a body that the next leg needs (HTA-22).
type upload struct {
	content *content
	body    io.ReadCloser // nil if this leg sends none

	mu        sync.Mutex
	wake      sync.Cond
	expecting bool // the body waits for 100 (Continue), as long as net/http allows
	early     bool // a response began to arrive before any 100
	state     uploadState
	started   bool // a Read was allowed
	read      int64
	ended     bool // all of it was read
	closed    bool // net/http closed it
	err       error
}

type uploadState uint8

const (
	flowing uploadState = iota
	held                // waiting for the machine's decision
	halted              // this leg sends no more of the body
	settled             // the exchange is over; the body belongs to net/http
)

// errHalted ends the sending of a body that another leg will send.
var errHalted = errors.New("nethttp: the server answered before the request's body was sent")

// upload prepares the body for a leg. If the leg sends no body, the upload has none.
func (c *content) upload(sends, expecting bool) (u *upload, err error) {
	u = &upload{content: c}
	u.wake.L = &u.mu
	switch {
	case !sends:
	case c.kind == machine.Replayable:
		u.body, err = c.open()
	case c.kind == machine.Once:
		u.body, u.expecting = c.once, expecting
	}
	return u, err
}

// once reports whether this is a one-shot body, which another leg may need.
func (u *upload) once() bool { return u.body != nil && u.content.kind == machine.Once }

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	for !u.closed && (u.state == held || u.state == flowing && u.refused()) {
		u.wake.Wait()
	}
	if u.closed || u.state == halted || u.refused() {
		u.mu.Unlock()
		return 0, errHalted
	}
	u.started = true
	u.mu.Unlock()
	n, err := u.body.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read += int64(n)
	if err == io.EOF {
		u.ended = true
	} else if err != nil {
		u.err = err
	}
	return n, err
}

// refused reports whether a response arrived in place of the 100 that the body waits
// for.
func (u *upload) refused() bool { return u.expecting && u.early && !u.started }

// Close implements io.Closer. A one-shot body that was not touched stays open
// for another leg.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	u.wake.Broadcast()
	switch {
	case !u.once():
		return u.body.Close()
	case u.started || u.state == settled:
		u.content.close()
	}
	return nil
}

// hold stops a one-shot body and returns how much of it was sent. A Read that has begun
// counts, since its bytes are lost to another leg.
func (u *upload) hold() machine.Sent {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.once() && u.state == flowing {
		u.state = held
	}
	switch {
	case !u.started:
		return machine.SentNone
	case u.ended || u.content.length >= 0 && u.read >= u.content.length:
		return machine.SentAll
	}
	return machine.SentSome
}

// began reports whether some of the body was sent.
func (u *upload) began() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.read > 0
}

// resolve releases a held body or ends it. A later state is never replaced by an
// earlier one.
func (u *upload) resolve(to uploadState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state < to {
		u.state = to
	}
	if u.state == settled && (u.closed || u.body == nil) {
		u.content.close()
	}
	u.wake.Broadcast()
}

// touched reports whether some of a one-shot body has been consumed.
func (u *upload) touched() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.once() && u.started
}

// failure returns the error of reading the body, if any.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// responding records the first byte of a response; continued records that it was a 100
// (Continue).
func (u *upload) responding() { u.note(true) }
func (u *upload) continued()  { u.note(false) }

func (u *upload) note(early bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.early = early
	u.expecting = u.expecting && early
	u.wake.Broadcast()
}

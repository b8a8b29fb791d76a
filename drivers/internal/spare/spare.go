// Package spare keeps connections that wait for a request. Which one a request gets, and
// which one makes room, package hop says.
package spare

import (
	"slices"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/hop"
)

// List is a list of idle connections, in the order in which they became idle. The zero
// List is empty. It may be used by several goroutines at once; it closes connections
// while it is not locked, since that may call back.
type List[C any] struct {
	mu   sync.Mutex
	idle []*entry[C]
}

type entry[C any] struct {
	conn  C
	close func(C)
	timer *time.Timer // nil: it may be idle for as long as it lives
}

// Bounds are those of a list.
type Bounds struct {
	// Most bounds its connections, PerKey those of one key.
	Most, PerKey int
	// Long is how long one may be idle, 0 for no bound.
	Long time.Duration
}

// Take takes the connection out that fits a request, false if there is none.
func (l *List[C]) Take(fit func(C) hop.Fit) (c C, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := hop.Pick(len(l.idle), func(i int) hop.Fit { return fit(l.idle[i].conn) })
	if i < 0 {
		return c, false
	}
	return l.remove(i).conn, true
}

// Put puts a connection in. same reports whether another one has its key. What leaves the
// list without being taken is closed by close.
func (l *List[C]) Put(c C, b Bounds, same func(C) bool, close func(C)) {
	e := &entry[C]{conn: c, close: close}
	var evicted *entry[C]
	l.mu.Lock()
	if i := hop.Evict(len(l.idle), func(i int) bool { return same(l.idle[i].conn) }, b.Most, b.PerKey); i >= 0 {
		evicted = l.remove(i)
	}
	l.idle = append(l.idle, e)
	if b.Long > 0 {
		e.timer = time.AfterFunc(b.Long, func() { l.expire(e) })
	}
	l.mu.Unlock()
	if evicted != nil {
		evicted.close(evicted.conn)
	}
}

// remove takes entry i off the list. The lock is held.
func (l *List[C]) remove(i int) *entry[C] {
	e := l.idle[i]
	if e.timer != nil {
		e.timer.Stop()
	}
	l.idle = slices.Delete(l.idle, i, i+1)
	return e
}

// expire closes a connection that was idle for too long, unless it was taken at the last
// moment.
func (l *List[C]) expire(e *entry[C]) {
	l.mu.Lock()
	i := slices.Index(l.idle, e)
	if i >= 0 {
		l.remove(i)
	}
	l.mu.Unlock()
	if i >= 0 {
		e.close(e.conn)
	}
}

// Len returns the number of connections.
func (l *List[C]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.idle)
}

// Close closes all connections.
func (l *List[C]) Close() {
	var all []*entry[C]
	l.mu.Lock()
	for len(l.idle) > 0 {
		all = append(all, l.remove(len(l.idle)-1))
	}
	l.mu.Unlock()
	for _, e := range all {
		e.close(e.conn)
	}
}

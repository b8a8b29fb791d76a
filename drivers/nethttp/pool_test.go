package nethttp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
)

// idleConn is a connection to a server that nobody asks anything.
func idleConn(t *testing.T, k drive.Key, last drive.SpaceKey) *conn {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	cc, err := new(http.Transport).NewClientConn(context.Background(), "http", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return &conn{cc: cc, key: k, last: last, binding: gss.NoBinding(), wire: new(wire)}
}

// keysOf are those of a request to a host.
func keysOf(t *testing.T, host string) drive.Keys {
	t.Helper()
	ks, err := drive.NewKeys(drive.Way{Scheme: "http", Authority: host})
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

// The newest one first, but one that served the origin before any other.
func TestPoolOrder(t *testing.T) {
	here, there := keysOf(t, "here").Origin, keysOf(t, "there").Origin
	k := keysOf(t, "here").Connection
	p := pool{maxIdle: 10, maxPerKey: 10}
	a, b, c, d := idleConn(t, k, here), idleConn(t, k, there), idleConn(t, k, here), idleConn(t, k, there)
	for _, x := range []*conn{a, b, c, d} {
		p.put(x)
	}
	for i, want := range []*conn{c, a, d, b, nil} {
		if got := p.take(k, here, false); got != want {
			t.Errorf("take %d: another one", i+1)
		}
	}
}

// What is over the bounds goes, the one that waited longest first; what is closed
// is not kept.
func TestPoolBounds(t *testing.T) {
	k, other := keysOf(t, "a").Connection, keysOf(t, "b").Connection
	p := pool{maxIdle: 3, maxPerKey: 2}
	var all []*conn
	for _, k := range []drive.Key{k, k, k, other, other} {
		c := idleConn(t, k, drive.SpaceKey{})
		all = append(all, c)
		p.put(c)
	}
	for i, open := range []bool{false, false, true, true, true} {
		if (all[i].cc.Err() == nil) != open {
			t.Errorf("connection %d: open %t, want %t", i, !open, open)
		}
	}
	closed := idleConn(t, keysOf(t, "c").Connection, drive.SpaceKey{})
	closed.cc.Close()
	p.put(closed)
	all[4].cc.Close()
	if len(p.idle) != 3 || p.take(other, drive.SpaceKey{}, false) != all[3] || p.take(other, drive.SpaceKey{}, false) != nil {
		t.Error("a closed connection was kept")
	}
	p.timeout = 1 << 60
	p.put(all[3])
	p.expire(all[3])
	if all[3].cc.Err() == nil || len(p.idle) != 1 || all[3].timer != nil {
		t.Error("an expired connection was kept")
	}
	p.closeIdle()
	if len(p.idle) != 0 || all[2].cc.Err() == nil {
		t.Error("closeIdle left one open")
	}
}

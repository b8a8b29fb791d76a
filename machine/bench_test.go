package machine

import (
	"testing"
	"unsafe"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// floor is a machine of a Client's size that only copies itself and emits the two
// actions: the least that values and typed actions cost.
type floor struct{ c Client }

//go:noinline
func (f floor) Step(_ gss.Env, e Event) (floor, Actions, error) {
	next := f
	switch e.(type) {
	case Begin:
		next.c.phase = sent
		return next, Do(Send{Pinned: true}), nil
	case Response:
		next.c.phase = idle
		return next, Do(Deliver{Authenticated: true, Info: gss.Info{Mech: gss.NTLM, ConnectionBased: true}}), nil
	}
	return f, Actions{}, nil
}

// persistentClient is a client on a connection that is authenticated.
func persistentClient(t testing.TB) Client {
	r := newRig(t)
	c, _ := must(r, clientOf(r, "NTLM Negotiate Digest"), begin(r, "GET http://a.example/ lease=NTLM"))
	c, _ = must(r, c, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"))
	c, acts := must(r, c, response(200))
	if !first[Deliver](t, acts).Authenticated || !c.sides[gss.Origin].Persistent {
		t.Fatal("not authenticated")
	}
	return c
}

// exchangeOnce is Begin, Send, Response, Deliver, by concrete type.
func exchangeOnce[M Machine[M]](tb testing.TB, m M, env gss.Env, b *Begin, r *Response) M {
	m, acts, err := m.Step(env, *b)
	if _, ok := acts.At(0).(Send); !ok || err != nil {
		tb.Fatal(acts, err)
	}
	m, acts, err = m.Step(env, *r)
	if d, ok := acts.At(0).(Deliver); !ok || err != nil || !d.Authenticated {
		tb.Fatal(acts, err)
	}
	return m
}

// P18: a request on an authenticated connection. Goal: at most twice the floor.
func BenchmarkClientPersistent(b *testing.B) {
	c := persistentClient(b)
	env := gss.Env{Now: 5e9, Seed: gss.Seed{1}}
	req := Begin{Request: Request{Method: "GET", Scheme: "http", Host: "a.example", Port: 80, URI: "/", Binding: gss.NoBinding()}}
	rsp := Response{Status: 200, Header: header.Response{PersistentAuth: header.PersistTrue}}
	b.Run("impl=floor", func(b *testing.B) {
		b.ReportAllocs()
		f := floor{c}
		for b.Loop() {
			f = exchangeOnce(b, f, env, &req, &rsp)
		}
	})
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		m := c
		for b.Loop() {
			m = exchangeOnce(b, m, env, &req, &rsp)
		}
	})
}

// The allocations of P18, two of which are the events' own, and of a server's
// request on a connection that it keeps.
func TestAllocations(t *testing.T) {
	c := persistentClient(t)
	env := gss.Env{Now: 5e9, Seed: gss.Seed{1}}
	req := Begin{Request: Request{Method: "GET", Scheme: "http", Host: "a.example", Port: 80, URI: "/", Binding: gss.NoBinding()}}
	rsp := Response{Status: 200, Header: header.Response{PersistentAuth: header.PersistTrue}}
	if n := testing.AllocsPerRun(100, func() { c = exchangeOnce(t, c, env, &req, &rsp) }); n > 4 {
		t.Errorf("a request of an authenticated client costs %v allocations, expected at most 4", n)
	}
	s := bound(newRig(t))
	got := receivedText("")
	env.Now = 100e9
	if n := testing.AllocsPerRun(100, func() {
		var err error
		if s, _, err = s.Step(env, got); err != nil {
			t.Fatal(err)
		}
		if s, _, err = s.Step(env, Responding{200}); err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("a request on a server's authenticated connection costs %v allocations, expected at most 4", n)
	}
	// A machine is copied at every step: its size is a cost of its own.
	if n := unsafe.Sizeof(Client{}); n > 1536 {
		t.Errorf("a Client has %d bytes", n)
	}
	t.Logf("sizes: Client %d, Server %d, Proxy %d, Send %d, Deliver %d", unsafe.Sizeof(Client{}), unsafe.Sizeof(Server{}), unsafe.Sizeof(Proxy{}), unsafe.Sizeof(Send{}), unsafe.Sizeof(Deliver{}))
}

package trace

import (
	"fmt"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// canary is in every secret of these tests.
const canary = "c4nary"

// toy poses as NTLM, so that it is bound to its connection everywhere.
var toy = gsstoy.Toy{OID: gss.NTLM, Legs: 2, Final: true, Bound: true, Asks: true}

var secret = gss.NewSecret(canary + "-password")

// world is a client, a server and perhaps a proxy, driven without any network,
// and the record of all their steps.
type world struct {
	t       testing.TB
	client  machine.Client
	server  machine.Server
	proxy   *machine.Proxy // nil: none
	answer  func(gss.Question) gss.Answer
	conn    int // number of the connection, for names
	now     int64
	records []Record

	freshClient machine.Client
	freshServer machine.Server
	freshProxy  machine.Proxy
}

func (w *world) env() gss.Env {
	w.now++
	env := gss.Env{Now: 1_700_000_000_000_000_000 + w.now}
	copy(env.Seed[:], fmt.Sprintf("%s seed of the step %08d ...", canary, w.now))
	return env
}

func (w *world) name() string { return fmt.Sprintf("conn-%d", w.conn) }

func step[M machine.Machine[M]](w *world, m *M, e machine.Event) machine.Actions {
	w.t.Helper()
	next, r, err := Step(*m, w.name(), w.env(), e)
	if err != nil {
		w.t.Fatalf("%T refused %T: %v", *m, e, err)
	}
	*m = next
	w.records = append(w.records, r)
	return r.Actions
}

// ask answers questions until there are none.
func ask[M machine.Machine[M]](w *world, m *M, as machine.Actions) machine.Actions {
	for {
		q, ok := as.At(0).(machine.Ask)
		if !ok {
			return as
		}
		as = step(w, m, machine.Answered{ID: q.ID, Answer: w.answer(q.Question)})
	}
}

// run sends one request and gives the last action of the client.
func (w *world) run(b machine.Begin) machine.Action {
	as := ask(w, &w.client, step(w, &w.client, b))
	for range 20 {
		switch a := as.At(0).(type) {
		case machine.Send:
			q := b.Request
			if a.Probe {
				q.Method = "HEAD"
			}
			r := machine.Received{Request: q, Header: header.Request{Authorization: a.Authorization, ProxyAuthorization: a.ProxyAuthorization}}
			as = ask(w, &w.client, step(w, &w.client, w.respond(r)))
		case machine.Reopen:
			w.connect()
			b.Resume = a.Resume
			b.Request.Multiplexed = b.Request.Multiplexed && !a.HTTP11
			as = ask(w, &w.client, step(w, &w.client, b))
		default:
			return a
		}
	}
	w.t.Fatal("the exchange does not end")
	return nil
}

// connect makes a fresh connection.
func (w *world) connect() {
	w.conn++
	w.client, w.server = w.freshClient, w.freshServer
	if w.proxy != nil {
		p := w.freshProxy
		w.proxy = &p
	}
}

// respond is what client gets to hear on a request.
func (w *world) respond(r machine.Received) machine.Response {
	if w.proxy == nil {
		return w.serve(r)
	}
	as := ask(w, w.proxy, step(w, w.proxy, r))
	if a, ok := as.At(0).(machine.Reply); ok {
		return machine.Response{Status: a.Status, Header: header.Response{ProxyAuthenticate: a.Challenges}, Close: a.Close}
	}
	up := r
	up.Header.ProxyAuthorization = header.Credentials{}
	resp := w.serve(up)
	as = ask(w, w.proxy, step(w, w.proxy, resp))
	a := as.At(0).(machine.Relay)
	resp.Header.SessionBased = a.SessionBased
	resp.Header.ProxyAuthenticate, resp.Header.ProxyAuthenticationInfo = a.Challenges, a.Info
	resp.Close = a.Close
	return resp
}

func (w *world) serve(r machine.Received) machine.Response {
	as := ask(w, &w.server, step(w, &w.server, r))
	switch a := as.At(0).(type) {
	case machine.Reply:
		return machine.Response{Status: a.Status, Header: header.Response{WWWAuthenticate: a.Challenges}, Close: a.Close}
	case machine.Accept:
		as = ask(w, &w.server, step(w, &w.server, machine.Responding{Status: 200}))
		f := as.At(0).(machine.Finish)
		return machine.Response{Status: 200, Close: f.Close, Header: header.Response{
			WWWAuthenticate: f.Challenges, AuthenticationInfo: f.Info, PersistentAuth: f.PersistentAuth}}
	}
	w.t.Fatalf("the server does %v", as)
	return machine.Response{}
}

// setup is what a world is made of.
type setup struct {
	clients []scheme.Client
	servers []scheme.Server
	proxies []scheme.Server // nil: no proxy
	wrong   bool            // the password is
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	if w.freshClient, err = machine.NewClient(machine.ClientConfig{Schemes: s.clients, Policy: scheme.Policy{Cleartext: true}}); err != nil {
		t.Fatal(err)
	}
	if w.freshServer, err = machine.NewServer(machine.ServerConfig{Schemes: s.servers}); err != nil {
		t.Fatal(err)
	}
	if s.proxies != nil {
		if w.freshProxy, err = machine.NewProxy(machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: s.proxies}}); err != nil {
			t.Fatal(err)
		}
		w.proxy = new(machine.Proxy)
	}
	w.answer = func(q gss.Question) gss.Answer {
		switch q.(type) {
		case gss.NeedCredential:
			if s.wrong {
				return gss.Password{User: "alice", Password: gss.NewSecret(canary + "-wrong")}
			}
			return gss.Password{User: "alice", Password: secret}
		case gss.NeedVerifier:
			return gss.Password{Password: secret}
		case gss.NeedVerdict:
			return gss.Verdict{Accepted: true, User: "alice"}
		}
		return gss.Declined{}
	}
	w.connect()
	return w
}

func negotiate(t testing.TB, toy gsstoy.Toy) (scheme.Client, scheme.Server) {
	t.Helper()
	traits, ok := scheme.TraitsOf(scheme.Negotiate)
	if !ok {
		t.Fatal("no traits of Negotiate")
	}
	return scheme.MechanismClient(traits, toy), scheme.MechanismServer(traits, toy)
}

// get is a request for path, through the proxy if there is one.
func (w *world) get(path string) machine.Begin {
	b := machine.Begin{Request: machine.Request{Method: "GET", URI: path, Scheme: "http", Host: "www.example.org", Port: 80, Binding: gss.NoBinding()}}
	if w.proxy != nil {
		b.Route = machine.Route{Kind: machine.Forwarded, Scheme: "http", Host: "proxy.example.org", Port: 3128, Explicit: true}
	}
	return b
}

// worlds are whole exchanges of every shape that needs no package above this
// one, with what they end in.
func worlds(t testing.TB) map[string]func() *world {
	basic := setup{clients: []scheme.Client{scheme.BasicClient()}, servers: []scheme.Server{scheme.BasicServer("a realm", scheme.AskVerifier)}}
	all := map[string]func() *world{
		"basic": func() *world {
			w := newWorld(t, basic)
			w.run(w.get("/x?q=" + canary))
			return w
		},
		"basic, wrong password": func() *world {
			s := basic
			s.wrong = true
			w := newWorld(t, s)
			w.run(w.get("/x"))
			return w
		},
		"basic, verdict": func() *world {
			s := basic
			s.servers = []scheme.Server{scheme.BasicServer("a realm", scheme.AskVerdict)}
			w := newWorld(t, s)
			w.run(w.get("/x"))
			return w
		},
		"basic at proxy and origin": func() *world {
			s := basic
			s.proxies = []scheme.Server{scheme.BasicServer("the proxy", scheme.AskVerdict)}
			w := newWorld(t, s)
			w.run(w.get("/x"))
			return w
		},
	}
	for legs := uint8(1); legs <= 3; legs++ {
		for _, final := range []bool{false, true} {
			toy := gsstoy.Toy{Legs: legs, Final: final, Mutual: final, Bound: true, Asks: true, Fresh: true}
			all[fmt.Sprintf("negotiate, %d legs, final=%t", legs, final)] = func() *world {
				c, s := negotiate(t, toy)
				w := newWorld(t, setup{clients: []scheme.Client{c}, servers: []scheme.Server{s}})
				w.run(w.get("/x"))
				w.run(w.get("/again"))
				step(w, &w.client, machine.Closed{})
				step(w, &w.server, machine.Closed{})
				return w
			}
		}
	}

	all["negotiate through a proxy"] = func() *world {
		c, s := negotiate(t, toy)
		w := newWorld(t, setup{clients: []scheme.Client{c}, servers: []scheme.Server{s}, proxies: []scheme.Server{scheme.BasicServer("the proxy", scheme.AskVerifier)}})
		w.freshClient, _ = machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{c}, ProxySchemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}})
		w.connect()
		w.run(w.get("/x"))
		step(w, w.proxy, machine.Closed{})
		return w
	}
	all["negotiate offered over HTTP/2"] = func() *world {
		c, s := negotiate(t, toy)
		w := newWorld(t, setup{clients: []scheme.Client{c}, servers: []scheme.Server{s}})
		b := w.get("/x")
		b.Request.Multiplexed = true
		w.run(b)
		return w
	}
	return all
}

package ntlm

import (
	"errors"
	"reflect"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// reached is what a step came to.
type reached struct {
	gss.Context
	gss.Output
}

// take steps once and holds the step to the laws: it gives the same again (L1),
// the state is comparable (L2), and no error comes but for misuse (L3).
func take(t testing.TB, c gss.Context, env gss.Env, in gss.Input) reached {
	t.Helper()
	next, out, err := c.Step(env, in)
	if err != nil {
		t.Fatalf("misuse: %v", err)
	}
	again, same, err := c.Step(env, in)
	if next != again || out != same || err != nil {
		t.Fatal("the same step gives another result (L1)")
	}
	if !reflect.ValueOf(next).Comparable() {
		t.Fatalf("%T is not comparable (L2)", next)
	}
	if (out.State == gss.Failed) == out.Fault.IsZero() || (out.State == gss.Waiting) != (out.Ask != nil) {
		t.Fatalf("state %v with fault %v and question %v", out.State, out.Fault, out.Ask)
	}
	if _, ok := next.Session(); ok && out.State != gss.Complete {
		t.Fatalf("a session in state %v", out.State)
	}
	info := next.Info()
	if info.Mech != gss.NTLM || !info.ConnectionBased || info.Flags.Has(gss.Mutual) { // NTHT-5.1-1
		t.Fatalf("%+v", info)
	}
	if out.State != gss.Complete && (info.Peer != "" || info.Anonymous || info.Flags != 0) {
		t.Fatalf("before the end: %+v", info)
	}
	return reached{next, out}
}

// step is take where the state is known.
func step(t testing.TB, c gss.Context, env gss.Env, in gss.Input, want gss.State) reached {
	t.Helper()
	r := take(t, c, env, in)
	if r.State != want {
		t.Fatalf("state %v, want %v: %v", r.State, want, r.Fault)
	}
	return r
}

func refused(t testing.TB, r reached, want gss.Code) {
	t.Helper()
	if r.State != gss.Failed || r.Fault.Code != want {
		t.Errorf("state %v, fault %v, want %v", r.State, r.Fault, want)
	}
}

func newMechanism(t testing.TB, c Config) mechanism {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m.(mechanism)
}

// world is two sides and what they know.
type world struct {
	tb                         testing.TB
	client, server             mechanism
	clientTarget, serverTarget gss.Target
	login                      gss.Answer                    // to the client's question
	users                      func(gss.Question) gss.Answer // to the server's
	now                        int64
	n                          byte
	hello, challenge, token    gss.Token
	mangle                     func(kind int, token string) string // what the network does
}

// acceptorConfig is a server as they are.
var acceptorConfig = Config{Computer: "WWW", Domain: "EXAMPLE", DNSComputer: "www.example", DNSDomain: "example"}

const userPassword = "Correct-Horse-7"

var target = gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443, Binding: gss.BindingOf("tls-server-end-point:certificate")}

func newWorld(tb testing.TB, client, server Config) *world {
	tb.Helper()
	return &world{tb: tb, client: newMechanism(tb, client), server: newMechanism(tb, server), clientTarget: target, serverTarget: target,
		login: gss.Password{User: `EXAMPLE\alice`, Password: gss.NewSecret(userPassword)}, users: knowing("alice", userPassword), now: 1_700_000_000_000_000_000}
}

// knowing returns a store with one user. Names are compared without case.
func knowing(name, password string) func(gss.Question) gss.Answer {
	return func(q gss.Question) gss.Answer {
		n, ok := q.(gss.NeedVerifier)
		if !ok || !equalFold(n.User, name) {
			return gss.Unknown{}
		}
		return gss.Password{Password: gss.NewSecret(password)}
	}
}

func equalFold(a, b string) bool {
	x, y := ntlmssp.AppendUTF16(nil, a), ntlmssp.AppendUTF16(nil, b)
	ntlmssp.UpperUTF16(x)
	ntlmssp.UpperUTF16(y)
	return string(x) == string(y)
}

// env is fresh for every step.
func (w *world) env() gss.Env {
	w.n++
	return gss.Env{Now: w.now + int64(w.n)*1000, Seed: gss.Seed{w.n, 'n', 't', 'l', 'm'}}
}

func (w *world) sent(kind int, token gss.Token) gss.Token {
	if w.mangle == nil {
		return token
	}
	return gss.TokenOf(w.mangle(kind, token.Bytes()))
}

// greet is the client with its NEGOTIATE out.
func (w *world) greet() reached {
	w.tb.Helper()
	c := take(w.tb, w.client.Initiate(w.clientTarget), w.env(), gss.Input{})
	if c.State == gss.Waiting {
		c = take(w.tb, c.Context, w.env(), gss.Input{Answer: w.login})
	}
	w.hello = c.Token
	return c
}

// accept is the server with its CHALLENGE out.
func (w *world) accept() reached {
	w.tb.Helper()
	a := take(w.tb, w.server.Accept(w.serverTarget), w.env(), gss.Input{Token: w.sent(ntlmssp.TypeNegotiate, w.hello)})
	w.challenge = a.Token
	return a
}

// run is a whole exchange, as far as it gets.
func (w *world) run() (c, a reached) {
	w.tb.Helper()
	if c = w.greet(); c.State != gss.Continue {
		return c, a
	}
	if a = w.accept(); a.State != gss.Continue {
		return c, a
	}
	if c = w.respond(c.Context); c.State != gss.Complete {
		return c, a
	}
	return c, w.judge(a.Context)
}

// respond answers the challenge.
func (w *world) respond(c gss.Context) reached {
	w.tb.Helper()
	r := take(w.tb, c, w.env(), gss.Input{Token: w.sent(ntlmssp.TypeChallenge, w.challenge)})
	for r.State == gss.Waiting {
		r = take(w.tb, r.Context, w.env(), gss.Input{Answer: agent(r.Ask)})
	}
	w.token = r.Token
	return r
}

// judge gives the response to the server.
func (w *world) judge(a gss.Context) reached {
	w.tb.Helper()
	r := take(w.tb, a, w.env(), gss.Input{Token: w.sent(ntlmssp.TypeAuthenticate, w.token)})
	if r.State == gss.Waiting {
		r = take(w.tb, r.Context, w.env(), gss.Input{Answer: w.users(r.Ask)})
	}
	return r
}

// agent computes responses for clients with External credentials.
func agent(q gss.Question) gss.Answer {
	n, ok := q.(NeedResponse)
	if !ok {
		return gss.Declined{}
	}
	key := ntowfv2Of(ntowfv1(userPassword), n.User, n.Domain)
	proof := proofV2(key, n.Server, n.Temp)
	return Computed{Proof: proof, SessionKey: hmacMD5(key, proof[:])}
}

// controller is a domain controller behind NeedLogon.
func controller(user, password string) func(gss.Question) gss.Answer {
	return func(q gss.Question) gss.Answer {
		n, ok := q.(NeedLogon)
		if !ok || !equalFold(n.User, user) {
			return gss.Unknown{}
		}
		key := ntowfv2Of(ntowfv1(password), n.User, n.Domain)
		nt := n.NT.Reveal()
		proof := proofV2(key, n.Server, nt[16:])
		if nt[:16] != string(proof[:]) {
			return Logon{}
		}
		return Logon{Accepted: true, User: "Alice", SessionKey: hmacMD5(key, proof[:]), Data: "groups"}
	}
}

func isMisuse(err error) bool {
	var m gss.Misuse
	return errors.As(err, &m)
}

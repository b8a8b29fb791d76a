package machine

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// rig is a small world of machines that checks the laws at every step and writes
// down, in readable form, what was said. It plays the driver.
type rig struct {
	t    testing.TB
	out  strings.Builder
	now  int64
	seed uint64
	dry  bool // no entropy

	user     string // the client's login, "" declines
	password string
	users    map[string]string // the server's user store
	handler  map[string]int    // by path; 200 where it says nothing
	closes   int               // how many 401s from now on close their connection
	memory   string            // of used nonces: "", "young" or "away"
	seen     map[string]gss.Window
	names    map[string]string // of long random values, in order of appearance
	counts   map[string]int

	newClient Client
	newServer Server
	newProxy  Proxy
	proxied   bool
	scheme    string // of the proxy

	client Client // driven by hand
	server Server
	proxy  Proxy
	resume Resume
	open   gss.Question

	spaces map[string]Space
	conns  map[string]*conn
	ups    int // upstream connections made
	pool   *upstream
}

// conn is a client's connection with what stands behind it.
type conn struct {
	name   string
	client Client
	server Server    // direct
	proxy  Proxy     // or this
	pinned *upstream // which keeps one for this client
}

// upstream is a proxy's connection to the origin.
type upstream struct {
	name   string
	server Server
}

func newRig(t testing.TB) *rig {
	return &rig{
		t: t, now: 1e9, user: "alice", password: "secret", scheme: "http",
		users: map[string]string{"alice": "secret", "bob": "builder"}, handler: map[string]int{},
		seen: map[string]gss.Window{}, names: map[string]string{}, counts: map[string]int{},
		spaces: map[string]Space{}, conns: map[string]*conn{},
	}
}

func (r *rig) printf(format string, args ...any) { fmt.Fprintf(&r.out, format, args...) }

func (r *rig) env() gss.Env {
	r.now += 1e9
	r.seed++
	e := gss.Env{Now: r.now}
	if !r.dry {
		binary.BigEndian.PutUint64(e.Seed[:], r.seed)
	}
	return e
}

// step is one step of m with the laws checked: pure (L1), comparable (L2), the old
// value as it was, an error only with the old value (L3).
func step[M Machine[M]](r *rig, m M, e Event) (M, Actions, error) {
	r.t.Helper()
	env, old := r.env(), m
	next, acts, err := m.Step(env, e)
	again, acts2, err2 := m.Step(env, e)
	switch {
	case next != again || acts != acts2 || err != err2:
		r.t.Fatalf("%T: one step gave two results", e)
	case m != old:
		r.t.Fatalf("%T: the step changed the old machine", e)
	case !reflect.ValueOf(next).Comparable() || !reflect.ValueOf(acts).Comparable():
		r.t.Fatalf("%T: not comparable", e)
	case err != nil && (next != old || acts != Actions{}):
		r.t.Fatalf("%T: an error and a change", e)
	}
	if err != nil {
		if _, ok := err.(gss.Misuse); !ok {
			r.t.Fatalf("%T: error %v is no misuse", e, err)
		}
	}
	return next, acts, err
}

// must is step where misuse is a bug of the rig or of a machine.
func must[M Machine[M]](r *rig, m M, e Event) (M, Actions) {
	r.t.Helper()
	next, acts, err := step(r, m, e)
	if err != nil {
		r.t.Fatalf("%T: %v\nso far:\n%s", e, err, r.out.String())
	}
	return next, acts
}

// settle steps m and answers what it asks.
func settle[M Machine[M]](r *rig, who string, m M, e Event) (M, Actions) {
	r.t.Helper()
	for range 20 {
		var acts Actions
		m, acts = must(r, m, e)
		ask, ok := acts.At(0).(Ask)
		if !ok {
			return m, acts
		}
		answer := r.answer(ask.Question)
		r.printf("%s? %s -> %s\n", who, showQuestion(ask.Question), showAnswer(answer))
		e = Answered{ask.ID, answer}
	}
	r.t.Fatal("the questions do not end")
	return m, Actions{}
}

func (r *rig) answer(q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedCredential:
		if r.user == "" {
			return gss.Declined{}
		}
		return gss.Password{User: r.user, Password: gss.NewSecret(r.password)}
	case gss.NeedVerifier:
		if p, ok := r.users[q.User]; ok {
			return gss.Password{Password: gss.NewSecret(p)}
		}
		return gss.Unknown{}
	case gss.NeedVerdict:
		p, ok := r.users[q.User]
		return gss.Verdict{Accepted: ok && p == q.Proof.Reveal()}
	case gss.NeedReplayCheck:
		switch r.memory {
		case "young":
			return gss.ReplayVerdict{First: true, Since: r.now}
		case "away":
			return gss.Unreachable{}
		}
		next, first := r.seen[q.Key].Admit(max(q.Sequence, 1))
		r.seen[q.Key] = next
		return gss.ReplayVerdict{First: first}
	}
	return gss.Declined{}
}

// --- what is configured

// --- requests in words

// --- fields in words

// --- actions in words

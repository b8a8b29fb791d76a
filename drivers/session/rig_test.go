package session

import (
	"context"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// named is a scheme of that name and one leg, which accepts all credentials as info.
type named struct {
	name string
	info gss.Info
}

func (n named) Traits() scheme.Traits {
	return scheme.Traits{Name: n.name, Affinity: scheme.ByMechanism, ConnectionBased: true}
}

func (n named) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.TokenChallenge(n.name, "")), gss.Fault{}
}

func (n named) Accept(scheme.Exchange) scheme.Acceptor { return n }
func (n named) Info() gss.Info                         { return n.info }
func (named) Context() gss.Context                     { return nil }

func (n named) Step(_ gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	return n, scheme.AcceptorOutput{State: gss.Complete}, nil
}

const second = int64(time.Second)

// began is the time at which the rigs begin.
const began = 1_800_000_000 * second

// rig is a server with sessions, at which each login is one of user.
type rig struct {
	t        testing.TB
	now      int64
	seed     uint64
	sessions *Sessions
	schemes  []string
	user     gss.Info
	optional bool
	cert     []byte
	early    bool
	handler  func(*Session) // what it does with the session, if there is one
	visit    *Visit         // the last
}

func newRig(t testing.TB, c Config) *rig {
	r := &rig{t: t, now: began, schemes: []string{"Negotiate"}, user: gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "LAB.EXAMPLE"}}
	r.configure(c)
	return r
}

func (r *rig) configure(c Config) {
	r.t.Helper()
	var err error
	if r.sessions, err = New(&c, r.env()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) env() gss.Env {
	r.seed++
	e := gss.Env{Now: r.now}
	binary.BigEndian.PutUint64(e.Seed[:], r.seed)
	return e
}

// outcome is what came of a request.
type outcome struct {
	accepted *machine.Accept
	reply    machine.Reply
	header   http.Header
}

// text says which it was, in a word or two.
func (o outcome) text() string {
	switch {
	case o.accepted == nil:
		return http.StatusText(o.reply.Status)
	case o.accepted.Session:
		return "session of " + o.accepted.Info.Name()
	case o.accepted.Anonymous:
		return "anonymous"
	}
	return "login of " + o.accepted.Info.Name()
}

// cookie returns the name=value of the cookie that the response sets, "" if it sets none.
func (o outcome) cookie() string {
	line := o.header.Get("Set-Cookie")
	value, _, _ := strings.Cut(line, ";")
	return value
}

// request sends a request to url with cookies, or with credentials for "login".
func (r *rig) request(url string, cookies ...string) outcome {
	return r.respond(200, nil, url, cookies...)
}

// respond does as request, with a response of that status and header.
func (r *rig) respond(status int, h http.Header, url string, cookies ...string) outcome {
	r.t.Helper()
	scheme1, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	in := machine.Incoming{Method: "GET", Target: "/", Authority: host, Secure: scheme1 == "https", Binding: gss.NoBinding(), EarlyData: r.early}
	q, refused := in.AtOrigin()
	if refused != 0 {
		r.t.Fatalf("%s: status %d", url, refused)
	}
	e := machine.Received{Request: q}
	if i := slices.Index(cookies, "login"); i >= 0 {
		cookies = slices.Delete(slices.Clone(cookies), i, i+1)
		e.Header.Authorization = header.ParseCredentials(r.schemes[0] + " x")
	}
	var schemes []scheme.Server
	for _, name := range r.schemes {
		schemes = append(schemes, named{name, r.user})
	}
	server, err := machine.NewServer(machine.ServerConfig{Schemes: schemes, Optional: r.optional})
	if err != nil {
		r.t.Fatal(err)
	}
	step := func(e machine.Event) (machine.Action, error) {
		next, acts, err := server.Step(r.env(), e)
		server = next
		return acts.At(0), err
	}
	v, act, err := r.sessions.Receive(r.t.Context(), Request{Received: e, Cookies: cookies, Certificate: r.cert, Now: r.now}, step)
	if err != nil {
		r.t.Fatal(err)
	}
	r.visit = v
	if reply, ok := act.(machine.Reply); ok {
		return outcome{reply: reply}
	}
	a, _ := act.(machine.Accept)
	if h == nil {
		h = http.Header{}
	}
	if x := v.Session(a); x != nil && r.handler != nil {
		r.handler(x)
	}
	v.Apply(r.t.Context(), h, status, r.env)
	return outcome{accepted: &a, header: h}
}

// login returns the cookie of a login at url.
func (r *rig) login(url string) string {
	r.t.Helper()
	c := r.request(url, "login").cookie()
	if c == "" {
		r.t.Fatal("the login set no cookie")
	}
	return c
}

// want compares what comes of a request with a cookie.
func (r *rig) want(what, text, url string, cookies ...string) outcome {
	r.t.Helper()
	o := r.request(url, cookies...)
	if o.text() != text {
		r.t.Errorf("%s: %s (%v), want %s", what, o.text(), o.reply.Fault, text)
	}
	return o
}

const (
	origin  = "https://a.example"
	known   = "session of alice@LAB.EXAMPLE"
	refused = "Unauthorized"
)

func ring(t testing.TB, keys ...Key) *Ring {
	t.Helper()
	r, err := NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// key returns a key with an ID, and another secret for each.
func key(id uint32) Key {
	return Key{ID: id, Secret: gss.NewSecret(strings.Repeat(string(rune('a'+id)), minSecret))}
}

// down is a Store that cannot be asked.
type down struct{ Memory }

func (*down) Live(context.Context, ID, int64) (bool, error) { return false, context.DeadlineExceeded }

package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// Sessions are the sessions of a server. They are made by [New]; nil has none, and its methods do
// nothing.
type Sessions struct {
	opaque[Sessions] // no output shows what is in it

	conf Config
	name string // of the cookie, with its prefix
}

// New returns the sessions of a server with a configuration, and nil for nil. env seeds the key
// if c has no Ring. The error is a gss.Misuse and says what in the configuration cannot work.
func New(c *Config, env gss.Env) (*Sessions, error) {
	if c == nil {
		return nil, nil
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Sessions{conf: *c}
	s.conf.Lifetime = cmp.Or(c.Lifetime, defaultLifetime)
	s.conf.Idle = cmp.Or(c.Idle, defaultIdle)
	s.name = cmp.Or(c.Name, defaultName)
	switch {
	case c.Insecure:
	case c.Domain != "":
		s.name = "__Secure-" + s.name
	default:
		s.name = "__Host-" + s.name
	}
	if c.Ring == nil {
		secret, _ := env.Bytes("session key", minSecret) // "" without entropy, which is too short
		ring, err := NewRing(Key{Secret: gss.NewSecret(secret)})
		if err != nil {
			return nil, err
		}
		s.conf.Ring = ring
	}
	return s, nil
}

// Request is what a driver knows of a request.
type Request struct {
	opaque[Request] // no output shows what is in it

	// Received is the event to pass to the request's machine.
	Received machine.Received
	// Cookies are the values of the request's Cookie fields.
	Cookies []string
	// Certificate is the client's TLS certificate in DER, nil if it showed none.
	Certificate []byte
	// Now is the time in nanoseconds since the Unix epoch.
	Now int64
}

// Visit is the session of one request, which its response may begin, renew or end. A nil Visit is
// of a server without sessions, and its methods do nothing.
type Visit struct {
	opaque[Visit] // no output shows what is in it

	s  *Sessions
	at place

	mu    sync.Mutex
	found *Session // that of the request's cookie, nil if it has none that is good
	older bool     // found is sealed with a key that was replaced
	login machine.Accept
	kept  *Session // that which the response keeps: found, or that of login
	line  string   // the cookie that was sealed for the response
	done  bool     // line is final
	over  bool     // it was logged out
	err   error    // see Err
}

// Receive looks for the session of a request and passes the request to its machine by run, which
// returns the machine's action. Without a Store that could be asked the action is a 503, and the
// machine is told nothing.
func (s *Sessions) Receive(ctx context.Context, q Request, run func(machine.Event) (machine.Action, error)) (*Visit, machine.Action, error) {
	if s == nil {
		act, err := run(q.Received)
		return nil, act, err
	}
	v := &Visit{s: s}
	var fault gss.Fault
	bare := !q.Received.Header.Authorization.Present()
	if v.placed(&q) {
		fault = v.find(&q)
		if v.found != nil && s.conf.Store != nil {
			live, err := s.conf.Store.Live(ctx, v.found.ID, q.Now)
			v.note("the store of sessions did not answer", err)
			switch {
			case err != nil && bare: // SESS-6
				return v, machine.Reply{Status: 503, RetryAfter: gss.DefaultRetryAfter, Fault: gss.Fault{Code: gss.Unavailable, Detail: "the store of sessions did not answer"}}, nil
			case err != nil:
				v.found = nil
			case !live:
				v.found, fault = nil, gss.Fault{Code: gss.Expired, Detail: "the session is not in the store: it was logged out, or the store has forgotten it"}
			}
		}
	}
	if v.found != nil {
		q.Received.Session = machine.Session{Scheme: v.found.Scheme, Info: v.found.Info}
	}
	act, err := run(q.Received)
	switch a := act.(type) {
	case machine.Accept:
		switch same := v.found != nil && v.found.Scheme == a.Scheme && userOf(v.found.Info) == userOf(a.Info); {
		case a.Session, same && !bare:
			v.kept = v.found
		case !bare && !a.Anonymous && v.at.audience != "":
			v.login = a
		}
	case machine.Reply:
		if a.Fault.Code == gss.NoCredentials && !fault.IsZero() {
			a.Fault = fault
		}
		act = a
	}
	return v, act, err
}

// placed sets what a cookie of the request is bound to. It reports false if the request can have no
// session.
func (v *Visit) placed(q *Request) bool {
	c := &v.s.conf
	r := &q.Received.Request
	at := place{name: v.s.name, audience: r.Host}
	if !c.FrontTLS && !c.Insecure && r.Scheme != "https" { // SESS-7
		return false
	}
	switch {
	case c.Domain != "" && r.Host != c.Domain && !strings.HasSuffix(r.Host, "."+c.Domain):
		return false
	case c.Domain != "":
		at.audience = c.Domain
	case r.Port != 0 && !(r.Scheme == "http" && r.Port == 80) && !(r.Scheme == "https" && r.Port == 443):
		at.audience = net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port)))
	}
	if c.Certificate {
		if len(q.Certificate) == 0 {
			return false
		}
		sum := sha256.Sum256(q.Certificate)
		at.certificate = string(sum[:])
	}
	v.at = at
	return true
}

// find looks for the session in the request's cookie. The fault says why there is none.
func (v *Visit) find(q *Request) gss.Fault {
	value, f := cookie(q.Cookies, v.at.name)
	if value == "" || !f.IsZero() {
		return f
	}
	x, newest, f := v.s.conf.Ring.open(q.Now, v.at, value)
	if !f.IsZero() {
		return f
	}
	switch skew := int64(clockSkew); {
	case x.Login > q.Now+skew || x.Used > q.Now+skew: // SESS-4
		return gss.Fault{Code: gss.ClockSkew, Detail: "the session began, or was used, in the future: this clock has gone back, or that of another server is ahead"}
	case q.Now >= x.Info.Expires || q.Now-x.Login >= int64(v.s.conf.Lifetime):
		return gss.Fault{Code: gss.Expired, Detail: "the session has ended"}
	case q.Now-x.Used >= int64(v.s.conf.Idle):
		return gss.Fault{Code: gss.Expired, Detail: "the session has ended, for it was not used"}
	}
	v.found, v.older = x, !newest
	return gss.Fault{}
}

// userOf returns a text that is another for each user.
func userOf(info gss.Info) string {
	var b []byte
	for _, s := range [...]string{string(info.Mech), info.Domain, info.Peer} {
		b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
		b = append(b, s...)
	}
	return string(b)
}

// Session returns a copy of the session that the request was accepted by, nil if it was accepted by
// credentials or not at all.
func (v *Visit) Session(a machine.Accept) *Session {
	if v == nil || !a.Session {
		return nil
	}
	x := *v.found
	x.Groups = slices.Clone(x.Groups) // what the handler does to them is not sealed again
	return &x
}

// Err returns why a session could not be looked for, or did not begin with a login: what the Store
// said, or Groups, or that the identity is too long for a cookie. It is for a log: the client was
// told no more than a status. It is nil if nothing failed.
func (v *Visit) Err() error {
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.err
}

// note keeps an error for Err, the first one of the request.
func (v *Visit) note(what string, err error) {
	if err != nil && v.err == nil {
		v.err = hidden.Error(fmt.Errorf("session: %s: %w", what, err))
	}
}

// Logout ends the session that the request has or began: in the Store, if there is one, and by a
// response that removes the cookie. The error is that of the Store; the cookie is removed in any
// case.
func (v *Visit) Logout(ctx context.Context) error {
	if v == nil {
		return nil
	}
	v.mu.Lock()
	v.over = true
	sessions := [...]*Session{v.found, v.kept}
	v.mu.Unlock()
	var err error
	for _, x := range sessions {
		if x != nil && v.s.conf.Store != nil {
			err = errors.Join(err, v.s.conf.Store.End(ctx, x.ID))
		}
	}
	return err
}

// Over reports whether [Visit.Logout] was called. The driver then forgets what the connection
// proved, too.
func (v *Visit) Over() bool {
	if v == nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.over
}

// Apply adds the session's fields to those of a response that is about to be sent with status. It
// may be called again, if the response is sent with another status. env returns the environment of
// a step.
func (v *Visit) Apply(ctx context.Context, h hop.Header, status int, env func() gss.Env) {
	if v == nil {
		return
	}
	v.s.strip(h)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.over:
		if !personal(h) { // a cache would log others out
			h.Set(cacheControl, "private")
		}
		h.Add(setCookieField, v.s.setCookie(""))
	case v.kept == nil && v.login.Scheme == "":
	case personal(h) && status != 401:
		if v.line == "" && !v.done {
			v.line, v.done = v.seal(ctx, env()), true
		}
		if v.line != "" {
			h.Add(setCookieField, v.line)
		}
	}
}

// seal returns the field that begins or renews the session, "" if it is neither.
func (v *Visit) seal(ctx context.Context, env gss.Env) string {
	if v.kept == nil {
		v.kept = v.begin(ctx, env)
		if v.kept == nil {
			return ""
		}
	} else {
		if env.Now-v.kept.Used < int64(v.s.conf.Idle)/8 && !v.older {
			return ""
		}
		again := *v.kept
		again.Used = max(again.Used, env.Now)
		v.kept = &again
	}
	value := v.s.conf.Ring.seal(env, v.at, v.kept)
	if value == "" {
		v.note("a session is not sealed", errNoKey)
		return ""
	}
	return v.s.setCookie(value)
}

// begin returns the session of a login, nil if there can be none.
func (v *Visit) begin(ctx context.Context, env gss.Env) *Session {
	info := v.login.Info
	x := &Session{Scheme: v.login.Scheme, Info: gss.Info{Mech: info.Mech, Peer: info.Peer, Domain: info.Domain}, Login: env.Now, Used: env.Now}
	x.Info.Expires = env.Now + int64(v.s.conf.Lifetime)
	if info.Expires != 0 {
		x.Info.Expires = min(x.Info.Expires, info.Expires) // CONN-7
	}
	if !env.Fill(idSeed, x.ID[:]) || x.Info.Expires <= env.Now {
		return nil
	}
	if v.s.conf.Groups != nil {
		var err error
		if x.Groups, err = v.s.conf.Groups(info, v.login.Context); err != nil {
			v.note("the groups of a login are not known", err)
			return nil
		}
	}
	if _, ok := x.encode(v.at.room()); !ok {
		v.note("a login began no session", errNoRoom)
		return nil
	}
	if v.s.conf.Store != nil {
		if err := v.s.conf.Store.Begin(ctx, x.ID, userOf(info), env.Now, x.Info.Expires); err != nil {
			v.note("the store of sessions did not take a login", err)
			return nil
		}
	}
	return x
}

var (
	errNoRoom = errors.New("the user's name and groups are too long for a cookie; let Config.Groups return fewer")
	errNoKey  = errors.New("no key of the Ring has begun and not ended; give it one")
)

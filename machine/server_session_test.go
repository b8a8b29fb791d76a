package machine

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// withSession is a request with the credentials, which may be "", and a session.
func withSession(credentials, scheme, peer string, expires int64) Received {
	e := receivedText(credentials)
	e.Session = Session{Scheme: scheme, Info: gss.Info{Peer: peer, Expires: expires}}
	return e
}

// A session stands for credentials that a request does not have: it is accepted as the identity
// that it is, for this request alone, and is no more than its login was.
func TestSessionStandsForCredentials(t *testing.T) {
	login := gss.Info{Peer: "alice"}
	for _, test := range []struct {
		name string
		e    Received
		more func(*ServerConfig)
		want string // the user, or the code of the refusal
	}{
		{"a session", withSession("", "Mine", "bob", 0), nil, "session bob"},
		{"one that ends later", withSession("", "Mine", "bob", 1<<62), nil, "session bob"},
		{"one that has ended", withSession("", "Mine", "bob", 1), nil, "expired"},
		{"of another scheme", withSession("", "Other", "bob", 0), nil, "not permitted by policy"},
		{"of a name in other case", withSession("", "mine", "bob", 0), nil, "not permitted by policy"},
		{"without a name", withSession("", "Mine", "", 0), nil, "not permitted by policy"},
		{"beside credentials", withSession("Mine x", "Mine", "bob", 0), nil, "alice"},
		{"beside credentials that are malformed", withSession("Mine ,,=", "Mine", "bob", 0), nil, "malformed message"},
		{"none", receivedText(""), nil, "no credentials"},
		{"of another scheme, optional", withSession("", "Other", "bob", 0), func(c *ServerConfig) { c.Optional = true }, "anonymous"},
		{"a session, optional", withSession("", "Mine", "bob", 0), func(c *ServerConfig) { c.Optional = true }, "session bob"},
		{"on a stream", func() Received { e := withSession("", "Mine", "bob", 0); e.Request.Multiplexed = true; return e }(), nil, "session bob"},
		{"by a front", func() Received { e := withSession("", "Mine", "bob", 0); e.SharedFront = true; return e }(), nil, "session bob"},
		{"in early data", func() Received { e := withSession("", "Mine", "bob", 0); e.Request.EarlyData = true; return e }(), nil, "early"},
	} {
		for _, affinity := range []scheme.Affinity{scheme.PerRequest, scheme.PerConnection} {
			var more []func(*ServerConfig)
			if test.more != nil {
				more = append(more, test.more)
			}
			s := passes(t, affinity, login, more...)
			next, acts, err := s.Step(gss.Env{Now: 1000}, test.e)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			switch a := acts.At(0).(type) {
			case Accept:
				switch got = a.Info.Peer; {
				case a.Session:
					got = "session " + got
				case a.Anonymous:
					got = "anonymous"
				}
				if a.Session && (a.Context != nil || a.Scheme != "Mine" || next.kept != (kept{})) {
					t.Errorf("%s: %+v, and %v is left", test.name, a, next)
				}
			case Reply:
				if got = a.Fault.Code.String(); a.Status == statusTooEarly {
					got = "early"
				}
			}
			if got != test.want {
				t.Errorf("%s: %q, want %q", test.name, got, test.want)
			}
			requirement.Held(t, "unit:machine_accepts_sessions", "SESS-1", "SESS-3")
		}
	}
}

// A session goes before the identity of the connection, which then has none; the middle of a
// handshake goes before both. A handler's 401 is a challenge, and its other responses get no field.
func TestSessionOnAConnection(t *testing.T) {
	r := newRig(t)
	s, acts := must(r, bound(r), withSession("", "NTLM", "bob", 0))
	if a := first[Accept](t, acts); !a.Session || a.Info.Peer != "bob" {
		t.Errorf("%+v", a)
	}
	s, acts = must(r, s, Responding{200})
	if f := first[Finish](t, acts); f != (Finish{}) {
		t.Errorf("the response gets %+v", f)
	}
	if _, acts = must(r, s, receivedText("")); first[Reply](t, acts).Status != 401 {
		t.Errorf("the connection keeps its identity after another's session: %v", acts)
	}
	if s, acts = must(r, s, withSession("", "NTLM", "bob", 0)); !first[Accept](t, acts).Session {
		t.Errorf("%v", acts)
	}
	if _, acts = must(r, s, Responding{401}); first[Finish](t, acts).Challenges.Len() == 0 {
		t.Errorf("a handler's 401: %v", acts)
	}
	s, _ = must(r, serverOf(r, "NTLM"), receivedText("NTLM <toy/NTLM:i1:u=alice>"))
	if _, acts = must(r, s, withSession("", "NTLM", "bob", 0)); first[Reply](t, acts).Fault.Code != gss.Unexpected {
		t.Errorf("in the middle of a handshake: %v", acts)
	}
	requirement.Held(t, "unit:machine_session_on_a_connection", "SESS-1")
}

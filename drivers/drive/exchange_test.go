package drive

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// lab is a client with fake connections, which respond as a test says.
type lab struct {
	client Client[*fake]
	dialed int
	sent   []machine.Send
	on     []*fake // that they were sent on
	says   func(n int, c *fake, a machine.Send) (machine.Response, error)
	source answer.Source
}

func newLab(t *testing.T, schemes ...scheme.Client) *lab {
	t.Helper()
	m, err := machine.NewClient(machine.ClientConfig{Schemes: schemes, Policy: scheme.Policy{Cleartext: true}})
	if err != nil {
		t.Fatal(err)
	}
	l := new(lab)
	l.client.Machine = m
	return l
}

// get sends a GET, and keeps its connection.
func (l *lab) get(t *testing.T, ctx context.Context, w Destination) (machine.Deliver, error) {
	t.Helper()
	x := Exchange[*fake]{
		Client: &l.client, Keys: keysOf(t, w), Method: "GET", URI: "/", Source: l.source,
		Dial: func(context.Context, bool) (*fake, error) {
			l.dialed++
			return new(fake), nil
		},
		Send: func(_ context.Context, c *fake, a machine.Send) (machine.Response, error) {
			l.sent, l.on = append(l.sent, a), append(l.on, c)
			return l.says(len(l.sent), c, a)
		},
	}
	d, on, err := x.Run(ctx)
	if on != nil {
		on.Keep(0)
	}
	return d, err
}

func says(status int, lines ...string) (machine.Response, error) {
	return machine.Response{Status: status, Header: header.ParseResponse(func(name string) (values []string) {
		for _, l := range lines {
			if v, ok := strings.CutPrefix(l, name+": "); ok {
				values = append(values, v)
			}
		}
		return values
	})}, nil
}

// toy returns NTLM with a toy of two legs, and a server that accepts any proof.
func toy() (scheme.Client, func(int, *fake, machine.Send) (machine.Response, error)) {
	return toyFor(gsstoy.Toy{OID: gss.NTLM, Legs: 2, Bound: true, Asks: true})
}

func toyFor(toy gsstoy.Toy) (scheme.Client, func(int, *fake, machine.Send) (machine.Response, error)) {
	return scheme.NTLMClient(toy),
		func(_ int, c *fake, a machine.Send) (machine.Response, error) {
			token, _ := a.Authorization.Token()
			switch {
			case strings.HasPrefix(token, "toy/NTLM:i1"):
				return says(401, "WWW-Authenticate: NTLM "+base64Of("toy/NTLM:c1"), "Proxy-Support: Session-Based-Authentication")
			case strings.HasPrefix(token, "toy/NTLM:i2"):
				c.known = true
				return says(200)
			case c.known:
				return says(200)
			}
			return says(401, "WWW-Authenticate: NTLM", "Proxy-Support: Session-Based-Authentication")
		}
}

var home = Destination{Scheme: "http", Authority: "host.example"}

// A scheme that never stops asking ends the exchange with an error.
func TestQuestionsAreBounded(t *testing.T) {
	l := newLab(t, forever{scheme.BasicClient()})
	asked := 0
	l.source = answer.Func(func(context.Context, gss.Question) gss.Answer {
		asked++
		return gss.Password{}
	})
	l.says = func(int, *fake, machine.Send) (machine.Response, error) {
		return says(401, `WWW-Authenticate: Basic realm="r"`)
	}
	if _, err := l.get(t, context.Background(), home); err == nil || asked != bounds.Questions {
		t.Errorf("%d questions, then %v", asked, err)
	}
	if l.client.Idle() != 0 {
		t.Error("a connection in the middle of nowhere was kept")
	}
	requirement.Held(t, "unit:questions_are_bounded", "CONN-4")
}

type forever struct{ scheme.Client }

func (forever) Initiate(scheme.Exchange) scheme.Initiator { return always{} }

type always struct{}

func (always) Info() gss.Info       { return gss.Info{} }
func (always) Context() gss.Context { return nil }
func (a always) Step(gss.Env, scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	return a, scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedCredential{}}, nil
}

// An idle connection is left unchanged if its machine refuses the request: that of a
// plain proxy, which is authenticated to another origin.
func TestIdleConnectionRefusedByMachine(t *testing.T) {
	client, server := toy()
	l := newLab(t, client)
	l.says, l.source = server, password("alice")
	proxied := func(host string) Destination {
		return Destination{Proxy: parse(t, "http://proxy.example"), Route: machine.Forwarded, Scheme: "http", Authority: host}
	}
	for i, host := range []string{"a.example", "b.example", "a.example", "b.example"} {
		if d, err := l.get(t, context.Background(), proxied(host)); err != nil || !d.Authenticated {
			t.Fatalf("request %d: %+v %v", i, d, err)
		}
	}
	if l.dialed != 2 || len(l.sent) != 8 || l.client.Idle() != 2 {
		t.Errorf("%d connections, %d requests, %d kept", l.dialed, len(l.sent), l.client.Idle())
	}
}

// If an idle connection turns out to be closed before anything was written, the
// exchange continues as if it had not existed: this uses up no repetition and no proof.
func TestIdleConnectionClosed(t *testing.T) {
	client, server := toy()
	l := newLab(t, client)
	l.says, l.source = server, password("alice")
	for range 2 {
		if _, err := l.get(t, context.Background(), home); err != nil {
			t.Fatal(err)
		}
	}
	lost := 0
	l.says = func(n int, c *fake, a machine.Send) (machine.Response, error) {
		if c.known && lost == 0 || lost == 1 { // the idle one, and then the first request on a new one
			lost++
			c.gone = true
			return machine.Response{}, &Loss{Err: io.EOF, Unsent: lost == 1}
		}
		return server(n, c, a)
	}
	if d, err := l.get(t, context.Background(), home); err != nil || !d.Authenticated {
		t.Errorf("%+v %v", d, err)
	}
	if lost != 2 || l.dialed != 3 {
		t.Errorf("%d losses, %d connections", lost, l.dialed)
	}
}

// A connection that its server closed after a response is replaced under the same
// machine, if nothing was written to it and nothing is bound to it.
func TestConnectionIsReplaced(t *testing.T) {
	l := newLab(t, scheme.BasicClient())
	l.source = password("alice")
	l.says = func(n int, c *fake, a machine.Send) (machine.Response, error) {
		switch {
		case n == 2:
			c.gone = true
			return machine.Response{}, &Loss{Err: io.EOF, Unsent: true}
		case !a.Authorization.Present():
			return says(401, `WWW-Authenticate: Basic realm="r"`)
		}
		return says(200)
	}
	if d, err := l.get(t, context.Background(), home); err != nil || !d.Authenticated || len(l.sent) != 3 || l.dialed != 2 {
		t.Errorf("%+v %v, %d requests, %d connections", d, err, len(l.sent), l.dialed)
	}
}

// An error that is not a Loss ends the exchange, and so does a context.
func TestExchangeEnds(t *testing.T) {
	l := newLab(t)
	broken := errors.New("the body broke")
	l.says = func(int, *fake, machine.Send) (machine.Response, error) { return machine.Response{}, broken }
	if _, err := l.get(t, context.Background(), home); err != broken || l.client.Idle() != 0 {
		t.Errorf("%v, %d kept", err, l.client.Idle())
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.says = func(int, *fake, machine.Send) (machine.Response, error) {
		cancel()
		return machine.Response{}, &Loss{Err: io.EOF}
	}
	if _, err := l.get(t, ctx, home); !errors.Is(err, context.Canceled) || len(l.sent) != 2 {
		t.Errorf("%v after %d requests", err, len(l.sent))
	}
}

// If the application authenticates a side itself, the challenge of that side is
// returned like any other response.
func TestOwnChallenge(t *testing.T) {
	l := newLab(t, scheme.BasicClient())
	l.source = password("alice")
	l.says = func(int, *fake, machine.Send) (machine.Response, error) {
		return says(401, `WWW-Authenticate: Basic realm="r"`)
	}
	w := home
	w.Own[gss.Origin] = true
	if d, err := l.get(t, context.Background(), w); err != nil || d.Authenticated || len(l.sent) != 1 {
		t.Errorf("%+v %v, %d requests", d, err, len(l.sent))
	}
}

type userKey struct{}

// Connections opened by a source that answers by the context are told apart by asking
// again, unless an identity tells them apart.
func TestConnectionsOfUsers(t *testing.T) {
	client, server := toy()
	for _, identity := range []string{"", "somebody"} {
		l := newLab(t, client)
		l.says = server
		l.source = answer.Func(func(ctx context.Context, _ gss.Question) gss.Answer { return ctx.Value(userKey{}).(gss.Answer) })
		w := home
		w.Identity = identity
		for i, step := range []struct {
			answer gss.Answer
			dials  int // so far, if connections are told apart by asking
		}{
			{gss.Password{User: "alice", Password: gss.NewSecret("a")}, 1},
			{gss.Password{User: "alice", Password: gss.NewSecret("a")}, 1},
			{gss.Password{User: "bob", Password: gss.NewSecret("a")}, 2},
			{gss.Password{User: "alice", Password: gss.NewSecret("b")}, 3},
			{gss.Password{User: "alice", Password: gss.NewSecret("a")}, 3},
			{gss.Password{User: "bob", Password: gss.NewSecret("a")}, 3},
		} {
			if _, err := l.get(t, context.WithValue(context.Background(), userKey{}, step.answer), w); err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"": step.dials, "somebody": 1}[identity]; l.dialed != want {
				t.Errorf("identity %q, step %d: %d connections, want %d", identity, i, l.dialed, want)
			}
		}
		requirement.Held(t, "unit:source_by_context", "CONN-3")
		if show := fmt.Sprintf("%v %+v %#v", &l.client, &l.client, &l.client.idle); strings.Contains(show, `"a"`) || strings.Contains(show, "{a}") {
			t.Errorf("an answer shows: %s", show)
		}
	}
}

// A connection with answers that cannot be compared serves one request, unless an
// identity says to which user it belongs.
func TestConnectionOfPointers(t *testing.T) {
	client, server := toyFor(gsstoy.Toy{OID: gss.NTLM, Legs: 2, Bound: true, Identity: "alice", Secret: gss.NewSecret("secret")})
	for identity, want := range map[string]int{"": 3, "somebody": 1} {
		l := newLab(t, askingOnce{client})
		l.says = server
		l.source = answer.Func(func(context.Context, gss.Question) gss.Answer { return pointing{new(int)} })
		w := home
		w.Identity = identity
		for range 3 {
			if _, err := l.get(t, context.Background(), w); err != nil {
				t.Fatal(err)
			}
		}
		if l.dialed != want {
			t.Errorf("identity %q: %d connections, want %d", identity, l.dialed, want)
		}
		requirement.Held(t, "unit:answers_are_compared", "CONN-3")
	}
}

// askingOnce asks a question of its own before the mechanism's first leg.
type askingOnce struct{ scheme.Client }

func (a askingOnce) Initiate(x scheme.Exchange) scheme.Initiator {
	return askedOnce{a.Client.Initiate(x), scheme.InitiatorInput{}}
}

type askedOnce struct {
	scheme.Initiator
	in scheme.InitiatorInput
}

func (a askedOnce) Step(env gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	if in.Event == scheme.Answered {
		return a.Initiator.Step(env, a.in)
	}
	a.in = in
	return a, scheme.InitiatorOutput{State: gss.Waiting, Ask: remark{}}, nil
}

// password is a source with the same answer for every origin.
func password(user string) answer.Source {
	return answer.Func(func(context.Context, gss.Question) gss.Answer {
		return gss.Password{User: user, Password: gss.NewSecret("secret")}
	})
}

type (
	pointing struct{ p *int }
	dynamic  struct{ v any }
	named    struct {
		cache *int
		name  string
	}
	remark struct{ gss.NeedCredential }
)

func (pointing) Answer()         {}
func (*pointing) String() string { return "" }
func (dynamic) Answer()          {}
func (named) Answer()            {}
func (n named) Subject() string  { return n.name }
func (remark) Question()         {}

// Answers are compared by type and content. Values that cannot be compared by content
// are never equal.
func TestAnswersAreCompared(t *testing.T) {
	one, two := new(int), new(int)
	ctx := context.Background()
	for _, test := range []struct {
		name          string
		first, second gss.Answer
		same          bool
	}{
		{"the same password", gss.Password{User: "a", Password: gss.NewSecret("p")}, gss.Password{User: "a", Password: gss.NewSecret("p")}, true},
		{"another user", gss.Password{User: "a", Password: gss.NewSecret("p")}, gss.Password{User: "b", Password: gss.NewSecret("p")}, false},
		{"another domain", gss.Password{User: "a", Domain: "X"}, gss.Password{User: "a", Domain: "Y"}, false},
		{"another password", gss.Password{User: "a", Password: gss.NewSecret("p")}, gss.Password{User: "a", Password: gss.NewSecret("q")}, false},
		{"a shifted border", gss.Password{User: "ab", Domain: "c"}, gss.Password{User: "a", Domain: "bc"}, false},
		{"nothing", gss.Declined{}, gss.Declined{}, true},
		{"nil", nil, gss.Declined{}, true},
		{"nothing of two kinds", gss.Declined{}, gss.Unreachable{}, false},
		{"a pointer, the same", pointing{one}, pointing{one}, false},
		{"a nil pointer", pointing{}, pointing{}, false},
		{"a pointer as answer", &pointing{one}, &pointing{one}, false},
		{"a function", dynamic{func() {}}, dynamic{func() {}}, false},
		{"a slice", dynamic{[]byte("x")}, dynamic{[]byte("x")}, false},
		{"a map", dynamic{map[string]int{}}, dynamic{map[string]int{}}, false},
		{"an interface", dynamic{1}, dynamic{1}, true},
		{"an interface of another type", dynamic{1}, dynamic{uint(1)}, false},
		{"an empty interface", dynamic{}, dynamic{}, true},
		{"an array", dynamic{[2]string{"a", "b"}}, dynamic{[2]string{"a", "b"}}, true},
		{"a subject with other pointers", named{one, "alice"}, named{two, "alice"}, true},
		{"another subject", named{one, "alice"}, named{one, "bob"}, false},
	} {
		var s answers
		now := test.first
		by := answer.Func(func(context.Context, gss.Question) gss.Answer { return now })
		Ask(noting(ctx, &s), by, gss.NeedCredential{Scheme: "NTLM"})
		now = test.second
		for kind, same := range map[string]bool{"dialed": (&asking{ctx: ctx}).dialed(&s), "proven": (&asking{ctx: ctx, source: by}).proven(&s)} {
			if same != test.same {
				t.Errorf("%s, %s: same %t", test.name, kind, same)
			}
		}
		requirement.Held(t, "unit:answers_are_compared", "CONN-3")
	}
}

type forUser struct{ name string }

func (forUser) Question()       {}
func (q forUser) Named() string { return q.name }

// For a question that names a user, an answer for that user and no answer are equal; an
// answer for another user differs.
func TestNamedQuestions(t *testing.T) {
	ctx := context.Background()
	for _, test := range []struct {
		first, second gss.Answer
		same          bool
	}{
		{gss.Unknown{}, named{new(int), "alice"}, true},
		{named{new(int), "alice"}, gss.Unreachable{}, true},
		{gss.Unknown{}, named{new(int), "bob"}, false},
		{named{new(int), "bob"}, named{new(int), "bob"}, true},
		{named{new(int), "bob"}, named{new(int), "alice"}, false},
		{gss.Unknown{}, gss.Password{User: "alice"}, false},
	} {
		var s answers
		now := test.first
		by := answer.Func(func(context.Context, gss.Question) gss.Answer { return now })
		Ask(noting(ctx, &s), by, forUser{"alice"})
		now = test.second
		if got := (&asking{ctx: ctx, source: by}).proven(&s); got != test.same {
			t.Errorf("%v, then %v: same %t", test.first, test.second, got)
		}
		requirement.Held(t, "unit:answers_are_compared", "CONN-3")
	}
}

// If a question cannot be repeated as it was asked, its connection serves one request
// only.
func TestQuestionsThatCannotBeRepeated(t *testing.T) {
	ctx := context.Background()
	by := password("alice")
	for name, test := range map[string]struct {
		ask  func(context.Context)
		same bool
	}{
		"nothing":     {func(context.Context) {}, true},
		"a first one": {func(ctx context.Context) { Ask(ctx, by, gss.NeedCredential{}) }, true},
		"another try": {func(ctx context.Context) { Ask(ctx, by, gss.NeedCredential{Attempt: 1, Rejected: true}) }, true},
		"another try, answered otherwise": {func(ctx context.Context) {
			Ask(ctx, by, gss.NeedCredential{})
			Ask(ctx, password("bob"), gss.NeedCredential{Attempt: 1, Rejected: true})
		}, false},
		"a derived one":         {func(ctx context.Context) { Ask(ctx, by, gss.NeedExchange{}) }, true},
		"one of a scheme's own": {func(ctx context.Context) { Ask(ctx, by, remark{}) }, true},
		"many": {func(ctx context.Context) {
			for i := range maxAsked + 1 {
				Ask(ctx, by, gss.NeedCredential{Realm: fmt.Sprint(i)})
			}
		}, false},
		"the same many times": {func(ctx context.Context) {
			for range 2 * maxAsked {
				Ask(ctx, by, gss.NeedCredential{})
			}
		}, true},
	} {
		var s, outer answers
		test.ask(noting(noting(ctx, &outer), &s))
		again := asking{ctx: ctx, source: by}
		if again.proven(&s) != test.same || again.proven(&outer) != test.same {
			t.Errorf("%s: same %t and, for what is inside, %t", name, again.proven(&s), again.proven(&outer))
		}
		ended, cancel := context.WithCancel(ctx)
		if cancel(); (&asking{ctx: ended, source: by}).proven(&s) {
			t.Errorf("%s: the same after the context's end", name)
		}
	}
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

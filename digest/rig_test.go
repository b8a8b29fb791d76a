package digest

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

const (
	user     = "alice"
	password = "Correct-Horse-7"
	realm    = "lab"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano()

func nonceKeyOf(c byte) gss.Secret {
	b := make([]byte, minKey)
	for i := range b {
		b[i] = c
	}
	return gss.NewSecret(string(b))
}

// world answers what both sides ask, as a driver would, and writes down what was
// asked.
type world struct {
	t        testing.TB
	now      int64
	seeds    uint64
	login    gss.Answer                        // answers NeedCredential
	users    func(gss.NeedVerifier) gss.Answer // answers NeedVerifier
	seen     map[string]gss.Window
	since    int64
	body     string
	respBody string
	asked    []gss.Question
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, now: start, seen: map[string]gss.Window{}}
	w.login = gss.Password{User: user, Password: gss.NewSecret(password)}
	w.users = func(q gss.NeedVerifier) gss.Answer {
		if q.User != user {
			return gss.Unknown{}
		}
		return gss.Password{Password: gss.NewSecret(password)}
	}
	return w
}

// env is a fresh one, with the time that stands in w.
func (w *world) env() gss.Env {
	w.seeds++
	e := gss.Env{Now: w.now}
	binary.BigEndian.PutUint64(e.Seed[:], w.seeds)
	return e
}

func (w *world) answer(q gss.Question) gss.Answer {
	w.asked = append(w.asked, q)
	switch q := q.(type) {
	case gss.NeedCredential:
		return w.login
	case gss.NeedVerifier:
		return w.users(q)
	case NeedBodyHash:
		f, err := For(q.Algorithm)
		if err != nil {
			w.t.Fatal(err)
		}
		if q.Response {
			return BodyHash{f.BodyHash([]byte(w.respBody)).String()}
		}
		return BodyHash{f.BodyHash([]byte(w.body)).String()}
	case gss.NeedReplayCheck:
		if q.Until <= w.now {
			w.t.Errorf("the memory of a nonce is to end at %d, before now", q.Until)
		}
		n := q.Sequence
		if n == 0 {
			n = 1 // the key alone counts
		}
		next, first := w.seen[q.Key].Admit(n)
		w.seen[q.Key] = next
		return gss.ReplayVerdict{First: first, Since: w.since}
	}
	w.t.Fatalf("an unknown question %T", q)
	return gss.Declined{}
}

// initiate steps an initiator, and answers it until it stops asking.
func (w *world) initiate(i scheme.Initiator, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput) {
	w.t.Helper()
	for {
		env := w.env()
		next, out, err := i.Step(env, in)
		if err != nil {
			w.t.Fatalf("initiator: %v", err)
		}
		if again, out2, _ := i.Step(env, in); again != next || out2 != out {
			w.t.Fatal("an initiator's step is no function of its inputs")
		}
		if out.State != gss.Waiting {
			return next, out
		}
		i, in = next, scheme.InitiatorInput{Event: scheme.Answered, Answer: w.answer(out.Ask)}
	}
}

// accept is the same for an acceptor.
func (w *world) accept(a scheme.Acceptor, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput) {
	w.t.Helper()
	for {
		env := w.env()
		next, out, err := a.Step(env, in)
		if err != nil {
			w.t.Fatalf("acceptor: %v", err)
		}
		if again, out2, _ := a.Step(env, in); again != next || out2 != out {
			w.t.Fatal("an acceptor's step is no function of its inputs")
		}
		if out.State != gss.Waiting {
			return next, out
		}
		a, in = next, scheme.AcceptorInput{Event: scheme.Answered, Answer: w.answer(out.Ask)}
	}
}

func (w *world) challenged(i scheme.Initiator, offer header.Challenges) (scheme.Initiator, scheme.InitiatorOutput) {
	w.t.Helper()
	return w.initiate(i, scheme.InitiatorInput{Event: scheme.Challenged, Offer: offer, Status: 401})
}

func (w *world) presented(s scheme.Server, x scheme.Exchange, c header.Credentials) (scheme.Acceptor, scheme.AcceptorOutput) {
	w.t.Helper()
	return w.accept(s.Accept(x), scheme.AcceptorInput{Event: scheme.Presented, Credentials: wire(c)})
}

// wire sends credentials over the wire.
func wire(c header.Credentials) header.Credentials { return header.ParseCredentials(c.Text()) }

func (w *world) offer(s scheme.Server, x scheme.Exchange) header.Challenges {
	w.t.Helper()
	cs, f := s.Offer(w.env(), x)
	if !f.IsZero() {
		w.t.Fatal(f)
	}
	return cs
}

func exchange(method, uri string) scheme.Exchange {
	return scheme.Exchange{
		Target:    gss.Target{Service: "HTTP", Scheme: "http", Host: "www.example.org", Port: 80},
		Authority: "www.example.org", Method: method, URI: uri,
	}
}

func newClient(t testing.TB, cfg ClientConfig) scheme.Client {
	t.Helper()
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newServer(t testing.TB, cfg ServerConfig) scheme.Server {
	t.Helper()
	if cfg.Realm == "" {
		cfg.Realm = realm
	}
	if cfg.Keys == nil {
		cfg.Keys = []gss.Secret{nonceKeyOf('k')}
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantFault(t testing.TB, what string, f gss.Fault, want gss.Code) {
	t.Helper()
	if f.Code != want {
		t.Errorf("%s: %v, want %v", what, f, want)
	}
	if want != gss.NoFault && f.Detail == "" {
		t.Errorf("%s: a fault without words", what)
	}
}

func wantMisuse(t testing.TB, what string, err error) {
	t.Helper()
	var m gss.Misuse
	if !errors.As(err, &m) {
		t.Errorf("%s: error %v, want misuse", what, err)
	}
}

// count is how many questions of a type were asked.
func count[Q gss.Question](w *world) (n int) {
	for _, q := range w.asked {
		if _, ok := q.(Q); ok {
			n++
		}
	}
	return n
}

func challenge1(text string) header.Challenges { return header.ParseChallenges(text) }

func param(t testing.TB, c header.Credentials, name string) string {
	t.Helper()
	v, _ := c.Param(name)
	return v
}

// text1 is the text of the first challenge.
func text1(cs header.Challenges) string {
	for c := range cs.All() {
		return c.Text()
	}
	return ""
}

// nonceOf is the nonce and opaque of the first challenge.
func nonceOf(cs header.Challenges) (nonce, opaque string) {
	for c := range cs.All() {
		nonce, _ = c.Param("nonce")
		opaque, _ = c.Param("opaque")
		break
	}
	return nonce, opaque
}

// challengeToMD5 is credentials that claim to be of MD5.
func challengeToMD5(c header.Credentials) header.Credentials {
	return header.ParseCredentials(strings.Replace(c.Text(), "algorithm=SHA-256", "algorithm=MD5", 1))
}

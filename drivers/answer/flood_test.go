package answer_test

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// site is a server of Digest with the memory under test, without a network.
type site struct {
	t      testing.TB
	fresh  machine.Server
	client scheme.Client
	source answer.Source
}

var exchange = scheme.Exchange{Method: "GET", URI: "/", Authority: "www.example", Target: gss.Target{Service: "HTTP", Scheme: "http", Host: "www.example", Port: 80}}

func newSite(t testing.TB, memory answer.Source) *site {
	s, err := digest.NewServer(digest.ServerConfig{
		Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}, Algorithms: []digest.Algorithm{digest.SHA256},
	})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{s}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	users := answer.NewUsers(map[string]string{"alice": "wonder", "bob": "builder", "carol": "song"})
	return &site{t: t, fresh: fresh, client: c, source: answer.Chain(users, memory)}
}

var passwords = map[string]string{"alice": "wonder", "bob": "builder", "carol": "song"}

// challenge returns the first challenge of a 401 to a request without credentials.
func (s *site) challenge() header.Challenge {
	r, ok := s.receive("").(machine.Reply)
	if !ok || r.Status != 401 {
		s.t.Fatalf("no credentials: %+v", r)
	}
	return first(s.t, r)
}

func first(t testing.TB, r machine.Reply) header.Challenge {
	for c := range r.Challenges.All() {
		return c
	}
	t.Fatalf("a reply without a challenge: %+v", r)
	return header.Challenge{}
}

// answer returns a user's credentials for a challenge, with the given nonce count.
func (s *site) answer(user string, c header.Challenge, count uint32) string {
	i, out, err := s.client.Initiate(exchange).Step(entropy.Env(), scheme.InitiatorInput{Event: scheme.Start, Offer: header.ListOf(c), Count: count})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, out, err = i.Step(entropy.Env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Password{User: user, Password: gss.NewSecret(passwords[user])}}); err != nil || !out.Credentials.Present() {
		s.t.Fatalf("%+v %v", out, err)
	}
	return out.Credentials.Text()
}

// receive returns what a fresh connection makes of a request.
func (s *site) receive(credentials string) machine.Action {
	e := machine.Event(machine.Received{
		Request: machine.Request{Method: "GET", URI: "/", Scheme: "http", Host: "www.example", Port: 80, Binding: gss.NoBinding()},
		Header:  header.Request{Authorization: header.ParseCredentials(credentials)},
	})
	m := s.fresh
	for {
		next, acts, err := m.Step(entropy.Env(), e)
		if err != nil {
			s.t.Fatal(err)
		}
		ask, ok := acts.At(0).(machine.Ask)
		if !ok {
			return acts.At(0)
		}
		m, e = next, machine.Answered{ID: ask.ID, Answer: s.source.Answer(s.t.Context(), ask.Question)}
	}
}

// login signs a user in with a fresh nonce, and returns the challenge and the credentials.
func (s *site) login(user string) (header.Challenge, string) {
	c := s.challenge()
	text := s.answer(user, c, 1)
	if a, ok := s.receive(text).(machine.Accept); !ok || a.Info.Peer != user {
		s.t.Fatalf("%s with a fresh nonce is refused: %+v", user, s.receive(text))
	}
	return c, text
}

// A user that authenticates often, each time with a fresh nonce, locks out no other user.
func TestFloodOfDigest(t *testing.T) {
	for name, memory := range map[string]*answer.ReplayCache{"small": {Max: 1000}, "default": new(answer.ReplayCache)} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, memory)
			type login struct {
				challenge header.Challenge
				text      string
			}
			var sample []login
			for n := range 70_000 {
				c, text := s.login("alice")
				if n%7_000 == 0 {
					sample = append(sample, login{c, text})
				}
			}
			bobs, text := s.login("bob")
			s.refuses(text, "bob's request once more")
			for _, l := range sample {
				s.refuses(l.text, "alice's request once more")
			}
			if name == "small" {
				for _, l := range sample[:9] { // the memory has forgotten them
					s.refuses(s.answer("alice", l.challenge, 2), "an older nonce of alice's")
				}
			}
			if _, ok := s.receive(s.answer("bob", bobs, 2)).(machine.Accept); !ok {
				t.Error("bob's nonce is stale, and alice was the one to fill the memory")
			}
			s.login("alice")
			requirement.Held(t, "unit:replay_flood_digest")
		})
	}
}

// refuses reports credentials that are taken, or refused as if the password were wrong.
func (s *site) refuses(credentials, what string) {
	s.t.Helper()
	r, ok := s.receive(credentials).(machine.Reply)
	if !ok {
		s.t.Errorf("%s is accepted", what)
		return
	}
	c := first(s.t, r)
	if stale, _ := c.Param("stale"); r.Status != 401 || stale != "true" || r.Fault.Code == gss.BadCredentials {
		s.t.Errorf("%s: %d, stale=%q, %v; want a 401 with stale=true", what, r.Status, stale, r.Fault)
	}
}

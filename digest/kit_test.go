package digest_test

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// kitSecret and kitKey are what must not show.
const kitSecret = "c4nary-of-the-kit"

var kitKey = strings.Repeat("nonce-k3y", 4)

// kitAnswers returns the answers of a client with a password, and of a server with user alice,
// a replay memory and hashes of bodies.
func kitAnswers(password string) func(gss.Question) gss.Answer {
	seen := map[gss.NeedReplayCheck]bool{}
	return func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case gss.NeedCredential:
			return gss.Password{User: "alice", Password: gss.NewSecret(password)}
		case gss.NeedVerifier:
			name := q.User
			if q.Hashed {
				a, _ := digest.ParseAlgorithm(q.Kind)
				f, err := digest.For(a)
				if err == nil && f.UserHash("alice", q.Realm).String() == q.User {
					name = "alice"
				}
			}
			if name == "alice" {
				return gss.Password{User: "alice", Password: gss.NewSecret(kitSecret)}
			}
			return gss.Unknown{}
		case gss.NeedReplayCheck:
			q.Until, q.Now = 0, 0
			first := !seen[q]
			seen[q] = true
			return gss.ReplayVerdict{First: first}
		case digest.NeedBodyHash:
			f, err := digest.For(q.Algorithm)
			if err != nil {
				return gss.Declined{}
			}
			return digest.BodyHash{Sum: f.BodyHash([]byte("a body")).String()}
		}
		return nil
	}
}

func TestKit(t *testing.T) {
	for _, c := range []struct {
		name   string
		side   gss.Side
		client digest.ClientConfig
		server digest.ServerConfig
	}{
		{name: "default"},
		{name: "MD5", server: digest.ServerConfig{Algorithms: []digest.Algorithm{digest.MD5}}},
		{name: "session", server: digest.ServerConfig{Algorithms: []digest.Algorithm{digest.SHA256Sess}}},
		{name: "SHA-512-256", server: digest.ServerConfig{Algorithms: []digest.Algorithm{digest.SHA512_256}, NextNonce: digest.NextAlways}},
		{name: "auth-int", server: digest.ServerConfig{QOPs: []digest.QOP{digest.AuthInt}}},
		{name: "userhash", server: digest.ServerConfig{UserHash: true, Domain: "/a/"}},
		{name: "proof required", client: digest.ClientConfig{RequireProof: true}},
		{name: "bound nonces", server: digest.ServerConfig{BindHost: true, BindURI: true}},
		{name: "Microsoft", client: digest.ClientConfig{Microsoft: true}, server: digest.ServerConfig{Microsoft: true}},
		{name: "proxy", side: gss.Proxy},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.server.Realm, c.server.Keys = "a realm", []gss.Secret{gss.NewSecret(kitKey)}
			server, err := digest.NewServer(c.server)
			if err != nil {
				t.Fatal(err)
			}
			client, err := digest.NewClient(c.client)
			if err != nil {
				t.Fatal(err)
			}
			proptest.Scheme(t, func() proptest.SchemePair {
				return proptest.SchemePair{
					Client: client, Server: server, Peer: "alice", Secrets: []string{kitSecret, kitKey},
					Exchange: scheme.Exchange{
						Side: c.side, Method: "GET", URI: "/a/b?c", Authority: "www.example",
						Target: gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
					},
					Answers: kitAnswers(kitSecret), StrangerAnswers: kitAnswers("guess"),
				}
			})
		})
	}
}

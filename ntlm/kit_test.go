package ntlm_test

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// kitSecret is what must not show.
const kitSecret = "c4nary-of-the-kit"

// kitTarget is the server that both sides mean.
var kitTarget = gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443}

// kitAnswers are those of a user with a password, and of a server, or its domain
// controller, that knows alice.
func kitAnswers(password string, hashed bool) func(gss.Question) gss.Answer {
	return func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case gss.NeedCredential:
			return gss.Password{User: "alice", Domain: "LAB", Password: gss.NewSecret(password)}
		case gss.NeedVerifier:
			if !strings.EqualFold(q.User, "alice") {
				return gss.Unknown{}
			}
			if hashed {
				key, _ := ntlm.HashOf(gss.NewSecret(kitSecret))
				return ntlm.Hash{User: "alice", NT: key}
			}
			return gss.Password{Password: gss.NewSecret(kitSecret)}
		}
		return nil
	}
}

func TestKit(t *testing.T) {
	server := func(c ntlm.Config) ntlm.Config {
		c.Computer, c.Domain = "WWW", "LAB"
		return c
	}
	for _, c := range []struct {
		name           string
		client, server ntlm.Config
		hashed         bool
		weak           bool // nothing protects what is established
		schemeOnly     bool
	}{
		{name: "default"},
		{name: "by hash", hashed: true, server: ntlm.Config{MaxSkew: 1e9}},
		{name: "strict", client: ntlm.Config{RequireMIC: true, Require128: true}, server: ntlm.Config{RequireMIC: true, Require128: true, Targets: []string{"HTTP/www.example"}, RequireTarget: true}},
		// NTLMv1 protects no name, no flag, and no binding.
		{name: "v1 with session security", client: ntlm.Config{Level: ntlm.V1Session}, server: ntlm.Config{Level: ntlm.V1Session}, weak: true},
		// Without extended session security both directions of message protection
		// share one key, and four bytes of a signature are padding that is not verified
		// (MS-NLMP section 3.4.4.1): the kit rightly finds both.
		{name: "v1", client: ntlm.Config{Level: ntlm.V1}, server: ntlm.Config{Level: ntlm.V1}, weak: true, schemeOnly: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := ntlm.New(c.client)
			if err != nil {
				t.Fatal(err)
			}
			acceptor, err := ntlm.New(server(c.server))
			if err != nil {
				t.Fatal(err)
			}
			t.Run("mechanism", func(t *testing.T) {
				if c.schemeOnly {
					return
				}
				proptest.Mechanism(t, func() proptest.Pair {
					return proptest.Pair{
						Initiator: client, Acceptor: acceptor, Target: kitTarget,
						Answers: kitAnswers(kitSecret, c.hashed), Peer: "alice", Secrets: []string{kitSecret},
						Stranger: client, StrangerAnswers: kitAnswers("guess", c.hashed),
						Binding: c.client.Level == ntlm.V2, NoTamperProtection: c.weak,
					}
				})
			})
			t.Run("scheme", func(t *testing.T) {
				proptest.Scheme(t, func() proptest.SchemePair {
					return proptest.SchemePair{
						Client: scheme.NTLMClient(client), Server: scheme.NTLMServer(acceptor),
						Exchange: scheme.Exchange{Method: "GET", URI: "/a/b?c", Authority: "www.example", Target: kitTarget},
						Answers:  kitAnswers(kitSecret, c.hashed), StrangerAnswers: kitAnswers("guess", c.hashed),
						Peer: "alice", Secrets: []string{kitSecret}, NoTamperProtection: c.weak,
					}
				})
			})
		})
	}
}

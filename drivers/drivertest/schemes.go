package drivertest

import (
	"context"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/scheme"
)

// people are the users and their passwords. The default identity is alice.
var people = map[string]string{"alice": "wonder", "bob": "builder", "carol": "carrel", "dave": "diver"}

// pair is a scheme for both peers.
type pair struct {
	name   string
	client scheme.Client
	server scheme.Server
	bound  bool          // to its connection
	source answer.Source // for a client that is asked more than a password, or nil
}

// mechanism returns a toy under the name of a scheme.
func mechanism(name, as string, t gsstoy.Toy) pair {
	traits, _ := scheme.TraitsOf(as)
	t.Asks = true
	if as == scheme.NTLM {
		t.OID = gss.NTLM
	}
	return pair{name, scheme.MechanismClient(traits, t), scheme.MechanismServer(traits, t), t.Bound, nil}
}

func twoLegs() pair {
	return mechanism("two legs", scheme.NTLM, gsstoy.Toy{Legs: 2, Bound: true, Fresh: true})
}

func threeLegs() pair {
	return mechanism("three legs", scheme.NTLM, gsstoy.Toy{Legs: 3, Bound: true, Fresh: true})
}

func mutual() pair {
	return mechanism("mutual", scheme.Negotiate, gsstoy.Toy{Legs: 2, Bound: true, Final: true, Mutual: true, Fresh: true})
}

// oneLeg returns a mechanism like Kerberos: it needs no connection, and authenticates
// the server.
func oneLeg() pair {
	return mechanism("one leg", scheme.Negotiate, gsstoy.Toy{Legs: 1, Final: true, Mutual: true})
}

func basic() pair {
	return pair{"Basic", scheme.BasicClient(), scheme.BasicServer("a realm", scheme.AskVerifier), false, nil}
}

func digestPair() pair {
	s, err := digest.NewServer(digest.ServerConfig{Realm: "a realm", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}})
	if err != nil {
		panic(err)
	}
	c, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		panic(err)
	}
	return pair{"Digest", c, s, false, nil}
}

// pairs returns all of them.
func pairs() []pair {
	return []pair{basic(), digestPair(), twoLegs(), threeLegs(), mutual(), oneLeg()}
}

// offered returns those that a server under test offers.
func (k *kit) offered() []pair {
	return slices.DeleteFunc(pairs(), func(p pair) bool { return k.d.HTTP3 != nil && p.bound })
}

// logins answers with each user's own password: an identity is its own user name.
func logins(passwords map[string]string) answer.Source {
	return answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		need, ok := q.(gss.NeedCredential)
		if !ok || need.Rejected {
			return gss.Declined{}
		}
		name := need.Target.Identity
		if name == "" {
			name = "alice"
		}
		return gss.Password{User: name, Password: gss.NewSecret(passwords[name])}
	})
}

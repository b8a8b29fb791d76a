package machine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// kitSecret is what must not show.
const kitSecret = "c4nary-of-the-kit"

// kitWorld are machines that speak everything.
type kitWorld struct {
	clients []scheme.Client
	servers []scheme.Server
}

func newKitWorld(t testing.TB) (w kitWorld) {
	for name, toy := range map[string]gsstoy.Toy{
		scheme.NTLM:      {Legs: 3, OID: gss.NTLM, Bound: true},
		scheme.Negotiate: {Legs: 2, Final: true, Mutual: true, Fresh: true, Lasts: 1e10},
		scheme.Nego2:     {Legs: 2, Final: true, OpensWithToken: true, Early: true},
	} {
		toy.Asks = true
		traits, _ := scheme.TraitsOf(name)
		w.clients, w.servers = append(w.clients, scheme.MechanismClient(traits, toy)), append(w.servers, scheme.MechanismServer(traits, toy))
	}
	ds, err := digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	dc, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	w.clients = append(w.clients, dc, scheme.BasicClient())
	w.servers = append(w.servers, ds, scheme.BasicServer("r", scheme.AskVerifier))
	return w
}

func (w kitWorld) client(t testing.TB, tune func(*machine.ClientConfig)) machine.Client {
	conf := machine.ClientConfig{Schemes: w.clients, Policy: scheme.Policy{Fallback: true, Cleartext: true}}
	if tune != nil {
		tune(&conf)
	}
	c, err := machine.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w kitWorld) server(t testing.TB, tune func(*machine.ServerConfig)) machine.Server {
	conf := machine.ServerConfig{Schemes: w.servers}
	if tune != nil {
		tune(&conf)
	}
	s, err := machine.NewServer(conf)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kitSubject[M machine.Machine[M]](t *testing.T, w kitWorld, r proptest.Role, m M) func() proptest.Subject[M] {
	return func() proptest.Subject[M] {
		return proptest.Subject[M]{
			Machine: m, Role: r, Client: w.client(t, nil), Server: w.server(t, nil), Secrets: []string{kitSecret},
			Answers: proptest.Answers("alice", kitSecret, kitSecret), StrangerAnswers: proptest.Answers("alice", "guess", kitSecret),
		}
	}
}

func TestKitClient(t *testing.T) {
	w := newKitWorld(t)
	for name, tune := range map[string]func(*machine.ClientConfig){
		"default":    nil,
		"strict":     func(c *machine.ClientConfig) { c.Bodies = machine.Strict },
		"optimistic": func(c *machine.ClientConfig) { c.Bodies, c.MutualIfOffered = machine.Optimistic, true },
		"lenient":    func(c *machine.ClientConfig) { c.Policy.AnyProxy, c.Policy.AcceptHint = true, true },
		"no schemes": func(c *machine.ClientConfig) { c.Schemes = nil },
	} {
		t.Run(name, func(t *testing.T) {
			proptest.Machine(t, kitSubject(t, w, proptest.Client, w.client(t, tune)))
		})
	}
}

func TestKitServer(t *testing.T) {
	w := newKitWorld(t)
	for name, tune := range map[string]func(*machine.ServerConfig){
		"default":  nil,
		"optional": func(c *machine.ServerConfig) { c.Optional = true },
		"keeping":  func(c *machine.ServerConfig) { c.Keep, c.PinnedFront = machine.KeepAlways, true },
		"never":    func(c *machine.ServerConfig) { c.Keep, c.MaxLegs = machine.KeepNever, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			proptest.Machine(t, kitSubject(t, w, proptest.Server, w.server(t, tune)))
		})
	}
}

func TestKitProxy(t *testing.T) {
	w := newKitWorld(t)
	for name, conf := range map[string]machine.ProxyConfig{
		"open":    {},
		"reverse": {Reverse: true, Strip: true},
		"chained": {Chain: true},
		"authenticating": {Auth: machine.ServerConfig{Schemes: slices.DeleteFunc(slices.Clone(w.servers), func(s scheme.Server) bool {
			return s.Traits().OriginOnly
		})}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := machine.NewProxy(conf)
			if err != nil {
				t.Fatal(err)
			}
			proptest.Machine(t, kitSubject(t, w, proptest.Proxy, p))
		})
	}
}

package lockstep

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

func pair(m gss.Mechanism) proptest.Pair {
	return proptest.Pair{
		Initiator: m, Acceptor: m, Stranger: m,
		Target:          gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
		Answers:         proptest.Answers("alice", "correct horse", "correct horse"),
		StrangerAnswers: proptest.Answers("alice", "battery staple", "correct horse"),
		Peer:            "alice", Secrets: []string{"correct horse"}, Binding: true,
	}
}

// TestKit: the mechanism keeps the contract of package gss.
func TestKit(t *testing.T) {
	proptest.Mechanism(t, func() proptest.Pair { return pair(Mechanism{}) })
}

func negotiate(t *testing.T) gss.Mechanism {
	m, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{Mechanism{}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestKitUnderNegotiate: so does SPNEGO with it.
func TestKitUnderNegotiate(t *testing.T) {
	m := negotiate(t)
	err := proptest.CheckMechanism(func() proptest.Pair {
		p := pair(m)
		p.Framed, p.Opens = gss.SPNEGO, true
		return p
	})
	if err != nil {
		t.Error(err)
	}
}

// TestHTTP: client and server speak Negotiate with it over net/http.
func TestHTTP(t *testing.T) {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.NegotiateServer(negotiate(t))}},
		Source: answer.NewUsers(map[string]string{"alice": "correct horse"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintf(w, "hello %s by %s", user.Name(), user.Context.Info().Mech.Dotted())
	})))
	auth.Install(server.Config)
	server.Start()
	defer server.Close()

	login, err := answer.For(server.URL, "alice", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.NegotiateClient(negotiate(t))}}, Source: login,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "hello alice by 1.3.6.1.4.1.32473.1" {
		t.Errorf("status %d, %q", response.StatusCode, body)
	}
	if d, ok := nethttp.Delivered(response); !ok || !d.Authenticated || !d.Info.Flags.Has(gss.Mutual) {
		t.Errorf("the client has %+v, want a server that proved itself", d)
	}
}

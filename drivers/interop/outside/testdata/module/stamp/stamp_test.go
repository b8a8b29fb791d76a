package stamp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// TestKit: the scheme keeps the contract of package scheme.
func TestKit(t *testing.T) {
	proptest.Scheme(t, func() proptest.SchemePair {
		return proptest.SchemePair{
			Client: Client{}, Server: Server{Realm: "staff"},
			Exchange: scheme.Exchange{
				Method: "GET", URI: "/secret", Authority: "www.example",
				Target: gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
			},
			Answers:         proptest.Answers("alice", "correct horse", "correct horse"),
			StrangerAnswers: proptest.Answers("alice", "battery staple", "correct horse"),
			Peer:            "alice",
			Secrets:         []string{"correct horse"},
		}
	})
}

// newServer serves a greeting behind the scheme.
func newServer(t *testing.T) *httptest.Server {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{Server{Realm: "staff"}}},
		Source: answer.Chain(answer.NewUsers(map[string]string{"alice": "correct horse"}), new(answer.ReplayCache)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintf(w, "hello %s by %s", user.Name(), user.Scheme)
	})))
	auth.Install(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func newClient(t *testing.T, url, password string) *http.Client {
	login, err := answer.For(url, "alice", password)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{Client{}}}, Source: login,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestHTTP: client and server speak the scheme over net/http.
func TestHTTP(t *testing.T) {
	server := newServer(t)
	client := newClient(t, server.URL, "correct horse")
	for range 2 { // the second request is sent with a stamp at once
		response, err := client.Get(server.URL + "/secret")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != "hello alice by Stamp" {
			t.Errorf("status %d, %q", response.StatusCode, body)
		}
	}
}

// TestWrongPassword: the client gets an error that says so.
func TestWrongPassword(t *testing.T) {
	server := newServer(t)
	_, err := newClient(t, server.URL, "battery staple").Get(server.URL + "/secret")
	if !errors.Is(err, gss.PeerRefused) {
		t.Errorf("%v, want an error of class %v", err, gss.PeerRefused)
	}
}

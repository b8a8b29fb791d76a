package ntlmclient

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

func Example() {
	for _, bare := range []bool{false, true} {
		server := newServer(bare)
		defer server.Close()

		client, err := New(server.URL, `LAB\alice`, "Password-1!")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer client.CloseIdleConnections()
		res, err := client.Get(server.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Println(string(body), err)
	}
	// Output:
	// alice of LAB by Negotiate <nil>
	// alice of LAB by NTLM <nil>
}

func newServer(bare bool) *httptest.Server {
	mech, err := ntlm.New(ntlm.Config{Computer: "WWW", Domain: "LAB"})
	if err != nil {
		panic(err)
	}
	negotiate, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{mech}})
	if err != nil {
		panic(err)
	}
	offer := scheme.NegotiateServer(negotiate)
	if bare {
		offer = scheme.NTLMServer(mech)
	}
	users, err := answer.NewNTHashes(map[string]string{"alice": "Password-1!"}, "LAB")
	if err != nil {
		panic(err)
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: []scheme.Server{offer}}, Source: users,
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintf(w, "%s of %s by %s", user.Info.Peer, user.Info.Domain, user.Scheme)
	})))
	auth.Install(server.Config)
	server.Start()
	return server
}

package tracereader

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
	"github.com/countersign-auth/countersign/scheme"
)

func Example() {
	offer, err := digest.NewServer(digest.ServerConfig{Realm: "staff", Keys: []gss.Secret{gss.NewSecret("thirty-two bytes of random data!")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{offer}},
		Source: answer.Chain(answer.NewUsers(map[string]string{"alice": "wonder"}), new(answer.ReplayCache)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(auth.Wrap(http.NotFoundHandler()))
	defer server.Close()

	var file bytes.Buffer
	recorder, err := NewRecorder(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	respond, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	login, err := answer.For(server.URL, "alice", "wonder")
	if err != nil {
		fmt.Println(err)
		return
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{respond}}, Source: login, Observer: recorder.Observe,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(server.URL + "/secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()

	if err := recorder.Close(); err != nil {
		fmt.Println(err)
		return
	}
	diagram, err := Draw(file.Bytes())
	fmt.Print(diagram)
	fmt.Println(err)
	// Output:
	// sequenceDiagram
	//     participant application
	//     participant client
	//     participant origin
	//     application->>client: GET
	//     client->>origin: GET
	//     origin-->>client: 401<br/>WWW-Authenticate: Digest (6 parameters), Digest (6 parameters)
	//     Note over client: asks NeedCredential (Digest)
	//     Note over client: answer: Password
	//     client->>origin: GET<br/>Authorization: Digest (10 parameters)
	//     origin-->>client: 404<br/>Authentication-Info: (4 parameters)
	//     client-->>application: 404, authenticated
	// <nil>
}

// TestDrawBroken: what is no trace, or was cut, has no diagram.
func TestDrawBroken(t *testing.T) {
	if _, err := Draw([]byte("{}")); !errors.Is(err, trace.ErrMalformed) {
		t.Errorf("%v, want %v", err, trace.ErrMalformed)
	}
	var file bytes.Buffer
	if _, err := NewRecorder(&file); err != nil {
		t.Fatal(err)
	}
	if _, err := Draw(file.Bytes()); err == nil {
		t.Error("a trace without an end has a diagram")
	}
}

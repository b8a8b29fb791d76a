// Package digestserver is the example of abbot/go-http-auth for Digest, with countersign:
//
//	func Secret(user, realm string) string {
//		if user == "john" {
//			return "b98e16cbc3d01734b264adba7baa3bf9" // password is "hello"
//		}
//		return ""
//	}
//
//	authenticator := auth.NewDigestAuthenticator("example.com", Secret)
//	http.HandleFunc("/", authenticator.Wrap(handle))
package digestserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"net/http"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// secret returns the hash of a user's password.
func secret(_ context.Context, need gss.NeedVerifier) gss.Answer {
	if need.User == "john" && need.Realm == "example.com" {
		return digest.HA1{MD5: gss.NewSecret("b98e16cbc3d01734b264adba7baa3bf9")} // password is "hello"
	}
	return gss.Unknown{}
}

func handle(w http.ResponseWriter, r *http.Request) {
	user, _ := nethttp.IdentityFrom(r.Context())
	fmt.Fprintf(w, "<html><body><h1>Hello, %s!</h1></body></html>", html.EscapeString(user.Name()))
}

// New returns the server.
func New(addr string) (*http.Server, error) {
	offer, err := digest.NewServer(digest.ServerConfig{
		Realm: "example.com", Algorithms: []digest.Algorithm{digest.MD5}, // the hashes that there are
		Keys: []gss.Secret{gss.NewSecret(rand.Text() + rand.Text())},
	})
	if err != nil {
		return nil, err
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{offer}},
		Source: answer.Chain(answer.On(secret), new(answer.ReplayCache)),
	})
	if err != nil {
		return nil, err
	}
	server := &http.Server{Addr: addr, Handler: auth.Wrap(http.HandlerFunc(handle))}
	auth.Install(server)
	return server, nil
}

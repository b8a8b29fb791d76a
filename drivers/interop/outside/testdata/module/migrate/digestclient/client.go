// Package digestclient is the client in the README of icholy/digest, with countersign:
//
//	client := &http.Client{
//		Transport: &digest.Transport{Username: "foo", Password: "bar"},
//	}
package digestclient

import (
	"net/http"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// New returns a client that authenticates to the origin of a URL, and to no other.
func New(origin, user, password string) (*http.Client, error) {
	login, err := answer.For(origin, user, password)
	if err != nil {
		return nil, err
	}
	offer, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		return nil, err
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{offer}}, Source: login,
	})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: transport}, nil
}

// Package ntlmclient is the client in the README of Azure/go-ntlmssp, with countersign:
//
//	client := &http.Client{
//		Transport: ntlmssp.Negotiator{RoundTripper: &http.Transport{}},
//	}
//	req, _ := http.NewRequest("GET", url, nil)
//	req.SetBasicAuth(user, password)
//	res, _ := client.Do(req)
package ntlmclient

import (
	"net/http"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// New returns a client that authenticates to the origin of a URL by NTLM, with or without
// Negotiate. The user may have a domain: DOMAIN\user. Requests set no credentials.
func New(origin, user, password string) (*http.Client, error) {
	login, err := answer.For(origin, user, password)
	if err != nil {
		return nil, err
	}
	mech, err := ntlm.New(ntlm.Config{})
	if err != nil {
		return nil, err
	}
	negotiate, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{mech}})
	if err != nil {
		return nil, err
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.NegotiateClient(negotiate), scheme.NTLMClient(mech)}},
		Source:  login,
	})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: transport}, nil
}

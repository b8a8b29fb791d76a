// Package delegate lets a service act for a user that authenticated to it in another way:
// by S4U2Self it gets the user's ticket to itself, and by S4U2Proxy the user's ticket to
// another service (MS-SFU).
package delegate

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// Service is a service that the KDC trusts to act for users.
type Service struct {
	Principal krb.Principal
	Keys      *keytab.Keytab
	KDC       answer.Source
}

// Delegated is what a service gets for a user.
type Delegated struct {
	Self  ccache.Credential // the user's ticket to the service
	Proxy ccache.Credential // the user's ticket to the other service
}

// For gets a user's tickets to the service itself and to another one.
func (s *Service) For(ctx context.Context, user, other krb.Principal) (d Delegated, err error) {
	tgt, err := s.get(ctx, ticket.Request{Client: s.Principal, Keytab: s.Keys, Options: krb.Forwardable})
	if err != nil {
		return d, err
	}
	d.Self, err = s.get(ctx, ticket.Request{Client: s.Principal, Server: s.Principal, TGT: tgt, For: user, Options: krb.Forwardable})
	if err != nil {
		return d, err
	}
	d.Proxy, err = s.get(ctx, ticket.Request{Client: s.Principal, Server: other, TGT: tgt, Evidence: d.Self})
	return d, err
}

func (s *Service) get(ctx context.Context, r ticket.Request) (ccache.Credential, error) {
	result, err := krb5.Get(ctx, s.KDC, r)
	return result.Credential, err
}

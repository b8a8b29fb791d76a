package krb5

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// Get gets a ticket: it runs the exchange that the request describes. The error is a
// gss.FaultError: of the KDC's refusal, of an answer that is not the KDC's, or Unanswered
// where none answered before the context ended.
func (c *Client) Get(ctx context.Context, r ticket.Request) (ccache.Credential, error) {
	x, result, err := ticket.New(r).Step(entropy.Env(), nil)
	for err == nil && result.Ask != nil {
		x, result, err = x.Step(entropy.Env(), c.Answer(ctx, result.Ask))
	}
	switch {
	case err != nil:
		return ccache.Credential{}, err
	case !result.Fault.IsZero():
		return ccache.Credential{}, result.Fault.Err()
	}
	return result.Credential, nil
}

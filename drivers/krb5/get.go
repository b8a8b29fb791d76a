package krb5

import (
	"context"
	"fmt"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// Get gets a ticket: it runs the exchange that the request describes, with the KDCs that a
// source answers for. The error is a gss.FaultError: of the KDC's refusal, of an answer that
// is not the KDC's, or QuestionFailed where none answered before the context ended; a Client
// then says what became of each address.
func Get(ctx context.Context, kdcs answer.Source, r ticket.Request) (ticket.Result, error) {
	x, result, err := ticket.New(r).Step(entropy.Env(), nil)
	var failed error // why a Client has no answer
	for err == nil && result.Ask != nil {
		var reply gss.Answer
		c, isClient := kdcs.(*Client)
		if need, ok := result.Ask.(gss.NeedExchange); ok && isClient {
			reply, failed = c.answer(ctx, need)
		} else if reply = kdcs.Answer(ctx, result.Ask); reply == nil {
			reply = gss.Declined{}
		}
		x, result, err = x.Step(entropy.Env(), reply)
	}
	if err == nil {
		err = result.Fault.Err()
	}
	if err != nil && failed != nil {
		err = fmt.Errorf("%w: %w", err, failed) // KRB-24
	}
	return result, err
}

// Get gets a ticket, as the function does, and returns it without the difference between
// the clocks.
func (c *Client) Get(ctx context.Context, r ticket.Request) (ccache.Credential, error) {
	result, err := Get(ctx, c, r)
	return result.Credential, err
}

package kerberos

import (
	"github.com/countersign-auth/countersign/gss"
)

type initiator struct {
	cfg    *config
	target gss.Target
}

func (c initiator) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return fail(gss.Unsupported, "")
}
func (c initiator) Info() gss.Info               { return pending{}.Info() }
func (c initiator) Session() (gss.Session, bool) { return nil, false }

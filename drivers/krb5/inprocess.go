package krb5

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
)

// InProcess asks a KDC of this process, such as kdctest.KDC, by its method Answer.
func InProcess(kdc interface {
	Answer(env gss.Env, realm, request string) string
}) answer.Source {
	return answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		need, ok := q.(gss.NeedExchange)
		if !ok || need.Service != "kdc" {
			return gss.Declined{}
		}
		return gss.Reply{Data: kdc.Answer(entropy.Env(), need.Realm, need.Request)}
	})
}

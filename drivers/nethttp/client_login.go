package nethttp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// takeLogin returns a request without its Authorization field of the scheme Basic, and a Source
// that answers the origin's credential questions with the user name and password that the field
// had, and passes all other questions to next. It returns r and next as they are if r has no
// such field.
func takeLogin(r *http.Request, origin *url.URL, next answer.Source) (*http.Request, answer.Source, error) {
	fields := r.Header.Values("Authorization")
	if !slices.ContainsFunc(fields, namesBasic) {
		return r, next, nil
	}
	name, password, ok := r.BasicAuth()
	if !ok || len(fields) > 1 { // SECRET-3: it is not sent as it is, either
		return nil, nil, errors.New("nethttp: the request's Authorization field is of the scheme Basic and has no user name and password that can be read; set them with SetBasicAuth")
	}
	login, err := answer.For((&url.URL{Scheme: origin.Scheme, Host: origin.Host}).String(), name, password)
	if err != nil {
		return nil, nil, err
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	r.Header.Del("Authorization") // SECRET-3
	return r, answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
		// If the origin refuses the login, no other user's takes its place.
		if need, ok := q.(gss.NeedCredential); ok && need.Side == gss.Origin {
			return login.Answer(ctx, q)
		}
		return drive.Ask(ctx, next, q)
	}), nil
}

// namesBasic reports whether credentials are of the scheme Basic.
func namesBasic(credentials string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(credentials, " \t"), " ")
	return ascii.EqualFold(name, scheme.Basic)
}

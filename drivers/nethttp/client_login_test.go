package nethttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// people and logins have alice, bob and carol. A request's own login is used for it alone, by
// whatever scheme, and its field never goes out: not before a challenge, not with it, and not
// after a refusal.
func TestClientLoginFromRequest(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	toyServer, toyClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	basicServer, basicClient := basicPair()
	for _, row := range []struct {
		name   string
		server scheme.Server
		client scheme.Client
	}{{"Digest", digestServer, digestClient}, {"connection-bound", toyServer, toyClient}, {"Basic", basicServer, basicClient}} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, hello, nil, row.server)
			// What other requests log on with, and what would take the place of a login that is refused.
			others := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
				if _, ok := q.(gss.NeedCredential); !ok {
					return gss.Declined{}
				}
				return gss.Password{User: "bob", Password: gss.NewSecret(people["bob"])}
			})
			c := newClient(t, func(c *nethttp.ClientConfig) { c.FromRequest, c.Source = true, others }, row.client)
			ask := func(ctx context.Context, user, password string) (string, error) {
				r, err := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				if user != "" {
					r.SetBasicAuth(user, password)
				}
				field := r.Header.Get("Authorization")
				res, err := c.Do(r)
				if r.Header.Get("Authorization") != field {
					t.Error("the application's request was changed")
				}
				if err != nil {
					return "", err
				}
				if res.StatusCode != 200 {
					return fmt.Sprint(res.StatusCode), nil
				}
				if res.Request.Header.Get("Authorization") != "" {
					t.Error("the response's request shows the login")
				}
				return text(t, res), nil
			}
			for i := range 3 {
				for _, user := range []string{"alice", "", "bob", "alice"} {
					want := user
					if user == "" {
						want = "bob"
					}
					if got, err := ask(t.Context(), user, people[user]); err != nil || !strings.HasPrefix(got, "hello "+want) {
						t.Errorf("round %d: a request by %q: %q, %v", i, user, got, err)
					}
				}
				// A name is for Source. With a login of its own the request acts under none.
				ctx := nethttp.ActAs(t.Context(), "tenant")
				if got, err := ask(ctx, "alice", people["alice"]); err != nil || !strings.HasPrefix(got, "hello alice") {
					t.Errorf("alice under a name: %q, %v", got, err)
				}
				if got, err := ask(ctx, "bob", people["bob"]); err != nil || !strings.HasPrefix(got, "hello bob") {
					t.Errorf("bob under the same name: %q, %v", got, err)
				}
				// A login that is refused is not replaced by another one.
				if got, err := ask(t.Context(), "alice", "wrong"); err == nil {
					t.Errorf("a wrong password: %q", got)
				}
			}
			for _, v := range s.take() {
				if row.name != "Basic" && strings.Contains(v.authorization, "Basic") {
					t.Errorf("the application's field was sent: %q", v.authorization)
				}
			}
			requirement.Held(t, "unit:login_of_a_request_is_never_sent", "SECRET-3")
		})
	}
}

// Without a challenge nothing of the login goes out, and a field that cannot be read does not
// go out either. Fields of other schemes are the application's own.
func TestClientLoginStays(t *testing.T) {
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}), nil)
	_, digestClient := digestPair(t)
	c := newClient(t, func(c *nethttp.ClientConfig) { c.FromRequest = true }, digestClient)
	for _, row := range []struct{ field, want string }{
		{"Basic YWxpY2U6c2VjcmV0", ""},
		{"basic YWxpY2U6c2VjcmV0", ""},
		{"Basic !", "error"},
		{"Basic", "error"},
		{"Basic YWxpY2U", "error"},      // no colon
		{"Basic OnNlY3JldA==", "error"}, // no name
		{"  Basic YWxpY2U6c2VjcmV0", "error"},
		{"Bearer abc", "Bearer abc"},
		{"Basics abc", "Basics abc"},
	} {
		r := httptest.NewRequest("GET", s.URL, nil)
		r.RequestURI = ""
		r.Header["Authorization"] = []string{row.field}
		res, err := c.Do(r)
		got := "error"
		if err == nil {
			got = text(t, res)
		} else if strings.Contains(err.Error(), "YWxp") || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the field: %v", err)
		}
		if got != row.want {
			t.Errorf("%q: %q (%v), want %q", row.field, got, err, row.want)
		}
		requirement.Held(t, "unit:login_of_a_request_is_never_sent", "SECRET-3")
	}
	for _, fields := range [][]string{{"Basic YWxpY2U6c2VjcmV0", "Bearer abc"}, {"Bearer abc", "Basic YWxpY2U6c2VjcmV0"}} {
		r := httptest.NewRequest("GET", s.URL, nil)
		r.RequestURI = ""
		r.Header["Authorization"] = fields
		if res, err := c.Do(r); err == nil {
			t.Errorf("two fields: %q", text(t, res))
		}
	}
}

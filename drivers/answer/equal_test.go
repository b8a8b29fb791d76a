package answer_test

import (
	"context"
	_ "embed"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/equalwork"
	"github.com/countersign-auth/countersign/internal/requirement"
)

//go:embed users.go
var usersSource string

//go:embed htdigest.go
var htdigestSource string

// A source that judges passwords does the same work for a user that it does not know.
func TestSourcesEqualWork(t *testing.T) {
	equalwork.Before(t, usersSource, "verdict", "scheme.CheckPassword", "gss.Unknown", "gss.Verdict")
	equalwork.Before(t, htdigestSource, "verdict", "matches", "gss.Unknown", "gss.Verdict")
	requirement.Held(t, "unit:equal_work", "HTA-30")
}

// What is computed for an unknown user is never right.
func TestSourcesKnowNobodyElse(t *testing.T) {
	users := answer.NewUsers(map[string]string{"alice": "wonder"})
	file, err := answer.ReadHtdigest(strings.NewReader("alice:r:1dceaef3e555df1c92ff21ad718d9b08\n")) // by md5sum
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []answer.Source{users, file} {
		for _, password := range []string{"", "\x00", "wonder", strings.Repeat("p", 1<<10), strings.Repeat("p", 40_000)} {
			if a := s.Answer(context.Background(), gss.NeedVerdict{Scheme: "Basic", Realm: "r", User: "mallory", Proof: gss.NewSecret(password)}); a != (gss.Unknown{}) {
				t.Errorf("%v, %.10q: %v", s, password, a)
			}
		}
		if a := s.Answer(context.Background(), gss.NeedVerdict{Scheme: "Basic", Realm: "r", User: "alice", Proof: gss.NewSecret("wonder")}); a != (gss.Verdict{Accepted: true}) {
			t.Errorf("%v, the right password: %v", s, a)
		}
	}
}

package answer

import (
	"context"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
)

// A source that cannot answer is a gss.Misuse of its constructor, which says why.
func TestSourcesThatCannotWork(t *testing.T) {
	for _, row := range []struct{ url, name, want string }{
		{"https://www.example", "", "user name"}, {"https://www.example", `DOMAIN\`, "user name"},
		{"", "alice", "URL"}, {"www.example", "alice", "URL"}, {"https://", "alice", "URL"}, {"https://:443", "alice", "URL"},
		{"ftp://www.example", "alice", "http or https"}, {"https://www.example:0", "alice", "port"},
	} {
		for name, construct := range map[string]func(url, name, password string) (Source, error){"For": For, "ForProxy": ForProxy} {
			if _, err := construct(row.url, row.name, "password"); err == nil {
				t.Errorf("%s(%q, %q) is no error", name, row.url, row.name)
			} else {
				misusetest.Check(t, "answer", row.want, err)
			}
		}
	}
	for want, users := range map[string]map[string]string{"password": {"alice": ""}, "name": {"": "password"}, "twice": {"alice": "a", "ALICE": "b"}} {
		if _, err := NewNTHashes(users); err == nil {
			t.Errorf("%v is no error", users)
		} else {
			misusetest.Check(t, "answer", want, err)
		}
	}
	// Sources over none decline.
	q := gss.NeedCredential{Target: gss.Target{Host: "www.example"}}
	for name, s := range map[string]Source{"As": As("", nil), "Allow": Allow(nil, "*")} {
		if a := s.Answer(context.Background(), q); a != (gss.Declined{}) {
			t.Errorf("%s of no source answers %v", name, a)
		}
	}
}

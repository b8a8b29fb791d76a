package answer_test

import (
	"context"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

func TestAllow(t *testing.T) {
	all := answer.Func(func(context.Context, gss.Question) gss.Answer { return gss.Password{User: "alice"} })
	for _, row := range []struct {
		hosts []string
		host  string
		want  bool
	}{
		{[]string{"intranet.example"}, "intranet.example", true}, {[]string{"Intranet.Example"}, "intranet.EXAMPLE", true},
		{[]string{"intranet.example"}, "www.intranet.example", false}, {[]string{"intranet.example"}, "intranet.example.evil", false},
		{[]string{".example"}, "www.example", true}, {[]string{".example"}, "example", false}, {[]string{".example"}, "evilexample", false},
		{[]string{"bücher.example"}, "xn--bcher-kva.example", true}, {[]string{".Bücher.example"}, "www.xn--bcher-kva.example", true}, {[]string{".bücher.example"}, "xn--bcher-kva.example", false},
		{[]string{"a", "*"}, "anything", true}, {nil, "anything", false}, {[]string{""}, "x", false},
	} {
		s := answer.Allow(all, row.hosts...)
		for _, side := range []gss.Side{gss.Origin, gss.Proxy} {
			_, got := s.Answer(t.Context(), gss.NeedCredential{Side: side, Target: gss.Target{Host: row.host}}).(gss.Password)
			if got != row.want {
				t.Errorf("%q, %v of %q: %v", row.hosts, side, row.host, got)
			}
		}
		if s.Answer(t.Context(), gss.NeedReplayCheck{}) == (gss.Declined{}) {
			t.Error("another question does not pass")
		}
	}
}

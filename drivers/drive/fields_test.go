package drive

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
)

// The content of a 400 says what is wrong with the credentials. That of a challenge is
// always the same, and no content shows a fault's detail.
func TestReplyText(t *testing.T) {
	if got := ReplyText(machine.Reply{Status: 400}, "text"); got != "text" {
		t.Errorf("400 for nothing: %q", got)
	}
	for code := gss.NoFault + 1; code <= gss.WrongTarget+20; code++ {
		for _, status := range []int{400, 401, 407, 500, 503} {
			got := ReplyText(machine.Reply{Status: status, Fault: gss.Fault{Code: code, Detail: "c4nary"}}, "text")
			want := "text"
			if status == 400 {
				want += ": " + code.String()
			}
			if got != want || strings.Contains(got, "c4nary") {
				t.Errorf("%d for %v: %q, want %q", status, code, got, want)
			}
		}
	}
	if got := ReplyText(machine.Reply{Status: 400, Fault: gss.Fault{Code: gss.WrongTarget}}, "Bad Request"); got != "Bad Request: credentials for another resource" {
		t.Errorf("another resource: %q", got)
	}
	requirement.Held(t, "unit:reply_text", "R7616-3.4.6-2")
}

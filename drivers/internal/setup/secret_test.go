package setup

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// TestUsersShowNoPasswords: the passwords of --user stay out of output.
func TestUsersShowNoPasswords(t *testing.T) {
	u := Users{Passwords: map[string]string{"alice": "canary"}}
	for _, v := range []any{u, &u, []any{u}, map[string]any{"u": &u}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
				t.Errorf("%s of a %T: %s", verb, v, text)
			}
		}
		if b, err := json.Marshal(v); err != nil || strings.Contains(string(b), "canary") {
			t.Errorf("JSON of a %T: %s, %v", v, b, err)
		}
	}
	requirement.Held(t, "unit:drivers_show_no_secrets", "SECRET-1")
}

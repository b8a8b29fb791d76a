package answer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// hashText is a password's NT hash as files have it.
func hashText(t *testing.T, password string) (string, ntlm.Key) {
	t.Helper()
	key, fault := ntlm.HashOf(gss.NewSecret(password))
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return fmt.Sprintf("%x", [16]byte(key)), key
}

func claim(domain, user string) gss.Question {
	return gss.NeedVerifier{Scheme: scheme.NTLM, Realm: domain, User: user}
}

// TestNTHashes: which user is found by which claim, in any case of letters.
func TestNTHashes(t *testing.T) {
	text, key := hashText(t, "wonder")
	file := "# users\r\n\r\nalice:" + strings.ToUpper(text) + "\r\n" +
		`OTHER\alice:` + text + "\n" +
		"bob@else.example:" + text + "\n" +
		"jäsøn:1000:" + strings.Repeat("X", 32) + ":" + text + ":[U          ]:LCT-65A1B2C3:\n" +
		"locked:1001:" + strings.Repeat("X", 32) + ":" + text + ":[DU         ]:LCT-65A1B2C3:\n" +
		"open:1002:" + strings.Repeat("X", 32) + ":" + text + ":[NU         ]:LCT-65A1B2C3:\n" +
		"pc$:1003:" + strings.Repeat("X", 32) + ":" + text + ":[W          ]:LCT-65A1B2C3:\n" +
		"none:1004:" + strings.Repeat("X", 32) + ":" + strings.Repeat("X", 32) + ":[U          ]:LCT-65A1B2C3:\n" +
		"empty:1005:NO PASSWORDXXXXXXXXXXXXXXXXXXXXX:NO PASSWORDXXXXXXXXXXXXXXXXXXXXX:[U          ]:LCT-65A1B2C3:\n"
	read, err := answer.ReadNTHashes(strings.NewReader(file), "LAB", "lab.example")
	if err != nil {
		t.Fatal(err)
	}
	made, err := answer.NewNTHashes(map[string]string{"alice": "wonder", `OTHER\alice`: "wonder", "bob@else.example": "wonder", "jäsøn": "wonder"}, "LAB", "lab.example")
	if err != nil {
		t.Fatal(err)
	}
	for kind, s := range map[string]*answer.NTHashes{"read": read, "made": made} {
		for _, c := range []struct{ domain, user, want string }{
			{"", "alice", "alice"}, {"", "ALICE", "alice"}, {"lab", "Alice", "alice"}, {"LAB.Example", "alice", "alice"},
			{"", "alice@lab.example", "alice"}, {"", "Alice@LAB", "alice"}, {"LAB", "alice@LAB", "alice"},
			{"other", "alice", "alice"},
			{"", "bob@ELSE.example", "bob@else.example"}, {"LAB", "bob@else.example", "bob@else.example"},
			{"", "JÄSØN", "jäsøn"}, {"", "jäsøn", "jäsøn"},
			{"else", "alice", ""}, {"", "alice@other", ""}, {"", "alice@", ""}, {"other", "alice@lab.example", ""}, {"LAB", "alice@lab.example", ""},
			{"other", "bob", ""}, {"", "bob", ""}, {"", "", ""}, {"", "@", ""}, {"", "@lab", ""}, {"", `OTHER\alice`, ""},
			{"", "aliſe", ""}, {"", "mallory", ""},
			{"", "locked", ""}, {"", "open", ""}, {"", "pc$", ""}, {"", "none", ""}, {"", "empty", ""},
		} {
			got := ask(s, claim(c.domain, c.user))
			if c.want == "" {
				if got != (gss.Unknown{}) {
					t.Errorf("%s, %q\\%q: %T, want nobody", kind, c.domain, c.user, got)
				}
				continue
			}
			domain := "LAB" // an account has one name, however clients write it
			if c.domain == "other" {
				domain = "OTHER"
			}
			if h, ok := got.(ntlm.Hash); !ok || h.User != c.want || h.Domain != domain || h.NT != key {
				t.Errorf("%s, %q\\%q: %+v, want %s in %s with the hash", kind, c.domain, c.user, got, c.want, domain)
			}
			requirement.Held(t, "unit:ntlm_canonical_name")
		}
		for _, q := range []gss.Question{gss.NeedVerifier{Scheme: scheme.Digest, User: "alice"}, gss.NeedVerdict{User: "alice"}, gss.NeedCredential{}} {
			if got := ask(s, q); got != (gss.Declined{}) {
				t.Errorf("%s, %T: %T, want it declined", kind, q, got)
			}
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", read, read, read); text != "answer.NTHashes(***) answer.NTHashes(***) answer.NTHashes(***)" {
		t.Errorf("shown as %s", text)
	}
}

// TestNTHashesRefuses: what is not understood names its line, and none of its text.
func TestNTHashesRefuses(t *testing.T) {
	text, _ := hashText(t, "wonder")
	for _, line := range []string{
		"alice", ":" + text, `\:` + text, "alice:", "alice:" + text[1:], "alice:" + text + "0", "alice:" + text[1:] + "g",
		"alice:1:" + text, "alice:1:" + text + ":" + text, "alice:1:" + text + ":" + text + ":U:", "alice:1:X:" + text[1:] + ":[U ]:LCT-0:",
		"BOB:" + text, strings.Repeat("alice", 1024),
	} {
		s, err := answer.ReadNTHashes(strings.NewReader("bob:" + text + "\n" + line + "\n"))
		if err == nil || s != nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "alice") || strings.Contains(err.Error(), text[:8]) {
			t.Errorf("%.40q: error %v", line, err)
		}
	}
	for _, passwords := range []map[string]string{{"alice": ""}, {"": "wonder"}, {"alice": "a-wonder", "ALICE": "a-wonder"}} {
		if s, err := answer.NewNTHashes(passwords); err == nil || s != nil || strings.Contains(err.Error(), "wonder") {
			t.Errorf("%v: error %v", passwords, err)
		}
	}
}

package kerberos

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// Tokens of every type of session are refused wherever they are cut, and what is refused changes nothing.
func TestCutSessionTokens(t *testing.T) {
	for _, kind := range sessionTypes {
		ours, theirs := sessions(t, kind)
		_, mic, fault := ours.MIC("text")
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		_, wrapped, fault := ours.Wrap(env, "text", true)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		_, plain, fault := ours.Wrap(env, "text", false)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		for n := range len(mic) {
			if next, fault := theirs.VerifyMIC("text", mic[:n]); fault.IsZero() || next != theirs {
				t.Errorf("%v: a MIC of %d bytes of %d: %v", kind, n, len(mic), fault)
			}
		}
		for _, token := range []string{wrapped, plain} {
			for n := range len(token) {
				if next, text, sealed, fault := theirs.Unwrap(token[:n]); fault.IsZero() || next != theirs || text != "" || sealed {
					t.Errorf("%v: a token of %d bytes of %d: %q, sealed %t, %v", kind, n, len(token), text, sealed, fault)
				}
			}
		}
	}
}

// The sides of an RC4 session count apart: a token does not come back as the peer's (RFC 4757 section 7.3).
func TestReflectedTokens(t *testing.T) {
	for _, kind := range sessionTypes {
		ours, theirs := sessions(t, kind)
		for name, s := range map[string]gss.Session{"initiator": ours, "acceptor": theirs} {
			_, mic, _ := s.MIC("text")
			if _, fault := s.VerifyMIC("text", mic); fault.IsZero() {
				t.Errorf("%v: the %s takes its own MIC", kind, name)
			}
			_, token, _ := s.Wrap(env, "text", true)
			if _, _, _, fault := s.Unwrap(token); fault.IsZero() {
				t.Errorf("%v: the %s takes its own token", kind, name)
			}
		}
	}
}

// Sessions print their type and counts, and no key.
func TestSessionsPrint(t *testing.T) {
	for _, kind := range sessionTypes {
		s, _ := sessions(t, kind)
		if text := fmt.Sprint(s); !strings.Contains(text, "kerberos session(") || strings.Contains(text, "kkkk") {
			t.Errorf("%v: %q", kind, text)
		}
	}
}

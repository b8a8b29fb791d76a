package kerberos

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
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

// A token that is refused for its place in the sequence gives nothing of its contents, nor says that it was sealed.
func TestRefusedTokensGiveNothing(t *testing.T) {
	for _, kind := range sessionTypes {
		for _, seal := range []bool{false, true} {
			ours, theirs := sessions(t, kind)
			next, first, _ := ours.Wrap(env, "text", seal)
			_, second, _ := next.Wrap(env, "text", seal)
			after, plain, sealed, fault := theirs.Unwrap(first)
			if !fault.IsZero() || plain != "text" || sealed != seal {
				t.Fatalf("%v: %q, sealed %t, %v", kind, plain, sealed, fault)
			}
			for _, row := range []struct {
				name  string
				s     gss.Session
				token string
				want  gss.Code
			}{
				{"comes twice", after, first, gss.Replayed}, {"comes before another", theirs, second, gss.Unexpected},
				{"is forged", theirs, first[:len(first)-1] + string([]byte{first[len(first)-1] ^ 1}), gss.NotAuthentic},
			} {
				next, plain, sealed, fault := row.s.Unwrap(row.token)
				if fault.Code != row.want || next != row.s || plain != "" || sealed {
					t.Errorf("%v, sealed %t: a token that %s: %q, sealed %t, %v", kind, seal, row.name, plain, sealed, fault)
				}
				requirement.Held(t, "unit:refused_tokens_give_nothing", "KRB-8")
			}
		}
	}
}

// RFC 4121 section 4.2.2: a receiver ignores flags that it does not know. Those that it knows are the sender's: whose token
// it is, under whose key, and whether it is sealed.
func TestUnknownTokenFlags(t *testing.T) {
	const text = "text"
	key, fault := krb.NewKey(krb.AES256SHA1, strings.Repeat("k", 32))
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	for _, initiator := range []bool{true, false} {
		for _, acceptorSubkey := range []bool{true, false} {
			s, _ := newSession(key, initiator, acceptorSubkey, 1, 7)
			of := byte(0) // the flags of the other side's tokens
			if initiator {
				of |= sentByAcceptor
			}
			if acceptorSubkey {
				of |= byAcceptorsKey
			}
			use := usagesOf(!initiator)
			for flags := range 256 {
				flags := byte(flags)
				known := flags & (sentByAcceptor | byAcceptorsKey | sealedToken)
				h := string(header(micTokenID, flags, 0xFFFF, 0xFFFF, 7))
				_, fault := s.VerifyMIC(text, h+enctype.Checksum(key, use.sign, text+h))
				if want := known == of; fault.IsZero() != want || !want && fault.Code != gss.Unexpected {
					t.Errorf("initiator %t, a MIC with flags %#x: %v", initiator, flags, fault)
				}
				var token string
				if sealed := flags&sealedToken != 0; sealed {
					h := string(header(wrapTokenID, flags, 0, 0, 7))
					token = h + enctype.Encrypt(key, use.seal, "0123456789abcdef", text+h)
				} else {
					sum := enctype.Checksum(key, use.seal, text+string(header(wrapTokenID, flags, 0, 0, 7)))
					token = string(header(wrapTokenID, flags, uint16(len(sum)), 0, 7)) + text + sum
				}
				_, plain, sealed, fault := s.Unwrap(token)
				switch want := known&^sealedToken == of; {
				case want && (!fault.IsZero() || plain != text || sealed != (flags&sealedToken != 0)):
					t.Errorf("initiator %t, a token with flags %#x: %q, sealed %t, %v", initiator, flags, plain, sealed, fault)
				case !want && fault.Code != gss.Unexpected:
					t.Errorf("initiator %t, a token with flags %#x: %v", initiator, flags, fault)
				}
				requirement.Held(t, "unit:krb_unknown_token_flags", "R4121-4.2.2-1")
			}
			for _, send := range []func() (gss.Session, string, gss.Fault){
				func() (gss.Session, string, gss.Fault) { return s.MIC(text) },
				func() (gss.Session, string, gss.Fault) { return s.Wrap(env, text, true) },
				func() (gss.Session, string, gss.Fault) { return s.Wrap(env, text, false) },
			} {
				if _, token, _ := send(); token[2]&^tokenFlags != 0 {
					t.Errorf("flags %#x are sent", token[2])
				}
			}
		}
	}
}

package kerberos

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
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

// RFC 4121 section 4.2.4: a sealed token has its header inside once more, without the rotation. One that has another there
// is none, though the cipher is right.
func TestSealedHeader(t *testing.T) {
	const text = "text"
	ours, theirs := sessions(t, krb.AES256SHA1)
	s := ours.(session)
	use, flags := usagesOf(true).seal, s.flags(true)|sealedToken
	outside := header(wrapTokenID, flags, 0, 0, s.send)
	for name, row := range map[string]struct {
		inside []byte
		want   gss.Code
	}{
		"the same":             {outside, gss.NoFault},
		"rotated":              {header(wrapTokenID, flags, 0, 9, s.send), gss.NoFault},
		"of a MIC":             {header(micTokenID, flags, 0, 0, s.send), gss.NotAuthentic},
		"of another side":      {header(wrapTokenID, flags^sentByAcceptor, 0, 0, s.send), gss.NotAuthentic},
		"with filler":          {header(wrapTokenID, flags, 1, 0, s.send), gss.NotAuthentic},
		"with another number":  {header(wrapTokenID, flags, 0, 0, s.send+1), gss.NotAuthentic},
		"that is cut":          {outside[:tokenHeader-1], gss.NotAuthentic},
		"that is not there":    {nil, gss.NotAuthentic},
		"behind another octet": {append([]byte("x"), outside[:tokenHeader-1]...), gss.NotAuthentic},
	} {
		token := string(outside) + enctype.Encrypt(s.key, use, "0123456789abcdef", text+string(row.inside))
		_, plain, sealed, fault := theirs.Unwrap(token)
		if right := row.want == gss.NoFault; fault.Code != row.want || (plain == text) != right || sealed != right || !right && plain != "" {
			t.Errorf("a header %s: %q, sealed %t, %v", name, plain, sealed, fault)
		}
	}
}

// RFC 4757 sections 7.2 and 7.3: an RC4 token has the mechanism's OID in its framing, and its text ends with one byte of
// padding, which is 1.
func TestRC4TokenForm(t *testing.T) {
	const text = "text"
	ours, theirs := sessions(t, krb.RC4)
	s := ours.(rc4Session)
	for padding, want := range map[string]gss.Code{rc4Padding: gss.NoFault, "\x02": gss.NotAuthentic, "\x00": gss.NotAuthentic, "t": gss.NotAuthentic} {
		for _, head := range []string{rc4Plain, rc4Sealed} {
			data := []byte("confound" + text + padding)
			sum := s.sum(rc4Salt, rc4Wrap, head, string(data))
			if head == rc4Sealed {
				s.seal(s.send, data)
			}
			_, token, _ := s.token(rc4Wrap, head, sum, data)
			_, plain, sealed, fault := theirs.Unwrap(token)
			if fault.Code != want || (plain == text) != (want == gss.NoFault) || sealed != (want == gss.NoFault && head == rc4Sealed) {
				t.Errorf("padding %q, sealed %t: %q, %v", padding, head == rc4Sealed, plain, fault)
			}
		}
	}
	_, mic, _ := ours.MIC(text)
	_, wrapped, _ := ours.Wrap(env, text, true)
	for _, token := range []string{mic, wrapped} { // as short as may be, in a framing that says so
		_, id, body, _ := message.Unframe(token)
		for n := range len(body) {
			short := message.Frame(gss.Kerberos, id, []byte(body[:n]))
			if next, fault := theirs.VerifyMIC(text, short); fault.IsZero() || next != theirs {
				t.Errorf("a MIC of %d bytes of %d: %v", n, len(body), fault)
			}
			if next, plain, _, fault := theirs.Unwrap(short); fault.IsZero() || next != theirs || plain != "" {
				t.Errorf("a token of %d bytes of %d: %q, %v", n, len(body), plain, fault)
			}
		}
	}
	// SND_SEQ is four bytes of the number, the highest first, and four that say which side's it is, so that no token comes back
	// to its sender as the other side's, where both count alike.
	if i, a := string(rc4SequenceOf(0x01020304, true)), string(rc4SequenceOf(0x01020304, false)); i != "\x01\x02\x03\x04\x00\x00\x00\x00" || a != "\x01\x02\x03\x04\xFF\xFF\xFF\xFF" {
		t.Errorf("SND_SEQ of the initiator %x, of the acceptor %x", i, a)
	}
	for _, initiator := range []bool{true, false} {
		alike, _ := newSession(s.key, initiator, false, 7, 7)
		_, mic, _ := alike.MIC(text)
		if _, fault := alike.VerifyMIC(text, mic); fault.Code != gss.NotAuthentic {
			t.Errorf("a MIC comes back to its sender: %v", fault)
		}
		_, token, _ := alike.Wrap(env, text, true)
		if _, plain, _, fault := alike.Unwrap(token); fault.Code != gss.NotAuthentic || plain != "" {
			t.Errorf("a token comes back to its sender: %q, %v", plain, fault)
		}
	}
	for mech, want := range map[gss.OID]gss.Code{gss.Kerberos: gss.NoFault, gss.MSKerberos: gss.Malformed, gss.KerberosU2U: gss.Malformed} {
		again := func(token string) string {
			_, id, body, _ := message.Unframe(token)
			return message.Frame(mech, id, []byte(body))
		}
		if _, fault := theirs.VerifyMIC(text, again(mic)); fault.Code != want {
			t.Errorf("a MIC in the framing of %v: %v", mech, fault)
		}
		if _, _, _, fault := theirs.Unwrap(again(wrapped)); fault.Code != want {
			t.Errorf("a token in the framing of %v: %v", mech, fault)
		}
	}
}

package kerberos

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// sessions are both ends under one key.
func sessions(t testing.TB, kind krb.EType) (initiator, acceptor gss.Session) {
	t.Helper()
	key, fault := krb.NewKey(kind, strings.Repeat("k", kind.KeySize()))
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	initiator, _ = newSession(key, true, true, 7, 1<<32-1)
	acceptor, _ = newSession(key, false, true, 1<<32-1, 7)
	return initiator, acceptor
}

var sessionTypes = []krb.EType{krb.AES128SHA1, krb.AES256SHA1, krb.AES128SHA256, krb.AES256SHA384, krb.Camellia128, krb.RC4}

// Whatever one side wraps or signs, the other side opens and verifies, once, in order,
// and in no other form; a fault changes nothing.
func TestSession(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ours, theirs := sessions(t, rapid.SampledFrom(sessionTypes).Draw(rt, "type"))
		if rapid.Bool().Draw(rt, "from the acceptor") {
			ours, theirs = theirs, ours
		}
		for range rapid.IntRange(1, 4).Draw(rt, "messages") {
			text := string(rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(rt, "text"))
			seal, sign := rapid.Bool().Draw(rt, "seal"), rapid.Bool().Draw(rt, "sign")
			var token string
			var next gss.Session
			var fault gss.Fault
			open := func(s gss.Session, token string) (gss.Session, gss.Fault) {
				if sign {
					return s.VerifyMIC(text, token)
				}
				n, plain, sealed, fault := s.Unwrap(token)
				if fault.IsZero() && (plain != text || sealed != seal) {
					rt.Fatalf("%q came out as %q, sealed %v", text, plain, sealed)
				}
				return n, fault
			}
			if sign {
				next, token, fault = ours.MIC(text)
			} else {
				next, token, fault = ours.Wrap(env, text, seal)
			}
			if !fault.IsZero() {
				rt.Fatal(fault)
			}
			at, bit := rapid.IntRange(0, len(token)-1).Draw(rt, "byte"), rapid.IntRange(0, 7).Draw(rt, "bit")
			bad := token[:at] + string([]byte{token[at] ^ 1<<bit}) + token[at+1:]
			rotation := !sign && (at == 6 || at == 7) // says where the data begins; a multiple of its length changes nothing
			for _, bad := range []string{bad, token[:at], token + "x", ""} {
				if s, fault := open(theirs, bad); fault.IsZero() && !rotation || s != theirs && !rotation {
					rt.Fatalf("%x is taken for %x", bad, token)
				}
			}
			if s, fault := open(next, token); fault.IsZero() || s != next {
				rt.Fatal("a token that comes back to its sender is taken")
			}
			after, fault := open(theirs, token)
			if !fault.IsZero() {
				rt.Fatal(fault)
			}
			if s, fault := open(after, token); fault.Code != gss.Replayed || s != after {
				rt.Fatalf("a token is taken twice: %v", fault)
			}
			ours, theirs = next, after
		}
		skipped, _, _ := ours.MIC("lost")
		_, mic, _ := skipped.MIC("x")
		if _, fault := theirs.VerifyMIC("x", mic); fault.Code != gss.Unexpected {
			rt.Fatalf("one is missing: %v", fault)
		}
	})
}

// RFC 4121 section 4.2.5: data may be turned by any number, larger than itself too.
func TestRotation(t *testing.T) {
	ours, theirs := sessions(t, krb.AES256SHA1)
	for _, seal := range []bool{false, true} {
		_, token, _ := ours.Wrap(env, "rotated data", seal)
		data := token[tokenHeader:]
		for rrc := range 200 {
			n := rrc % len(data)
			turned := data[len(data)-n:] + data[:len(data)-n]
			h := []byte(token[:tokenHeader])
			binary.BigEndian.PutUint16(h[6:], uint16(rrc))
			if _, plain, _, fault := theirs.Unwrap(string(h) + turned); !fault.IsZero() || plain != "rotated data" {
				t.Fatalf("sealed %v, by %d: %v", seal, rrc, fault)
			}
		}
	}
	if _, _, fault := ours.Wrap(gss.Env{}, "x", true); fault.Code != gss.NoEntropy {
		t.Error(fault)
	}
	if _, ok := newSession(krb.Key{}, true, false, 0, 0); ok {
		t.Error("a session without a key")
	}
	if s := fmt.Sprintf("%v %+v %#v", ours, ours, ours); strings.Contains(s, "kkkk") {
		t.Error("the key shows")
	}
}

// What MIT's library signed and wrapped, in both directions.
func TestRecordedSessions(t *testing.T) {
	var rows []struct {
		Name     string
		Key      []byte `json:"acceptor_session_key"`
		Messages []struct {
			Sender, Op     string
			Message, Token []byte
		}
	}
	load(t, "sessions.json", &rows)
	verified := 0
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			const kind = krb.AES256SHA1 // what MIT chose for all of them
			if kind.KeySize() != len(row.Key) {
				t.Fatalf("a key of %d bytes", len(row.Key))
			}
			key, _ := krb.NewKey(kind, string(row.Key))
			ends := map[string]gss.Session{}
			for i, m := range row.Messages {
				token := string(m.Token)
				if m.Op == "wrap" { // recorded as buffers in another order: data, header, checksum
					n := len(m.Message)
					h := []byte(token[n : n+tokenHeader])
					binary.BigEndian.PutUint16(h[4:], uint16(enctype.ChecksumSize(kind)))
					token = string(h) + token[:n] + token[n+tokenHeader:]
				}
				flags, seq := token[2], binary.BigEndian.Uint64([]byte(token[8:]))
				peer := ends[m.Sender]
				if peer == nil {
					peer, _ = newSession(key, m.Sender == "acceptor", flags&byAcceptorsKey != 0, 0, seq)
				}
				var fault gss.Fault
				if m.Op == "mic" {
					sender := session{key, m.Sender == "initiator", flags&byAcceptorsKey != 0, seq, 0}
					if _, again, _ := sender.MIC(string(m.Message)); again != token {
						t.Errorf("%d: signed again as %x, was %x", i, again, token)
					}
					peer, fault = peer.VerifyMIC(string(m.Message), token)
				} else {
					var plain string
					var sealed bool
					peer, plain, sealed, fault = peer.Unwrap(token)
					if plain != string(m.Message) || sealed != (m.Op == "wrap-conf") {
						t.Errorf("%d: %q, sealed %v", i, plain, sealed)
					}
				}
				if !fault.IsZero() {
					t.Fatalf("%d, %s of the %s: %v", i, m.Op, m.Sender, fault)
				}
				ends[m.Sender] = peer
				verified++
			}
		})
	}
	if verified < 80 {
		t.Errorf("only %d tokens", verified)
	}
}

// The same with a key of rc4-hmac (RFC 4757 section 7).
func TestRecordedRC4Session(t *testing.T) {
	var row struct {
		Key      []byte
		Sequence uint64
		Message  string
		Messages []struct {
			Op    string
			Token []byte
		}
	}
	load(t, "session_rc4.json", &row)
	key, _ := krb.NewKey(krb.RC4, string(row.Key))
	s, _ := newSession(key, true, false, 0, row.Sequence)
	sender, _ := newSession(key, false, false, row.Sequence, 0)
	for _, m := range row.Messages {
		var fault gss.Fault
		var plain string
		var sealed bool
		if m.Op == "mic" {
			if _, again, _ := sender.MIC(row.Message); again != string(m.Token) {
				t.Errorf("signed again as %x", again)
			}
			s, fault = s.VerifyMIC(row.Message, string(m.Token))
		} else if s, plain, sealed, fault = s.Unwrap(string(m.Token)); plain != row.Message || sealed != (m.Op == "wrap-conf") {
			t.Errorf("%s: %q, sealed %v", m.Op, plain, sealed)
		}
		if !fault.IsZero() {
			t.Errorf("%s: %v", m.Op, fault)
		}
	}
}

func BenchmarkSession(b *testing.B) {
	ours, theirs := sessions(b, krb.AES256SHA1)
	text := strings.Repeat("x", 1000)
	b.Run("MIC", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ours.MIC(text)
		}
	})
	_, token, _ := ours.Wrap(env, text, true)
	b.Run("Unwrap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			theirs.Unwrap(token)
		}
	})
}

package kerberos

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/keytab"
)

// RFC 4120 section 5.2.9: the etype of EncryptedData is that of the key that opens it. Each
// recorded request is refused with another one beside the authenticator, and with any
// octet behind the ticket's ciphertext changed.
func TestRecordedRequestsWithOneOctetChanged(t *testing.T) {
	var rows []recording
	load(t, "accept.json", &rows)
	tried := 0
	for _, row := range rows {
		keys, fault := keytab.Parse(string(row.Keytab))
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		m := newMechanism(t, Config{Keys: keys, AllowRC4: true, BareRequests: true})
		at := gss.Env{Now: int64(row.Time * 1e9), Seed: gss.Seed{9}}
		run := func(token string) gss.Code {
			ctx, out, err := m.Accept(gss.Target{}).Step(at, gss.Input{Token: gss.TokenOf(token)})
			if err == nil && out.State == gss.Waiting {
				if _, ok := out.Ask.(gss.NeedReplayCheck); ok {
					_, out, err = ctx.Step(at, gss.Input{Answer: gss.ReplayVerdict{First: true}})
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if out.State != gss.Complete && out.Fault.IsZero() {
				return gss.QuestionFailed
			}
			return out.Fault.Code
		}
		token := string(row.Token)
		if code := run(token); code != gss.NoFault {
			t.Fatalf("%s: %v", row.Name, code)
		}
		mech, id, body, framed := message.Unframe(token)
		if !framed {
			body = token
		}
		ap, fault := message.ParseAPReq(body)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		again := func(ap message.APReq) string {
			b := ap.Append(nil)
			if !framed {
				return string(b)
			}
			return message.Frame(mech, id, b)
		}
		if again(ap) != token {
			t.Fatalf("%s is written as something else", row.Name)
		}
		was := ap.Authenticator.Type
		for _, kind := range append(enctype.Preferred[:], 0, 1, 3, 16, 24, -133) {
			if ap.Authenticator.Type = kind; kind == was {
				continue
			}
			if code := run(again(ap)); code != gss.BadCredentials {
				t.Errorf("%s with an authenticator of %v in place of %v: %v", row.Name, kind, was, code)
			}
			requirement.Held(t, "unit:krb_one_octet_changed", "R4120-5.2.9-1")
			tried++
		}
		behind := strings.Index(token, ap.Ticket.Enc.Cipher) + len(ap.Ticket.Enc.Cipher)
		for i := behind; i < len(token); i++ {
			for _, bit := range []byte{1, 0x80} {
				if code := run(token[:i] + string([]byte{token[i] ^ bit}) + token[i+1:]); code == gss.NoFault {
					t.Errorf("%s: octet %d of %d changed, and taken", row.Name, i, len(token))
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("%d tried", tried)
	}
}

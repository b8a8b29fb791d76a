package ticket_test

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// A KDC that takes nothing outside of FAST (RFC 6113), which is not implemented, is told
// from one that refuses the password or is not the KDC at all.
func TestFASTIsNamed(t *testing.T) {
	offers := func(kinds ...int32) string {
		list := message.PAData("")
		for _, kind := range kinds {
			value := ""
			if kind == message.PAETypeInfo2 {
				value = message.ETypeInfos("").Append(message.ETypeInfo{Type: krb.AES256SHA1}).Encode()
			}
			list = list.Append(kind, value)
		}
		return list.Encode()
	}
	refusal := func(code message.ErrorCode, data string) func(string, string) string {
		return func(string, string) string {
			return string(message.Error{Time: krb.TimeOf(now), Code: code, Service: www, Data: data}.Append(nil))
		}
	}
	// armored is an answer to another client's request, inside of FAST: its key is not
	// the one that the client has.
	armored := func(_, reply string) string {
		if message.IsError(reply) {
			return reply
		}
		m, fault := message.ParseKDCRep(reply)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		m.PAData = m.PAData.Append(message.PAFXFast, "an armored answer")
		m.Enc.Cipher = strings.Repeat("x", len(m.Enc.Cipher))
		return string(m.Append(nil))
	}
	honest := newKDC(t, realms())
	tgt := (&world{t: t, kdc: honest}).ok(ticket.Request{Client: alice, Password: secret("wonder")})
	as, tgs := ticket.Request{Client: alice, Password: secret("wonder")}, ticket.Request{Client: alice, Server: www, TGT: tgt}
	const timestamp, info, fast, challenge, spake, cookie = message.PAEncTimestamp, message.PAETypeInfo2, message.PAFXFast, message.PAEncryptedChallenge, 151, 133
	for _, row := range []struct {
		name   string
		req    ticket.Request
		mangle func(string, string) string
		want   gss.Code
		named  bool
	}{
		{"FAST alone", as, refusal(message.ErrPreauthRequired, offers(fast)), gss.Unsupported, true},
		{"FAST, and how keys are made", as, refusal(message.ErrPreauthRequired, offers(fast, info, cookie)), gss.Unsupported, true},
		{"an encrypted challenge inside of FAST", as, refusal(message.ErrPreauthRequired, offers(fast, challenge, info)), gss.Unsupported, true},
		{"SPAKE or FAST", as, refusal(message.ErrPreauthRequired, offers(fast, info, spake)), gss.Unsupported, true},
		{"policy", as, refusal(message.ErrPolicy, offers(fast)), gss.NotPermitted, true},
		{"policy, at the ticket-granting service", tgs, refusal(message.ErrPolicy, offers(fast, timestamp)), gss.NotPermitted, true},
		{"pre-authentication failed, and FAST is left", as, refusal(message.ErrPreauthFailed, offers(fast)), gss.BadCredentials, true},
		{"a type that is not supported", as, refusal(message.ErrPADataNoSupport, offers(fast)), gss.Unsupported, true},
		{"options of FAST", as, refusal(message.ErrCriticalFASTOption, ""), gss.Unsupported, true},
		{"an armored answer", as, armored, gss.Unsupported, true},
		{"an armored answer of the ticket-granting service", tgs, armored, gss.Unsupported, true},
		{"several messages", as, refusal(message.ErrMorePreauth, offers(spake)), gss.Unsupported, false},
		{"a wrong password where FAST is offered as well", as, refusal(message.ErrPreauthFailed, offers(fast, timestamp, info)), gss.BadCredentials, false},
		{"policy without FAST", as, refusal(message.ErrPolicy, offers(timestamp)), gss.NotPermitted, false},
		{"policy, and data that is no list", as, refusal(message.ErrPolicy, "\x30\x80"), gss.NotPermitted, false},
	} {
		res := (&world{t: t, kdc: honest, mangle: row.mangle}).run(row.req)
		if res.Fault.Code != row.want || strings.Contains(res.Fault.Detail, "FAST") != row.named {
			t.Errorf("%s: %v", row.name, res.Fault)
		}
		requirement.Held(t, "unit:krb_fast_is_named", "KRB-7")
	}
	// With a timestamp beside it the client goes on, as with MIT's KDCs, which always offer FAST.
	sent := 0
	w := &world{t: t, kdc: honest, mangle: func(_, reply string) string {
		if sent++; sent == 1 {
			return refusal(message.ErrPreauthRequired, offers(fast, info, spake, timestamp, cookie))("", "")
		}
		return reply
	}}
	w.ok(as)
}

// RFC 4120 sections 3.1.3 and 5.4.1: a KDC of either kind gives a session key of a type that
// was asked for.
func TestSessionKeyOfATypeNotAskedFor(t *testing.T) {
	honest := newKDC(t, realms())
	tgt := (&world{t: t, kdc: honest}).ok(ticket.Request{Client: alice, Password: secret("wonder")})
	for _, kind := range []krb.EType{krb.RC4, krb.AES128SHA1, krb.Camellia256} {
		c := realms()
		c.Fault = func(p *kdctest.ReplyPart) { p.Key, _ = krb.NewKey(kind, strings.Repeat("k", kind.KeySize())) }
		k := newKDC(t, c)
		for name, req := range map[string]ticket.Request{
			"AS":                            {Client: alice, Password: secret("wonder")},
			"AS with keys":                  {Client: alice, Keytab: honest.Keytab("alice@A.TEST")},
			"AS without pre-authentication": {Client: principal("open@A.TEST"), Password: secret("door")},
			"TGS":                           {Client: alice, Server: www, TGT: tgt},
		} {
			if res := (&world{t: t, kdc: k}).run(req); res.Fault.Code != gss.NotPermitted {
				t.Errorf("%s, a session key of %v: %v %v", name, kind, res.Credential, res.Fault)
			}
			if req.Types = krb.ETypesOf(krb.AES256SHA1, krb.AES128SHA256, kind); !(&world{t: t, kdc: k}).run(req).Done() {
				t.Errorf("%s, a session key of %v that was asked for: refused", name, kind)
			}
			requirement.Held(t, "unit:krb_session_key_type", "R4120-5.4.1-1")
		}
	}
}

// RFC 4120 section 5.2.9: what is encrypted says by what type of key, and it is.
func TestAnswerOfAnotherType(t *testing.T) {
	k := newKDC(t, kdctest.Config{Realms: realms().Realms})
	tgt := (&world{t: t, kdc: k}).ok(ticket.Request{Client: alice, Password: secret("wonder")})
	for _, req := range []ticket.Request{{Client: alice, Password: secret("wonder")}, {Client: alice, Server: www, TGT: tgt}} {
		for _, kind := range append(enctype.Preferred[:], 0, 3, -133) {
			w := &world{t: t, kdc: k, mangle: func(_, reply string) string {
				m, fault := message.ParseKDCRep(reply)
				if !fault.IsZero() || m.Enc.Type == kind {
					return reply
				}
				m.Enc.Type = kind
				return string(m.Append(nil))
			}}
			if res := w.run(req); res.Done() != (kind == krb.AES256SHA1) {
				t.Errorf("%v: an answer of type %v: %v", req, kind, res.Fault)
			}
			requirement.Held(t, "unit:krb_kdc_answer_type", "R4120-5.2.9-1")
		}
	}
}

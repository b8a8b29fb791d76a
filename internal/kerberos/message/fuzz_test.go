package message_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// parsers are all of them: each gives what Append writes of what it read.
var parsers = []struct {
	name  string
	again func(string) (string, gss.Fault)
}{
	{"AP-REQ", reparse(message.ParseAPReq)}, {"Ticket", reparse(message.ParseTicket)}, {"EncTicketPart", reparse(message.ParseEncTicketPart)},
	{"Authenticator", reparse(message.ParseAuthenticator)}, {"AP-REP", reparse(message.ParseAPRep)}, {"EncAPRepPart", reparse(message.ParseEncAPRepPart)},
	{"KRB-ERROR", reparse(message.ParseError)}, {"KDC-REQ", reparse(message.ParseKDCReq)}, {"KDC-REP", reparse(message.ParseKDCRep)},
	{"EncKDCRepPart", reparse(message.ParseEncKDCRepPart)}, {"KRB-CRED", reparse(message.ParseCred)}, {"EncKrbCredPart", reparse(message.ParseEncCred)},
	{"PA-ENC-TS-ENC", reparse(message.ParseTimestamp)}, {"PA-FOR-USER", reparse(message.ParseForUser)}, {"PA-S4U-X509-USER", reparse(message.ParseS4UUser)},
	{"Checksum", reparse(message.ParseChecksum)}, {"GSSChecksum", reparse(message.ParseGSSChecksum)},
	{"AuthorizationData", recode(message.ParseAuthorizationData)}, {"METHOD-DATA", recode(message.ParsePAData)}, {"ETYPE-INFO2", recode(message.ParseETypeInfos)},
}

func reparse[M interface{ Append([]byte) []byte }](parse func(string) (M, gss.Fault)) func(string) (string, gss.Fault) {
	return func(b string) (string, gss.Fault) {
		m, fault := parse(b)
		if !fault.IsZero() {
			return "", fault
		}
		_ = fmt.Sprintf("%v %+v %#v", m, m, m)
		return string(m.Append(nil)), fault
	}
}

func recode[L interface{ Encode() string }](parse func(string) (L, gss.Fault)) func(string) (string, gss.Fault) {
	return func(b string) (string, gss.Fault) {
		l, fault := parse(b)
		if !fault.IsZero() {
			return "", fault
		}
		return l.Encode(), fault
	}
}

// What a parser takes is written, and what is written is taken and written the same:
// nothing panics, nothing is taken that has no form to be sent in.
func check(t *testing.T, b string) {
	for _, p := range parsers {
		once, fault := p.again(b)
		if !fault.IsZero() {
			if once != "" || fault.Code != gss.Malformed && fault.Code != gss.Unsupported {
				t.Errorf("%s: %v with %d bytes", p.name, fault, len(once))
			}
			continue
		}
		twice, fault := p.again(once)
		if !fault.IsZero() || twice != once {
			t.Errorf("%s: written as %x, and again as %x: %v", p.name, once, twice, fault)
		}
	}
	mech, id, body, ok := message.Unframe(b)
	if ok {
		if m, i, again, ok := message.Unframe(message.Frame(mech, id, []byte(body))); !ok || m != mech || i != id || again != body {
			t.Error("a token is framed as another one")
		}
	}
	p, fault := krb.ParsePrincipal(b, "REALM")
	if fault.IsZero() {
		if strings.ContainsRune(p.Realm, 0) {
			t.Errorf("%q has a realm with a NUL", p)
		}
		if q, fault := krb.ParsePrincipal(p.String(), ""); !fault.IsZero() || !q.Equal(p) {
			t.Errorf("%q comes back as %q: %v", p, q, fault)
		}
	}
}

func FuzzParse(f *testing.F) {
	var rows []accepted
	load(f, "accept.json", &rows)
	for _, row := range rows[:4] {
		_, _, body, _ := message.Unframe(string(row.Token))
		f.Add(body)
		f.Add(string(row.Token))
	}
	for _, s := range samples() {
		f.Add(s)
	}
	f.Fuzz(check)
}

// FuzzParseGSSChecksum is R4121-4.1.1-2.
func FuzzParseGSSChecksum(f *testing.F) {
	f.Add(string(message.GSSChecksum{Flags: 0x3E}.Append(nil)))
	f.Add(string(message.GSSChecksum{Flags: 0x3F, Delegation: "cred", Extensions: "ext"}.Append(nil)))
	f.Fuzz(func(t *testing.T, b string) {
		c, fault := message.ParseGSSChecksum(b)
		if fault.IsZero() && string(c.Append(nil)) != b {
			t.Errorf("%x is written as %x", b, c.Append(nil))
		}
		requirement.Held(t, "fuzz:ParseGSSChecksum")
	})
}

// Every cut, and every flipped bit, of messages of all kinds is taken or refused, and
// that is all.
func TestMutilated(t *testing.T) {
	for _, s := range samples() {
		for n := range len(s) {
			check(t, s[:n])
			check(t, s[:n]+"\xFF\xFF\xFF"+s[n:])
			for bit := range 8 {
				check(t, s[:n]+string(rune(s[n]^1<<bit))+s[n+1:])
			}
		}
	}
	for _, s := range []string{"", "\x30", "\x30\x80", "\x30\x84\xFF\xFF\xFF\xFF", "\x30\x83\xFF\xFF\xFF", "\x6E\x81\x01\x00", strings.Repeat("\x30\x82\xFF\xFF", 1000)} {
		check(t, s)
	}
}

package explain

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	krb5 "github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

func principal(t testing.TB, text string) krb.Principal {
	t.Helper()
	p, fault := krb.ParsePrincipal(text, "A.TEST")
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return p
}

// apReq returns a request with the canary as its secrets, and the keys that open it.
func apReq(t testing.TB) (token string, keys *keytab.Keytab) {
	t.Helper()
	service, client := principal(t, "HTTP/www.a.test"), principal(t, "alice")
	entries, fault := keytab.FromPassword(service, gss.NewSecret("service password"), "", 2, krb.AES128SHA1)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	canary := func() krb.Key {
		k, fault := krb.NewKey(krb.AES128SHA1, "Canary-4711-key!")
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		return k
	}()
	conf := strings.Repeat("c", enctype.ConfounderSize(krb.AES128SHA1))
	part := krb5.EncTicketPart{Flags: krb.Forwardable | krb.PreAuthent, Key: canary, Client: client, AuthTime: 1_700_000_000, EndTime: 1_700_036_000,
		AuthData: krb5.AuthorizationData("").Append(krb5.ADPAC, "Canary-4711-groups").IfRelevant()}
	sum := krb5.GSSChecksum{Flags: uint32(gss.Mutual | gss.Delegate), Binding: [16]byte{1}, Delegation: "Canary-4711-ticket"}
	auth := krb5.Authenticator{Client: client, Time: 1_700_000_100, Subkey: canary, HasSequence: true, Sequence: 77, HasChecksum: true,
		Checksum: krb5.Checksum{Type: enctype.GSSChecksumNumber, Sum: string(sum.Append(nil))}}
	m := krb5.APReq{Options: krb5.MutualRequired,
		Ticket:        krb5.Ticket{Service: service, Enc: krb5.EncryptedData{Type: krb.AES128SHA1, HasKvno: true, Kvno: 2, Cipher: enctype.Encrypt(entries[0].Key, enctype.UsageTicket, conf, string(part.Append(nil)))}},
		Authenticator: krb5.EncryptedData{Type: krb.AES128SHA1, Cipher: enctype.Encrypt(canary, enctype.UsageAPReqAuth, conf, string(auth.Append(nil)))},
	}
	return krb5.Frame(gss.Kerberos, krb5.TokenAPReq, m.Append(nil)), keytab.New(entries...)
}

// TestKerberos: what messages say without a key, and what tickets say with one; secrets never
// show.
func TestKerberos(t *testing.T) {
	token, keys := apReq(t)
	rep := krb5.Frame(gss.Kerberos, krb5.TokenAPRep, krb5.APRep{Enc: krb5.EncryptedData{Type: krb.AES256SHA1, Cipher: "cipher"}}.Append(nil))
	refusal := krb5.Error{Code: krb5.ErrSkew, Time: 1_700_000_000, Service: principal(t, "HTTP/www.a.test"), Text: "late\n"}
	for _, c := range []struct {
		name, token string
		keys        *keytab.Keytab
		want        []string
	}{
		{"a request", token, nil, []string{"Kerberos AP-REQ", "mutual-required  (the service must authenticate itself)", `"HTTP/www.a.test@A.TEST"`, "aes128-cts-hmac-sha1-96", "key version", "authenticator"}},
		{"a request that is opened", token, keys, []string{`"alice@A.TEST"`, "forwardable", "2023-11-14T22:13:20Z", "PAC", "sequence number", "delegate, mutual", "channel binding", "present", "18 bytes"}},
		{"a request in SPNEGO", "", keys, []string{"SPNEGO NegTokenInit", `"alice@A.TEST"`}},
		{"a request without framing", token[len(token)-apReqSize(t, token):], keys, []string{"without GSS framing", `"alice@A.TEST"`}},
		{"a reply", rep, nil, []string{"Kerberos AP-REP", "aes256-cts-hmac-sha1-96"}},
		{"a refusal", krb5.Frame(gss.Kerberos, krb5.TokenError, refusal.Append(nil)), nil, []string{"KRB_AP_ERR_SKEW", `"late\n"`, "2023-11-14"}},
	} {
		text := b64(c.token)
		if c.token == "" {
			text = opening(spnegoInit(token))
		}
		e := Text(text)
		if c.keys != nil {
			e.Open(c.keys)
		}
		var b strings.Builder
		e.Print(&b)
		if !e.OK() {
			t.Errorf("%s: %v", c.name, e.Faults)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, b.String())
			}
		}
		if strings.Contains(b.String(), "Canary") {
			t.Errorf("%s: a secret shows in\n%s", c.name, b.String())
		}
	}
	// Faults, with an offset: another keytab's keys, a ticket that was changed, an end too soon.
	other, _ := keytab.FromPassword(principal(t, "HTTP/www.a.test"), gss.NewSecret("other"), "", 2, krb.AES128SHA1)
	for name, c := range map[string]struct {
		token string
		keys  *keytab.Keytab
	}{
		"another key": {token, keytab.New(other...)}, "no key": {token, keytab.New()},
		"changed": {token[:len(token)-1] + "x", keys}, "cut short": {token[:len(token)-20], keys},
	} {
		e := Text(b64(c.token))
		e.Open(c.keys)
		if e.OK() {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}

// apReqSize is how long the request is that is framed in a token.
func apReqSize(t testing.TB, token string) int {
	t.Helper()
	_, _, body, ok := krb5.Unframe(token)
	if !ok {
		t.Fatal("no framing")
	}
	return len(body)
}

func spnegoInit(token string) negtoken.Init {
	return negtoken.Init{MechTypes: negtoken.MechTypesOf(gss.Kerberos), MechToken: gss.TokenOf(token)}
}

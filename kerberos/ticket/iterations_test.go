package ticket_test

import (
	"encoding/binary"
	"fmt"
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

// hashed are the types for which a key is derived from a password with iterations.
var hashed = []krb.EType{krb.AES128SHA1, krb.AES256SHA1, krb.AES128SHA256, krb.AES256SHA384, krb.Camellia128, krb.Camellia256}

func count(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// preauthRequired is an unauthenticated KDC_ERR_PREAUTH_REQUIRED with these offers.
func preauthRequired(infos ...message.ETypeInfo) string {
	list := message.ETypeInfos("")
	for _, info := range infos {
		list = list.Append(info)
	}
	e := message.Error{Time: krb.TimeOf(now), Code: message.ErrPreauthRequired, Service: krb.TGS("A.TEST", "A.TEST")}
	e.Data = message.PAData("").Append(message.PAEncTimestamp, "").Append(message.PAETypeInfo2, list.Encode()).Encode()
	return string(e.Append(nil))
}

// RFC 3962 section 8: what is sent under a key of the password takes the default's
// iterations to guess at, whatever an unauthenticated answer asks for.
func TestTooFewIterationsAreRefused(t *testing.T) {
	for _, kind := range hashed {
		least := enctype.DefaultIterations(kind)
		for _, row := range []struct {
			params string
			min    uint32
			want   gss.Code // NoFault: the client answers with its proof
		}{
			{count(1), 0, gss.NotPermitted}, {count(least - 1), 0, gss.NotPermitted}, {count(0), 0, gss.NotPermitted},
			{count(least), 0, gss.NoFault}, {"", 0, gss.NoFault},
			{"\x01", 0, gss.Malformed}, {"\x00\x00\x10", 0, gss.Malformed}, {"\x00\x00\x80\x00\x00", 0, gss.Malformed}, {strings.Repeat("\xFF", 256), 0, gss.Malformed},
			{count(1), 1, gss.NoFault}, {count(9), 10, gss.NotPermitted}, {count(10), 10, gss.NoFault},
			{count(least), least + 1, gss.NotPermitted}, {"", least + 1, gss.NotPermitted},
		} {
			w := &world{t: t, mangle: func(string, string) string { return "" }, kdc: newKDC(t, kdctest.Config{})}
			sent := 0
			w.mangle = func(string, string) string {
				if sent++; sent > 1 {
					return "" // the proof came
				}
				return preauthRequired(message.ETypeInfo{Type: kind, HasSalt: true, Salt: "A.TESTalice", Params: row.params})
			}
			res := w.run(ticket.Request{Client: alice, Password: secret("wonder"), Types: krb.ETypesOf(kind), MinIterations: row.min})
			if proof := sent > 1; proof != (row.want == gss.NoFault) || !proof && res.Fault.Code != row.want {
				t.Errorf("%v, params %x, MinIterations %d: %d messages, %v", kind, row.params, row.min, sent, res.Fault)
			}
			requirement.Held(t, "unit:krb_iterations_lower_bound", "R3962-8-1")
		}
	}
	// A first offer that is too cheap ends it, and the second is not taken instead.
	w := &world{t: t, kdc: newKDC(t, realms()), mangle: func(string, string) string {
		return preauthRequired(message.ETypeInfo{Type: krb.AES256SHA1, Params: count(1)}, message.ETypeInfo{Type: krb.AES128SHA256})
	}}
	if res := w.run(ticket.Request{Client: alice, Password: secret("wonder")}); res.Fault.Code != gss.NotPermitted || len(w.asked) != 1 {
		t.Errorf("%v after %d messages", res.Fault, len(w.asked))
	}
	// The same in an answer without pre-authentication, and with keys it does not matter.
	open := realms()
	open.Iterations = 1
	k := newKDC(t, open)
	for _, row := range []struct {
		req  ticket.Request
		want gss.Code
	}{
		{ticket.Request{Client: principal("open@A.TEST"), Password: secret("door")}, gss.NotPermitted},
		{ticket.Request{Client: principal("open@A.TEST"), Password: secret("door"), MinIterations: 1}, gss.NoFault},
		{ticket.Request{Client: alice, Password: secret("wonder")}, gss.NotPermitted},
		{ticket.Request{Client: alice, Password: secret("wonder"), MinIterations: 1}, gss.NoFault},
		{ticket.Request{Client: alice, Keytab: k.Keytab("alice@A.TEST")}, gss.NoFault},
	} {
		if res := (&world{t: t, kdc: k}).run(row.req); res.Fault.Code != row.want {
			t.Errorf("%v, MinIterations %d: %v", row.req, row.req.MinIterations, res.Fault)
		}
	}
}

// The default of kdctest's keys, which are MIT's, is taken for every type without asking.
func TestDefaultIterationsAreTaken(t *testing.T) {
	for _, kind := range append(hashed[:len(hashed):len(hashed)], krb.RC4) {
		for _, least := range []uint32{0, enctype.DefaultIterations(kind)} {
			k := newKDC(t, kdctest.Config{Iterations: least, Realms: []kdctest.Realm{{Name: "A.TEST", Types: []krb.EType{kind}, Principals: []kdctest.Principal{{Name: "alice", Password: "wonder"}}}}})
			w := &world{t: t, kdc: k}
			w.ok(ticket.Request{Client: alice, Password: secret("wonder"), Types: krb.ETypesOf(kind)})
		}
	}
}

// What is not asked for is not used: neither by an offer, nor by the older PA-ETYPE-INFO, which
// has no parameters.
func TestNoWeakTypeUnasked(t *testing.T) {
	old := message.Error{Time: krb.TimeOf(now), Code: message.ErrPreauthRequired, Service: krb.TGS("A.TEST", "A.TEST")}
	entry := message.AuthorizationData("").Append(int32(krb.RC4), "A.TESTalice") // ETYPE-INFO-ENTRY has the same fields
	old.Data = message.PAData("").Append(message.PAEncTimestamp, "").Append(11, entry.Encode()).Encode()
	for name, reply := range map[string]string{
		"rc4-hmac":      preauthRequired(message.ETypeInfo{Type: krb.RC4}),
		"DES":           preauthRequired(message.ETypeInfo{Type: 3}),
		"no type":       preauthRequired(message.ETypeInfo{}),
		"PA-ETYPE-INFO": string(old.Append(nil)),
		"nothing":       preauthRequired(),
	} {
		w := &world{t: t, kdc: newKDC(t, kdctest.Config{}), mangle: func(string, string) string { return reply }}
		if res := w.run(ticket.Request{Client: alice, Password: secret("wonder")}); res.Fault.Code != gss.Unsupported || len(w.asked) != 1 {
			t.Errorf("%s: %v after %d messages", name, res.Fault, len(w.asked))
		}
	}
	// rc4-hmac has no parameters.
	w := &world{t: t, kdc: newKDC(t, kdctest.Config{}), mangle: func(string, string) string {
		return preauthRequired(message.ETypeInfo{Type: krb.RC4, Params: count(4096)})
	}}
	if res := w.run(ticket.Request{Client: alice, Password: secret("wonder"), Types: krb.ETypesOf(krb.RC4)}); res.Fault.Code != gss.Malformed {
		t.Errorf("parameters of rc4-hmac: %v", res.Fault)
	}
}

// The KDCs of one exchange have 2^20 iterations together, whatever realms they send the
// client to, and how often they want it to try again.
func TestIterationsOfOneExchangeAreBounded(t *testing.T) {
	const each = ticket.MaxIterations / 4
	upn := krb.Principal{Name: krb.NameOf(krb.NameEnterprise, "alice@evil.test"), Realm: "A.TEST"}
	hops := 0
	w := &world{t: t, kdc: newKDC(t, kdctest.Config{})}
	proofs := 0
	w.mangle = func(realm, _ string) string {
		if last := w.last; strings.Contains(last, "\xA1\x03\x02\x01\x02") { // PA-ENC-TIMESTAMP: on to another realm
			if proofs++; proofs > 4 {
				return ""
			}
			hops++
			e := message.Error{Time: krb.TimeOf(now), Code: message.ErrWrongRealm, Service: www, Client: krb.Principal{Name: upn.Name, Realm: fmt.Sprintf("R%d.TEST", hops)}}
			return string(e.Append(nil))
		}
		return preauthRequired(message.ETypeInfo{Type: krb.AES256SHA1, HasSalt: true, Salt: realm, Params: count(each)})
	}
	res := w.run(ticket.Request{Client: upn, Password: secret("wonder")})
	if res.Fault.Code != gss.LimitExceeded || !strings.Contains(res.Fault.Detail, "iterations") || proofs != 4 {
		t.Errorf("%v after %d proofs", res.Fault, proofs)
	}
	requirement.Held(t, "unit:krb_iterations_of_one_exchange", "R3962-8-2")
	// One key that takes them all is made once, for the proof and for the answer.
	k := newKDC(t, kdctest.Config{Iterations: ticket.MaxIterations, Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{{Name: "alice", Password: "wonder"}}}}})
	(&world{t: t, kdc: k, skew: 3600e9}).ok(ticket.Request{Client: alice, Password: secret("wonder")})
}

package message_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

func load(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../../kerberos/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

type accepted struct {
	Name                 string
	Token, Keytab, Reply []byte
	Service, Client      string
	Time                 float64
	Status               int
}

// again parses b and holds what Append writes to it.
func again[M interface{ Append([]byte) []byte }](t *testing.T, what, b string, parse func(string) (M, gss.Fault)) M {
	t.Helper()
	m, fault := parse(b)
	if !fault.IsZero() {
		t.Fatalf("%s: %v", what, fault)
	}
	if got := string(m.Append(nil)); got != b {
		t.Errorf("%s is written again as\n%x, was\n%x", what, got, b)
	}
	return m
}

// Every message that MIT, Heimdal, Samba, curl and others sent comes out of Append as
// it went in, down to what is encrypted.
func TestRecordedAPReqs(t *testing.T) {
	var rows []accepted
	load(t, "accept.json", &rows)
	replies, delegated := 0, 0
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			mech, id, body, ok := message.Unframe(string(row.Token))
			if !ok || mech != gss.Kerberos || id != message.TokenAPReq || message.Frame(mech, id, []byte(body)) != string(row.Token) {
				t.Fatalf("framing: %v %v %v", mech, id, ok)
			}
			m := again(t, "AP-REQ", body, message.ParseAPReq)
			file, fault := keytab.Parse(string(row.Keytab))
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			if whole := !strings.HasPrefix(row.Name, "krb-ad-"); whole && string(file.Append(nil)) != string(row.Keytab) { // those of AD have DES keys
				t.Error("the keytab is written again as something else")
			}
			text, ok := "", false
			for _, key := range file.Candidates(krb.Principal{}, m.Ticket.Enc.Type, m.Ticket.Enc.Kvno) {
				text, ok = key.Decrypt(enctype.UsageTicket, m.Ticket.Enc.Cipher)
			}
			if !ok {
				t.Fatal("the ticket does not open")
			}
			ticket := again(t, "EncTicketPart", text, message.ParseEncTicketPart)
			if text, ok = enctype.Decrypt(ticket.Key, enctype.UsageAPReqAuth, m.Authenticator.Cipher); !ok {
				t.Fatal("the authenticator does not open")
			}
			a := again(t, "Authenticator", text, message.ParseAuthenticator)
			if !a.Client.Equal(ticket.Client) || a.Checksum.Type != enctype.GSSChecksumNumber {
				t.Errorf("client %v and %v, checksum %d", a.Client, ticket.Client, a.Checksum.Type)
			}
			sum := again(t, "GSSChecksum", a.Checksum.Sum, message.ParseGSSChecksum)
			if a.HasSequence && sum.Flags&^0x7FFF == 0 {
				requirement.Held(t, "golden:krb_recorded_requests")
			}
			if strings.HasSuffix(row.Name, "-delegation/1") && sum.Delegation == "" && !strings.Contains(row.Name, "gss-") {
				t.Log("no delegation") // the KDC's policy
			}
			if sum.Delegation != "" {
				delegated++
				cred := again(t, "KRB-CRED", sum.Delegation, message.ParseCred)
				key := ticket.Key
				if !a.Subkey.IsZero() && cred.Enc.Type == a.Subkey.Type() {
					key = a.Subkey
				}
				text, ok := enctype.Decrypt(key, enctype.UsageCred, cred.Enc.Cipher)
				if !ok {
					text, ok = enctype.Decrypt(ticket.Key, enctype.UsageCred, cred.Enc.Cipher)
				}
				if !ok {
					t.Fatal("the delegated credentials do not open")
				}
				infos, fault := message.ParseEncCred(text)
				if !fault.IsZero() || len(infos.Infos()) != 1 {
					t.Fatalf("%v", fault)
				}
				if _, isTGS := infos.Infos()[0].Service.IsTGS(); !isTGS {
					t.Error("no ticket-granting ticket")
				}
			}
			if len(row.Reply) > 0 {
				replies++
				_, id, body, _ := message.Unframe(string(row.Reply))
				rep := again(t, "AP-REP", body, message.ParseAPRep)
				text, ok := enctype.Decrypt(ticket.Key, enctype.UsageAPRep, rep.Enc.Cipher)
				if id != message.TokenAPRep || !ok {
					t.Fatal("the reply does not open")
				}
				part := again(t, "EncAPRepPart", text, message.ParseEncAPRepPart)
				if part.Time != a.Time || part.Micro != a.Micro {
					t.Error("the reply has another time")
				}
			}
		})
	}
	if len(rows) < 40 || replies < 20 || delegated < 5 {
		t.Errorf("only %d requests, %d replies, %d delegations", len(rows), replies, delegated)
	}
}

// The exchanges of clients with their KDCs.
func TestRecordedKDC(t *testing.T) {
	var rows []struct {
		Name, Client, Password, Service string
		CCache, Keytab                  []byte
		Messages                        []struct {
			Type string
			Data []byte
		}
	}
	load(t, "kdc.json", &rows)
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			cache, fault := ccache.Parse(string(row.CCache))
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			if string(cache.Append(nil)) != string(row.CCache) {
				t.Error("the cache is written again as something else")
			}
			if cache.Principal().String() != row.Client {
				t.Errorf("the cache of %v", cache.Principal())
			}
			info := message.ETypeInfo{}
			var tgt ccache.Credential
			for c := range cache.All() {
				if _, ok := c.Server.IsTGS(); ok {
					tgt = c
				}
			}
			for _, m := range row.Messages {
				data := string(m.Data)
				switch m.Type {
				case "AS-REQ", "TGS-REQ":
					req := again(t, m.Type, data, message.ParseKDCReq)
					if string(req.Body.Append(nil)) != req.RawBody {
						t.Error("the body is written again as something else")
					}
				case "KRB-ERROR":
					e := again(t, m.Type, data, message.ParseError)
					if e.Code != message.ErrPreauthRequired {
						t.Fatal(e.Code)
					}
					if _, fault := message.ParsePAData(e.Data); !fault.IsZero() {
						t.Error(fault)
					}
				case "AS-REP":
					rep := again(t, m.Type, data, message.ParseKDCRep)
					if text, ok := rep.PAData.Find(message.PAETypeInfo2); ok {
						infos, fault := message.ParseETypeInfos(text)
						if !fault.IsZero() || infos.Encode() != text {
							t.Fatal("ETYPE-INFO2", fault)
						}
						for e := range infos.All() {
							info = e
						}
					}
					key, fault := enctype.StringToKey(rep.Enc.Type, gss.NewSecret(row.Password), info.Salt, info.Params)
					if !fault.IsZero() {
						t.Fatal(fault)
					}
					text, ok := enctype.Decrypt(key, enctype.UsageASRep, rep.Enc.Cipher)
					if !ok {
						t.Fatal("the reply does not open")
					}
					part := again(t, "EncASRepPart", text, message.ParseEncKDCRepPart)
					if part.Key != tgt.Key || rep.RawTicket != tgt.Ticket {
						t.Error("another ticket than the cache has")
					}
				case "TGS-REP":
					rep := again(t, m.Type, data, message.ParseKDCRep)
					text, ok := enctype.Decrypt(tgt.Key, enctype.UsageTGSRep, rep.Enc.Cipher)
					if !ok { // under the subkey of the request
						break
					}
					again(t, "EncTGSRepPart", text, message.ParseEncKDCRepPart)
				}
			}
		})
	}
}

// What a Windows client and its domain controller said to each other, as published
// with the tests of another implementation.
func TestWindowsKDC(t *testing.T) {
	text, err := os.ReadFile("testdata/windows.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Message, Hex string }
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		b, err := hex.DecodeString(row.Hex)
		if err != nil {
			t.Fatal(err)
		}
		switch row.Message {
		case "AS-REQ", "TGS-REQ":
			again(t, row.Message, string(b), message.ParseKDCReq)
		case "AS-REP", "TGS-REP":
			again(t, row.Message, string(b), message.ParseKDCRep)
		case "ERROR":
			again(t, row.Message, string(b), message.ParseError)
		default:
			t.Errorf("%s is looked at by nobody", row.Message)
		}
	}
	if len(rows) < 5 {
		t.Errorf("only %d messages", len(rows))
	}
}

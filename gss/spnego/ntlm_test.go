package spnego

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/ntlm"
)

func realNTLM(t testing.TB, c ntlm.Config) gss.Mechanism {
	t.Helper()
	c.Computer, c.Domain = "SERVER", "DOMAIN"
	m, err := ntlm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ntlmPair(t testing.TB, c ntlm.Config, before ...gss.Mechanism) *pair {
	m := realNTLM(t, c)
	return newPair(t, Config{Mechanisms: append(before, m)}, Config{Mechanisms: []gss.Mechanism{m}})
}

// NTLM itself inside SPNEGO: its MIC makes mechListMIC compulsory (SPNG-3.1.5.1-1), and
// the first message of the application has sequence number 1 and a fresh key stream.
func TestNTLM(t *testing.T) {
	p := ntlmPair(t, ntlm.Config{})
	same(t, p.run(gss.Input{}), `
		I asks
		I continue init [ NTLM ] <NTLM 1>
		A continue accept-incomplete (NTLM) <NTLM 2>
		I ready accept-incomplete <NTLM 3> +MIC
		A asks
		A complete accept-completed +MIC
		I complete`)
	p.mustComplete(gss.NTLM)
	if info := p.side[theirs].Info(); info.Peer != "alice" || !info.ConnectionBased {
		t.Errorf("%+v", info)
	}
	leaf, _ := Leaf(p.side[ours]).Session()
	after, _ := p.side[ours].Session()
	_, first, _ := leaf.MIC("message")
	_, second, _ := after.MIC("message")
	if first[12:] != "\x00\x00\x00\x00" || second[12:] != "\x01\x00\x00\x00" {
		t.Errorf("sequence numbers %x and %x", first[12:], second[12:])
	}
}

// The second choice of the initiator, with MICs by reselection.
func TestNTLMReselected(t *testing.T) {
	p := ntlmPair(t, ntlm.Config{}, final(kerberos(1)))
	same(t, p.run(gss.Input{}), `
		I asks
		I ready init [ MS-Kerberos Kerberos NTLM ] <toy/Kerberos:i1:u=alice:p=secret>
		A continue request-mic (NTLM)
		I continue accept-incomplete <NTLM 1>
		A continue accept-incomplete <NTLM 2>
		I ready accept-incomplete <NTLM 3> +MIC
		A asks
		A complete accept-completed +MIC
		I complete`)
	p.mustComplete(gss.NTLM)
}

// A wrong password ends in a reject, which an initiator understands as a refusal.
func TestNTLMWrongPassword(t *testing.T) {
	p := ntlmPair(t, ntlm.Config{})
	p.answer = func(side int, q gss.Question) gss.Answer {
		return gss.Password{User: "alice", Password: gss.NewSecret([]string{"guess", "secret"}[side])}
	}
	p.run(gss.Input{})
	p.mustFail(theirs, gss.BadCredentials)
	p.step(ours, gss.Input{Token: p.out[theirs].Token})
	p.mustFail(ours, gss.Refused)
}

// A bare NTLM token is answered by bare ones.
func TestNotes5RawNTLM(t *testing.T) {
	m := realNTLM(t, ntlm.Config{})
	p := &pair{t: t, side: [2]gss.Context{m.Initiate(target()), mech(t, Config{Mechanisms: []gss.Mechanism{m}}).Accept(target())}}
	same(t, p.run(gss.Input{}), `
		I asks
		I continue <NTLM 1>
		A continue <NTLM 2>
		I complete <NTLM 3>
		A asks
		A complete`)
	if info := p.side[theirs].Info(); info.Mech != gss.NTLM || info.Peer != "alice" {
		t.Errorf("%+v", info)
	}
}

// NTLM's mechListMIC detects an attacker that strips Kerberos and the initiator's token for it
// on the way to the acceptor.
func TestNTLMDowngradeDetected(t *testing.T) {
	for name, with := range map[string]func(*negtoken.Init){
		"stripped": func(m *negtoken.Init) { m.MechTypes, m.MechToken = negtoken.MechTypesOf(gss.NTLM), gss.Token{} },
		"moved": func(m *negtoken.Init) {
			m.MechTypes, m.MechToken = negtoken.MechTypesOf(gss.NTLM, gss.Kerberos), gss.Token{}
		},
	} {
		n := realNTLM(t, ntlm.Config{})
		both := Config{Mechanisms: []gss.Mechanism{final(kerberos(1)), n}}
		p := newPair(t, both, both)
		p.mangle = func(side, i int, token string) string {
			if side == ours && i == 0 {
				return initial(t, token, with)
			}
			return token
		}
		p.run(gss.Input{})
		p.mustFail(theirs, gss.NotAuthentic)
		if !strings.Contains(p.script.String(), "<NTLM 3>") {
			t.Errorf("%s: it did not come that far:\n%s", name, p.script.String())
		}
	}
}

// Recorded exchanges between MIT krb5, gss-ntlmssp and their like: their mechListMICs are
// over the bytes that we take them to be over, and their messages go on where ours do.
func TestRecordedMICs(t *testing.T) {
	text, err := os.ReadFile("testdata/sessions.json")
	if err != nil {
		t.Fatal(err)
	}
	var sessions []struct {
		Name, Negotiated, Key string
		Tokens                []struct{ Sender, Token string }
		Messages              []struct{ Sender, Op, Message, Token string }
	}
	if err := json.Unmarshal(text, &sessions); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range sessions {
		var key ntlm.Key
		if copy(key[:], unbase64(t, s.Key)) != len(key) || s.Negotiated != gss.NTLM.Dotted() {
			continue
		}
		seen++
		opening, fault := negtoken.ParseInit(unbase64(t, s.Tokens[0].Token))
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		// The flags are those of the AUTHENTICATE, at offset 60.
		var flags ntlmssp.Flags
		var mics [2]string // of the initiator, of the acceptor
		for n, m := range s.Tokens[1:] {
			r, fault := negtoken.ParseResp(unbase64(t, m.Token))
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			if b := r.ResponseToken.Bytes(); len(b) > 64 && b[8] == 3 {
				flags = ntlmssp.Flags(uint32(b[60]) | uint32(b[61])<<8 | uint32(b[62])<<16 | uint32(b[63])<<24)
			}
			if r.MechListMIC.Present() {
				mics[(n+1)%2] = r.MechListMIC.Bytes()
			}
		}
		for side := range 2 {
			session, fault := ntlm.NewSession(uint32(flags), key, side == ours)
			if !fault.IsZero() {
				t.Fatal(s.Name, fault)
			}
			leaf := done{session: session}
			m, mic, fault := exchangeOf(opening, side, leaf, mics)
			if !fault.IsZero() || mic != mics[side] {
				t.Errorf("%s, %s: MIC %x, recorded %x, %v", s.Name, sideNames[side], mic, mics[side], fault)
			}
			after, ok := m.session(leaf)
			if !ok {
				t.Fatal("no session")
			}
			for n, msg := range s.Messages {
				if msg.Sender == "initiator" != (side == ours) || msg.Op != "mic" || n > 0 && side == ours {
					continue
				}
				var got string
				if _, got, _ = after.MIC(unbase64(t, msg.Message)); got != unbase64(t, msg.Token) {
					t.Errorf("%s, %s: first message %x, recorded %x", s.Name, sideNames[side], got, unbase64(t, msg.Token))
				}
				break
			}
		}
	}
	if seen < 3 {
		t.Errorf("%d sessions", seen)
	}
	requirement.Held(t, "unit:recorded_mics", "R4178-5-1")
}

// exchangeOf makes one side's MIC and takes the other's, in the order in which NTLM has
// them: the initiator's first.
func exchangeOf(opening negtoken.Init, side int, leaf gss.Context, recorded [2]string) (m mics, mic string, fault gss.Fault) {
	m = mics{list: opening.MechTypes.DER()}
	var token gss.Token
	if side == ours {
		m, token, fault = m.make(leaf)
		if !fault.IsZero() {
			return m, "", fault
		}
		m, fault = m.verify(leaf, recorded[theirs])
		return m, token.Bytes(), fault
	}
	if m, fault = m.verify(leaf, recorded[ours]); !fault.IsZero() {
		return m, "", fault
	}
	m, token, fault = m.make(leaf)
	return m, token.Bytes(), fault
}

// done is a complete context that has a session and nothing else.
type done struct {
	gss.Context
	session gss.Session
}

func (d done) Session() (gss.Session, bool) { return d.session, true }

// P15: what a server keeps of a finished exchange, and of one that is half open.
func TestStatesAreSmall(t *testing.T) {
	for name, v := range map[string]struct{ size, most uintptr }{
		"half open, the acceptor's": {reflect.TypeFor[accepting]().Size(), 128},
		"finished":                  {reflect.TypeFor[established]().Size(), 64},
	} {
		if v.size > v.most {
			t.Errorf("%s: %d bytes, at most %d were meant", name, v.size, v.most)
		}
	}
}

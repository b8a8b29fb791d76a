package spnego

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// Each bound on what is read: as much as it says is taken, and one more is not (L9).
func TestBounds(t *testing.T) {
	repeat := func(n int, field string) string { return strings.Repeat(field, n) }
	unknown, blank := tlv(0xaa, "?"), tlv(0xaa)
	oid := func(n int) string { return tlv(tagOID, strings.Repeat("\x2a", n)) }
	list := func(oids ...string) string { return tlv(tagField, tlv(tagSequence, oids...)) }
	hints := func(n int) string { // rising tags, since hints have no field twice
		var fields []string
		for i := range n {
			fields = append(fields, tlv(0x80+i))
		}
		return tlv(tagField+3, tlv(tagSequence, fields...))
	}
	// filled is a message of size bytes, most of which is one token.
	filled := func(size int, message func(string) string) string {
		for n := size; n > 0; n-- {
			if m := message(strings.Repeat("t", n)); len(m) == size {
				return m
			}
		}
		t.Fatalf("no message of %d bytes", size)
		return ""
	}
	init := func(token string) string { return opening(ntlmList, tlv(tagField+2, tlv(tagOctets, token))) }
	resp := func(token string) string { return choice(1, tlv(tagField+2, tlv(tagOctets, token))) }
	parse := map[bool]func(string) gss.Fault{
		false: func(s string) gss.Fault { _, f := ParseInit(s); return f },
		true:  func(s string) gss.Fault { _, f := ParseResp(s); return f },
	}
	for _, test := range []struct {
		name    string
		reply   bool
		message func(more int) string
		beyond  gss.Fault
	}{
		{"MaxFields of a NegTokenInit", false, func(more int) string { return opening(ntlmList, repeat(MaxFields-1+more, unknown)) }, errFields},
		{"MaxFields of a NegTokenInit, all unknown but the last", false, func(more int) string { return opening(repeat(MaxFields-1+more, tlv(0x85)), ntlmList) }, errFields},
		{"MaxFields of a NegTokenResp", true, func(more int) string { return choice(1, someToken, repeat(MaxFields-1+more, unknown)) }, errFields},
		{"MaxFields of a NegTokenResp, all unknown", true, func(more int) string { return choice(1, repeat(MaxFields+more, blank)) }, errFields},
		{"MaxFields of hints", false, func(more int) string { return opening(ntlmList, hints(MaxFields+more)) }, errFields},
		{"MaxMechTypes", false, func(more int) string { return opening(list(repeat(MaxMechTypes+more, oid(1)))) }, errMechs},
		{"MaxMech of a list", false, func(more int) string { return opening(list(oid(MaxMech + more))) }, errMechs},
		{"MaxMech of a choice", true, func(more int) string { return choice(1, tlv(tagField+1, oid(MaxMech+more))) }, errFields},
		{"MaxToken of a NegTokenInit", false, func(more int) string { return filled(gss.MaxToken+more, init) }, errLong},
		{"MaxToken of a NegTokenResp", true, func(more int) string { return filled(gss.MaxToken+more, resp) }, errLong},
	} {
		if fault := parse[test.reply](test.message(0)); !fault.IsZero() {
			t.Errorf("%s: as much as is allowed: %v", test.name, fault)
		}
		if fault := parse[test.reply](test.message(1)); fault != test.beyond {
			t.Errorf("%s: one more: %v, want %v", test.name, fault, test.beyond)
		}
	}

	// What a token is, is told by an OID within the same bound, and by nothing but an OID.
	for name, v := range map[string]struct {
		token string
		want  Framing
	}{
		"MaxMech":             {tlv(tagInitial, oid(MaxMech)), Raw},
		"one more":            {tlv(tagInitial, oid(MaxMech+1)), Unrecognized},
		"one octet":           {tlv(tagInitial, oid(1)), Raw},
		"none":                {tlv(tagInitial, oid(0)), Unrecognized},
		"a string":            {tlv(tagInitial, tlv(tagOctets, "x")), Unrecognized},
		"an AP-REQ":           {tlv(tagAPREQ, tlv(tagSequence)), APREQ},
		"its tag alone":       {tlv(tagAPREQ), Unrecognized},
		"around another":      {tlv(tagAPREQ, tlv(tagOctets)), Unrecognized},
		"a tag of two octets": {"\xbf\x20\x00", Unrecognized},
		"an indefinite one":   {"\x60\x80" + oid(1) + "\x00\x00", Unrecognized},
	} {
		if got, _ := FramingOf(v.token); got != v.want {
			t.Errorf("a first message with %s: %v, want %v", name, got, v.want)
		}
	}

	// maxLength octets of a length, and no indefinite one (X.690 section 8.1.3).
	for text, ok := range map[string]bool{
		"\x04\x00": true, "\x04\x81\x00": true, "\x04\x84\x00\x00\x00\x00": true,
		"\x04\x80": false, "\x04\x85\x00\x00\x00\x00\x00": false, "\x04\xff": false, "\x04": false, "": false,
		"\x1f\x00": false, "\xbf\x00": false, "\x3f\x01\x00": false, // tags of several octets
	} {
		if _, _, _, got := head(text); got != ok {
			t.Errorf("%x: an element %t, want %t", text, got, ok)
		}
		if _, got := only(text, 0x04); got != ok {
			t.Errorf("%x: one element alone %t, want %t", text, got, ok)
		}
	}
}

// MaxMechanisms can be negotiated, each with an OID of MaxMech octets, and no more.
func TestConfigBounds(t *testing.T) {
	mechs := func(n, size int) (c Config) {
		for i := range n {
			c.Mechanisms = append(c.Mechanisms, toy(gss.OID(strings.Repeat("\x2a", size-1)+string(rune('a'+i))), 1))
		}
		return c
	}
	for _, test := range []struct {
		n, size int
		ok      bool
	}{
		{0, 1, false}, {1, 1, true}, {MaxMechanisms, MaxMech, true}, {MaxMechanisms + 1, 1, false}, {1, MaxMech + 1, false},
	} {
		m, err := New(mechs(test.n, test.size))
		if (err == nil) != test.ok {
			t.Errorf("%d mechanisms with OIDs of %d: %v", test.n, test.size, err)
		}
		if test.ok {
			list, fault := ParseInit(m.cfg.hint)
			if !fault.IsZero() || len(slices.Collect(list.MechTypes.All())) != test.n {
				t.Errorf("%d mechanisms with OIDs of %d: the acceptor opens with %x: %v", test.n, test.size, m.cfg.hint, fault)
			}
		}
	}
}

// A mechanism's token fits as long as it has maxLeaf bytes: in the first message, in later
// ones of both sides, and in a reject. One more is refused before it is sent, and so is a
// mechanism that has nothing to say though it is not done.
func TestLeafTokens(t *testing.T) {
	at := func(n int) gss.Token { return gss.TokenOf(strings.Repeat("x", n)) }
	for n, code := range map[int]gss.Code{1: gss.NoFault, maxLeaf: gss.NoFault, maxLeaf + 1: gss.LimitExceeded, 0: gss.Unexpected} {
		c := Config{Mechanisms: []gss.Mechanism{ntlmToy(1)}}
		m := mech(t, c)
		for _, token := range []gss.Token{at(n), {}} {
			if n != 0 && !token.Present() {
				continue
			}
			a := accepting{leaf: ntlmToy(1).Accept(target())}
			_, out, err := a.stepped(a.leaf, gss.Output{State: gss.Continue, Token: token})
			if err != nil || out.Fault.Code != code || len(out.Token.Bytes()) > gss.MaxToken {
				t.Errorf("the acceptor's mechanism says %d bytes: %v %v", n, out.Fault, err)
			}
			i := initiating{leaf: ntlmToy(1).Initiate(target()), cfg: m.cfg}
			_, out, err = i.stepped(i.leaf, gss.Output{State: gss.Continue, Token: token})
			if err != nil || out.Fault.Code != code || len(out.Token.Bytes()) > gss.MaxToken {
				t.Errorf("the initiator's mechanism says %d bytes: %v %v", n, out.Fault, err)
			}
			g := gathering{cfg: m.cfg, target: target()}
			_, out, err = g.began(gss.Env{Now: 1}, ntlmToy(1).Initiate(target()), gss.Output{State: gss.Continue, Token: token})
			want := code
			if want != gss.NoFault {
				want = gss.Unsupported
			}
			if err != nil || out.Fault.Code != want || len(out.Token.Bytes()) > gss.MaxToken {
				t.Errorf("the mechanism begins with %d bytes: %v %v", n, out.Fault, err)
			}
		}
		_, out, _ := reject(wrongMIC, at(n))
		m2, fault := ParseResp(out.Token.Bytes())
		if !fault.IsZero() || m2.State != Reject || m2.ResponseToken.Present() != (code == gss.NoFault) {
			t.Errorf("a reject with a last word of %d bytes: %+v %v", n, m2.State, fault)
		}
	}
}

// complains is a mechanism's context that fails at whatever comes.
type complains struct{ gss.Context }

func (c complains) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return c, gss.Fail(gss.BadBinding, "it was asked"), nil
}

// A rejection is the end: the mechanism's word on it counts while that is still at work, and
// is not asked for once it is complete.
func TestRejectAsksNoCompleteMechanism(t *testing.T) {
	token := gss.TokenOf(Resp{State: Reject, ResponseToken: gss.TokenOf("why")}.Encode())
	for state, want := range map[gss.State]gss.Code{gss.Continue: gss.BadBinding, gss.Ready: gss.BadBinding, gss.Complete: gss.Refused} {
		c := initiating{cfg: mech(t, over(ntlmToy(1))).cfg, leaf: complains{ntlmToy(1).Initiate(target())}, state: state}
		if _, out, err := c.Step(gss.Env{Now: 1}, gss.Input{Token: token}); err != nil || out.Fault.Code != want {
			t.Errorf("%v: rejected with %v, want %v: %v", state, out.Fault, want, err)
		}
	}
	// Without a word of the mechanism's it is a refusal in any case.
	c := initiating{cfg: mech(t, over(ntlmToy(1))).cfg, leaf: complains{ntlmToy(1).Initiate(target())}, state: gss.Continue}
	if _, out, _ := c.Step(gss.Env{Now: 1}, gss.Input{Token: gss.TokenOf(Resp{State: Reject}.Encode())}); out.Fault.Code != gss.Refused {
		t.Errorf("a bare reject: %v", out.Fault)
	}
}

// A weaker mechanism that cannot prove that both sides wanted it is given up before its
// last token is sent (HTA-13).
func TestWeakerMechanismSendsNothing(t *testing.T) {
	p := newPair(t, over(kerberos(1), bare(ntlmToy(1))), over(bare(ntlmToy(1))))
	p.run(gss.Input{})
	p.mustFail(ours, gss.NotPermitted)
	if len(p.sent[ours]) != 1 {
		t.Errorf("%d tokens were sent, the first message alone may be:\n%s", len(p.sent[ours]), p.script.String())
	}
}

// An initiator that goes on without a token is no peer that refused.
func TestInitiatorWithoutAToken(t *testing.T) {
	p := newPair(t, over(ntlmToy(2)), over(ntlmToy(2)))
	p.step(ours, gss.Input{})
	p.step(theirs, gss.Input{Token: p.out[ours].Token})
	if out := p.step(theirs, gss.Input{}); out.Fault.Code != gss.Unexpected || out.Token.Present() {
		t.Errorf("%v, and the token %x", out.Fault, out.Token.Bytes())
	}
}

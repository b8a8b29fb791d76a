package scheme

import (
	"errors"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
)

// described is a mechanism that is only asked what it is and what it can do.
type described struct {
	gss.Mechanism
	oid              gss.OID
	traits           gss.Traits
	initiate, accept string // what is missing for that side
}

func (d described) Mech() gss.OID      { return d.oid }
func (d described) Traits() gss.Traits { return d.traits }
func (d described) CheckInitiate() error {
	return missing(d.initiate)
}
func (d described) CheckAccept() error { return missing(d.accept) }

func missing(what string) error {
	if what == "" {
		return nil
	}
	return gss.Misuse(what)
}

// What cannot work is an error that says what is missing, and what can is none.
func TestConfigurations(t *testing.T) {
	toy := gsstoy.Toy{Legs: 2, OpensWithToken: true}
	mute := gsstoy.Toy{Legs: 2}
	other := described{oid: gsstoy.OID}
	for name, row := range map[string]struct {
		err  error
		want string // in the error, "" for none
	}{
		"a client over SPNEGO":                        {CheckClient(NegotiateClient(described{oid: gss.SPNEGO})), ""},
		"a server over SPNEGO":                        {CheckServer(NegotiateServer(described{oid: gss.SPNEGO})), ""},
		"NTLM over NTLM":                              {CheckClient(NTLMClient(described{oid: gss.NTLM})), ""},
		"NTLM over another mechanism":                 {CheckServer(NTLMServer(other)), ""},
		"NTLM over SPNEGO":                            {CheckClient(NTLMClient(described{oid: gss.SPNEGO})), "NTLM carries bare NTLM messages"},
		"NTLM over Kerberos":                          {CheckServer(NTLMServer(described{oid: gss.Kerberos})), "NTLM carries bare NTLM messages"},
		"Negotiate over Kerberos":                     {CheckClient(NegotiateClient(described{oid: gss.Kerberos})), ""},
		"a client without a mechanism":                {CheckClient(NegotiateClient(nil)), "the mechanism of Negotiate is nil"},
		"a server without a mechanism":                {CheckServer(NTLMServer(nil)), "the mechanism of NTLM is nil"},
		"a client whose mechanism only accepts":       {CheckClient(NegotiateClient(described{oid: gss.SPNEGO, initiate: "no credentials"})), "could authenticate to no server: no credentials"},
		"a server whose mechanism only initiates":     {CheckServer(NegotiateServer(described{oid: gss.SPNEGO, accept: "no name"})), "could accept no client: no name"},
		"a client whose mechanism cannot accept":      {CheckClient(NegotiateClient(described{oid: gss.SPNEGO, accept: "no name"})), ""},
		"a server whose mechanism cannot initiate":    {CheckServer(NegotiateServer(described{oid: gss.SPNEGO, initiate: "no credentials"})), ""},
		"Nego2 over a mechanism that has the hint":    {CheckServer(Nego2Server(toy)), ""},
		"Nego2 over a mechanism that has none":        {CheckServer(Nego2Server(mute)), "opens with a token of the server"},
		"Nego2's client needs no hint of its own":     {CheckClient(Nego2Client(mute)), ""},
		"Negotiate needs no hint":                     {CheckServer(NegotiateServer(mute)), ""},
		"a mechanism under the name of Digest":        {CheckServer(MechanismServer(standard(Digest), toy)), "Digest has parameters"},
		"Basic":                                       {CheckServer(BasicServer("r", AskVerifier)), ""},
		"Basic by verdicts":                           {CheckServer(BasicServer("r", AskVerdict)), ""},
		"Basic in a third way":                        {CheckServer(BasicServer("r", AskVerdict+1)), "the BasicCheck is 2"},
		"Basic without a realm":                       {CheckServer(BasicServer("", AskVerifier)), "the realm of BasicServer"},
		"Basic with a control character in its realm": {CheckServer(BasicServer("a\x7F", AskVerifier)), "the realm of BasicServer"},
	} {
		switch {
		case row.want == "" && row.err != nil:
			t.Errorf("%s: %v", name, row.err)
		case row.want == "":
		case row.err == nil || !strings.Contains(row.err.Error(), row.want) || !errors.As(row.err, new(gss.Misuse)):
			t.Errorf("%s: %v, want a misuse with %q", name, row.err, row.want)
		}
	}
}

// A scheme over a mechanism needs a connection of its own, and can prove the server, where the
// mechanism says so.
func TestTraitsOfTheMechanism(t *testing.T) {
	for _, m := range []gss.Traits{{}, {ConnectionBased: true}, {Mutual: true}, {ConnectionBased: true, Mutual: true}} {
		mech := described{oid: gss.SPNEGO, traits: m}
		client, server := NegotiateClient(mech).Traits(), NegotiateServer(mech).Traits()
		if client.Mutual != m.Mutual || client.ConnectionBased != m.ConnectionBased || server.ConnectionBased != m.ConnectionBased {
			t.Errorf("of %+v: client %+v, server %+v", m, client, server)
		}
		if client.NeedsConnection() != m.ConnectionBased {
			t.Errorf("Negotiate over %+v needs a connection: %t", m, client.NeedsConnection())
		}
	}
	if t1, t2 := standard(NTLM), standard(Digest); !t1.NeedsConnection() || t2.NeedsConnection() {
		t.Error("NTLM needs a connection, whatever its mechanism says, and Digest none")
	}
}

// DEL is a control character, too.
func TestBasicRefusesDEL(t *testing.T) {
	i, _ := begun(t, `Basic realm="r"`, "/")
	if _, out := login(t, i, password("a", "b\x7F")); out.Fault.Code != gss.Unsupported {
		t.Errorf("%v", out)
	}
}

// Events of a Basic initiator come in one order. A second Start, after a connection was lost, is
// a refusal as a second challenge is; anything else is the caller's mistake, and changes nothing.
func TestBasicOrderOfEvents(t *testing.T) {
	fresh := BasicClient().Initiate(Exchange{})
	asked, _ := begun(t, `Basic realm="r"`, "/")
	sent, _ := login(t, asked, password("a", "b"))
	for name, row := range map[string]struct {
		from  Initiator
		event InitiatorInput
		code  gss.Code // 0 for a misuse
	}{
		"an answer before the question":  {fresh, InitiatorInput{Event: Answered, Answer: password("a", "b"), Offer: offers("Basic")}, 0},
		"a conclusion before the answer": {fresh, InitiatorInput{Event: Concluded, Offer: offers("Basic")}, 0},
		"a challenge before the answer":  {asked, InitiatorInput{Event: Challenged, Offer: offers("Basic")}, 0},
		"a second answer":                {sent, InitiatorInput{Event: Answered, Answer: password("a", "b")}, 0},
		"a second challenge":             {sent, InitiatorInput{Event: Challenged, Offer: offers("Basic")}, gss.Refused},
		"a second start":                 {sent, InitiatorInput{Event: Start, Offer: offers("Basic")}, gss.Refused},
	} {
		next, out, err := row.from.Step(env, row.event)
		switch {
		case row.code == 0 && (err == nil || next != row.from):
			t.Errorf("%s: %v, %v", name, out, err)
		case row.code != 0 && (err != nil || out.Fault.Code != row.code):
			t.Errorf("%s: %v, %v, want %v", name, out, err, row.code)
		}
	}
}

// A choice tells what was offered, also what was not chosen, and that HTTP/1.1 is needed only where the
// connection is shared and the scheme needs one of its own.
func TestChoiceTellsWhatWasSeen(t *testing.T) {
	p := &Policy{}
	list := []Client{named{standard(Negotiate)}, named{standard(NTLM)}, named{standard(Digest)}}
	for name, row := range map[string]struct {
		offers string
		c      Conditions
		index  int
		seen   Set
		http11 bool
	}{
		"the stronger of two":       {"NTLM, Negotiate", Conditions{Affine: true}, 0, Set(0).With(0).With(1), false},
		"one of them":               {`Digest realm="r", nonce="n"`, Conditions{Affine: true}, 2, Set(0).With(2), false},
		"what was seen before":      {"NTLM", Conditions{Affine: true, Seen: Set(0).With(1).With(2)}, 1, Set(0).With(1).With(2), false},
		"NTLM on a shared one":      {"NTLM", Conditions{Affine: true, Multiplexed: true}, 1, Set(0).With(1), true},
		"Negotiate on a shared one": {"Negotiate", Conditions{Affine: true, Multiplexed: true}, 0, Set(0).With(0), false},
	} {
		ch := p.Choose(list, header.ParseChallenges(row.offers), row.c)
		if ch.Index != row.index || ch.Seen != row.seen || ch.HTTP11 != row.http11 {
			t.Errorf("%s: %d, seen %b, HTTP/1.1 %t, want %d, %b, %t: %v", name, ch.Index, ch.Seen, ch.HTTP11, row.index, row.seen, row.http11, ch.Fault)
		}
	}
}

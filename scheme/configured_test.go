package scheme

import (
	"errors"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
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

// checked returns what a scheme says of its own configuration.
func checked(s interface{ Traits() Traits }) error {
	if c, ok := s.(Checker); ok {
		return c.CheckConfig()
	}
	return nil
}

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
		"a client over SPNEGO":                        {checked(NegotiateClient(described{oid: gss.SPNEGO})), ""},
		"a server over SPNEGO":                        {checked(NegotiateServer(described{oid: gss.SPNEGO})), ""},
		"NTLM over NTLM":                              {checked(NTLMClient(described{oid: gss.NTLM})), ""},
		"NTLM over another mechanism":                 {checked(NTLMServer(other)), ""},
		"NTLM over SPNEGO":                            {checked(NTLMClient(described{oid: gss.SPNEGO})), "NTLM carries bare NTLM messages"},
		"NTLM over Kerberos":                          {checked(NTLMServer(described{oid: gss.Kerberos})), "NTLM carries bare NTLM messages"},
		"Negotiate over Kerberos":                     {checked(NegotiateClient(described{oid: gss.Kerberos})), ""},
		"a client without a mechanism":                {checked(NegotiateClient(nil)), "the mechanism of Negotiate is nil"},
		"a server without a mechanism":                {checked(NTLMServer(nil)), "the mechanism of NTLM is nil"},
		"a client whose mechanism only accepts":       {checked(NegotiateClient(described{oid: gss.SPNEGO, initiate: "no credentials"})), "could authenticate to no server: no credentials"},
		"a server whose mechanism only initiates":     {checked(NegotiateServer(described{oid: gss.SPNEGO, accept: "no name"})), "could accept no client: no name"},
		"a client whose mechanism cannot accept":      {checked(NegotiateClient(described{oid: gss.SPNEGO, accept: "no name"})), ""},
		"a server whose mechanism cannot initiate":    {checked(NegotiateServer(described{oid: gss.SPNEGO, initiate: "no credentials"})), ""},
		"Nego2 over a mechanism that has the hint":    {checked(Nego2Server(toy)), ""},
		"Nego2 over a mechanism that has none":        {checked(Nego2Server(mute)), "opens with a token of the server"},
		"Nego2's client needs no hint of its own":     {checked(Nego2Client(mute)), ""},
		"Negotiate needs no hint":                     {checked(NegotiateServer(mute)), ""},
		"a mechanism under the name of Digest":        {checked(MechanismServer(standard(Digest), toy)), "Digest has parameters"},
		"Basic":                                       {checked(BasicServer("r", AskVerifier)), ""},
		"Basic by verdicts":                           {checked(BasicServer("r", AskVerdict)), ""},
		"Basic in a third way":                        {checked(BasicServer("r", AskVerdict+1)), "the BasicCheck is 2"},
		"Basic without a realm":                       {checked(BasicServer("", AskVerifier)), "the realm of BasicServer"},
		"Basic with a control character in its realm": {checked(BasicServer("a\x7F", AskVerifier)), "the realm of BasicServer"},
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

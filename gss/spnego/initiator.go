package spnego

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// initiator is the side that opens, before its first step.
type initiator struct {
	cfg    *config
	target gss.Target
}

// Step begins with every mechanism, to see for which ones there are credentials. A
// token in it is the NegTokenInit2 of an acceptor that was asked first (MS-SPNG
// section 3.3.5.2).
func (c initiator) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", false); err != nil {
		return c, gss.Output{}, err
	}
	g := gathering{cfg: c.cfg, target: c.target}
	if in.Token.Present() {
		if fault := g.readHint(in.Token.Bytes()); !fault.IsZero() {
			return failWith(fault)
		}
	}
	return g.begin(env)
}

// Info implements gss.Context.
func (initiator) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (initiator) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (initiator) Format(f fmt.State, _ rune) { fmt.Fprint(f, "spnego initiator(start)") }

// gathering goes through the mechanisms. Their first tokens, and with them their
// credentials, come before the list is written: what cannot begin is not listed
// (R4178-3.1-1).
type gathering struct {
	pending
	cfg    *config
	target gss.Target
	listed candidates
	i      uint8       // the index of the one that begins
	leaf   gss.Context // which has asked a question
	hinted uint8       // index+1 of the mechanism that hint is for
	hint   string
	fault  gss.Fault // why nothing is listed
}

// candidates are mechanisms that could begin, with their first tokens.
type candidates struct {
	n uint8
	a [maxMechanisms]candidate
}

type candidate struct {
	leaf  gss.Context
	state gss.State // Continue, Ready or Complete
	token string
	mech  gss.OID
}

// readHint reads the acceptor's NegTokenInit2. Of its list only one thing counts: without a
// common mechanism the negotiation ends. The list is not protected, so that it neither
// shortens nor reorders our own: an attacker that strips a mechanism from it must not be
// able to choose the next one (HTA-13). Its mechToken is input for the mechanism that it
// is for, the first of its list; one for a mechanism that is not configured is ignored
// (SPNG-3.3.5.2-1). So are the hints (MS-SPNG section 3.2.5).
func (c *gathering) readHint(token string) gss.Fault {
	hint, fault := negtoken.ParseInit(token)
	if !fault.IsZero() {
		return fault
	}
	shared, first := hint.MechTypes.Len() == 0, true
	for m := range hint.MechTypes.All() {
		i := c.cfg.find(m)
		shared = shared || i >= 0
		if first && i >= 0 && hint.MechToken.Bytes() != "" {
			c.hinted, c.hint = uint8(i)+1, strings.Clone(hint.MechToken.Bytes())
		}
		first = false
	}
	if !shared {
		return gss.Fault{Code: gss.Unsupported, Detail: "spnego: the acceptor's list has no mechanism that is configured here"}
	}
	return gss.Fault{}
}

// Step takes the answer that a mechanism asked for.
func (c gathering) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", true); err != nil {
		return c, gss.Output{}, err
	}
	leaf, out, err := c.leaf.Step(env, in)
	if err != nil {
		return c, gss.Output{}, err
	}
	return c.began(env, leaf, out)
}

// begin begins with the next mechanism.
func (c gathering) begin(env gss.Env) (gss.Context, gss.Output, error) {
	if c.i == c.cfg.n {
		return c.open()
	}
	var in gss.Input
	if c.hinted == c.i+1 {
		in.Token = gss.TokenOf(c.hint)
	}
	leaf, out, err := c.cfg.mechs[c.i].Initiate(c.target).Step(env, in)
	if err != nil {
		return fail(gss.Unsupported, "a mechanism reported misuse on its first step")
	}
	return c.began(env, leaf, out)
}

// began continues with the first output of a mechanism.
func (c gathering) began(env gss.Env, leaf gss.Context, out gss.Output) (gss.Context, gss.Output, error) {
	mech := c.cfg.mechs[c.i].Mech()
	c.leaf = nil
	switch {
	case out.State == gss.Waiting:
		c.leaf = leaf
		return c, out, nil
	case out.State == gss.Failed && out.Fault.Code == gss.NoEntropy: // HTA-3, for any mechanism
		return failWith(out.Fault)
	case out.State == gss.Failed && out.Fault.Code != gss.NoCredentials && !c.cfg.Fallback:
		// It could not begin, for a reason that an attacker may have caused. A weaker
		// mechanism does not take its place (HTA-13).
		if c.listed.n == 0 {
			return failWith(out.Fault)
		}
		return c.open()
	case out.State == gss.Failed:
		c.fault = joinFaults(c.fault, mech, out.Fault)
	case out.Token.Bytes() == "" || len(out.Token.Bytes()) > maxLeaf:
		c.fault = joinFaults(c.fault, mech, gss.Fault{Code: gss.Unsupported, Detail: "its first token is empty or too long"})
	default:
		c.listed.a[c.listed.n] = candidate{leaf, out.State, out.Token.Bytes(), mech}
		c.listed.n++
	}
	c.i++
	return c.begin(env)
}

// maxLeaf bounds the tokens of a mechanism, so that they fit into ours.
const maxLeaf = bound.Token - 1024

// joinFaults adds one mechanism's reason to those of the others. Any other code
// outweighs NoCredentials.
func joinFaults(f gss.Fault, mech gss.OID, g gss.Fault) gss.Fault {
	if f.IsZero() {
		return gss.Fault{Code: g.Code, Detail: "spnego: no mechanism can begin: " + mech.String() + ": " + g.String()}
	}
	if f.Code == gss.NoCredentials {
		f.Code = g.Code
	}
	f.Detail += "; " + mech.String() + ": " + g.String()
	return f
}

// open sends the NegTokenInit, with the first token of the first mechanism
// (R4178-3.2-2).
func (c gathering) open() (gss.Context, gss.Output, error) {
	if c.listed.n == 0 {
		return failWith(c.fault)
	}
	list := c.listed.mechTypes()
	first := c.listed.a[0]
	token := negtoken.Init{MechTypes: list, MechToken: gss.TokenOf(first.token)}.Encode()
	return offered{cfg: c.cfg, listed: c.listed, ifOffered: c.target.MutualIfOffered}, gss.Output{State: outward(first.state), Token: gss.TokenOf(token)}, nil
}

func (c candidates) mechTypes() negtoken.MechTypes {
	var all [2 * maxMechanisms]gss.OID
	list := all[:0]
	for _, m := range c.a[:c.n] {
		list = appendOIDs(list, m.mech)
	}
	return negtoken.MechTypesOf(list...)
}

// outward returns the state of a negotiation that has not ended while its mechanism is
// in state s: never Complete (R4178-3.1-2).
func outward(s gss.State) gss.State {
	if s == gss.Complete {
		return gss.Ready
	}
	return s
}

// Format implements fmt.Formatter: contexts may hold secrets.
func (c gathering) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "spnego initiator(asking for %v)", c.cfg.mechs[c.i].Mech())
}

// offered has sent its NegTokenInit and waits for the first reply.
type offered struct {
	cfg       *config
	listed    candidates
	ifOffered bool // the acceptor may leave out its proof
}

// Step takes the acceptor's choice.
func (c offered) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", false); err != nil {
		return c, gss.Output{}, err
	}
	m, fault := reply(in.Token, c.ifOffered)
	if !fault.IsZero() {
		return failWith(fault)
	}
	favourite := c.listed.a[0]
	next := initiating{cfg: c.cfg, ifOffered: c.ifOffered, leaf: favourite.leaf, state: favourite.state, due: m.State == negtoken.RequestMIC}
	next.mics.list = c.listed.mechTypes().DER()
	if m.State == negtoken.NoState { // R4178-4.2.2-1
		return failWith(negtoken.Malformed("the acceptor's first reply has no negState"))
	}
	if m.State == negtoken.Reject {
		return next.rejected(env, m)
	}
	chosen, ok := c.listed.choose(m.SupportedMech)
	switch {
	case !ok: // R4178-4.2.2-1
		return fail(gss.Unexpected, "the acceptor chose a mechanism that was not offered to it")
	case m.SupportedMech == "" || m.SupportedMech == firstOID(favourite.mech):
		return next.receive(env, m)
	case chosen.mech == favourite.mech && (m.State == negtoken.AcceptCompleted || m.ResponseToken.Present()):
		// Kerberos by its other OID, and by an acceptor that took our token for it.
		return next.receive(env, m)
	case m.State == negtoken.AcceptCompleted || m.ResponseToken.Present() || m.MechListMIC.Present():
		// It cannot have answered a token of a mechanism that has not yet spoken.
		return fail(gss.Unexpected, "the acceptor chose another mechanism than the one it had a token of, and continues as if it had a token of that one")
	}
	// Old acceptors say accept-incomplete where request-mic is due (C42).
	next.reselected = chosen.mech != favourite.mech
	next.due = next.due || next.reselected
	next.leaf, next.state = chosen.leaf, chosen.state
	return next.sendToken(gss.TokenOf(chosen.token))
}

// choose returns the candidate with that OID, the first one for the zero OID.
func (c candidates) choose(m gss.OID) (candidate, bool) {
	if m == "" {
		return c.a[0], true
	}
	for _, k := range c.a[:c.n] {
		if k.mech == proper(m) {
			return k, true
		}
	}
	return candidate{}, false
}

// Info implements gss.Context: before the reply, the favourite is as good a guess
// as any.
func (c offered) Info() gss.Info { return unprovenInfo(c.listed.a[0].leaf) }

// Session implements gss.Context.
func (offered) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter: contexts may hold secrets.
func (c offered) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "spnego initiator(offered %d mechanisms)", c.listed.n)
}

// unprovenInfo returns the Info of a mechanism before it, or its negotiation, is complete:
// nothing in it is proven.
func unprovenInfo(leaf gss.Context) gss.Info {
	info := leaf.Info()
	return gss.Info{Mech: info.Mech, ConnectionBased: info.ConnectionBased}
}

// reply reads a NegTokenResp. Where the acceptor may leave out its proof, no token says what accept-completed alone
// says: it goes on with what it has.
func reply(token gss.Token, ifOffered bool) (negtoken.Resp, gss.Fault) {
	switch {
	case !token.Present() && ifOffered:
		return negtoken.Resp{State: negtoken.AcceptCompleted}, gss.Fault{}
	case !token.Present():
		return negtoken.Resp{}, gss.Fault{Code: gss.Refused, Detail: "spnego: the acceptor went on without a token"}
	}
	if f, _ := negtoken.FramingOf(token.Bytes()); f == negtoken.Initial || f == negtoken.Raw {
		return negtoken.Resp{}, gss.Fault{Code: gss.Unexpected, Detail: "spnego: expected a NegTokenResp, a first message or a bare token came"}
	}
	m, fault := negtoken.ParseResp(token.Bytes())
	if repeats(m) {
		m.MechListMIC = gss.Token{}
	}
	if m.ResponseToken.Bytes() == "" { // no mechanism has empty tokens
		m.ResponseToken = gss.Token{}
	}
	return m, fault
}

// initiating knows its mechanism.
type initiating struct {
	cfg        *config
	leaf       gss.Context
	state      gss.State // of leaf
	ifOffered  bool      // the acceptor may leave out its proof
	mics       mics
	due        bool // MICs are required (R4178-5-2)
	reselected bool // it is not our favourite
	waiting    bool // leaf has asked a question
	peerState  negtoken.NegState
	mic        string // of the message that leaf works on
	hasMIC     bool   // it had one
}

// Step takes a reply, or the answer that the mechanism asked for.
func (c initiating) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", c.waiting); err != nil {
		return c, gss.Output{}, err
	}
	if c.waiting {
		leaf, out, err := c.leaf.Step(env, in)
		if err != nil {
			return c, gss.Output{}, err
		}
		c.waiting = false
		return c.stepped(leaf, out)
	}
	m, fault := reply(in.Token, c.ifOffered)
	switch {
	case !fault.IsZero():
		return failWith(fault)
	case m.State == negtoken.Reject:
		return c.rejected(env, m)
	case m.State == negtoken.RequestMIC: // R4178-4.2.2-1
		return fail(gss.Unexpected, "request-mic is for the acceptor's first reply only")
	}
	return c.receive(env, m) // SPNG-3.3.5-1: whatever its supportedMech says
}

// rejected ends the negotiation. The mechanism's own fault, if it has one, goes first.
func (c initiating) rejected(env gss.Env, m negtoken.Resp) (gss.Context, gss.Output, error) {
	if m.ResponseToken.Present() && c.state != gss.Complete {
		_, out, err := c.leaf.Step(env, gss.Input{Token: m.ResponseToken})
		if err == nil && out.State == gss.Failed {
			return failWith(out.Fault)
		}
	}
	return fail(gss.Refused, "the acceptor rejected the negotiation")
}

// receive takes a reply of an acceptor that goes on with our mechanism.
func (c initiating) receive(env gss.Env, m negtoken.Resp) (gss.Context, gss.Output, error) {
	c.peerState, c.hasMIC, c.mic = m.State, m.MechListMIC.Present(), strings.Clone(m.MechListMIC.Bytes())
	switch {
	case m.ResponseToken.Present():
		leaf, out, err := c.leaf.Step(env, gss.Input{Token: m.ResponseToken})
		if err != nil {
			return fail(gss.Unsupported, "the mechanism reported misuse for a token")
		}
		return c.stepped(leaf, out)
	case c.state == gss.Complete:
		return c.settle()
	case c.peerState == negtoken.AcceptCompleted && c.state == gss.Ready && c.ifOffered:
		// The mechanism says whether it can do without. Whether the negotiation can, settle says.
		leaf, out, err := c.leaf.Step(env, gss.Input{})
		if err != nil {
			return fail(gss.Unsupported, "the mechanism reported misuse for a missing token")
		}
		return c.stepped(leaf, out)
	case c.peerState == negtoken.AcceptCompleted && c.state == gss.Ready:
		return fail(gss.NotAuthentic, "the acceptor says accept-completed, but sends no token where the mechanism waits for its proof (MutualIfOffered accepts that)")
	case c.peerState == negtoken.AcceptCompleted:
		return fail(gss.NotAuthentic, "the acceptor says accept-completed, but sends no token where the mechanism waits for one")
	}
	return fail(gss.Unexpected, "the acceptor sends accept-incomplete, but no token where the mechanism waits for one")
}

// stepped continues with the output of the mechanism for a token or an answer.
func (c initiating) stepped(leaf gss.Context, out gss.Output) (gss.Context, gss.Output, error) {
	c.leaf, c.state = leaf, out.State
	switch {
	case out.State == gss.Waiting:
		c.waiting = true
		return c, out, nil
	case out.State == gss.Failed:
		return failWith(out.Fault)
	case out.State == gss.Complete && out.Token.Bytes() == "":
		return c.settle()
	case c.peerState == negtoken.AcceptCompleted:
		return fail(gss.NotAuthentic, "the acceptor says accept-completed, but the mechanism is not complete")
	case c.hasMIC:
		return failWith(earlyMIC)
	case out.Token.Bytes() == "":
		return fail(gss.Unexpected, "the mechanism is not complete, and has no token")
	}
	return c.sendToken(out.Token)
}

// sendToken sends a token of the mechanism, and the MIC with the last one if it is required
// (RFC 4178 section 5 c).
func (c initiating) sendToken(token gss.Token) (gss.Context, gss.Output, error) {
	m := negtoken.Resp{State: negtoken.AcceptIncomplete, ResponseToken: token}
	if c.state == gss.Complete {
		integrity := c.protects()
		switch {
		case !integrity && c.unproven():
			return failWith(weak)
		case integrity && (c.due || requiresMIC(c.leaf)):
			var fault gss.Fault
			if c.mics, m.MechListMIC, fault = c.mics.make(c.leaf); !fault.IsZero() {
				return failWith(fault)
			}
			c.due = true
		}
	}
	return c.send(m)
}

// send sends a message that is not the last one.
func (c initiating) send(m negtoken.Resp) (gss.Context, gss.Output, error) {
	if len(m.ResponseToken.Bytes()) > maxLeaf {
		return fail(gss.LimitExceeded, "the mechanism's token is too long")
	}
	c.peerState, c.mic, c.hasMIC = negtoken.NoState, "", false
	return c, gss.Output{State: outward(c.state), Token: gss.TokenOf(m.Encode())}, nil
}

// settle does section 5 for an initiator after its mechanism completed and has no more
// tokens to send.
func (c initiating) settle() (gss.Context, gss.Output, error) {
	integrity, owed := c.protects(), c.Owed()
	done := gss.Output{State: gss.Complete}
	switch {
	case c.hasMIC && !integrity:
		return failWith(earlyMIC)
	case c.hasMIC:
		m, fault := c.mics.verify(c.leaf, c.mic)
		if !fault.IsZero() {
			return failWith(fault)
		}
		c.mics = m
		if !m.sent && c.peerState != negtoken.AcceptCompleted { // section 5 b I, and c IV
			own, mic, fault := m.make(c.leaf)
			if !fault.IsZero() {
				return failWith(fault)
			}
			c.mics, done.Token = own, gss.TokenOf(negtoken.Resp{State: negtoken.AcceptCompleted, MechListMIC: mic}.Encode())
		}
	case !owed.IsZero():
		return failWith(owed)
	case c.peerState == negtoken.AcceptIncomplete && integrity:
		// Nothing is left to be said but the MIC, so that is what it waits for.
		own, mic, fault := c.mics.make(c.leaf)
		if !fault.IsZero() {
			return failWith(fault)
		}
		c.mics, c.due = own, true
		return c.send(negtoken.Resp{State: negtoken.AcceptIncomplete, MechListMIC: mic})
	case c.peerState == negtoken.AcceptIncomplete || c.peerState == negtoken.RequestMIC:
		return fail(gss.Unexpected, "the acceptor sends accept-incomplete after the last token")
	}
	return established{c.leaf, c.mics}, done, nil
}

// protects reports whether the mechanism has integrity. It is complete.
func (c initiating) protects() bool {
	_, ok := c.leaf.Session()
	return ok
}

// unproven reports whether a mechanism without integrity may be an attacker's choice.
func (c initiating) unproven() bool { return c.reselected && !c.cfg.Fallback }

var weak = gss.Fault{Code: gss.NotPermitted, Detail: "spnego: the acceptor chose a weaker mechanism, which has no integrity to authenticate the choice; Config.Fallback accepts it"}

// Info implements gss.Context.
func (c initiating) Info() gss.Info { return unprovenInfo(c.leaf) }

// Session implements gss.Context: there is none before the negotiation is complete,
// even if the mechanism is (R4178-3.1-2, C26).
func (initiating) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter: the mechanism's context may hold secrets.
func (c initiating) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "spnego initiator(%v, %v)", c.leaf.Info().Mech, c.state)
}

package model

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// negotiation is a world of another kind: the two shipped contexts of gss/spnego over
// toy mechanisms, without HTTP around them, and a man in the middle that rewrites their
// messages as he likes, but can make no MIC and no proof.
type negotiation struct {
	Name string
	// Says describes the two parties in a sentence.
	Says string

	sides  [2]gss.Mechanism // initiator, acceptor
	best   [2]gss.OID       // what each likes best
	opened bool             // by the acceptor, as Nego2 has it
	// trouble is how many messages he may change, by Size.
	trouble [2]uint8
}

// negotiations returns all of them.
func negotiations() []negotiation {
	trouble := [2]uint8{Quick: 2, Full: 5}
	return []negotiation{
		{
			Name: "favourite", Says: "Both have both mechanisms and like the stronger one best.", best: [2]gss.OID{gss.Kerberos, gss.Kerberos}, trouble: trouble,
			sides: [2]gss.Mechanism{negotiating(spnego.Config{}, kerberosLike(1), ntlmLike(2)), negotiating(spnego.Config{}, kerberosLike(1), ntlmLike(2))},
		},
		{
			Name: "favourite-legs", Says: "The same, with more legs, and a weaker one that ends with the acceptor's token.", best: [2]gss.OID{gss.Kerberos, gss.Kerberos}, trouble: trouble,
			sides: [2]gss.Mechanism{negotiating(spnego.Config{}, kerberosLike(2), ntlmLike(3, ends)), negotiating(spnego.Config{}, kerberosLike(2), ntlmLike(3, ends))},
		},
		{
			Name: "reselected", Says: "The acceptor lacks the initiator's favourite.", best: [2]gss.OID{gss.Kerberos, gss.NTLM}, trouble: trouble,
			sides: [2]gss.Mechanism{negotiating(spnego.Config{}, kerberosLike(1), ntlmLike(2)), negotiating(spnego.Config{}, ntlmLike(2))},
		},
		{
			Name: "reselected-final", Says: "The same, where the acceptor has the last word and so one leg more is needed.", best: [2]gss.OID{gss.Kerberos, gss.NTLM}, trouble: trouble,
			sides: [2]gss.Mechanism{negotiating(spnego.Config{}, kerberosLike(1), ntlmLike(2, ends)), negotiating(spnego.Config{}, ntlmLike(2, ends))},
		},
		{
			Name: "own-order", Says: "The two like different mechanisms best, and the acceptor insists.", best: [2]gss.OID{gss.NTLM, gss.Kerberos}, trouble: trouble,
			sides: [2]gss.Mechanism{negotiating(spnego.Config{}, ntlmLike(2), kerberosLike(1)), negotiating(spnego.Config{OwnOrder: true}, kerberosLike(1), ntlmLike(2))},
		},
		{
			Name: "opened", Says: "The acceptor speaks first, as in Nego2, and the man in the middle changes what it says.", best: [2]gss.OID{gss.Kerberos, gss.Kerberos}, trouble: trouble, opened: true,
			sides: [2]gss.Mechanism{negotiating(spnego.Config{}, kerberosLike(1), ntlmLike(2)), negotiating(spnego.Config{}, kerberosLike(1), ntlmLike(2))},
		},
	}
}

var partyNames = [...]string{initiating: "initiator", accepting: "acceptor"}

// party is one side: its context, and what came of its last step.
type party struct {
	ctx  gss.Context
	out  gss.State
	code gss.Code
	mic  bool // it was given a mechListMIC, at some time
}

// parcel is the message that is under way, if to is a side, and what each side sent
// last, so that it can be sent again.
type parcel struct {
	to    int8 // -1: nothing is under way
	token string
	last  [2]string
}

// bargain is a negotiation that is explored. Its states are the two parties, the
// parcel and the trouble that is left.
type bargain struct {
	n        negotiation
	left     uint8
	parties  table[party]
	parcels  table[parcel]
	labels   table[string]
	expected gss.OID // what the two agree upon when left alone
}

func (n negotiation) explore(z Size, o Options, b *bargain) (Report, error) {
	*b = bargain{n: n, left: n.trouble[z]}
	if err := b.leaveAlone(); err != nil {
		return Report{}, err
	}
	checks := make([]check, len(bargainProperties))
	for i, p := range bargainProperties {
		checks[i] = check{Name: p.Name, Kind: p.Kind, State: func(s []uint32) Verdict {
			return p.judge(b, b.parties.At(s[initiating]), b.parties.At(s[accepting]))
		}}
	}
	r := exploreAll(b, checks, o)
	return r, nil
}

// leaveAlone finds out what comes of it without a man in the middle.
func (b *bargain) leaveAlone() error {
	var s []uint32
	b.starts(func(start []uint32) { s = append(s, start...) })
	for range 20 {
		next := s
		b.deliver(s, func(_ uint32, n []uint32) { next = append([]uint32(nil), n...) })
		if b.parcels.At(s[2]).to < 0 {
			if i := b.parties.At(s[initiating]); i.out == gss.Complete {
				b.expected = i.ctx.Info().Mech
			}
			return nil
		}
		s = next
	}
	return fmt.Errorf("model: %s: the two do not come to an end", b.n.Name)
}

// tuple implements [world].
func (b *bargain) tuple() int { return 4 }

// starts implements [world].
func (b *bargain) starts(yield func([]uint32)) {
	target := gss.Target{Service: "HTTP", Scheme: "https", Host: "o", Port: 443}
	sides := [2]party{
		{ctx: b.n.sides[initiating].Initiate(target), out: gss.Continue}, {ctx: b.n.sides[accepting].Accept(target), out: gss.Continue},
	}
	first := initiating
	if b.n.opened {
		first = accepting
	}
	p, k := b.step(sides[first], parcel{to: int8(first)}, gss.Input{})
	sides[first] = p
	yield([]uint32{b.parties.ID(sides[initiating]), b.parties.ID(sides[accepting]), b.parcels.ID(k), uint32(b.left)})
}

// step lets a party take something in, and gives what is under way then.
func (b *bargain) step(p party, k parcel, in gss.Input) (party, parcel) {
	side := k.to
	if r, fault := negtoken.ParseResp(in.Token.Bytes()); fault.IsZero() && r.MechListMIC.Present() {
		p.mic = true
	}
	next, out, err := p.ctx.Step(env, in)
	if err != nil { // contexts take all that a peer can say: TypedRefusal falls
		p.out, p.code = gss.Failed, gss.NoFault
		return p, parcel{to: -1, last: k.last}
	}
	p.ctx, p.out, p.code = next, out.State, out.Fault.Code
	k = parcel{to: -1, last: k.last}
	if out.Token.Present() {
		k.to, k.token = 1-side, out.Token.Bytes()
		k.last[side] = k.token
	}
	return p, k
}

// steps implements [world].
func (b *bargain) steps(s []uint32, yield func(uint32, []uint32)) {
	b.deliver(s, yield)
	k := b.parcels.At(s[2])
	if k.to < 0 || s[3] == 0 {
		return
	}
	for _, t := range forgeries {
		if forged := t.do(k); forged != k {
			yield(b.labels.ID("the man in the middle "+t.name), []uint32{s[initiating], s[accepting], b.parcels.ID(forged), s[3] - 1})
		}
	}
}

// deliver hands over what is under way. A side that is done takes nothing: there is no
// leg for it.
func (b *bargain) deliver(s []uint32, yield func(uint32, []uint32)) {
	k := b.parcels.At(s[2])
	if k.to < 0 {
		return
	}
	side := int(k.to)
	p := b.parties.At(s[side])
	if p.out == gss.Complete || p.out == gss.Failed {
		return
	}
	next, after := b.step(p, k, gss.Input{Token: gss.TokenOf(k.token)})
	to := []uint32{s[initiating], s[accepting], b.parcels.ID(after), s[3]}
	to[side] = b.parties.ID(next)
	yield(b.labels.ID(fmt.Sprintf("the %s takes %s: %v", partyNames[side], negotiationMessage(k.token), next.out)), to)
}

// story tells a path.
func (b *bargain) story(p path) string {
	var t strings.Builder
	for _, l := range p.Labels {
		t.WriteString(b.labels.At(l) + "\n")
	}
	return t.String()
}

// forgery is one thing that the man in the middle does to what is under way. It gives
// it as it was where there is nothing to do.
type forgery struct {
	name string
	do   func(parcel) parcel
}

// forgeries are all of them.
var forgeries = []forgery{
	{"takes the first mechanism off the list", inInit(func(m *negtoken.Init) { dropMech(m, true) })},
	{"takes the last mechanism off the list", inInit(func(m *negtoken.Init) { dropMech(m, false) })},
	{"leaves NTLM alone on the list", inInit(func(m *negtoken.Init) { m.MechTypes, m.MechToken = negtoken.MechTypesOf(gss.NTLM), gss.Token{} })},
	{"leaves NTLM alone, and the token", inInit(func(m *negtoken.Init) { m.MechTypes = negtoken.MechTypesOf(gss.NTLM) })},
	{"turns the list around", inInit(func(m *negtoken.Init) {
		var mechs []gss.OID
		for mech := range m.MechTypes.All() {
			mechs = append([]gss.OID{mech}, mechs...)
		}
		m.MechTypes, m.MechToken = negtoken.MechTypesOf(mechs...), gss.Token{}
	})},
	{"takes the first token out", inInit(func(m *negtoken.Init) { m.MechToken = gss.Token{} })},
	{"says accept-completed", inResp(func(m *negtoken.Resp) { m.State = negtoken.AcceptCompleted })},
	{"says accept-incomplete", inResp(func(m *negtoken.Resp) { m.State = negtoken.AcceptIncomplete })},
	{"says request-mic", inResp(func(m *negtoken.Resp) { m.State = negtoken.RequestMIC })},
	{"says reject", inResp(func(m *negtoken.Resp) { m.State = negtoken.Reject })},
	{"says no state", inResp(func(m *negtoken.Resp) { m.State = negtoken.NoState })},
	{"chooses Kerberos", inResp(func(m *negtoken.Resp) { m.SupportedMech = gss.MSKerberos })},
	{"chooses NTLM", inResp(func(m *negtoken.Resp) { m.SupportedMech = gss.NTLM })},
	{"takes the choice out", inResp(func(m *negtoken.Resp) { m.SupportedMech = "" })},
	{"takes the token out", inResp(func(m *negtoken.Resp) { m.ResponseToken = gss.Token{} })},
	{"takes the MIC out", inResp(func(m *negtoken.Resp) { m.MechListMIC = gss.Token{} })},
	{"puts the token in place of the MIC", inResp(func(m *negtoken.Resp) { m.MechListMIC = m.ResponseToken })},
	{"makes up a MIC", inResp(func(m *negtoken.Resp) { m.MechListMIC = gss.TokenOf("toy:m:a0:00000000") })},
	{"sends it back", func(k parcel) parcel { k.to = 1 - k.to; return k }},
	{"sends the last one again", func(k parcel) parcel {
		if t := k.last[1-k.to]; t != "" {
			k.token = t
		}
		return k
	}},
	{"answers with the other's last one", func(k parcel) parcel {
		if t := k.last[k.to]; t != "" {
			k.token = t
		}
		return k
	}},
}

// dropMech takes a mechanism off a list, with its token if it was the first.
func dropMech(m *negtoken.Init, first bool) {
	var mechs []gss.OID
	for mech := range m.MechTypes.All() {
		mechs = append(mechs, mech)
	}
	switch {
	case len(mechs) < 2:
	case first:
		m.MechTypes, m.MechToken = negtoken.MechTypesOf(mechs[1:]...), gss.Token{}
	default:
		m.MechTypes = negtoken.MechTypesOf(mechs[:len(mechs)-1]...)
	}
}

func inInit(do func(*negtoken.Init)) func(parcel) parcel {
	return func(k parcel) parcel {
		if m, fault := negtoken.ParseInit(k.token); fault.IsZero() {
			do(&m)
			k.token = m.Encode()
		}
		return k
	}
}

func inResp(do func(*negtoken.Resp)) func(parcel) parcel {
	return func(k parcel) parcel {
		if m, fault := negtoken.ParseResp(k.token); fault.IsZero() {
			do(&m)
			k.token = m.Encode()
		}
		return k
	}
}

// bargainProperty is one claim about gss/spnego, as [Property] is about machines.
type bargainProperty struct {
	Name, Says string
	Kind       Kind
	Rows       []string

	judge func(b *bargain, i, a party) Verdict
}

// each judges both sides.
func each(f func(b *bargain, side int, p party) Verdict) func(*bargain, party, party) Verdict {
	return func(b *bargain, i, a party) Verdict {
		return worst(f(b, initiating, i), f(b, accepting, a))
	}
}

var bargainProperties = []bargainProperty{
	{
		Name: "DowngradeDetected",
		Says: "No side is complete with a mechanism that it likes less than the one that the two agree upon without an attacker.",
		Rows: rows("HTA-13"),
		judge: each(func(b *bargain, side int, p party) Verdict {
			if p.out != gss.Complete {
				return Idle
			}
			mech := p.ctx.Info().Mech
			return Must(mech == b.expected || mech == b.n.best[side])
		}),
	},
	{
		Name: "MICBeforeComplete",
		Says: "No side is complete with another mechanism than its favourite without having had a mechListMIC.",
		Rows: rows("R4178-5-2 R4178-5-3"),
		judge: each(func(b *bargain, side int, p party) Verdict {
			if p.out != gss.Complete || p.ctx.Info().Mech == b.n.best[side] {
				return Idle
			}
			return Must(p.mic)
		}),
	},
	{
		Name: "SameMechanism",
		Says: "When both are complete, it is with one mechanism, and the acceptor knows the initiator's true name.",
		Rows: rows("R4178-3.1-3"),
		judge: func(_ *bargain, i, a party) Verdict {
			if i.out != gss.Complete || a.out != gss.Complete {
				return Idle
			}
			return Must(i.ctx.Info().Mech == a.ctx.Info().Mech && a.ctx.Info().Peer == "alice")
		},
	},
	{
		Name: "NoSessionBeforeComplete",
		Says: "A side protects messages once it is complete, and not before.",
		Rows: rows("R4178-3.1-2"),
		judge: each(func(_ *bargain, _ int, p party) Verdict {
			_, ok := p.ctx.Session()
			return Must(!ok || p.out == gss.Complete)
		}),
	},
	{
		Name: "TypedRefusal",
		Says: "A side that fails says why, and repeats nothing of what its peer sent.",
		Rows: rows("HTA-2"),
		judge: each(func(_ *bargain, _ int, p party) Verdict {
			if p.out != gss.Failed {
				return Idle
			}
			return Must(p.code != gss.NoFault && p.ctx.Info().Peer == "")
		}),
	},
	{
		Name: "BothComplete", Kind: Sometimes,
		Says: "The two sides complete with each other.",
		Rows: rows("R4178-3.1-3"),
		judge: func(_ *bargain, i, a party) Verdict {
			return sometimes(i.out == gss.Complete && a.out == gss.Complete)
		},
	},
}

// kerberosLike and ntlmLike are the toys of these worlds.
func kerberosLike(legs uint8, set ...func(*gsstoy.Toy)) gsstoy.Toy {
	return bargaining(gsstoy.Toy{OID: gss.Kerberos, Legs: legs, Final: true, Mutual: true}, set)
}

func ntlmLike(legs uint8, set ...func(*gsstoy.Toy)) gsstoy.Toy {
	return bargaining(gsstoy.Toy{OID: gss.NTLM, Legs: legs, Bound: true}, set)
}

func bargaining(t gsstoy.Toy, set []func(*gsstoy.Toy)) gsstoy.Toy {
	t.Integrity, t.Identity, t.Secret = true, "alice", gss.NewSecret("secret")
	for _, f := range set {
		f(&t)
	}
	return t
}

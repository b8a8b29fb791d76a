package side

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/scheme"
)

// listening is a scripted scheme with credentials that repeat all that its context was told, and that fails without an answer to
// its question.
type listening struct {
	scripted
	heard string
}

func (l listening) Traits() scheme.Traits {
	t := l.scripted.Traits()
	t.Mutual = t.Affinity == scheme.ByMechanism
	return t
}

func (l listening) Initiate(scheme.Exchange) scheme.Initiator { return l }

func (l listening) Info() gss.Info {
	info := l.scripted.Info()
	info.Peer = "the peer"
	return info
}

// told names the events that a context makes credentials for.
var told = map[scheme.Event]string{scheme.Start: "start", scheme.Challenged: "challenge", scheme.Answered: "answer"}

func (l listening) Step(env gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	l.heard = strings.TrimSpace(l.heard + " " + told[in.Event])
	if in.Count > 0 {
		l.heard += fmt.Sprintf(" %d", in.Count)
	}
	for c := range in.Offer.Of(l.name) {
		l.heard += " of " + c.Text()
	}
	if in.Event == scheme.Answered && in.Answer == (gss.Declined{}) {
		return l, scheme.InitiatorOutput{State: gss.Failed, Fault: gss.Fault{Code: gss.NoCredentials}}, nil
	}
	if word, rest, _ := strings.Cut(l.words, " "); word == "undecided" { // it names a refusal, and is none
		l.words = rest
		return l, scheme.InitiatorOutput{State: gss.Continue, Fault: gss.Fault{Code: gss.Refused}}, nil
	}
	next, out, err := l.scripted.Step(env, in)
	if err != nil {
		return nil, out, err
	}
	l.scripted = next.(scripted)
	if out.Credentials.Present() {
		out.Credentials = header.TokenCredentials(l.name, l.heard)
	}
	return l, out, nil
}

// circumstances are what a step may say in parentheses.
var circumstances = map[string]func(*About, *Event){
	"closes":        func(a *About, _ *Event) { a.Closes = true },
	"shared":        func(a *About, _ *Event) { a.Affine = false },
	"multiplexed":   func(a *About, _ *Event) { a.Multiplexed = true },
	"kept":          func(a *About, _ *Event) { a.Persist = header.PersistTrue },
	"not kept":      func(a *About, _ *Event) { a.Persist = header.PersistFalse },
	"garbled":       func(a *About, _ *Event) { a.Persist = header.PersistInvalid },
	"no answer":     func(_ *About, e *Event) { e.Answer = gss.Declined{} },
	"used 3 times":  func(_ *About, e *Event) { e.Memory.Count = 3 },
	"unknown offer": func(_ *About, e *Event) { e.Memory = scheme.Memory{} },
}

// facts returns what is to be seen of a side after a step.
func facts(s *Side, v Verdict, schemes []scheme.Client) (all []string) {
	either := func(what string, is bool) {
		if !is {
			what = "not " + what
		}
		all = append(all, what)
	}
	all = append(all, doNames[v.Do], s.Stage.String())
	if v.Do == Fail {
		all = append(all, v.Fault.Code.String())
	}
	if q, ok := v.Question.(gss.NeedCredential); ok {
		all = append(all, fmt.Sprintf("attempt %d of %s", q.Attempt, q.Scheme))
		either("again", q.Rejected)
	}
	either("persistent", s.Persistent)
	either("bound", s.Bound)
	either("in progress", s.InProgress())
	either("pending", s.Pending())
	either("complete", s.Complete())
	either("broken", s.Broken())
	either("unproven", s.Unproven())
	either("kept", s.Kept())
	either("pinned", s.Pinned())
	either("tied", s.Tied())
	proof, handshake := s.Proof()
	either("a proof", proof)
	either("a handshake's", handshake)
	authenticated, info, ctx := s.Result()
	either("authenticated", authenticated)
	either("with a name", info.Peer != "")
	either("by the connection", info.ConnectionBased)
	either("NTLM", info.Mech == gss.NTLM)
	either("with a context", ctx != nil)
	carries, _ := s.Credentials.Token()
	learned, _, _ := s.Learned()
	for what, text := range map[string]string{
		"carries": carries, "acts for": s.Identity, "tried": strings.ReplaceAll(s.Names(schemes), ", ", " and "),
		"reasons": strings.ReplaceAll(s.Reasons, ",", ""), "learned": learned,
	} {
		all = append(all, what+" "+cmp.Or(text, "nothing"))
	}
	slices.Sort(all)
	return all
}

// show follows a story in which each step is "event argument (circumstance) -> fact, fact", and returns the first fact that does
// not hold. "next connection" takes the exchange to another connection.
func (st *story) show() error {
	var s Side
	for line := range strings.Lines(strings.TrimSpace(st.steps)) {
		said, want, _ := strings.Cut(strings.TrimSpace(line), " -> ")
		if said == "next connection" {
			s = Side{History: s.History}
			continue
		}
		a := st.circumstances()
		for i, c := range a.Schemes {
			a.Schemes[i] = listening{scripted: c.(scripted)}
		}
		said, in, _ := strings.Cut(said, " (")
		e, err := event(said)
		if err != nil {
			return err
		}
		if e.Kind == Answered {
			e.Answer = gss.Password{}
		}
		if in != "" {
			change, ok := circumstances[strings.TrimSuffix(in, ")")]
			if !ok {
				return fmt.Errorf("%s is no circumstance", in)
			}
			change(&a, &e)
		}
		next, v, err := s.Step(gss.Env{}, a, e)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		all := facts(&next, v, a.Schemes)
		for fact := range strings.SplitSeq(want, ", ") {
			if !slices.Contains(all, fact) {
				return fmt.Errorf("%s: %q is not so: %s", said, fact, strings.Join(all, ", "))
			}
		}
		s = next
	}
	return nil
}

// fallback permits weaker schemes.
func fallback(a *About) { a.Policy.Fallback = true }

// rules say what follows from what, each as a story in which it makes a difference.
var rules = []story{
	// What the connection carries (MS-N2HT sections 3.2.1 and 3.2.5).
	{"a handshake, and the connection that it authenticates", []string{"NTLM continue ready complete"}, nil, `
		open -> go on, unused, not authenticated, not complete, not tied, not pinned, tried nothing, not a proof, not a handshake's
		challenged NTLM -> go on, unused, carries nothing
		take up -> starting, in progress, not complete, not broken, not pinned, tied, tried NTLM
		prepare -> starting, pending, carries challenge of NTLM
		sent -> halfway, pinned, broken, not bound, not a proof
		challenged NTLM dG9rZW4= -> halfway, carries nothing, not persistent
		take up -> halfway
		prepare -> halfway, not pending, carries challenge of NTLM challenge of NTLM dG9rZW4=
		sent -> halfway, bound, acts for alice, a proof, a handshake's, not complete, not authenticated
		passed -> proven, persistent, authenticated, with a name, by the connection, NTLM, not in progress, not broken, complete, carries nothing, learned NTLM
		renew -> go on, proven
		end -> unused, persistent, acts for alice, authenticated, by the connection, NTLM, not with a name, kept, pinned, tied, complete
		open NTLM -> go on, unused, carries nothing
		passed -> unused, authenticated
		challenged NTLM -> unused, not persistent, not authenticated, bound, kept`},
	{"a server lets a client pass before its last leg", []string{"NTLM continue complete"}, nil, `
		open NTLM -> starting
		prepare -> carries start
		sent -> not bound, acts for nothing
		passed -> proven, bound, acts for alice, persistent`},
	{"Kerberos, of which the server says nothing", []string{"Negotiate ready complete"}, nil, `
		open Negotiate -> starting
		prepare -> not pending, not complete
		sent -> bound, acts for alice, a proof, not a handshake's
		passed -> proven, authenticated, not persistent, bound, kept, pinned, not complete, not NTLM`},
	{"Kerberos, which the server keeps", []string{"Negotiate complete complete"}, nil, `
		open Negotiate -> starting
		prepare -> complete
		sent -> complete, not authenticated
		passed (kept) -> proven, persistent, bound, complete`},
	{"Kerberos, which the server does not keep", []string{"Negotiate ready complete"}, nil, `
		open Negotiate -> starting
		prepare -> starting
		sent -> bound
		passed (not kept) -> proven, not persistent, not bound, not kept, not pinned
		renew -> starting, not broken`},
	{"Kerberos, and a word that is none", []string{"Negotiate ready complete"}, nil, `
		open Negotiate -> starting
		prepare -> starting
		sent -> bound
		passed (garbled) -> proven, not persistent, bound`},
	{"NTLM, which the server does not keep", []string{"NTLM ready complete"}, nil, `
		open NTLM -> starting
		prepare -> starting
		sent -> bound
		passed (not kept) -> proven, not persistent, bound`},
	{"NTLM, and a word that is none", []string{"NTLM ready complete"}, nil, `
		open NTLM -> starting
		prepare -> starting
		sent -> bound
		passed (garbled) -> proven, not persistent, bound`},
	{"nothing is kept for one of many streams", []string{"Negotiate ready complete"}, nil, `
		open Negotiate (multiplexed) -> starting
		prepare (multiplexed) -> go on, starting
		sent (multiplexed) -> halfway, not bound
		passed (multiplexed) -> proven, authenticated, not persistent, not bound`},
	{"nothing is kept of what proves one request", []string{"Digest ready complete"}, nil, `
		open Digest -> starting, complete
		prepare -> complete
		sent -> halfway, not bound, not pinned, not broken, a proof, not a handshake's
		passed (kept) -> proven, not persistent, not bound, tied`},

	// Where a request may go.
	{"an answer to a challenge may go over any connection", []string{"Digest ready"}, nil, `
		challenged Digest -> not tied
		take up -> starting, not tied, not pinned
		prepare -> not tied
		sent -> not tied, not pinned`},
	{"what begins without a challenge is tied to its connection", []string{"Digest ready"}, nil, `
		open Digest -> starting, tied, not pinned
		prepare -> starting
		sent -> tied`},
	{"an offer that counts on its connection", []string{"Nego2 continue continue"}, nil, `
		challenged Nego2 YQ== -> unused
		take up -> starting, pinned, not broken
		prepare -> carries challenge of Nego2 YQ==`},

	// The peer's proof.
	{"a peer that did not prove itself", []string{"Negotiate ready ready"}, nil, `
		open Negotiate -> starting
		prepare -> starting
		sent -> not unproven
		passed -> concluded, unproven, not authenticated, not with a name, learned nothing`},
	{"a lenient client, and a peer that did not prove itself", []string{"Negotiate ready ready"}, func(a *About) { a.Lenient = true }, `
		open Negotiate -> starting
		prepare -> starting
		sent -> not authenticated
		passed -> proven, not unproven, authenticated, not with a name, not with a context, learned Negotiate`},
	{"a lenient client, and a peer that did", []string{"Negotiate ready complete"}, func(a *About) { a.Lenient = true }, `
		open Negotiate -> starting
		prepare -> starting
		sent -> not authenticated
		passed -> proven, authenticated, with a name`},
	{"a lenient client in the middle of a handshake", []string{"Negotiate continue continue"}, func(a *About) { a.Lenient = true }, `
		open Negotiate -> starting
		prepare -> starting
		sent -> halfway
		passed -> concluded, not authenticated, not pending, broken
		renew -> unused, broken`},

	{"a peer that has no proof to give", []string{"Digest ready ready"}, nil, `
		open Digest -> starting
		prepare -> carries start of Digest, not a proof
		sent -> a proof
		passed -> concluded, not unproven, not a proof, not authenticated`},
	{"a proof that is looked at with an answer", []string{"Digest ready ask complete"}, nil, `
		challenged Digest -> go on
		take up -> starting
		prepare -> not tied
		sent -> not tied
		passed -> ask, judging, in progress, not a proof
		answered -> proven, tied`},
	{"an offer is not remembered that counts on its connection", []string{"Nego2 ready complete"}, nil, `
		challenged Nego2 YQ== -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		passed -> proven, learned nothing`},
	{"NTLM is a handshake though it has one leg", []string{"NTLM ready"}, nil, `
		open NTLM -> starting
		prepare -> go on
		sent -> a proof, a handshake's`},
	{"the second leg of Kerberos", []string{"Negotiate continue ready"}, nil, `
		challenged Negotiate -> go on
		take up -> starting
		prepare -> go on
		sent -> not a proof, not a handshake's
		challenged Negotiate YQ== -> halfway, not a proof
		take up -> halfway
		prepare -> go on
		sent -> a proof, a handshake's
		challenged Negotiate Yg== -> halfway, not a proof, not a handshake's`},

	// What a run begins with.
	{"a remembered offer is answered with the next count", []string{"Digest remember remember"}, nil, `
		open Digest (used 3 times) -> starting
		prepare -> carries start 3 of Digest
		sent -> halfway
		repeat -> starting, carries nothing
		prepare -> carries start 4 of Digest
		sent -> halfway
		passed -> proven, learned Digest
		renew -> starting
		prepare -> carries start 1 of Digest`},
	{"a scheme that remembers nothing", []string{"Negotiate ready"}, nil, `
		open Negotiate -> starting
		prepare -> carries start
		sent -> halfway
		repeat -> starting
		prepare -> carries start 2`},
	{"a scheme that remembers no challenge answers the last one again", []string{"Digest ready complete"}, nil, `
		challenged Digest realm="r" -> unused
		take up -> starting
		prepare -> carries challenge of Digest realm="r"
		sent -> halfway
		passed -> proven, learned nothing
		renew -> starting
		prepare -> carries start 2 of Digest realm="r"`},
	{"a lease without the challenge that its scheme answers", []string{"Digest ready"}, nil, `
		open Digest (unknown offer) -> go on, unused`},
	{"a lease of what the policy forbids by now", []string{"Negotiate ready"}, func(a *About) { a.Policy.Deny = []string{"Negotiate"} }, `
		open Negotiate -> go on, unused`},
	{"a lease of what is not configured", []string{"Negotiate ready"}, nil, `
		open NTLM -> go on, unused`},
	{"a lease of what needs an offer", []string{"Nego2 ready"}, nil, `
		open Nego2 -> go on, unused`},
	{"a lease of what needs a connection of its own", []string{"NTLM ready"}, nil, `
		open NTLM (multiplexed) -> go on, unused`},

	// Refused credentials.
	{"credentials are asked for as often as is configured", []string{"Basic ask ready refused"}, nil, `
		challenged Basic realm="r" -> go on
		take up -> starting
		prepare -> ask, attempt 0 of Basic, not again
		answered -> go on
		sent -> halfway
		challenged Basic realm="r" -> halfway
		take up -> go on, halfway
		prepare -> ask, attempt 1 of Basic, again, reasons Basic: refused by the peer
		answered -> go on
		sent -> halfway
		challenged Basic realm="r" -> halfway
		take up -> go on
		prepare -> fail, unused, refused by the peer, not broken, tried Basic, reasons Basic: refused by the peer`},
	{"other credentials begin with the challenge", []string{"Basic ask ready refused"}, nil, `
		challenged Basic realm="r" -> go on
		take up -> starting
		prepare -> ask
		answered -> carries challenge of Basic realm="r" answer
		sent -> halfway
		challenged Basic realm="s" -> halfway
		take up -> halfway
		prepare -> ask
		answered -> carries challenge of Basic realm="s" answer`},
	{"other credentials begin without a token that is used up", []string{"NTLM ask continue refused"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> ask
		answered -> carries challenge of NTLM answer
		sent -> halfway
		challenged NTLM dG9rZW4= -> halfway
		take up -> halfway
		prepare -> ask, attempt 1 of NTLM, again
		answered -> carries start of NTLM dG9rZW4= answer`},
	{"a peer is not left in the middle of a handshake", []string{"NTLM continue refused", "Basic ready"}, fallback, `
		challenged NTLM, Basic realm="r" -> go on
		take up -> starting
		prepare -> carries challenge of NTLM
		sent -> halfway
		challenged NTLM dG9rZW4=, Basic realm="r" -> halfway
		take up -> halfway
		prepare -> go on, starting, broken, tried NTLM and Basic, reasons NTLM: refused by the peer, carries challenge of Basic realm="r"`},
	{"a scheme of one leg leaves no handshake", []string{"Digest ready refused", "Basic ready"}, fallback, `
		challenged Digest, Basic realm="r" -> go on
		take up -> starting
		prepare -> starting
		sent -> halfway
		challenged Digest, Basic realm="r" -> halfway
		take up -> halfway
		prepare -> go on, starting, not broken, tried Digest and Basic, reasons Digest: refused by the peer`},
	{"a weaker scheme does not follow a refusal", []string{"Digest refused", "Basic ready"}, nil, `
		challenged Digest, Basic realm="r" -> go on
		take up -> starting
		prepare -> fail, refused by the peer, tried Digest`},
	{"a weaker scheme follows one without credentials", []string{"Digest ask", "Basic ready"}, nil, `
		challenged Digest, Basic realm="r" -> go on, tried nothing
		take up -> starting, tried Digest
		prepare -> ask
		answered (no answer) -> go on, starting, tried Digest and Basic, reasons Digest: no credentials`},
	{"no weaker scheme follows one without other credentials", []string{"Digest ask ready refused", "Basic ready"}, nil, `
		challenged Digest, Basic realm="r" -> go on
		take up -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Digest, Basic realm="r" -> halfway
		take up -> halfway
		prepare -> ask, again
		answered (no answer) -> fail, refused by the peer, reasons Digest: refused by the peer; Basic is weaker and tried only with Policy.Fallback`},
	{"the refusal of a second scheme is told, too", []string{"Digest ask ready refused", "Basic refused"}, fallback, `
		challenged Digest, Basic realm="r" -> go on
		take up -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Digest, Basic realm="r" -> halfway
		take up -> halfway
		prepare -> ask, again
		answered (no answer) -> go on, starting, tried Digest and Basic
		prepare -> fail, refused by the peer, reasons Digest: refused by the peer; Basic: refused by the peer`},
	{"several schemes without success", []string{"Negotiate none", "Digest refused", "Basic none"}, fallback, `
		challenged Negotiate, Digest, Basic realm="r" -> go on
		take up -> starting
		prepare -> fail, refused by the peer, tried Negotiate and Digest and Basic, reasons Negotiate: no credentials; Digest: refused by the peer; Basic: no credentials`},
	{"what a lease began is not asked for once more where the offers have better", []string{"Digest none", "Basic ask ready refused"}, nil, `
		open Basic -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Digest, Basic -> halfway
		take up -> halfway
		prepare -> ask, attempt 0 of Basic, reasons Basic: refused by the peer; Digest: no credentials
		answered (no answer) -> fail, refused by the peer`},
	{"a failure before any challenge is none", []string{"Negotiate wrong"}, nil, `
		open Negotiate -> starting
		prepare -> go on, unused, carries nothing, tried nothing, reasons nothing`},
	{"nor is one of what was asked for", []string{"Digest ask none"}, nil, `
		open Digest -> starting
		prepare -> ask, attempt 0 of Digest
		answered -> go on, unused, tried nothing
		sent -> unused
		challenged Digest realm="r" -> unused
		take up -> starting
		prepare -> ask, attempt 0 of Digest, not again
		next connection
		open Digest -> go on, unused`},
	{"another challenge than the one remembered is a first one", []string{"Digest ask ready refused"}, nil, `
		open Digest -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Digest realm="r" -> halfway
		take up -> starting
		prepare -> ask, attempt 0 of Digest, not again, reasons nothing
		answered -> go on
		sent -> halfway
		challenged Digest realm="s" -> halfway
		take up -> halfway
		prepare -> ask, attempt 1 of Digest, again`},
	{"and no other scheme's", []string{"Digest ask ready refused", "Basic ask ready"}, nil, `
		open Digest -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Basic realm="r" -> halfway
		take up -> starting
		prepare -> ask, attempt 0 of Basic, not again, tried Basic, reasons nothing`},
	{"the same challenge refuses what answered it", []string{"Digest ask ready refused"}, nil, `
		open Digest -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Digest -> halfway
		take up -> halfway
		prepare -> ask, attempt 1 of Digest, again
		next connection
		open Digest -> go on, unused`},
	{"what is sent once more may have been counted", []string{"Digest ask ready refused"}, nil, `
		challenged Digest realm="r" -> unused
		take up -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		repeat -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Digest realm="s" -> halfway
		take up -> starting
		prepare -> ask, attempt 0 of Digest, not again`},
	{"a failure after a challenge is one", []string{"Negotiate wrong", "Basic ready"}, fallback, `
		challenged Negotiate, Basic realm="r" -> go on
		take up -> starting
		prepare -> fail, peer not authentic`},

	// One more leg, or the first one again.
	{"the first challenge of a scheme that opens with a token comes again", []string{"Nego2 continue continue"}, nil, `
		challenged Nego2 YQ==, Nego2 Yg== -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged Nego2 YQ== -> halfway
		take up -> fail, refused by the peer`},
	{"another token is one more leg", []string{"Nego2 continue continue"}, nil, `
		challenged Nego2 YQ== -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged Nego2 Yg== -> halfway
		take up -> go on, halfway
		prepare -> carries challenge of Nego2 YQ== challenge of Nego2 Yg==`},
	{"what ended one run does not open the next", []string{"Nego2 ask continue refused"}, nil, `
		challenged Nego2 YQ== -> go on
		take up -> starting
		prepare -> ask
		answered -> go on
		sent -> halfway
		challenged Nego2 Yg== -> halfway
		take up -> halfway
		prepare -> ask, again
		answered -> go on
		sent -> halfway
		challenged Nego2 Yg== -> halfway
		take up -> go on, halfway`},
	{"a scheme that opens bare, and one token twice", []string{"NTLM continue continue continue"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged NTLM YQ== -> halfway
		take up -> halfway
		prepare -> go on
		sent -> halfway
		challenged NTLM YQ== -> halfway
		take up -> go on, halfway`},
	{"a challenge that does not parse is the scheme's to refuse", []string{"NTLM continue wrong"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged NTLM a=b -> halfway
		take up -> go on, halfway
		prepare -> fail, peer not authentic`},
	{"a token after the context is complete", []string{"NTLM complete"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> go on
		sent -> complete
		challenged NTLM YQ== -> halfway
		take up -> fail, unexpected message`},
	{"a token is not lost beside a bare challenge", []string{"NTLM continue ready"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged NTLM YQ==, NTLM -> halfway
		take up -> go on, halfway`},
	{"a first challenge with a token", []string{"NTLM continue"}, nil, `
		challenged NTLM YQ== -> go on
		take up -> fail, unexpected message`},
	{"a first challenge with a token, which the policy takes", []string{"NTLM continue"}, func(a *About) { a.Policy.AcceptHint = true }, `
		challenged NTLM YQ== -> go on
		take up -> go on, starting`},
	{"one more challenge to what proves one request", []string{"Digest complete complete"}, nil, `
		challenged Digest nonce="m" -> go on
		take up -> starting
		prepare -> complete
		sent -> halfway
		challenged Digest nonce="n" -> halfway
		take up -> go on, halfway
		prepare -> carries challenge of Digest nonce="m" challenge of Digest nonce="n"`},

	// A connection that closes, or may be shared.
	{"what proves one request goes on where the connection closes", []string{"Digest ready ready"}, nil, `
		challenged Digest nonce="m" -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged Digest nonce="n" (closes) -> halfway
		take up (closes) -> go on, halfway`},
	{"a refusal, and the connection closes", []string{"NTLM continue refused"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged NTLM YQ== (closes) -> halfway
		take up (closes) -> fail, refused by the peer, broken`},
	{"another failure, and the connection closes", []string{"NTLM continue none"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged NTLM YQ== (closes) -> halfway
		take up (closes) -> reopen, halfway`},
	{"what proves one request goes on where the connection is shared", []string{"Digest ready ready"}, nil, `
		challenged Digest nonce="m" (shared) -> go on
		take up (shared) -> starting
		prepare (shared) -> go on
		sent (shared) -> halfway
		challenged Digest nonce="n" (shared) -> halfway
		take up (shared) -> go on, halfway`},
	{"another connection, which does not close", []string{"Nego2 ready"}, nil, `
		challenged Nego2 YQ== (closes) -> go on
		take up (closes) -> reopen
		next connection
		challenged Nego2 YQ== -> go on
		take up -> go on, starting`},
	{"no refusal, and the connection closes", []string{"NTLM continue undecided"}, nil, `
		challenged NTLM -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged NTLM YQ== (closes) -> halfway
		take up (closes) -> reopen, halfway`},
	{"a proxy that may share the connection by now", []string{"NTLM continue ready", "Basic ready"}, fallback, `
		challenged NTLM, Basic realm="r" -> go on
		take up -> starting
		prepare -> go on
		sent -> halfway
		challenged NTLM YQ==, Basic realm="r" (shared) -> halfway
		take up (shared) -> go on, starting, broken, tried NTLM and Basic`},
	{"another connection is asked for once, and no more than what needs it is given up", []string{"Nego2 ready", "NTLM ready"}, fallback, `
		challenged Nego2 YQ==, NTLM (closes) -> go on
		take up (closes) -> reopen, unused
		next connection
		challenged Nego2 YQ==, NTLM (closes) -> go on
		take up (closes) -> go on, starting, tried Nego2 and NTLM
		prepare -> carries challenge of NTLM`},
	{"a handshake begins where the connection closes, on the next one", []string{"NTLM continue"}, nil, `
		challenged NTLM (closes) -> go on
		take up (closes) -> go on, starting`},
}

func TestRules(t *testing.T) {
	for _, st := range rules {
		if err := st.show(); err != nil {
			t.Errorf("%s: %v", st.name, err)
		}
	}
}

// The client asks a side for its history, which bounds what the peer can bring about on any number of connections.
func TestHistoryCounts(t *testing.T) {
	st := story{schemes: []string{"Nego2 ready", "NTLM none"}, about: fallback}
	a := st.circumstances()
	var s Side
	for _, text := range []string{"challenged Nego2 YQ==, NTLM", "take up"} {
		e, err := event(text)
		if err != nil {
			t.Fatal(err)
		}
		a.Closes = true
		if s, _, err = s.Step(gss.Env{}, a, e); err != nil {
			t.Fatal(err)
		}
	}
	if want := (History{Rounds: 1, Retried: true, Seen: choice.Set(0).With(0).With(1)}); s.History != want {
		t.Errorf("%+v, want %+v", s.History, want)
	}
}
